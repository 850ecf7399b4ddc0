//! What a batch of ten messages costs to copy to 1, 10 and 100 clients, beside the obvious way
//! (`examples/obvious_fanout.rs`), which packs a batch into one request per client, and so breaks order when a queue
//! takes a part of it.
//!
//! Each message draws its group from ten: strict order needs 2.8 times the requests. All are release binaries and work
//! in turn, in the same run, each against queues of its own, which answer at once, and then after 5 ms. Ours also reads
//! and writes a ledger, which the obvious way does not have: its chain is the ledger's read, the longest group's sends
//! and the ledger's write, 5 ms each. The processor's time is the process's own.
//!
//! `cargo bench -p testkit --bench fanout`, with ` -- 10` for ten clients alone; `OLDER=FOLDER` puts another commit's
//! release binaries beside

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/messages.rs"]
mod messages;
mod support;

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use shared::message::INCARNATION;
use testkit::wire::lambda::Function;
use testkit::wire::sqs::{Accepted, SqsStub};
use testkit::wire::tables::TablesStub;
use testkit::wire::{example, shipped_functions};

use crate::ledger::ledger;
use crate::messages::{LATENCY, batches};
use crate::support::{config, invoke, load, names, package, start};

/// How long each binary's processor time must be, at least, to be read in steps of 10 ms.
const ENOUGH: Duration = Duration::from_secs(1);

/// The ledger's calls in the chain of an invocation: its read before, its writes behind.
const LEDGER_CALLS: u32 = 2;

/// Passes of each that are not counted: they make connections and take memory.
const WARM_UP: usize = 2;

/// What a queue got of each group, in order.
type ByGroup = BTreeMap<String, Vec<Value>>;

struct Contender {
    name: &'static str,
    function: Function,
    sqs: SqsStub,
    ledger: Option<TablesStub>,
    processor: Duration,
    /// Of each invocation, with the calls that must follow each other in it.
    times: Vec<Duration>,
    calls: Vec<u32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let ours = shipped_functions()?.fanout;
    let older = std::env::var_os("OLDER").map(|folder| PathBuf::from(folder).join("fanout"));
    let obvious = ("obvious", example("obvious_fanout")?);
    let binaries = [Some(obvious), older.map(|older| ("older", older)), Some(("this", ours))];
    let binaries: Vec<(&str, PathBuf)> = binaries.into_iter().flatten().collect();
    let batches = batches();
    println!("ten messages of 2 KB that draw their groups from ten; at least {ENOUGH:?} of CPU each\n");
    println!("| clients | calls answer after | | CPU | ratio | median time | over its chain | invocations |");
    println!("| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |");
    let asked: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let clients = if asked.is_empty() { vec![1, 10, 100] } else { asked };
    let measured = clients.into_iter().flat_map(|clients| [(clients, Duration::ZERO), (clients, LATENCY)]);
    for (clients, latency) in measured {
        let package = package(&format!("{clients}-clients"), &config(clients))?;
        let start = |(name, binary): &(&'static str, PathBuf)| {
            let ledger = (*name != "obvious").then(|| ledger(&names(clients))).transpose()?;
            Contender::start(name, binary, &package, ledger)
        };
        let mut contenders = binaries.iter().map(start).collect::<Result<Vec<_>, _>>()?;
        check(&mut contenders, clients, &batches)?;
        contenders.iter_mut().for_each(|contender| contender.forget(latency));
        for pass in 0.. {
            if pass == WARM_UP {
                contenders.iter_mut().try_for_each(Contender::begin)?;
            }
            contenders.iter_mut().try_for_each(|contender| contender.pass(&batches))?;
            let used = contenders.iter().map(Contender::used).collect::<io::Result<Vec<_>>>()?;
            if pass >= WARM_UP && used.into_iter().all(|used| used >= ENOUGH) {
                break;
            }
        }
        report(clients, latency, &contenders)?;
    }
    println!("\nload average at the end: {}", load());
    Ok(())
}

impl Contender {
    fn start(
        name: &'static str,
        binary: &Path,
        package: &Path,
        ledger: Option<TablesStub>,
    ) -> io::Result<Self> {
        let sqs = SqsStub::start()?;
        let function = start(binary, package, &sqs, ledger.as_ref())?;
        let (times, calls) = (Vec::new(), Vec::new());
        Ok(Self { name, function, sqs, ledger, processor: Duration::ZERO, times, calls })
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

    /// From now on its queues remember nothing, and every call is answered after `latency`.
    fn forget(&mut self, latency: Duration) {
        self.sqs.forget_everything();
        self.sqs.set_latency(latency);
        if let Some(ledger) = &self.ledger {
            ledger.set_latency(latency);
        }
    }

    /// Nothing before this counts.
    fn begin(&mut self) -> io::Result<()> {
        self.processor = self.function.cpu_time()?;
        self.times.clear();
        self.calls.clear();
        Ok(())
    }

    fn pass(&mut self, batches: &[String]) -> io::Result<()> {
        for batch in batches {
            let started = Instant::now();
            invoke(&mut self.function, batch)?;
            self.times.push(started.elapsed());
            self.calls.push(longest(batch)? + LEDGER_CALLS);
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

    /// The median time of an invocation, over what its chain of calls takes at least.
    fn over_chain(&self, latency: Duration) -> f64 {
        let over = self.times.iter().zip(&self.calls);
        let mut over: Vec<f64> =
            over.map(|(time, calls)| time.as_secs_f64() / (latency * *calls).as_secs_f64()).collect();
        over.sort_by(f64::total_cmp);
        over.get(over.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// Checks, before anything is measured, that all send the same to every client.
fn check(contenders: &mut [Contender], clients: usize, batches: &[String]) -> Result<(), Box<dyn Error>> {
    // The queues take an event once, and all batches begin with the same.
    let first = batches.get(..1).unwrap_or_default();
    let sent = contenders.iter_mut().map(|contender| contender.sent(clients, first));
    let sent = sent.collect::<Result<Vec<_>, _>>()?;
    let is_complete = |groups: &ByGroup| groups.values().map(Vec::len).sum::<usize>() == 10;
    let is_alike = |queues: &Vec<ByGroup>| {
        queues.len() == clients && queues.iter().all(is_complete) && sent.first() == Some(queues)
    };
    if sent.iter().all(is_alike) { Ok(()) } else { Err("they do not send the same".into()) }
}

/// How many messages the longest group of a batch has, which are sent one after the other.
fn longest(batch: &str) -> io::Result<u32> {
    let batch: Value = serde_json::from_str(batch)?;
    let mut groups = BTreeMap::<&str, u32>::new();
    for record in batch.pointer("/Records").and_then(Value::as_array).into_iter().flatten() {
        let group = record.pointer("/attributes/MessageGroupId").and_then(Value::as_str);
        *groups.entry(group.unwrap_or_default()).or_default() += 1;
    }
    Ok(groups.into_values().max().unwrap_or_default())
}

fn report(clients: usize, latency: Duration, contenders: &[Contender]) -> io::Result<()> {
    let mut of_obvious = None;
    for contender in contenders {
        let (cpu, time) = contender.figures()?;
        let ratio = cpu / *of_obvious.get_or_insert(cpu);
        let chain = match (contender.name, latency.is_zero()) {
            ("obvious", _) | (_, true) => String::new(),
            _ => format!("**{:.2}**", contender.over_chain(latency)),
        };
        println!(
            "| {clients} | {latency:?} | {} | {cpu:.2} ms | **{ratio:.2}** | {time:.1} ms | {chain} | {} |",
            contender.name,
            contender.times.len(),
        );
    }
    Ok(())
}
