use expect_test::{Expect, expect};

use super::super::plan::{Attempt, Function, question, told};
use super::*;
use crate::letters::Letter;
use crate::letters::samples::{self, source};

fn planned(
    letter: Letter,
    attempt: Result<(Function, TakenFrom), &str>,
    newer: Result<u64, &str>,
) -> Planned {
    let version = letter.version(Some(&source("")));
    let attempt = attempt.map_err(str::to_owned).map(|(function, from)| Attempt {
        function,
        payload: "a secret value".to_owned(),
        from,
        doubt: (from == TakenFrom::Letter).then(|| "the event table has its event no longer".to_owned()),
    });
    Planned { letter, version, attempt, newer: newer.map_err(str::to_owned), newer_letters: Some(1) }
}

fn undelivered() -> Letter {
    samples::undelivered("Billing", "AFC%20F5", Some("2"), "a secret value")
}

#[test]
fn the_operator_is_told_before_anything_is_sent() {
    let check = |planned: Planned, expected: &Expect| expected.assert_eq(&told(&planned, false));
    let of_table = Ok((Function::Converter, TakenFrom::EventTable));
    check(
        planned(samples::rejected("e-3"), of_table, Ok(2)),
        &expect![
            "00000003-0000-4000-8000-000000000000: event `e-3`, version 3 of group `AFC%20F5`, as the event table has it now, goes to every client; the event table has 2 newer events of its group (1 of them is a letter here, too), and it arrives after those that are out"
        ],
    );
    check(
        planned(samples::rejected("e-3"), Ok((Function::Converter, TakenFrom::Letter)), Ok(0)),
        &expect![
            "00000003-0000-4000-8000-000000000000: event `e-3`, version 3 of group `AFC%20F5`, as its letter has it, though the event table has its event no longer, goes to every client; the event table has no newer event of its group"
        ],
    );
    let of_message = Ok((Function::FanOut, TakenFrom::Message));
    check(
        planned(undelivered(), of_message, Ok(1)),
        &expect![
            "00000005-0000-4000-8000-000000000000: event `e-2`, version 2 of group `AFC%20F5`, as its message and the event table have it, goes to `Billing` only; the event table has 1 newer event of its group (1 of them is a letter here, too), and it arrives after those that are out"
        ],
    );
    let mut doubtful = planned(samples::dead_letter("A", "{}"), of_message, Ok(3));
    doubtful.newer_letters = Some(2);
    if let Ok(attempt) = &mut doubtful.attempt {
        attempt.doubt = Some("the event table can't be asked for its event: there is no config".to_owned());
    }
    check(
        doubtful,
        &expect![
            "00000008-0000-4000-8000-000000000000: event `e-9`, version 9 of group `A`, as its message has it, though the event table can't be asked for its event: there is no config, goes to every client; the event table has 3 newer events of its group (2 of them are letters here, too), and it arrives after those that are out"
        ],
    );
    let mut unversioned = planned(undelivered(), of_message, Ok(3));
    unversioned.newer_letters = None;
    check(
        unversioned,
        &expect![
            "00000005-0000-4000-8000-000000000000: event `e-2`, version 2 of group `AFC%20F5`, as its message and the event table have it, goes to `Billing` only; the event table has 3 newer events of its group, and it arrives after those that are out"
        ],
    );
    check(
        planned(samples::dead_letter("A", "{}"), of_message, Err("there is no config")),
        &expect![
            "00000008-0000-4000-8000-000000000000: event `e-9`, version 9 of group `A`, as its message and the event table have it, goes to every client; how many newer events of its group the event table has is not known: there is no config"
        ],
    );
    check(
        planned(samples::unreadable_record(), Err("the letter names no item"), Ok(0)),
        &expect![
            "00000004-0000-4000-8000-000000000000: its event of group `~rejected` can't be sent again: the letter names no item"
        ],
    );
}

#[test]
fn with_the_ledger_what_came_after_a_rejected_event_follows_it() {
    let end =
        |planned: Planned| told(&planned, true).rsplit("here, too").next().unwrap_or_default().to_owned();
    let rejected = planned(samples::rejected("e-3"), Ok((Function::Converter, TakenFrom::EventTable)), Ok(2));
    expect!["), and who has some of them gets them again after it"].assert_eq(&end(rejected));
    let undelivered = planned(undelivered(), Ok((Function::FanOut, TakenFrom::Message)), Ok(1));
    expect!["), and it arrives after those that are out"].assert_eq(&end(undelivered));
}

#[test]
fn the_question_counts() {
    let check = |sendable, unseen, expected: &Expect| expected.assert_eq(&question(sendable, unseen));
    check(1, 0, &expect!["Send 1 event again, marked with the attribute `replay`?"]);
    check(
        2,
        1,
        &expect![
            "Send 2 events again, marked with the attribute `replay`, and 1 letter that shows after them?"
        ],
    );
    check(
        2,
        27,
        &expect![
            "Send 2 events again, marked with the attribute `replay`, and 27 letters that show after them?"
        ],
    );
}

fn stays(reason: &str, exit: Exit) -> Outcome {
    Outcome::Stays { reason: reason.to_owned(), exit, is_passing: true }
}

fn report() -> Report {
    let mut report = Report { unseen: 27, ..Report::default() };
    let of_table = Ok((Function::Converter, TakenFrom::EventTable));
    report.add(planned(samples::rejected("e-3"), of_table, Ok(2)), Outcome::Sent);
    let nothing = planned(samples::unreadable_record(), Err("the letter names no item"), Err("no key"));
    report.add(nothing, Outcome::stays("the letter names no item"));
    let of_message = Ok((Function::FanOut, TakenFrom::Message));
    let hostile = stays("`Billing` did not take it: red \u{1b}[31m\nand more", Exit::Findings);
    report.add(planned(undelivered(), of_message, Ok(1)), hostile);
    let not_deleted = Outcome::SentButStays { reason: "it could not be deleted".to_owned() };
    report.add(planned(samples::dead_letter("A", "{}"), of_message, Ok(0)), not_deleted);
    report
}

#[test]
fn what_became_of_each_is_told_to_people() {
    expect![[r#"
        00000003-0000-4000-8000-000000000000: sent again
        00000004-0000-4000-8000-000000000000: stays in the rejected queue: the letter names no item
        00000005-0000-4000-8000-000000000000: stays in the undelivered queue: `Billing` did not take it: red \u{1b}[31m\nand more
        00000008-0000-4000-8000-000000000000: sent again, but stays in the dead-letter queue: it could not be deleted
        1 of 4 sent again
        about 27 letters could not be seen, or came meanwhile; `fanoutctl dead-letters list` shows what is left
    "#]].assert_eq(&text(&report(), Style::Plain));
    expect![[r#"
        no letters that can be seen
    "#]]
    .assert_eq(&text(&Report::default(), Style::Plain));
}

#[test]
fn what_became_of_each_is_told_to_programs() {
    let json = serde_json::to_string_pretty(&report()).unwrap();
    expect![[r#"
        {
          "letters": [
            {
              "id": "00000003-0000-4000-8000-000000000000",
              "queue": "rejected",
              "client": null,
              "group": "AFC%20F5",
              "event_id": "e-3",
              "version": 3,
              "from": "event-table",
              "unconfirmed": null,
              "newer_events": 2,
              "newer_letters": 1,
              "newer_events_reason": null,
              "outcome": "sent"
            },
            {
              "id": "00000004-0000-4000-8000-000000000000",
              "queue": "rejected",
              "client": null,
              "group": "~rejected",
              "event_id": null,
              "version": null,
              "from": null,
              "unconfirmed": null,
              "newer_events": null,
              "newer_letters": 1,
              "newer_events_reason": "no key",
              "outcome": "stays",
              "reason": "the letter names no item"
            },
            {
              "id": "00000005-0000-4000-8000-000000000000",
              "queue": "undelivered",
              "client": "Billing",
              "group": "AFC%20F5",
              "event_id": "e-2",
              "version": 2,
              "from": "message",
              "unconfirmed": null,
              "newer_events": 1,
              "newer_letters": 1,
              "newer_events_reason": null,
              "outcome": "stays",
              "reason": "`Billing` did not take it: red \u001b[31m\nand more"
            },
            {
              "id": "00000008-0000-4000-8000-000000000000",
              "queue": "dead-letter",
              "client": null,
              "group": "A",
              "event_id": "e-9",
              "version": 9,
              "from": "message",
              "unconfirmed": null,
              "newer_events": 0,
              "newer_letters": 1,
              "newer_events_reason": null,
              "outcome": "sent-but-stays",
              "reason": "it could not be deleted"
            }
          ],
          "sent": 1,
          "stay": 3,
          "unseen": 27
        }"#]]
    .assert_eq(&json);
    assert!(!json.contains("secret"), "a body is only shown by `show`");
}

#[test]
fn the_exit_status_says_what_can_be_done() {
    let check = |outcomes: &[Outcome], expected: Exit| {
        let mut report = Report::default();
        for outcome in outcomes {
            report.add(planned(undelivered(), Err("why"), Ok(0)), outcome.clone());
        }
        assert_eq!(exit(&report), expected, "{outcomes:?}");
    };
    check(&[], Exit::Done);
    check(&[Outcome::Sent], Exit::Done);
    check(&[Outcome::Sent, stays("a", Exit::Findings)], Exit::Findings);
    check(&[Outcome::SentButStays { reason: "a".to_owned() }], Exit::Findings);
    check(&[stays("a", Exit::Findings), stays("b", Exit::NotAllowed), Outcome::Sent], Exit::NotAllowed);
}
