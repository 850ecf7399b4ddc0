//! What both benches start and feed: a package, its variables, and batches of events of about 2 KB.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::lambda::{Function, Outcome};
use harness::sqs::SqsStub;
use serde_json::{Value, json};

/// How long a queue takes to answer.
pub(crate) const LATENCY: Duration = Duration::from_millis(5);

/// How long an invocation may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A config with this many clients, `C0` and up.
pub(crate) fn config(clients: usize) -> String {
    let clients: String = (0..clients).map(|number| format!("[[client]]\nname = 'C{number}'\n")).collect();
    format!("[source]\npartition_key = 'mark'\ngroup = 'mark'\n{clients}")
}

/// A function's package with this config in it.
pub(crate) fn package(name: &str, config: &str) -> io::Result<PathBuf> {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("benches").join(name);
    fs::create_dir_all(&package)?;
    fs::write(package.join("client-queues.toml"), config)?;
    Ok(package)
}

/// Starts a function that sends to `sqs`.
pub(crate) fn start(binary: &Path, package: &Path, sqs: &SqsStub) -> io::Result<Function> {
    Function::start(
        binary,
        &[
            ("LAMBDA_TASK_ROOT", &package.to_string_lossy()),
            ("PARTITION", "aws"),
            ("ACCOUNT_ID", "123456789012"),
            ("AWS_ENDPOINT_URL", &sqs.endpoint_url()),
        ],
    )
}

/// Invokes a function, which must take everything.
pub(crate) fn invoke(function: &mut Function, payload: &str) -> io::Result<()> {
    match function.invoke(payload, TIMEOUT)? {
        Outcome::Response(response) if response == "{\"batchItemFailures\":[]}" => Ok(()),
        outcome => Err(io::Error::other(format!("{outcome:?}: {}", function.output()))),
    }
}

/// What a FIFO mapping delivers: ten messages in ten groups.
pub(crate) fn messages() -> String {
    let attribute = |data_type: &str, value: &str| json!({ "stringValue": value, "stringListValues": [], "binaryListValues": [], "dataType": data_type });
    let message = |number: usize| {
        json!({
            "messageId": format!("11d6ee51-4cc7-4302-9e22-{number:012}"),
            "receiptHandle": "AQEBBX8nesZEXmkhsmZeyIE8iQAMig7qw".repeat(8),
            "body": event(number, 1).to_string(),
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": "1740821400123",
                "SequenceNumber": "18849496460467696128",
                "MessageGroupId": format!("AFC~20F{number}"),
                "SenderId": "AROAEXAMPLE:converter",
                "MessageDeduplicationId": format!("c4ca4238a0b923820dcc509a{number:08}"),
                "ApproximateFirstReceiveTimestamp": "1740821400223",
            },
            "messageAttributes": {
                "eventId": attribute("String", &format!("0b8f7bd0-59ef-4b5c-8d1d-{number:012}")),
                "eventName": attribute("String", "AddressUpdated"),
                "version": attribute("Number", "3"),
                "streamedAt": attribute("Number", "1740821400000"),
            },
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-2:123456789012:MarkFanOutQueue.fifo",
            "awsRegion": "eu-west-2",
        })
    };
    json!({ "Records": (0..10).map(message).collect::<Vec<_>>() }).to_string()
}

/// An event of the mark family, of about 2 KB.
pub(crate) fn event(mark: usize, version: usize) -> Value {
    let step = |number: usize| {
        json!({
            "address": { "line1": format!("{number} Stryd Fawr"), "postcode": "SA1 1AA", "town": "Abertawe" },
            "fee": 12.5,
            "note": "Confirmed by post; the holder’s reply – \"Tŷ Gwyn\" – was filed.",
            "tags": ["address", "post"],
            "time": "2025-02-17T10:00:00Z",
        })
    };
    json!({
        "mark": format!("AFC F{mark}"),
        "createTime": format!("2025-03-01T09:30:00.{version:03}Z"),
        "eventId": format!("0b8f7bd0-59ef-4b5c-8d1d-{mark:06}{version:06}"),
        "eventName": "AddressUpdated",
        "context": "correspondence",
        "RegistrationNumber": {
            "entitlement": {
                "certificateNo": 20_250_301_000_417_u64,
                "expiryTime": "2035-03-01T00:00:00Z",
                "nominee": "Nominee 17 – Zoë",
                "purchaser": {
                    "address": {
                        "country": null,
                        "line1": "17 Château Street",
                        "line2": "Flat 3 \"Rear\"",
                        "postcode": "SA99 1ZZ",
                        "town": "Swansea",
                    },
                    "name": "Purchaser 4",
                },
            },
            "history": (1..=6).map(step).collect::<Vec<_>>(),
            "mark": format!("AFC F{mark}"),
            "price": 299.5,
            "status": "Assigned",
            "transferable": true,
            "updateTime": "2025-03-01T09:30:00.123Z",
            "version": version,
        },
    })
}

/// The machine's load average over the last minute, to print beside figures.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}
