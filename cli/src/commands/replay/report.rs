//! What `replay` and `backfill` print.

use std::fmt::Write as _;

use serde::Serialize;
use shared::text::printable;

use crate::exit::Exit;
use crate::orders::shell_quoted;
use crate::output::{Style, counted};
use crate::replay::{Extent, Given};

/// What would be ordered.
#[derive(Debug, Serialize)]
pub(super) struct Planned {
    /// What it comes to, if there is something to do.
    #[serde(flatten)]
    pub(super) extent: Option<Extent>,
    /// Why there is nothing to do.
    pub(super) nothing_to_do: Option<String>,
    /// Whether nothing was to be ordered anyway.
    pub(super) dry_run: bool,
    #[serde(skip)]
    pub(super) stack_option: String,
}

/// What was ordered.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    extent: Extent,
    /// Always nothing: there was something to do.
    nothing_to_do: Option<String>,
    /// Never: it was ordered.
    dry_run: bool,
    #[serde(flatten)]
    given: Given,
    #[serde(skip)]
    stack_option: String,
}

impl Report {
    pub(super) fn new(extent: Extent, given: Given, stack_option: String) -> Self {
        Self { extent, nothing_to_do: None, dry_run: false, given, stack_option }
    }

    pub(super) fn exit(&self) -> Exit {
        if self.given.failed.is_empty() { Exit::Done } else { Exit::Findings }
    }
}

pub(super) fn planned_text(planned: &Planned, style: Style) -> String {
    match (&planned.extent, &planned.nothing_to_do) {
        (Some(extent), _) => extent.to_text(&planned.stack_option, style) + "\nNothing was ordered.\n",
        (None, why) => format!("Nothing to do: {}.\n", printable(why.as_deref().unwrap_or_default())),
    }
}

pub(super) fn text(report: &Report, _: Style) -> String {
    let Report { extent: Extent { client, from, is_paused, .. }, given, stack_option, .. } = report;
    let (client, stack) = (printable(client), printable(stack_option));
    let ids = given.replays.join("`, `");
    let mut text = match given.ordered {
        0 => format!("Nothing was ordered for client {client}.\n"),
        count => {
            format!("Client {client} gets {} again; attribute `replay`: `{ids}`.\n", counted(count, "group"))
        }
    };
    if given.nothing > 0 {
        let _ =
            writeln!(text, "It has nothing from version {from} on of {}.", counted(given.nothing, "group"));
    }
    if given.ordered > 0 {
        let _ = match is_paused {
            true => writeln!(text, "It is paused; they go out after\n  fanoutctl resume {client}{stack}"),
            false => writeln!(
                text,
                "They go out within minutes; to begin now and see how far it is:\n  fanoutctl catch-up {client}{stack}"
            ),
        };
    }
    let failed = u64::try_from(given.failed.len()).unwrap_or(u64::MAX);
    if failed > 0 {
        let _ = writeln!(text, "{} could not be ordered; again with", counted(failed, "group"));
        for failed in &given.failed {
            let group = printable(&shell_quoted(failed.key.as_text()));
            let reason = printable(&failed.reason);
            let _ = writeln!(
                text,
                "  fanoutctl replay {client} --group {group} --from {from}{stack}  # {reason}"
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::orders::KeyValue;
    use crate::replay::{Aggregate, Failed, Walked};

    fn extent(is_paused: bool) -> Extent {
        let aggregate = Aggregate { key: KeyValue::S("AFC".to_owned()), events: 20 };
        Extent::new("Billing", 3, &Walked(vec![aggregate; 3]), is_paused)
    }

    fn check(is_paused: bool, given: Given, exit: Exit, expected: &Expect) {
        let report = Report::new(extent(is_paused), given, " --stack test".to_owned());
        assert_eq!(report.exit(), exit);
        expected.assert_eq(&text(&report, Style::Plain));
    }

    fn given(ordered: u64, nothing: u64, failed: &[&str]) -> Given {
        let failed = failed.iter().map(|key| Failed {
            key: KeyValue::S((*key).to_owned()),
            reason: "the ledger is throttled".to_owned(),
        });
        let replays = vec!["17-a".to_owned(), "17-b".to_owned()];
        Given { ordered, nothing, failed: failed.collect(), replays }
    }

    #[test]
    fn what_was_ordered_is_told() {
        check(
            false,
            given(3, 0, &[]),
            Exit::Done,
            &expect![[r#"
            Client Billing gets 3 groups again; attribute `replay`: `17-a`, `17-b`.
            They go out within minutes; to begin now and see how far it is:
              fanoutctl catch-up Billing --stack test
        "#]],
        );
        check(
            true,
            given(2, 1, &[]),
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
            given(1, 0, &["AFC F5", "B"]),
            Exit::Findings,
            &expect![[r#"
                Client Billing gets 1 group again; attribute `replay`: `17-a`, `17-b`.
                They go out within minutes; to begin now and see how far it is:
                  fanoutctl catch-up Billing --stack test
                2 groups could not be ordered; again with
                  fanoutctl replay Billing --group 'AFC F5' --from 3 --stack test  # the ledger is throttled
                  fanoutctl replay Billing --group B --from 3 --stack test  # the ledger is throttled
            "#]],
        );
        check(
            false,
            given(0, 3, &[]),
            Exit::Done,
            &expect![[r#"
            Nothing was ordered for client Billing.
            It has nothing from version 3 on of 3 groups.
        "#]],
        );
    }

    #[test]
    fn what_would_be_ordered_is_told() {
        let stack_option = " --stack test".to_owned();
        let planned =
            Planned { extent: Some(extent(false)), nothing_to_do: None, dry_run: true, stack_option };
        expect![[r#"
            Client Billing gets again what it has from version 3 on, marked with the attribute `replay`:

            groups  events (at most)  SQS requests  price
            3                60      20 to 60  under $0.01

            A request takes one event each of up to ten groups; $0.50 per million, for events of up to 64 KiB.

            Nothing was ordered.
        "#]]
        .assert_eq(&planned_text(&planned, Style::Plain));
        let why = Some("client `Billing` has `AFC` up to version 2".to_owned());
        let nothing =
            Planned { extent: None, nothing_to_do: why, dry_run: false, stack_option: String::new() };
        expect![[r#"
            Nothing to do: client `Billing` has `AFC` up to version 2.
        "#]]
        .assert_eq(&planned_text(&nothing, Style::Plain));
        expect![[r#"{"nothing_to_do":"client `Billing` has `AFC` up to version 2","dry_run":false}"#]]
            .assert_eq(&serde_json::to_string(&nothing).unwrap());
    }

    #[test]
    fn what_was_ordered_for_programs() {
        let report = Report::new(extent(false), given(2, 0, &["B"]), String::new());
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
              "ordered": 2,
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
