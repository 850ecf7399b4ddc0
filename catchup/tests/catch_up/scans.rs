//! Scans of the event table: for history, and to compare table and ledger.

use std::time::Duration;

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use shared::ids::Key;
use shared::ledger::{Item, ItemKey, Scan, ScanKind};
use shared::message::Attribute;
use testkit::memory::WriteFault;

use crate::world::{World, by_group, group_of};

fn scan(world: &World, kind: ScanKind) -> Option<Scan> {
    match world.ledger.get(&ItemKey::Scan(kind)) {
        Some(Item::Scan(scan)) => Some(scan),
        _ => None,
    }
}

fn put_again(world: &World) -> String {
    by_group(&world.queues.accepted(&world.fan_out))
}

#[test]
fn a_scan_that_is_cut_short_goes_on_where_it_was() {
    let mut world = World::new();
    world.deploy("A B C+");
    let groups: Vec<String> = ('a'..='z').map(String::from).collect();
    for group in &groups {
        world.put(&format!("{group}1@-100000 {group}2@-99000 {group}3@-98000"));
    }
    // A few pages in each maintenance.
    world.scan_latency.set(Duration::from_secs(25));
    let mut places = Vec::new();
    loop {
        world.maintenance();
        let scan = scan(&world, ScanKind::History).unwrap();
        if !scan.is_on {
            break;
        }
        assert!(scan.after.is_some() && !places.contains(&scan.after));
        places.push(scan.after);
    }
    assert_eq!(places.len(), 5);
    // 78 items, four to a page, for this scan and the comparison after it; some items are read twice.
    assert!(world.table.calls().scans < 60, "{:?}", world.table.calls());
    world.maintenance();
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
    world.maintenance();
    assert_eq!(world.standing("a"), "unknown");
    assert!(scan(&world, ScanKind::History).unwrap().is_on);
    world.put("a2@-5");
    world.maintenance_runs(1);
    assert_eq!(world.standing("a"), "1 C:0");
    world.maintenance_runs(1);
    assert_eq!(world.got("C"), "a: 1");
}

#[test]
fn a_group_that_is_waited_for_stops_no_other() {
    let mut world = World::new();
    world.deploy("A B C+");
    let groups: Vec<String> = ('a'..='z').map(String::from).collect();
    for group in &groups {
        world.put(&format!("{group}1@-100000 {group}2@-99000"));
    }
    world.put("m4@-5");
    world.maintenance();
    for group in &groups {
        let standing = if group == "m" { "unknown" } else { "2 C:0" };
        assert_eq!(world.standing(group), standing);
    }
    let left = scan(&world, ScanKind::History).unwrap();
    assert!(left.is_on);
    // The fan-out waits for the missing event, and makes the item. The scan goes on there.
    world.deliver_until(world.clock.now().plus(Duration::from_secs(90)));
    assert_eq!(world.standing("m"), "4 C:0");
    world.table.forget_calls();
    world.maintenance();
    assert!(!scan(&world, ScanKind::History).unwrap().is_on);
    assert!(world.table.calls().scans < 21, "{:?} for 53 items, four to a page", world.table.calls());
}

#[test]
fn an_event_with_a_date_ahead_is_no_reason_to_wait() {
    let mut world = World::new();
    world.deploy("A B C+");
    world.put("m1@-100000 m2@-99000");
    // Version 3 is missing for good; the newest event names an instant a month ahead.
    let ahead = world.clock.now().as_millis() + 30 * 86_400_000;
    let item = json!({
        "mark": {"S": "m"}, "at": {"N": ahead.to_string()}, "version": {"N": "4"}, "id": {"S": "m4"}
    });
    world.table.put(&item.to_string());
    world.maintenance();
    assert_eq!((world.standing("m").as_str(), put_again(&world).as_str()), ("unknown", "m: 4"));
    world.deliver_until(world.clock.now().plus(Duration::from_secs(90)));
    assert_eq!(world.standing("m"), "4 C:0");
    world.maintenance();
    assert!(!scan(&world, ScanKind::History).unwrap().is_on);
}

#[test]
fn an_event_with_a_date_ahead_is_lost_if_no_message_brings_it() {
    let world = World::new();
    world.put("m1@-100000 m2@-99000");
    let ahead = world.clock.now().as_millis() + 30 * 86_400_000;
    let item = json!({
        "mark": {"S": "m"}, "at": {"N": ahead.to_string()}, "version": {"N": "4"}, "id": {"S": "m4"}
    });
    world.table.put(&item.to_string());
    world.group("m", 3, "");
    world.wait(86_400);
    world.maintenance();
    assert_eq!(put_again(&world), "m: 4");
}

#[test]
fn a_write_that_is_refused_is_tried_again_in_the_same_scan() {
    let mut world = World::new();
    world.deploy("A B C+");
    let groups: Vec<String> = ('a'..='z').map(String::from).collect();
    for group in &groups {
        world.put(&format!("{group}1@-100000 {group}2@-99000"));
    }
    // Writes of the registry and of the scan come before those of groups.
    (0..2).for_each(|_| world.ledger.before_write(|_| {}));
    world.ledger.before_write(|ledger| (0..6).for_each(|_| ledger.fail_write(WriteFault::Refused)));
    world.maintenance();
    for group in &groups {
        assert_eq!(world.standing(group), "2 C:0");
    }
    assert!(!scan(&world, ScanKind::History).unwrap().is_on);
}

#[test]
fn a_damaged_item_stops_no_scan() {
    let mut world = World::new();
    let groups: Vec<String> = ('a'..='z').map(String::from).collect();
    for group in &groups {
        world.put(&format!("{group}1@-100000 {group}2@-300"));
    }
    world.ledger.damage(ItemKey::Group(group_of("m")));
    world.deploy("A B C+");
    world.maintenance();
    let adopted = groups.iter().filter(|group| world.standing(group) != "unknown").count();
    assert_eq!((adopted, scan(&world, ScanKind::History).map(|scan| scan.is_on)), (25, Some(false)));
    world.group("a", 2, "");
    let answer = world.request(json!({"request": "reconcile"})).unwrap();
    assert_eq!((&answer["groups"], &answer["after"]), (&json!(26), &Value::Null));
    let missing = answer["missing"].as_array().unwrap().iter().map(|missing| missing["group"].clone());
    assert_eq!(missing.filter(|group| *group != json!("m")).count(), 24);
}

#[test]
fn a_group_that_is_not_read_is_compared_by_the_next_request() {
    let world = World::new();
    for group in 'a'..='p' {
        world.put(&format!("{group}1 {group}2"));
    }
    world.ledger.fail_read(ItemKey::Group(group_of("h")));
    let (groups, calls) = reconcile_all(&world);
    assert_eq!((groups, calls), (16, 2));
    assert_eq!(put_again(&world).matches(": 2").count(), 16);
}

#[test]
fn without_a_client_with_history_there_is_no_scan_for_it() {
    let mut world = World::new();
    world.deploy("A B C");
    world.maintenance_runs(2);
    assert_eq!(scan(&world, ScanKind::History), None);
}

#[test]
fn what_was_lost_is_put_on_the_fan_out_queue_within_a_day() {
    let world = World::new();
    // Known and complete; known, and the last event lost; not known and new; not known and old.
    world.put("a1 a2 b1 b2 c1 c2 d1@-100000");
    world.group("a", 2, "");
    world.group("b", 1, "");
    world.wait(600);
    world.maintenance();
    assert_eq!(put_again(&world), "", "not due");
    world.wait(86_400);
    world.maintenance();
    assert_eq!(put_again(&world), "b: 2 | c: 2");
    let b2 = world.table.rows(&Key::S("b".to_owned()))[0].clone().event.unwrap();
    let put = world.queues.accepted(&world.fan_out);
    let put = put.iter().find(|message| message.body == b2.body()).unwrap();
    assert!(put.attributes.contains(&Attribute::repair(b2.deduplication_id())));
    assert_eq!(scan(&world, ScanKind::Reconcile).map(|scan| scan.is_on), Some(false));
}

#[test]
fn a_comparison_that_cannot_put_stands_still() {
    let world = World::new();
    world.put("b1 b2");
    world.group("b", 1, "");
    world.wait(86_400);
    world.queues.change(&world.fan_out, |settings| settings.denied = true);
    world.maintenance();
    assert!(scan(&world, ScanKind::Reconcile).unwrap().is_on);
    world.queues.change(&world.fan_out, |settings| settings.denied = false);
    world.maintenance_runs(1);
    assert_eq!(put_again(&world), "b: 2");
    assert!(!scan(&world, ScanKind::Reconcile).unwrap().is_on);
}

fn reconcile(world: &World, after: &Value, expected: Expect) -> Value {
    let answer = world.request(json!({"request": "reconcile", "after": after})).unwrap();
    expected.assert_eq(&answer.to_string());
    answer["after"].clone()
}

/// Requests comparisons until all groups are compared. Returns how many groups and how many requests there were.
fn reconcile_all(world: &World) -> (u64, usize) {
    let (mut after, mut groups, mut calls) = (Value::Null, 0, 0);
    loop {
        let answer = world.request(json!({"request": "reconcile", "after": after})).unwrap();
        groups += answer["groups"].as_u64().unwrap();
        calls += 1;
        after = answer["after"].clone();
        if after.is_null() {
            return (groups, calls);
        }
    }
}

#[test]
fn a_comparison_lists_what_is_missing_what_came_late_and_what_is_gone() {
    let world = World::new();
    world.put("a1 a2 a3 b1 b2 c1 d1 d2 e2 e3");
    world.group_with("a", 3, "", |item| item.holes = vec![2, 9]);
    world.group("b", 1, "");
    world.group("c", 4, "");
    world.group_with("e", 2, "", |item| item.first.identity.sort = Key::N("1".to_owned()));
    reconcile(
        &world,
        &Value::Null,
        expect![[
            r#"{"after":null,"ahead":[{"group":"c","highest":1,"key":{"S":"c"},"version":4}],"groups":5,"holes":[{"group":"a","key":{"S":"a"},"version":2}],"implausible":[],"missing":[{"group":"e","key":{"S":"e"},"version":2},{"group":"e","key":{"S":"e"},"version":3},{"group":"d","key":{"S":"d"},"version":2},{"group":"b","key":{"S":"b"},"version":2}],"of_unknown_age":[],"pairs":[]}"#
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
            r#"{"after":null,"ahead":[],"groups":4,"holes":[],"implausible":[],"missing":[{"group":"d","key":{"S":"d"},"version":2},{"group":"b","key":{"S":"b"},"version":2}],"of_unknown_age":[],"pairs":[]}"#
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
    let (groups, calls) = reconcile_all(&world);
    assert_eq!(groups, 16);
    assert!(calls > 2, "{calls}");
    assert_eq!(put_again(&world).matches(": 3").count(), 16);
}

/// The table reads two items in a unit, and the config leaves 25 units a second to scans.
#[test]
fn scans_leave_the_table_to_its_api() {
    let world = World::new();
    for group in 'a'..='t' {
        (1..=20).for_each(|version| world.put(&format!("{group}{version}")));
    }
    let began = world.clock.now();
    let (groups, _) = reconcile_all(&world);
    assert_eq!(groups, 20);
    let units = 20 * 20 / 2;
    let elapsed = world.clock.now().since(began);
    assert!(elapsed >= Duration::from_millis((units - 4) * 1_000 / 25), "{elapsed:?}");
}
