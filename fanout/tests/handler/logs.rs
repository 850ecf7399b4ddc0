//! What the log says, and how often; it never holds a value.

use std::time::Duration;

use expect_test::{Expect, expect};
use serde_json::Value;
use shared::ids::DeduplicationId;
use shared::ledger::ItemKey;
use shared::message::{Body, Message};
use shared::naming::OwnQueue;
use testkit::logs::logged;

use crate::ledger_world::{Hanging, LedgerWorld};

/// Asserts what `act` logs, without time and target.
fn check(act: impl FnOnce(&LedgerWorld), expected: &Expect) {
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
fn a_client_that_becomes_behind_is_logged_once_per_run_and_its_circuit_breaker_once() {
    check(
        |world| {
            world.queues.delete_queue(world.client("B"));
            world.append("a1 a2 b1 c1 d1");
            world.drain();
            world.append("a3 e1");
            world.drain();
        },
        &expect![[r#"
            WARN client fails; it is not tried for a moment, and falls behind: client="B" why="queue unusable: `QueueDoesNotExist`: `https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutClientB.fifo`; create the queue, or correct its address"
            WARN client became behind: client="B" group="a" position=0 why="queue unusable: `QueueDoesNotExist`: `https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutClientB.fifo`; create the queue, or correct its address"
            WARN client became behind: client="B" group="b" position=0 why="queue unusable: `QueueDoesNotExist`: `https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutClientB.fifo`; create the queue, or correct its address"
            WARN client became behind: client="B" group="c" position=0 why="queue unusable: `QueueDoesNotExist`: `https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutClientB.fifo`; create the queue, or correct its address"
            WARN client became behind: client="B" group="d" position=0 why="queue unusable: `QueueDoesNotExist`: `https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutClientB.fifo`; create the queue, or correct its address"
            INFO client became behind: client="B" group="e" position=0 why="it failed, and is not tried for a moment"
        "#]],
    );
}

#[test]
fn holes_and_what_is_waited_for_are_logged() {
    check(
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
fn what_is_rejected_or_returned_is_logged_without_its_values() {
    check(
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
            ERROR event in the table cannot be sent; it gets a rejection: group="a" version=2 why="the event lacks `id`, its id; `[source]` in `client-queues.toml` says where it is"
        "#]],
    );
}

#[test]
fn why_messages_are_returned_is_logged_once_for_all_groups() {
    check(
        |world| {
            world.append("a1 b1 c1");
            world.ledger.fail_read(ItemKey::Registry);
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
fn a_group_that_takes_long_to_look_up_is_named() {
    check(
        |world| {
            world.append("a1 b1");
            world.drain();
            (2..=250).for_each(|version| world.write(&format!("a{version}")));
            world.put("a250");
            world.append("b2");
            world.change_registry(|registry| registry.start = world.clock.now());
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
fn what_is_not_sent_and_no_duplicate_is_logged() {
    check(
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
            // Created anew under the same sort keys and ids.
            world.erase("a");
            world.clock.freeze(Duration::from_secs(7_200));
            for version in 1..=2 {
                world.append_later(&format!("a{version}"), 7_200);
            }
            world.drain();
        },
        &expect![[r#"
            INFO dropped: the event table does not have these events any more: group="a" versions="6 7"
            INFO dropped: the event table does not have these events any more: group="b" versions="3"
            WARN events of the table are not sent, because others of the same version were; in an aggregate a source uses each version and each sort key once; `fanoutctl reconcile` shows the keys of a version used twice: group="a" versions="1 2"
        "#]],
    );
}

#[test]
fn a_message_that_a_client_never_takes_is_logged_without_its_body() {
    check(
        |world| {
            let limit = world.size("a1") + 10;
            world.queues.change(world.client("B"), |settings| settings.maximum_message_size = limit);
            world.append_padded("a1", 2_000);
            world.append("a2 b1");
            world.drain();
        },
        &expect![[r#"
            WARN client became behind: client="B" group="a" position=0 why="message refused: one or more parameters are invalid: message must be shorter than 222 bytes; the message has 2183 bytes, SQS takes at most 1048576, the queue what its `MaximumMessageSize` says"
"#]],
    );
}

#[test]
fn a_message_that_cannot_be_processed_is_logged_without_its_body() {
    let put = |world: &LedgerWorld| {
        let group = world.event("a1").group().clone();
        let id = DeduplicationId::try_from_sqs("odd").unwrap();
        world.put_message(&Message::new(group, id, Body::Text("a secret"), &[], None));
    };
    check(
        |world| {
            put(world);
            world.append("a1");
            world.drain();
        },
        &expect![[r#"
            ERROR message cannot be processed; it gets a rejection: group="a" message_id="odd" why="it lacks the attribute `version`"
        "#]],
    );
    check(
        |world| {
            let rejected = world.own_queue(OwnQueue::Rejected);
            world.queues.change(&rejected, |settings| settings.denied = true);
            put(world);
            world.deliver();
        },
        &expect![[r#"
            ERROR message cannot be processed; it gets a rejection: group="a" message_id="odd" why="it lacks the attribute `version`"
            ERROR the rejected queue did not take rejections; their messages are returned: why="queue unusable: `AccessDenied` for `https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutRejected.fifo`; allow `sqs:SendMessage` in the queue's policy"
        "#]],
    );
}
