//! The binaries under the Runtime API: they start and answer, or say why they do not.

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

use serde_json::{Value, json};
use shared::metrics::{
    DELIVERED, DELIVERIES_FAILED, DELIVERY_LATENCY, DELIVERY_REQUESTS, NAMES, NAMESPACE, OF_THE_API,
    TARGET_FAILING_AGE, TARGETS_GONE,
};
use testkit::wire::functions;
use testkit::wire::lambda::{Function, Outcome};
use testkit::wire::sqs::SqsStub;
use testkit::wire::tables::{Answer, TablesStub};

const CONFIG: &str = "\
[source]
partition_key = \"mark\"
sort_key = \"createTime\"
time = \"createTime\"
version = \"version\"

[[client]]
name = \"billing\"\nerasures = true
";

const LEDGER_TABLE: &str = "Ledger";

/// Nothing is at the endpoint: no test asks AWS.
const VARIABLES: [(&str, &str); 3] =
    [("PARTITION", "aws"), ("ACCOUNT_ID", "123456789012"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:9")];

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
fn a_failed_invocation_is_reported_and_logged_with_its_request_id() {
    let mut function = start("fails", CONFIG, &VARIABLES).unwrap();
    let Outcome::Error(error) = function.invoke("[]", Duration::from_secs(10)).unwrap() else {
        panic!("no error")
    };
    assert!(error.contains("InvocationFailed"), "{error}");
    // It answers the next one. The output is read beside the answers, so the line may come some answers later.
    let next = |_| {
        let outcome = function.invoke("{\"Records\":[]}", Duration::from_secs(10)).unwrap();
        assert_eq!(outcome, Outcome::Response("{\"batchItemFailures\":[]}".to_owned()));
        let output = function.output();
        output.contains("invocation failed").then_some(output)
    };
    let output = (0..100).find_map(next).unwrap();
    let line = output.lines().find(|line| line.contains("invocation failed")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["span"]["request_id"], "00000000-0000-4000-8000-000000000001");
    assert_eq!(line["level"], "ERROR");
    assert!(!output.contains("\u{1b}"), "colours: {output}");
}

#[test]
fn a_function_that_cannot_start_says_why() {
    let with = |line: &str| format!("{CONFIG}{line}\n");
    let (view, filter) = (with("omit = []"), with("[client.filter]\nkind = \"sold\""));
    for (name, config, variables, expected) in [
        ("no-partition", CONFIG, &VARIABLES[1..], "environment variable `PARTITION` is not set"),
        ("no-account", CONFIG, &VARIABLES[..1], "environment variable `ACCOUNT_ID` is not set"),
        ("no-client", "[source]\nsort_key = \"a\"\n", &VARIABLES[..], "client-queues.toml:"),
        (
            "bad-view",
            &view,
            &VARIABLES[..],
            "client-queues.toml:10: client.omit: client `billing`: is empty; name the members that the client doesn't get",
        ),
        (
            "bad-filter",
            &filter,
            &VARIABLES[..],
            "client-queues.toml:11: client.filter.kind: client `billing`: is text",
        ),
    ] {
        let error = start(name, config, variables).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
}

/// An invocation of a function, to see its metrics.
struct Case<'c> {
    name: &'c str,
    binary: &'c Path,
    payload: Value,
    response: &'c str,
    /// DynamoDB's answers, over and over; none for the converter, which makes no such call.
    tables: Vec<Answer>,
    /// How many connections it makes to SQS and to DynamoDB while it awaits its first invocation, which needs no more.
    early: [usize; 2],
}

/// The first line in the embedded metric format that the binary writes.
fn metrics(case: &Case<'_>) -> Value {
    let sqs = SqsStub::start().unwrap();
    let tables = TablesStub::start_repeating(case.tables.clone()).unwrap();
    let package = package(case.name, CONFIG);
    let sqs_endpoint = sqs.endpoint_url();
    let tables_endpoint = tables.endpoint_url();
    let mut variables = vec![
        ("LAMBDA_TASK_ROOT", package.to_str().unwrap()),
        ("AWS_ENDPOINT_URL_SQS", &sqs_endpoint),
        // Metrics are written at every level of the log.
        ("AWS_LAMBDA_LOG_LEVEL", "ERROR"),
        ("LEDGER_TABLE", LEDGER_TABLE),
        ("EVENT_TABLE", "Events"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &tables_endpoint),
    ];
    variables.extend(VARIABLES);
    let mut function = Function::start(case.binary, &variables).unwrap();
    let [early_sqs, early_tables] = case.early;
    assert!(sqs.wait_for_early(early_sqs) && tables.wait_for_early(early_tables), "{}", case.name);
    // The output is read beside the answers: the line of an invocation may come only after a later one.
    for _ in 0..100 {
        let outcome = function.invoke(case.payload.to_string(), Duration::from_secs(10)).unwrap();
        assert_eq!(outcome, Outcome::Response(case.response.to_owned()), "{}", case.name);
        if case.early != [0, 0] {
            assert_eq!([sqs.connections(), tables.connections()], case.early, "{}", case.name);
        }
        let output = function.output();
        if let Some(line) = output.lines().next() {
            return serde_json::from_str(line).unwrap();
        }
    }
    panic!("no line in a hundred invocations");
}

/// The names of the metrics of a line. Asserts that the line is as CloudWatch takes it (Embedded metric format
/// specification).
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
            "NewImage": { "mark": { "S": "AFC F5" }, "createTime": { "S": "1" }, "version": { "N": "1" } },
            "SequenceNumber": "42",
        },
    });
    let attribute = |value: &str| json!({ "dataType": "Number", "stringValue": value });
    let message = json!({
        "messageId": "1",
        "body": "{\"mark\":\"a\",\"createTime\":\"2025-02-24T09:30:00Z\"}",
        "attributes": {
            "MessageGroupId": "a", "MessageDeduplicationId": "1", "SentTimestamp": "1740821400123",
        },
        "messageAttributes": {
            "streamedAt": attribute("1740821400000"), "version": attribute("2"),
            "eventTime": { "dataType": "String", "stringValue": "2025-02-24T09:30:00Z" },
        },
    });
    let registry = json!({
        "pk": { "S": "registry" }, "sk": { "S": "registry" }, "format": { "N": "2" },
        "write_count": { "N": "1" }, "revision": { "N": "1" },
        "start": { "S": "2025-01-01T00:00:00Z" },
        "clients": { "M": { "billing": { "M": {
            "id": { "N": "1" }, "state": { "S": "live" }, "history": { "BOOL": false }, "since": { "N": "1" },
            "erasures": { "BOOL": true },
        } } } },
    });
    let group = json!({
        "pk": { "S": "group#a" }, "sk": { "S": "group" }, "format": { "N": "2" }, "write_count": { "N": "2" }, "version": { "N": "1" },
        "revision": { "N": "1" }, "incarnation_number": { "N": "1" }, "token": { "S": "0123456789abcdef" }, "key": { "S": "a" },
        "first": { "M": { "sort": { "S": "0" }, "version": { "N": "1" } } },
        "streamed_at": { "S": "2025-03-01T09:29:00Z" },
    });
    let known = json!({ "Responses": { LEDGER_TABLE: [registry, group] }, "UnprocessedKeys": {} });
    // By every key, query and scan there is the registry, and nothing else.
    let quiet = json!({
        "Responses": { LEDGER_TABLE: [registry] }, "UnprocessedKeys": {}, "Items": [], "Count": 0, "ScannedCount": 0,
    });
    let asked = json!({
        "messageId": "m-1", "receiptHandle": "handle", "body": "{\"group\":\"a\",\"from\":1}",
        "attributes": { "MessageGroupId": "nobody", "SenderId": "AROA:consumer" }, "messageAttributes": {},
        "eventSource": "aws:sqs",
    });
    let none_returned = "{\"batchItemFailures\":[]}";
    let cases = [
        Case {
            name: "converter-metrics",
            binary: &functions.converter,
            payload: json!({ "Records": [record] }),
            response: none_returned,
            tables: Vec::new(),
            early: [1, 0],
        },
        Case {
            name: "fanout-metrics",
            binary: &functions.fanout,
            payload: json!({ "Records": [message] }),
            response: none_returned,
            tables: vec![Answer::Done(known), Answer::Done(json!({}))],
            early: [1, 1],
        },
        Case {
            name: "no-ledger-metrics",
            binary: &functions.fanout,
            payload: json!({ "Records": [message] }),
            response: "{\"batchItemFailures\":[{\"itemIdentifier\":\"1\"}]}",
            tables: vec![Answer::error(400, "AccessDeniedException")],
            early: [1, 1],
        },
        Case {
            name: "catch-up-metrics",
            binary: &functions.catch_up,
            payload: json!({ "request": "maintenance" }),
            response: "{\"clients\":[]}",
            tables: vec![Answer::Done(quiet.clone())],
            early: [0, 0],
        },
        Case {
            name: "requests-metrics",
            binary: &functions.catch_up,
            payload: json!({ "Records": [asked] }),
            response: none_returned,
            tables: vec![Answer::Done(quiet)],
            early: [0, 0],
        },
    ];
    let lines = cases.each_ref().map(metrics);

    let written: BTreeSet<&str> = lines.iter().flat_map(names_of).collect();
    // Those of targets are counted where a client is pushed to: `push/tests/handler`, `catchup/tests/catch_up/push.rs`.
    let of_targets =
        [DELIVERED, DELIVERIES_FAILED, DELIVERY_LATENCY, DELIVERY_REQUESTS, TARGET_FAILING_AGE, TARGETS_GONE];
    // Those of the companion: `api/tests/api/metrics.rs`.
    let others = NAMES.iter().filter(|metric| !of_targets.contains(metric) && !OF_THE_API.contains(metric));
    let expected: BTreeSet<&str> = others.map(|metric| metric.name).collect();
    assert_eq!(written, expected);
    let [converter, fanout, no_ledger, catch_up, requests] = &lines;
    assert_eq!([&requests["RecordsIn"], &requests["RequestsRefused"]], [1, 1], "{requests}");
    for line in [converter, fanout] {
        assert_eq!([&line["RecordsIn"], &line["Sent"]], [1, 1], "{line}");
    }
    assert_eq!(
        [&no_ledger["RecordsIn"], &no_ledger["Sent"], &no_ledger["Returned"]],
        [1, 0, 1],
        "{no_ledger}"
    );
    assert_eq!([&catch_up["Sent"], &catch_up["GroupsBehind"]], [0, 0], "{catch_up}");
    for line in &lines {
        assert_eq!(line["request_id"].as_str().unwrap().len(), 36);
    }
}
