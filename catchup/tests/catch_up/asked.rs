//! What consumers ask for on the queue of requests.

use std::time::Duration;

use expect_test::expect;
use serde_json::{Value, json};
use shared::ledger::{Item, ItemKey, REQUESTS_A_MINUTE, RequestAllowance, WriteCount};
use testkit::memory::WriteFault;

use crate::logs::check;
use crate::world::{World, group_of};

/// A world in which A may ask and B may not; A has a1 to a3 and b1, and lacks b2.
fn world() -> World {
    let world = World::of("A? B");
    world.maintenance();
    world.put("a1 a2 a3 b1 b2");
    world.group("a", 3, "");
    world.group("b", 2, "A:1");
    world.ledger.forget_calls();
    world
}

/// A message with this id: of `client`, which asks for `group` from version `from` on.
fn ask(id: &str, client: &str, group: &str, from: i64) -> Value {
    record(id, client, &json!({ "group": group, "from": from }).to_string())
}

fn record(id: &str, client: &str, body: &str) -> Value {
    json!({
        "messageId": id,
        "receiptHandle": format!("handle of {id}"),
        "body": body,
        "attributes": { "MessageGroupId": client, "SenderId": "AROA:consumer", "ApproximateReceiveCount": "1" },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    })
}

fn settled() -> (Vec<String>, Vec<Duration>) {
    (Vec::new(), Vec::new())
}

fn come_again(ids: &[&str]) -> (Vec<String>, Vec<Duration>) {
    (ids.iter().map(|id| (*id).to_owned()).collect(), vec![Duration::from_secs(60); ids.len()])
}

fn counts(world: &World) -> String {
    let tally = world.tally.borrow().to_string();
    let words = tally.split(", ").filter(|word| word.starts_with("Re") && !word.starts_with("Rejected"));
    words.collect::<Vec<_>>().join(", ")
}

fn allowance(world: &World, client: &str) -> Option<u32> {
    match world.ledger.get(&ItemKey::Requests(world.registration(client).id)) {
        Some(Item::Requests(allowance)) => Some(allowance.left),
        _ => None,
    }
}

#[test]
fn a_request_is_a_replay_for_the_client_that_asks_alone() {
    let world = world();
    assert_eq!(world.ask(&[ask("m-1", "A", "a", 2)]), settled());
    assert_eq!(world.standing("a"), "3 A:1..3");
    assert_eq!(counts(&world), "RecordsIn 1, RequestsCarriedOut 1, RequestsRefused 0, RequestsDelayed 0");
    assert_eq!(allowance(&world, "A"), Some(REQUESTS_A_MINUTE - 1));
    world.maintenance();
    assert_eq!((world.got("A").as_str(), world.got("B").as_str()), ("a: 2r 3r | b: 2", ""));
}

#[test]
fn a_request_that_is_delivered_twice_is_the_same_replay() {
    let world = world();
    world.ask(&[ask("m-1", "A", "a", 2)]);
    world.maintenance();
    assert_eq!(world.ask(&[ask("m-1", "A", "a", 2)]), settled());
    world.maintenance();
    // SQS swallowed the second ones, which have the same ids.
    assert_eq!(world.got("A"), "a: 2r 3r | b: 2");
}

#[test]
fn a_group_has_one_open_replay() {
    let world = world();
    world.ask(&[ask("m-1", "A", "a", 2)]);
    for (id, from) in [("m-2", 2), ("m-3", 3), ("m-4", 9)] {
        assert_eq!(world.ask(&[ask(id, "A", "a", from)]), settled());
        assert_eq!(world.standing("a"), "3 A:1..3", "from {from}");
        assert_eq!(counts(&world), "RecordsIn 1, RequestsCarriedOut 0, RequestsRefused 0, RequestsDelayed 0");
    }
    // It does not bring version 1.
    assert_eq!(world.ask(&[ask("m-5", "A", "a", 0)]), settled());
    assert_eq!(world.standing("a"), "3 A:0..3");
    assert_eq!(allowance(&world, "A"), Some(REQUESTS_A_MINUTE - 2));
}

#[test]
fn what_lies_above_the_groups_version_is_a_replay_of_what_comes() {
    let world = world();
    // The consumer may have it from a sender that died, so a version that the ledger does not know is no reason to refuse.
    for (group, from) in [("a", 104), ("b", 103)] {
        assert_eq!(world.ask(&[ask("m-1", "A", group, from)]), settled());
    }
    assert_eq!((world.standing("a").as_str(), world.standing("b").as_str()), ("3 A:3..3", "2 A:1..1"));
    world.maintenance();
    assert_eq!(world.got("A"), "b: 2r");
    world.work(8);
    assert_eq!((world.standing("a").as_str(), world.standing("b").as_str()), ("3", "2"));
}

#[test]
fn what_a_sender_left_that_died_comes_under_the_id_of_the_replay() {
    let world = world();
    world.put("a4@-5");
    // Version 4 was sent, and is not recorded; the consumer has acknowledged it without effect, since it lacks 3.
    assert_eq!(world.ask(&[ask("m-1", "A", "a", 3)]), settled());
    world.maintenance();
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 3r | b: 2", "3 A:3..3"));
    world.stream("a4");
    world.work(2);
    assert_eq!(world.got("A"), "a: 3r 4r | b: 2");
    world.work(6);
    assert_eq!(world.standing("a"), "4");
}

#[test]
fn what_can_never_be_carried_out_is_logged_without_its_body_and_acknowledged() {
    let world = world();
    let records = [
        ask("m-1", "B", "a", 1),
        ask("m-2", "C", "a", 1),
        ask("m-3", "A", "c", 1),
        record("m-4", "A", "secret"),
        record("m-5", "A", r#"{"group":"a","from":1,"client":"B"}"#),
        record("m 6", "A", r#"{"group":"a","from":1}"#),
        json!({ "messageId": "m-7", "body": r#"{"group":"a","from":1}"#, "attributes": {} }),
        json!(7),
    ];
    let mut answer = None;
    check(
        || answer = Some(world.ask(&records)),
        expect![[r#"
        WARN a consumer's request can't be carried out: client="B" from=1 group="a" sender="AROA:consumer" why="client-queues.toml has no `request_role` for this client"
        WARN a consumer's request can't be carried out: client="C" from=1 group="a" sender="AROA:consumer" why="no client of this name is served"
        WARN a consumer's request can't be carried out: client="A" from=1 group="c" sender="AROA:consumer" why="the ledger does not know the group"
        WARN a consumer's request can't be carried out: client="A" sender="AROA:consumer" why="the body is not `{\"group\": …, \"from\": …}`, with a group of the pipeline and a version"
        WARN a consumer's request can't be carried out: client="A" sender="AROA:consumer" why="the body is not `{\"group\": …, \"from\": …}`, with a group of the pipeline and a version"
        WARN a consumer's request can't be carried out: client="A" sender="AROA:consumer" why="`m 6` is not a replay's id; use 1 to 40 letters, digits and `-`"
        WARN a consumer's request can't be carried out: why="no `MessageGroupId`"
        WARN a consumer's request can't be carried out: why="not a record of SQS""#]],
    );
    assert_eq!(answer, Some(settled()));
    assert_eq!(world.standing("a"), "3");
    assert_eq!(counts(&world), "RecordsIn 8, RequestsCarriedOut 0, RequestsRefused 8, RequestsDelayed 0");
}

#[test]
fn what_fails_for_now_comes_again_with_all_later_ones_of_its_client() {
    let mut world = world();
    world.deploy("A? B?");
    let records = [ask("m-1", "A", "a", 1), ask("m-2", "B", "a", 2), ask("m-3", "A", "b", 1)];
    let group = ItemKey::Group(group_of("a"));
    for _ in 0..8 {
        world.ledger.fail_read(group.clone());
    }
    let mut answer = None;
    check(
        || answer = Some(world.ask(&records)),
        expect![[
            r#"WARN a consumer's requests come again: client="A" from=1 group="a" why="not read: a scripted fault""#
        ]],
    );
    assert_eq!(answer, Some(come_again(&["m-1", "m-3"])));
    assert_eq!((world.standing("a").as_str(), world.standing("b").as_str()), ("3 B:1..3", "2 A:1"));
    assert_eq!(counts(&world), "RecordsIn 3, RequestsCarriedOut 1, RequestsRefused 0, RequestsDelayed 2");
    // A minute later.
    assert_eq!(world.ask(&[records[0].clone(), records[2].clone()]), settled());
    assert_eq!((world.standing("a").as_str(), world.standing("b").as_str()), ("3 A:0..3 B:1..3", "2 A:0..1"));
}

#[test]
fn without_the_registry_all_come_again() {
    let world = world();
    world.ledger.fail_read(ItemKey::Registry);
    let records = [ask("m-1", "A", "a", 1), ask("m-2", "B", "a", 1), record("m-3", "A", "")];
    assert_eq!(world.ask(&records), come_again(&["m-1", "m-2"]));
}

#[test]
fn a_client_that_asks_too_often_waits() {
    let world = world();
    let allowed = |left, at| {
        let at = world.clock.now().plus(Duration::from_millis(at));
        let allowance = RequestAllowance { write_count: WriteCount(1), left, at, unknown: [].into() };
        let key = ItemKey::Requests(world.registration("A").id);
        world.ledger.put(key, Item::Requests(allowance));
    };
    allowed(1, 0);
    let records = [ask("m-1", "A", "a", 2), ask("m-2", "A", "b", 1)];
    let mut answer = None;
    check(
        || answer = Some(world.ask(&records)),
        expect![[
            r#"WARN a consumer's requests come again: client="A" from=1 group="b" why="its client asks too often""#
        ]],
    );
    assert_eq!(answer, Some(come_again(&["m-2"])));
    assert_eq!((world.standing("a").as_str(), world.standing("b").as_str()), ("3 A:1..3", "2 A:1"));
    world.wait(60);
    assert_eq!(world.ask(&records[1..]), settled());
    assert_eq!(world.standing("b"), "2 A:0..1");
    assert_eq!(allowance(&world, "A"), Some(REQUESTS_A_MINUTE - 1));
}

#[test]
fn an_allowance_of_unknown_result_is_taken_again() {
    let world = world();
    world.ledger.fail_write(WriteFault::UnknownDone);
    assert_eq!(world.ask(&[ask("m-1", "A", "a", 2)]), settled());
    assert_eq!(world.standing("a"), "3 A:1..3");
    assert_eq!(allowance(&world, "A"), Some(REQUESTS_A_MINUTE - 2));
}

#[test]
fn a_paused_client_gets_what_it_asked_for_when_it_is_resumed() {
    let world = world();
    world.request(json!({"request": "pause", "client": "A"})).unwrap();
    assert_eq!(world.ask(&[ask("m-1", "A", "a", 3)]), settled());
    world.maintenance();
    assert_eq!(world.got("A"), "");
    world.request(json!({"request": "resume", "client": "A"})).unwrap();
    world.maintenance();
    assert_eq!(world.got("A"), "a: 3r | b: 2");
}

#[test]
fn a_replay_of_unknown_result_comes_again_and_is_the_same_one() {
    let world = world();
    // The first write is that of the allowance.
    world.ledger.before_write(|_| {});
    world.ledger.before_write(|ledger| ledger.fail_write(WriteFault::UnknownDone));
    assert_eq!(world.ask(&[ask("m-1", "A", "a", 2)]), come_again(&["m-1"]));
    assert_eq!(world.standing("a"), "3 A:1..3");
    world.maintenance();
    assert_eq!(world.ask(&[ask("m-1", "A", "a", 2)]), settled());
    world.maintenance();
    assert_eq!(world.got("A"), "a: 2r 3r | b: 2");
}
