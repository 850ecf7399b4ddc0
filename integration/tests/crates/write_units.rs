//! What filters cost in the ledger: at most one write unit more for each run of a group, with a hundred clients that were sent
//! different events last, in aggregates of a million; without filters, nothing.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test reports by panicking")]

#[path = "../../../testkit/benches/support/pipeline.rs"]
#[allow(dead_code, clippy::expect_used, clippy::indexing_slicing, reason = "the benchmark's own world")]
mod pipeline;

use std::collections::BTreeSet;
use std::time::Duration;

use pipeline::{Event, World};
use shared::ledger::stored::{Value, store};
use shared::ledger::{ClientId, Item, LastSent};

const CLIENTS: usize = 100;

/// The version of the aggregate, of which every client is up to date.
const AT: u64 = 1_000_000;

/// A write unit (DynamoDB: items are charged by the kilobyte).
const WRITE_UNIT: usize = 1_024;

/// An aggregate at version [`AT`], of which clients were sent these last.
fn begin(world: World, sent: LastSent) -> World {
    // The events' times lie before this.
    world.wait(Duration::from_secs(3_600));
    world.write_one(0, 1);
    world.write_one(0, AT);
    world.is_at_after(0, AT, sent);
    world
}

/// The write units of a run of one event.
fn units(world: &World, version: u64) -> u64 {
    let cost = world.fan_out(&[Event { group: 0, version }]);
    assert_eq!(cost.ledger.writes, 1, "one write for a run");
    cost.ledger.write_units
}

/// The bytes of a group's item that only filters make.
fn bytes_of_filters(world: &World) -> usize {
    store(&world.item(0)).get("sent").map_or(0, |sent| match sent {
        Value::B(bytes) => "sent".len() + bytes.len(),
        other => panic!("{other:?}"),
    })
}

fn id(client: usize) -> ClientId {
    ClientId(u32::try_from(client).unwrap())
}

fn all_sent(version: u64) -> LastSent {
    LastSent::new(Some(i64::try_from(version).unwrap()), [])
}

/// The units of the first runs after [`AT`] where no client has a filter: the same for each.
fn without_filters(clients: usize) -> u64 {
    let world = begin(World::new(clients, Duration::ZERO), all_sent(AT));
    let of_runs = [1, 2, 3].map(|next| units(&world, AT + next));
    assert_eq!(bytes_of_filters(&world), 0);
    let [plain, ..] = of_runs;
    assert_eq!(of_runs, [plain; 3]);
    plain
}

#[test]
fn without_filters_a_hundred_clients_cost_what_one_does() {
    assert_eq!((without_filters(1), without_filters(CLIENTS)), (1, 1));
}

#[test]
fn a_hundred_clients_that_got_different_events_cost_at_most_a_unit_more() {
    // Each client wants one event, and no two the same.
    let wanting = || World::wanting(CLIENTS, Duration::ZERO, |number| vec![AT + 1 + number as u64]);
    let from_one_event = begin(wanting(), all_sent(AT));
    // And all were sent one before, anywhere in the million.
    let each = i64::try_from(AT).unwrap() / 100;
    let anywhere = (1..=CLIENTS).zip(1..).map(|(client, number)| (id(client), Some(each * number - 1)));
    let from_anywhere = begin(wanting(), LastSent::new(None, anywhere));
    let plain = without_filters(CLIENTS);
    for world in [from_one_event, from_anywhere] {
        for next in 1..=CLIENTS as u64 + 1 {
            let filtered = units(&world, AT + next);
            assert!(
                filtered <= plain + 1,
                "{filtered} units for the event {next}, and {plain} without filters"
            );
            // Whatever else the item holds.
            assert!(bytes_of_filters(&world) <= WRITE_UNIT);
        }
        let Item::Group(item) = world.item(0) else { panic!("a group") };
        let last: BTreeSet<_> = (1..=CLIENTS).map(|client| item.sent.of(id(client))).collect();
        assert_eq!(last.len(), CLIENTS, "no two were sent the same event last");
    }
}
