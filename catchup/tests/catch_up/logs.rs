//! What the log says of a client or group that stands still, and why.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use shared::ledger::ItemKey;
use testkit::logs::logged;
use testkit::memory::WriteFault;

use crate::world::{World, group_of};

/// The warnings and errors that `act` logs: level, message and fields.
pub(crate) fn check(act: impl FnOnce(), expected: Expect) {
    let mut lines = Vec::new();
    for line in logged(act).lines() {
        let Ok(Value::Object(mut line)) = serde_json::from_str(line) else { panic!("{line}") };
        let [level, message] = ["level", "message"].map(|name| line.remove(name).unwrap());
        if level != "INFO" {
            line.retain(|name, _| name != "timestamp" && name != "target");
            let names: Vec<String> = line.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let (level, message) = (level.as_str().unwrap(), message.as_str().unwrap());
            lines.push(format!("{level} {message}: {}", names.join(" ")));
        }
    }
    expected.assert_eq(&lines.join("\n"));
}

/// A world in which A lacks versions of two groups.
fn world() -> World {
    let world = World::new();
    world.put("a1 a2 b1 b2");
    world.group("a", 2, "A:1");
    world.group("b", 2, "A:1");
    world
}

#[test]
fn why_the_ledger_is_not_read_is_logged_once_a_pass() {
    let maintenance = |world: &World| drop(world.maintenance());
    let failing = |keys: &dyn Fn(&World) -> Vec<ItemKey>| {
        let world = world();
        keys(&world).into_iter().for_each(|key| world.ledger.fail_read(key));
        world
    };
    let world_of_groups = failing(&|world| vec![ItemKey::Group(group_of("a")), world.cursor_key("A", "b")]);
    check(
        || maintenance(&world_of_groups),
        expect![[
            r#"WARN groups could not be read; the next maintenance tries them again: client="A" group="b" groups=2 why="not read: a scripted fault""#
        ]],
    );
    let world_of_lease = failing(&|world| vec![ItemKey::Lease(world.registration("A").id)]);
    check(
        || maintenance(&world_of_lease),
        expect![[
            r#"WARN client is not caught up now; the next maintenance tries again: client="A" why="the lease: not read: a scripted fault""#
        ]],
    );
    let world_of_list = world();
    world_of_list.ledger.fail_cursors();
    world_of_list.ledger.fail_cursors();
    check(
        || maintenance(&world_of_list),
        expect![[r#"
        WARN client is not caught up now; the next maintenance tries again: client="B" why="the client's groups: not read: a scripted fault"
        WARN client is not caught up now; the next maintenance tries again: client="A" why="the client's groups: not read: a scripted fault""#]],
    );
    let refused = world();
    refused.ledger.fail_write(WriteFault::Refused);
    check(
        || maintenance(&refused),
        expect![[
            r#"WARN client is not caught up now; the next maintenance tries again: client="A" why="the lease was not taken: not written: a scripted fault""#
        ]],
    );
}

#[test]
fn why_the_event_table_is_not_read_is_logged_once_a_pass() {
    let world = world();
    world.table.fail();
    world.table.fail();
    check(
        || drop(world.maintenance()),
        expect![[
            r#"WARN groups could not be read; the next maintenance tries them again: client="A" group="b" groups=2 why="not read: a scripted fault""#
        ]],
    );
}

#[test]
fn a_client_that_leaves_is_logged_when_it_can_still_be_kept_and_when_it_is_retired() {
    let mut world = World::new();
    world.deploy("A");
    check(
        || world.maintenance_runs(63),
        expect![[r#"
        WARN client is not in `client-queues.toml`: if that lasts for an hour it is retired, and what it is behind in is forgotten; to keep it, put it back and deploy: client="B"
        WARN client retired: what it was behind in is forgotten, and it gets nothing more; back in `client-queues.toml` it is admitted as a new one, an hour from now at the earliest, and gets what it missed by `history = true` then, or by a replay: client="B" revision=2"#]],
    );
}

#[test]
fn a_scan_logs_what_it_passes_over_and_why() {
    let mut world = World::new();
    world.put("a1@-100000 b1@-100000 c1@-100000");
    world.deploy("A B C+");
    world.ledger.damage(ItemKey::Group(group_of("b")));
    check(
        || drop(world.maintenance()),
        expect![[
            r#"ERROR scan over the event table passes over a group; it is not adopted or compared: group="b" why="not read: table `ledger`, item `group#b` / `group`: attribute `write_count` is missing; correct it, or restore the table to a point in time""#
        ]],
    );
    assert_eq!((world.standing("a").as_str(), world.standing("c").as_str()), ("1 C:0", "1 C:0"));
    world.wait(86_400);
    check(
        || drop(world.maintenance()),
        expect![[
            r#"ERROR scan over the event table passes over a group; it is not adopted or compared: group="b" why="not read: table `ledger`, item `group#b` / `group`: attribute `write_count` is missing; correct it, or restore the table to a point in time""#
        ]],
    );
}

#[test]
fn a_replay_that_finds_no_cursor_logs_it() {
    let world = world();
    world.ledger.remove(&world.cursor_key("A", "a"));
    let request =
        json!({"request": "replay", "client": "A", "keys": [{"S": "a"}], "from": 1, "replay": "r-7"});
    check(
        || drop(world.request(request)),
        expect![[r#"WARN a cursor was missing; the client gets the whole group: client="A" group="a""#]],
    );
}
