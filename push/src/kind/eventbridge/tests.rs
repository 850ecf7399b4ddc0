//! An entry's request, and what its own answer inside a 200 means.

use expect_test::{Expect, expect};

use super::*;
use crate::kind::tests::{answer, arn, bare, check_like_botocore, erasure, event, json, shown};

fn target(detail_type: Option<&str>) -> EventBridgeTarget {
    EventBridgeTarget {
        bus: arn("events", "event-bus/marks"),
        source: "mark-event-queue".to_owned(),
        detail_type: detail_type.map(str::to_owned),
    }
}

#[test]
fn an_entry_is_as_botocore_makes_it() {
    let request = request(&target(None), &event()).unwrap();
    let (ours, theirs) = check_like_botocore("put_events", request, &[]);
    assert_eq!(json(ours.body), json(theirs.body));
}

#[test]
fn the_type_is_the_configs_or_the_events_name() {
    let found = |detail_type, event: &Event<'_>| {
        let entry = json(request(&target(detail_type), event).unwrap().body)["Entries"][0].clone();
        entry["DetailType"].as_str().unwrap().to_owned()
    };
    assert_eq!(found(None, &event()), "Created");
    assert_eq!(found(None, &bare()), "event");
    assert_eq!(found(None, &erasure()), "erased");
    assert_eq!(found(Some("Mark"), &erasure()), "Mark");
}

#[test]
fn an_entry_that_is_too_large_is_not_sent() {
    let body = format!("\"{}\"", "x".repeat(ENTRY_LIMIT));
    let failure = request(&target(None), &Event { body: &body, ..event() }).unwrap_err();
    assert_eq!((failure.kind, failure.alike.as_str()), (FailureKind::Event, "too large"));
}

#[test]
fn a_200_says_nothing_before_its_entry_does() {
    let check = |status, body: &str, expected: Expect| {
        expected.assert_eq(&shown(outcome(&answer(status, body), &event(), Timestamp::from_millis(0))));
    };
    let entry = |code: &str| {
        format!(
            r#"{{"FailedEntryCount":1,"Entries":[{{"ErrorCode":"{code}","ErrorMessage":"Bus says no to Zoë"}}]}}"#
        )
    };
    check(200, r#"{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}"#, expect!["taken"]);
    check(
        200,
        &entry("InternalFailure"),
        expect!["Transient [InternalFailure] 200 InternalFailure: Bus says no to …"],
    );
    check(
        200,
        &entry("ThrottlingException"),
        expect!["Transient [ThrottlingException] 200 ThrottlingException: Bus says no to …"],
    );
    check(
        200,
        &entry("AccessDeniedException"),
        expect!["Target [AccessDeniedException] 200 AccessDeniedException: Bus says no to …"],
    );
    check(
        200,
        &entry("NotAuthorizedForSourceException"),
        expect![
            "Target [NotAuthorizedForSourceException] 200 NotAuthorizedForSourceException: Bus says no to …"
        ],
    );
    check(
        200,
        &entry("MalformedDetail"),
        expect!["Event [MalformedDetail] 200 MalformedDetail: Bus says no to …"],
    );
    check(
        200,
        &entry("ResourceNotFoundException"),
        expect!["Gone [ResourceNotFoundException] 200 ResourceNotFoundException: Bus says no to …"],
    );
    check(200, r#"{"Entries":[]}"#, expect!["Transient [no entry] 200, and an answer without the entry"]);
    check(200, "", expect!["Transient [no entry] 200, and an answer without the entry"]);
    check(
        400,
        r#"{"__type":"ValidationException","message":"1 validation error"}"#,
        expect!["Event [ValidationException] 400 ValidationException: 1 validation error"],
    );
    check(
        400,
        r#"{"__type":"AccessDeniedException","Message":"no"}"#,
        expect!["Target [AccessDeniedException] 400 AccessDeniedException: no"],
    );
    check(
        500,
        r#"{"__type":"InternalException"}"#,
        expect!["Transient [InternalException] 500 InternalException"],
    );
}
