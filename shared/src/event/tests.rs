use expect_test::{Expect, expect};
use serde_json::{Map, Value, json};

use super::*;
use crate::message::AttributeValue;
use crate::time::Timestamp;

/// The source of the companion's marks.
fn source() -> Source {
    let attribute = |name: &str| Some(Path(vec![name.to_owned()]));
    Source {
        partition_key: "mark".to_owned(),
        sort_key: "createTime".to_owned(),
        id: attribute("eventId"),
        name: attribute("eventName"),
        time: attribute("createTime"),
        version: Path(vec!["RegistrationNumber".to_owned(), "version".to_owned()]).into(),
        filter: None,
    }
}

/// A source with only the members that it must have.
fn plain() -> Source {
    Source { id: None, name: None, ..source() }
}

/// An event of the companion, with the attribute `name` changed to `value` or, if that is empty, removed.
fn item(name: &str, value: &str) -> String {
    let version = r#"{"M": {"version": {"N": "3"}}}"#;
    let attributes = [
        ("mark", r#"{"S": "AFC F5"}"#),
        ("createTime", r#"{"S": "2025-03-01T09:30:00Z"}"#),
        ("eventId", r#"{"S": "a1b2"}"#),
        ("eventName", r#"{"S": "EntitlementCreated"}"#),
        ("RegistrationNumber", version),
    ];
    let others = attributes.into_iter().filter(|(own, _)| *own != name);
    let changed = Some((name, value)).filter(|_| !value.is_empty());
    let entries =
        others.chain(changed).map(|(name, value)| format!("\"{name}\": {value}")).collect::<Vec<_>>();
    format!("{{{}}}", entries.join(", "))
}

fn shown(event: &Event) -> String {
    format!(
        "{} {} {} {} {}",
        event.group(),
        event.id(),
        event.name().unwrap_or("-"),
        event.time().unwrap_or("-"),
        event.version()
    )
}

fn read(source: &Source, item: &str) -> Result<Event, EventError> {
    Reader::new(source).read(item)
}

#[test]
fn what_an_event_is_made_of() {
    let check = |source: &Source, item: &str, expect: Expect| {
        expect.assert_eq(&read(source, item).map_or_else(|error| error.to_string(), |event| shown(&event)));
    };
    check(
        &source(),
        &item("unknown", r#"{"NULL": true}"#),
        expect!["AFC%20F5 a1b2 EntitlementCreated 2025-03-01T09:30:00Z 3"],
    );
    check(
        &plain(),
        &item("unknown", r#"{"NULL": true}"#),
        expect![
            "AFC%20F5 7e1dde1fe160a9402b8bfb30cea5725912275916235551b7f251790e66b0079d - 2025-03-01T09:30:00Z 3"
        ],
    );
    check(
        &Source { id: None, ..source() },
        &item("eventId", ""),
        expect![
            "AFC%20F5 7e1dde1fe160a9402b8bfb30cea5725912275916235551b7f251790e66b0079d EntitlementCreated 2025-03-01T09:30:00Z 3"
        ],
    );
    check(&source(), &item("eventName", ""), expect!["AFC%20F5 a1b2 - 2025-03-01T09:30:00Z 3"]);
    check(&source(), &item("eventName", r#"{"S": ""}"#), expect!["AFC%20F5 a1b2 - 2025-03-01T09:30:00Z 3"]);
    check(&source(), &item("eventName", r#"{"M": {}}"#), expect!["AFC%20F5 a1b2 - 2025-03-01T09:30:00Z 3"]);
    check(
        &source(),
        &item("eventName", r#"{"N": "17"}"#),
        expect!["AFC%20F5 a1b2 17 2025-03-01T09:30:00Z 3"],
    );
    check(
        &source(),
        &item("eventName", r#"{"S": "a\u0001\ufffe\n"}"#),
        expect![[r#"
        AFC%20F5 a1b2 a\u0001\ufffe
         2025-03-01T09:30:00Z 3"#]],
    );
    check(
        &source(),
        &item("mark", r#"{"N": "7"}"#),
        expect!["~n7 a1b2 EntitlementCreated 2025-03-01T09:30:00Z 3"],
    );
    check(
        &source(),
        &item("mark", r#"{"B": "AP8="}"#),
        expect!["~bAP8 a1b2 EntitlementCreated 2025-03-01T09:30:00Z 3"],
    );
    check(
        &source(),
        &item("eventId", r#"{"N": "12345678901234567890123456789012345678"}"#),
        expect!["AFC%20F5 12345678901234567890123456789012345678 EntitlementCreated 2025-03-01T09:30:00Z 3"],
    );
    let version = |number: &str| format!(r#"{{"M": {{"version": {{"N": "{number}"}}}}}}"#);
    check(
        &source(),
        &item("RegistrationNumber", &version("999999999999999999")),
        expect!["AFC%20F5 a1b2 EntitlementCreated 2025-03-01T09:30:00Z 999999999999999999"],
    );
    check(
        &source(),
        &item("RegistrationNumber", r#"{"M": {"version": {"S": "0000000012"}}}"#),
        expect!["AFC%20F5 a1b2 EntitlementCreated 2025-03-01T09:30:00Z 12"],
    );
    let path = Path(vec!["createTime".to_owned()]);
    let version = VersionPlace { after: Some("EVENT#".to_owned()), ..path.into() };
    let in_sort_key = Source { version, ..source() };
    check(
        &in_sort_key,
        &item("createTime", r#"{"S": "EVENT#0000000012"}"#),
        expect!["AFC%20F5 a1b2 EntitlementCreated EVENT#0000000012 12"],
    );
    let error = |sort: &str| {
        read(&in_sort_key, &item("createTime", &format!(r#"{{"S": "{sort}"}}"#))).unwrap_err().to_string()
    };
    for sort in ["SNAPSHOT#12", "EVENT#", "EVENT#0", "EVENT#1a", "EVENT#+1", "event#1"] {
        assert_eq!(
            error(sort),
            "`createTime`, the event's version, is not a whole number from 1 to 999999999999999999 behind `EVENT#`"
        );
    }
}

#[test]
fn what_can_never_be_an_event() {
    let check = |item: &str, expect: Expect| {
        expect.assert_eq(&read(&source(), item).unwrap_err().to_string());
    };
    let version = |value: &str| item("RegistrationNumber", &format!(r#"{{"M": {{"version": {value}}}}}"#));
    check(
        &item("mark", ""),
        expect![
            "the event lacks `mark`, its partition key; `[source]` in `client-queues.toml` says where it is"
        ],
    );
    check(&item("mark", r#"{"S": ""}"#), expect!["`mark`, the event's partition key, is empty"]);
    check(&item("mark", r#"{"B": ""}"#), expect!["`mark`, the event's partition key, is empty"]);
    check(
        &item("mark", r#"{"SS": ["AFC F5"]}"#),
        expect!["`mark`, the event's partition key, is of type `SS`; it must be a string, a number or bytes"],
    );
    check(
        &item("createTime", ""),
        expect![
            "the event lacks `createTime`, its sort key; `[source]` in `client-queues.toml` says where it is"
        ],
    );
    check(
        &item("createTime", r#"{"NULL": true}"#),
        expect![
            "`createTime`, the event's sort key, is of type `NULL`; it must be a string, a number or bytes"
        ],
    );
    check(
        &item("eventId", ""),
        expect!["the event lacks `eventId`, its id; `[source]` in `client-queues.toml` says where it is"],
    );
    check(&item("eventId", r#"{"S": ""}"#), expect!["`eventId`, the event's id, is empty"]);
    check(
        &item("eventId", r#"{"BOOL": true}"#),
        expect!["`eventId`, the event's id, is of type `BOOL`; it must be a string, a number or bytes"],
    );
    check(
        &item("eventId", r#"{"BOOL": true}"#),
        expect!["`eventId`, the event's id, is of type `BOOL`; it must be a string, a number or bytes"],
    );
    check(
        &item("eventId", &format!(r#"{{"S": "{}"}}"#, "x".repeat(257))),
        expect!["`eventId`, the event's id, has 257 bytes; at most 256 are sent"],
    );
    check(
        &item("RegistrationNumber", ""),
        expect![
            "the event lacks `RegistrationNumber.version`, its version; `[source]` in `client-queues.toml` says where it is"
        ],
    );
    check(
        &item("RegistrationNumber", r#"{"S": "3"}"#),
        expect![
            "the event lacks `RegistrationNumber.version`, its version; `[source]` in `client-queues.toml` says where it is"
        ],
    );
    check(
        &version(r#"{"S": "three"}"#),
        expect![
            "`RegistrationNumber.version`, the event's version, is not a whole number from 1 to 999999999999999999"
        ],
    );
    check(
        &version(r#"{"B": "AA=="}"#),
        expect![
            "`RegistrationNumber.version`, the event's version, is of type `B`; it must be a number, or text of digits"
        ],
    );
    check(
        &version(r#"{"L": []}"#),
        expect![
            "`RegistrationNumber.version`, the event's version, is of type `L`; it must be a number, or text of digits"
        ],
    );
    check(
        &version(r#"{"N": "0"}"#),
        expect![
            "`RegistrationNumber.version`, the event's version, is not a whole number from 1 to 999999999999999999"
        ],
    );
    check(
        &version(r#"{"N": "-1"}"#),
        expect![
            "`RegistrationNumber.version`, the event's version, is not a whole number from 1 to 999999999999999999"
        ],
    );
    check(
        &version(r#"{"N": "1.5"}"#),
        expect![
            "`RegistrationNumber.version`, the event's version, is not a whole number from 1 to 999999999999999999"
        ],
    );
    check(
        &version(r#"{"N": "18446744073709551616"}"#),
        expect![
            "`RegistrationNumber.version`, the event's version, is not a whole number from 1 to 999999999999999999"
        ],
    );
    check(
        &version(r#"{"N": "three"}"#),
        expect!["attribute `RegistrationNumber.*`: not a number as JSON writes it"],
    );
}

#[test]
fn an_event_is_known_by_its_items_keys_and_its_own_id() {
    let event = read(&source(), &item("price", r#"{"N": "299.90"}"#)).unwrap();
    let [key, sort] = ["AFC F5", "2025-03-01T09:30:00Z"].map(|text| Key::S(text.to_owned()));
    let identity = EventIdentity { sort, id: Some(event.id().to_owned()) };
    assert_eq!((event.key(), event.identity()), (&key, &identity));
    assert_eq!(*event.deduplication_id(), DeduplicationId::of_event(&key, &identity));
    let plain = read(&plain(), &item("price", r#"{"N": "299.90"}"#)).unwrap();
    assert_eq!(*plain.identity(), EventIdentity::from(identity.sort));
    assert_eq!(plain.id(), plain.deduplication_id().as_str(), "if the source names no other id");
    // A UUID as bytes.
    let binary = read(&source(), &item("eventId", r#"{"B": "VQ6EAOKbQdSnFkRmVUQAAQ=="}"#)).unwrap();
    assert_eq!(binary.id(), "VQ6EAOKbQdSnFkRmVUQAAQ==");
    assert_eq!(binary.identity().id.as_deref(), Some(binary.id()));
}

#[test]
fn texts_have_a_limit_counted_as_they_are_sent() {
    let at = |length: usize| format!(r#"{{"S": "{}"}}"#, "x".repeat(length));
    for (name, value, kept) in [
        ("eventName", at(TEXT_LIMIT), true),
        ("eventName", at(TEXT_LIMIT + 1), false),
        ("eventName", format!(r#"{{"S": "\u0001{}"}}"#, "x".repeat(TEXT_LIMIT - 6)), true),
        ("eventName", format!(r#"{{"S": "\u0001{}"}}"#, "x".repeat(TEXT_LIMIT - 5)), false),
        ("eventName", format!(r#"{{"S": "{}"}}"#, "é".repeat(TEXT_LIMIT / 2)), true),
        ("eventName", format!(r#"{{"S": "{}"}}"#, "é".repeat(TEXT_LIMIT / 2 + 1)), false),
    ] {
        let event = read(&source(), &item(name, &value)).unwrap();
        assert_eq!(event.name().is_some(), kept, "{value}");
        assert!(event.body().contains('x') || event.body().contains('é'), "the body has it nevertheless");
    }
    assert!(read(&source(), &item("eventId", &at(TEXT_LIMIT))).is_ok());
}

/// A message, with SQS's names for its parts.
fn shown_message(message: &Message) -> Value {
    let attributes = message.attributes().iter().map(|Attribute { name, data_type, value }| {
        let AttributeValue::Text(text) = value else { panic!("an event has no such attribute") };
        (name.clone(), json!({ "DataType": data_type, "StringValue": text }))
    });
    let trace = message.trace_header();
    let trace =
        trace.map(|header| json!({ "AWSTraceHeader": { "DataType": "String", "StringValue": header } }));
    let members = [
        ("MessageBody", Some(json!(message.body().text()))),
        ("MessageGroupId", Some(json!(message.group().as_str()))),
        ("MessageDeduplicationId", Some(json!(message.deduplication_id().as_str()))),
        ("MessageAttributes", Some(attributes.collect::<Map<_, _>>().into())),
        ("MessageSystemAttributes", trace),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[test]
fn message_of_an_event() {
    let check = |source: &Source, item: &str, streamed_at: Option<u64>, expect: Expect| {
        let along = Along {
            trace_header: Some("Root=1-5759e988-bd862e3fe1be46a994272793"),
            streamed_at: streamed_at.map(Timestamp::from_millis),
            ..Along::default()
        };
        let message = read(source, item).unwrap().message(along);
        expect.assert_eq(&format!("{:#}", shown_message(&message)));
    };
    check(
        &source(),
        &item("price", r#"{"N": "299.90"}"#),
        Some(1_740_821_400_123),
        expect![[r#"
            {
              "MessageAttributes": {
                "eventId": {
                  "DataType": "String",
                  "StringValue": "a1b2"
                },
                "eventName": {
                  "DataType": "String",
                  "StringValue": "EntitlementCreated"
                },
                "eventTime": {
                  "DataType": "String",
                  "StringValue": "2025-03-01T09:30:00Z"
                },
                "streamedAt": {
                  "DataType": "Number",
                  "StringValue": "1740821400123"
                },
                "version": {
                  "DataType": "Number",
                  "StringValue": "3"
                }
              },
              "MessageBody": "{\"RegistrationNumber\":{\"version\":3},\"createTime\":\"2025-03-01T09:30:00Z\",\"eventId\":\"a1b2\",\"eventName\":\"EntitlementCreated\",\"mark\":\"AFC F5\",\"price\":299.90}",
              "MessageDeduplicationId": "6e4719840d4b3dd04de4b2904662dcd6b6b3a4c8d662ded70999784eb2a68d60",
              "MessageGroupId": "AFC%20F5",
              "MessageSystemAttributes": {
                "AWSTraceHeader": {
                  "DataType": "String",
                  "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"
                }
              }
            }"#]],
    );
    check(
        &plain(),
        &item("eventName", r#"{"S": ""}"#),
        None,
        expect![[r#"
            {
              "MessageAttributes": {
                "eventId": {
                  "DataType": "String",
                  "StringValue": "7e1dde1fe160a9402b8bfb30cea5725912275916235551b7f251790e66b0079d"
                },
                "eventTime": {
                  "DataType": "String",
                  "StringValue": "2025-03-01T09:30:00Z"
                },
                "version": {
                  "DataType": "Number",
                  "StringValue": "3"
                }
              },
              "MessageBody": "{\"RegistrationNumber\":{\"version\":3},\"createTime\":\"2025-03-01T09:30:00Z\",\"eventId\":\"a1b2\",\"eventName\":\"\",\"mark\":\"AFC F5\"}",
              "MessageDeduplicationId": "7e1dde1fe160a9402b8bfb30cea5725912275916235551b7f251790e66b0079d",
              "MessageGroupId": "AFC%20F5",
              "MessageSystemAttributes": {
                "AWSTraceHeader": {
                  "DataType": "String",
                  "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"
                }
              }
            }"#]],
    );
}
