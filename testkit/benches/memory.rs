//! What the memory of a function buys: a function gets a processor's time by its memory, a whole one at 1,769 MB
//! (Lambda quotas). Here the kernel gives the release binary as much, and no more, in periods of 20 ms.
//!
//! `cargo bench -p testkit --bench memory`, as root, where cgroups have a controller `cpu`

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/messages.rs"]
mod messages;
#[path = "support/quota.rs"]
mod quota;
mod support;

use std::error::Error;
use std::time::{Duration, Instant};

use testkit::wire::shipped_functions;
use testkit::wire::sqs::SqsStub;

use crate::ledger::ledger;
use crate::messages::{LATENCY, batches};
use crate::quota::Quota;
use crate::support::{config, invoke, load, names, package, start};

/// A whole processor (Lambda quotas, "Function memory allocation").
const WHOLE: u32 = 1_769;

const MEMORY: [u32; 4] = [256, 512, 1_024, WHOLE];
const CLIENTS: [usize; 3] = [3, 30, 100];

/// Batches of each row, after those that make connections.
const BATCHES: usize = 400;
const WARM_UP: usize = 40;

/// Events of a batch.
const EVENTS: f64 = 10.0;

/// Dollars for a GB and a second of an x86_64 function, and for a million requests, in us-east-1 (AWS Lambda pricing,
/// 2026-11-29).
const GB_SECOND: f64 = 0.000_016_666_7;
const MILLION_REQUESTS: f64 = 0.20;

fn main() -> Result<(), Box<dyn Error>> {
    let binary = shipped_functions()?.fanout;
    let batches = batches();
    println!(
        "fan-out, ten messages of 2 KB that draw their groups from ten, each call answers after {LATENCY:?}\n"
    );
    println!("| clients | memory | processor | median | p99 | $ per million events |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    for clients in CLIENTS {
        let package = package(&format!("{clients}-clients"), &config(clients))?;
        for memory in MEMORY {
            let (sqs, ledger) = (SqsStub::start()?, ledger(&names(clients))?);
            sqs.forget_everything();
            sqs.set_latency(LATENCY);
            ledger.set_latency(LATENCY);
            let mut function = start(&binary, &package, &sqs, Some(&ledger))?;
            let share = f64::from(memory) / f64::from(WHOLE);
            let _quota = Quota::of(function.id(), share)?;
            let mut times = Vec::with_capacity(BATCHES);
            for (number, batch) in batches.iter().cycle().take(WARM_UP + BATCHES).enumerate() {
                let started = Instant::now();
                invoke(&mut function, batch)?;
                if number >= WARM_UP {
                    times.push(started.elapsed());
                }
            }
            report(clients, memory, share, times);
        }
    }
    println!("\nload average at the end: {}", load());
    Ok(())
}

fn report(clients: usize, memory: u32, share: f64, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    // Lambda counts whole milliseconds.
    let billed: f64 =
        times.iter().map(|time| milliseconds(*time).ceil() / 1e3).sum::<f64>() / times.len() as f64;
    let invocation = billed * f64::from(memory) / 1_024.0 * GB_SECOND;
    let price = (invocation * 1e6 + MILLION_REQUESTS) / EVENTS;
    println!(
        "| {clients} | {memory} MB | {share:.2} | {:.1} ms | {:.1} ms | {price:.3} |",
        milliseconds(at(50)),
        milliseconds(at(99)),
    );
}
