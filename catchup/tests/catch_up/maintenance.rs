//! Which clients are served: the file and the registry.

use serde_json::json;
use shared::ledger::{Item, ItemKey, State, WriteCount};
use testkit::memory::WriteFault;

use crate::world::{World, client_id, group_of};

#[test]
fn the_first_maintenance_makes_the_ledger() {
    let world = World::of("B A+");
    world.maintenance();
    let registry = world.registry();
    let clients: Vec<_> =
        registry.clients.iter().map(|(name, client)| (name.as_str(), client.id, client.history)).collect();
    assert_eq!(clients, [("A", client_id(1), true), ("B", client_id(2), false)]);
    assert_eq!(world.clock.now().since(registry.start).as_secs(), 86_400);
    world.maintenance_runs(2);
    assert_eq!(world.registry(), registry);
}

#[test]
fn two_first_maintenance_runs_make_one_ledger() {
    let world = World::of("A B");
    world.ledger.before_write(|ledger| {
        let other = World::of("A B");
        other.maintenance();
        ledger.put(ItemKey::Registry, Item::Registry(other.registry()));
    });
    world.maintenance();
    assert_eq!(world.registry().write_count, WriteCount(1));
}

/// Another registry would give the clients other numbers: one would get what another one is behind in.
#[test]
fn a_ledger_in_use_whose_registry_is_gone_gets_no_other_one() {
    let mut world = World::new();
    world.put("a1");
    world.group("a", 1, "A:0");
    let Some(registry) = world.ledger.get(&ItemKey::Registry) else { panic!() };
    world.ledger.remove(&ItemKey::Registry);
    world.deploy("A B Aa");
    let error = world.request(json!({"request": "maintenance"})).unwrap_err();
    assert!(error.starts_with("the item `registry` of the ledger is gone: nothing is sent"), "{error}");
    assert_eq!((world.got("Aa").as_str(), world.ledger.get(&ItemKey::Registry)), ("", None));
    world.ledger.put(ItemKey::Registry, registry);
    world.maintenance_runs(2);
    assert_eq!((world.got("Aa").as_str(), world.got("A").as_str()), ("", "a: 1"));
}

#[test]
fn a_maintenance_that_cannot_settle_the_registry_does_nothing() {
    let world = World::new();
    world.put("a1");
    world.group("a", 1, "A:0");
    (0..8).for_each(|_| world.ledger.fail_read(ItemKey::Registry));
    let error = world.request(json!({"request": "maintenance"})).unwrap_err();
    assert_eq!(error, "the ledger's registry: not read: a scripted fault; try again");
    assert_eq!(world.got("A"), "");
}

#[test]
fn a_client_that_joins_with_history_gets_everything_and_another_only_new_events() {
    let mut world = World::new();
    world.put("a1 a2 a3");
    world.group("a", 3, "B:1");
    // The ledger knows nothing of these: one is older than it, one is not.
    world.put("b1@-100000 b2@-99000 c1@-400");
    world.deploy("A B C+ D");
    world.wait(60);
    world.maintenance();
    world.maintenance_runs(2);
    assert_eq!(world.got("C"), "a: 1 2 3 | b: 1 2");
    assert_eq!(
        (world.got("A").as_str(), world.got("B").as_str(), world.got("D").as_str()),
        ("", "a: 2 3", "")
    );
    assert_eq!((world.standing("a").as_str(), world.standing("b").as_str()), ("3", "2"));
    // The new event comes through the fan-out, which a repair causes to look.
    assert_eq!(world.standing("c"), "0");
}

#[test]
fn a_client_that_leaves_the_file_is_retired_after_an_hour_with_all_its_cursors() {
    let mut world = World::new();
    world.put("a1 a2 b1");
    world.group("a", 2, "A:0 B:1");
    world.group("b", 1, "B:0");
    let b = world.registration("B").id;
    world.deploy("A");
    world.maintenance_runs(59);
    assert_eq!((world.standing("a").as_str(), world.standing("b").as_str()), ("2 B:1", "1 B:0"));
    world.maintenance_runs(2);
    assert_eq!((world.standing("a").as_str(), world.standing("b").as_str()), ("2", "1"));
    let registry = world.registry();
    assert_eq!((registry.revision, world.registration("B").state), (2, State::Retired));
    assert_eq!(world.got("B"), "");
    let error = world.request(json!({"request": "resume", "client": "B"})).unwrap_err();
    assert_eq!(error, "client `B` is retired; put it back into `client-queues.toml` and deploy");

    // A fan-out that did not know yet writes the client as behind once more.
    world.group("a", 2, "B:1");
    world.maintenance_runs(1);
    assert_eq!((world.ledger.cursors_of(b), world.standing("a")), (vec![], "2".to_owned()));

    // It comes back under another id, after an hour.
    world.deploy("A B+");
    world.maintenance_runs(55);
    assert_eq!(world.registration("B").id, b);
    world.maintenance_runs(10);
    let returned = world.registration("B");
    assert_eq!((returned.id, returned.state, returned.since), (client_id(3), State::Live, 3));
    world.maintenance_runs(2);
    assert_eq!(world.got("B"), "a: 1 2 | b: 1");
}

#[test]
fn a_retired_clients_cursors_go_whatever_happens_to_the_first_write() {
    let mut world = World::new();
    world.put("a1 a2");
    world.deploy("A");
    world.maintenance_runs(61);
    world.group("a", 2, "B:1");
    world.ledger.fail_write(WriteFault::Refused);
    world.maintenance();
    assert_eq!(world.ledger.cursors_of(world.registration("B").id).len(), 1);
    world.maintenance();
    assert_eq!(world.standing("a"), "2");
    // A cursor without an entry goes, too.
    world.group("a", 2, "B:1");
    let mut item = world.item("a").unwrap();
    item.behind.clear();
    world.ledger.put(ItemKey::Group(group_of("a")), Item::Group(Box::new(item)));
    world.maintenance();
    assert_eq!(world.standing("a"), "2");
}

#[test]
fn instances_with_different_files_retire_no_client() {
    let mut world = World::new();
    for _ in 0..80 {
        world.deploy("A");
        world.maintenance_runs(1);
        world.deploy("A B");
        world.maintenance_runs(1);
    }
    assert_eq!(world.registration("B").state, State::Live);
    assert_eq!(world.registry().revision, 1);
}
