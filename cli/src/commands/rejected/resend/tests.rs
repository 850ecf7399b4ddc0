use expect_test::{Expect, expect};

use super::plan::Attempt;
use super::*;
use crate::rejections::Rejection;
use crate::rejections::samples;
use shared::ids::{EventIdentity, Key};
use shared::ledger::fan_out::ImplausibleEvent;

/// The plan for the third event, with so many `newer` events in the event table.
fn planned(newer: Result<u64, &str>) -> PlannedResend {
    let attempt = Attempt {
        payload: "a secret value".to_owned(),
        version: Some(3),
        newer: newer.map_err(str::to_owned),
    };
    PlannedResend { rejection: samples::rejected("e-3"), attempt: Ok(attempt) }
}

fn not_sendable() -> PlannedResend {
    let rejection: Rejection = samples::unreadable_record();
    PlannedResend { rejection, attempt: Err("the rejection names no item".to_owned()) }
}

#[test]
fn an_announcement_says_what_would_be_sent_to_every_client() {
    let check = |planned: PlannedResend, expected: &Expect| {
        expected.assert_eq(&announcement(&planned, Some(&samples::source())));
    };
    check(
        planned(Ok(2)),
        &expect![
            "00000003-0000-4000-8000-000000000000: event `e-3`, version 3 of `AFC F5`, as the event table has it now, goes to every client, behind what it has; the event table has 2 newer events of it, and a client that has some of them gets them again after it"
        ],
    );
    check(
        planned(Ok(0)),
        &expect![
            "00000003-0000-4000-8000-000000000000: event `e-3`, version 3 of `AFC F5`, as the event table has it now, goes to every client, behind what it has; the event table has no newer event of it"
        ],
    );
    check(
        planned(Err("there is no config")),
        &expect![
            "00000003-0000-4000-8000-000000000000: event `e-3`, version 3 of `AFC F5`, as the event table has it now, goes to every client, behind what it has; how many newer events of it the event table has is not known: there is no config"
        ],
    );
    check(
        not_sendable(),
        &expect![
            "00000004-0000-4000-8000-000000000000: its event of `~rejected` can't be sent again: the rejection names no item"
        ],
    );
}

#[test]
fn the_question_counts() {
    let check = |sendable, unseen, expected: &Expect| expected.assert_eq(&question(sendable, unseen));
    check(1, 0, &expect!["Send 1 event again, marked with the attribute `replay`?"]);
    check(
        2,
        1,
        &expect![
            "Send 2 events again, marked with the attribute `replay`, and 1 rejection that shows after them?"
        ],
    );
    check(
        2,
        27,
        &expect![
            "Send 2 events again, marked with the attribute `replay`, and 27 rejections that show after them?"
        ],
    );
}

fn stays(reason: &str, exit: Exit) -> Outcome {
    Outcome::Stays { reason: reason.to_owned(), exit }
}

fn report() -> Report {
    let mut report = Report { unseen: 27, ..Report::default() };
    report.add(planned(Ok(2)), Outcome::Sent);
    report.add(not_sendable(), stays("the rejection names no item", Exit::Findings));
    let hostile = stays("the fan-out queue did not take it: red \u{1b}[31m\nand more", Exit::Findings);
    report.add(planned(Err("no key")), hostile);
    let reason = "it could not be deleted".to_owned();
    report.add(planned(Ok(0)), Outcome::SentButStays { reason });
    report.add(planned(Ok(0)), Outcome::WouldBeSent);
    report
}

#[test]
fn people_get_a_line_for_each_rejection() {
    expect![[r#"
        00000003-0000-4000-8000-000000000000: sent again
        00000004-0000-4000-8000-000000000000: stays: the rejection names no item
        00000003-0000-4000-8000-000000000000: stays: the fan-out queue did not take it: red \u{1b}[31m\nand more
        00000003-0000-4000-8000-000000000000: sent again, but stays: it could not be deleted
        00000003-0000-4000-8000-000000000000: would be sent again
        1 of 5 sent again
        the clients get it from the fan-out, or within two minutes from catch-up (`fanoutctl catch-up --all` doesn't wait); a consumer that took later events of the aggregate takes it for a repetition
        about 27 rejections could not be seen, or came meanwhile; `fanoutctl rejected list` shows what is left
    "#]]
    .assert_eq(&report().to_text(""));
    expect![[r#"
        no rejections that can be seen
    "#]]
    .assert_eq(&Report::default().to_text(""));
}

#[test]
fn programs_get_each_rejection_without_its_body() {
    let json = serde_json::to_string_pretty(&report()).unwrap();
    expect![[r#"
        {
          "rejections": [
            {
              "id": "00000003-0000-4000-8000-000000000000",
              "group": "AFC%20F5",
              "event_id": "e-3",
              "version": 3,
              "newer_events": 2,
              "newer_events_reason": null,
              "outcome": "sent"
            },
            {
              "id": "00000004-0000-4000-8000-000000000000",
              "group": "~rejected",
              "event_id": null,
              "version": null,
              "newer_events": null,
              "newer_events_reason": null,
              "outcome": "stays",
              "reason": "the rejection names no item"
            },
            {
              "id": "00000003-0000-4000-8000-000000000000",
              "group": "AFC%20F5",
              "event_id": "e-3",
              "version": 3,
              "newer_events": null,
              "newer_events_reason": "no key",
              "outcome": "stays",
              "reason": "the fan-out queue did not take it: red \u001b[31m\nand more"
            },
            {
              "id": "00000003-0000-4000-8000-000000000000",
              "group": "AFC%20F5",
              "event_id": "e-3",
              "version": 3,
              "newer_events": 0,
              "newer_events_reason": null,
              "outcome": "sent-but-stays",
              "reason": "it could not be deleted"
            },
            {
              "id": "00000003-0000-4000-8000-000000000000",
              "group": "AFC%20F5",
              "event_id": "e-3",
              "version": 3,
              "newer_events": 0,
              "newer_events_reason": null,
              "outcome": "would-be-sent"
            }
          ],
          "sent": 1,
          "stay": 4,
          "unseen": 27
        }"#]]
    .assert_eq(&json);
    assert!(!json.contains("secret"), "a body is only shown by `show`");
}

#[test]
fn the_exit_status_is_that_of_the_gravest_outcome() {
    let check = |outcomes: &[Outcome], expected: Exit| {
        let mut report = Report::default();
        for outcome in outcomes {
            report.add(not_sendable(), outcome.clone());
        }
        assert_eq!(report.exit(), expected, "{outcomes:?}");
    };
    check(&[], Exit::Done);
    check(&[Outcome::Sent], Exit::Done);
    check(&[Outcome::WouldBeSent], Exit::Done);
    check(&[Outcome::Sent, stays("a", Exit::Findings)], Exit::Findings);
    check(&[Outcome::SentButStays { reason: "a".to_owned() }], Exit::Findings);
    check(&[stays("a", Exit::Findings), stays("b", Exit::NotAllowed), Outcome::Sent], Exit::NotAllowed);
}

#[test]
fn a_version_far_above_all_others_is_warned_of_until_the_item_has_its_right_number() {
    let implausible = ImplausibleEvent {
        number: 0,
        identity: EventIdentity { sort: Key::S("2026-01-05T09:00:00Z".to_owned()), id: None },
        version: 1_000_000,
        after: 1,
    };
    let rejected = |reason: &str| {
        let keys = serde_json::json!({ "mark": { "S": "AFC F5" } });
        let body = serde_json::json!({ "reason": reason, "keys": keys, "version": 1_000_000 });
        Rejection { message: samples::foreign(6, "AFC%20F5", &body.to_string()) }
    };
    let is = |reason: &str, version| {
        super::plan::is_far_above(&rejected(reason), Some(&samples::source()), Some(version))
    };
    assert!(is(&implausible.why(), 1_000_000));
    assert!(!is(&implausible.why(), 2));
    assert!(!is("the event lacks `eventId`", 1_000_000));
}
