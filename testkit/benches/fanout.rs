//! What a batch of ten messages costs to copy to 1, 10 and 100 clients, beside the obvious way (`examples/obvious.rs`),
//! which packs a batch into one request per client, and so breaks order when a queue takes a part of it.
//!
//! Each message draws its group from ten: strict order needs 2.65 times the requests. Both are release binaries and work
//! in turn, in the same run, each against queues of its own, which answer at once, and then after 5 ms. Ours also reads
//! and writes a ledger, which the obvious way does not have. The processor's time is the process's own.
//!
//! `cargo bench -p testkit --bench fanout`, with ` -- 10` for ten clients alone

#[path = "support/ledger.rs"]
mod ledger;
mod support;

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use shared::message::INCARNATION;
use testkit::wire::lambda::Function;
use testkit::wire::sqs::{Accepted, SqsStub};
use testkit::wire::tables::TablesStub;
use testkit::wire::{example, shipped_functions};

use crate::ledger::ledger;
use crate::support::{LATENCY, batches, config, invoke, load, names, package, start};

/// How long each binary's processor time must be, at least, to be read in steps of 10 ms.
const ENOUGH: Duration = Duration::from_secs(2);

/// Passes of each that are not counted: they make connections and take memory.
const WARM_UP: usize = 2;

/// What a queue got of each group, in order.
type ByGroup = BTreeMap<String, Vec<Value>>;

struct Contender {
    function: Function,
    sqs: SqsStub,
    _ledger: Option<TablesStub>,
    processor: Duration,
    times: Vec<Duration>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (ours, obvious) = (shipped_functions()?.fanout, example("obvious")?);
    let batches = batches();
    println!("ten messages of 2 KB that draw their groups from ten; at least {ENOUGH:?} of CPU each\n");
    println!(
        "| clients | queues answer after | CPU, obvious | CPU, ours | ratio | median time, obvious | median time, ours | ratio | invocations each |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let asked: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let clients = if asked.is_empty() { vec![1, 10, 100] } else { asked };
    let measured = clients.into_iter().flat_map(|clients| [(clients, Duration::ZERO), (clients, LATENCY)]);
    for (clients, latency) in measured {
        let package = package(&format!("{clients}-clients"), &config(clients))?;
        let mut obvious = Contender::start(&obvious, &package, None)?;
        let mut ours = Contender::start(&ours, &package, Some(ledger(&names(clients))?))?;
        same(&mut obvious, &mut ours, clients, &batches, latency)?;

        for pass in 0.. {
            if pass == WARM_UP {
                obvious.begin()?;
                ours.begin()?;
            }
            obvious.pass(&batches)?;
            ours.pass(&batches)?;
            if pass >= WARM_UP && obvious.used()? >= ENOUGH && ours.used()? >= ENOUGH {
                break;
            }
        }
        report(clients, latency, &obvious, &ours)?;
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

    /// What it sends of each batch, per queue: group, event and attributes, in the order of the queue. (Only a message
    /// of ours says its incarnation, and has an id that is made with it.)
    fn sent(&mut self, clients: usize, batches: &[String]) -> Result<Vec<ByGroup>, Box<dyn Error>> {
        for batch in batches {
            invoke(&mut self.function, batch)?;
        }
        let queues = (0..clients).map(|number| self.sqs.accepted(&format!("MarkFanOutClientC{number}.fifo")));
        queues
            .map(|accepted| {
                let mut groups = ByGroup::new();
                for Accepted { group, body, mut attributes, .. } in accepted {
                    let event: Value = serde_json::from_str(&body)?;
                    attributes.as_object_mut().map(|attributes| attributes.remove(INCARNATION));
                    groups.entry(group).or_default().push(Value::from_iter([event, attributes]));
                }
                Ok(groups)
            })
            .collect()
    }

    /// Nothing before this counts.
    fn begin(&mut self) -> io::Result<()> {
        self.processor = self.function.cpu_time()?;
        self.times.clear();
        Ok(())
    }

    fn pass(&mut self, batches: &[String]) -> io::Result<()> {
        for batch in batches {
            let started = Instant::now();
            invoke(&mut self.function, batch)?;
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
    batches: &[String],
    latency: Duration,
) -> Result<(), Box<dyn Error>> {
    // The queues take an event once, and all batches begin with the same.
    let first = batches.get(..1).unwrap_or_default();
    let sent = ours.sent(clients, first)?;
    let complete = sent.iter().all(|groups| groups.values().map(Vec::len).sum::<usize>() == 10);
    if sent != obvious.sent(clients, first)? || sent.len() != clients || !complete {
        return Err("the two do not send the same".into());
    }
    for contender in [obvious, ours] {
        contender.sqs.forget_everything();
        contender.sqs.set_latency(latency);
    }
    Ok(())
}

fn report(clients: usize, latency: Duration, obvious: &Contender, ours: &Contender) -> io::Result<()> {
    let ((obvious_cpu, obvious_time), (cpu, time)) = (obvious.figures()?, ours.figures()?);
    println!(
        "| {clients} | {latency:?} | {obvious_cpu:.2} ms | {cpu:.2} ms | **{:.2}** | {obvious_time:.1} ms | {time:.1} ms | **{:.2}** | {} |",
        cpu / obvious_cpu,
        time / obvious_time,
        ours.times.len(),
    );
    Ok(())
}
