//! What a batch of ten messages costs to copy to 1, 10 and 100 clients, beside the obvious way (`examples/obvious.rs`).
//!
//! Both are release binaries with the real SDK and work in turn, in the same run, each against a queue of its own that
//! answers after 5 ms. Ours also reads and writes a ledger, which the obvious way does not have. The processor's time
//! is the process's own.
//!
//! `cargo bench -p testkit --bench fanout`

#[path = "support/ledger.rs"]
mod ledger;
mod support;

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::wire::lambda::Function;
use testkit::wire::sqs::SqsStub;
use testkit::wire::tables::TablesStub;
use testkit::wire::{example, shipped_functions};

use crate::ledger::ledger;
use crate::support::{LATENCY, config, invoke, load, messages, names, package, start};

/// How long each binary's processor time must be, at least, to be read in steps of 10 ms.
const ENOUGH: Duration = Duration::from_secs(2);

/// How often one binary is invoked before the other is.
const PASS: usize = 10;

/// Passes of each that are not counted: they make connections and take memory.
const WARM_UP: usize = 2;

struct Contender {
    function: Function,
    sqs: SqsStub,
    _ledger: Option<TablesStub>,
    processor: Duration,
    times: Vec<Duration>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (ours, obvious) = (shipped_functions()?.fanout, example("obvious")?);
    let payload = messages();
    println!(
        "ten messages of 2 KB in ten groups; queues that answer after {LATENCY:?}; at least {ENOUGH:?} of CPU each\n"
    );
    println!(
        "| clients | CPU, obvious | CPU, ours | ratio | median time, obvious | median time, ours | ratio | invocations each |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for clients in [1, 10, 100] {
        let package = package(&format!("{clients}-clients"), &config(clients))?;
        let mut obvious = Contender::start(&obvious, &package, None)?;
        let mut ours = Contender::start(&ours, &package, Some(ledger(&names(clients))?))?;
        same(&mut obvious, &mut ours, clients, &payload)?;

        for pass in 0.. {
            if pass == WARM_UP {
                obvious.begin()?;
                ours.begin()?;
            }
            obvious.pass(&payload)?;
            ours.pass(&payload)?;
            if pass >= WARM_UP && obvious.used()? >= ENOUGH && ours.used()? >= ENOUGH {
                break;
            }
        }
        report(clients, &obvious, &ours)?;
    }
    println!("\nload average at the end: {}", load());
    Ok(())
}

impl Contender {
    fn start(binary: &Path, package: &Path, ledger: Option<TablesStub>) -> io::Result<Self> {
        let sqs = SqsStub::start()?;
        let function = start(binary, package, &sqs, ledger.as_ref())?;
        Ok(Self { function, sqs, _ledger: ledger, processor: Duration::ZERO, times: Vec::new() })
    }

    /// What it sends for one batch, in the order of the queue: group, id, attributes and event, per queue.
    fn sent(
        &mut self,
        clients: usize,
        payload: &str,
    ) -> Result<Vec<BTreeMap<String, Value>>, Box<dyn Error>> {
        invoke(&mut self.function, payload)?;
        let queues = (0..clients).map(|number| self.sqs.accepted(&format!("MarkFanOutClientC{number}.fifo")));
        queues
            .map(|accepted| {
                let message = accepted.into_iter().map(|message| {
                    let event: Value = serde_json::from_str(&message.body)?;
                    let what = [message.group.into(), event, message.attributes];
                    Ok((message.deduplication_id, Value::from_iter(what)))
                });
                message.collect()
            })
            .collect()
    }

    /// Nothing before this counts.
    fn begin(&mut self) -> io::Result<()> {
        self.processor = self.function.cpu_time()?;
        self.times.clear();
        Ok(())
    }

    fn pass(&mut self, payload: &str) -> io::Result<()> {
        for _ in 0..PASS {
            let started = Instant::now();
            invoke(&mut self.function, payload)?;
            self.times.push(started.elapsed());
        }
        Ok(())
    }

    fn used(&self) -> io::Result<Duration> {
        Ok(self.function.cpu_time()?.saturating_sub(self.processor))
    }

    /// The processor time of one invocation and the median time, in milliseconds.
    fn figures(&self) -> io::Result<(f64, f64)> {
        let mut times = self.times.clone();
        times.sort_unstable();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        Ok((self.used()?.as_secs_f64() * 1e3 / times.len() as f64, median.as_secs_f64() * 1e3))
    }
}

/// Checks, before anything is measured, that both send the same to every client. From then on the queues forget.
fn same(
    obvious: &mut Contender,
    ours: &mut Contender,
    clients: usize,
    payload: &str,
) -> Result<(), Box<dyn Error>> {
    let sent = ours.sent(clients, payload)?;
    if sent != obvious.sent(clients, payload)? || sent.iter().any(|messages| messages.len() != 10) {
        return Err("the two do not send the same".into());
    }
    for contender in [obvious, ours] {
        contender.sqs.forget_everything();
        contender.sqs.set_latency(LATENCY);
    }
    Ok(())
}

fn report(clients: usize, obvious: &Contender, ours: &Contender) -> io::Result<()> {
    let ((obvious_cpu, obvious_time), (cpu, time)) = (obvious.figures()?, ours.figures()?);
    println!(
        "| {clients} | {obvious_cpu:.2} ms | {cpu:.2} ms | **{:.2}** | {obvious_time:.1} ms | {time:.1} ms | **{:.2}** | {} |",
        cpu / obvious_cpu,
        time / obvious_time,
        ours.times.len(),
    );
    Ok(())
}
