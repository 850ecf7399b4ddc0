//! `fanoutctl reconcile`: compares table and ledger now, and tells where they differ.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;
use shared::ledger::{Registration, State};
use shared::text::printable;

use super::ledger::Desk;
use crate::args::stack_option;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::orders::{Ahead, Compared, Difference, Order, shell_quoted};
use crate::output::{Style, Tone, counted, table};
use crate::progress::Progress;

/// Where table and ledger differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Report {
    stack: String,
    /// How many groups were compared.
    groups: u64,
    /// Whether that is all of them.
    is_complete: bool,
    /// Events that the ledger did not know of. They are on the fan-out queue now.
    missing: Vec<Difference>,
    /// Versions that were passed over because the table did not have them, and that it has now.
    holes: Vec<Hole>,
    /// Groups in which the ledger is further than the table.
    ahead: Vec<Ahead>,
}

/// A version that was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Hole {
    #[serde(flatten)]
    difference: Difference,
    /// What sends it to each client, with all that came after it.
    commands: Vec<String>,
}

/// Compares the whole table with the ledger.
///
/// # Errors
///
/// [`Exit::Config`]: there is no ledger. Else what AWS or the function refused; what was found until then is told.
pub async fn execute(context: &Context) -> Result<Exit, Failure> {
    let desk = Desk::of_stack(context).await?;
    desk.log("reconcile");
    let is_served = |client: &Registration| client.state != State::Retired && client.absent_at.is_none();
    let served = desk.control.clients.iter().filter(|(_, client)| is_served(client));
    let clients: Vec<String> = served.map(|(name, _)| name.to_string()).collect();
    let mut report = Report { stack: desk.stack.name.clone(), ..Report::default() };
    let ended = compare(&desk, &clients, &mut report).await;
    // Whatever it ended with, events may have been put on the queue.
    if ended.is_ok() || report.groups > 0 {
        context.output.print(&report, text)?;
    }
    ended.map(|()| report.exit())
}

async fn compare(desk: &Desk, clients: &[String], report: &mut Report) -> Result<(), Failure> {
    let progress = Progress::new();
    let mut after = None;
    loop {
        progress.spin(&format!("{} compared", counted(report.groups, "group")));
        let answer: Result<Compared, Failure> = desk.order(&Order::Reconcile { after: after.clone() }).await;
        let compared = answer.inspect_err(|_| progress.finish())?;
        let next = compared.after.clone();
        report.add(compared, clients);
        if next.is_none() {
            progress.finish();
            report.is_complete = true;
            return Ok(());
        }
        if next == after {
            progress.finish();
            let message = "the catch-up function does not get further in the event table; see its log";
            return Err(Failure::new(Exit::Findings, message));
        }
        after = next;
    }
}

impl Report {
    fn add(&mut self, compared: Compared, clients: &[String]) {
        let Compared { groups, missing, holes, ahead, after: _ } = compared;
        self.groups += groups;
        self.missing.extend(missing);
        self.ahead.extend(ahead);
        let stack = stack_option(&self.stack);
        self.holes.extend(holes.into_iter().map(|difference| {
            let command = |client: &String| {
                let group = shell_quoted(difference.key.as_text());
                format!("fanoutctl replay {client} --group {group} --from {}{stack}", difference.version)
            };
            Hole { commands: clients.iter().map(command).collect(), difference }
        }));
    }

    fn exit(&self) -> Exit {
        let is_empty = self.missing.is_empty() && self.holes.is_empty() && self.ahead.is_empty();
        if is_empty { Exit::Done } else { Exit::Findings }
    }
}

fn text(report: &Report, style: Style) -> String {
    let row = |what: &str, difference: &Difference, is_bad: bool| {
        let tone = if is_bad { Tone::Bad } else { Tone::Neutral };
        [what.to_owned(), difference.key.to_string(), difference.version.to_string()]
            .map(|text| (text, tone))
            .into()
    };
    let mut rows: Vec<Vec<(String, Tone)>> = Vec::new();
    rows.extend(
        report.missing.iter().map(|missing| row("missing: on the fan-out queue now", missing, false)),
    );
    rows.extend(report.holes.iter().map(|hole| row("passed over: in the table now", &hole.difference, true)));
    rows.extend(report.ahead.iter().map(|ahead| {
        let what = format!("ledger ahead of the table, which has {}", ahead.highest);
        row(&what, &ahead.difference, true)
    }));
    let mut text = String::new();
    if !rows.is_empty() {
        text = table(&["difference", "aggregate", "version"], &rows, style) + "\n\n";
    }
    if !report.missing.is_empty() {
        text += "Of an aggregate with missing events, one version or two are told. All that is missing goes out with them, in \
                 order.\n\n";
    }
    if report.holes.iter().any(|hole| !hole.commands.is_empty()) {
        text += "Who wants what was passed over gets it, and again all that came after it, with\n";
        for command in report.holes.iter().flat_map(|hole| &hole.commands) {
            let _ = writeln!(text, "  {}", printable(command));
        }
        text += "\n";
    }
    text + &closing(report)
}

fn closing(report: &Report) -> String {
    let Report { stack, groups, is_complete, missing, holes, ahead } = report;
    let all = if *is_complete { "" } else { " before it ended" };
    // Of each aggregate there are at most two, whatever is missing.
    let missing: BTreeSet<&str> = missing.iter().map(|missing| missing.group.as_str()).collect();
    let count = |count: usize, noun| counted(u64::try_from(count).unwrap_or(u64::MAX), noun);
    let found = match (missing.len(), holes.len(), ahead.len()) {
        (0, 0, 0) => "no difference".to_owned(),
        (missing, holes, ahead) => format!(
            "events missing in {}, {} passed over, ledger ahead in {}",
            count(missing, "aggregate"),
            count(holes, "version"),
            count(ahead, "aggregate")
        ),
    };
    format!("stack `{}`, {} compared{all}: {found}\n", printable(stack), counted(*groups, "group"))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::orders::KeyValue;

    fn difference(key: &str, version: u64) -> Difference {
        let key = KeyValue::S(key.to_owned());
        Difference { group: key.group().unwrap().to_string(), key, version }
    }

    fn compared(missing: &[(&str, u64)], holes: &[(&str, u64)], ahead: &[(&str, u64)]) -> Compared {
        let further =
            |(key, version): &(&str, u64)| Ahead { difference: difference(key, *version), highest: 5 };
        let ahead = ahead.iter().map(further).collect();
        let [missing, holes] =
            [missing, holes].map(|all| all.iter().map(|(key, version)| difference(key, *version)).collect());
        Compared { groups: 50, missing, holes, ahead, after: None }
    }

    fn report(stack: &str, answers: &[Compared]) -> Report {
        let mut report = Report { stack: stack.to_owned(), is_complete: true, ..Report::default() };
        let clients = ["Billing", "Tax"].map(str::to_owned);
        answers.iter().for_each(|answer| report.add(answer.clone(), &clients));
        report
    }

    fn check(report: &Report, exit: Exit, expected: &Expect) {
        assert_eq!(report.exit(), exit);
        expected.assert_eq(&text(report, Style::Plain));
    }

    #[test]
    fn differences_are_told_with_what_to_do_about_them() {
        let nothing = compared(&[], &[], &[]);
        check(
            &report("mark-event-queue", &[nothing.clone(), nothing]),
            Exit::Done,
            &expect![[r#"
            stack `mark-event-queue`, 100 groups compared: no difference
        "#]],
        );
        let answers = [
            compared(&[("AFC F5", 1), ("AFC F5", 4)], &[], &[("Z", 9)]),
            compared(&[], &[("O'Hara", 2), ("B", 7)], &[]),
        ];
        check(
            &report("mark-event-queue", &answers),
            Exit::Findings,
            &expect![[r#"
                difference                              aggregate  version
                missing: on the fan-out queue now       AFC F5           1
                missing: on the fan-out queue now       AFC F5           4
                passed over: in the table now           O'Hara           2
                passed over: in the table now           B                7
                ledger ahead of the table, which has 5  Z                9

                Of an aggregate with missing events, one version or two are told. All that is missing goes out with them, in order.

                Who wants what was passed over gets it, and again all that came after it, with
                  fanoutctl replay Billing --group 'O'\''Hara' --from 2
                  fanoutctl replay Tax --group 'O'\''Hara' --from 2
                  fanoutctl replay Billing --group B --from 7
                  fanoutctl replay Tax --group B --from 7

                stack `mark-event-queue`, 100 groups compared: events missing in 1 aggregate, 2 versions passed over, ledger ahead in 1 aggregate
            "#]],
        );
        let ended = Report { is_complete: false, ..report("test", &[compared(&[("A", 1)], &[], &[])]) };
        check(
            &ended,
            Exit::Findings,
            &expect![[r#"
                difference                         aggregate  version
                missing: on the fan-out queue now  A                1

                Of an aggregate with missing events, one version or two are told. All that is missing goes out with them, in order.

                stack `test`, 50 groups compared before it ended: events missing in 1 aggregate, 0 versions passed over, ledger ahead in 0 aggregates
            "#]],
        );
    }

    #[test]
    fn differences_for_programs() {
        let report = report("test", &[compared(&[("AFC F5", 4)], &[("B", 7)], &[])]);
        expect![[r#"
            {
              "stack": "test",
              "groups": 50,
              "is_complete": true,
              "missing": [
                {
                  "group": "AFC%20F5",
                  "key": {
                    "S": "AFC F5"
                  },
                  "version": 4
                }
              ],
              "holes": [
                {
                  "group": "B",
                  "key": {
                    "S": "B"
                  },
                  "version": 7,
                  "commands": [
                    "fanoutctl replay Billing --group B --from 7 --stack test",
                    "fanoutctl replay Tax --group B --from 7 --stack test"
                  ]
                }
              ],
              "ahead": []
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&report).unwrap());
    }
}
