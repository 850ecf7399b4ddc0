//! What benches of the binaries share: a package, its variables, and batches of events of about 2 KB.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::wire::lambda::{Function, Outcome};
use testkit::wire::sqs::SqsStub;
use testkit::wire::tables::TablesStub;

/// How long an invocation may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The ledger's table.
pub(crate) const LEDGER_TABLE: &str = "Ledger";

/// A config with this many clients, `C0` and up.
pub(crate) fn config(clients: usize) -> String {
    let clients: String =
        names(clients).iter().map(|name| format!("[[client]]\nname = '{name}'\n")).collect();
    let source = "partition_key = 'mark'\nsort_key = 'createTime'\ntime = 'createTime'\nid = 'eventId'";
    format!("[source]\n{source}\nversion = 'RegistrationNumber.version'\n{clients}")
}

/// The clients' names.
pub(crate) fn names(clients: usize) -> Vec<String> {
    (0..clients).map(|number| format!("C{number}")).collect()
}

/// A function's package with this config in it.
pub(crate) fn package(name: &str, config: &str) -> io::Result<PathBuf> {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("benches").join(name);
    fs::create_dir_all(&package)?;
    fs::write(package.join("client-queues.toml"), config)?;
    Ok(package)
}

/// Starts a function that sends to `sqs`; with a ledger, if it needs one.
#[allow(dead_code, reason = "one bench has servers of its own")]
pub(crate) fn start(
    binary: &Path,
    package: &Path,
    sqs: &SqsStub,
    ledger: Option<&TablesStub>,
) -> io::Result<Function> {
    start_at(binary, package, &sqs.endpoint_url(), ledger.map(TablesStub::endpoint_url).as_deref(), &[])
}

/// Starts a function that reaches SQS and the ledger at these URLs, with `more` variables.
pub(crate) fn start_at(
    binary: &Path,
    package: &Path,
    sqs: &str,
    ledger: Option<&str>,
    more: &[(&str, &str)],
) -> io::Result<Function> {
    let root = package.to_string_lossy();
    let mut variables = vec![
        ("LAMBDA_TASK_ROOT", &*root),
        ("PARTITION", "aws"),
        ("ACCOUNT_ID", "123456789012"),
        // As template.yml has them.
        ("MALLOC_TRIM_THRESHOLD_", "268435456"),
        ("MALLOC_MMAP_THRESHOLD_", "4194304"),
        ("AWS_ENDPOINT_URL_SQS", sqs),
    ];
    if let Some(ledger) = ledger {
        variables.extend([
            ("LEDGER_TABLE", LEDGER_TABLE),
            ("EVENT_TABLE", "Events"),
            ("AWS_ENDPOINT_URL_DYNAMODB", ledger),
        ]);
    }
    variables.extend(more);
    Function::start(binary, &variables)
}

/// Invokes a function, which must take everything.
pub(crate) fn invoke(function: &mut Function, payload: &str) -> io::Result<()> {
    match function.invoke(payload, TIMEOUT)? {
        Outcome::Response(response) if response == "{\"batchItemFailures\":[]}" => Ok(()),
        outcome => Err(io::Error::other(format!("{outcome:?}: {}", function.output()))),
    }
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
        "mark": self::mark(mark),
        "createTime": time(version),
        "eventId": event_id(mark, version),
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
            "mark": self::mark(mark),
            "price": 299.5,
            "status": "Assigned",
            "transferable": true,
            "updateTime": "2025-03-01T09:30:00.123Z",
            "version": version,
        },
    })
}

pub(crate) fn mark(number: usize) -> String {
    format!("AFC F{number}")
}

pub(crate) fn event_id(mark: usize, version: usize) -> String {
    format!("0b8f7bd0-59ef-4b5c-8d1d-{mark:06}{version:06}")
}

/// When an event happened.
pub(crate) fn time(version: usize) -> String {
    format!("2025-03-01T09:30:00.{version:03}Z")
}

/// The machine's load average over the last minute, to print beside figures.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}
