//! What the converter does with a batch of stream records.

use std::time::Duration;

use converter::payload::BatchError;
use expect_test::expect;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::ids::{DeduplicationId, Group, Key, ReplayId};
use shared::message::{Attribute, Body, EVENT_LIMIT, Message, SQS_LIMIT};
use shared::metrics::Tally;
use testkit::memory::{CallFault, EntryFault, Fault, Faults};

use crate::world::{World, checkpoint, insert, record, sequence_number};

const EVENTS: &str = "AFC%20F5: 1 2 3 | X1: 1 2";

fn records() -> Vec<Value> {
    vec![
        insert("AFC F5", 1, 1),
        insert("X1", 1, 2),
        insert("AFC F5", 2, 3),
        insert("AFC F5", 3, 4),
        insert("X1", 2, 5),
    ]
}

/// The record with one member changed; the path is as in a JSON pointer.
fn with(mut record: Value, pointer: &str, value: Value) -> Value {
    *record.pointer_mut(pointer).expect("the member exists") = value;
    record
}

fn without(mut record: Value, parent: &str, member: &str) -> Value {
    record.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(member).expect("the member exists");
    record
}

#[test]
fn every_insert_becomes_a_message_of_its_aggregate_in_order() {
    let world = World::new();
    let response = world.deliver(&records()).unwrap();
    assert_eq!(checkpoint(&response), None);
    assert_eq!(world.events(), EVENTS);
    assert_eq!(world.rejections(), Vec::<Value>::new());

    let first = world.sent().remove(0);
    expect![[r#"{"RegistrationNumber":{"price":299.9,"version":1},"createTime":"2026-11-20T10:00:01Z","eventId":"event-AFC F5-1","eventName":"EntitlementCreatedEvent","mark":"AFC F5"}"#]].assert_eq(&first.body);
    assert_eq!(
        first.attributes,
        [
            Attribute::string("eventId", "event-AFC F5-1"),
            Attribute::string("eventName", "EntitlementCreatedEvent"),
            Attribute::string("eventTime", "2026-11-20T10:00:01Z"),
            Attribute::number("streamedAt", "1800000000000"),
            Attribute::number("version", "1"),
        ]
    );
    assert_eq!(first.trace_header.as_deref(), Some("Root=1-5759e988-bd862e3fe1be46a994272793"));
}

#[test]
fn an_empty_batch_is_a_success() {
    assert_eq!(checkpoint(&World::new().deliver(&[]).unwrap()), None);
}

#[test]
fn what_is_no_payload_fails_the_invocation() {
    for payload in ["{}", "[]", "null", r#"{"Records":{}}"#] {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        let error = World::new().deliver_payload(&payload).unwrap_err();
        assert!(matches!(error, BatchError::Payload { .. }), "{error}");
    }
}

#[test]
fn changes_that_are_no_events_are_skipped() {
    let mut expired = record("REMOVE", "X1", 1, 1);
    expired["userIdentity"] = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
    let expired = without(expired, "/dynamodb", "NewImage");
    let removed = without(record("REMOVE", "X1", 1, 2), "/dynamodb", "NewImage");
    let modified = record("MODIFY", "X1", 1, 3);
    let world = World::new();
    let response = world.deliver(&[expired, removed, modified, insert("X1", 2, 4)]).unwrap();
    assert_eq!(checkpoint(&response), None);
    assert_eq!(world.events(), "X1: 2");
    assert_eq!(world.rejections(), Vec::<Value>::new());
}

/// The messages on the fan-out queue in order: `X1 2` is an event, `X1 ?` a hint.
fn with_hints(world: &World) -> String {
    let messages = world.sent().into_iter().map(|sent| {
        let attribute = |name: &str| sent.attributes.iter().any(|attribute| attribute.name == name);
        let body: Value = serde_json::from_str(&sent.body).unwrap();
        match body["RegistrationNumber"]["version"].as_i64() {
            Some(version) => format!("{} {version}", sent.group),
            None => {
                assert!(attribute("hint"), "{sent:?}");
                assert_eq!(body, json!({ "S": sent.group.as_str() }));
                format!("{} ?", sent.group)
            }
        }
    });
    messages.collect::<Vec<_>>().join(", ")
}

#[test]
fn removals_become_one_hint_for_each_aggregate_in_its_place() {
    let removed =
        |mark, version, number| without(record("REMOVE", mark, version, number), "/dynamodb", "NewImage");
    let mut expired = removed("Y2", 1, 6);
    expired["userIdentity"] = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
    let records = [
        insert("X1", 2, 1),
        removed("X1", 1, 2),
        insert("Y2", 1, 3),
        removed("X1", 2, 4),
        insert("X1", 1, 5),
        expired,
    ];
    let world = World::with_notices();
    assert_eq!(checkpoint(&world.deliver(&records).unwrap()), None);
    assert_eq!(with_hints(&world), "X1 2, Y2 1, X1 ?, Y2 ?, X1 1");
    let metrics = world.tally.borrow().to_string();
    assert!(metrics.contains("RecordsIn 6, Events 3, Skipped 1") && metrics.contains("Sent 5"), "{metrics}");
    // The batch comes again: SQS swallows all of it.
    world.deliver(&records).unwrap();
    assert_eq!(world.sent().len(), 5);
    // Where no client wants to know, nothing is said.
    let world = World::new();
    world.deliver(&records).unwrap();
    assert_eq!(with_hints(&world), "X1 2, Y2 1, X1 1");
}

#[test]
fn a_hint_that_the_queue_does_not_take_comes_again_before_what_follows_it() {
    let removed = without(record("REMOVE", "X1", 1, 2), "/dynamodb", "NewImage");
    let records = [insert("Y2", 1, 1), removed, insert("X1", 1, 3)];
    let world = World::with_notices();
    let denied = Fault::Entry(1, EntryFault::Denied);
    world.queues.set_faults(&world.fan_out, Faults::script([(0, denied)]));
    world.drain(&records);
    assert_eq!(with_hints(&world).replace("Y2 1, ", "").replace(", Y2 1", ""), "X1 ?, X1 1");
}

#[test]
fn a_removal_without_a_key_is_passed_over() {
    let world = World::with_notices();
    let removed = || without(record("REMOVE", "X1", 1, 1), "/dynamodb", "NewImage");
    for bad in [
        without(removed(), "/dynamodb/Keys", "mark"),
        with(removed(), "/dynamodb/Keys/mark", json!({ "M": {} })),
        with(removed(), "/dynamodb/Keys/mark", json!({ "S": "" })),
        without(removed(), "/dynamodb", "Keys"),
        without(removed(), "", "eventID"),
    ] {
        assert_eq!(checkpoint(&world.deliver(&[bad, insert("X1", 2, 2)]).unwrap()), None);
    }
    assert_eq!(with_hints(&world), "X1 2");
    assert_eq!(world.rejections(), Vec::<Value>::new());
}

#[test]
fn a_stream_without_new_images_is_an_error_that_says_what_to_change() {
    for change in ["INSERT", "REMOVE"] {
        for view_type in ["KEYS_ONLY", "OLD_IMAGE"] {
            let bad = with(record(change, "X1", 1, 1), "/dynamodb/StreamViewType", json!(view_type));
            let world = World::new();
            let error =
                world.deliver(&[without(bad, "/dynamodb", "NewImage"), insert("X1", 2, 2)]).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(view_type) && text.contains("`NEW_IMAGE`"), "{text}");
            assert_eq!(world.events(), "", "nothing is sent past it");
        }
    }
}

#[test]
fn a_record_that_can_never_be_sent_is_rejected_and_the_others_go_on() {
    let huge = "x".repeat(EVENT_LIMIT);
    let good = || insert("X1", 2, 2);
    let cases = [
        ("bad number", with(good(), "/dynamodb/NewImage/RegistrationNumber/M/price", json!({ "N": "1,5" }))),
        ("unknown type", with(good(), "/dynamodb/NewImage/eventName", json!({ "X": "y" }))),
        ("two types", with(good(), "/dynamodb/NewImage/eventName", json!({ "S": "a", "N": "1" }))),
        ("no image", without(good(), "/dynamodb", "NewImage")),
        ("image is no map", with(good(), "/dynamodb/NewImage", json!(7))),
        ("no partition key", without(good(), "/dynamodb/NewImage", "mark")),
        ("no sort key", without(good(), "/dynamodb/NewImage", "createTime")),
        ("no id", without(good(), "/dynamodb/NewImage", "eventId")),
        ("no version", without(good(), "/dynamodb/NewImage", "RegistrationNumber")),
        ("version 0", with(good(), "/dynamodb/NewImage/RegistrationNumber/M/version", json!({ "N": "0" }))),
        (
            "version 1.5",
            with(good(), "/dynamodb/NewImage/RegistrationNumber/M/version", json!({ "N": "1.5" })),
        ),
        ("no eventID", without(good(), "", "eventID")),
        ("unknown change", with(good(), "/eventName", json!("TRUNCATE"))),
        ("change is no text", with(good(), "/eventName", json!(1))),
        ("no dynamodb", without(good(), "", "dynamodb")),
        ("not an object", json!(["INSERT"])),
        ("too long", with(good(), "/dynamodb/NewImage/eventName", json!({ "S": huge }))),
    ];
    for (name, bad) in cases {
        let world = World::new();
        let response =
            world.deliver(&[insert("X1", 1, 1), bad, insert("X1", 3, 3), insert("Y2", 1, 4)]).unwrap();
        assert_eq!(checkpoint(&response), None, "{name}: the shard goes on");
        assert_eq!(world.events(), "X1: 1 3 | Y2: 1", "{name}");
        assert_eq!(world.reasons().len(), 1, "{name}");
    }
}

#[test]
fn a_rejection_says_why_and_where() {
    let world = World::new();
    let bad =
        with(insert("AFC F5", 2, 7), "/dynamodb/NewImage/RegistrationNumber/M/price", json!({ "N": "1,5" }));
    world.deliver(std::slice::from_ref(&bad)).unwrap();
    let rejection = world.rejections().remove(0);
    assert!(
        rejection["reason"].as_str().unwrap().contains("`RegistrationNumber.*`"),
        "{}",
        rejection["reason"]
    );
    assert!(
        !rejection["reason"].as_str().unwrap().contains("1,5"),
        "no value of the event in a reason: it is logged"
    );
    assert!(
        !rejection["reason"].as_str().unwrap().contains("price"),
        "no name inside of an attribute either: it can be a value"
    );
    assert_eq!(rejection["keys"], bad["dynamodb"]["Keys"]);
    assert_eq!(rejection["image"], bad["dynamodb"]["NewImage"]);
    assert_eq!(rejection["sequenceNumber"], sequence_number(7));
    assert_eq!(rejection["stream"], bad["eventSourceARN"]);
    assert_eq!(rejection["eventId"], "record7");
}

#[test]
fn an_event_of_exactly_the_limit_goes_out_and_one_byte_more_is_rejected() {
    let sent = |event: Value, text: &str| {
        let world = World::new();
        let event = with(event, "/dynamodb/NewImage/RegistrationNumber/M/price", json!({ "S": text }));
        world.deliver(&[event]).unwrap();
        (world.queues.requests(&world.fan_out).first().map(|request| request.size), world.rejections())
    };
    let timeless = || without(insert("X1", 1, 1), "/dynamodb", "ApproximateCreationDateTime");
    let overhead = sent(timeless(), "").0.unwrap();
    let longest = "x".repeat(EVENT_LIMIT - overhead);
    // If both do not fit, the event is sent without the time at which it was streamed.
    for event in [timeless(), insert("X1", 1, 1)] {
        let (size, rejections) = sent(event.clone(), &longest);
        assert_eq!((size, rejections.len()), (Some(EVENT_LIMIT), 0));
        let (size, rejections) = sent(event, &format!("{longest}x"));
        assert_eq!(size, None);
        let reason = rejections[0]["reason"].as_str().unwrap();
        assert!(
            reason.contains(&EVENT_LIMIT.to_string()) && reason.contains(&(EVENT_LIMIT + 1).to_string()),
            "{reason}"
        );
    }
}

#[test]
fn the_largest_event_has_room_for_whatever_travels_with_it() {
    let longest = [
        Attribute::replay(&ReplayId::try_new(&"r".repeat(40)).unwrap()),
        Attribute::repair(&DeduplicationId::try_from_sqs(&"d".repeat(128)).unwrap()),
        Attribute::number("streamedAt", u64::MAX.to_string()),
    ];
    let marked = Message::new(
        Group::of(&Key::S("X1".to_owned())),
        DeduplicationId::of_stream_record("1"),
        Body::Text(&"x".repeat(EVENT_LIMIT)),
        &longest,
        None,
    );
    assert!(marked.size() <= SQS_LIMIT, "{} bytes", marked.size());
}

#[test]
fn an_image_that_fills_a_message_is_left_out_of_its_rejection() {
    let world = World::new();
    let event =
        with(insert("X1", 1, 1), "/dynamodb/NewImage/eventName", json!({ "S": "x".repeat(SQS_LIMIT) }));
    world.deliver(&[event]).unwrap();
    let rejection = world.rejections().remove(0);
    assert_eq!(rejection["image"], Value::Null);
    assert_eq!(rejection["keys"]["mark"]["S"], "X1");
}

#[test]
fn what_the_fan_out_queue_refuses_for_good_is_rejected_and_its_group_goes_on() {
    let world = World::new();
    world.queues.change(&world.fan_out, |settings| settings.maximum_message_size = 1_024);
    let long =
        with(insert("AFC F5", 2, 3), "/dynamodb/NewImage/eventName", json!({ "S": "x".repeat(2_000) }));
    let mut records = records();
    records[2] = long;
    let response = world.deliver(&records).unwrap();
    assert_eq!(checkpoint(&response), None);
    assert_eq!(world.events(), "AFC%20F5: 1 3 | X1: 1 2");
    assert!(world.reasons()[0].contains("1024"), "{:?}", world.reasons());
}

#[test]
fn a_creation_time_has_its_units_and_is_left_out_if_it_is_days_ahead() {
    let check = |time: Value, precision: Option<&str>, expected: Option<&str>| {
        let world = World::new();
        let mut event = with(insert("X1", 1, 1), "/dynamodb/ApproximateCreationDateTime", time);
        if let Some(precision) = precision {
            event["dynamodb"]["ApproximateCreationDateTimePrecision"] = json!(precision);
        }
        world.deliver(&[event]).unwrap();
        let sent = world.sent().remove(0);
        let streamed_at = sent.attributes.iter().find(|attribute| attribute.name == "streamedAt");
        let expected = expected.map(|value| Attribute::number("streamedAt", value));
        assert_eq!(streamed_at, expected.as_ref(), "{precision:?}");
    };
    check(json!(1_751_328_000), None, Some("1751328000000"));
    check(json!(1_751_328_000_123_u64), Some("MILLISECOND"), Some("1751328000123"));
    check(json!(1_751_328_000_123_456_u64), Some("MICROSECOND"), Some("1751328000123"));
    check(json!(1_751_328_000_123_u64), None, None);
    check(json!(1_800_000_000 + 86_000), None, Some("1800086000000"));
    check(json!(1_800_000_000 + 90_000), None, None);
}

/// Snapshots, heads and entities beside the events, as single-table designs have them.
#[test]
fn what_the_filter_does_not_admit_is_skipped_whatever_happened_to_it() {
    let filter = "version = { path = 'createTime', after = 'EVENT#' }\n[source.filter]\ncreateTime = [{ prefix = 'EVENT#' }]";
    let world = World::with_source(filter);
    let item = |change: &str, sort: &str, number: u64| {
        let mut record = record(change, "X1", number, number);
        record["dynamodb"]["Keys"]["createTime"]["S"] = json!(sort);
        record["dynamodb"]["NewImage"]["createTime"]["S"] = json!(sort);
        record
    };
    let mut removed = item("REMOVE", "META", 6);
    removed["dynamodb"].as_object_mut().unwrap().remove("NewImage");
    let records = [
        item("INSERT", "EVENT#0000000001", 1),
        item("INSERT", "META", 2),
        item("MODIFY", "META", 3),
        item("INSERT", "SNAPSHOT#0000000001", 4),
        item("INSERT", "EVENT#0000000002", 5),
        removed,
    ];
    let response = world.deliver(&records).unwrap();
    assert_eq!(checkpoint(&response), None);
    let versions: Vec<_> = world.sent().iter().map(|sent| sent.attributes.clone()).collect();
    let version = |number: &str| Attribute::number("version", number);
    assert!(versions[0].contains(&version("1")) && versions[1].contains(&version("2")));
    assert_eq!((versions.len(), world.rejections().len()), (2, 0));
}

#[test]
fn what_comes_from_another_service_fails_the_batch_and_nothing_is_rejected() {
    let kinesis = json!({
        "kinesis": { "partitionKey": "1", "sequenceNumber": "4959033827149025660", "data": "e30=" },
        "eventSource": "aws:kinesis", "eventName": "aws:kinesis:record", "eventID": "s:1",
    });
    let sqs = json!({ "messageId": "1", "body": "{}", "eventSource": "aws:sqs" });
    let mut disguised = insert("X1", 1, 1);
    disguised["eventSource"] = json!("aws:other");
    for (record, service) in [(kinesis, "aws:kinesis"), (sqs, "aws:sqs"), (disguised, "aws:other")] {
        let world = World::new();
        let error = world.deliver(&[insert("X1", 1, 1), record]).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("the records come from `{service}` and not from a DynamoDB stream"))
        );
        assert_eq!((world.sent().len(), world.rejections().len()), (0, 0), "{service}");
    }
}

#[test]
fn a_rejection_that_cannot_be_sent_makes_a_failed_record() {
    let world = World::new();
    world.queues.change(&world.rejected, |settings| settings.denied = true);
    let mut records = records();
    records[3] = with(records[3].clone(), "/dynamodb/NewImage/eventName", json!({ "N": "x" }));
    let response = world.deliver(&records).unwrap();
    assert_eq!(checkpoint(&response), Some(sequence_number(4).as_str()));

    world.queues.change(&world.rejected, |settings| settings.denied = false);
    world.drain(&records[3..]);
    assert_eq!(world.events(), "AFC%20F5: 1 2 | X1: 1 2");
    assert_eq!(world.reasons().len(), 1);
}

#[test]
fn passing_faults_are_retried_within_the_invocation() {
    let cases = [
        ("throttled", Fault::Call(CallFault::Throttled)),
        ("reset before acceptance", Fault::Call(CallFault::ResetBefore)),
        ("reset after acceptance", Fault::Call(CallFault::ResetAfter)),
        ("500", Fault::Call(CallFault::ServerError)),
        ("an entry missing from the answer", Fault::Call(CallFault::Miscounted)),
        ("an entry failed inside a 200", Fault::Entry(1, EntryFault::Failed)),
    ];
    for (name, fault) in cases {
        let world = World::new();
        world.queues.set_faults(&world.fan_out, Faults::script([(0, fault), (2, fault)]));
        assert_eq!(checkpoint(&world.deliver(&records()).unwrap()), None, "{name}");
        assert_eq!(world.events(), EVENTS, "{name}");
    }
}

#[test]
fn failed_group_stops_but_others_continue_and_the_lowest_unsent_is_the_checkpoint() {
    let world = World::new();
    // From the second request on, its first entry fails for as long as the function has time.
    let broken = (1..100_000).map(|request| (request, Fault::Entry(0, EntryFault::Failed)));
    world.queues.set_faults(&world.fan_out, Faults::script(broken));
    let response = world.deliver(&records()).unwrap();
    assert_eq!(checkpoint(&response), Some(sequence_number(3).as_str()));
    assert_eq!(world.events(), "AFC%20F5: 1 | X1: 1 2");

    world.queues.set_faults(&world.fan_out, Faults::none());
    world.drain(&records()[2..]);
    assert_eq!(world.events(), "AFC%20F5: 1 2 3 | X1: 1 2", "what had been sent was not repeated");
}

/// Thirty groups, each with an event that the fan-out queue refuses for good, and one that it takes after that.
#[test]
fn many_refused_events_get_their_rejections_a_few_at_a_time_and_their_groups_go_on() {
    let large = |mark: &str, number| {
        with(insert(mark, 1, number), "/dynamodb/NewImage/eventName", json!({ "S": "x".repeat(2_000) }))
    };
    let marks: Vec<String> = (0..30).map(|number| format!("M{number:02}")).collect();
    let records: Vec<Value> = marks
        .iter()
        .zip((1..).step_by(2))
        .flat_map(|(mark, number)| [large(mark, number), insert(mark, 2, number + 1)])
        .collect();
    let world = World::new();
    world.queues.change(&world.fan_out, |settings| settings.maximum_message_size = 1_024);
    assert_eq!(checkpoint(&world.deliver(&records).unwrap()), None);
    assert_eq!(world.rejections().len(), 30);
    assert_eq!(world.sent().len(), 30, "the second event of each");
    let requests = world.queues.requests(&world.rejected);
    assert!(requests.iter().all(|request| request.in_flight <= 6), "{requests:?}");
}

/// Of two refused events, the rejection about one is not accepted: its group stops there, and the other goes on.
#[test]
fn a_refused_event_without_a_rejection_stops_its_group_alone() {
    let large = |mark: &str, number| {
        with(insert(mark, 1, number), "/dynamodb/NewImage/eventName", json!({ "S": "x".repeat(2_000) }))
    };
    let records = [large("A1", 1), large("B1", 2), insert("A1", 2, 3), insert("B1", 2, 4)];
    let world = World::new();
    world.queues.change(&world.fan_out, |settings| settings.maximum_message_size = 1_024);
    world.queues.set_faults(&world.rejected, Faults::script([(1, Fault::Call(CallFault::Denied))]));
    assert_eq!(checkpoint(&world.deliver(&records).unwrap()), Some(sequence_number(2).as_str()));
    assert_eq!((world.rejections().len(), world.events().as_str()), (1, "A1: 2"));

    world.queues.set_faults(&world.rejected, Faults::none());
    world.drain(&records[1..]);
    assert_eq!((world.rejections().len(), world.events().as_str()), (2, "A1: 2 | B1: 2"));
}

#[test]
fn sequence_numbers_are_compared_as_numbers_of_any_length() {
    let world = World::new();
    world.queues.change(&world.fan_out, |settings| settings.denied = true);
    let mut short = insert("A", 1, 1);
    short["dynamodb"]["SequenceNumber"] = json!("99999999999999999999999");
    let mut long = insert("B", 1, 2);
    long["dynamodb"]["SequenceNumber"] = json!("100000000000000000000000");
    let response = world.deliver(&[long, short]).unwrap();
    assert_eq!(checkpoint(&response), Some("99999999999999999999999"));
}

#[test]
fn an_unsent_record_without_a_sequence_number_fails_the_whole_batch() {
    let world = World::new();
    world.queues.change(&world.fan_out, |settings| settings.denied = true);
    let record = without(insert("X1", 1, 1), "/dynamodb", "SequenceNumber");
    let error = world.deliver(&[record]).unwrap_err();
    assert!(matches!(error, BatchError::NoSequenceNumber { index: 0 }), "{error}");
}

#[test]
fn the_items_keys_are_the_events_identity() {
    let world = World::with_source("version = 'RegistrationNumber.version'");
    world.deliver(&[insert("X1", 1, 1), record("MODIFY", "X1", 1, 2)]).unwrap();
    let sent = world.sent();
    assert_eq!(sent.len(), 1);
    let [key, sort] = ["X1", "2026-11-20T10:00:01Z"].map(|text| Key::S(text.to_owned()));
    let id = DeduplicationId::of_event(&key, &sort.into());
    assert_eq!(sent[0].deduplication_id, id);
    assert_eq!(
        sent[0].attributes,
        [
            Attribute::string("eventId", id.as_str()),
            Attribute::string("eventTime", "2026-11-20T10:00:01Z"),
            Attribute::number("streamedAt", "1800000000000"),
            Attribute::number("version", "1"),
        ]
    );
}

#[test]
fn the_example_payload_of_aws_is_read() {
    let world = World::with_source("version = 'version'");
    let payload = include_str!("../fixtures/aws-example.json").replace("\"key\": {", "\"mark\": {");
    let payload = payload.replace("\"val\": {", "\"version\": { \"N\": \"1\" }, \"createTime\": {");
    let payload = RawValue::from_string(payload).unwrap();
    assert_eq!(checkpoint(&world.deliver_payload(&payload).unwrap()), None);
    let bodies: Vec<String> = world.sent().into_iter().map(|message| message.body).collect();
    expect![[r#"{"asdf1":"AAEqQQ==","asdf2":["AAEqQQ==","QSoBAA=="],"createTime":"data","mark":"binary","version":1}"#]].assert_eq(&bodies.join("\n"));
}

#[test]
fn nothing_behind_a_rejection_that_cannot_be_sent_is_repeated_again_and_again() {
    let world = World::new();
    world.queues.change(&world.rejected, |settings| settings.denied = true);
    let mut records = records();
    records[1] = with(records[1].clone(), "/dynamodb/NewImage/eventName", json!({ "X": "x" }));
    for _ in 0..3 {
        assert_eq!(checkpoint(&world.deliver(&records[1..]).unwrap()), Some(sequence_number(2).as_str()));
        world.clock.freeze(Duration::from_secs(301));
    }
    world.queues.change(&world.rejected, |settings| settings.denied = false);
    world.drain(&records[1..]);
    assert_eq!(world.events(), "AFC%20F5: 2 3 | X1: 2");
    assert_eq!(world.reasons().len(), 1);
}

#[test]
fn records_without_any_id_have_a_rejection_each() {
    let bare =
        |mark: &str| without(without(insert(mark, 1, 1), "", "eventID"), "/dynamodb", "SequenceNumber");
    let world = World::new();
    assert_eq!(checkpoint(&world.deliver(&[bare("X1"), bare("Y2")]).unwrap()), None);
    assert_eq!(world.reasons().len(), 2);
}

#[test]
fn an_error_about_the_payload_holds_no_value() {
    let payload = RawValue::from_string(r#"{"Records":"a secret"}"#.to_owned()).unwrap();
    let error = World::new().deliver_payload(&payload).unwrap_err().to_string();
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn a_batch_ends_in_its_time_though_both_queues_hang() {
    for seconds in [2, 30] {
        let world = World::new();
        for queue in [&world.fan_out, &world.rejected] {
            world.queues.change(queue, |settings| settings.latency = Duration::from_secs(3_600));
        }
        let mut records = records();
        records[4] = with(records[4].clone(), "/dynamodb/NewImage/eventName", json!({ "X": "x" }));
        let payload = serde_json::value::to_raw_value(&json!({ "Records": records })).unwrap();
        let deadline = world.clock.now().plus(Duration::from_secs(seconds));
        let mut tally = Tally::default();
        let handle =
            world.converter.handle(&world.clock, &world.queues, &payload, deadline, None, &mut tally);
        let response = world.clock.block_on(handle).unwrap();
        assert_eq!(checkpoint(&response), Some(sequence_number(1).as_str()));
        assert!(world.clock.now() < deadline);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn passing_faults_never_cost_an_event_its_order_or_its_only_copy(
        marks in proptest::collection::vec(0_usize..5, 1..60),
        seed in any::<u64>(),
        per_mille in 0_u64..400,
    ) {
        let names = ["AFC F5", "X1", "Ä1", "%", "~"];
        let mut versions = [0_u64; 5];
        let mut records = Vec::new();
        for mark in marks {
            versions[mark] += 1;
            records.push(insert(names[mark], versions[mark], records.len() as u64));
        }
        let world = World::new();
        world.drain(&records);
        let expected = world.events();

        let faulty = World::new();
        faulty.queues.set_faults(&faulty.fan_out, Faults::seeded(seed, per_mille, 60));
        faulty.drain(&records);
        prop_assert_eq!(faulty.events(), expected);
        prop_assert_eq!(faulty.rejections().len(), 0);
    }
}
