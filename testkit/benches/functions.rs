//! What each function needs of Lambda: size, time to start, memory, and the size of its metrics.
//!
//! `cargo bench -p testkit --bench functions`

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/messages.rs"]
mod messages;
#[path = "support/records.rs"]
mod records;
mod support;

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testkit::wire::lambda::Function;
use testkit::wire::sqs::SqsStub;
use testkit::wire::{example, shipped_functions};

use crate::ledger::ledger;
use crate::messages::{LATENCY, batches};
use crate::records::{MARKS, records};
use crate::support::{config, invoke, load, names, package, start};

const STARTS: usize = 40;
const INVOCATIONS: usize = 100;

/// Records of the converter's batch.
const RECORDS: usize = 100;

/// A function as it is deployed, and the batches that it gets.
struct Row {
    name: &'static str,
    binary: PathBuf,
    package: PathBuf,
    batches: Vec<String>,
    /// The clients that the ledger has; `None` for what has no ledger.
    ledger: Option<Vec<String>>,
    first_polls: Vec<Duration>,
    /// How long the first batch after a start takes.
    firsts: Vec<Duration>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let binaries = shipped_functions()?;
    let shipped = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../client-queues.toml"))?;
    let shipped = package("shipped", &shipped)?;
    let hundred = package("100-clients", &config(100))?;
    let row = |name, binary: &Path, package: &Path, batches, clients: Option<Vec<String>>| Row {
        name,
        binary: binary.to_owned(),
        package: package.to_owned(),
        batches,
        ledger: clients,
        first_polls: Vec::new(),
        firsts: Vec::new(),
    };
    let three = || ["Billing", "Insurance", "Enforcement"].map(str::to_owned).to_vec();
    let mut rows = [
        row("the obvious converter", &example("obvious_converter")?, &shipped, vec![records(RECORDS)], None),
        row("converter", &binaries.converter, &shipped, vec![records(RECORDS)], None),
        row(
            "the obvious fan-out, the shipped three clients",
            &example("obvious_fanout")?,
            &shipped,
            batches(),
            None,
        ),
        row("fanout, the shipped three clients", &binaries.fanout, &shipped, batches(), Some(three())),
        row("the obvious fan-out, 100 clients", &example("obvious_fanout")?, &hundred, batches(), None),
        row("fanout, 100 clients", &binaries.fanout, &hundred, batches(), Some(names(100))),
    ];
    let sqs = SqsStub::start()?;
    sqs.forget_everything();
    sqs.set_latency(LATENCY);

    // In turn, so that the machine's other work slows all of them alike.
    for _ in 0..STARTS {
        for row in &mut rows {
            let ledger = row.ledger.as_ref().map(|clients| ledger(clients)).transpose()?;
            let mut function = start(&row.binary, &row.package, &sqs, ledger.as_ref())?;
            row.first_polls.push(function.first_poll());
            let begun = Instant::now();
            row.batches.first().map(|batch| invoke(&mut function, batch)).transpose()?;
            row.firsts.push(begun.elapsed());
        }
    }
    println!(
        "{STARTS} starts; {INVOCATIONS} batches: {RECORDS} records over {MARKS} marks, or ten messages that draw their groups from ten, of 2 KB each\n"
    );
    println!(
        "| function | binary | first poll, median | first poll, least | first batch, median | peak memory, started | peak memory, {INVOCATIONS} batches later | CPU of a batch | metrics of a batch |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for row in &mut rows {
        report(row, &sqs)?;
    }
    println!("\nload average at the end: {}", load());
    Ok(())
}

fn report(row: &mut Row, sqs: &SqsStub) -> io::Result<()> {
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let milliseconds = |time: Option<&Duration>| time.copied().unwrap_or_default().as_secs_f64() * 1e3;
    let ledger = row.ledger.as_ref().map(|clients| ledger(clients)).transpose()?;
    let mut function: Function = start(&row.binary, &row.package, sqs, ledger.as_ref())?;
    let (started, before) = (function.peak_memory()?, function.cpu_time()?);
    for batch in row.batches.iter().cycle().take(INVOCATIONS) {
        invoke(&mut function, batch)?;
    }
    let processor = function.cpu_time()?.saturating_sub(before);
    row.first_polls.sort_unstable();
    row.firsts.sort_unstable();
    // A line per batch, of which the last ones may not have been read yet.
    let output = function.output();
    let lines = output.lines().count().max(1);
    println!(
        "| {} | {:.1} MiB | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} MiB | {:.1} MiB | {:.2} ms | {} B |",
        row.name,
        mebibytes(fs::metadata(&row.binary)?.len()),
        milliseconds(row.first_polls.get(row.first_polls.len() / 2)),
        milliseconds(row.first_polls.first()),
        milliseconds(row.firsts.get(row.firsts.len() / 2)),
        mebibytes(started),
        mebibytes(function.peak_memory()?),
        processor.as_secs_f64() * 1e3 / INVOCATIONS as f64,
        output.len() / lines,
    );
    Ok(())
}
