//! Groups that take long to read.

use std::time::Duration;

use serde_json::json;
use testkit::logs::{count_lines, logged};

use crate::world::World;

/// A world in which A is behind in the group `a`, which has `events` events, and in nine groups of two. A page of four
/// takes half a second.
fn world(events: i64) -> World {
    let world = World::new();
    let long: Vec<String> = (1..=events).map(|version| format!("a{version}")).collect();
    world.put(&long.join(" "));
    world.group("a", events, "A:0");
    for group in 'b'..='j' {
        world.put(&format!("{group}1 {group}2"));
        world.group(&group.to_string(), 2, "A:0");
    }
    world.page_latency.set(Duration::from_millis(500));
    world
}

fn others_up_to_date(world: &World) -> usize {
    ('b'..='j').filter(|group| world.standing(&group.to_string()) == "2").count()
}

#[test]
fn a_group_that_takes_long_to_read_is_served_alone_after_the_others() {
    let world = world(300);
    let began = world.clock.now();
    let said = logged(|| drop(world.maintenance()));
    assert_eq!((others_up_to_date(&world), world.standing("a").as_str()), (9, "300"));
    let got = world.queues.requests(&world.queue("A"));
    let first = got.first().unwrap().at.since(began);
    assert!(first <= Duration::from_secs(21), "others wait for a third of the pass: {first:?}");
    assert_eq!(count_lines(&said, "takes long; it is served by itself"), 1, "{said}");
}

#[test]
fn a_group_that_no_pass_can_read_is_named_and_holds_up_no_other() {
    let world = world(600);
    let said = logged(|| {
        let answer = world.maintenance();
        let stopped = &answer["clients"][0]["stopped"];
        assert_eq!(*stopped, json!("the events of group `a` can't be read in time"));
    });
    assert_eq!((others_up_to_date(&world), world.standing("a").as_str()), (9, "600 A:0"));
    let lines: Vec<_> = said.lines().filter(|line| line.contains("\"ERROR\"")).collect();
    let [line] = lines.as_slice() else { panic!("{said}") };
    for part in [r#""client":"A""#, r#""group":"a""#, r#""secs":60"#, "raise the table's read capacity"] {
        assert!(line.contains(part), "{line}");
    }
    // A group in which the client becomes behind later is served, too.
    world.put("b3");
    world.group("b", 3, "A:2");
    world.maintenance_runs(1);
    assert_eq!(world.standing("b"), "3");
}

#[test]
fn a_long_group_is_still_served_after_the_others() {
    let world = world(2_800);
    world.table.set_items_in_page(500);
    world.page_latency.set(Duration::from_secs(8));
    world.maintenance_runs(1);
    assert_eq!(others_up_to_date(&world), 9);
    assert_eq!(world.standing("a"), "2800 A:2000");
    world.maintenance_runs(1);
    assert_eq!(world.standing("a"), "2800");
}

#[test]
fn a_group_too_long_to_be_adopted_stops_no_scan() {
    let mut world = World::new();
    let long: Vec<String> = (1..=600).map(|version| format!("m{version}@-100000")).collect();
    world.put(&long.join(" "));
    for group in ('a'..='l').chain('n'..='z') {
        world.put(&format!("{group}1@-100000"));
    }
    world.deploy("A B C+");
    world.page_latency.set(Duration::from_millis(500));
    let said = logged(|| world.maintenance_runs(4));
    for group in ('a'..='l').chain('n'..='z') {
        assert_eq!(world.standing(&group.to_string()), "1", "{group}");
    }
    assert_eq!(world.standing("m"), "unknown");
    let passed = "scan over the event table passes over a group";
    let lines: Vec<_> = said.lines().filter(|line| line.contains(passed)).collect();
    let [line] = lines.as_slice() else { panic!("{said}") };
    assert!(line.contains(r#""group":"m""#) && line.contains("within 60 s"), "{line}");
}

/// Found by seed 64,696,035,630,243: the function had stood still while it read four events, and the scan never came again.
#[test]
fn a_group_is_no_longer_because_a_page_of_it_took_long() {
    let mut world = World::new();
    let events: Vec<String> = (1..=8).map(|version| format!("m{version}@-100000")).collect();
    world.put(&events.join(" "));
    world.deploy("A B C+");
    world.page_latency.set(Duration::from_secs(61));
    world.maintenance_runs(1);
    assert_eq!(world.standing("m"), "unknown");
    world.page_latency.set(Duration::ZERO);
    world.maintenance_runs(2);
    assert_eq!(world.standing("m"), "8");
}
