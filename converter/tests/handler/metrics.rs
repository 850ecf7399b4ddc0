//! The metrics: each record is counted once, whatever happens to it.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::{Value, json};
use shared::metrics::{Metric, RECORDS_IN, REJECTED, RETURNED, SENT, SKIPPED, Tally, Value as Counted};
use testkit::memory::Faults;

use crate::world::{World, insert, record};

/// Delivers `records` in a world that is as `break_it` makes it.
fn check(break_it: impl FnOnce(&World), records: &[Value], expected: &Expect) {
    let world = World::new();
    break_it(&world);
    let metrics = match world.deliver(records) {
        Ok(_) => world.tally.borrow().to_string(),
        Err(error) => format!("{}\n{error}", world.tally.borrow()),
    };
    expected.assert_eq(&metrics);
}

/// Five records of two aggregates.
fn events() -> [Value; 5] {
    [
        insert("AFC F5", 1, 1),
        insert("X1", 1, 2),
        insert("AFC F5", 2, 3),
        insert("AFC F5", 3, 4),
        insert("X1", 2, 5),
    ]
}

fn malformed(mut record: Value) -> Value {
    record["dynamodb"]["NewImage"]["price"] = json!({ "N": "dear" });
    record
}

fn long(mut record: Value) -> Value {
    record["dynamodb"]["NewImage"]["note"] = json!({ "S": "x".repeat(2_000) });
    record
}

#[test]
fn events_that_are_sent() {
    check(
        |_| {},
        &[],
        &expect![
            "RecordsIn 0, Events 0, Skipped 0, TimesUnread 0, Rejected 0, Sent 0, Returned 0, SqsRequests 0"
        ],
    );
    check(
        |_| {},
        &events(),
        &expect![
            "RecordsIn 5, Events 5, Skipped 0, TimesUnread 0, Rejected 0, Sent 5, Returned 0, SqsRequests 3, EntriesPerRequest 1×1 2×2"
        ],
    );
}

#[test]
fn records_that_are_no_events_are_skipped() {
    let records = [insert("X1", 1, 1), record("MODIFY", "X1", 1, 2), record("REMOVE", "X1", 1, 3)];
    check(
        |_| {},
        &records,
        &expect![
            "RecordsIn 3, Events 1, Skipped 2, TimesUnread 0, Rejected 0, Sent 1, Returned 0, SqsRequests 1, EntriesPerRequest 1×1"
        ],
    );
}

#[test]
fn records_with_a_rejection_are_rejected() {
    let mut records = events();
    records[3] = malformed(records[3].clone());
    check(
        |_| {},
        &records,
        &expect![
            "RecordsIn 5, Events 4, Skipped 0, TimesUnread 0, Rejected 1, Sent 4, Returned 0, SqsRequests 3, EntriesPerRequest 1×1 2×2"
        ],
    );
    let refuses =
        |world: &World| world.queues.change(&world.fan_out, |settings| settings.maximum_message_size = 1_024);
    let mut records = events();
    records[2] = long(records[2].clone());
    check(
        refuses,
        &records,
        &expect![
            "RecordsIn 5, Events 5, Skipped 0, TimesUnread 0, Rejected 1, Sent 4, Returned 0, SqsRequests 4, EntriesPerRequest 1×2 2×2"
        ],
    );
}

#[test]
fn what_could_not_be_sent_is_returned() {
    let denies = |world: &World| world.queues.change(&world.fan_out, |settings| settings.denied = true);
    check(
        denies,
        &events(),
        &expect![
            "RecordsIn 5, Events 5, Skipped 0, TimesUnread 0, Rejected 0, Sent 0, Returned 5, SqsRequests 1, EntriesPerRequest 2×1"
        ],
    );
    let denies = |world: &World| world.queues.change(&world.rejected, |settings| settings.denied = true);
    let mut records = events();
    records[3] = malformed(records[3].clone());
    check(
        denies,
        &records,
        &expect![
            "RecordsIn 5, Events 4, Skipped 0, TimesUnread 0, Rejected 0, Sent 3, Returned 2, SqsRequests 3, EntriesPerRequest 1×2 2×1"
        ],
    );
}

#[test]
fn a_batch_that_fails_is_returned() {
    let mut records = events();
    records[1]["dynamodb"]["StreamViewType"] = json!("KEYS_ONLY");
    check(
        |_| {},
        &records,
        &expect![[r#"
        RecordsIn 5, Returned 5
        the stream's view type is `KEYS_ONLY`, which carries no new image; give the event table a stream with `NEW_IMAGE` and set the stack's stream parameter to its ARN"#]],
    );
}

fn of(tally: &Tally, metric: Metric) -> u64 {
    let values = &tally.lines()[0].values;
    match values.iter().find(|(other, _)| *other == metric) {
        Some((_, Counted::Count(count))) => *count,
        other => panic!("`{}` is {other:?}", metric.name),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_record_is_sent_skipped_rejected_or_returned(
        kinds in prop::collection::vec((0_usize..5, 0_u8..6), 1..40),
        seed in any::<u64>(),
        per_mille in 0_u64..800,
        denied in any::<bool>(),
    ) {
        let mut versions = [0_u64; 5];
        let records: Vec<Value> = kinds.iter().enumerate().map(|(number, (mark, kind))| {
            versions[*mark] += 1;
            let event = insert(&format!("M{mark}"), versions[*mark], number as u64);
            match kind {
                0 => record("MODIFY", &format!("M{mark}"), versions[*mark], number as u64),
                1 => malformed(event),
                2 => long(event),
                _ => event,
            }
        }).collect();
        let world = World::new();
        world.queues.change(&world.fan_out, |settings| settings.maximum_message_size = 1_024);
        world.queues.set_faults(&world.fan_out, Faults::seeded(seed, per_mille, 10_000));
        world.queues.set_faults(&world.rejected, Faults::seeded(!seed, per_mille, 10_000));
        world.queues.change(&world.rejected, |settings| settings.denied = denied);
        let response = world.deliver(&records).unwrap();

        let tally = world.tally.borrow();
        prop_assert_eq!(of(&tally, RECORDS_IN), records.len() as u64);
        let parts = [SENT, SKIPPED, REJECTED, RETURNED].map(|metric| of(&tally, metric));
        prop_assert_eq!(parts.iter().sum::<u64>(), of(&tally, RECORDS_IN), "{}", &*tally);
        prop_assert_eq!(of(&tally, RETURNED) > 0, !response.batch_item_failures.is_empty());
        prop_assert!(of(&tally, REJECTED) <= world.rejections().len() as u64);
        prop_assert!(of(&tally, SENT) <= world.sent().len() as u64);
    }
}
