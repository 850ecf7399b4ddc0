//! What goes wrong in a pass, and that what was sent is recorded.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use shared::ids::ReplayId;
use shared::ledger::{Item, ItemKey, Ledger as _, ScanKind, WriteCount, replay};
use shared::panics::PANICKED;
use testkit::logs::logged;
use testkit::memory::{CallFault, Fault, Faults, MemoryLedger, WriteFault};

use crate::world::{World, group_of};

/// A world in which A has versions 1 and 2 of the group `a`, which has four.
fn world() -> World {
    let world = World::new();
    world.put("a1 a2 a3 a4 a5 a6 a7");
    world.group("a", 4, "A:2");
    world
}

/// Does `act` before the second write of a pass, which records what was sent; the first is the lease's.
fn before_recording(world: &World, act: impl FnOnce(&MemoryLedger) + Send + 'static) {
    world.ledger.before_write(|_| {});
    world.ledger.before_write(act);
}

fn check(world: &World, got: &str, standing: &str) {
    assert_eq!((world.got("A").as_str(), world.standing("a").as_str()), (got, standing));
    for client in ["A", "B"] {
        assert_eq!(world.queues.in_flight(&world.queue(client)), 0);
    }
}

fn raise(ledger: &MemoryLedger, version: i64) {
    let key = ItemKey::Group(group_of("a"));
    let Some(Item::Group(mut item)) = ledger.get(&key) else { panic!() };
    item.write_count = WriteCount(item.write_count.0 + 1);
    item.version = version;
    ledger.put(key, Item::Group(item));
}

#[test]
fn a_group_that_grows_meanwhile_is_followed() {
    let world = world();
    before_recording(&world, |ledger| raise(ledger, 6));
    world.maintenance();
    check(&world, "a: 3 4 5 6", "6");
}

#[test]
fn what_another_recorded_meanwhile_is_kept() {
    let another = |world: &World, position: i64, epoch: u64| {
        let key = world.cursor_key("A", "a");
        before_recording(world, move |ledger| {
            let Some(Item::Cursor(mut cursor)) = ledger.get(&key) else { panic!() };
            cursor.write_count = WriteCount(7_777);
            cursor.position = position;
            cursor.epoch = epoch;
            ledger.put(key, Item::Cursor(cursor));
        });
    };
    // Another sender recorded less, or more.
    for position in [3, 4] {
        let world = world();
        another(&world, position, 500);
        world.maintenance();
        check(&world, "a: 3 4", "4");
    }
    // The client became up to date and then behind again: the sends belong to another epoch, and SQS remembers them.
    let world = world();
    another(&world, 2, 501);
    world.maintenance();
    world.maintenance_runs(1);
    check(&world, "a: 3 4", "4");
}

#[test]
fn a_replay_that_is_requested_meanwhile_repeats_what_was_sent() {
    let world = world();
    let (client, now) = (world.registration("A").id, world.clock.now());
    before_recording(&world, move |ledger| {
        let keys = [ItemKey::Group(group_of("a")), ItemKey::Cursor(client, group_of("a"))];
        let (Some(Item::Group(item)), Some(Item::Cursor(cursor))) =
            (ledger.get(&keys[0]), ledger.get(&keys[1]))
        else {
            panic!()
        };
        let id = ReplayId::try_new("r-9").unwrap();
        let fresh = &mut || ledger.fresh();
        let writes = replay::replay(&group_of("a"), &item, client, Some(&cursor), 1, 1, &id, now, fresh);
        ledger.apply(&writes).unwrap();
    });
    world.maintenance();
    check(&world, "a: 3 4 1r 2r 3r 4r", "4");
}

#[test]
fn a_client_that_is_made_up_to_date_meanwhile_is_left_so() {
    let world = world();
    let key = world.cursor_key("A", "a");
    before_recording(&world, move |ledger| {
        let Some(Item::Group(mut item)) = ledger.get(&ItemKey::Group(group_of("a"))) else { panic!() };
        item.write_count = WriteCount(item.write_count.0 + 1);
        item.behind.clear();
        ledger.put(ItemKey::Group(group_of("a")), Item::Group(item));
        ledger.remove(&key);
    });
    world.maintenance();
    check(&world, "a: 3 4", "4");
}

#[test]
fn a_record_that_fails_is_written_again() {
    let faults = [WriteFault::Refused, WriteFault::UnknownDone, WriteFault::UnknownNotDone];
    for fault in faults {
        for times in 1..=4 {
            let world = world();
            before_recording(&world, move |ledger| (0..times).for_each(|_| ledger.fail_write(fault)));
            world.maintenance();
            check(&world, "a: 3 4", "4");
        }
    }
}

#[test]
fn a_record_that_is_never_taken_stops_the_client_and_its_events_are_sent_first_next_time() {
    let world = world();
    before_recording(&world, |ledger| (0..9).for_each(|_| ledger.fail_write(WriteFault::Refused)));
    let answer = world.maintenance();
    assert_eq!(answer["clients"][0]["stopped"], json!("the ledger did not take what was sent"));
    check(&world, "a: 3 4", "4 A:2");
    // Nor could the lease be given back: it ends by itself, and SQS still recognises the messages.
    world.clock.block_on(world.clock.sleep(Duration::from_secs(60)));
    world.maintenance_runs(2);
    check(&world, "a: 3 4", "4");
}

#[test]
fn a_ledger_that_takes_no_writes_causes_no_sends() {
    for fault in [WriteFault::Refused, WriteFault::UnknownDone, WriteFault::UnknownNotDone] {
        let world = world();
        world.ledger.fail_write(fault);
        world.maintenance();
        check(&world, "", "4 A:2");
        world.maintenance_runs(3);
        check(&world, "a: 3 4", "4");
    }
}

#[test]
fn a_lease_that_another_takes_stops_this_one() {
    let world = world();
    let key = ItemKey::Lease(world.registration("A").id);
    world.ledger.before_write(move |ledger| {
        let lease = shared::ledger::Lease::unheld();
        ledger
            .put(key, Item::Lease(shared::ledger::Lease { write_count: WriteCount(9), holder: 3, ..lease }));
    });
    world.maintenance();
    check(&world, "", "4 A:2");
}

#[test]
fn what_was_not_read_is_not_missing() {
    let items = |world: &World| {
        let client = world.registration("A").id;
        let group = group_of("a");
        [ItemKey::Group(group.clone()), ItemKey::Cursor(client, group), ItemKey::Lease(client)]
    };
    for number in 0..3 {
        let world = world();
        world.ledger.fail_read(items(&world)[number].clone());
        world.maintenance();
        check(&world, "", "4 A:2");
        world.maintenance_runs(2);
        check(&world, "a: 3 4", "4");
    }
    let world = world();
    world.ledger.fail_cursors();
    world.ledger.fail_cursors();
    world.maintenance();
    check(&world, "", "4 A:2");
}

#[test]
fn a_table_that_does_not_answer_is_read_again_later() {
    for failures in 1..=2 {
        let world = world();
        // The scan of the first maintenance is over: only the pass reads.
        (0..failures).for_each(|_| world.table.fail());
        world.maintenance();
        check(&world, "", "4 A:2");
        world.maintenance_runs(failures);
        check(&world, "a: 3 4", "4");
    }
}

#[test]
fn a_pause_before_the_pass_is_in_time() {
    let world = world();
    world.ledger.before_write(|ledger| {
        let Some(Item::Registry(mut registry)) = ledger.get(&ItemKey::Registry) else { panic!() };
        registry.write_count = WriteCount(registry.write_count.0 + 1);
        registry.clients.values_mut().for_each(|client| client.state = shared::ledger::State::Paused);
        ledger.put(ItemKey::Registry, Item::Registry(registry));
    });
    world.maintenance();
    check(&world, "", "4 A:2");
}

#[test]
fn a_send_that_fails_ends_the_pass_at_a_prefix() {
    let world = world();
    world.queues.set_faults(
        &world.queue("A"),
        Faults::script((1..1_000).map(|request| (request, Fault::Call(CallFault::ResetAfter)))),
    );
    world.maintenance();
    check(&world, "a: 3 4", "4 A:3");
    assert_eq!(world.lease("A").unwrap().failures, 1);
    world.queues.set_faults(&world.queue("A"), Faults::none());
    world.maintenance_runs(2);
    // The queue had accepted it, and recognises it.
    check(&world, "a: 3 4", "4");
}

#[test]
fn two_at_once_repeat_nothing() {
    let world = world();
    world.queues.change(&world.queue("A"), |settings| settings.latency = Duration::from_secs(1));
    let (maintenance, catch_up) =
        (json!({"request": "maintenance"}), json!({"request": "catchUp", "client": "A"}));
    world.at_once(&[maintenance.clone(), catch_up, maintenance]);
    check(&world, "a: 3 4", "4");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_fails_everything_comes_in_order(
        seed in any::<u64>(),
        per_mille in 0_u64..400,
        writes in prop::collection::vec(prop::option::weighted(0.4, 0..3_usize), 0..40),
        sizes in prop::collection::vec(1_i64..9, 1..14),
    ) {
        let world = World::new();
        let faults = [WriteFault::Refused, WriteFault::UnknownDone, WriteFault::UnknownNotDone];
        for (group, size) in ('a'..).zip(&sizes) {
            (1..=*size).for_each(|version| world.put(&format!("{group}{version}")));
            world.group(&group.to_string(), *size, "A:0");
        }
        world.queues.set_faults(&world.queue("A"), Faults::seeded(seed, per_mille, 200));
        for fault in writes {
            world.ledger.before_write(move |ledger| fault.into_iter().for_each(|fault| ledger.fail_write(faults[fault])));
        }
        world.maintenance_runs(30);
        for (group, size) in ('a'..).zip(&sizes) {
            prop_assert_eq!(world.standing(&group.to_string()), size.to_string());
            // The first time that each version came is in order, with none left out.
            let mut next = 1;
            for message in world.queues.accepted(&world.queue("A")) {
                let version = message.attributes.iter().find(|attribute| attribute.name == "version");
                let version = version.map(|version| match &version.value {
                    shared::message::AttributeValue::Text(text) => text.parse::<i64>().unwrap(),
                    shared::message::AttributeValue::Base64(_) => panic!(),
                });
                if message.group == group_of(&group.to_string()) && version == Some(next) {
                    next += 1;
                } else if message.group == group_of(&group.to_string()) {
                    prop_assert!(version.unwrap() < next, "{version:?} before {next}");
                }
            }
            prop_assert_eq!(next, size + 1);
        }
    }
}

#[test]
fn a_panic_at_one_group_stops_no_other() {
    let world = World::new();
    world.put("a1 a2 b1 b2 c1 c2");
    ["a", "b", "c"].into_iter().for_each(|group| world.group(group, 2, "A:0"));
    world.panics_at.set(Some("b"));
    let said = logged(|| drop(world.maintenance()));
    assert_eq!(world.got("A"), "a: 1 2 | c: 1 2");
    assert_eq!(world.standing("b"), "2 A:0");
    assert!(said.contains(PANICKED), "{said}");
    world.panics_at.set(None);
    world.maintenance_runs(2);
    assert_eq!(world.got("A"), "a: 1 2 | b: 1 2 | c: 1 2");
}

#[test]
fn a_panic_at_one_group_stops_no_scan_and_no_request() {
    let mut world = World::new();
    world.deploy("A B C+");
    world.put("a1@-100000 b1@-100000 c1@-100000");
    world.panics_at.set(Some("b"));
    let said = logged(|| world.maintenance_runs(2));
    assert_eq!((world.got("C").as_str(), world.standing("b").as_str()), ("a: 1 | c: 1", "unknown"));
    assert!(said.contains("passes over a group"), "{said}");
    let scan = ItemKey::Scan(ScanKind::History);
    assert!(matches!(world.ledger.get(&scan), Some(Item::Scan(scan)) if !scan.is_on));

    world.put("a2 b2 c2");
    let compared = world.request(json!({"request": "reconcile"})).unwrap();
    let missing = compared["missing"].as_array().unwrap().iter();
    let missing: BTreeSet<_> = missing.map(|missing| missing["group"].as_str().unwrap()).collect();
    assert_eq!((missing, &compared["groups"]), (["a", "c"].into(), &json!(3)));

    let replay = world.request(
        json!({"request": "replay", "client": "A", "keys": [{"S": "b"}, {"S": "c"}], "from": 1, "replay": "r-7"}),
    );
    let replay = replay.unwrap();
    assert_eq!(replay["results"][0]["reason"], PANICKED);
    assert_eq!(replay["results"][1]["outcome"], "requested");
}
