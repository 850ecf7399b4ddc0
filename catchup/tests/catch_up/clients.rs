//! Which clients are served, when, and how often.

use std::time::Duration;

use serde_json::json;
use shared::filter::FilterDigest;
use shared::ledger::{Item, ItemKey, Lease, WriteCount};
use testkit::memory::{CallFault, Fault, Faults};

use crate::world::{World, group_of};

/// Groups `a` to `j` of three events each, in all of which A is behind.
fn ten_groups(world: &World) {
    for group in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        world.put(&format!("{group}1 {group}2 {group}3"));
        world.group(group, 3, "A:0");
    }
}

fn requests(world: &World, client: &str) -> usize {
    world.queues.requests(&world.queue(client)).len()
}

#[test]
fn a_queue_that_takes_nothing_for_a_week_costs_a_few_requests_a_minute() {
    let check = |fault: CallFault| {
        let world = World::new();
        ten_groups(&world);
        let always = (0..1_000_000).map(|request| (request, Fault::Call(fault)));
        world.queues.set_faults(&world.queue("A"), Faults::script(always));
        let minutes = 24 * 60;
        world.ledger.forget_calls();
        world.maintenance_runs(minutes);
        let sent = requests(&world, "A");
        assert!(sent as u64 <= minutes / 3, "{sent} requests a day");
        let calls = world.ledger.calls();
        assert!(calls.reads + calls.queries + calls.writes <= minutes * 12, "{calls:?}");
        assert_eq!(world.standing("a"), "3 A:0");
        assert!(world.lease("A").unwrap().failure.is_some());

        world.queues.set_faults(&world.queue("A"), Faults::none());
        world.maintenance_runs(6);
        assert_eq!(world.standing("a"), "3");
        assert_eq!(world.got("A").matches(": 1 2 3").count(), 10);
        let lease = world.lease("A").unwrap();
        assert_eq!((lease.failures, lease.not_before.as_millis()), (0, 0));
    };
    check(CallFault::Denied);
    check(CallFault::ResetBefore);
    check(CallFault::Throttled);
}

#[test]
fn a_client_that_fails_is_left_alone_for_longer_and_longer() {
    let world = World::new();
    ten_groups(&world);
    world.queues.change(&world.queue("A"), |settings| settings.denied = true);
    let mut tried = Vec::new();
    for minute in 0..30 {
        let before = requests(&world, "A");
        world.maintenance_runs(1);
        if requests(&world, "A") > before {
            tried.push(minute);
        }
    }
    // At the first minute after 5, 10, 20, 40, 80, 160 and then 300 s.
    assert_eq!(tried, [0, 1, 2, 3, 4, 6, 9, 15, 21, 27]);
    let answer = world.maintenance();
    let a = &answer["clients"][0];
    assert_eq!((&a["client"], &a["behind"]), (&json!("A"), &json!(10)));
    assert!(a["stopped"].as_str().unwrap().starts_with("its queue failed; tried again in "), "{a}");
}

#[test]
fn a_requested_catch_up_does_not_wait_for_the_pause_after_a_failure() {
    let world = World::new();
    ten_groups(&world);
    world.queues.change(&world.queue("A"), |settings| settings.denied = true);
    world.maintenance_runs(8);
    world.queues.change(&world.queue("A"), |settings| settings.denied = false);
    let answer = world.request(json!({"request": "catchUp", "client": "A"})).unwrap();
    assert_eq!(answer, json!({"client": "A", "groups": 10, "sent": 30, "behind": 0, "stopped": null}));
    assert_eq!(world.lease("A").unwrap().failures, 0);
}

#[test]
fn a_client_that_hangs_holds_up_no_other() {
    let world = World::new();
    ten_groups(&world);
    world.put("x1 x2");
    world.group("x", 2, "A:0 B:0");
    let hangs = (0..1_000).map(|request| (request, Fault::Delay(Duration::from_secs(3_600))));
    world.queues.set_faults(&world.queue("A"), Faults::script(hangs));
    let before = world.clock.now();
    world.maintenance();
    assert_eq!(world.got("B"), "x: 1 2");
    assert_eq!(world.queues.in_flight(&world.queue("A")), 0);
    assert!(world.clock.now().since(before) < Duration::from_secs(60));
}

#[test]
fn nothing_starts_after_two_thirds_of_the_time_and_what_was_sent_is_recorded() {
    let world = World::new();
    let events: Vec<String> = (1..=900).map(|version| format!("a{version}")).collect();
    world.put(&events.join(" "));
    world.group("a", 900, "A:0");
    world.table.set_items_in_page(1_000);
    world.queues.change(&world.queue("A"), |settings| settings.latency = Duration::from_millis(700));
    let began = world.clock.now();
    world.maintenance();
    let requests = world.queues.requests(&world.queue("A"));
    let last = requests.last().unwrap().at.since(began);
    assert!(last <= Duration::from_secs(120) && last > Duration::from_secs(118), "{last:?}");
    let sent = requests.len();
    assert!(sent > 150, "{sent}");
    assert_eq!(world.standing("a"), format!("900 A:{sent}"));
    // The time ended the pass: the client did not fail.
    assert_eq!(world.lease("A").unwrap().failures, 0);
}

#[test]
fn a_pass_sends_for_a_minute() {
    let world = World::new();
    let events: Vec<String> = (1..=100).map(|version| format!("a{version}")).collect();
    world.put(&events.join(" "));
    world.group("a", 100, "A:0");
    world.queues.change(&world.queue("A"), |settings| settings.latency = Duration::from_secs(2));
    let began = world.clock.now();
    world.maintenance();
    let requests = world.queues.requests(&world.queue("A"));
    let starts: Vec<u64> = requests.iter().map(|request| request.at.since(began).as_secs()).collect();
    // The first pass's last send starts after 60 s; the second pass begins when the first is recorded.
    assert_eq!(starts.iter().filter(|start| **start <= 60).count(), 31);
    assert_eq!(starts.len(), world.queues.accepted(&world.queue("A")).len());
    assert_eq!(world.standing("a"), format!("100 A:{}", starts.len()));
    // For each of two passes the lease, and what was sent; and the lease given back.
    assert_eq!(world.ledger.calls().writes, 5);
}

/// The operator's tool goes on with another invocation, unless the answer names a reason to stop.
#[test]
fn an_answer_names_no_reason_to_stop_when_only_the_time_was_over() {
    let world = World::new();
    let events: Vec<String> = (1..=600).map(|version| format!("a{version}")).collect();
    world.put(&events.join(" "));
    world.group("a", 600, "A:0");
    world.queues.change(&world.queue("A"), |settings| settings.latency = Duration::from_secs(4));
    let mut sent = 0;
    for behind in [1, 1] {
        let answer = world.request(json!({"request": "catchUp", "client": "A"})).unwrap();
        assert_eq!((&answer["behind"], &answer["stopped"]), (&json!(behind), &json!(null)), "{answer}");
        sent += answer["sent"].as_u64().unwrap();
    }
    assert_eq!(world.standing("a"), format!("600 A:{sent}"));
}

#[test]
fn a_lease_that_another_holds_is_respected() {
    let world = World::new();
    ten_groups(&world);
    let (id, now) = (world.registration("A").id, world.clock.now());
    let held = Lease::unheld().held(WriteCount(5), 77, &[], now);
    world.ledger.put(ItemKey::Lease(id), Item::Lease(held.clone()));
    for request in [json!({"request": "maintenance"}), json!({"request": "catchUp", "client": "A"})] {
        let answer = world.request(request).unwrap().to_string();
        assert!(answer.contains("another invocation serves it"), "{answer}");
        assert!(answer.contains(r#""elsewhere":true"#), "{answer}");
    }
    assert_eq!((world.got("A").as_str(), world.lease("A")), ("", Some(held)));
    world.wait(60);
    world.maintenance();
    assert_eq!(world.standing("a"), "3");
}

#[test]
fn the_groups_that_a_dead_holder_worked_on_come_first() {
    for seed in 0..4 {
        let world = World::new();
        for number in 0..60 {
            let group = char::from(b'A' + number);
            world.put(&format!("{group}1"));
            world.group(&group.to_string(), 1, "A:0");
        }
        let now = world.clock.now();
        let groups = ["z", "q", "B"].map(group_of);
        let held = Lease::unheld().held(WriteCount(5), 77 + seed, &groups, now);
        world.ledger.put(ItemKey::Lease(world.registration("A").id), Item::Lease(held));
        world.wait(60);
        world.maintenance();
        let got = world.queues.accepted(&world.queue("A"));
        let first: Vec<_> = got.iter().take(10).map(|message| message.group.clone()).collect();
        assert!(groups.iter().all(|group| first.contains(group)), "{first:?}");
        assert_eq!(got.len(), 60);
    }
}

#[test]
fn more_groups_than_are_listed_at_once_are_all_served() {
    let world = World::new();
    let groups: Vec<String> = (0..5_100).map(|number| format!("g{number:04}")).collect();
    for group in &groups {
        let at = world.clock.now().as_millis().to_string();
        let item = json!({"mark": {"S": group}, "at": {"N": at}, "version": {"N": "1"}, "id": {"S": group}});
        world.table.put(&item.to_string());
        world.group(group, 1, "A:0");
    }
    world.ledger.set_cursors_in_page(1_000);
    // For a client that only pauses, not all groups are counted.
    world.queues.change(&world.queue("A"), |settings| settings.denied = true);
    let answer = world.maintenance();
    assert_eq!(answer["clients"][0]["behind"], json!(5_000));
    world.queues.change(&world.queue("A"), |settings| settings.denied = false);
    let answer = world.request(json!({"request": "catchUp", "client": "A"})).unwrap();
    assert_eq!(answer, json!({"client": "A", "groups": 5_100, "sent": 5_100, "behind": 0, "stopped": null}));
    assert!(world.ledger.cursors_of(world.registration("A").id).is_empty());
}

#[test]
fn groups_are_served_in_another_order_each_time() {
    let order = |seed: u64| {
        let world = World::new();
        for number in 0..60 {
            let group = char::from(b'A' + number);
            world.put(&format!("{group}1"));
            world.group(&group.to_string(), 1, "A:0");
        }
        (0..seed).for_each(|_| assert!(shared::ledger::Ledger::fresh(&world.ledger) > 0));
        world.maintenance();
        let got = world.queues.accepted(&world.queue("A"));
        got.into_iter().map(|message| message.group).collect::<Vec<_>>()
    };
    assert_ne!(order(0), order(1));
}

#[test]
fn a_client_that_is_paused_or_not_in_the_file_gets_nothing() {
    let mut world = World::new();
    world.put("a1 a2");
    world.group("a", 2, "A:0 B:1");
    world.request(json!({"request": "pause", "client": "A"})).unwrap();
    world.deploy("A");
    world.maintenance();
    assert_eq!((world.got("A").as_str(), world.got("B").as_str()), ("", ""));
    // The metrics leave out a paused client, but not one that is missing from this file.
    let metrics = world.tally.borrow().to_string();
    assert!(metrics.contains("\nB: GroupsBehind 1, BehindAge ") && !metrics.contains("\nA: "), "{metrics}");
    let answer = world.request(json!({"request": "catchUp", "client": "A"})).unwrap();
    assert_eq!(answer["stopped"], json!("paused"));

    world.deploy("A B");
    world.request(json!({"request": "resume", "client": "A"})).unwrap();
    world.maintenance();
    assert_eq!((world.got("A").as_str(), world.got("B").as_str()), ("a: 1 2", "a: 2"));
    assert_eq!(world.standing("a"), "2");
}

/// A world in which A wants versions 1 and 3, by its file and by the registry, and is behind in a group of four.
fn filtered() -> World {
    let world = World::of("A=1,3 B");
    world.maintenance();
    world.put("a1 a2 a3 a4");
    world.group("a", 4, "A:0 B:3");
    world.ledger.forget_calls();
    world
}

#[test]
fn a_client_gets_what_its_filter_wants() {
    let world = filtered();
    let answer = world.request(json!({"request": "catchUp", "client": "A"})).unwrap();
    assert_eq!(answer, json!({"client": "A", "groups": 1, "sent": 2, "behind": 0, "stopped": null}));
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 1 3", "4 B:3"));
}

#[test]
fn by_another_filter_than_the_registrys_nothing_is_sent() {
    for file in ["A=2 B", "A B"] {
        let mut world = filtered();
        world.deploy(file);
        let answer = world.request(json!({"request": "catchUp", "client": "A"})).unwrap();
        let stopped = answer["stopped"].as_str().unwrap();
        assert!(stopped.starts_with("its filter is not the one that the registry has"), "{stopped}");
        assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("", "4 A:0 B:3"));
        assert_eq!((world.ledger.calls().writes, world.lease("A")), (0, None), "not even a lease is taken");

        world.deploy("A=3,1 B");
        world.maintenance();
        assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("a: 1 3", "4"));
    }
}

/// Its own maintenance settles the registry by its file, so it has to be another instance's that comes between.
#[test]
fn a_filter_that_another_instance_settles_meanwhile_ends_the_clients_passes() {
    let world = filtered();
    let mut others = world.registry();
    let client = others.clients.iter_mut().find(|(name, _)| name.as_str() == "A");
    client.unwrap().1.filter = FilterDigest::of(None);
    others.write_count = WriteCount(others.write_count.0 + 1);
    others.revision += 1;
    world.ledger.before_write(move |ledger| ledger.put(ItemKey::Registry, Item::Registry(others)));
    let answer = world.request(json!({"request": "catchUp", "client": "A"})).unwrap();
    let stopped = answer["stopped"].as_str().unwrap();
    assert!(stopped.starts_with("its filter is not the one that the registry has"), "{stopped}");
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), ("", "4 A:0 B:3"));
}

#[test]
fn how_far_clients_are_behind_is_counted() {
    let world = World::new();
    world.put("a1 b1");
    world.group("a", 1, "A:0 B:0");
    world.wait(100);
    world.group("b", 1, "A:0");
    world.queues.change(&world.queue("A"), |settings| settings.denied = true);
    world.wait(200);
    world.maintenance();
    let metrics = world.tally.borrow().to_string();
    let lines: Vec<&str> = metrics.lines().collect();
    assert!(lines[0].starts_with("Sent 1, GroupsBehind 2, BehindAge 3000"), "{metrics}");
    assert!(lines[1].starts_with("A: GroupsBehind 2, BehindAge 3000"), "{metrics}");
    assert_eq!(lines.len(), 2);
}
