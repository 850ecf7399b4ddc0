//! What the converter does with a resend: records that the operator's tool has it send again.

use std::time::Duration;

use converter::payload::BatchError;
use expect_test::{Expect, expect};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use shared::message::{Attribute, AttributeValue, EVENT_LIMIT};
use testkit::memory::{CallFault, EntryFault, Fault, Faults};

use crate::world::{World, insert, record};

/// The answer to a resend of these records, a line per record: `sent`, `rejected: why`.
fn resend(world: &World, id: &str, records: &[Value]) -> String {
    let payload = to_raw_value(&json!({ "replay": id, "Records": records })).unwrap();
    let response = world.deliver_payload(&payload).unwrap();
    let answer = serde_json::to_value(response).unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]));
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), records.len());
    let line = |result: &Value| {
        let outcome = result["outcome"].as_str().unwrap();
        result["reason"].as_str().map_or(outcome.to_owned(), |reason| format!("{outcome}: {reason}"))
    };
    results.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The attribute `replay` of the fan-out queue's messages, in order; `-` for none.
fn marks(world: &World) -> Vec<String> {
    let sent = world.sent().into_iter();
    let mark = |attributes: &[Attribute]| match attributes.iter().find(|attribute| attribute.name == "replay")
    {
        Some(Attribute { value: AttributeValue::Text(id), data_type, .. }) => {
            assert_eq!(data_type, "String");
            id.clone()
        }
        Some(other) => panic!("{other:?}"),
        None => "-".to_owned(),
    };
    sent.map(|message| mark(&message.attributes)).collect()
}

#[test]
fn a_resend_is_the_same_event_marked_and_under_another_id() {
    for id in ["id = 'eventId'\n", ""] {
        let world = World::with_source(&format!("{id}version = 'RegistrationNumber.version'"));
        world.deliver(&[insert("AFC F5", 1, 1)]).unwrap();
        assert_eq!(resend(&world, "r-1", &[insert("AFC F5", 1, 1)]), "sent");
        let [first, again] = world.sent().try_into().unwrap();
        assert_eq!(again.body, first.body);
        assert_eq!(again.group, first.group);
        assert_eq!(again.trace_header, first.trace_header);
        assert_ne!(again.deduplication_id, first.deduplication_id);
        // How long the rejected event waited is no measure of the pipeline.
        let own = first.attributes.into_iter().filter(|attribute| attribute.name != "streamedAt");
        let mut expected: Vec<Attribute> = own.chain([Attribute::string("replay", "r-1")]).collect();
        expected.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(again.attributes, expected);
    }
}

#[test]
fn a_repeated_resend_is_a_duplicate_and_another_one_is_not() {
    let world = World::new();
    world.deliver(&[insert("X1", 1, 1)]).unwrap();
    for id in ["r-1", "r-1", "r-2", "r-1"] {
        assert_eq!(resend(&world, id, &[insert("X1", 1, 1)]), "sent");
    }
    assert_eq!(marks(&world), ["-", "r-1", "r-2"]);
}

#[test]
fn a_resend_keeps_the_order_of_each_group() {
    let world = World::new();
    let records: Vec<Value> = (1..=8)
        .flat_map(|version| [insert("AFC F5", version, version), insert("X1", version, 20 + version)])
        .collect();
    let faults = (0..40).step_by(2).map(|request| (request, Fault::Call(CallFault::Throttled)));
    world.queues.set_faults(&world.fan_out, Faults::script(faults));
    assert_eq!(resend(&world, "r-1", &records), ["sent"; 16].join("\n"));
    assert_eq!(world.events(), "AFC%20F5: 1 2 3 4 5 6 7 8 | X1: 1 2 3 4 5 6 7 8");
}

#[test]
fn each_record_has_its_own_result_and_no_rejection_is_sent() {
    let check = |bad: Value, expected: Expect| {
        let world = World::new();
        let results = resend(&world, "r-1", &[insert("X1", 1, 1), bad, record("INSERT", "X1", 3, 3)]);
        let middle =
            results.strip_prefix("sent\n").and_then(|results| results.strip_suffix("\nsent")).unwrap();
        expected.assert_eq(middle);
        assert_eq!(world.events(), "X1: 1 3");
        assert_eq!(world.rejections(), Vec::<Value>::new());
    };
    let mut expired = record("REMOVE", "X1", 2, 2);
    expired["userIdentity"] = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
    let mut bad_number = insert("X1", 2, 2);
    bad_number["dynamodb"]["NewImage"]["price"] = json!({ "N": "1,5" });
    let mut no_id = insert("X1", 2, 2);
    no_id["eventID"] = Value::Null;
    let mut keys_only = insert("X1", 2, 2);
    keys_only["dynamodb"]["StreamViewType"] = json!("KEYS_ONLY");
    check(record("MODIFY", "X1", 2, 2), expect!["skipped: the item was written over, which is no event"]);
    check(record("REMOVE", "X1", 2, 2), expect!["skipped: the item was deleted, which is no event"]);
    check(expired, expect!["skipped: the item was deleted by its time to live, which is no event"]);
    check(bad_number, expect!["rejected: attribute `price`: not a number as JSON writes it"]);
    check(no_id, expect!["rejected: the record has no `eventID`"]);
    check(json!(7), expect!["rejected: not a stream record: byte 0 is not what DynamoDB writes there"]);
    check(
        keys_only,
        expect![
            "rejected: the stream's view type is `KEYS_ONLY`, which carries no new image; give the event table a stream with `NEW_IMAGE` and set the stack's stream parameter to its ARN"
        ],
    );
}

#[test]
fn what_the_queue_refuses_for_good_is_rejected_and_its_group_goes_on() {
    let world = World::new();
    world.queues.set_faults(&world.fan_out, Faults::script([(1, Fault::Entry(0, EntryFault::Refused))]));
    let records = [insert("X1", 1, 1), insert("X1", 2, 2), insert("X1", 3, 3)];
    let results = resend(&world, "r-1", &records);
    let lines: Vec<&str> = results.lines().collect();
    assert_eq!((lines[0], lines[2]), ("sent", "sent"));
    assert!(lines[1].starts_with("rejected: message refused: "), "{results}");
    assert_eq!(world.events(), "X1: 1 3");
    assert_eq!(world.rejections(), Vec::<Value>::new());
}

#[test]
fn what_is_throttled_until_the_time_is_over_is_unsent_with_all_behind_it_in_its_group() {
    let world = World::new();
    let throttled = (1..10_000).map(|request| (request, Fault::Call(CallFault::Throttled)));
    world.queues.set_faults(&world.fan_out, Faults::script(throttled));
    let results = resend(&world, "r-1", &[insert("X1", 1, 1), insert("X1", 2, 2), insert("X1", 3, 3)]);
    let lines: Vec<&str> = results.lines().collect();
    assert_eq!(lines[0], "sent");
    for line in &lines[1..] {
        assert!(line.starts_with("unsent: throttled: "), "{results}");
    }
    assert_eq!(world.events(), "X1: 1");
    assert_eq!(world.rejections(), Vec::<Value>::new());
}

#[test]
fn a_missing_queue_leaves_all_unsent() {
    let world = World::new();
    world.queues.delete_queue(&world.fan_out);
    let results = resend(&world, "r-1", &[insert("X1", 1, 1), insert("AFC F5", 1, 2)]);
    for line in results.lines() {
        assert!(line.starts_with("unsent: queue unusable: "), "{results}");
    }
}

#[test]
fn the_largest_event_can_be_resent_under_the_longest_id() {
    let sized = |length: usize| {
        let mut record = insert("X1", 1, 1);
        record["dynamodb"]["NewImage"]["text"] = json!({ "S": "x".repeat(length) });
        record["dynamodb"].as_object_mut().unwrap().remove("ApproximateCreationDateTime");
        record
    };
    let world = World::new();
    world.deliver(&[sized(0)]).unwrap();
    let smallest = world.sent().remove(0);
    let room =
        EVENT_LIMIT - smallest.body.len() - smallest.attributes.iter().map(Attribute::size).sum::<usize>();
    world.deliver(&[sized(room + 1)]).unwrap();
    assert_eq!(world.rejections().len(), 1, "{room} is the most");

    let id = "x".repeat(40);
    assert_eq!(resend(&World::new(), &id, &[sized(room)]), "sent");
    assert!(resend(&World::new(), &id, &[sized(room + 1)]).starts_with("rejected: the event has "));
}

#[test]
fn what_is_no_resend_is_an_error_that_says_what_is_wrong_and_nothing_is_sent() {
    let check = |payload: Value, expected: Expect| {
        let world = World::new();
        let error = world.deliver_payload(&to_raw_value(&payload).unwrap()).unwrap_err();
        assert!(matches!(error, BatchError::Replay(_)), "{error}");
        expected.assert_eq(&error.to_string());
        assert_eq!(world.events(), "");
    };
    let records = [insert("X1", 1, 1)];
    check(
        json!({ "replay": "", "Records": records }),
        expect!["`replay`: `` is not a replay's id; use 1 to 40 letters, digits and `-`"],
    );
    check(
        json!({ "replay": "r 1", "Records": records }),
        expect!["`replay`: `r 1` is not a replay's id; use 1 to 40 letters, digits and `-`"],
    );
    check(
        json!({ "replay": "x".repeat(41), "Records": records }),
        expect![
            "`replay`: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` is not a replay's id; use 1 to 40 letters, digits and `-`"
        ],
    );
    for other in [json!(null), json!(7), json!(["r-1"])] {
        let world = World::new();
        let payload = to_raw_value(&json!({ "replay": other, "Records": records })).unwrap();
        let error = world.deliver_payload(&payload).unwrap_err().to_string();
        assert!(error.starts_with("not a replay, an object with `replay` (its id)"), "{error}");
        assert_eq!(world.events(), "");
    }
    check(
        json!({ "Records": [], "clients": ["A"], "replay": "r-1" }),
        expect![
            "not a replay, an object with `replay` (its id), `Records` (a list) and nothing else; line 1, column 23 of it is not as expected"
        ],
    );
    let payload = RawValue::from_string(r#"{"replay":"r-1"}"#.to_owned()).unwrap();
    let error = World::new().deliver_payload(&payload).unwrap_err().to_string();
    assert!(error.contains("an object with a list `Records`"), "{error}");
}

#[test]
fn a_batch_has_no_results_and_a_resend_counts_as_requests_only() {
    let world = World::new();
    let batch = world.deliver(&[insert("X1", 1, 1)]).unwrap();
    assert_eq!(serde_json::to_string(&batch).unwrap(), r#"{"batchItemFailures":[]}"#);
    resend(&world, "r-1", &[insert("X1", 1, 1), insert("X1", 2, 2)]);
    expect!["SqsRequests 2, EntriesPerRequest 1×2"].assert_eq(&world.tally.borrow().to_string());
}

#[test]
fn a_resend_is_answered_in_time_though_the_queue_hangs() {
    let world = World::new();
    let hangs = (0..1_000).map(|request| (request, Fault::Delay(Duration::from_secs(3_600))));
    world.queues.set_faults(&world.fan_out, Faults::script(hangs));
    // The world asserts that the time is kept.
    let results = resend(&world, "r-1", &[insert("X1", 1, 1)]);
    assert!(results.starts_with("unsent: result unknown: "), "{results}");
}
