//! The report of `replay` and `backfill`.

use serde::Serialize;
use shared::text::{counted, printable, shell_quoted};

use super::cost::ReplayCost;
use super::request::ReplayTally;
use crate::exit::Exit;
use crate::output::Style;

/// The result of a replay that was requested, or would be.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// None if there is nothing to do.
    #[serde(flatten)]
    pub(super) cost: Option<ReplayCost>,
    /// Why there is nothing to do, if so.
    pub(super) nothing_to_do: Option<String>,
    /// Whether `--dry-run` was set.
    pub(super) dry_run: bool,
    /// None if it was not requested.
    #[serde(flatten)]
    pub(super) outcome: Option<ReplayTally>,
}

impl Report {
    pub(super) fn exit(&self) -> Exit {
        let is_good = self.outcome.as_ref().is_none_or(|outcome| outcome.failed.is_empty());
        if is_good { Exit::Done } else { Exit::Findings }
    }
}

/// The text for people. `stack` is the option that names the stack in a command line.
pub(super) fn text(report: &Report, stack: &str, style: Style) -> String {
    match (&report.cost, &report.outcome) {
        (Some(cost), Some(outcome)) => outcome_text(cost, outcome, &printable(stack)),
        (Some(cost), None) => cost.to_text(stack, style) + "\nNothing was requested.\n",
        (None, _) => {
            format!("Nothing to do: {}.\n", printable(report.nothing_to_do.as_deref().unwrap_or_default()))
        }
    }
}

fn outcome_text(cost: &ReplayCost, outcome: &ReplayTally, stack: &str) -> String {
    let ReplayCost { client, from, is_paused, .. } = cost;
    let ReplayTally { requested, nothing, failed, replays } = outcome;
    let client = printable(client);
    let mut text = match requested {
        0 => format!("Nothing was requested for client {client}.\n"),
        _ => format!(
            "Client {client} gets {} again; attribute `replay`: `{}`.\n",
            counted(*requested, "group"),
            replays.join("`, `")
        ),
    };
    if *nothing > 0 {
        text += &format!("It has nothing from version {from} on of {}.\n", counted(*nothing, "group"));
    }
    if *requested > 0 && *is_paused {
        text += &format!("It is paused; they go out after\n  fanoutctl resume {client}{stack}\n");
    } else if *requested > 0 {
        text += &format!(
            "They go out within minutes; to begin now and see how far it is:\n  fanoutctl catch-up {client}{stack}\n"
        );
    }
    if !failed.is_empty() {
        text += &format!("{} could not be requested; again with\n", counted(failed.len(), "group"));
    }
    for failed in failed {
        let group = printable(&shell_quoted(failed.key.as_text()));
        let reason = printable(&failed.reason);
        text += &format!("  fanoutctl replay {client} --group {group} --from {from}{stack}  # {reason}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use shared::control::TypedKey;

    use super::*;
    use crate::commands::replay::estimate::{AggregateEvents, ReplayEstimate};
    use crate::commands::replay::request::FailedGroup;
    use crate::prices::Prices;

    fn cost(is_paused: bool) -> ReplayCost {
        let aggregate = AggregateEvents { key: TypedKey::S("AFC".to_owned()), events: 20 };
        ReplayCost::new(
            "Billing",
            3,
            &ReplayEstimate(vec![aggregate; 3]),
            is_paused,
            &Prices::load().unwrap(),
        )
    }

    fn requested(is_paused: bool, outcome: ReplayTally) -> Report {
        Report { cost: Some(cost(is_paused)), outcome: Some(outcome), ..Report::default() }
    }

    fn check(is_paused: bool, outcome: ReplayTally, exit: Exit, expected: &Expect) {
        let report = requested(is_paused, outcome);
        assert_eq!(report.exit(), exit);
        expected.assert_eq(&text(&report, " --stack test", Style::Plain));
    }

    fn outcome(requested: u64, nothing: u64, failed: &[&str]) -> ReplayTally {
        let failed = failed.iter().map(|key| FailedGroup {
            key: TypedKey::S((*key).to_owned()),
            reason: "the ledger is throttled".to_owned(),
        });
        let replays = vec!["17-a".to_owned(), "17-b".to_owned()];
        ReplayTally { requested, nothing, failed: failed.collect(), replays }
    }

    #[test]
    fn people_get_the_result_and_the_next_command() {
        check(
            false,
            outcome(3, 0, &[]),
            Exit::Done,
            &expect![[r#"
            Client Billing gets 3 groups again; attribute `replay`: `17-a`, `17-b`.
            They go out within minutes; to begin now and see how far it is:
              fanoutctl catch-up Billing --stack test
        "#]],
        );
        check(
            true,
            outcome(2, 1, &[]),
            Exit::Done,
            &expect![[r#"
                Client Billing gets 2 groups again; attribute `replay`: `17-a`, `17-b`.
                It has nothing from version 3 on of 1 group.
                It is paused; they go out after
                  fanoutctl resume Billing --stack test
            "#]],
        );
        check(
            false,
            outcome(1, 0, &["AFC F5", "B"]),
            Exit::Findings,
            &expect![[r#"
                Client Billing gets 1 group again; attribute `replay`: `17-a`, `17-b`.
                They go out within minutes; to begin now and see how far it is:
                  fanoutctl catch-up Billing --stack test
                2 groups could not be requested; again with
                  fanoutctl replay Billing --group 'AFC F5' --from 3 --stack test  # the ledger is throttled
                  fanoutctl replay Billing --group B --from 3 --stack test  # the ledger is throttled
            "#]],
        );
        check(
            false,
            outcome(0, 3, &[]),
            Exit::Done,
            &expect![[r#"
            Nothing was requested for client Billing.
            It has nothing from version 3 on of 3 groups.
        "#]],
        );
    }

    #[test]
    fn a_dry_run_shows_the_cost_or_why_there_is_nothing_to_do() {
        let planned = Report { cost: Some(cost(false)), dry_run: true, ..Report::default() };
        expect![[r#"
            Client Billing gets again what it has from version 3 on, marked with the attribute `replay`:

            groups  events (at most)  SQS requests  price
                 3                60      20 to 60  under $0.01

            A request takes one event each of up to ten groups; $0.50 per million, for events of up to 64 KiB.

            Nothing was requested.
        "#]]
        .assert_eq(&text(&planned, " --stack test", Style::Plain));
        let why = Some("client `Billing` has `AFC` up to version 2".to_owned());
        let nothing = Report { nothing_to_do: why, ..Report::default() };
        expect![[r#"
            Nothing to do: client `Billing` has `AFC` up to version 2.
        "#]]
        .assert_eq(&text(&nothing, "", Style::Plain));
        expect![[r#"{"nothing_to_do":"client `Billing` has `AFC` up to version 2","dry_run":false}"#]]
            .assert_eq(&serde_json::to_string(&nothing).unwrap());
    }

    #[test]
    fn programs_get_cost_and_result() {
        let report = requested(false, outcome(2, 0, &["B"]));
        expect![[r#"
            {
              "client": "Billing",
              "from": 3,
              "groups": 3,
              "events": 60,
              "requests": {
                "at_least": 20,
                "at_most": 60
              },
              "dollars": {
                "at_least": 0.00001,
                "at_most": 0.00003
              },
              "is_paused": false,
              "nothing_to_do": null,
              "dry_run": false,
              "requested": 2,
              "nothing": 0,
              "failed": [
                {
                  "key": {
                    "S": "B"
                  },
                  "reason": "the ledger is throttled"
                }
              ],
              "replays": [
                "17-a",
                "17-b"
              ]
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&report).unwrap());
    }
}
