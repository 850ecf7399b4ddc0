//! What the ledger costs: calls and capacity units per event, the time of a batch, the repair of gaps, catch-up.
//!
//! Over queues, ledger and event table in memory, in virtual time: a call takes the time that is set for it, and the
//! processor's time is not counted. So the figures are the same in every run, and on every machine.
//!
//! `cargo bench -p testkit --bench ledger`

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark reports by panicking"
)]

#[path = "support/pipeline.rs"]
mod support;

use std::time::Duration;

use support::{Cost, Event, World};

/// How long a call takes, unless a table says otherwise.
const CALL: Duration = Duration::from_millis(5);

fn main() {
    calls_and_units();
    latency();
    gaps();
    first_sights();
    catch_up();
}

fn calls_and_units() {
    println!("## calls and capacity units, events of 2 KB\n");
    println!(
        "| batch | clients | messages to clients | read calls | writes | read units per event | write units per event |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (name, groups, each) in [("ten events of ten groups", 10, 1), ("ten events of one group", 1, 10)] {
        for clients in [1, 10, 100] {
            let world = World::new(clients, CALL);
            world.begin(groups);
            let cost = world.fan_out(&batch(groups, 2, each));
            row(name, clients, &cost);
        }
    }
    for (name, groups, each) in
        [("the same, each client wants one event of five, of ten groups", 10, 1), ("… of one group", 1, 10)]
    {
        let world = World::filtered(100, CALL);
        world.begin(groups);
        // After some events, clients were sent different ones last.
        for version in 2..8 {
            world.fan_out(&batch(groups, version, 1));
        }
        row(name, 100, &world.fan_out(&batch(groups, 8, each)));
    }
    for (name, twice) in [("the same, one client's queue is gone", false), ("… and the next batch", true)] {
        let world = World::new(10, CALL);
        world.begin(10);
        world.delete_queue(0);
        let mut cost = world.fan_out(&batch(10, 2, 1));
        if twice {
            cost = world.fan_out(&batch(10, 3, 1));
        }
        row(name, 10, &cost);
    }
    let world = World::new(10, CALL);
    row("ten first events of ten new groups", 10, &world.fan_out(&batch(10, 1, 1)));
    let world = World::new(10, CALL);
    world.begin(10);
    world.fan_out(&batch(10, 2, 1));
    row("ten events that were sent before", 10, &world.fan_out(&batch(10, 2, 1)));
    println!();
}

fn row(name: &str, clients: usize, cost: &Cost) {
    let per_event = |units: u64| units as f64 / 10.0;
    println!(
        "| {name} | {clients} | {} | {} + {} | {} | {:.1} | {:.1} |",
        cost.sent,
        cost.ledger.reads,
        cost.table.pages + cost.table.gets,
        cost.ledger.writes,
        per_event(cost.ledger.read_units + cost.table_units),
        per_event(cost.ledger.write_units),
    );
}

/// `each` events of each of the groups, from version `from` on.
fn batch(groups: usize, from: u64, each: u64) -> Vec<Event> {
    (0..groups).flat_map(|group| (from..from + each).map(move |version| Event { group, version })).collect()
}

fn latency() {
    println!("## time of a batch, every call takes 5 ms\n");
    println!("| batch | clients | time |");
    println!("| --- | ---: | ---: |");
    for (name, groups, each) in [("ten events of ten groups", 10, 1), ("ten events of one group", 1, 10)] {
        for clients in [1, 100] {
            let world = World::new(clients, CALL);
            world.begin(groups);
            let elapsed = world.fan_out(&batch(groups, 2, each)).elapsed;
            println!("| {name} | {clients} | {} ms |", ms(elapsed));
        }
    }
    println!();
}

fn gaps() {
    println!("## repair of a gap, every call takes 5 ms, events of 2 KB, one client\n");
    println!(
        "| events of the aggregate | missing | deliveries | queries | read units | events sent | time |"
    );
    println!("| ---: | --- | ---: | ---: | ---: | ---: | ---: |");
    for events in [20, 1_000, 10_000] {
        for (name, at) in [("the last but one", events - 2), ("all but the first and the last", 1)] {
            let world = World::new(1, CALL);
            world.write(0, events);
            world.is_at(0, at);
            gap_row(&world, events, name);
        }
    }
    println!();
}

fn first_sights() {
    println!(
        "## first sight of an aggregate whose events are older than the ledger, every call takes 5 ms\n"
    );
    println!("| events of the aggregate | new | deliveries | queries | read units | events sent | time |");
    println!("| ---: | --- | ---: | ---: | ---: | ---: | ---: |");
    for events in [20, 1_000, 10_000] {
        let world = World::new(1, CALL);
        world.write_old(0, events - 1);
        world.write_one(0, events);
        gap_row(&world, events, "the last");
    }
    println!();
}

/// The last event's message comes.
fn gap_row(world: &World, events: u64, name: &str) {
    let (cost, deliveries) = world.until_up_to_date(&[Event { group: 0, version: events }]);
    println!(
        "| {events} | {name} | {deliveries} | {} | {} | {} | {} |",
        cost.table.pages,
        cost.table_units,
        cost.sent,
        time(cost.elapsed)
    );
}

fn catch_up() {
    println!("## catch-up of one client, 1,000 groups of 20 events of 2 KB\n");
    println!(
        "| a call takes | invocations | time | events a second | ledger calls | queries of the event table | write units |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for millis in [5, 20] {
        let world = World::new(1, Duration::from_millis(millis));
        for group in 0..1_000 {
            world.write(group, 20);
            world.is_behind(group, 20);
        }
        let (cost, invocations) = world.catch_up();
        assert_eq!(cost.sent, 20_000);
        println!(
            "| {millis} ms | {invocations} | {} | {:.0} | {} | {} | {} |",
            time(cost.elapsed),
            cost.sent as f64 / cost.elapsed.as_secs_f64(),
            cost.ledger.reads + cost.ledger.queries + cost.ledger.writes,
            cost.table.pages,
            cost.ledger.write_units,
        );
    }
}

fn ms(duration: Duration) -> u128 {
    duration.as_millis()
}

fn time(duration: Duration) -> String {
    if duration < Duration::from_secs(10) {
        format!("{} ms", ms(duration))
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}
