//! Walks over the event table: history, and the comparison of table and ledger.

use std::time::Duration;

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use shared::ids::Key;
use shared::ledger::{Item, ItemKey, Walk, WalkKind};
use shared::message::Attribute;

use crate::world::{World, by_group};

fn walk(world: &World, kind: WalkKind) -> Option<Walk> {
    match world.ledger.get(&ItemKey::Walk(kind)) {
        Some(Item::Walk(walk)) => Some(walk),
        _ => None,
    }
}

fn put_again(world: &World) -> String {
    by_group(&world.queues.accepted(&world.fan_out))
}

#[test]
fn a_walk_that_is_cut_short_goes_on_where_it_was() {
    let mut world = World::new();
    world.deploy("A B C+");
    let groups: Vec<String> = ('a'..='z').map(String::from).collect();
    for group in &groups {
        world.put(&format!("{group}1@-100000 {group}2@-99000 {group}3@-98000"));
    }
    // A few pages in each care.
    world.scan_latency.set(Duration::from_secs(25));
    let mut places = Vec::new();
    loop {
        world.care();
        let walk = walk(&world, WalkKind::History).unwrap();
        if !walk.is_on {
            break;
        }
        assert!(walk.after.is_some() && !places.contains(&walk.after));
        places.push(walk.after);
    }
    assert_eq!(places.len(), 5);
    // 78 items, four to a page, for this walk and the comparison after it; and what is read again.
    assert!(world.table.calls().scans < 60, "{:?}", world.table.calls());
    world.care();
    for group in &groups {
        assert_eq!(world.standing(group), "3");
    }
    assert_eq!(world.got("C").matches(": 1 2 3").count(), groups.len());
}

#[test]
fn a_group_that_may_show_an_earlier_event_is_waited_for() {
    let mut world = World::new();
    world.deploy("A B C+");
    world.put("a1@-90000 a3@-5");
    world.care();
    assert_eq!(world.standing("a"), "unknown");
    assert!(walk(&world, WalkKind::History).unwrap().is_on);
    world.put("a2@-5");
    world.cares(1);
    assert_eq!(world.standing("a"), "1 C:0");
    world.cares(1);
    assert_eq!(world.got("C"), "a: 1");
}

#[test]
fn without_anybody_who_wants_history_there_is_no_walk_for_it() {
    let mut world = World::new();
    world.deploy("A B C");
    world.cares(2);
    assert_eq!(walk(&world, WalkKind::History), None);
}

#[test]
fn what_was_lost_is_put_on_the_fan_out_queue_within_a_day() {
    let world = World::new();
    // Known and complete; the last one lost; not known and new; not known and old.
    world.put("a1 a2 b1 b2 c1 c2 d1@-100000");
    world.group("a", 2, "");
    world.group("b", 1, "");
    world.wait(600);
    world.care();
    assert_eq!(put_again(&world), "", "not due");
    world.wait(86_400);
    world.care();
    assert_eq!(put_again(&world), "b: 2 | c: 2");
    let b2 = world.table.rows(&Key::S("b".to_owned()))[0].clone().event.unwrap();
    let put = world.queues.accepted(&world.fan_out);
    let put = put.iter().find(|message| message.body == b2.body()).unwrap();
    assert!(put.attributes.contains(&Attribute::repair(b2.deduplication_id())));
    assert_eq!(walk(&world, WalkKind::Reconcile).map(|walk| walk.is_on), Some(false));
}

#[test]
fn a_comparison_that_cannot_put_stands_still() {
    let world = World::new();
    world.put("b1 b2");
    world.group("b", 1, "");
    world.wait(86_400);
    world.queues.change(&world.fan_out, |settings| settings.denied = true);
    world.care();
    assert!(walk(&world, WalkKind::Reconcile).unwrap().is_on);
    world.queues.change(&world.fan_out, |settings| settings.denied = false);
    world.cares(1);
    assert_eq!(put_again(&world), "b: 2");
    assert!(!walk(&world, WalkKind::Reconcile).unwrap().is_on);
}

fn reconcile(world: &World, after: &Value, expected: Expect) -> Value {
    let answer = world.order(json!({"order": "reconcile", "after": after})).unwrap();
    expected.assert_eq(&answer.to_string());
    answer["after"].clone()
}

#[test]
fn a_comparison_tells_what_is_missing_what_came_late_and_what_is_gone() {
    let world = World::new();
    world.put("a1 a2 a3 b1 b2 c1 d1 d2 e2 e3");
    world.group_with("a", 3, "", |item| item.holes = vec![2, 9]);
    world.group("b", 1, "");
    world.group("c", 4, "");
    world.group_with("e", 2, "", |item| item.first.sort = Key::N("1".to_owned()));
    reconcile(
        &world,
        &Value::Null,
        expect![[
            r#"{"after":null,"ahead":[{"group":"c","highest":1,"key":{"S":"c"},"version":4}],"groups":5,"holes":[{"group":"a","key":{"S":"a"},"version":2}],"missing":[{"group":"e","key":{"S":"e"},"version":2},{"group":"e","key":{"S":"e"},"version":3},{"group":"d","key":{"S":"d"},"version":2},{"group":"b","key":{"S":"b"},"version":2}]}"#
        ]],
    );
    assert_eq!(put_again(&world), "b: 2 | d: 2 | e: 2 3");
}

#[test]
fn an_event_that_cannot_be_sent_is_not_missing() {
    let world = World::new();
    world.put("a1 a2! b1! b2 c1! d1 d2 d3!");
    world.group("a", 1, "");
    world.group("d", 1, "");
    reconcile(
        &world,
        &Value::Null,
        expect![[
            r#"{"after":null,"ahead":[],"groups":4,"holes":[],"missing":[{"group":"d","key":{"S":"d"},"version":2},{"group":"b","key":{"S":"b"},"version":2}]}"#
        ]],
    );
    assert_eq!(put_again(&world), "b: 2 | d: 2");
}

#[test]
fn a_comparison_goes_on_where_the_last_one_ended() {
    let world = World::new();
    for group in 'a'..='p' {
        world.put(&format!("{group}1 {group}2 {group}3"));
    }
    world.scan_latency.set(Duration::from_secs(25));
    let (mut after, mut groups, mut calls) = (Value::Null, 0, 0);
    loop {
        let answer = world.order(json!({"order": "reconcile", "after": after})).unwrap();
        groups += answer["groups"].as_u64().unwrap();
        calls += 1;
        after = answer["after"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(groups, 16);
    assert!(calls > 2, "{calls}");
    assert_eq!(put_again(&world).matches(": 3").count(), 16);
}
