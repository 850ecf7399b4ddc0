//! A publication's request, and what its answers mean.

use expect_test::{Expect, expect};

use super::*;
use crate::kind::tests::{answer, arn, bare, check_like_botocore, erasure, event, replayed, shown};

fn path(text: &str) -> Path {
    Path(text.split('.').map(str::to_owned).collect())
}

fn target(topic: &str, attributes: &[(&str, &str)]) -> SnsTarget {
    let attributes = attributes.iter().map(|(name, at)| ((*name).to_owned(), path(at)));
    SnsTarget { topic: arn("sns", topic), attributes: attributes.collect() }
}

fn fields(body: &[u8]) -> Vec<String> {
    String::from_utf8(body.to_vec()).unwrap().split('&').map(str::to_owned).collect()
}

#[test]
fn a_publication_is_as_botocore_makes_it() {
    let request = request(&target("marks.fifo", &[("eventItemType", "itemType")]), &event()).unwrap();
    let (ours, theirs) = check_like_botocore("publish", request, &[]);
    let id = format!("MessageDeduplicationId={}", deduplication_id(&event()).as_str());
    let theirs = theirs.body.replace("MessageDeduplicationId=ID", &id);
    let (mut ours, mut theirs) = (fields(&ours.body), fields(theirs.as_bytes()));
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
}

#[test]
fn a_standard_topic_gets_no_group() {
    let request = request(&target("marks", &[]), &event()).unwrap();
    assert!(
        fields(&request.body)
            .iter()
            .all(|field| !field.starts_with("MessageGroupId") && !field.starts_with("MessageDed"))
    );
}

#[test]
fn a_repetition_has_the_same_id_and_a_replay_another() {
    let id = |event: &Event<'_>| deduplication_id(event).as_str().to_owned();
    assert_eq!(id(&event()), id(&event()));
    let mut other = event();
    other.message.incarnation = None;
    let others = [id(&event()), id(&replayed()), id(&erasure()), id(&bare()), id(&other)];
    let distinct: std::collections::BTreeSet<_> = others.iter().collect();
    assert_eq!(distinct.len(), others.len());
}

#[test]
fn attributes_say_what_the_queues_message_says_and_route_by_fields() {
    let check = |event: &Event<'_>, expected: Expect| {
        let target = target(
            "marks.fifo",
            &[
                ("type", "itemType"),
                ("price", "a.price"),
                ("open", "open"),
                ("list", "list"),
                ("deep", "a.list"),
                ("object", "a"),
                ("null", "null"),
                ("none", "a.none"),
                ("empty", "empty"),
                ("bell", "bell"),
            ],
        );
        let attributes = attributes(&target, event);
        let shown = attributes
            .iter()
            .map(|Attribute { name, data_type, value }| format!("{name} {data_type} {value}\n"));
        expected.assert_eq(&shown.collect::<String>());
    };
    let body = r#"{"itemType":"m\u00e4rk","a":{"price":1.10,"list":[[1]]},"open":true,"list":["x",1,null],"null":null,"empty":"","bell":"\u0007"}"#;
    check(
        &Event { body, ..replayed() },
        expect![[r#"
        eventId String e-1
        eventName String Created
        eventTime String 2026-11-20T10:00:00Z
        version Number 3
        previousVersion Number 2
        incarnation String 0123456789abcdef
        replay String r-1
        type String märk
        price Number 1.10
        open String true
        list String.Array ["x",1,null]
    "#]],
    );
    check(
        &erasure(),
        expect![[r#"
        eventId String x-1
        version Number 4
        previousVersion Number 3
        incarnation String 0123456789abcdef
        erased String 2026-11-29T09:00:00Z
    "#]],
    );
    check(
        &bare(),
        expect![[r#"
        eventId String e-1
        version Number 1
    "#]],
    );
}

#[test]
fn a_message_that_is_too_large_is_not_sent() {
    let body = format!("\"{}\"", "x".repeat(MESSAGE_LIMIT));
    let failure = request(&target("marks", &[]), &Event { body: &body, ..bare() }).unwrap_err();
    expect!["Event [too large] too large: 262176 bytes, and a topic takes 262144"]
        .assert_eq(&shown(Some(failure)));
    // eventId, String, e-1; version, Number, 1.
    let attributes = "eventIdStringe-1versionNumber1".len();
    let fits = "x".repeat(MESSAGE_LIMIT - attributes);
    assert!(request(&target("marks", &[]), &Event { body: &fits, ..bare() }).is_ok());
    let one_more = format!("{fits}x");
    assert!(request(&target("marks", &[]), &Event { body: &one_more, ..bare() }).is_err());
}

#[test]
fn what_a_topic_answers() {
    let xml = |code: &str| {
        format!(
            "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>Topic says no to Zoë</Message></Error></ErrorResponse>"
        )
    };
    let check = |status, body: &str, expected: Expect| {
        expected.assert_eq(&shown(outcome(&answer(status, body), &event(), Timestamp::from_millis(0))));
    };
    check(200, "<PublishResponse/>", expect!["taken"]);
    check(404, &xml("NotFound"), expect!["Gone [NotFound] 404 NotFound: Topic says no to …"]);
    check(
        403,
        &xml("AuthorizationError"),
        expect!["Target [AuthorizationError] 403 AuthorizationError: Topic says no to …"],
    );
    check(
        400,
        &xml("InvalidParameter"),
        expect!["Event [InvalidParameter] 400 InvalidParameter: Topic says no to …"],
    );
    check(
        400,
        &xml("KMSAccessDenied"),
        expect!["Target [KMSAccessDenied] 400 KMSAccessDenied: Topic says no to …"],
    );
    check(
        400,
        &xml("KMSThrottling"),
        expect!["Transient [KMSThrottling] 400 KMSThrottling: Topic says no to …"],
    );
    check(429, &xml("Throttled"), expect!["Transient [Throttled] 429 Throttled: Topic says no to …"]);
    check(
        500,
        &xml("InternalError"),
        expect!["Transient [InternalError] 500 InternalError: Topic says no to …"],
    );
}
