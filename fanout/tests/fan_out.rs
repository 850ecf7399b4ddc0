//! What every client gets, whatever happens to one of them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test reports by panicking"
)]

mod world;

use std::time::Duration;

use fanout::handler::BatchError;
use fanout::patience::{MEMORY, PATIENCE};
use proptest::prelude::*;
use serde_json::value::RawValue;
use shared::ids::{DeduplicationId, Group, Key};
use shared::message::{Attribute, AttributeValue, Body, Message};
use shared::metrics::Tally;
use shared::testing::{CallFault, EntryFault, Fault, Faults};
use world::{World, message_of};

const EVENTS: &str = "a1 b1 a2 c1 a3 b2 d1 e1 a4 b3 f1 c2";
const BY_GROUP: &str = "a: a1 a2 a3 a4 | b: b1 b2 b3 | c: c1 c2 | d: d1 | e: e1 | f: f1";

/// Breaks something, fans everything out, and checks that each client got every event once and in order.
fn check_all_level(name: &str, break_it: impl Fn(&World)) -> Duration {
    let world = World::new();
    world.put(EVENTS);
    break_it(&world);
    let took = world.drain();
    for client in ["A", "B", "C"] {
        assert_eq!(world.accepted(world.client(client)), BY_GROUP, "client {client}, {name}");
    }
    assert_eq!(world.accepted(&world.undelivered), "", "{name}");
    took
}

/// Breaks client B for good, and checks that the others got everything once and in order, and the undelivered queue
/// what B did not get.
fn check_b_broken(name: &str, break_it: impl Fn(&World)) {
    let world = World::new();
    world.put(EVENTS);
    break_it(&world);
    let took = world.drain();
    for client in ["A", "C"] {
        assert_eq!(world.accepted(world.client(client)), BY_GROUP, "client {client}, {name}");
    }
    assert_eq!(world.undelivered_for("B"), BY_GROUP, "{name}");
    assert_eq!(world.undelivered_for("A"), "", "{name}");
    assert!(took >= PATIENCE, "{name}: given up after {took:?}");
    assert!(took < PATIENCE + Duration::from_secs(60), "{name}: took {took:?}");
}

fn faults(world: &World, client: &str, faults: Faults) {
    world.queues.set_faults(world.client(client), faults);
}

#[test]
fn every_client_gets_every_event_in_order() {
    let took = check_all_level("nothing broken", |_| {});
    assert!(took < Duration::from_secs(1), "took {took:?}");
}

#[test]
fn passing_faults_of_one_client_cost_only_time() {
    let calls = [
        ("throttled", CallFault::Throttled),
        ("reset before acceptance", CallFault::ResetBefore),
        ("reset after acceptance", CallFault::ResetAfter),
        ("500", CallFault::ServerError),
        ("an entry missing from the answer", CallFault::Miscounted),
    ];
    for (name, fault) in calls {
        check_all_level(name, |world| {
            faults(world, "B", Faults::script((0..3).map(|request| (request, Fault::Call(fault)))));
        });
    }
    let entries = [
        ("entry 3 failed", EntryFault::Failed),
        ("entry 3 throttled", EntryFault::Throttled),
        ("entry 3 unknown", EntryFault::Unknown),
    ];
    for (name, fault) in entries {
        check_all_level(name, |world| faults(world, "B", Faults::script([(0, Fault::Entry(3, fault))])));
    }
}

#[test]
fn a_slow_client_is_waited_for() {
    let took = check_all_level("slow by 300 ms", |world| {
        world.queues.change(world.client("B"), |settings| settings.latency += Duration::from_millis(300));
    });
    // Four events of one group, one after the other, in at least one batch; not once per client and event.
    assert!(took < Duration::from_secs(3), "took {took:?}");
}

#[test]
fn a_client_that_comes_back_within_four_minutes_keeps_its_order() {
    let world = World::new();
    world.put(EVENTS);
    world.queues.change(world.client("B"), |settings| settings.denied = true);
    let started = world.clock.now();
    while world.clock.now().since(started) < Duration::from_secs(120) {
        let next = world.queues.next_receivable(&world.fan_out).unwrap();
        world.clock.block_on(world.clock.sleep_until(next));
        world.deliver();
    }
    world.queues.change(world.client("B"), |settings| settings.denied = false);
    world.drain();
    for client in ["A", "B", "C"] {
        assert_eq!(world.accepted(world.client(client)), BY_GROUP, "client {client}");
    }
    assert_eq!(world.accepted(&world.undelivered), "");
}

#[test]
fn a_client_that_stays_broken_is_given_up_after_four_minutes_and_the_others_have_no_repetition() {
    check_b_broken("missing", |world| world.queues.delete_queue(world.client("B")));
    check_b_broken("denied", |world| {
        world.queues.change(world.client("B"), |settings| settings.denied = true);
    });
    check_b_broken("answers nothing but 500", |world| {
        let always = (0..100_000).map(|request| (request, Fault::Call(CallFault::ServerError)));
        faults(world, "B", Faults::script(always));
    });
}

#[test]
fn all_clients_failing_loses_nothing() {
    let world = World::new();
    world.put(EVENTS);
    for client in ["A", "B", "C"] {
        world.queues.delete_queue(world.client(client));
    }
    world.drain();
    for client in ["A", "B", "C"] {
        assert_eq!(world.undelivered_for(client), BY_GROUP, "client {client}");
    }
}

#[test]
fn a_given_up_client_is_not_waited_for_again_for_five_minutes() {
    let world = World::new();
    world.queues.delete_queue(world.client("B"));
    world.put("a1");
    world.drain();
    assert_eq!(world.undelivered_for("B"), "a: a1");

    world.put("b1 b2");
    assert!(world.drain() < Duration::from_secs(5));
    assert_eq!(world.undelivered_for("B"), "a: a1 | b: b1 b2");

    world.clock.freeze(MEMORY);
    world.put("c1");
    assert!(world.drain() >= PATIENCE);
    assert_eq!(world.undelivered_for("B"), "a: a1 | b: b1 b2 | c: c1");
    assert_eq!(world.accepted(world.client("A")), "a: a1 | b: b1 b2 | c: c1");
}

#[test]
fn a_message_that_one_queue_never_takes_is_undelivered_at_once_and_its_group_goes_on() {
    let world = World::new();
    world.queues.change(world.client("B"), |settings| settings.maximum_message_size = 1_024);
    let long = "x".repeat(2_000);
    world.put("a1");
    world.put_message(&message_of("a", "a2", &long));
    world.put("a3 b1");
    assert!(world.drain() < Duration::from_secs(5));
    assert_eq!(world.accepted(world.client("A")), format!("a: a1 {long} a3 | b: b1"));
    assert_eq!(world.accepted(world.client("B")), "a: a1 a3 | b: b1");
    assert_eq!(world.undelivered_for("B"), format!("a: {long}"));

    let letter = world.queues.accepted(&world.undelivered).remove(0);
    let Some(AttributeValue::Text(reason)) = letter
        .attributes
        .iter()
        .find(|attribute| attribute.name == "reason")
        .map(|attribute| &attribute.value)
    else {
        panic!("no reason")
    };
    assert!(reason.contains("1024"), "{reason}");
}

#[test]
fn an_undelivered_message_is_whole_and_says_for_whom_and_why() {
    let world = World::new();
    world.queues.change(world.client("C"), |settings| settings.denied = true);
    world.put("a1");
    world.drain();
    let original = world.queues.accepted(world.client("A")).remove(0);
    let undelivered = world.queues.accepted(&world.undelivered).remove(0);
    assert_eq!(undelivered.body, original.body);
    assert_eq!(undelivered.group, original.group);
    assert_ne!(undelivered.deduplication_id, original.deduplication_id);
    let (kept, added) = undelivered.attributes.split_at(original.attributes.len());
    let names: Vec<&str> = undelivered.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
    assert_eq!(names, ["client", "eventId", "reason", "version"], "{kept:?} {added:?}");
}

#[test]
fn nothing_is_lost_while_the_undelivered_queue_is_away_too() {
    let world = World::new();
    world.put("a1 a2 b1");
    world.queues.change(world.client("B"), |settings| settings.denied = true);
    world.queues.change(&world.undelivered, |settings| settings.denied = true);
    let started = world.clock.now();
    while world.clock.now().since(started) < PATIENCE * 2 {
        let next = world.queues.next_receivable(&world.fan_out).expect("the messages are still there");
        world.clock.block_on(world.clock.sleep_until(next));
        world.deliver();
    }
    world.queues.change(&world.undelivered, |settings| settings.denied = false);
    world.drain();
    assert_eq!(world.undelivered_for("B"), "a: a1 a2 | b: b1");
}

#[test]
fn what_is_returned_is_a_suffix_of_its_group_and_other_groups_are_done() {
    let world = World::new();
    world.put("a1 b1 a2 b2 a3");
    // Client B refuses, for now and all of its time, whatever is sent with or after `a2`.
    let broken = (1..100_000).map(|request| (request, Fault::Entry(0, EntryFault::Failed)));
    faults(&world, "B", Faults::script(broken));
    let response = world.deliver().unwrap();
    let returned: Vec<&str> =
        response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
    assert_eq!(returned, ["a2", "a3"]);
    assert_eq!(world.accepted(world.client("A")), "a: a1 a2 a3 | b: b1 b2");
    assert_eq!(world.accepted(world.client("B")), "a: a1 | b: b1 b2");
}

#[test]
fn returned_messages_of_a_group_come_back_together() {
    let world = World::new();
    world.put("a1 a2 a3 b1");
    world.queues.change(world.client("B"), |settings| settings.denied = true);
    for expected in [1, 2, 4, 8, 16, 32] {
        world.deliver().unwrap();
        let returned_at = world.clock.now();
        let next = world.queues.next_receivable(&world.fan_out).unwrap();
        assert_eq!(next.since(returned_at), Duration::from_secs(expected));
        world.clock.block_on(world.clock.sleep_until(next));
    }
    assert_eq!(world.receive().len(), 4, "a message was still in flight and locked its group");
}

#[test]
fn the_first_returned_message_decides_for_its_group() {
    let world = World::new();
    world.put("a1 b1");
    world.queues.change(world.client("B"), |settings| settings.denied = true);
    for _ in 0..2 {
        world.deliver().unwrap();
        let next = world.queues.next_receivable(&world.fan_out).unwrap();
        world.clock.block_on(world.clock.sleep_until(next));
    }
    world.put("a2 c1 c2");
    let wire = world.wire();
    world.deliver_over(&wire).unwrap();
    let seconds: Vec<u64> = wire.visibilities.borrow().iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [4, 4, 4, 1, 1], "a1, b1 and a2 after three receives; c1 and c2 after one");
}

#[test]
fn a_failed_change_of_visibility_costs_only_time() {
    let world = World::new();
    world.put("a1 a2");
    faults(
        &world,
        "B",
        Faults::script((0..100_000).map(|request| (request, Fault::Call(CallFault::Throttled)))),
    );
    let mut wire = world.wire();
    wire.takes_visibility = false;
    world.deliver_over(&wire).unwrap();
    faults(&world, "B", Faults::none());
    let took = world.drain_over(&wire);
    assert!(took > Duration::from_secs(150), "they came back after {took:?}");
    for client in ["A", "B", "C"] {
        assert_eq!(world.accepted(world.client(client)), "a: a1 a2", "client {client}");
    }
}

#[test]
fn a_killed_function_repeats_nothing_and_loses_nothing() {
    // Latency is 5 ms: killed before the first acceptance, between two of them, after the last.
    for time in [1, 3, 4, 6, 8, 11, 14, 19] {
        let world = World::new();
        world.put(EVENTS);
        world.deliver_killed_after(Duration::from_millis(time));
        world.drain();
        for client in ["A", "B", "C"] {
            assert_eq!(
                world.accepted(world.client(client)),
                BY_GROUP,
                "client {client}, killed after {time} ms"
            );
        }
    }
}

#[test]
fn a_batch_delivered_twice_is_accepted_once() {
    let world = World::new();
    world.put("a1 a2 b1");
    let batch = world.receive();
    let payload = world::payload(&batch);
    for _ in 0..2 {
        let deadline = world.clock.now().plus(Duration::from_secs(30));
        let response = world
            .clock
            .block_on(world.fanout.handle(&world.wire(), &payload, deadline, &mut Tally::default()))
            .unwrap();
        assert!(response.batch_item_failures.is_empty());
    }
    assert_eq!(world.accepted(world.client("A")), "a: a1 a2 | b: b1");
}

#[test]
fn body_and_attributes_of_every_type_are_copied_byte_for_byte() {
    let world = World::new();
    let body = "{\"nominee\":\"Nominee 17 – Größe \u{1F697}\",\"price\":299.90,\"escaped\":\"\\ufffe\\u0001 \\\" \\\\\"}\n\t ";
    let attribute = |name: &str, data_type: &str, value| Attribute {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        value,
    };
    let text = |text: &str| AttributeValue::Text(text.to_owned());
    let attributes = vec![
        attribute("binary", "Binary", AttributeValue::Base64("AAEC/w==".to_owned())),
        attribute("custom-number", "Number.int", text("12345678901234567890123456789012345678")),
        attribute("custom.binary", "Binary.png", AttributeValue::Base64("iVBORw0KGgo=".to_owned())),
        attribute("custom_text", "String.json", text("{\"a\": [1, 2]} – ü")),
        attribute("number", "Number", text("1.10")),
        attribute("string", "String", text("with \"quotes\" and\nnew lines")),
    ];
    world.put_message(&Message::new(
        Group::of(&Key::S("AFC F5".to_owned())),
        DeduplicationId::of_stream_record("1"),
        Body::Text(body),
        &attributes,
        Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"),
    ));
    world.drain();
    let original = world.queues.accepted(&world.fan_out).remove(0);
    assert_eq!(original.body, body);
    assert_eq!(original.attributes, attributes);
    for client in ["A", "B", "C"] {
        let copy = world.queues.accepted(world.client(client)).remove(0);
        assert_eq!(copy.body, original.body);
        assert_eq!(copy.attributes, original.attributes);
        assert_eq!(copy.group, original.group);
        assert_eq!(copy.deduplication_id, original.deduplication_id);
        assert_eq!(copy.trace_header, original.trace_header);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn passing_faults_everywhere_never_cost_an_event_its_order_or_its_only_copy(
        groups in proptest::collection::vec(0_u8..6, 1..60),
        seeds in proptest::array::uniform3(any::<u64>()),
        per_mille in 0_u64..300,
    ) {
        let world = World::new();
        let mut next = [0_u32; 6];
        for group in groups {
            let letter = char::from(b'a' + group);
            next[usize::from(group)] += 1;
            world.put(&format!("{letter}{}", next[usize::from(group)]));
        }
        for (client, seed) in ["A", "B", "C"].into_iter().zip(seeds) {
            faults(&world, client, Faults::seeded(seed, per_mille, 40));
        }
        world.drain();
        let expected = world.accepted(&world.fan_out);
        for client in ["A", "B", "C"] {
            prop_assert_eq!(world.accepted(world.client(client)), expected.clone());
        }
        prop_assert_eq!(world.accepted(&world.undelivered), "");
    }
}

/// Handles one batch whose records were changed by hand, and checks which messages are returned, by their place.
fn check_malformed(name: &str, change: impl Fn(&mut serde_json::Value), expected: Result<&[usize], usize>) {
    let world = World::new();
    world.put("a1 b1 a2 b2");
    let payload = world::payload(&world.receive());
    let mut payload: serde_json::Value = serde_json::from_str(payload.get()).unwrap();
    let ids: Vec<String> =
        (0..4).map(|index| payload["Records"][index]["messageId"].as_str().unwrap().to_owned()).collect();
    change(&mut payload["Records"]);
    let payload = serde_json::value::to_raw_value(&payload).unwrap();
    let deadline = world.clock.now().plus(Duration::from_secs(30));
    match world.clock.block_on(world.fanout.handle(&world.wire(), &payload, deadline, &mut Tally::default()))
    {
        Ok(response) => {
            let returned = response.batch_item_failures.iter();
            let returned: Vec<usize> = returned
                .map(|failure| ids.iter().position(|id| *id == failure.item_identifier).unwrap())
                .collect();
            assert_eq!(Ok(&*returned), expected, "{name}");
        }
        Err(BatchError::NoMessageId { index }) => assert_eq!(Err(index), expected, "{name}"),
        Err(error) => panic!("{name}: {error}"),
    }
}

#[test]
fn a_message_that_cannot_be_processed_is_returned_with_all_later_ones_of_its_group() {
    use serde_json::Value::Null;

    check_malformed("nothing wrong", |_| {}, Ok(&[]));
    check_malformed("no body", |records| records[0]["body"] = Null, Ok(&[0, 2]));
    check_malformed("no body, last of its group", |records| records[2]["body"] = Null, Ok(&[2]));
    check_malformed("no group", |records| records[0]["attributes"]["MessageGroupId"] = Null, Ok(&[0]));
    check_malformed(
        "no deduplication id",
        |records| records[1]["attributes"]["MessageDeduplicationId"] = Null,
        Ok(&[1, 3]),
    );
    check_malformed(
        "attributes of no type",
        |records| records[1]["messageAttributes"]["eventId"]["dataType"] = Null,
        Ok(&[1, 3]),
    );
    check_malformed(
        "no receipt handle",
        |records| {
            records[0]["receiptHandle"] = Null;
            records[0]["body"] = Null;
        },
        Ok(&[0, 2]),
    );
    check_malformed("no message id, delivered", |records| records[0]["messageId"] = Null, Ok(&[]));
    check_malformed(
        "no message id, to be returned",
        |records| {
            records[1]["messageId"] = Null;
            records[1]["body"] = Null;
        },
        Err(1),
    );
    check_malformed(
        "an empty message id, to be returned",
        |records| {
            records[3]["messageId"] = "".into();
            records[1]["body"] = Null;
        },
        Err(3),
    );
    check_malformed("twice the same message", |records| records[2] = records[0].clone(), Ok(&[]));
    check_malformed("no messages", |records| *records = serde_json::json!([]), Ok(&[]));
}

#[test]
fn what_is_no_payload_fails_the_invocation() {
    let world = World::new();
    for payload in ["{}", "[]", "null", r#"{"Records":7}"#] {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        let deadline = world.clock.now().plus(Duration::from_secs(30));
        let error = world
            .clock
            .block_on(world.fanout.handle(&world.wire(), &payload, deadline, &mut Tally::default()))
            .unwrap_err();
        assert!(matches!(error, BatchError::Payload { .. }), "{error}");
    }
}

/// Breaks client B, and checks how long the others' hundred events of a hundred aggregates take.
fn check_held_up(name: &str, break_it: impl Fn(&World), at_most: Duration) {
    let world = World::new();
    for number in 0..100 {
        world.put_message(&message_of(&format!("g{number}"), &format!("m{number}"), &format!("m{number}")));
    }
    break_it(&world);
    let started = world.clock.now();
    while world.queues.accepted(world.client("A")).len() < 100 {
        let next = world.queues.next_receivable(&world.fan_out).unwrap();
        world.clock.block_on(world.clock.sleep_until(next));
        world.deliver();
    }
    let took = world.clock.now().since(started);
    assert!(took < at_most, "{name}: {took:?}");
}

#[test]
fn a_client_that_keeps_failing_holds_the_others_up_once() {
    let always = |fault| Faults::script((0..1_000_000).map(move |request| (request, fault)));
    check_held_up("healthy", |_| {}, Duration::from_secs(1));
    // Half of one invocation's time, and little more.
    let failing = |world: &World| faults(world, "B", always(Fault::Call(CallFault::ServerError)));
    check_held_up("500", failing, Duration::from_secs(20));
    // Two thirds of it, and a second for each batch, of which some are repeated.
    let hanging = |world: &World| faults(world, "B", always(Fault::Delay(Duration::from_secs(3_600))));
    check_held_up("hanging", hanging, Duration::from_secs(60));
}

#[test]
fn a_client_that_refuses_a_message_and_fails_is_not_waited_for_again_either() {
    let world = World::new();
    let b = world.client("B");
    world.queues.change(b, |settings| settings.maximum_message_size = 1_024);
    let fails =
        (0..1_000).map(|request| (request, Fault::Entry(usize::from(request == 0), EntryFault::Failed)));
    world.queues.set_faults(b, Faults::script(fails));
    world.put_message(&message_of("a", "a1", &"x".repeat(2_000)));
    world.put("b1");
    world.deliver();
    let before = world.queues.requests(b).len();
    assert!(before > 2, "it was waited for: {before} requests");
    assert_eq!(world.undelivered_for("B"), format!("a: {}", "x".repeat(2_000)));

    let next = world.queues.next_receivable(&world.fan_out).unwrap();
    world.clock.block_on(world.clock.sleep_until(next));
    world.deliver();
    assert_eq!(world.queues.requests(b).len() - before, 1);
}

#[test]
fn a_given_up_client_that_is_repaired_and_slow_gets_its_messages() {
    let world = World::new();
    world.queues.change(world.client("B"), |settings| settings.denied = true);
    world.put("a1");
    world.drain();
    assert_eq!(world.undelivered_for("B"), "a: a1");
    world.queues.change(world.client("B"), |settings| {
        settings.denied = false;
        settings.latency = Duration::from_millis(900);
    });
    world.put("b1 b2 b3 b4 b5 b6 b7 b8 b9");
    world.drain();
    assert_eq!(world.accepted(world.client("B")), "b: b1 b2 b3 b4 b5 b6 b7 b8 b9");
    assert_eq!(world.undelivered_for("B"), "a: a1", "nothing else had failed");
}

#[test]
fn the_function_answers_in_its_time_though_queues_hang() {
    for seconds in [2, 5, 30, 40] {
        let world = World::new();
        world.put("a1 b1");
        let hour = Duration::from_secs(3_600);
        for queue in [world.client("A"), world.client("B"), world.client("C"), &world.undelivered] {
            world.queues.change(queue, |settings| settings.latency = hour);
        }
        let batch = world.receive();
        world.clock.block_on(world.clock.sleep(PATIENCE));
        let deadline = world.clock.now().plus(Duration::from_secs(seconds));
        let payload = world::payload(&batch);
        let mut wire = world.wire();
        wire.takes_visibility = false;
        let response = world
            .clock
            .block_on(world.fanout.handle(&wire, &payload, deadline, &mut Tally::default()))
            .unwrap();
        assert_eq!(response.batch_item_failures.len(), 2);
        let left = deadline.since(world.clock.now());
        assert!(left * 12 >= Duration::from_secs(seconds), "{left:?} of {seconds} s were left");
    }
}

#[test]
fn a_message_without_room_for_client_and_reason_is_undelivered_with_fewer_of_its_own_attributes() {
    let check = |attributes: &[Attribute], body: &str, expected: &[&str]| {
        let world = World::new();
        world.queues.delete_queue(world.client("B"));
        world.put_message(&Message::new(
            Group::of(&Key::S("a".to_owned())),
            DeduplicationId::of_stream_record("1"),
            Body::Text(body),
            attributes,
            None,
        ));
        world.drain();
        let undelivered = world.queues.accepted(&world.undelivered).remove(0);
        assert_eq!(undelivered.body, body);
        let names: Vec<&str> = undelivered.attributes.iter().map(|attribute| &*attribute.name).collect();
        assert_eq!(names, expected);
    };
    let ten: Vec<Attribute> = (0..10).map(|number| Attribute::string(&format!("x{number}"), "y")).collect();
    check(&ten, "a1", &["client", "reason", "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7"]);
    let taken = [Attribute::string("client", "somebody"), Attribute::string("x", "y")];
    check(&taken, "a1", &["client", "reason", "x"]);
    let mut streamed = ten;
    streamed[3] = Attribute::number("streamedAt", "1800000000000");
    check(&streamed, "a1", &["client", "reason", "x0", "x1", "x2", "x4", "x5", "x6", "x7", "x8"]);
    let large = [Attribute::string("x", "y".repeat(500))];
    check(&large, &"a".repeat(1_048_000), &["client", "reason"]);
}

#[test]
fn good_messages_behind_one_that_cannot_be_processed_go_on_when_its_time_is_over() {
    let world = World::new();
    world.put("a1 a2 a3");
    let batch = world.receive();
    let handle = |after: Duration| {
        let mut payload: serde_json::Value = serde_json::from_str(world::payload(&batch).get()).unwrap();
        payload["Records"][0]["body"] = serde_json::Value::Null;
        let payload = serde_json::value::to_raw_value(&payload).unwrap();
        world.clock.block_on(world.clock.sleep(after));
        let deadline = world.clock.now().plus(Duration::from_secs(30));
        let mut wire = world.wire();
        wire.takes_visibility = false;
        let response = world
            .clock
            .block_on(world.fanout.handle(&wire, &payload, deadline, &mut Tally::default()))
            .unwrap();
        response.batch_item_failures.len()
    };
    assert_eq!(handle(Duration::ZERO), 3);
    assert_eq!(world.accepted(world.client("A")), "");
    assert_eq!(handle(PATIENCE), 1);
    assert_eq!(world.accepted(world.client("A")), "a: a2 a3");
}
