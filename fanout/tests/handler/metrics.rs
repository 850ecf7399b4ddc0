//! The metrics: each message is counted once for each client, whatever happens to it.

use std::time::Duration;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::Value;
use shared::ids::DeduplicationId;
use shared::ledger::ItemKey;
use shared::message::{Attribute, Body, Message};
use shared::metrics::{Metric, RECORDS_IN, RETURNED, SENT, Tally, Value as Counted};
use shared::naming::OwnQueue;
use testkit::memory::{CallFault, Fault, Faults};

use crate::ledger_world::LedgerWorld;
use crate::world::payload;

/// Delivers once what `prepare` put on the fan-out queue.
fn check(prepare: impl FnOnce(&LedgerWorld), expected: &Expect) {
    let world = LedgerWorld::new();
    prepare(&world);
    world.deliver();
    world.check_tally(expected);
}

fn fail(world: &LedgerWorld, client: &str) {
    let always = (0..100_000).map(|request| (request, Fault::Call(CallFault::ServerError)));
    world.queues.set_faults(world.client(client), Faults::script(always));
}

/// Delivers once what `prepare` put on the queue, and checks the metrics of the messages that are returned. The first
/// events of `a` and `b` are done; `edit` changes each record of the payload.
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
    let metrics = tally.to_string();
    let names = ["Returned", "WaitingAge"];
    let of_returned: Vec<&str> =
        metrics.split(", ").filter(|metric| names.iter().any(|name| metric.starts_with(name))).collect();
    expected.assert_eq(&of_returned.join(", "));
}

/// The message of an event that was streamed at this time, as its attribute says.
fn streamed(world: &LedgerWorld, name: &str, at: &str) -> Message {
    let event = world.event(name);
    Message::new(
        event.group().clone(),
        event.deduplication_id().clone(),
        Body::Text(event.body()),
        &[
            Attribute::string("eventId", event.id()),
            Attribute::number("version", event.version().to_string()),
            Attribute::number("streamedAt", at),
        ],
        None,
    )
}

#[test]
fn messages_that_every_client_takes_are_sent() {
    check(
        |world| world.append("a1"),
        &expect![
            "RecordsIn 1, Returned 0, Duplicates 0, LedgerCalls 4, Sent 3, Repaired 0, Holes 0, VersionsUsedTwice 0, Rejected 0, BecameBehind 0, EndToEndLatency 10×3, SqsRequests 3, EntriesPerRequest 1×3"
        ],
    );
    check(
        |world| world.append("a1 b1 a2 c1 a3"),
        &expect![
            "RecordsIn 5, Returned 0, Duplicates 0, LedgerCalls 8, Sent 15, Repaired 0, Holes 0, VersionsUsedTwice 0, Rejected 0, BecameBehind 0, EndToEndLatency 20×3 25×3 32×3 40×6, SqsRequests 9, EntriesPerRequest 1×6 3×3"
        ],
    );
}

#[test]
fn what_a_client_does_not_take_is_counted_for_that_client() {
    let denies = |world: &LedgerWorld| {
        world.append("a1 b1 a2");
        world.queues.change(world.client("B"), |settings| settings.denied = true);
    };
    check(
        denies,
        &expect![[r#"
            RecordsIn 3, Returned 0, Duplicates 0, LedgerCalls 6, Sent 6, Repaired 0, Holes 0, VersionsUsedTwice 0, Rejected 0, BecameBehind 2, EndToEndLatency 16×2 20×2 25×2, SqsRequests 5, EntriesPerRequest 1×2 2×3
            B: BecameBehind 2"#]],
    );
    let refuses = |world: &LedgerWorld| {
        let limit = world.size("a1") + 10;
        world.queues.change(world.client("B"), |settings| settings.maximum_message_size = limit);
        world.append_padded("a1", 2_000);
        world.append("a2 b1");
    };
    check(
        refuses,
        &expect![[r#"
            RecordsIn 3, Returned 0, Duplicates 0, LedgerCalls 6, Sent 7, Repaired 0, Holes 0, VersionsUsedTwice 0, Rejected 0, BecameBehind 1, EndToEndLatency 10×1 16×2 20×2, SqsRequests 5, EntriesPerRequest 1×2 2×3
            B: BecameBehind 1"#]],
    );
}

#[test]
fn a_message_that_cannot_be_processed_is_rejected_or_returned_and_no_clients_fault() {
    for takes_rejections in [true, false] {
        let world = LedgerWorld::new();
        let rejected = world.own_queue(OwnQueue::Rejected);
        world.queues.change(&rejected, |settings| settings.denied = !takes_rejections);
        world.append("a1 b1 a2");
        let mut records: Value = serde_json::from_str(payload(&world.receive()).get()).unwrap();
        records["Records"][0]["body"] = Value::Null;
        let mut tally = Tally::default();
        let records = serde_json::value::to_raw_value(&records).unwrap();
        world.handle_over(&world.ledger, &world.table, &records, &mut tally).unwrap();
        let expected = if takes_rejections {
            expect![
                "RecordsIn 3, Returned 0, Duplicates 0, LedgerCalls 9, Sent 9, Repaired 1, Holes 0, VersionsUsedTwice 0, Rejected 1, BecameBehind 0, EndToEndLatency 16×3 20×3, SqsRequests 7, EntriesPerRequest 1×4 2×3"
            ]
        } else {
            expect![
                "RecordsIn 3, Returned 1, WaitingAge 23, Duplicates 0, LedgerCalls 9, Sent 9, Repaired 1, Holes 0, VersionsUsedTwice 0, Rejected 0, BecameBehind 0, EndToEndLatency 16×3 20×3, SqsRequests 8, EntriesPerRequest 1×4 2×3"
            ]
        };
        expected.assert_eq(&tally.to_string());
    }
}

#[test]
fn the_time_from_the_stream_is_counted_for_each_client_that_took_the_message() {
    let now = 1_800_000_000_000_u64;
    let latencies = |times: &[&str], broken: bool, expected: &Expect| {
        let world = LedgerWorld::new();
        for (name, at) in ["a1", "b1"].into_iter().zip(times) {
            world.write(name);
            world.put_message(&streamed(&world, name, at));
        }
        world.queues.change(world.client("C"), |settings| settings.latency = Duration::from_millis(700));
        if broken {
            fail(&world, "B");
        }
        world.deliver();
        let metrics = world.tally().to_string();
        let line = metrics.lines().next().unwrap();
        let times = line.split(", ").find_map(|metric| metric.strip_prefix("EndToEndLatency "));
        expected.assert_eq(times.unwrap_or("none"));
    };
    latencies(&[&now.to_string()], false, &expect!["10×2 800×1"]);
    latencies(&[&now.to_string()], true, &expect!["10×1 800×1"]);
    latencies(&[&(now - 60_000).to_string(), &now.to_string()], false, &expect!["16×2 800×1 63000×3"]);
    // Clocks differ; and a text that is no time counts as none.
    latencies(&[&(now + 60_000).to_string()], false, &expect!["0×3"]);
    latencies(&["-1"], false, &expect!["none"]);
    latencies(&["1.5"], false, &expect!["none"]);
    latencies(&["0"], false, &expect!["1250000000×3"]);
}

#[test]
fn the_age_of_the_oldest_message_that_is_returned_is_a_metric() {
    let wait = |world: &LedgerWorld, seconds| world.clock.freeze(Duration::from_secs(seconds));
    let as_it_is = |_: &mut Value| ();
    let unread = |world: &LedgerWorld| {
        world.append("a2");
        wait(world, 900);
        world.append("b2");
        wait(world, 300);
        world.ledger.fail_read(ItemKey::Registry);
    };
    check_waiting(unread, as_it_is, &expect!["Returned 2, WaitingAge 1200008"]);
    // A message that is done is not waiting, however late it is.
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
    let unsent_rejections = |world: &LedgerWorld| {
        let group = world.event("c1").group().clone();
        let id = DeduplicationId::try_from_sqs("odd").unwrap();
        world.put_message(&Message::new(group, id, Body::Text("no event"), &[], None));
        world.queues.change(&world.own_queue(OwnQueue::Rejected), |settings| settings.denied = true);
        wait(world, 60);
    };
    check_waiting(unsent_rejections, as_it_is, &expect!["Returned 1, WaitingAge 60008"]);
}

#[test]
fn without_a_time_of_sending_the_age_is_as_long_as_is_known() {
    let unread = |world: &LedgerWorld| {
        world.append("a2");
        world.clock.freeze(Duration::from_secs(60));
        world.receive();
        world.clock.freeze(Duration::from_secs(600));
        world.ledger.fail_read(ItemKey::Registry);
    };
    let sent = |time: Value| move |record: &mut Value| record["attributes"]["SentTimestamp"] = time.clone();
    check_waiting(unread, sent(Value::Null), &expect!["Returned 1, WaitingAge 600000"]);
    // Clocks differ.
    check_waiting(unread, sent("1900000000000".into()), &expect!["Returned 1, WaitingAge 0"]);
    let unsent_rejections = |world: &LedgerWorld| {
        unread(world);
        world.queues.change(&world.own_queue(OwnQueue::Rejected), |settings| settings.denied = true);
    };
    check_waiting(unsent_rejections, |record| record["attributes"] = Value::Null, &expect!["Returned 1"]);
}

fn of(tally: &Tally, metric: Metric) -> u64 {
    let line = tally.lines().iter().find(|line| line.client.is_none());
    match line.and_then(|line| line.values.iter().find(|(other, _)| *other == metric)) {
        Some((_, Counted::Count(count))) => *count,
        other => panic!("`{}` is {other:?}", metric.name),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_message_is_sent_for_each_client_or_the_client_is_behind(
        groups in "[a-d]{1,10}",
        long in any::<u16>(),
        seed in any::<u64>(),
        per_mille in 0_u64..900,
    ) {
        let world = LedgerWorld::new();
        let mut last = std::collections::BTreeMap::<char, u64>::new();
        for (number, group) in groups.chars().enumerate() {
            let version = last.entry(group).or_default();
            *version += 1;
            world.append_padded(&format!("{group}{version}"), if long >> number & 1 == 1 { 2_000 } else { 0 });
        }
        for client in ["B", "C"] {
            world.queues.change(world.client(client), |settings| settings.maximum_message_size = 1_024);
            world.queues.set_faults(world.client(client), Faults::seeded(seed, per_mille, 10_000));
        }
        let response = world.deliver().unwrap();

        let tally = world.tally();
        let messages = groups.len() as u64;
        prop_assert!(response.batch_item_failures.is_empty(), "{}", tally);
        prop_assert_eq!((of(&tally, RECORDS_IN), of(&tally, RETURNED)), (messages, 0));
        let clients = ["A", "B", "C"].into_iter();
        let lacks = clients.flat_map(|client| last.iter().map(move |(group, last)| (client, group, last)));
        let lacks: u64 = lacks.map(|(client, group, last)| last - world.has(client, &group.to_string())).sum();
        prop_assert_eq!(of(&tally, SENT) + lacks, 3 * messages, "{}", tally);
    }
}
