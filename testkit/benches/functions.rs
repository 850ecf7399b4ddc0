//! What each function needs of Lambda: size, time to start, memory, and the size of its metrics.
//!
//! `cargo bench -p testkit --bench functions`

#[path = "support/ledger.rs"]
mod ledger;
mod support;

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};
use testkit::wire::lambda::Function;
use testkit::wire::shipped_functions;
use testkit::wire::sqs::SqsStub;

use crate::ledger::ledger;
use crate::support::{LATENCY, batches, config, event, invoke, load, names, package, start};

const STARTS: usize = 40;
const INVOCATIONS: usize = 100;

/// Records of the converter's batch, and the marks that they are about.
const RECORDS: usize = 100;
const MARKS: usize = 50;

/// A function as it is deployed, and the batches that it gets.
struct Row {
    name: &'static str,
    binary: PathBuf,
    package: PathBuf,
    batches: Vec<String>,
    /// The clients that the ledger has; `None` for the converter, which has none.
    ledger: Option<Vec<String>>,
    first_polls: Vec<Duration>,
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
    };
    let three = || ["Billing", "Insurance", "Enforcement"].map(str::to_owned).to_vec();
    let mut rows = [
        row("converter", &binaries.converter, &shipped, vec![records()], None),
        row("fanout, the shipped three clients", &binaries.fanout, &shipped, batches(), Some(three())),
        row("fanout, 100 clients", &binaries.fanout, &hundred, batches(), Some(names(100))),
    ];
    let sqs = SqsStub::start()?;
    sqs.forget_everything();
    sqs.set_latency(LATENCY);

    // In turn, so that the machine's other work slows all of them alike.
    for _ in 0..STARTS {
        for row in &mut rows {
            let ledger = row.ledger.as_ref().map(|clients| ledger(clients)).transpose()?;
            let function = start(&row.binary, &row.package, &sqs, ledger.as_ref())?;
            row.first_polls.push(function.first_poll());
        }
    }
    println!(
        "{STARTS} starts; {INVOCATIONS} batches: {RECORDS} records over {MARKS} marks, or ten messages that draw their groups from ten, of 2 KB each\n"
    );
    println!(
        "| function | binary | first poll, median | first poll, least | peak memory, started | peak memory, {INVOCATIONS} batches later | CPU of a batch | metrics of a batch |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
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
    // A line per batch, of which the last ones may not have been read yet.
    let output = function.output();
    let lines = output.lines().count().max(1);
    println!(
        "| {} | {:.1} MiB | {:.1} ms | {:.1} ms | {:.1} MiB | {:.1} MiB | {:.2} ms | {} B |",
        row.name,
        mebibytes(fs::metadata(&row.binary)?.len()),
        milliseconds(row.first_polls.get(row.first_polls.len() / 2)),
        milliseconds(row.first_polls.first()),
        mebibytes(started),
        mebibytes(function.peak_memory()?),
        processor.as_secs_f64() * 1e3 / INVOCATIONS as f64,
        output.len() / lines,
    );
    Ok(())
}

/// What a stream mapping delivers: the first events of each mark, in turn.
fn records() -> String {
    let record = |number: usize| {
        let event = event(number % MARKS, number / MARKS + 1);
        let image = event.as_object().map(attributes).unwrap_or_default();
        json!({
            "eventID": format!("c4ca4238a0b923820dcc509a{number:08}"),
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-west-2",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_740_821_400,
                "Keys": { "mark": image.get("mark"), "createTime": image.get("createTime") },
                "NewImage": image,
                "SequenceNumber": format!("44215845{number:020}"),
                "SizeBytes": 2_000,
                "StreamViewType": "NEW_IMAGE",
            },
            "eventSourceARN":
                "arn:aws:dynamodb:eu-west-2:123456789012:table/MarkEvent/stream/2025-01-01T00:00:00.000",
        })
    };
    json!({ "Records": (0..RECORDS).map(record).collect::<Vec<_>>() }).to_string()
}

fn attributes(members: &Map<String, Value>) -> Map<String, Value> {
    members.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// The attribute that holds `value`, in DynamoDB's JSON.
fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(value) => json!({ "N": value.to_string() }),
        Value::String(value) => json!({ "S": value }),
        Value::Array(values) => json!({ "L": values.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(members) => json!({ "M": attributes(members) }),
    }
}
