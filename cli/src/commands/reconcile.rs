//! `fanoutctl reconcile`: compares table and ledger now, and shows where they differ.

mod dry_run;

use std::collections::BTreeSet;

use serde::Serialize;
use shared::control::{Comparison, ControlRequest, EventPair, EventVersion, GroupAhead, TypedKey};
use shared::ledger::{Registration, State};
use shared::text::{counted, printable, shell_quoted};

use super::operator::Operator;
use crate::args::{ReconcileArguments, stack_option};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{Style, Tone, row, table};
use crate::progress::Progress;

/// The differences between table and ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Report {
    stack: String,
    /// The groups that were compared.
    groups: usize,
    /// Whether all groups were compared.
    is_complete: bool,
    /// Whether it was only looked.
    dry_run: bool,
    /// Events that the ledger did not know. They are on the fan-out queue now, unless it was only looked.
    missing: Vec<EventVersion>,
    /// Versions that were passed over because the table lacked them, and that it has now.
    holes: Vec<Hole>,
    /// Groups of which the ledger knows more than the table has.
    ahead: Vec<GroupAhead>,
    /// Versions that two events have.
    pairs: Vec<EventPair>,
    /// Versions that are too far above all others to be believed: the lowest of each aggregate.
    implausible: Vec<EventVersion>,
    /// The highest versions of aggregates whose age is unknown.
    of_unknown_age: Vec<EventVersion>,
}

/// A version that was passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Hole {
    #[serde(flatten)]
    event: EventVersion,
    /// For each client, the command that sends it the version, and all that came after it.
    commands: Vec<String>,
}

/// Compares the whole table with the ledger.
///
/// # Errors
///
/// [`Failure`]: AWS or the function refused. What was found until then is printed.
pub async fn execute(context: &Context, arguments: &ReconcileArguments) -> Result<Exit, Failure> {
    let operator = Operator::of_stack(context).await?;
    let dry_run = arguments.dry_run;
    if !dry_run {
        operator.log("reconcile");
    }
    let is_served = |client: &Registration| client.state != State::Retired && client.absent_at.is_none();
    let served = operator.registry.clients.iter().filter(|(_, client)| is_served(client));
    let clients: Vec<String> = served.map(|(name, _)| name.to_string()).collect();
    let mut report = Report { stack: operator.stack.name.clone(), dry_run, ..Report::default() };
    let progress = Progress::spinner();
    let ended = if dry_run {
        dry_run::compare(context, &operator, &clients, &progress, &mut report).await
    } else {
        compare(&operator, &clients, &progress, &mut report).await
    };
    progress.finish();
    // Also after a failure: missing events may be on the queue already.
    if ended.is_ok() || report.groups > 0 {
        context.output.print(&report, text)?;
    }
    ended.map(|()| report.exit())
}

async fn compare(
    operator: &Operator,
    clients: &[String],
    progress: &Progress,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut after = None;
    while !report.is_complete {
        progress.spin(&format!("{} compared", counted(report.groups, "group")));
        let request = ControlRequest::Reconcile { after: after.clone(), caller: None };
        let compared: Comparison = operator.request(&request).await?;
        let next = compared.after.clone();
        report.add(compared, clients);
        report.is_complete = next.is_none();
        if !report.is_complete && next == after {
            let message = "the catch-up function does not get further in the event table; see its log";
            return Err(Exit::Findings.because(message));
        }
        after = next;
    }
    Ok(())
}

impl Report {
    fn add(&mut self, compared: Comparison, clients: &[String]) {
        let Comparison { groups, missing, holes, ahead, pairs, implausible, of_unknown_age, after: _ } =
            compared;
        self.groups += groups;
        self.missing.extend(missing);
        self.ahead.extend(ahead);
        self.pairs.extend(pairs);
        self.implausible.extend(implausible);
        self.of_unknown_age.extend(of_unknown_age);
        let stack = stack_option(&self.stack);
        self.holes.extend(holes.into_iter().map(|event| {
            let (group, version) = (shell_quoted(event.key.as_text()), event.version);
            let command = |client: &String| {
                format!("fanoutctl replay {client} --group {group} --from {version}{stack}")
            };
            Hole { commands: clients.iter().map(command).collect(), event }
        }));
    }

    fn exit(&self) -> Exit {
        if self.differences() == 0 { Exit::Done } else { Exit::Findings }
    }

    fn differences(&self) -> usize {
        let Self { missing, holes, ahead, pairs, implausible, of_unknown_age, .. } = self;
        let versions = [missing, implausible, of_unknown_age].map(Vec::len);
        versions.into_iter().sum::<usize>() + holes.len() + ahead.len() + pairs.len()
    }
}

fn text(report: &Report, style: Style) -> String {
    let Report {
        stack,
        groups,
        is_complete,
        dry_run,
        missing,
        holes,
        ahead,
        pairs,
        implausible,
        of_unknown_age,
    } = report;
    let mut rows = Vec::new();
    let mut add = |difference: &str, key: &TypedKey, version: i64, tone| {
        rows.push(row([difference.to_owned(), key.to_string(), version.to_string()], tone));
    };
    for EventVersion { key, version, .. } in missing {
        let difference = if *dry_run { "missing" } else { "missing: on the fan-out queue now" };
        add(difference, key, *version, if *dry_run { Tone::Bad } else { Tone::Neutral });
    }
    for Hole { event, .. } in holes {
        add("passed over: in the table now", &event.key, event.version, Tone::Bad);
    }
    for GroupAhead { key, version, highest, .. } in ahead {
        add(&format!("ledger ahead of the table, which has {highest}"), key, *version, Tone::Bad);
    }
    for EventPair { key, version, sort_keys: [one, other], .. } in pairs {
        add(&format!("used twice: by {one} and {other}"), key, *version, Tone::Bad);
    }
    for EventVersion { key, version, .. } in implausible {
        add("too far above all others", key, *version, Tone::Bad);
    }
    for EventVersion { key, version, .. } in of_unknown_age {
        add("age unknown: no time can be read", key, *version, Tone::Neutral);
    }
    let mut text = String::new();
    if !rows.is_empty() {
        text = table(["difference", "aggregate", "version"], rows, style) + "\n\n";
    }
    if !missing.is_empty() {
        text += "Of an aggregate with missing events, one version or two are shown. All missing events go out with them, in \
                 order.\n";
        if *dry_run {
            text += &format!("`fanoutctl reconcile{}` sends them.\n", printable(&stack_option(stack)));
        }
        text += "\n";
    }
    let commands = holes.iter().flat_map(|hole| &hole.commands);
    let commands: String = commands.map(|command| format!("  {}\n", printable(command))).collect();
    if !commands.is_empty() {
        let what = "These commands send a client what was passed over, and again all that came after it";
        text += &format!("{what}:\n{commands}\n");
    }
    let all = if *is_complete { "" } else { " before it ended" };
    // The function returns at most two versions of an aggregate, however many are missing.
    let missing: BTreeSet<&str> = missing.iter().map(|missing| missing.group.as_str()).collect();
    let differences = [
        (missing.len(), "aggregate", "with missing events"),
        (holes.len(), "version", "passed over"),
        (ahead.len(), "aggregate", "behind the ledger"),
        (pairs.len(), "version", "used twice"),
        (implausible.len(), "aggregate", "with versions too far above all others"),
        (of_unknown_age.len(), "aggregate", "of unknown age"),
    ];
    let differences = differences.into_iter().filter(|(count, ..)| *count > 0);
    let differences: Vec<String> =
        differences.map(|(count, noun, what)| format!("{} {what}", counted(count, noun))).collect();
    let differences =
        if differences.is_empty() { "no difference".to_owned() } else { differences.join(", ") };
    let groups = counted(*groups, "group");
    text + &format!("stack `{}`, {groups} compared{all}: {differences}\n", printable(stack))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use shared::ids::Key;

    use super::*;

    fn event(key: &str, version: i64) -> EventVersion {
        EventVersion::of(&Key::S(key.to_owned()), version)
    }

    fn compared(missing: &[(&str, i64)], holes: &[(&str, i64)], ahead: &[(&str, i64)]) -> Comparison {
        let further = |(key, version): &(&str, i64)| {
            let EventVersion { group, key, version } = event(key, *version);
            GroupAhead { group, key, version, highest: 5 }
        };
        let ahead = ahead.iter().map(further).collect();
        let [missing, holes] =
            [missing, holes].map(|all| all.iter().map(|(key, version)| event(key, *version)).collect());
        Comparison { groups: 50, missing, holes, ahead, ..Comparison::default() }
    }

    fn report(stack: &str, answers: &[Comparison]) -> Report {
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
    fn differences_are_shown_with_the_commands_about_them() {
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
            Comparison {
                pairs: vec![EventPair {
                    group: "P".to_owned(),
                    key: (&Key::S("P".to_owned())).into(),
                    version: 3,
                    sort_keys: ["2026-11-01", "2026-11-02"].map(|sort| (&Key::S(sort.to_owned())).into()),
                }],
                implausible: vec![event("T", 1_767_600_000_000)],
                of_unknown_age: vec![event("U", 12)],
                ..compared(&[], &[], &[])
            },
        ];
        check(
            &report("mark-event-queue", &answers),
            Exit::Findings,
            &expect![[r#"
                difference                                aggregate  version
                missing: on the fan-out queue now         AFC F5                 1
                missing: on the fan-out queue now         AFC F5                 4
                passed over: in the table now             O'Hara                 2
                passed over: in the table now             B                      7
                ledger ahead of the table, which has 5    Z                      9
                used twice: by 2026-11-01 and 2026-11-02  P                      3
                too far above all others                  T          1767600000000
                age unknown: no time can be read          U                     12

                Of an aggregate with missing events, one version or two are shown. All missing events go out with them, in order.

                These commands send a client what was passed over, and again all that came after it:
                  fanoutctl replay Billing --group 'O'\''Hara' --from 2
                  fanoutctl replay Tax --group 'O'\''Hara' --from 2
                  fanoutctl replay Billing --group B --from 7
                  fanoutctl replay Tax --group B --from 7

                stack `mark-event-queue`, 150 groups compared: 1 aggregate with missing events, 2 versions passed over, 1 aggregate behind the ledger, 1 version used twice, 1 aggregate with versions too far above all others, 1 aggregate of unknown age
            "#]],
        );
        let ended = Report { is_complete: false, ..report("test", &[compared(&[("A", 1)], &[], &[])]) };
        check(
            &ended,
            Exit::Findings,
            &expect![[r#"
                difference                         aggregate  version
                missing: on the fan-out queue now  A                1

                Of an aggregate with missing events, one version or two are shown. All missing events go out with them, in order.

                stack `test`, 50 groups compared before it ended: 1 aggregate with missing events
            "#]],
        );
    }

    #[test]
    fn a_dry_run_says_what_sends_what_is_missing() {
        let dry_run = Report { dry_run: true, ..report("test", &[compared(&[("AFC F5", 4)], &[], &[])]) };
        check(
            &dry_run,
            Exit::Findings,
            &expect![[r#"
            difference  aggregate  version
            missing     AFC F5           4

            Of an aggregate with missing events, one version or two are shown. All missing events go out with them, in order.
            `fanoutctl reconcile --stack test` sends them.

            stack `test`, 50 groups compared: 1 aggregate with missing events
        "#]],
        );
        let nothing = Report { dry_run: true, ..report("test", &[compared(&[], &[], &[])]) };
        check(
            &nothing,
            Exit::Done,
            &expect![[r#"
            stack `test`, 50 groups compared: no difference
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
              "dry_run": false,
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
              "ahead": [],
              "pairs": [],
              "implausible": [],
              "of_unknown_age": []
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&report).unwrap());
    }
}
