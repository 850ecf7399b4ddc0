//! Groups that are held for a client.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use shared::ledger::{HELD_LIMIT, Hold, Item, State};
use testkit::memory::WriteFault;

use crate::world::World;

fn hold(group: &str, from: Option<i64>) -> Value {
    let keys = json!([{"S": group}]);
    json!({"request": "hold", "client": "A", "keys": keys, "from": from, "reason": "fails", "replay": "h-1"})
}

fn release(group: &str) -> Value {
    json!({"request": "release", "client": "A", "keys": [{"S": group}]})
}

fn skip(group: &str, version: i64) -> Value {
    json!({"request": "skip", "client": "A", "key": {"S": group}, "version": version, "reason": "poison"})
}

/// Checks what became of the one group that a request names: the outcome, what comes next, and why.
fn check(world: &World, request: Value, expected: &str) {
    let answer = match world.request(request) {
        Ok(answer) => {
            let result = &answer["results"][0];
            let next = result["next"].as_i64().map(|next| format!(" {next}")).unwrap_or_default();
            let reason = result["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("{}{next}{reason}", result["outcome"].as_str().unwrap())
        }
        Err(error) => error,
    };
    assert_eq!(answer, expected);
}

fn a_cursor_of(world: &World, group: &str) -> shared::ledger::Cursor {
    match world.ledger.get(&world.cursor_key("A", group)) {
        Some(Item::Cursor(cursor)) => cursor,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_held_group_gets_nothing_until_it_is_released_and_then_everything_from_the_front() {
    let world = World::new();
    world.put("a1 a2 a3 a4 b1");
    world.group("a", 3, "");
    world.group("b", 1, "A:0");
    check(&world, hold("a", Some(2)), "held 2");
    assert_eq!(world.standing("a"), "3 A:1..3 held");
    world.maintenance_runs(2);
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("b: 1", "3 A:1..3 held"));
    // What comes meanwhile goes to the others only.
    world.stream("a4");
    world.work(1);
    assert_eq!((world.got("A").as_str(), world.got("B").as_str()), ("b: 1", "a: 4"));
    check(&world, release("a"), "released 2");
    check(&world, release("a"), "nothing: it is not held");
    world.maintenance();
    assert_eq!(world.got("A"), "a: 2r 3r 4r | b: 1");
}

#[test]
fn a_hold_without_a_version_or_above_what_was_sent_repeats_nothing() {
    for from in [None, Some(4), Some(9)] {
        let world = World::new();
        world.put("a1 a2 a3 a4 a5");
        world.group("a", 3, "");
        check(&world, hold("a", from), "held 4");
        check(&world, release("a"), "released 4");
        world.maintenance();
        assert_eq!(world.got("A"), "");
        // What a fan-out that died may have sent comes under the hold's id, as long as SQS would swallow it otherwise.
        assert_eq!(world.standing("a"), "3 A:3..3");
        world.stream("a4");
        world.work(2);
        assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 4r", "4 A:4..3"));
        world.work(6);
        assert_eq!(world.standing("a"), "4");
        world.stream("a5");
        world.work(1);
        assert_eq!(world.got("A"), "a: 4r 5");
    }
}

#[test]
fn a_client_that_is_behind_is_held_where_it_is() {
    let world = World::new();
    world.put("a1 a2 a3");
    world.group("a", 3, "A:1..2");
    check(&world, hold("a", Some(3)), "held 2");
    assert_eq!(world.standing("a"), "3 A:1..2 held");
    // Held once more: its age stays.
    let since = a_cursor_of(&world, "a").hold.unwrap().since;
    world.wait(60);
    check(&world, hold("a", Some(1)), "held 1");
    assert_eq!(world.standing("a"), "3 A:0..2 held");
    assert_eq!(a_cursor_of(&world, "a").hold.unwrap().since, since);
}

#[test]
fn a_replay_of_a_held_group_keeps_it_held() {
    let world = World::new();
    world.put("a1 a2 a3");
    world.group("a", 3, "");
    check(&world, hold("a", Some(3)), "held 3");
    let replay =
        json!({"request": "replay", "client": "A", "keys": [{"S": "a"}], "from": 1, "replay": "r-2"});
    assert_eq!(world.request(replay).unwrap()["results"][0]["outcome"], json!("requested"));
    assert_eq!(world.standing("a"), "3 A:0..3 held");
    world.maintenance_runs(2);
    assert_eq!(world.got("A"), "");
    check(&world, release("a"), "released 1");
    world.maintenance_runs(8);
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 1r 2r 3r", "3"));
}

#[test]
fn an_event_is_skipped_if_it_is_the_next() {
    let world = World::new();
    world.put("a1 a3 a4");
    world.group("a", 4, "");
    check(&world, skip("a", 2), "nothing: it is not held; hold it first");
    check(&world, hold("a", Some(2)), "held 2");
    check(&world, skip("a", 4), "failed: the next event that the client wants is version 3; name that one");
    check(&world, skip("a", 3), "skipped 4");
    check(&world, skip("a", 3), "skipped 4");
    let hold = a_cursor_of(&world, "a").hold.unwrap();
    let skipped: Vec<(i64, &str)> =
        hold.skipped.iter().map(|skipped| (skipped.version, skipped.reason.as_str())).collect();
    assert_eq!(skipped, [(3, "poison")]);
    check(&world, release("a"), "released 4");
    world.maintenance_runs(8);
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 4r", "4"));
    let message = world.queues.accepted(&world.queue("A")).pop().unwrap();
    let previous = message.attributes.iter().find(|attribute| attribute.name == "previousVersion").unwrap();
    assert_eq!(
        format!("{:?}", previous.value),
        r#"Text("1")"#,
        "the consumer takes the event after the skipped one"
    );
}

#[test]
fn a_write_of_unknown_result_is_looked_at_again() {
    for fault in [WriteFault::Refused, WriteFault::UnknownDone, WriteFault::UnknownNotDone] {
        let world = World::new();
        world.put("a1 a2");
        world.group("a", 2, "");
        world.ledger.fail_write(fault);
        check(&world, hold("a", Some(1)), "held 1");
        world.ledger.fail_write(fault);
        check(&world, skip("a", 1), "skipped 2");
        world.ledger.fail_write(fault);
        let released = world.request(release("a")).unwrap()["results"][0]["outcome"].clone();
        let is_done = fault == WriteFault::UnknownDone;
        assert_eq!(released, json!(if is_done { "nothing" } else { "released" }));
        world.maintenance_runs(8);
        assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 2r", "2"));
    }
}

#[test]
fn a_client_with_too_many_held_groups_is_paused() {
    let world = World::new();
    world.put("a1");
    world.group("a", 1, "");
    for number in 0..HELD_LIMIT {
        let name = format!("g{number}");
        world.group(&name, 1, "A:0");
        let mut cursor = a_cursor_of(&world, &name);
        let (reason, by) = ("fails".to_owned(), "op".to_owned());
        cursor.hold = Some(Hold { reason, by, since: world.clock.now(), skipped: Vec::new() });
        world.ledger.put(world.cursor_key("A", &name), Item::Cursor(cursor));
    }
    let answer = world.request(hold("a", None)).unwrap();
    expect![[r#"{"client":"A","paused":true,"results":[{"group":"a","next":null,"outcome":"failed","reason":"a client may have 1000 held groups; it is paused now"}]}"#]]
        .assert_eq(&answer.to_string());
    assert_eq!((world.registration("A").state, world.standing("a").as_str()), (State::Paused, "1"));
}

#[test]
fn held_groups_are_counted_by_themselves() {
    let world = World::new();
    world.put("a1 b1");
    world.group("a", 1, "");
    check(&world, hold("a", None), "held 2");
    world.wait(90);
    let answer = world.maintenance();
    assert_eq!(answer["clients"][0]["held"], json!(1), "{answer}");
    let metrics = world.tally.borrow().to_string();
    for counted in ["GroupsBehind 0", "BehindAge 0", "GroupsHeld 1", "HeldAge 90000"] {
        assert!(metrics.contains(counted), "{counted}: {metrics}");
    }
}

#[test]
fn a_request_without_a_reason_is_refused() {
    let world = World::new();
    let mut request = hold("a", None);
    request["reason"] = json!(" ");
    check(&world, request, "`reason`: 0 bytes; say in 1 to 500 why");
    let mut request = skip("a", 1);
    request["reason"] = json!("x".repeat(501));
    check(&world, request, "`reason`: 501 bytes; say in 1 to 500 why");
}

#[test]
fn what_a_release_answers_is_json() {
    let world = World::new();
    let shown =
        |request: Value, expected: Expect| expected.assert_eq(&world.request(request).unwrap().to_string());
    shown(
        release("a"),
        expect![[
            r#"{"client":"A","results":[{"group":"a","next":null,"outcome":"nothing","reason":"it is not held"}]}"#
        ]],
    );
}
