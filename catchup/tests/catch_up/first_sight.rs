//! Groups that the ledger does not know, and that a scan or a replay meets before a message of them comes: catch-up and
//! the fan-out together.

use std::time::Duration;

use serde_json::json;
use shared::ledger::{Item, ItemKey, ScanKind};

use crate::world::{World, by_group};

fn is_over(world: &World) -> bool {
    matches!(world.ledger.get(&ItemKey::Scan(ScanKind::History)), Some(Item::Scan(scan)) if !scan.is_on)
}

fn put_again(world: &World) -> String {
    by_group(&world.queues.accepted(&world.fan_out))
}

/// The two events of a transaction become readable apart, the second one first, and name instants long past. Between
/// them a scan for a client with history reads the table. The stream shows only the first event. (The schedules of the
/// simulator's seeds 9,039,725 and 20,157,807.)
#[test]
fn a_scan_between_two_events_of_a_transaction_lets_neither_overtake_the_other() {
    for shown in ["", "a1", "a2", "a1 a2", "a2 a1"] {
        let mut world = World::new();
        world.deploy("A B C+");
        world.put("a2@-3456000");
        world.maintenance();
        world.wait(5);
        world.maintenance();
        world.put("a1@-3456010");
        world.stream(shown);
        world.work(4);
        assert_eq!(world.got("C"), "a: 1 2", "the stream shows `{shown}`");
        assert!(is_over(&world), "the stream shows `{shown}`");
        assert_eq!(world.standing("a"), "2");
    }
}

/// The same while the fan-out has the aggregate's repair, and at the moment when it makes the item.
#[test]
fn what_becomes_readable_while_the_fan_out_waits_is_not_overtaken() {
    for seconds in [1, 19, 21, 59, 61, 79] {
        let mut world = World::new();
        world.deploy("A B C+");
        world.put("a1@-3456000 a3@-3456000");
        world.maintenance();
        world.deliver_until(world.clock.now().plus(Duration::from_secs(seconds)));
        // Version 2 is given up after 60 s. Version 5 is readable before version 4.
        world.put("a5@-3456000");
        world.stream("a5");
        world.maintenance();
        world.deliver_until(world.clock.now().plus(Duration::from_secs(5)));
        world.put("a4@-3456000");
        world.stream("a4");
        world.work(4);
        assert_eq!(world.got("C"), "a: 1 3 4 5", "after {seconds} s");
        assert!(is_over(&world), "after {seconds} s");
    }
}

/// The fan-out's baseline, too, ends at a hole that was not waited for.
#[test]
fn what_is_above_a_hole_is_not_covered_because_of_a_repair_below_it() {
    let mut world = World::new();
    world.deploy("A B C+");
    world.put("a2@-3456000");
    world.maintenance();
    world.put("a1@-3456010 a4@-3456000");
    world.deliver_until(world.clock.now().plus(Duration::from_secs(30)));
    world.maintenance();
    assert_eq!((world.standing("a").as_str(), world.got("C").as_str()), ("2", "a: 1 2"));
    world.put("a3@-3456010");
    world.stream("a4 a3");
    world.work(3);
    assert_eq!(world.got("C"), "a: 1 2 3 4");
}

#[test]
fn a_replay_between_two_events_of_a_transaction_is_refused() {
    let world = World::new();
    world.put("a2@-3456000");
    let replay = |id: &str| {
        let request =
            json!({"request": "replay", "client": "A", "keys": [{"S": "a"}], "from": 1, "replay": id});
        let answer = world.request(request).unwrap();
        let result = &answer["results"][0];
        format!("{}: {}", result["outcome"].as_str().unwrap(), result["reason"].as_str().unwrap_or(""))
    };
    assert_eq!(
        replay("r-1"),
        "failed: the ledger does not know it yet; the fan-out looks at it, and waits for what may be missing; request it \
         again in two minutes"
    );
    assert_eq!(world.standing("a"), "unknown");
    world.wait(5);
    world.put("a1@-3456010");
    world.work(2);
    assert_eq!(replay("r-2"), "requested: ");
    world.work(1);
    assert_eq!(world.got("A"), "a: 1r 2r");
}

#[test]
fn an_old_group_with_a_hole_comes_only_to_a_client_with_history() {
    let mut world = World::new();
    world.deploy("A B C+");
    // The oldest events were removed, one in the middle was, none was.
    world.put("a5@-3456000 a6@-3456000 b1@-3456000 b2@-3456000 b4@-3456000 c1@-3456000 c2@-3456000");
    world.work(4);
    assert_eq!(world.got("C"), "a: 5 6 | b: 1 2 4 | c: 1 2");
    assert_eq!((world.got("A"), world.got("B")), (String::new(), String::new()));
    assert!(is_over(&world));
}

#[test]
fn a_group_without_times_is_the_fan_outs() {
    let mut world = World::new();
    world.deploy("A B C+");
    for version in 1..=2 {
        let item = json!({
            "mark": {"S": "a"}, "at": {"S": format!("number {version}")}, "version": {"N": version.to_string()},
            "id": {"S": format!("a{version}")}
        });
        world.table.put(&item.to_string());
    }
    world.maintenance();
    assert_eq!((world.standing("a").as_str(), put_again(&world).as_str()), ("unknown", "a: 2"));
    world.work(2);
    assert_eq!((world.standing("a").as_str(), world.got("C").as_str()), ("2", "a: 1 2"));
    assert!(is_over(&world));
}

#[test]
fn a_group_is_handed_over_once_in_five_minutes_for_as_long_as_the_fan_out_does_not_work() {
    let mut world = World::new();
    world.deploy("A B C+");
    world.put("a1@-3456000 a3@-3456000");
    world.maintenance_runs(4);
    assert_eq!(put_again(&world), "a: 3");
    world.maintenance_runs(4);
    assert_eq!(put_again(&world), "a: 3 3");
    assert!(!is_over(&world));
    world.work(3);
    assert_eq!((world.got("C").as_str(), put_again(&world).as_str()), ("a: 1 3", "a: 3 3"));
    assert!(is_over(&world));
}

#[test]
fn a_scan_goes_on_and_ends_though_the_fan_out_queue_does_not_take_a_group() {
    let mut world = World::new();
    world.deploy("A B C+");
    world.put("a1@-3456000 a3@-3456000 b1@-3456000");
    world.queues.change(&world.fan_out, |settings| settings.denied = true);
    world.maintenance_runs(2);
    assert_eq!((world.got("C").as_str(), is_over(&world)), ("b: 1", false));
    // A message that the queue will never take is not waited for.
    world.queues.change(&world.fan_out, |settings| {
        settings.denied = false;
        settings.maximum_message_size = 10;
    });
    world.maintenance_runs(1);
    assert!(is_over(&world));
}

#[test]
fn a_group_of_which_nothing_can_be_sent_is_done() {
    let mut world = World::new();
    world.deploy("A B C+");
    world.put("a2!@-3456000 b1!@-3456000");
    world.maintenance_runs(2);
    assert_eq!((world.got("C"), put_again(&world)), (String::new(), String::new()));
    assert!(is_over(&world));
}
