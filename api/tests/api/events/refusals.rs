//! What is refused, and that it is the same for a request and a message.

use std::fmt::Write as _;

use api::events::NewEvent;
use expect_test::expect;

use super::intake::Queue;
use super::{order_placed, tables};

#[test]
fn a_request_and_a_message_are_refused_for_the_same_reason() {
    // Inside the body, which is inside the item.
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let fits = format!(r#"{{"aggregate":"o","body":{{"total":{}}}}}"#, nested(30));
    assert!(NewEvent::of_request("Noted", None, None, fits.as_bytes(), &order_placed()).is_ok());
    let nested = nested(31);
    let many: Vec<String> = (0..500).map(|number| format!("\"unknown{number}\":1")).collect();
    let mut said = String::new();
    for rest in [
        "",
        r#""aggregate":"#,
        r#""body":{"total":1}"#,
        r#""aggregate":"","body":{"total":1}"#,
        r#""aggregate":"a b","body":{"total":1}"#,
        r#""aggregate":7,"body":{"total":1}"#,
        r#""aggregate":"o","body":{"total":1},"aggregate":"p""#,
        r#""aggregate":"o","expectedVersion":-1,"body":{"total":1}"#,
        r#""aggregate":"o","expectedVersion":1.5,"body":{"total":1}"#,
        r#""aggregate":"o","expectedVersion":"a secret","body":{"total":1}"#,
        r#""aggregate":"o","body":{"total":1},"version":1"#,
        r#""aggregate":"o""#,
        r#""aggregate":"o","body":null"#,
        r#""aggregate":"o","body":[]"#,
        r#""aggregate":"o","body":{"total":1,"lines":[{"":1,"sku":"x"}]}"#,
        r#""aggregate":"o","body":{"total":123456789012345678901234567890123456789}"#,
        r#""aggregate":"o","body":{"total":1e999}"#,
        r#""aggregate":"o","body":{"total":1,"code":"\ud800"}"#,
        &format!(r#""aggregate":"o","body":{{"lines":{nested}}}"#),
        r#""aggregate":"o","body":{}"#,
        r#""aggregate":"o","body":{"total":"a secret"}"#,
        r#""aggregate":"o","body":{"total":-5,"lines":[{"sku":"x"},{"sku":7},{}],"code":"a secret"}"#,
        r#""aggregate":"o","body":{"total":1,"a/b":1}"#,
        &format!(r#""aggregate":"o","body":{{"total":1,{}}}"#, many.join(",")),
    ] {
        let body = format!("{{{rest}}}");
        let refusal =
            NewEvent::of_request("OrderPlaced", None, None, body.as_bytes(), &order_placed()).unwrap_err();
        let comma = if rest.is_empty() { "" } else { "," };
        let queue = Queue::new(tables(), ".fifo");
        queue.send("1", "group", "1", &format!("{{\"eventName\":\"OrderPlaced\"{comma}{rest}}}"));
        assert_eq!(queue.take(), "");
        let [rejection] = queue.rejections().try_into().unwrap();
        let reason = refusal.reason();
        // Where what is read differs: the place, and which fields there are.
        if rest.is_empty() || reason.contains("line 1 column") || reason.contains("expected one of") {
            assert!(rejection["reason"].as_str().unwrap().starts_with(refusal.kind.as_str()), "{rest}");
        } else {
            assert_eq!(rejection["reason"], reason.as_str(), "{rest}");
        }
        assert!(!reason.contains("secret"), "{reason}");
        writeln!(said, "{reason}").unwrap();
    }
    expect![[r#"
        invalid-field: missing field `aggregate`; correct the field
        malformed-json: expected value at line 1 column 14; send one JSON object in UTF-8
        invalid-field: missing field `aggregate`; correct the field
        invalid-field: `aggregate`: must be 1 to 128 visible ASCII characters without a space, such as `order-17`; correct the field
        invalid-field: `aggregate`: must be 1 to 128 visible ASCII characters without a space, such as `order-17`; correct the field
        invalid-field: `aggregate`: must be a string; correct the field
        invalid-field: duplicate field `aggregate`; correct the field
        invalid-field: `expectedVersion`: must be a whole number from 0 on; correct the field
        invalid-field: `expectedVersion`: must be a whole number from 0 on; correct the field
        invalid-field: `expectedVersion`: must be a whole number from 0 on; correct the field
        invalid-field: `version`: unknown field `version`, expected one of `aggregate`, `expectedVersion`, `body`; correct the field
        invalid-field: missing field `body`; correct the field
        schema-violation: `body`: the body is not what `events/OrderPlaced.json` allows; `/body`: value is not of type "object"; correct the body by its schema
        schema-violation: `body`: the body is not what `events/OrderPlaced.json` allows; `/body`: value is not of type "object"; correct the body by its schema
        invalid-field: `body`: must have no member whose name is empty; correct the field
        invalid-field: `body`: can't be kept: a number with more than 38 digits, or out of DynamoDB's range; correct the field
        invalid-field: `body`: can't be kept: a number with more than 38 digits, or out of DynamoDB's range; correct the field
        invalid-field: `body`: can't be kept: not JSON: unexpected end of hex escape; correct the field
        invalid-field: `body`: can't be kept: nested deeper than 32 levels; correct the field
        schema-violation: `body`: the body is not what `events/OrderPlaced.json` allows; `/body`: "total" is a required property; correct the body by its schema
        schema-violation: `body`: the body is not what `events/OrderPlaced.json` allows; `/body/total`: value is not of type "number"; correct the body by its schema
        schema-violation: `body`: the body is not what `events/OrderPlaced.json` allows; `/body/code`: value does not match "^[A-Z]+$"; `/body/lines/1/sku`: value is not of type "string"; `/body/lines/2`: "sku" is a required property; `/body/total`: value is less than the minimum of 0; correct the body by its schema
        schema-violation: `body`: the body is not what `events/OrderPlaced.json` allows; `/body`: Additional properties are not allowed ('a/b' was unexpected); correct the body by its schema
        schema-violation: `body`: the body is not what `events/OrderPlaced.json` allows; `/body`: Additional properties are not allowed ('unknown0', 'unknown1', 'unknown10', 'unknown100', 'unknown101', 'unknown102', 'unknown103', 'unknown104', 'unknown105', 'unknown106', 'unknown107', 'unknown108', 'unknown109', 'unknown11', 'unknown110', 'unknown11…; correct the body by its schema
    "#]].assert_eq(&said);
}

#[test]
fn names_and_ids_of_requests_are_checked_and_versions_must_not_contradict() {
    let body = r#"{"aggregate":"o","expectedVersion":3,"body":{"total":1}}"#;
    let read = |name: &str, expected: Option<u64>, id: Option<&str>| {
        let read = NewEvent::of_request(name, expected, id, body.as_bytes(), &order_placed());
        read.map_or_else(|refusal| refusal.reason(), |_| "accepted".to_owned())
    };
    let mut said = String::new();
    for (name, expected, id) in [
        ("OrderPlaced", None, None),
        ("OrderPlaced", Some(3), Some("1")),
        ("OrderPlaced", Some(4), None),
        ("OrderPlaced", None, Some("a b")),
        ("../OrderPlaced", None, None),
        ("Order.Placed", None, None),
        // It has no schema.
        ("OrderShipped", None, None),
    ] {
        writeln!(said, "{}", read(name, expected, id)).unwrap();
    }
    expect![[r#"
        accepted
        accepted
        invalid-field: `expectedVersion`: must be that of `If-Match`, or left out; correct the field
        invalid-field: `Idempotency-Key`: must be 1 to 128 visible ASCII characters, such as a UUID; correct the field
        invalid-field: `eventName`: must be 1 to 64 ASCII letters, digits, `_` and `-`, a letter first, such as `OrderPlaced`; correct the field
        invalid-field: `eventName`: must be 1 to 64 ASCII letters, digits, `_` and `-`, a letter first, such as `OrderPlaced`; correct the field
        accepted
    "#]].assert_eq(&said);
}

#[test]
fn what_is_too_large_is_refused_with_its_limit() {
    let body = |length: usize| {
        let rest = r#"{"aggregate":"o","body":{"x":""}}"#;
        rest.replace("\"\"", &format!("\"{}\"", "x".repeat(length - rest.len())))
    };
    let read = |body: &str| NewEvent::of_request("Noted", None, None, body.as_bytes(), &order_placed());
    assert!(read(&body(64 * 1024)).is_ok());
    let refusal = read(&body(64 * 1024 + 1)).unwrap_err();
    let queue = Queue::new(tables(), "");
    let message = |length: usize| body(length - 20).replacen('{', "{\"eventName\":\"Noted\",", 1);
    for (id, length) in [("fits", 64 * 1024), ("large", 64 * 1024 + 1)] {
        let message = message(length);
        assert_eq!(message.len(), length);
        queue.send(id, "", "", &message);
    }
    assert_eq!(queue.take(), "");
    let [rejection] = queue.rejections().try_into().unwrap();
    assert_eq!((&rejection["eventId"], &rejection["reason"]), (&"large".into(), &refusal.reason().into()));
    expect!["body-too-large: the event has more than 65536 bytes; send less, and a reference to the rest"]
        .assert_eq(&refusal.reason());
}
