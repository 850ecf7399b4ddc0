//! What is counted: each message for each client once, whatever becomes of it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    dead_code,
    reason = "a test reports by panicking, and uses a part of the world"
)]

mod ledger_world;
mod world;

use std::time::Duration;

use expect_test::{Expect, expect};
use fanout::patience::PATIENCE;
use ledger_world::LedgerWorld;
use proptest::prelude::*;
use serde_json::Value;
use shared::ids::{DeduplicationId, Group, Key};
use shared::ledger::ItemKey;
use shared::message::{Attribute, Body, Message};
use shared::metrics::{Metric, RETURNED, SENT, Tally, UNDELIVERED, Value as Counted};
use shared::place::OwnQueue;
use shared::testing::{CallFault, Fault, Faults};
use world::{World, message_of, payload};

/// Delivers once what `prepare` put on the fan-out queue.
fn check(prepare: impl FnOnce(&World), expected: &Expect) {
    let world = World::new();
    prepare(&world);
    world.deliver();
    expected.assert_eq(&world.tally.borrow().to_string());
}

fn fail(world: &World, client: &str) {
    let always = (0..100_000).map(|request| (request, Fault::Call(CallFault::ServerError)));
    world.queues.set_faults(world.client(client), Faults::script(always));
}

/// What the fan-out with the ledger tells of the messages that it returns, of one delivery of what `prepare` put on its
/// queue. The first events of `a` and `b` are done; `edit` changes each record of the payload.
fn check_waiting(prepare: impl FnOnce(&LedgerWorld), edit: impl Fn(&mut Value), expected: &Expect) {
    let world = LedgerWorld::new();
    world.append("a1 b1");
    world.drain();
    prepare(&world);
    let mut delivered: Value = serde_json::from_str(payload(&world.receive()).get()).unwrap();
    delivered["Records"].as_array_mut().unwrap().iter_mut().for_each(edit);
    let delivered = serde_json::value::to_raw_value(&delivered).unwrap();
    let mut tally = Tally::default();
    world.handle_over(&world.ledger, &world.table, &delivered, &mut tally).unwrap();
    let told = tally.to_string();
    let about = ["Returned", "WaitingAge"];
    let told: Vec<&str> =
        told.split(", ").filter(|metric| about.iter().any(|about| metric.starts_with(about))).collect();
    expected.assert_eq(&told.join(", "));
}

/// A message whose event was streamed at this time, as its attribute tells it.
fn streamed(group: &str, at: &str) -> Message {
    Message::new(
        Group::of(&Key::S(group.to_owned())),
        DeduplicationId::try_from_sqs(group).unwrap(),
        Body::Text(group),
        &[Attribute::string("eventId", group), Attribute::number("streamedAt", at)],
        None,
    )
}

#[test]
fn messages_that_every_client_takes_are_sent() {
    check(
        |world| world.put("a1"),
        &expect!["RecordsIn 1, Returned 0, Sent 3, Undelivered 0, SqsRequests 3, EntriesPerRequest 1×3"],
    );
    check(
        |world| world.put("a1 b1 a2 c1 a3"),
        &expect!["RecordsIn 5, Returned 0, Sent 15, Undelivered 0, SqsRequests 9, EntriesPerRequest 1×6 3×3"],
    );
}

#[test]
fn what_a_client_does_not_take_is_returned_and_told_of_that_client() {
    let denies = |world: &World| {
        world.put("a1 b1 a2");
        world.queues.change(world.client("B"), |settings| settings.denied = true);
    };
    check(
        denies,
        &expect![[r#"
            RecordsIn 3, Returned 3, Sent 6, Undelivered 0, SqsRequests 6, EntriesPerRequest 1×2 2×3
            B: Returned 3, Undelivered 0"#]],
    );
}

#[test]
fn what_a_client_never_takes_is_undelivered() {
    let refuses = |world: &World| {
        world.queues.change(world.client("B"), |settings| settings.maximum_message_size = 1_024);
        world.put_message(&message_of("a", "a1", &"x".repeat(2_000)));
        world.put("a2 b1");
    };
    check(
        refuses,
        &expect![[r#"
            RecordsIn 3, Returned 0, Sent 8, Undelivered 1, SqsRequests 7, EntriesPerRequest 1×4 2×3
            B: Returned 0, Undelivered 1"#]],
    );
}

#[test]
fn what_a_client_did_not_take_for_four_minutes_is_undelivered() {
    let world = World::new();
    world.put("a1 b1 a2");
    world.queues.delete_queue(world.client("B"));
    world.queues.delete_queue(world.client("C"));
    let batch = world.receive();
    world.clock.freeze(PATIENCE);
    let mut tally = Tally::default();
    let deadline = world.clock.now().plus(Duration::from_secs(30));
    let wire = world.wire();
    world.clock.block_on(world.fanout.handle(&wire, &payload(&batch), deadline, &mut tally)).unwrap();
    expect![[r#"
        RecordsIn 3, Returned 0, Sent 3, Undelivered 6, SqsRequests 8, EntriesPerRequest 1×3 2×5
        B: Returned 0, Undelivered 3
        C: Returned 0, Undelivered 3"#]]
    .assert_eq(&tally.to_string());
}

#[test]
fn what_nobody_takes_is_returned() {
    let away = |world: &World| {
        world.queues.change(&world.undelivered, |settings| settings.denied = true);
        world.queues.change(world.client("B"), |settings| settings.maximum_message_size = 1_024);
        world.put_message(&message_of("a", "a1", &"x".repeat(2_000)));
        world.put("a2 b1");
    };
    check(
        away,
        &expect![[r#"
            RecordsIn 3, Returned 2, Sent 7, Undelivered 0, SqsRequests 7, EntriesPerRequest 1×3 2×3
            B: Returned 2, Undelivered 0"#]],
    );
}

#[test]
fn a_message_that_cannot_be_processed_is_returned_and_no_clients_fault() {
    let world = World::new();
    world.put("a1 b1 a2");
    let mut records: Value = serde_json::from_str(payload(&world.receive()).get()).unwrap();
    records["Records"][0]["body"] = Value::Null;
    let records = serde_json::value::to_raw_value(&records).unwrap();
    let mut tally = Tally::default();
    let deadline = world.clock.now().plus(Duration::from_secs(30));
    let wire = world.wire();
    world.clock.block_on(world.fanout.handle(&wire, &records, deadline, &mut tally)).unwrap();
    expect!["RecordsIn 3, Returned 2, Sent 3, Undelivered 0, SqsRequests 4, EntriesPerRequest 1×3"]
        .assert_eq(&tally.to_string());
}

#[test]
fn the_time_from_the_stream_is_told_for_each_client_that_took_the_message() {
    let now = 1_800_000_000_000_u64;
    let latencies = |times: &[&str], broken: bool, expected: &Expect| {
        let world = World::new();
        for (number, at) in times.iter().enumerate() {
            world.put_message(&streamed(&number.to_string(), at));
        }
        world.queues.change(world.client("C"), |settings| settings.latency = Duration::from_millis(700));
        if broken {
            fail(&world, "B");
        }
        world.deliver();
        let told = world.tally.borrow().to_string();
        let line = told.lines().next().unwrap();
        let times = line.split(", ").find_map(|metric| metric.strip_prefix("EndToEndLatency "));
        expected.assert_eq(times.unwrap_or("none"));
    };
    latencies(&[&now.to_string()], false, &expect!["10×2 800×1"]);
    latencies(&[&now.to_string()], true, &expect!["10×1 800×1"]);
    latencies(&[&(now - 60_000).to_string(), &now.to_string()], false, &expect!["16×2 800×1 63000×3"]);
    // Clocks differ; and what is no time is none.
    latencies(&[&(now + 60_000).to_string()], false, &expect!["0×3"]);
    latencies(&["-1"], false, &expect!["none"]);
    latencies(&["1.5"], false, &expect!["none"]);
    latencies(&["0"], false, &expect!["1250000000×3"]);
}

#[test]
fn the_age_of_the_oldest_message_that_is_returned_is_told() {
    let wait = |world: &LedgerWorld, seconds| world.clock.freeze(Duration::from_secs(seconds));
    let as_it_is = |_: &mut Value| ();
    let unread = |world: &LedgerWorld| {
        world.append("a2");
        wait(world, 900);
        world.append("b2");
        wait(world, 300);
        world.ledger.fail_read(ItemKey::Control);
    };
    check_waiting(unread, as_it_is, &expect!["Returned 2, WaitingAge 1200008"]);
    // What is done is not waiting, however late it is.
    let late = |world: &LedgerWorld| {
        world.append("a2 b2");
        wait(world, 1_200);
    };
    check_waiting(late, as_it_is, &expect!["Returned 0"]);
    let one_of_two = |world: &LedgerWorld| {
        world.append("a2");
        wait(world, 1_200);
        world.append("b3");
        wait(world, 15);
    };
    check_waiting(one_of_two, as_it_is, &expect!["Returned 1, WaitingAge 15008"]);
    let unlettered = |world: &LedgerWorld| {
        world.put_message(&streamed("c", "0"));
        world.queues.change(&world.own_queue(OwnQueue::Rejected), |settings| settings.denied = true);
        wait(world, 60);
    };
    check_waiting(unlettered, as_it_is, &expect!["Returned 1, WaitingAge 60008"]);
}

#[test]
fn without_a_time_of_sending_the_age_is_as_long_as_is_known() {
    let unread = |world: &LedgerWorld| {
        world.append("a2");
        world.clock.freeze(Duration::from_secs(60));
        world.receive();
        world.clock.freeze(Duration::from_secs(600));
        world.ledger.fail_read(ItemKey::Control);
    };
    let sent = |time: Value| move |record: &mut Value| record["attributes"]["SentTimestamp"] = time.clone();
    check_waiting(unread, sent(Value::Null), &expect!["Returned 1, WaitingAge 600000"]);
    // Clocks differ.
    check_waiting(unread, sent("1900000000000".into()), &expect!["Returned 1, WaitingAge 0"]);
    let unlettered = |world: &LedgerWorld| {
        unread(world);
        world.queues.change(&world.own_queue(OwnQueue::Rejected), |settings| settings.denied = true);
    };
    check_waiting(unlettered, |record| record["attributes"] = Value::Null, &expect!["Returned 1"]);
}

fn of(tally: &Tally, client: Option<&str>, metric: Metric) -> u64 {
    let line = tally.lines().iter().find(|line| line.client.as_ref().map(|client| client.as_str()) == client);
    let value = line.and_then(|line| line.values.iter().find(|(other, _)| *other == metric));
    match value {
        Some((_, Counted::Count(count))) => *count,
        None if client.is_some() => 0,
        other => panic!("`{}` is {other:?}", metric.name),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_message_is_sent_undelivered_or_returned_for_each_client(
        groups in "[a-d]{1,10}",
        long in any::<u16>(),
        seed in any::<u64>(),
        per_mille in 0_u64..900,
        over in any::<bool>(),
    ) {
        let world = World::new();
        for (number, group) in groups.chars().enumerate() {
            let body = if long >> number & 1 == 1 { "x".repeat(2_000) } else { "x".to_owned() };
            world.put_message(&message_of(&group.to_string(), &format!("{group}{number}"), &body));
        }
        for client in ["B", "C"] {
            world.queues.change(world.client(client), |settings| settings.maximum_message_size = 1_024);
            world.queues.set_faults(world.client(client), Faults::seeded(seed, per_mille, 10_000));
        }
        world.queues.set_faults(&world.undelivered, Faults::seeded(!seed, per_mille, 10_000));
        let batch = world.receive();
        if over {
            world.clock.freeze(PATIENCE);
        }
        let mut tally = Tally::default();
        let deadline = world.clock.now().plus(Duration::from_secs(30));
        let mut wire = world.wire();
        // By then the batch is visible again, and its receipts have expired.
        wire.takes_visibility = !over;
        let payload = payload(&batch);
        let handle = world.fanout.handle(&wire, &payload, deadline, &mut tally);
        let response = world.clock.block_on(handle).unwrap();

        let messages = batch.len() as u64;
        prop_assert_eq!(of(&tally, None, RETURNED), response.batch_item_failures.len() as u64);
        let left: u64 = ["A", "B", "C"].iter().map(|client| of(&tally, Some(client), RETURNED)).sum();
        let undelivered: u64 = ["A", "B", "C"].iter().map(|client| of(&tally, Some(client), UNDELIVERED)).sum();
        prop_assert_eq!(of(&tally, None, UNDELIVERED), undelivered);
        prop_assert_eq!(of(&tally, None, SENT) + undelivered + left, 3 * messages, "{}", tally);
    }
}
