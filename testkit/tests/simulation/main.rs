//! The simulator: the real handlers of the fan-out and of catch-up over queues, ledger, event table and stream in
//! memory, under a seeded scheduler with a virtual clock. After each schedule the promise is checked.
//! `docs/testing.md`.
//!
//! `SEEDS=1000000` sets the number of seeds, `FIRST_SEED=17` begins with another than 1, `SEED=17` runs one and prints
//! what happened. `KEEP_GOING=1` does not stop at the first violation, and counts violations by their kind.
//! `FRESH_SEED=123` runs more seeds from there, after the fixed ones: the checks derive it from the commit.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::unreachable,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod check;
mod clients;
mod decisions;
mod deliverer;
mod holds;
mod instances;
mod mapping;
mod mix;
mod notices;
mod observed;
mod operator;
mod pairs;
mod permits;
mod process;
mod push_mapping;
mod registrations;
mod rng;
mod run;
mod script;
mod slot;
mod source;
mod targets;
mod trace;
mod watch;
mod wire;
mod wishes;
mod world;

use std::collections::BTreeMap;
use std::env;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::mix::Kind;
use crate::run::{Outcome, run};

const SEEDS: u64 = 10_000;

/// How many seeds are run from `FRESH_SEED` on.
const FRESH_SEEDS: u64 = 5_000;

/// How much of a failing schedule's trace is printed.
const TAIL: usize = 120;

const NAME: &str = "every_schedule_keeps_the_promise";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--list") {
        println!("{NAME}: test");
        return ExitCode::SUCCESS;
    }
    let mut filters = args.iter().filter(|arg| !arg.starts_with('-')).peekable();
    if filters.peek().is_some() && !filters.any(|filter| NAME.contains(filter.as_str())) {
        return ExitCode::SUCCESS;
    }
    check_documents();
    // A panic is reported as a violation.
    if env::var_os("SEED").is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
    let (first, seeds) = (number("FIRST_SEED"), number("SEEDS"));
    let is_kept = match number("SEED") {
        Some(seed) => one(seed),
        None => {
            let is_kept = many(first.unwrap_or(1), seeds.unwrap_or(SEEDS));
            // With `FIRST_SEED` or `SEEDS`, only those are run.
            let fresh = number("FRESH_SEED").filter(|_| first.is_none() && seeds.is_none());
            is_kept && fresh.is_none_or(many_fresh)
        }
    };
    if is_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn many_fresh(first: u64) -> bool {
    println!("fresh seeds: {FRESH_SEEDS} from {first}");
    many(first, FRESH_SEEDS)
}

/// Fails if `docs/ordering.md` does not name every kind of trouble.
fn check_documents() {
    let ordering = include_str!("../../../docs/ordering.md");
    let is_recorded = |kind: &&Kind| ordering.contains(&format!("`{kind:?}`"));
    let kinds = Kind::ALL.iter().chain(&Kind::LATER);
    let unrecorded: Vec<&Kind> = kinds.filter(|kind| !is_recorded(kind)).collect();
    assert!(unrecorded.is_empty(), "docs/ordering.md does not name {unrecorded:?}");
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.replace('_', "").parse().unwrap_or_else(|_| panic!("{variable} must be a number, not `{text}`")),
    )
}

fn one(seed: u64) -> bool {
    let outcome = run(seed, true);
    let mut out = std::io::stdout().lock();
    for line in &outcome.trace {
        // The reader of the output may have closed it.
        if writeln!(out, "{line}").is_err() {
            return false;
        }
    }
    drop(out);
    report(seed, &outcome)
}

/// Prints the outcome. Returns whether the promise was kept.
fn report(seed: u64, outcome: &Outcome) -> bool {
    match &outcome.violation {
        None => {
            println!("seed {seed}: kept, {} steps, {} enqueued", outcome.steps, outcome.enqueued);
            true
        }
        Some(violation) => {
            println!("seed {seed}: {violation}");
            println!("kinds of trouble: {}", outcome.kinds);
            println!("replay it: SEED={seed} cargo test -p testkit --test simulation");
            false
        }
    }
}

/// The outcomes of many seeds, added up.
#[derive(Default)]
struct Sum {
    steps: u64,
    enqueued: u64,
    /// By the kind of violation: how many, and the first seed with its violation.
    violations: BTreeMap<String, (u64, u64, String)>,
}

/// Runs many seeds. Returns whether the promise was kept in all of them.
fn many(first: u64, seeds: u64) -> bool {
    let keeps_going = env::var_os("KEEP_GOING").is_some();
    let began = Instant::now();
    let (next, stop, sum) = (AtomicU64::new(first), AtomicBool::new(false), Mutex::new(Sum::default()));
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return;
            }
            let outcome = run(seed, false);
            let mut sum = sum.lock().unwrap();
            sum.steps += outcome.steps;
            sum.enqueued += outcome.enqueued as u64;
            if let Some(violation) = outcome.violation {
                let kind = violation.split(':').next().unwrap_or_default().to_owned();
                let entry = sum.violations.entry(kind).or_insert((0, seed, violation.clone()));
                entry.0 += 1;
                if seed < entry.1 {
                    (entry.1, entry.2) = (seed, violation);
                }
                if !keeps_going {
                    stop.store(true, Ordering::Relaxed);
                }
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));

    let sum = sum.into_inner().unwrap();
    let ran = next.load(Ordering::Relaxed).min(first + seeds) - first;
    let took = began.elapsed().as_secs_f64();
    let Sum { steps, enqueued, violations } = &sum;
    println!(
        "{ran} schedules, {steps} steps, {enqueued} messages enqueued in {took:.1} s: {:.0} schedules a second",
        ran as f64 / took
    );
    for (kind, (count, seed, violation)) in violations {
        println!("{count:>6} × {kind}; first seed {seed}: {violation}");
    }
    let Some((_, seed, _)) = violations.values().min_by_key(|(_, seed, _)| *seed) else {
        return true;
    };
    if !keeps_going {
        let outcome = run(*seed, true);
        let from = outcome.trace.len().saturating_sub(TAIL);
        println!("\nthe end of what happened:");
        outcome.trace[from..].iter().for_each(|line| println!("{line}"));
        return report(*seed, &outcome);
    }
    false
}
