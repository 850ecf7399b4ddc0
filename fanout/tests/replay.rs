//! What becomes of a replay: messages that the operator's tool has the fan-out send again.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    dead_code,
    reason = "a test reports by panicking, and uses a part of the world"
)]

mod world;

use std::time::Duration;

use expect_test::{Expect, expect};
use fanout::handler::{BatchError, Response};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use shared::message::{Attribute, Body, Message};
use shared::metrics::Tally;
use shared::place::QueueUrl;
use shared::testing::{Accepted, CallFault, Fault, Faults};
use world::{World, message, message_of};

/// Lambda's time-out.
const TIMEOUT: Duration = Duration::from_secs(30);

fn invoke(world: &World, payload: &Value) -> Result<Response, BatchError> {
    let payload = to_raw_value(payload).unwrap();
    let deadline = world.clock.now().plus(TIMEOUT);
    let mut tally = Tally::default();
    let wire = world.wire();
    let response = world.clock.block_on(world.fanout.handle(&wire, &payload, deadline, &mut tally));
    assert!(world.clock.now() < deadline, "the function ran out of its time");
    assert!(wire.visibilities.borrow().is_empty(), "nothing was received");
    world.tally.replace(tally);
    response
}

/// The answer to a replay, a line per client: `A: yes no (why)`.
fn replay(world: &World, id: &str, clients: Option<&[&str]>, records: &[Value]) -> String {
    let mut payload = json!({ "replay": id, "Records": records });
    if let Some(clients) = clients {
        payload["clients"] = json!(clients);
    }
    let answer = serde_json::to_value(invoke(world, &payload).unwrap()).unwrap();
    assert_eq!(answer["batchItemFailures"], json!([]));
    let line = |result: &Value| {
        let accepted = result["accepted"].as_array().unwrap();
        assert_eq!(accepted.len(), records.len());
        let accepted = accepted.iter().map(|accepted| if accepted.as_bool().unwrap() { "yes" } else { "no" });
        let why = result["reason"].as_str().map(|why| format!(" ({why})")).unwrap_or_default();
        format!("{}: {}{why}", result["client"].as_str().unwrap(), accepted.collect::<Vec<_>>().join(" "))
    };
    answer["results"].as_array().unwrap().iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What waits in a queue, as records of a payload.
fn records(world: &World, queue: &QueueUrl) -> Vec<Value> {
    let payload: Value =
        serde_json::from_str(world::payload(&world.queues.receive(queue, 10)).get()).unwrap();
    payload["Records"].as_array().unwrap().clone()
}

/// These messages as records: `a1 b1 a2` are three, of the groups `a` and `b`.
fn named(names: &str) -> Vec<Value> {
    let world = World::new();
    world.put(names);
    records(&world, &world.fan_out)
}

fn record_of(message: &Message) -> Value {
    let world = World::new();
    world.put_message(message);
    records(&world, &world.fan_out).remove(0)
}

/// All that a client sees of a message but for its deduplication id, and the replay that it is marked with.
fn seen(message: Accepted) -> (String, String, Vec<Attribute>, Option<String>, Option<Attribute>) {
    let (marks, own): (Vec<_>, Vec<_>) =
        message.attributes.into_iter().partition(|attribute| attribute.name == "replay");
    let mark = marks.into_iter().next();
    (message.group.as_str().to_owned(), message.body, own, message.trace_header, mark)
}

#[test]
fn an_undelivered_message_comes_to_its_client_as_the_others_saw_it_and_is_marked() {
    let world = World::new();
    world.queues.change(world.client("C"), |settings| settings.denied = true);
    world.put_message(&message_of("AFC F5", "a1", "{\"text\": \"\\u00e9 \\\" \\ud83d\\udeb2\"}\n"));
    world.drain();
    world.queues.change(world.client("C"), |settings| settings.denied = false);

    let undelivered = records(&world, &world.undelivered);
    assert_eq!(replay(&world, "r-1", Some(&["C"]), &undelivered), "C: yes");
    let other = world.queues.accepted(world.client("A")).remove(0);
    let again = world.queues.accepted(world.client("C")).remove(0);
    assert_ne!(again.deduplication_id, other.deduplication_id);
    let (group, body, own, trace, mark) = seen(again);
    assert_eq!(mark, Some(Attribute::string("replay", "r-1")));
    assert_eq!((group, body, own, trace, None), seen(other));
    assert_eq!(world.queues.accepted(world.client("A")).len(), 1);
}

#[test]
fn only_the_clients_that_are_meant_get_it() {
    let check = |clients: Option<&[&str]>, answer: &str, expected: [&str; 3]| {
        let world = World::new();
        assert_eq!(replay(&world, "r-1", clients, &named("a1 b1")), answer);
        let got = ["A", "B", "C"].map(|client| world.accepted(world.client(client)));
        assert_eq!(got, expected);
    };
    let all = "a: a1 | b: b1";
    check(None, "A: yes yes\nB: yes yes\nC: yes yes", [all, all, all]);
    check(Some(&["B"]), "B: yes yes", ["", all, ""]);
    check(Some(&["C", "A", "C"]), "A: yes yes\nC: yes yes", [all, "", all]);
    check(Some(&[]), "", ["", "", ""]);
}

#[test]
fn a_replay_right_after_the_message_itself_is_no_duplicate_but_a_repeated_one_is() {
    let world = World::new();
    world.put("a1");
    world.drain();
    for id in ["r-1", "r-1", "r-2", "r-1"] {
        assert_eq!(replay(&world, id, Some(&["A"]), &named("a1")), "A: yes");
    }
    let marks = world.queues.accepted(world.client("A")).into_iter().map(|message| seen(message).4);
    let expected = [None, Some(Attribute::string("replay", "r-1")), Some(Attribute::string("replay", "r-2"))];
    assert_eq!(marks.collect::<Vec<_>>(), expected);
}

#[test]
fn a_replay_of_a_replay_has_the_last_mark_only() {
    let world = World::new();
    replay(&world, "r-1", Some(&["A"]), &named("a1"));
    let once = records(&world, world.client("A"));
    replay(&world, "r-2", Some(&["A"]), &once);
    let again = world.queues.accepted(world.client("A")).remove(1);
    let marks = again.attributes.iter().filter(|attribute| attribute.name == "replay");
    assert_eq!(marks.collect::<Vec<_>>(), [&Attribute::string("replay", "r-2")]);
}

#[test]
fn a_replay_keeps_the_order_of_each_group() {
    let world = World::new();
    for client in ["A", "B", "C"] {
        let faults = (0..40).step_by(2).map(|request| (request, Fault::Call(CallFault::Throttled)));
        world.queues.set_faults(world.client(client), Faults::script(faults));
    }
    let all = ["yes"; 9].join(" ");
    let answer = replay(&world, "r-1", None, &named("a1 b1 a2 a3 b2 c1 a4 b3 a5"));
    assert_eq!(answer, format!("A: {all}\nB: {all}\nC: {all}"));
    for client in ["A", "B", "C"] {
        assert_eq!(world.accepted(world.client(client)), "a: a1 a2 a3 a4 a5 | b: b1 b2 b3 | c: c1");
    }
}

#[test]
fn what_a_client_does_not_take_is_told_and_goes_nowhere_else() {
    let world = World::new();
    world.queues.delete_queue(world.client("A"));
    let throttled = (1..10_000).map(|request| (request, Fault::Call(CallFault::Throttled)));
    world.queues.set_faults(world.client("B"), Faults::script(throttled));
    let answer = replay(&world, "r-1", None, &named("a1 a2"));
    let lines: Vec<&str> = answer.lines().collect();
    assert!(lines[0].starts_with("A: no no (queue unusable: "), "{answer}");
    assert!(lines[1].starts_with("B: yes no (throttled: "), "{answer}");
    assert_eq!(lines[2], "C: yes yes");
    assert_eq!(world.accepted(&world.undelivered), "");
    // Nobody is in trouble by it: A is waited for as ever.
    world.put("b1");
    let returned = world.deliver().unwrap();
    assert_eq!(returned.batch_item_failures.len(), 1);
}

#[test]
fn what_can_never_be_sent_is_passed_over() {
    let world = World::new();
    world.queues.change(world.client("B"), |settings| settings.maximum_message_size = 1_024);
    let mut records = named("a1 a2 a3");
    records.insert(1, record_of(&message_of("a", "long", &"x".repeat(2_000))));
    records[2]["attributes"].as_object_mut().unwrap().remove("MessageDeduplicationId");
    let answer = replay(&world, "r-1", Some(&["A", "B"]), &records);
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!(lines[0], "A: yes yes no yes (`MessageDeduplicationId` is missing)");
    assert!(lines[1].starts_with("B: yes no no yes (message refused: "), "{answer}");
    assert_eq!(world.accepted(world.client("B")), "a: a1 a3");
    assert_eq!(world.accepted(&world.undelivered), "");
}

#[test]
fn a_message_without_room_for_the_mark_loses_its_last_attributes() {
    let check = |names: &[&str], expected: &[&str]| {
        let attributes: Vec<Attribute> = names.iter().map(|name| Attribute::number(name, "1")).collect();
        let plain = message("a1");
        let full = Message::new(
            plain.group().clone(),
            plain.deduplication_id().clone(),
            Body::Text("a1"),
            &attributes,
            None,
        );
        let world = World::new();
        assert_eq!(replay(&world, "r-1", Some(&["A"]), &[record_of(&full)]), "A: yes");
        let got = world.queues.accepted(world.client("A")).remove(0).attributes;
        assert_eq!(got.iter().map(|attribute| attribute.name.as_str()).collect::<Vec<_>>(), expected);
    };
    let nine = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let marked = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "replay"];
    check(&nine, &marked);
    check(&[&nine[..], &["j"]].concat(), &marked);
    check(&[&nine[..8], &["streamedAt", "i"]].concat(), &marked);
    // An undelivered one that is full: two of its ten are not its own.
    check(&[&nine[..8], &["client", "reason"]].concat(), &[&nine[..8], &["replay"]].concat());
    // A replay before left its own mark.
    check(&[&["replay"][..], &nine[..]].concat(), &marked);
}

#[test]
fn what_is_no_replay_is_an_error_that_says_what_is_wrong_and_nothing_is_sent() {
    let check = |payload: Value, expected: Expect| {
        let world = World::new();
        let error = invoke(&world, &payload).unwrap_err();
        assert!(matches!(error, BatchError::Replay(_)), "{error}");
        expected.assert_eq(&error.to_string());
        assert_eq!(world.accepted(world.client("A")), "");
    };
    let records = named("a1");
    check(
        json!({ "replay": "r_1", "Records": records }),
        expect!["`replay`: `r_1` is not a replay's id; use 1 to 40 letters, digits and `-`"],
    );
    check(
        json!({ "replay": "r-1", "clients": ["A", "Biling"], "Records": records }),
        expect![
            "`clients`: the function serves no client `Biling`; its `client-queues.toml` is the one that was deployed last"
        ],
    );
    for (member, value) in [("clients", json!(null)), ("clients", json!("A")), ("client", json!(["A"]))] {
        let world = World::new();
        let mut payload = json!({ "replay": "r-1", "Records": records });
        payload[member] = value;
        let error = invoke(&world, &payload).unwrap_err().to_string();
        assert!(error.starts_with("not a replay, an object with `replay` (its id)"), "{error}");
        assert_eq!(world.accepted(world.client("A")), "");
    }
    for replay in [json!(null), json!(7)] {
        let error = invoke(&World::new(), &json!({ "replay": replay, "Records": records })).unwrap_err();
        assert!(matches!(error, BatchError::Replay(_)), "{error}");
    }
    let error = invoke(&World::new(), &json!({ "replay": "r-1" })).unwrap_err().to_string();
    assert!(error.contains("an object with a list `Records`"), "{error}");
}

#[test]
fn a_batch_has_no_results_and_a_replay_counts_as_requests_only() {
    let world = World::new();
    let batch = invoke(&world, &json!({ "Records": named("a1") })).unwrap();
    assert_eq!(serde_json::to_string(&batch).unwrap(), r#"{"batchItemFailures":[]}"#);
    replay(&world, "r-1", Some(&["A", "B"]), &named("a1 a2"));
    expect!["SqsRequests 4, EntriesPerRequest 1×4"].assert_eq(&world.tally.borrow().to_string());
}

#[test]
fn a_replay_answers_in_its_time_though_a_queue_hangs() {
    let world = World::new();
    let hangs = (0..1_000).map(|request| (request, Fault::Delay(Duration::from_secs(3_600))));
    world.queues.set_faults(world.client("B"), Faults::script(hangs));
    let answer = replay(&world, "r-1", None, &named("a1"));
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!((lines[0], lines[2]), ("A: yes", "C: yes"));
    assert!(lines[1].starts_with("B: no (result unknown: "), "{answer}");
}
