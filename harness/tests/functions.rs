//! The release binaries under the Runtime API: they start, answer, and say why they do not.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::functions;
use harness::lambda::{Function, Outcome};
use harness::sqs::SqsStub;
use serde_json::{Value, json};
use shared::metrics::{NAMES, NAMESPACE};

const CONFIG: &str = "\
[source]
partition_key = \"mark\"
group = \"mark\"

[[client]]
name = \"billing\"
";

const VARIABLES: [(&str, &str); 2] = [("PARTITION", "aws"), ("ACCOUNT_ID", "123456789012")];

/// A package of its own for each test, with `config` in it.
fn package(name: &str, config: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&package).unwrap();
    std::fs::write(package.join("client-queues.toml"), config).unwrap();
    package
}

fn start(name: &str, config: &str, variables: &[(&str, &str)]) -> io::Result<Function> {
    let package = package(name, config);
    let root = [("LAMBDA_TASK_ROOT", package.to_str().unwrap())];
    Function::start(&functions()?.converter, &[&root, variables].concat())
}

#[test]
fn a_function_answers_one_invocation_after_the_other() {
    let mut function = start("answers", CONFIG, &VARIABLES).unwrap();
    for _ in 0..3 {
        let outcome = function.invoke("{\"Records\":[]}", Duration::from_secs(10)).unwrap();
        assert_eq!(outcome, Outcome::Response("{\"batchItemFailures\":[]}".to_owned()));
    }
    assert!(function.first_poll() > Duration::ZERO);
    assert!(function.peak_memory().unwrap() > 1 << 20);
    assert!(function.cpu_time().unwrap() < Duration::from_secs(60));
}

#[test]
fn a_failed_invocation_is_told_and_logged_with_its_request_id() {
    let mut function = start("fails", CONFIG, &VARIABLES).unwrap();
    let Outcome::Error(told) = function.invoke("[]", Duration::from_secs(10)).unwrap() else {
        panic!("no error")
    };
    assert!(told.contains("InvocationFailed"), "{told}");
    // It answers the next one.
    function.invoke("{\"Records\":[]}", Duration::from_secs(10)).unwrap();
    let output = function.output();
    let line = output.lines().find(|line| line.contains("invocation failed")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["span"]["request_id"], "00000000-0000-4000-8000-000000000001");
    assert_eq!(line["level"], "ERROR");
    assert!(!output.contains("\u{1b}"), "colours: {output}");
}

#[test]
fn a_function_that_cannot_start_says_why() {
    for (name, config, variables, expected) in [
        ("no-partition", CONFIG, &VARIABLES[1..], "environment variable `PARTITION` is not set"),
        ("no-account", CONFIG, &VARIABLES[..1], "environment variable `ACCOUNT_ID` is not set"),
        ("no-client", "[source]\ngroup = \"a\"\n", &VARIABLES[..], "client-queues.toml:"),
    ] {
        let error = start(name, config, variables).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
}

/// The first line in the embedded metric format that this binary writes when it is invoked with `payload`.
fn metrics(name: &str, binary: &Path, payload: &Value) -> Value {
    let sqs = SqsStub::start().unwrap();
    let package = package(name, CONFIG);
    let endpoint = sqs.endpoint_url();
    let variables = [
        ("LAMBDA_TASK_ROOT", package.to_str().unwrap()),
        ("AWS_ENDPOINT_URL", &endpoint),
        // No level of the log keeps metrics back.
        ("AWS_LAMBDA_LOG_LEVEL", "ERROR"),
    ];
    let mut function = Function::start(binary, &[&variables, &VARIABLES[..]].concat()).unwrap();
    // Its output is read beside its answers: the line of an invocation is there after the next one at the latest.
    for _ in 0..100 {
        let outcome = function.invoke(payload.to_string(), Duration::from_secs(10)).unwrap();
        assert_eq!(outcome, Outcome::Response("{\"batchItemFailures\":[]}".to_owned()));
        let output = function.output();
        if let Some(line) = output.lines().next() {
            return serde_json::from_str(line).unwrap();
        }
    }
    panic!("no line in a hundred invocations");
}

/// The names of the metrics of a line, which is such as CloudWatch takes it (Embedded metric format specification).
fn names_of(line: &Value) -> BTreeSet<&str> {
    assert!(line["_aws"]["Timestamp"].as_u64().unwrap() > 1_700_000_000_000, "milliseconds");
    let [directive] = line["_aws"]["CloudWatchMetrics"].as_array().unwrap().as_slice() else {
        panic!("not one directive: {line}")
    };
    assert_eq!(directive["Namespace"], NAMESPACE);
    assert_eq!(directive["Dimensions"], json!([["Function"]]));
    assert_eq!(line["Function"], "harness");
    let metrics = directive["Metrics"].as_array().unwrap();
    for metric in metrics {
        let name = metric["Name"].as_str().unwrap();
        let known = NAMES.iter().find(|known| known.name == name);
        assert_eq!(metric["Unit"].as_str(), known.map(|known| known.unit.name()), "{name}");
        let value = &line[name];
        let numbers = |member: &str| value[member].as_array().map(|values| (1..=100).contains(&values.len()));
        assert!(
            value.is_u64() || (numbers("Values") == Some(true) && numbers("Counts") == Some(true)),
            "{name}: {value}"
        );
    }
    metrics.iter().map(|metric| metric["Name"].as_str().unwrap()).collect()
}

#[test]
fn the_functions_write_every_metric_in_a_line_per_invocation() {
    let functions = functions().unwrap();
    let record = json!({
        "eventID": "1",
        "eventName": "INSERT",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_740_821_400.0,
            "NewImage": { "mark": { "S": "AFC F5" } },
            "SequenceNumber": "42",
        },
    });
    let converter = metrics("converter-metrics", &functions.converter, &json!({ "Records": [record] }));
    let message = json!({
        "messageId": "1",
        "body": "{}",
        "attributes": { "MessageGroupId": "a", "MessageDeduplicationId": "1" },
        "messageAttributes": { "streamedAt": { "dataType": "Number", "stringValue": "1740821400000" } },
    });
    let fanout = metrics("fanout-metrics", &functions.fanout, &json!({ "Records": [message] }));

    let expected: BTreeSet<&str> = NAMES.iter().map(|metric| metric.name).collect();
    let written: BTreeSet<&str> = names_of(&converter).union(&names_of(&fanout)).copied().collect();
    assert_eq!(written, expected);
    for line in [converter, fanout] {
        assert_eq!([&line["RecordsIn"], &line["Sent"]], [1, 1], "{line}");
        assert_eq!(line["request_id"].as_str().unwrap().len(), 36);
    }
}
