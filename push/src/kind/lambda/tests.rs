//! An invocation's request, its batches, and what its answers mean.

use expect_test::{Expect, expect};

use super::*;
use crate::kind::tests::{
    answer, answer_with, arn, bare, check_like_botocore, erasure, event, json, replayed, shown,
};

const NOW: Timestamp = Timestamp::from_millis(0);

fn target(batch: bool) -> LambdaTarget {
    LambdaTarget { function: arn("lambda", "function:sink:live"), batch }
}

#[test]
fn an_invocation_is_as_botocore_makes_it() {
    let events = [event()];
    let (payload, _) = payload(&target(false), &events).unwrap();
    // botocore names no type of content; the service reads none.
    let (ours, theirs) = check_like_botocore("invoke", request(&target(false), payload), &["content-type"]);
    assert_eq!(String::from_utf8(ours.body).unwrap(), theirs.body);
}

#[test]
fn a_run_is_a_list_and_a_notice_has_a_key() {
    let check = |batch, events: &[Event<'_>], expected: Expect| {
        let (payload, part) = payload(&target(batch), events).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&payload).is_ok());
        expected.assert_eq(&format!("{} of {}: {payload}", part.len(), events.len()));
    };
    check(
        true,
        &[bare(), erasure()],
        expect![[
            r#"2 of 2: {"events":[{"eventId":"e-1","group":"AFC%20F5","version":1,"event":{}},{"eventId":"x-1","group":"AFC%20F5","version":4,"previousVersion":3,"incarnation":"0123456789abcdef","erased":"2026-11-29T09:00:00Z","key":"AFC F5"}]}"#
        ]],
    );
    check(
        false,
        &[replayed(), bare()],
        expect![[
            r#"1 of 2: {"eventId":"e-1","eventName":"Created","eventTime":"2026-11-20T10:00:00Z","group":"AFC%20F5","version":3,"previousVersion":2,"incarnation":"0123456789abcdef","replay":"r-1","event":{"price":1.10,"itemType":"mark","holder":"Zoë"}}"#
        ]],
    );
}

#[test]
fn a_run_that_is_too_large_is_cut() {
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(1_040_000));
    let large = Event { body: &body, ..event() };
    let events = vec![large; 10];
    let (payload, part) = payload(&target(true), &events).unwrap();
    assert_eq!(part.len(), 6);
    assert!(payload.len() <= PAYLOAD_LIMIT && payload.len() > PAYLOAD_LIMIT - body.len() - 1_000);
    assert_eq!(json(&payload)["events"].as_array().unwrap().len(), 6);
    let body = format!("\"{}\"", "x".repeat(PAYLOAD_LIMIT));
    let failure = super::payload(&target(false), &[Event { body: &body, ..event() }]).unwrap_err();
    assert_eq!((failure.kind, failure.alike.as_str()), (FailureKind::Event, "too large"));
}

fn check(batch: bool, answer: &Answer, expected: Expect) {
    let events = [event(), Event { id: "e-2", ..event() }, Event { id: "e-3", ..event() }];
    let found = match outcome(&target(batch), answer, &events, NOW) {
        Ok(()) => "all".to_owned(),
        Err((first, failure)) => format!("{first}: {}", shown(Some(failure))),
    };
    expected.assert_eq(&found);
}

#[test]
fn a_functions_own_error_is_no_throttling() {
    let fault = ("x-amz-function-error", "Unhandled");
    check(false, &answer(200, "{\"anything\":[]}"), expect!["all"]);
    check(
        false,
        &answer_with(200, fault, r#"{"errorMessage":"no Zoë","errorType":"ValueError"}"#),
        expect![[
            r#"0: Event [FunctionError] the function failed: {"errorMessage":"no …","errorType":"ValueError"}"#
        ]],
    );
    check(
        false,
        &answer(
            429,
            r#"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","message":"Rate Exceeded."}"#,
        ),
        expect!["0: Transient [429] 429: Rate Exceeded."],
    );
    check(
        false,
        &answer_with(429, ("x-amzn-errortype", "TooManyRequestsException"), "{}"),
        expect!["0: Transient [TooManyRequestsException] 429 TooManyRequestsException"],
    );
    check(
        false,
        &answer_with(403, ("x-amzn-errortype", "AccessDeniedException"), r#"{"Message":"not authorized"}"#),
        expect!["0: Target [AccessDeniedException] 403 AccessDeniedException: not authorized"],
    );
    check(
        false,
        &answer_with(
            404,
            ("x-amzn-errortype", "ResourceNotFoundException"),
            r#"{"Message":"Function not found"}"#,
        ),
        expect!["0: Gone [ResourceNotFoundException] 404 ResourceNotFoundException: Function not found"],
    );
    check(
        false,
        &answer_with(502, ("x-amzn-errortype", "KMSDisabledException"), "{}"),
        expect!["0: Target [KMSDisabledException] 502 KMSDisabledException"],
    );
    check(
        false,
        &answer_with(413, ("x-amzn-errortype", "RequestTooLargeException"), "{}"),
        expect!["0: Event [RequestTooLargeException] 413 RequestTooLargeException"],
    );
    check(false, &answer(503, ""), expect!["0: Transient [503] 503"]);
}

#[test]
fn a_batch_is_taken_up_to_the_first_event_that_is_returned() {
    for (body, expected) in [
        ("", expect!["all"]),
        ("null", expect!["all"]),
        ("{}", expect!["all"]),
        (r#"{"batchItemFailures":null}"#, expect!["all"]),
        (r#"{"batchItemFailures":[]}"#, expect!["all"]),
        (
            r#"{"batchItemFailures":[{"itemIdentifier":"e-3"},{"itemIdentifier":"e-2"}]}"#,
            expect!["1: Event [batchItemFailures] the function returned it in `batchItemFailures`"],
        ),
        (
            r#"{"batchItemFailures":[{"itemIdentifier":"e-3"},{"itemIdentifier":"e-9"}]}"#,
            expect![
                "0: Event [batchItemFailures] the function returned an `itemIdentifier` that no event has"
            ],
        ),
        (
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            expect![
                "0: Event [batchItemFailures] the function returned an `itemIdentifier` that no event has"
            ],
        ),
        (
            r#"{"batchItemFailures":[{}]}"#,
            expect![
                "0: Event [batchItemFailures] the function returned an `itemIdentifier` that no event has"
            ],
        ),
        (
            r#"{"batchItemFailures":{}}"#,
            expect![
                "0: Event [batchItemFailures] the function's answer is no JSON of 4,096 bytes or less with `batchItemFailures` as a list"
            ],
        ),
        (
            r#""ok""#,
            expect![
                "0: Event [batchItemFailures] the function's answer is no JSON of 4,096 bytes or less with `batchItemFailures` as a list"
            ],
        ),
        (
            r#"{"batchItemFailures":["#,
            expect![
                "0: Event [batchItemFailures] the function's answer is no JSON of 4,096 bytes or less with `batchItemFailures` as a list"
            ],
        ),
    ] {
        check(true, &answer(200, body), expected);
    }
}
