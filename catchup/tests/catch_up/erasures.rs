//! Clients that want to know when an aggregate is erased.

use serde_json::{Value, json};
use shared::ledger::{Item, ItemKey, Settlement};

use crate::world::{World, group_of};

/// A world with A, which wants notices, and B, which doesn't.
fn world() -> World {
    let world = World::of("A~ B");
    world.maintenance();
    world
}

fn look_for(groups: &[&str]) -> Value {
    let keys: Vec<Value> = groups.iter().map(|group| json!({"S": group})).collect();
    json!({"request": "lookForErasures", "keys": keys})
}

/// How A's notice about a group was settled; `None` if it was not.
fn settlement(world: &World, group: &str) -> Option<Settlement> {
    let place = shared::ledger::ReceiptPlace { group: group_of(group), incarnation_number: 1 };
    match world.ledger.get(&ItemKey::Receipt(world.registration("A").id, place)) {
        Some(Item::Receipt(receipt)) => receipt.settled.map(|(settlement, _)| settlement),
        Some(other) => panic!("{other:?}"),
        None => None,
    }
}

#[test]
fn an_erasure_whose_hints_were_lost_is_found_by_request() {
    let world = world();
    world.put("b1");
    world.group("a", 3, "");
    world.group("b", 1, "");
    world.work(2);
    assert_eq!(world.got("A"), "", "nothing says that a was erased");

    assert_eq!(world.request(look_for(&["a", "b", "c"])), Ok(json!({"hints": 3})));
    world.work(3);
    assert_eq!((world.got("A").as_str(), world.got("B").as_str()), ("a: 4e", ""));
    assert_eq!(settlement(&world, "a"), Some(Settlement::Told));
    assert!(world.item("a").unwrap().closed.is_some() && world.item("b").unwrap().closed.is_none());
    assert_eq!((world.standing("a").as_str(), world.standing("c").as_str()), ("3", "unknown"));

    // Again, to no effect.
    world.request(look_for(&["a", "b", "c"])).unwrap();
    world.work(3);
    assert_eq!(world.got("A"), "a: 4e");
}

#[test]
fn each_request_puts_hints_of_its_own() {
    let world = world();
    for requests in 1..=3 {
        world.request(look_for(&["a", "b"])).unwrap();
        assert_eq!(world.queues.accepted(&world.fan_out).len(), 2 * requests);
    }
}

#[test]
fn a_request_names_some_keys_and_not_too_many() {
    let world = world();
    let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (keys, count) in [(&many[..], 101), (&[], 0)] {
        let error = world.request(look_for(keys)).unwrap_err();
        assert!(error.contains(&format!("`keys`: {count} of them")), "{error}");
    }
    let bad = json!({"request": "lookForErasures", "keys": [{"B": "?"}]});
    assert!(world.request(bad).unwrap_err().contains("base64"));
    assert!(world.queues.accepted(&world.fan_out).is_empty());
}
