//! What the log says: for whom, how often, and never a value.

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
use ledger_world::{Hanging, LedgerWorld};
use serde_json::Value;
use shared::ledger::ItemKey;
use shared::testing::{CallFault, Fault, Faults, count_lines, logged};
use world::World;

#[test]
fn a_client_that_is_given_up_is_said_once_a_minute() {
    let logged = logged(|| {
        let world = World::new();
        world.queues.delete_queue(world.client("B"));
        for round in 0..5 {
            world.put(&format!("a{round}"));
            world.drain();
            world.clock.freeze(Duration::from_secs(20));
        }
    });
    // It is given up after four minutes; then at 0, 20, 40, 60 and 80 seconds, of which the first and the fourth are said.
    assert_eq!(count_lines(&logged, "client given up"), 2, "{logged}");
    assert!(logged.contains(r#""client":"B""#) && logged.contains("QueueDoesNotExist"), "{logged}");
}

#[test]
fn a_message_that_a_client_never_takes_is_an_error_and_its_body_is_not_told() {
    let logged = logged(|| {
        let world = World::new();
        world.queues.change(world.client("B"), |settings| settings.maximum_message_size = 1_024);
        world.put_message(&world::message_of("a", "a1", &"x".repeat(2_000)));
        world.put("a2 b1");
        world.drain();
    });
    assert_eq!(count_lines(&logged, "will never take went to the undelivered queue"), 1, "{logged}");
    assert_eq!(count_lines(&logged, r#""level":"ERROR""#), logged.lines().count(), "{logged}");
    assert!(logged.contains(r#""undelivered":1"#), "{logged}");
    assert!(!logged.contains("xxxx"), "a body was logged");
}

#[test]
fn what_neither_queue_takes_is_told_of_the_undelivered_queue_only() {
    let logged = logged(|| {
        let world = World::new();
        world.queues.change(world.client("B"), |settings| settings.maximum_message_size = 1_024);
        world.queues.change(&world.undelivered, |settings| settings.denied = true);
        world.put_message(&world::message_of("a", "a1", &"x".repeat(2_000)));
        world.put("a2 b1");
        world.deliver();
    });
    assert_eq!(count_lines(&logged, "the undelivered queue did not take messages"), 1, "{logged}");
    assert_eq!(logged.lines().count(), 1, "{logged}");
}

#[test]
fn whatever_needs_somebody_to_act_is_an_error_from_the_start() {
    let logged = logged(|| {
        let world = World::new();
        world.queues.change(world.client("B"), |settings| settings.denied = true);
        world.put("a1");
        world.deliver();
    });
    assert_eq!(count_lines(&logged, "client did not take its messages"), 1, "{logged}");
    assert_eq!(count_lines(&logged, r#""level":"ERROR""#), 1, "{logged}");
}

#[test]
fn a_client_that_does_not_take_its_messages_is_a_warning_and_a_broken_undelivered_queue_an_error() {
    let logged = logged(|| {
        let world = World::new();
        let always = (0..100_000).map(|request| (request, Fault::Call(CallFault::ServerError)));
        world.queues.set_faults(world.client("B"), Faults::script(always));
        world.queues.change(&world.undelivered, |settings| settings.denied = true);
        world.put("a1");
        world.deliver();
        world.clock.freeze(fanout::patience::PATIENCE);
        world.deliver();
    });
    assert_eq!(count_lines(&logged, "client did not take its messages"), 2, "{logged}");
    assert_eq!(count_lines(&logged, r#""level":"WARN""#), 2, "{logged}");
    assert_eq!(count_lines(&logged, "the undelivered queue did not take messages"), 1, "{logged}");
    assert_eq!(count_lines(&logged, "client given up"), 0, "{logged}");
}

/// The log with the ledger, but for when and where.
fn check_ledger(act: impl FnOnce(&LedgerWorld), expected: &Expect) {
    let logged = logged(|| act(&LedgerWorld::new()));
    let line = |line: &str| {
        let mut line: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
        let (level, message) = (line.remove("level").unwrap(), line.remove("message").unwrap());
        for name in ["timestamp", "target"] {
            line.remove(name);
        }
        let fields: Vec<String> = line.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} {}: {}\n", level.as_str().unwrap(), message.as_str().unwrap(), fields.join(" "))
    };
    expected.assert_eq(&logged.lines().map(line).collect::<String>());
}

#[test]
fn with_the_ledger_a_client_that_becomes_behind_is_said_once_per_run_and_its_rest_once() {
    check_ledger(
        |world| {
            world.queues.delete_queue(world.client("B"));
            world.append("a1 a2 b1 c1 d1");
            world.drain();
            world.append("a3 e1");
            world.drain();
        },
        &expect![[r#"
            WARN client fails; it is not tried for a moment, and falls behind: client="B" why="queue unusable: `QueueDoesNotExist`: `https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutClientB.fifo`; create the queue, or correct its address"
            WARN client became behind: client="B" group="a" have=0 why="queue unusable: `QueueDoesNotExist`: `https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutClientB.fifo`; create the queue, or correct its address"
            WARN client became behind: client="B" group="b" have=0 why="queue unusable: `QueueDoesNotExist`: `https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutClientB.fifo`; create the queue, or correct its address"
            WARN client became behind: client="B" group="c" have=0 why="queue unusable: `QueueDoesNotExist`: `https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutClientB.fifo`; create the queue, or correct its address"
            WARN client became behind: client="B" group="d" have=0 why="queue unusable: `QueueDoesNotExist`: `https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutClientB.fifo`; create the queue, or correct its address"
            INFO client became behind: client="B" group="e" have=0 why="it failed, and is not tried for a moment"
        "#]],
    );
}

#[test]
fn with_the_ledger_holes_and_what_is_waited_for_are_said() {
    check_ledger(
        |world| {
            world.append("a1");
            world.drain();
            world.write("a4");
            world.put("a4");
            world.drain();
        },
        &expect![[r#"
            INFO waiting for versions that may become readable: group="a" versions="2-3"
            INFO waiting for versions that may become readable: group="a" versions="2-3"
            INFO waiting for versions that may become readable: group="a" versions="2-3"
            WARN holes: versions that no message and no item had; passed over: group="a" versions="2-3"
        "#]],
    );
}

#[test]
fn with_the_ledger_what_is_rejected_or_returned_is_said_without_its_values() {
    check_ledger(
        |world| {
            world.append("a1");
            world.drain();
            world.write_unfit("a2");
            world.append("a3");
            world.table.fail();
            world.drain();
        },
        &expect![[r#"
            WARN messages are returned and tried again: groups="a" why="not read: a scripted fault"
            ERROR event in the table cannot be sent; it gets a letter: group="a" version=2 why="the event lacks `id`, its id; `[source]` in `client-queues.toml` says where it is"
        "#]],
    );
}

#[test]
fn with_the_ledger_why_messages_are_returned_is_said_once_for_all_groups() {
    check_ledger(
        |world| {
            world.append("a1 b1 c1");
            world.ledger.fail_read(ItemKey::Control);
            world.deliver();
            world.clock.freeze(Duration::from_secs(10));
            world.ledger.fail_read(world.item_key("b"));
            world.deliver();
            let hanging = Hanging { reads: true, ..Hanging::slow(world, Duration::ZERO) };
            world.append("d1 e1");
            hanging.deliver();
        },
        &expect![[r#"
            WARN messages are returned and tried again: groups="a b c" why="not read: a scripted fault"
            WARN messages are returned and tried again: groups="b" why="not read: a scripted fault"
            WARN messages are returned and tried again: groups="d e" why="not read: the ledger did not answer within 5000 ms"
        "#]],
    );
}

#[test]
fn with_the_ledger_a_group_that_takes_long_to_look_up_is_named() {
    check_ledger(
        |world| {
            world.append("a1 b1");
            world.drain();
            (2..=250).for_each(|version| world.write(&format!("a{version}")));
            world.put("a250");
            world.append("b2");
            world.change_control(|control| control.start = world.clock.now());
            (1..=250).for_each(|version| world.write(&format!("c{version}")));
            world.put("c250");
            Hanging::slow(world, Duration::from_millis(500)).deliver();
        },
        &expect![[r#"
            WARN messages are returned and tried again: groups="c" why="not read: looking up the whole aggregate took longer than a group has; it begins anew each time, and nothing of the group is sent before it ends: if that goes on, give the function more memory, with which it reads faster"
            WARN messages are returned and tried again: groups="a" why="not read: looking up versions 2-250 took longer than a group has; it begins anew each time, and nothing of the group is sent before it ends: if that goes on, give the function more memory, with which it reads faster"
        "#]],
    );
}

#[test]
fn with_the_ledger_what_is_not_sent_and_no_duplicate_is_said() {
    check_ledger(
        |world| {
            world.append("a1 a2 a3");
            world.drain();
            // Duplicates.
            world.clock.freeze(Duration::from_secs(600));
            world.put("a2 a3");
            world.drain();
            // Erased meanwhile.
            world.write("b3");
            world.put("a6 a7 b3");
            world.erase("b");
            world.drain();
            // Born again under the same sort keys.
            world.erase("a");
            world.clock.freeze(Duration::from_secs(600));
            for version in 1..=2 {
                world.append_later(&format!("a{version}"), 7_200);
            }
            world.drain();
        },
        &expect![[r#"
            INFO dropped: the event table does not have these events any more: group="a" versions="6 7"
            INFO dropped: the event table does not have these events any more: group="b" versions="3"
            WARN events of the table are not sent, because others of the same version were; in an aggregate a source uses each version and each sort key once: group="a" versions="1 2"
        "#]],
    );
}
