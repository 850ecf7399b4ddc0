//! What a batch of stream records costs, beside the obvious way (`examples/obvious_converter.rs`).
//!
//! All are release binaries and work in turn, in the same run, each against a queue of its own that answers at once.
//! The processor's time is the process's own.
//!
//! `cargo bench -p testkit --bench converter`; `OLDER=FOLDER` puts another commit's release binaries beside

#[path = "support/records.rs"]
mod records;
mod support;

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use testkit::wire::lambda::Function;
use testkit::wire::sqs::SqsStub;
use testkit::wire::{example, shipped_functions};

use crate::records::{MARKS, records};
use crate::support::{config, invoke, load, package, start};

/// How long each binary's processor time must be, at least, to be read in steps of 10 ms.
const ENOUGH: Duration = Duration::from_secs(2);

/// Batches of a binary before it is the other's turn.
const PASS: u32 = 5;

struct Contender {
    name: &'static str,
    function: Function,
    sqs: SqsStub,
    before: Duration,
    invocations: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let ours = shipped_functions()?.converter;
    let older = std::env::var_os("OLDER").map(|folder| PathBuf::from(folder).join("converter"));
    let obvious = ("obvious", example("obvious_converter")?);
    let binaries = [Some(obvious), older.map(|older| ("older", older)), Some(("this", ours))];
    let binaries: Vec<(&str, PathBuf)> = binaries.into_iter().flatten().collect();
    let package = package("converter", &config(1))?;
    println!(
        "records of 2 KB over {MARKS} marks; a queue that answers at once; at least {ENOUGH:?} of CPU each\n"
    );
    println!("| records | | CPU | ratio | peak memory |");
    println!("| ---: | --- | ---: | ---: | ---: |");
    for count in [10, 100, 1_000] {
        let payload = records(count);
        let start = |(name, binary): &(&'static str, PathBuf)| Contender::start(name, binary, &package);
        let mut contenders = binaries.iter().map(start).collect::<Result<Vec<_>, _>>()?;
        let sent = contenders.iter_mut().map(|contender| contender.sent(&payload));
        let sent = sent.collect::<Result<Vec<_>, _>>()?;
        if sent.iter().any(|events| events.len() != count || Some(events) != sent.first()) {
            return Err("they do not send the same events".into());
        }
        contenders.iter_mut().try_for_each(|contender| contender.begin(&payload))?;
        loop {
            contenders.iter_mut().try_for_each(|contender| contender.pass(&payload))?;
            let used = contenders.iter().map(Contender::used).collect::<io::Result<Vec<_>>>()?;
            if used.into_iter().all(|used| used >= ENOUGH) {
                break;
            }
        }
        report(count, &contenders)?;
    }
    println!("\nload average at the end: {}", load());
    Ok(())
}

fn report(count: usize, contenders: &[Contender]) -> io::Result<()> {
    let mut of_obvious = None;
    for contender in contenders {
        let cpu = contender.of_a_batch()?;
        let ratio = cpu / *of_obvious.get_or_insert(cpu);
        let memory = contender.function.peak_memory()? as f64 / f64::from(1 << 20);
        println!("| {count} | {} | {cpu:.2} ms | **{ratio:.2}** | {memory:.1} MiB |", contender.name);
    }
    Ok(())
}

impl Contender {
    fn start(name: &'static str, binary: &Path, package: &Path) -> io::Result<Self> {
        let sqs = SqsStub::start()?;
        let function = start(binary, package, &sqs, None)?;
        Ok(Self { name, function, sqs, before: Duration::ZERO, invocations: 0 })
    }

    fn invoke(&mut self, payload: &str) -> io::Result<()> {
        self.invocations += 1;
        invoke(&mut self.function, payload)
    }

    /// The events that it sends for a batch, in the order of their groups and versions.
    fn sent(&mut self, payload: &str) -> Result<Vec<(String, Value)>, Box<dyn Error>> {
        self.invoke(payload)?;
        let mut events = Vec::new();
        for accepted in self.sqs.accepted("MarkFanOutQueue.fifo") {
            events.push((accepted.group, serde_json::from_str(&accepted.body)?));
        }
        // A sort that keeps the order within each group.
        events.sort_by(|(left, _): &(String, Value), (right, _)| left.cmp(right));
        Ok(events)
    }

    /// Nothing before this counts, and the queue remembers nothing from now on.
    fn begin(&mut self, payload: &str) -> io::Result<()> {
        self.sqs.forget_everything();
        self.pass(payload)?;
        self.before = self.function.cpu_time()?;
        self.invocations = 0;
        Ok(())
    }

    fn pass(&mut self, payload: &str) -> io::Result<()> {
        (0..PASS).try_for_each(|_| self.invoke(payload))
    }

    fn used(&self) -> io::Result<Duration> {
        Ok(self.function.cpu_time()?.saturating_sub(self.before))
    }

    /// In milliseconds of the processor.
    fn of_a_batch(&self) -> io::Result<f64> {
        Ok(self.used()?.as_secs_f64() * 1e3 / f64::from(self.invocations))
    }
}
