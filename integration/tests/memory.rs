//! The fan-out's memory, by its real binary: look-ups of ten groups at once, each of an item as large as DynamoDB keeps
//! them. A program of its own: beside other tests, the function would not be answered within the time of a call.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::wire::functions;
use testkit::wire::lambda::{Function, Outcome};
use testkit::wire::sqs::SqsStub;
use testkit::wire::tables::{Answer, Received, TablesStub};

const CONFIG: &str = "\
[source]
partition_key = \"mark\"
sort_key = \"at\"
time = \"at\"
version = \"version\"

[[client]]
name = \"A\"
";

const GROUPS: usize = 10;

/// The template's `FanOutMemory`, less what the system and Lambda's runtime take of it.
const LIMIT: u64 = 200 << 20;

/// A number takes two bytes of the 400 KB that DynamoDB takes for an item, and more than a hundred while it is read.
const NUMBERS: usize = 130_000;

fn time(version: u64) -> String {
    format!("2027-01-15T08:00:0{version}Z")
}

/// An item, as text: no JSON value is made of so many numbers, so that DynamoDB's double answers at once.
fn item(group: &str, version: u64, numbers: usize) -> String {
    let numbers = vec![r#"{"N":"7"}"#; numbers].join(",");
    let time = time(version);
    format!(
        r#"{{"mark":{{"S":"{group}"}},"at":{{"S":"{time}"}},"version":{{"N":"{version}"}},"numbers":{{"L":[{numbers}]}}}}"#
    )
}

fn group(number: usize) -> String {
    format!("g{number}")
}

/// The ledger knows version 1 of each group. The table has 1, 2 and 3, as large as they can be: a full page.
fn answer(received: &Received) -> Answer {
    let registry = json!({
        "pk": { "S": "registry" }, "sk": { "S": "registry" }, "format": { "N": "2" },
        "write_count": { "N": "1" }, "revision": { "N": "1" }, "start": { "S": "2025-01-01T00:00:00Z" },
        "clients": { "M": { "A": { "M": {
            "id": { "N": "1" }, "state": { "S": "live" }, "history": { "BOOL": false }, "since": { "N": "1" },
        } } } },
    });
    let known = |number: usize| {
        json!({
            "pk": { "S": format!("group#{}", group(number)) }, "sk": { "S": "group" }, "format": { "N": "2" },
            "write_count": { "N": "2" }, "version": { "N": "1" }, "revision": { "N": "1" },
            "incarnation_number": { "N": "1" }, "token": { "S": "0123456789abcdef" },
            "key": { "S": group(number) },
            "first": { "M": { "sort": { "S": time(1) }, "version": { "N": "1" } } },
        })
    };
    let parameters = &received.parameters;
    match received.operation.as_str() {
        "BatchGetItem" => {
            let items: Vec<Value> = [registry].into_iter().chain((0..GROUPS).map(known)).collect();
            Answer::Done(json!({ "Responses": { "Ledger": items }, "UnprocessedKeys": {} }))
        }
        "Query" => {
            let group = parameters["ExpressionAttributeValues"][":key"]["S"].as_str().unwrap();
            let items = [item(group, 3, NUMBERS), item(group, 2, NUMBERS), item(group, 1, NUMBERS)].join(",");
            Answer::Text(format!(r#"{{"Items":[{items}],"Count":3}}"#))
        }
        "GetItem" => Answer::Done(json!({ "Item": { "at": { "S": time(1) } } })),
        _ => Answer::Done(json!({})),
    }
}

#[test]
fn ten_groups_with_the_largest_items_fit_the_smallest_function() {
    let sqs = SqsStub::start().unwrap();
    let tables = TablesStub::start_answering(answer).unwrap();
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("memory");
    std::fs::create_dir_all(&package).unwrap();
    std::fs::write(package.join("client-queues.toml"), CONFIG).unwrap();
    let (sqs_endpoint, tables_endpoint) = (sqs.endpoint_url(), tables.endpoint_url());
    let variables = [
        ("LAMBDA_TASK_ROOT", package.to_str().unwrap()),
        ("AWS_ENDPOINT_URL_SQS", &sqs_endpoint),
        ("AWS_ENDPOINT_URL_DYNAMODB", &tables_endpoint),
        ("LEDGER_TABLE", "Ledger"),
        ("EVENT_TABLE", "Events"),
        ("PARTITION", "aws"),
        ("ACCOUNT_ID", "123456789012"),
    ];
    let mut function = Function::start(&functions().unwrap().fanout, &variables).unwrap();
    let record = |number: usize| {
        let group = group(number);
        json!({
            "messageId": number.to_string(),
            "body": json!({ "mark": group, "at": time(3), "version": 3, "numbers": [] }).to_string(),
            "attributes": {
                "MessageGroupId": group, "MessageDeduplicationId": "1", "SentTimestamp": "1740821400123",
            },
            "messageAttributes": {
                "version": { "dataType": "Number", "stringValue": "3" },
                "eventTime": { "dataType": "String", "stringValue": time(3) },
            },
        })
    };
    let payload = json!({ "Records": (0..GROUPS).map(record).collect::<Vec<_>>() });
    let outcome = function.invoke(payload.to_string(), Duration::from_secs(600)).unwrap();
    assert_eq!(outcome, Outcome::Response("{\"batchItemFailures\":[]}".to_owned()), "{}", function.output());
    let queue = "MarkFanOutClientA.fifo";
    let accepted = sqs.accepted(queue).len();
    assert_eq!(accepted, 2 * GROUPS, "of {queue}");
    let peak = function.peak_memory().unwrap();
    println!("peak memory: {} MB", peak >> 20);
    assert!(peak < LIMIT, "{} MB", peak >> 20);
}
