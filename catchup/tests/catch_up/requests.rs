//! Control requests, and their answers.

use std::time::Duration;

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use shared::ledger::{Item, ItemKey, State, WriteCount};
use testkit::memory::WriteFault;

use crate::world::{World, group_of};

fn check(world: &World, payload: Value, expected: Expect) {
    let answer = match world.request(payload) {
        Ok(answer) => answer.to_string(),
        Err(error) => format!("error: {error}"),
    };
    expected.assert_eq(&answer);
}

#[test]
fn pause_and_resume_answer_what_the_client_is_and_was() {
    let world = World::new();
    let request =
        |name: &str| json!({"request": name, "client": "A", "caller": "arn:aws:iam::111122223333:user/op"});
    check(&world, request("pause"), expect![[r#"{"client":"A","state":"paused","was":"live"}"#]]);
    check(&world, request("pause"), expect![[r#"{"client":"A","state":"paused","was":"paused"}"#]]);
    assert_eq!(world.registration("A").state, State::Paused);
    assert_eq!(world.registration("B").state, State::Live);
    check(&world, request("resume"), expect![[r#"{"client":"A","state":"live","was":"paused"}"#]]);
    assert_eq!(world.registration("A").state, State::Live);
}

#[test]
fn a_pause_keeps_who_asked_for_it_when_and_the_newest_reason() {
    let world = World::new();
    let pause = |caller: &str, reason: Option<&str>| json!({"request": "pause", "client": "A", "reason": reason, "caller": caller});
    let noted = || world.registration("A").pause.map(|pause| (pause.since, pause.by, pause.reason));
    world.request(pause("one", None)).unwrap();
    let first = noted().unwrap();
    assert_eq!((first.1.as_str(), &first.2), ("one", &None));
    world.clock.freeze(Duration::from_secs(60));
    // Without a reason, it says nothing new.
    world.request(pause("two", None)).unwrap();
    assert_eq!(noted().unwrap(), first);
    world.request(pause("two", Some(" its queue moves "))).unwrap();
    assert_eq!(noted().unwrap(), (first.0, "two".to_owned(), Some("its queue moves".to_owned())));
    for reason in ["", "  ", &"x".repeat(501)] {
        let error = world.request(pause("three", Some(reason))).unwrap_err().to_string();
        assert!(error.contains("say in 1 to 500 why"), "{error}");
    }
    world.request(json!({"request": "resume", "client": "A"})).unwrap();
    assert_eq!(noted(), None);
}

#[test]
fn a_pause_is_written_whatever_happens_to_the_first_write() {
    let faults =
        [None, Some(WriteFault::Refused), Some(WriteFault::UnknownDone), Some(WriteFault::UnknownNotDone)];
    for fault in faults {
        let world = World::new();
        match fault {
            Some(fault) => world.ledger.fail_write(fault),
            None => world.ledger.before_write(|ledger| {
                let Some(Item::Registry(mut registry)) = ledger.get(&ItemKey::Registry) else { panic!() };
                registry.write_count = WriteCount(registry.write_count.0 + 1);
                ledger.put(ItemKey::Registry, Item::Registry(registry));
            }),
        }
        let answer = world.request(json!({"request": "pause", "client": "A"})).unwrap();
        assert_eq!(answer, json!({"client": "A", "state": "paused", "was": "live"}), "{fault:?}");
        assert_eq!(world.registration("A").state, State::Paused);
    }
}

#[test]
fn a_catch_up_answers_what_it_did() {
    let world = World::new();
    let request = json!({"request": "catchUp", "client": "A"});
    check(
        &world,
        request.clone(),
        expect![[r#"{"behind":0,"client":"A","groups":0,"sent":0,"stopped":null}"#]],
    );
    world.put("a1 a2 b1 b2");
    world.group("a", 2, "A:0");
    world.group("b", 2, "A:1");
    check(
        &world,
        request.clone(),
        expect![[r#"{"behind":0,"client":"A","groups":2,"sent":3,"stopped":null}"#]],
    );
    world.group("a", 2, "A:0");
    world.queues.delete_queue(&world.queue("A"));
    check(
        &world,
        request,
        expect![[
            r#"{"behind":1,"client":"A","groups":0,"sent":0,"stopped":"queue unusable: `QueueDoesNotExist`: `https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutClientA.fifo`; create the queue, or correct its address"}"#
        ]],
    );
}

#[test]
fn a_replay_sets_the_client_behind_and_the_next_maintenance_sends() {
    let world = World::new();
    world.put("a1 a2 a3 b1 b2 c1");
    world.group("a", 3, "");
    world.group("b", 2, "A:1");
    let keys = json!([{"S": "a"}, {"S": "b"}, {"S": "none"}]);
    check(
        &world,
        json!({"request": "replay", "client": "A", "keys": keys, "from": 2, "replay": "r-7"}),
        expect![[
            r#"{"client":"A","results":[{"group":"a","outcome":"requested","reason":null},{"group":"b","outcome":"nothing","reason":"the client has none of these versions"},{"group":"none","outcome":"nothing","reason":"the event table has no event of it"}]}"#
        ]],
    );
    assert_eq!((world.standing("a").as_str(), world.standing("b").as_str()), ("3 A:1..3", "2 A:1"));
    world.maintenance();
    assert_eq!((world.got("A").as_str(), world.got("B").as_str()), ("a: 2r 3r | b: 2", ""));
}

#[test]
fn a_replay_adopts_a_group_that_the_ledger_does_not_know() {
    let world = World::new();
    // Events that are older than the ledger come only in a replay.
    world.put("a1@-90000 a2@-89000 b1@-90000 b2@-300 c1@-30 c3@-20");
    let keys = json!([{"S": "a"}, {"S": "b"}, {"S": "c"}]);
    check(
        &world,
        json!({"request": "replay", "client": "A", "keys": keys, "from": 1, "replay": "r-7"}),
        expect![[
            r#"{"client":"A","results":[{"group":"a","outcome":"requested","reason":null},{"group":"b","outcome":"requested","reason":null},{"group":"c","outcome":"failed","reason":"the ledger does not know it yet; the fan-out looks at it, and waits for what may be missing; request it again in two minutes"}]}"#
        ]],
    );
    assert_eq!(world.standing("a"), "2 A:0..2");
    // The second event is new: it is sent to every client when its message comes.
    assert_eq!(world.standing("b"), "1 A:0..1");
    assert_eq!(world.standing("c"), "unknown");
}

#[test]
fn a_replay_that_meets_another_writer_succeeds_and_one_whose_result_is_unknown_fails() {
    let request =
        || json!({"request": "replay", "client": "A", "keys": [{"S": "a"}], "from": 1, "replay": "r-7"});
    let world = World::new();
    world.put("a1 a2");
    world.group("a", 1, "");
    world.ledger.before_write(|ledger| {
        let key = ItemKey::Group(group_of("a"));
        let Some(Item::Group(mut item)) = ledger.get(&key) else { panic!() };
        item.write_count = WriteCount(item.write_count.0 + 1);
        item.version = 2;
        ledger.put(key, Item::Group(item));
    });
    assert_eq!(world.request(request()).unwrap()["results"][0]["outcome"], json!("requested"));
    assert_eq!(world.standing("a"), "2 A:0..2");

    for fault in [WriteFault::Refused, WriteFault::UnknownDone] {
        let world = World::new();
        world.put("a1");
        world.group("a", 1, "");
        world.ledger.fail_write(fault);
        assert_eq!(world.request(request()).unwrap()["results"][0]["outcome"], json!("failed"));
    }
}

#[test]
fn a_replay_mends_a_client_that_is_behind_without_a_cursor() {
    for from in [1, 3, 4] {
        let world = World::new();
        world.put("a1 a2 a3");
        world.group("a", 3, "A:1");
        world.ledger.remove(&world.cursor_key("A", "a"));
        world.maintenance_runs(2);
        assert_eq!(world.got("A"), "", "catch-up does not know of it");
        let request =
            json!({"request": "replay", "client": "A", "keys": [{"S": "a"}], "from": from, "replay": "r-7"});
        assert_eq!(world.request(request).unwrap()["results"][0]["outcome"], json!("requested"));
        assert_eq!(world.standing("a"), "3 A:0");
        world.maintenance_runs(1);
        assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 1 2 3", "3"));
    }
}

#[test]
fn a_request_that_cannot_be_met_is_an_error_that_says_why() {
    let world = World::new();
    check(
        &World::of("A"),
        json!({"request": "pause", "client": "A"}),
        expect![
            "error: the ledger is empty; the first maintenance makes it, within a minute, or the request `maintenance` now"
        ],
    );
    check(
        &world,
        json!({"request": "pause", "client": "C"}),
        expect!["error: client `C` is not served; `client-queues.toml` as it was deployed last names who is"],
    );
    let replay = |keys: Value, id: &str| json!({"request": "replay", "client": "A", "keys": keys, "from": 1, "replay": id});
    check(&world, replay(json!([]), "r"), expect!["error: `keys`: 0 of them; name 1 to 100 at a time"]);
    check(
        &world,
        replay(json!([{"S": "a"}]), "r_1"),
        expect!["error: `replay`: `r_1` is not a replay's id; use 1 to 40 letters, digits and `-`"],
    );
    check(
        &world,
        replay(json!([{"B": "?"}]), "r"),
        expect!["error: `?` is not standard base64 with padding"],
    );
    check(
        &world,
        json!({"request": "repley", "client": "A"}),
        expect![
            "error: not a control request, an object with `request` (`maintenance`, `catchUp`, `pause`, `resume`, `replay`, `hold`, `release`, `skip`, `lookForErasures` or `reconcile`) and what belongs to it: unknown variant `repley`, expected one of `maintenance`, `catchUp`, `pause`, `resume`, `replay`, `hold`, `release`, `skip`, `lookForErasures`, `reconcile` at line 1 column 32"
        ],
    );
    check(
        &world,
        json!({"request": "pause"}),
        expect![
            "error: not a control request, an object with `request` (`maintenance`, `catchUp`, `pause`, `resume`, `replay`, `hold`, `release`, `skip`, `lookForErasures` or `reconcile`) and what belongs to it: missing field `client`"
        ],
    );
    check(
        &world,
        json!({"request": "maintenance", "Records": []}),
        expect![
            "error: not a control request, an object with `request` (`maintenance`, `catchUp`, `pause`, `resume`, `replay`, `hold`, `release`, `skip`, `lookForErasures` or `reconcile`) and what belongs to it: unknown field `Records`, expected `caller`"
        ],
    );
    for _ in 0..8 {
        world.ledger.fail_read(ItemKey::Registry);
    }
    check(
        &world,
        json!({"request": "pause", "client": "A"}),
        expect!["error: the ledger's registry: not read: a scripted fault; try again"],
    );
}
