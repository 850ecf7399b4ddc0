//! Aggregates that are erased: the fan-out closes their groups, catch-up tells the clients that want to know.

use serde_json::{Value, json};
use shared::ledger::{Item, ItemKey, State};
use testkit::memory::{Settings, WriteFault};

use crate::world::World;

/// A world with the clients A, who wants no notices, and B and C, who do, and the events of two aggregates sent to all.
fn world() -> World {
    let world = World::of("A B! C!");
    world.maintenance();
    world.put("a1@-60 a2@-50 b1@-60");
    world.stream("a1 a2 b1");
    world.work(1);
    assert_eq!(world.got("B"), "a: 1 2 | b: 1");
    world
}

/// The same, after the aggregate `a` was erased and made anew while B was paused: B is to be told, and has nothing of it.
fn made_anew_while_b_is_paused() -> World {
    let world = world();
    world.request(json!({"request": "pause", "client": "B"})).unwrap();
    world.erase("a");
    world.work(2);
    world.put("a1@-1");
    world.stream("a1");
    world.work(2);
    world
}

fn attribute(world: &World, client: &str, name: &str) -> String {
    let message = world.queues.accepted(&world.queue(client)).pop().unwrap();
    let attribute = message.attributes.iter().find(|attribute| attribute.name == name).unwrap();
    match &attribute.value {
        shared::message::AttributeValue::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_clients_that_want_to_know_are_told_once_after_all_events() {
    let world = world();
    let token = attribute(&world, "B", "incarnation");
    world.erase("a");
    world.work(1);
    assert_eq!((world.standing("a").as_str(), world.receipts("B").as_str()), ("2 B:2 C:2", "a/1 due"));
    world.work(1);
    for client in ["B", "C"] {
        assert_eq!(
            (world.got(client).as_str(), world.receipts(client).as_str()),
            ("a: 1 2 3† | b: 1", "a/1 told")
        );
    }
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 1 2 | b: 1", "2"));
    assert_eq!(attribute(&world, "B", "previousVersion"), "2");
    assert_eq!(attribute(&world, "B", "incarnation"), token);
    let notice = world.queues.accepted(&world.queue("B")).pop().unwrap();
    assert_eq!(notice.body, r#"{"S":"a"}"#);
    // Hints that come again change nothing.
    world.hint("a");
    world.work(3);
    assert_eq!(world.got("B"), "a: 1 2 3† | b: 1");
}

#[test]
fn while_an_event_is_there_nobody_is_told() {
    let world = world();
    world.hint("a");
    world.work(2);
    assert_eq!((world.got("B").as_str(), world.standing("a").as_str()), ("a: 1 2 | b: 1", "2"));
    assert_eq!(world.receipts("B"), "");
}

#[test]
fn an_aggregate_that_the_ledger_does_not_know_is_not_told_of() {
    let world = world();
    world.hint("c");
    world.work(2);
    assert_eq!((world.standing("c").as_str(), world.receipts("B").as_str()), ("unknown", ""));
}

#[test]
fn events_of_the_erased_incarnation_that_come_late_are_dropped_and_the_next_one_begins_anew() {
    let world = world();
    world.put("a3@-20");
    let late = world.table.rows(&shared::ids::Key::S("a".to_owned()));
    world.erase("a");
    world.work(2);
    assert_eq!(world.got("B"), "a: 1 2 3† | b: 1");
    let late = late.into_iter().find(|row| row.head.version == Some(3)).unwrap();
    let along = shared::event::Along { streamed_at: Some(world.clock.now()), ..Default::default() };
    world.queues.put(&world.fan_out, &late.event.unwrap().message(along)).unwrap();
    world.work(1);
    assert_eq!(world.standing("a"), "2");
    world.put("a1@-1");
    world.stream("a1");
    world.work(2);
    assert_eq!((world.got("A").as_str(), world.got("B").as_str()), ("a: 1 2 1 | b: 1", "a: 1 2 3† 1 | b: 1"));
    assert_eq!(world.item("a").unwrap().incarnation_number, 2);
    assert_eq!(attribute(&world, "B", "previousVersion"), "0");
}

#[test]
fn the_same_event_under_the_same_key_is_of_a_new_incarnation() {
    let world = world();
    let events = world.table.rows(&shared::ids::Key::S("b".to_owned()));
    world.erase("b");
    // Longer than SQS would take the event's message for the first one.
    world.work(6);
    world.put(&format!("b1@-{}", world.clock.now().since(crate::world::START).as_secs() + 60));
    let again = world.table.rows(&shared::ids::Key::S("b".to_owned()));
    assert_eq!(again[0].head.identity.sort, events[0].head.identity.sort);
    world.stream("b1");
    world.work(2);
    let item = world.item("b").unwrap();
    assert_eq!((item.incarnation_number, item.closed), (2, None));
    assert_eq!(world.got("B"), "a: 1 2 | b: 1 2† 1");
}

#[test]
fn a_client_whose_queue_fails_is_told_later_and_the_receipt_waits() {
    let world = world();
    world.queues.delete_queue(&world.queue("B"));
    world.erase("a");
    world.work(3);
    assert_eq!((world.receipts("B").as_str(), world.receipts("C").as_str()), ("a/1 due", "a/1 told"));
    let metrics = world.tally.borrow().to_string();
    assert!(metrics.contains("ErasuresDue 1") && metrics.contains("ErasureAge 1"), "{metrics}");
    world.queues.create(&world.queue("B"), Settings::default());
    world.work(8);
    assert_eq!((world.got("B").as_str(), world.receipts("B").as_str()), ("a: 3†", "a/1 told"));
}

#[test]
fn a_client_that_lacks_events_gets_the_notice_in_their_place() {
    let world = world();
    world.put("a3@-20 a4@-10");
    world.group("a", 4, "B:2");
    world.erase("a");
    world.work(2);
    assert_eq!((world.got("B").as_str(), world.receipts("B").as_str()), ("a: 1 2 5† | b: 1", "a/1 told"));
}

#[test]
fn a_client_that_is_told_late_gets_the_notice_before_the_next_incarnation() {
    let world = made_anew_while_b_is_paused();
    assert_eq!((world.got("B").as_str(), world.receipts("B").as_str()), ("a: 1 2 | b: 1", "a/1 due"));
    world.request(json!({"request": "resume", "client": "B"})).unwrap();
    world.work(2);
    assert_eq!((world.got("B").as_str(), world.receipts("B").as_str()), ("a: 1 2 3† 1 | b: 1", "a/1 told"));
}

/// A replay or a hold would write a cursor of the new incarnation, and forget that the old one's end is to be told.
#[test]
fn a_client_that_is_to_be_told_first_gets_no_replay_and_is_not_held() {
    let world = made_anew_while_b_is_paused();
    let first = "the client is told first that the aggregate was erased, and then gets all of it, as it is now; release \
                 or resume it, if it is held or paused";
    for replay in [
        json!({"request": "replay", "client": "B", "keys": [{"S": "a"}], "from": 1, "replay": "r-1", "gap": true}),
        json!({"request": "replay", "client": "B", "keys": [{"S": "a"}], "from": 1, "replay": "r-2"}),
    ] {
        let answer = world.request(replay).unwrap();
        assert_eq!(answer["results"], json!([{"group": "a", "outcome": "nothing", "reason": first}]));
    }
    let hold =
        json!({"request": "hold", "client": "B", "keys": [{"S": "a"}], "reason": "400", "replay": "h-1"});
    let answer = world.request(hold).unwrap();
    assert_eq!(
        answer["results"],
        json!([{"group": "a", "outcome": "failed", "next": null, "reason": first}])
    );
    world.request(json!({"request": "resume", "client": "B"})).unwrap();
    world.work(2);
    assert_eq!((world.got("B").as_str(), world.receipts("B").as_str()), ("a: 1 2 3† 1 | b: 1", "a/1 told"));
}

/// Several incarnations end while a client is paused: it is told of the one that it has events of. The first message of
/// the latest says the rest, and the receipts in between say so.
#[test]
fn of_incarnations_that_a_client_got_nothing_of_it_is_not_told() {
    let world = world();
    world.request(json!({"request": "pause", "client": "B"})).unwrap();
    for age in [9, 5] {
        world.erase("a");
        world.work(2);
        world.put(&format!("a1@-{age}"));
        world.stream("a1");
        world.work(2);
    }
    assert_eq!(world.item("a").unwrap().incarnation_number, 3);
    assert_eq!(world.receipts("B"), "a/1 due, a/2 due", "while it is paused, nothing is settled");
    world.request(json!({"request": "resume", "client": "B"})).unwrap();
    world.work(1);
    assert_eq!(world.got("B"), "a: 1 2 3† 1 | b: 1");
    world.work(1);
    assert_eq!(
        (world.got("B").as_str(), world.receipts("B").as_str()),
        ("a: 1 2 3† 1 | b: 1", "a/1 told, a/2 superseded")
    );
    let metrics = world.tally.borrow().to_string();
    assert!(metrics.contains("ErasuresDue 0"), "{metrics}");
    // Who was there all the time is told of each.
    assert_eq!(
        (world.got("C").as_str(), world.receipts("C").as_str()),
        ("a: 1 2 3† 1 2† 1 | b: 1", "a/1 told, a/2 told")
    );
}

/// A pass whose cursor is of the first incarnation sends the second, and can't record that; then the third begins (seed
/// 186,673,338,638,759).
#[test]
fn of_an_incarnation_of_which_it_was_sent_something_unrecorded_it_is_told() {
    let world = world();
    world.erase("a");
    world.work(2);
    let replay =
        json!({"request": "replay", "client": "B", "keys": [{"S": "a"}], "from": 1, "replay": "r-1"});
    assert_eq!(world.request(replay).unwrap()["results"][0]["outcome"], json!("requested"));
    world.put("a1@-9 a2@-8");
    world.stream("a1 a2");
    world.deliver_until(world.clock.now().plus(std::time::Duration::from_secs(30)));
    assert_eq!((world.standing("a").as_str(), world.got("B").as_str()), ("2 B:0..2/1", "a: 1 2 3† | b: 1"));
    // From then on, the ledger takes nothing.
    for _ in 0..20 {
        let (queues, queue) = (world.queues.clone(), world.queue("B"));
        world.ledger.before_write(move |ledger| {
            if queues.accepted(&queue).len() > 4 {
                ledger.fail_write(WriteFault::Refused);
            }
        });
    }
    world.maintenance();
    assert_eq!(world.got("B"), "a: 1 2 3† 1 2 | b: 1");
    world.erase("a");
    world.put("a1@-1");
    world.stream("a1");
    world.work(4);
    let told = "a: 1 2 3† 1 2 1† 1 | b: 1";
    assert_eq!((world.got("B").as_str(), world.receipts("B").as_str()), (told, "a/1 told, a/2 told"));
}

#[test]
fn an_aggregate_that_is_made_anew_before_the_pipeline_looks_is_told_of_too() {
    let world = world();
    world.erase("a");
    world.put("a1@-1");
    world.stream("a1");
    world.work(2);
    assert_eq!((world.got("B").as_str(), world.receipts("B").as_str()), ("a: 1 2 3† 1 | b: 1", "a/1 told"));
    assert_eq!(world.got("A"), "a: 1 2 1 | b: 1");
}

#[test]
fn what_the_stream_brings_later_keeps_no_client_behind() {
    let world = world();
    world.erase("a");
    world.group("a", 2, "B:1");
    // Of the next incarnation, and above the group's version: the fan-out's, when its message comes.
    world.put("a3@-1");
    world.maintenance();
    assert_eq!(world.standing("a"), "2");
}

#[test]
fn what_a_retired_client_is_due_ends_with_it() {
    let mut world = world();
    world.request(json!({"request": "pause", "client": "B"})).unwrap();
    world.erase("a");
    world.erase("b");
    world.work(2);
    assert_eq!(world.receipts("B"), "a/1 due, b/1 due");
    let id = world.registration("B").id;
    world.deploy("A C!");
    world.maintenance_runs(63);
    assert_eq!(world.registration("B").state, State::Retired);
    let ledger = &world.ledger;
    let due = world.clock.block_on(shared::ledger::Ledger::receipts(ledger, id, true, None)).unwrap();
    assert_eq!(due, []);
    assert_eq!(world.receipts("B"), "a/1 retired, b/1 retired");
}

#[test]
fn a_retired_client_is_admitted_again_when_no_notice_is_due_to_it() {
    let mut world = world();
    world.request(json!({"request": "pause", "client": "B"})).unwrap();
    world.erase("a");
    world.work(2);
    let id = world.registration("B").id;
    let due = shared::ledger::Ledger::receipts(&world.ledger, id, true, None);
    let (place, receipt) = world.clock.block_on(due).unwrap().pop().unwrap();
    world.deploy("A C!");
    world.maintenance_runs(130);
    assert_eq!(
        (world.registration("B").state, world.receipts("B").as_str()),
        (State::Retired, "a/1 retired")
    );

    // As if it had not been settled in all that time.
    world.ledger.put(ItemKey::Due(id, place), Item::Receipt(receipt));
    world.deploy("A B! C!");
    world.maintenance();
    assert_eq!((world.registration("B").id, world.receipts("B").as_str()), (id, "a/1 retired"));
    world.maintenance();
    assert_eq!(world.registration("B").state, State::Live);
    assert_ne!(world.registration("B").id, id);
}

#[test]
fn what_a_retired_client_is_due_ends_with_it_also_if_nobody_wants_notices_any_more() {
    let mut world = world();
    world.request(json!({"request": "pause", "client": "B"})).unwrap();
    world.erase("a");
    world.work(2);
    world.deploy("A B C");
    world.maintenance();
    world.deploy("A C");
    world.maintenance_runs(63);
    assert_eq!(
        (world.registration("B").state, world.receipts("B").as_str()),
        (State::Retired, "a/1 retired")
    );
}

#[test]
fn a_replay_of_an_erased_aggregate_repeats_the_notice_to_those_that_were_due_one() {
    let world = world();
    world.erase("a");
    world.work(2);
    for client in ["A", "B"] {
        let keys = json!([{"S": "a"}]);
        let request =
            json!({"request": "replay", "client": client, "keys": keys, "from": 1, "replay": "r-7"});
        assert_eq!(world.request(request).unwrap()["results"][0]["outcome"], json!("requested"));
    }
    world.work(1);
    assert_eq!((world.got("A").as_str(), world.got("B").as_str()), ("a: 1 2 | b: 1", "a: 1 2 3† 3†r | b: 1"));
    assert_eq!((world.standing("a").as_str(), world.receipts("B").as_str()), ("2", "a/1 told"));
}

#[test]
fn a_client_that_joins_is_not_behind_in_an_erased_aggregate() {
    let mut world = world();
    world.erase("a");
    world.work(2);
    world.deploy("A B! C! D+!");
    world.work(4);
    assert_eq!((world.standing("a").as_str(), world.got("D").as_str()), ("2", "b: 1"));
}

#[test]
fn a_write_that_goes_wrong_costs_no_notice_and_no_second_one() {
    for fault in [WriteFault::Refused, WriteFault::UnknownDone, WriteFault::UnknownNotDone] {
        let world = world();
        world.erase("a");
        world.ledger.fail_write(fault);
        world.deliver_until(world.clock.now().plus(std::time::Duration::from_secs(60)));
        assert_eq!(world.standing("a"), "2 B:2 C:2", "{fault:?}");
        world.maintenance_runs(3);
        assert_eq!((world.got("B").as_str(), world.receipts("B").as_str()), ("a: 1 2 3† | b: 1", "a/1 told"));
    }
}

#[test]
fn a_held_group_is_told_of_after_its_release() {
    let world = world();
    let keys = json!([{"S": "a"}]);
    let hold =
        json!({"request": "hold", "client": "B", "keys": keys, "from": 3, "reason": "x", "replay": "h-1"});
    world.request(hold).unwrap();
    world.erase("a");
    world.work(3);
    assert_eq!((world.got("B").as_str(), world.receipts("B").as_str()), ("a: 1 2 | b: 1", "a/1 due"));
    let cursor = world.ledger.get(&world.cursor_key("B", "a"));
    assert!(matches!(cursor, Some(Item::Cursor(cursor)) if cursor.hold.is_some()));
    world.request(json!({"request": "release", "client": "B", "keys": keys})).unwrap();
    world.work(1);
    assert_eq!((world.got("B").as_str(), world.receipts("B").as_str()), ("a: 1 2 3†r | b: 1", "a/1 told"));
}

#[test]
fn what_is_there_of_a_closed_group_comes_after_the_notice() {
    let world = world();
    world.erase("a");
    world.work(1);
    // Its own message is lost, and found by a comparison.
    world.put("a1@-1");
    world.work(2);
    assert_eq!((world.got("B").as_str(), world.receipts("B").as_str()), ("a: 1 2 3† | b: 1", "a/1 told"));
    world.wait(24 * 3_600);
    world.work(3);
    assert_eq!((world.got("B").as_str(), world.item("a").unwrap().closed), ("a: 1 2 3† 1 | b: 1", None));
}

/// A request to look whether these aggregates are erased.
fn look_for(groups: &[&str]) -> Value {
    let keys: Vec<Value> = groups.iter().map(|group| json!({"S": group})).collect();
    json!({"request": "lookForErasures", "keys": keys})
}

#[test]
fn an_erasure_whose_hints_were_lost_is_found_by_request() {
    let world = world();
    world.group("c", 3, "");
    world.work(2);
    assert_eq!(world.receipts("B"), "", "nothing says that c was erased");
    assert_eq!(world.request(look_for(&["a", "b", "c", "d"])), Ok(json!({"hints": 4})));
    world.work(3);
    assert_eq!(
        (world.got("A").as_str(), world.got("B").as_str()),
        ("a: 1 2 | b: 1", "a: 1 2 | b: 1 | c: 4†")
    );
    assert_eq!(world.receipts("B"), "c/1 told");
    assert_eq!((world.standing("a").as_str(), world.standing("d").as_str()), ("2", "unknown"));
    // Again, to no effect.
    world.request(look_for(&["a", "b", "c", "d"])).unwrap();
    world.work(3);
    assert_eq!(world.got("B"), "a: 1 2 | b: 1 | c: 4†");
}

#[test]
fn each_request_puts_hints_of_its_own() {
    let world = world();
    let before = world.queues.accepted(&world.fan_out).len();
    for requests in 1..=3 {
        world.request(look_for(&["a", "b"])).unwrap();
        assert_eq!(world.queues.accepted(&world.fan_out).len(), before + 2 * requests);
    }
}

#[test]
fn a_request_names_some_keys_and_not_too_many() {
    let world = world();
    let before = world.queues.accepted(&world.fan_out).len();
    let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (keys, count) in [(&many[..], 101), (&[], 0)] {
        let error = world.request(look_for(keys)).unwrap_err();
        assert!(error.contains(&format!("`keys`: {count} of them")), "{error}");
    }
    let bad = json!({"request": "lookForErasures", "keys": [{"B": "?"}]});
    assert!(world.request(bad).unwrap_err().contains("base64"));
    assert_eq!(world.queues.accepted(&world.fan_out).len(), before);
}
