//! A record's request, and what its answers mean.

use expect_test::{Expect, expect};

use super::*;
use crate::kind::tests::{answer, arn, check_like_botocore, event, json, shown};

fn target() -> KinesisTarget {
    KinesisTarget { stream: arn("kinesis", "stream/marks") }
}

#[test]
fn a_record_is_as_botocore_makes_it() {
    let request = request(&target(), &event(), Some("4959")).unwrap();
    let (ours, theirs) = check_like_botocore("put_record", request, &[]);
    assert_eq!(json(ours.body), json(theirs.body));
}

#[test]
fn the_first_record_follows_none() {
    let body = json(request(&target(), &event(), None).unwrap().body);
    assert!(body.get("SequenceNumberForOrdering").is_none(), "{body}");
}

#[test]
fn a_record_that_is_too_large_is_not_sent() {
    let body = format!("\"{}\"", "x".repeat(RECORD_LIMIT));
    let failure = request(&target(), &Event { body: &body, ..event() }, None).unwrap_err();
    assert_eq!((failure.kind, failure.alike.as_str()), (FailureKind::Event, "too large"));
}

#[test]
fn what_a_stream_answers() {
    let check = |status, body: &str, expected: Expect| {
        let found = match outcome(&answer(status, body), &event(), Timestamp::from_millis(0)) {
            Ok(mark) => format!("taken, {mark:?}"),
            Err(failure) => shown(Some(failure)),
        };
        expected.assert_eq(&found);
    };
    let error = |code: &str| format!(r#"{{"__type":"{code}","message":"Stream says no to Zoë"}}"#);
    check(200, r#"{"ShardId":"shardId-0","SequenceNumber":"4960"}"#, expect![[r#"taken, Some("4960")"#]]);
    check(200, "{}", expect!["Transient [no number] 200, and an answer without `SequenceNumber`"]);
    check(
        400,
        &error("ProvisionedThroughputExceededException"),
        expect![
            "Transient [ProvisionedThroughputExceededException] 400 ProvisionedThroughputExceededException: Stream says no to …"
        ],
    );
    check(
        400,
        &error("ResourceNotFoundException"),
        expect!["Gone [ResourceNotFoundException] 400 ResourceNotFoundException: Stream says no to …"],
    );
    check(
        400,
        &error("InvalidArgumentException"),
        expect!["Event [InvalidArgumentException] 400 InvalidArgumentException: Stream says no to …"],
    );
    check(
        400,
        &error("KMSAccessDeniedException"),
        expect!["Target [KMSAccessDeniedException] 400 KMSAccessDeniedException: Stream says no to …"],
    );
    check(
        400,
        &error("KMSThrottlingException"),
        expect!["Transient [KMSThrottlingException] 400 KMSThrottlingException: Stream says no to …"],
    );
    check(
        400,
        &error("AccessDeniedException"),
        expect!["Target [AccessDeniedException] 400 AccessDeniedException: Stream says no to …"],
    );
    check(
        500,
        &error("InternalFailureException"),
        expect!["Transient [InternalFailureException] 500 InternalFailureException: Stream says no to …"],
    );
}
