//! The release binaries under AWS's own Runtime Interface Emulator, with a local SQS that fails on demand. What
//! MiniStack ignores is shown here: partial failures of the stream mapping above all.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::rie::Rie;
use harness::sqs::{Fault, SqsStub};
use local::python::Environment;
use local::workspace;
use serde_json::{Value, json};
use support::without_version;

const FAN_OUT: &str = "MarkFanOutQueue.fifo";
const REJECTED: &str = "MarkFanOutRejected.fifo";
const UNDELIVERED: &str = "MarkFanOutUndelivered.fifo";

/// A function under the emulator, and the SQS that it sends to.
struct Emulated {
    sqs: SqsStub,
    rie: Rie,
}

impl Emulated {
    fn converter() -> Self {
        Self::start(&harness::functions().unwrap().converter, "converter", str::to_owned)
    }

    /// Without the ledger.
    fn fanout() -> Self {
        Self::start(&harness::functions().unwrap().fanout, "fanout", without_version)
    }

    fn start(binary: &Path, package: &str, config: impl Fn(&str) -> String) -> Self {
        let emulator =
            Environment::prepare(&workspace::directory(), &|line| eprintln!("{line}")).unwrap().rie;
        let sqs = SqsStub::start().unwrap();
        let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("package-{package}"));
        fs::create_dir_all(&package).unwrap();
        // Written under another name first: tests run at the same time.
        let file = package.join("client-queues.toml");
        let draft = package.join(format!("{}.draft", sqs.endpoint_url().rsplit(':').next().unwrap()));
        let shipped = fs::read_to_string(workspace::root().join("client-queues.toml")).unwrap();
        fs::write(&draft, config(&shipped)).unwrap();
        fs::rename(&draft, &file).unwrap();
        let environment = [
            ("AWS_ENDPOINT_URL", &*sqs.endpoint_url()),
            ("LAMBDA_TASK_ROOT", package.to_str().unwrap()),
            // The function waits for passing faults to end until a part of this is over.
            ("AWS_LAMBDA_FUNCTION_TIMEOUT", "6"),
            ("ACCOUNT_ID", "123456789012"),
            ("PARTITION", "aws"),
        ];
        let rie = Rie::start(&emulator, binary, &environment).unwrap();
        Self { sqs, rie }
    }

    /// What the function answers, as JSON.
    fn invoke(&self, records: &[Value]) -> Value {
        let answer = self.rie.invoke(json!({ "Records": records }).to_string().as_bytes()).unwrap();
        serde_json::from_str(&answer).expect("JSON")
    }

    /// The ids of what is returned.
    fn returned(&self, records: &[Value]) -> Vec<String> {
        let answer = self.invoke(records);
        let failures = answer["batchItemFailures"]
            .as_array()
            .unwrap_or_else(|| panic!("{answer}\n{}", self.rie.output()));
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().expect("text").to_owned()).collect()
    }

    /// The bodies that a queue accepted, in order.
    fn accepted(&self, queue: &str) -> Vec<String> {
        self.sqs.accepted(queue).into_iter().map(|message| message.body).collect()
    }
}

fn client(name: &str) -> String {
    format!("MarkFanOutClient{name}.fifo")
}

/// A stream record of the companion's event table.
fn record(mark: &str, version: u32, number: u32) -> Value {
    json!({
        "eventID": format!("record{number}"),
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": { "mark": { "S": mark }, "createTime": { "S": format!("2026-11-20T10:00:{version:02}Z") } },
            "NewImage": {
                "mark": { "S": mark },
                "createTime": { "S": format!("2026-11-20T10:00:{version:02}Z") },
                "eventId": { "S": format!("{mark}-{version}") },
                "RegistrationNumber": { "M": { "version": { "N": version.to_string() }, "price": { "N": "299.90" } } },
            },
            "SequenceNumber": sequence_number(number),
            "StreamViewType": "NEW_IMAGE",
        },
    })
}

fn sequence_number(number: u32) -> String {
    format!("44215845000000000174504{number:05}")
}

/// A message of the fan-out queue: `a1` is the first of group `a`.
fn message(name: &str) -> Value {
    json!({
        "messageId": format!("id-{name}"),
        "receiptHandle": format!("handle-{name}"),
        "body": format!("{{\"name\":\"{name}\",\"nominee\":\"Nominee 17 – Größe\"}}"),
        "attributes": {
            "ApproximateReceiveCount": "3",
            "MessageGroupId": &name[..1],
            "MessageDeduplicationId": name,
        },
        "messageAttributes": { "eventId": { "stringValue": name, "dataType": "String" } },
    })
}

fn messages(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| message(name)).collect()
}

fn bodies(names: &[&str]) -> Vec<String> {
    messages(names).iter().map(|message| message["body"].as_str().expect("text").to_owned()).collect()
}

#[test]
fn the_release_binaries_need_nothing_that_lambda_has_not() {
    let harness::Functions { converter, fanout, catch_up } = harness::functions().unwrap();
    let release = converter.parent().expect("a directory");
    let checked =
        deploy::functions::built_elsewhere(release, deploy::settings::Architecture::X86_64).unwrap();
    let checked: Vec<PathBuf> = checked.into_iter().map(|built| built.binary).collect();
    assert_eq!(checked, [converter.clone(), fanout, catch_up]);
}

#[test]
fn converter_reports_the_lowest_unsent_record_and_keeps_other_groups_progress() {
    let converter = Emulated::converter();
    let records =
        [record("A", 1, 1), record("B", 1, 2), record("A", 2, 3), record("B", 2, 4), record("B", 3, 5)];
    // The first request carries A1 and B1; the second A2 and B2, whose first entry fails from then on.
    converter.sqs.once(FAN_OUT, Fault::Slow(Duration::ZERO));
    converter.sqs.always(FAN_OUT, Fault::Entry { index: 0, code: "InternalError", sender_fault: false });
    let returned = converter.returned(&records);
    assert_eq!(returned.len(), 1);
    let sent = converter.accepted(FAN_OUT).len();
    let position =
        records.iter().position(|record| record["dynamodb"]["SequenceNumber"] == *returned[0]).unwrap();

    converter.sqs.always(FAN_OUT, None);
    assert_eq!(converter.returned(&records[position..]), Vec::<String>::new());
    assert!(sent >= 2 && position >= 2, "the first request was accepted as a whole");
    for (group, expected) in [("A", vec![1, 2]), ("B", vec![1, 2, 3])] {
        let accepted = converter.sqs.accepted(FAN_OUT).into_iter().filter(|message| message.group == group);
        let versions: Vec<u64> = accepted
            .map(|message| serde_json::from_str::<Value>(&message.body).unwrap())
            .map(|body| body["RegistrationNumber"]["version"].as_u64().expect("a version"))
            .collect();
        assert_eq!(versions, expected, "group {group}: in order, and each once");
    }
    assert!(converter.accepted(FAN_OUT)[0].contains("\"price\":299.90"), "no digit was lost");
}

#[test]
fn converter_sends_a_letter_and_the_shard_goes_on() {
    let converter = Emulated::converter();
    let mut poison = record("A", 2, 2);
    poison["dynamodb"]["NewImage"]["price"] = json!({ "N": "one hundred" });
    assert_eq!(converter.returned(&[record("A", 1, 1), poison, record("A", 3, 3)]), Vec::<String>::new());
    assert_eq!(converter.accepted(FAN_OUT).len(), 2);
    let letter: Value = serde_json::from_str(&converter.accepted(REJECTED)[0]).unwrap();
    assert_eq!(letter["sequenceNumber"], sequence_number(2));
    assert!(letter["reason"].as_str().expect("text").contains("`price`"), "{letter}");
    assert!(!converter.rie.output().contains("one hundred"), "the log holds a value of the event");
}

#[test]
fn converter_returns_a_record_whose_letter_is_refused() {
    let converter = Emulated::converter();
    converter.sqs.always(REJECTED, Fault::DENIED);
    let mut poison = record("A", 2, 2);
    poison["dynamodb"]["NewImage"]["price"] = json!({ "X": "1" });
    assert_eq!(converter.returned(&[record("A", 1, 1), poison, record("B", 1, 3)]), [sequence_number(2)]);
}

#[test]
fn converter_fails_on_a_stream_without_new_images() {
    let converter = Emulated::converter();
    let mut record = record("A", 1, 1);
    record["dynamodb"]["StreamViewType"] = json!("KEYS_ONLY");
    let answer = converter.invoke(&[record]);
    assert!(answer["errorMessage"].as_str().expect("an error").contains("`KEYS_ONLY`"), "{answer}");
}

#[test]
fn passing_faults_cost_both_functions_only_time() {
    let faults = [
        Fault::THROTTLED,
        Fault::INTERNAL,
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::Unreadable,
        Fault::Unnamed { index: 0 },
        Fault::Entry { index: 1, code: "InternalError", sender_fault: false },
        Fault::Slow(Duration::from_millis(300)),
    ];
    let (converter, fanout) = (Emulated::converter(), Emulated::fanout());
    let mut number = 0;
    for fault in faults {
        number += 1;
        converter.sqs.once(FAN_OUT, fault.clone());
        let records = [record("A", number, 2 * number), record("B", number, 2 * number + 1)];
        assert_eq!(converter.returned(&records), Vec::<String>::new(), "{fault:?}");

        fanout.sqs.once(&client("Insurance"), fault.clone());
        let names = [format!("a{number}"), format!("b{number}")];
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(fanout.returned(&messages(&names)), Vec::<String>::new(), "{fault:?}");
    }
    assert_eq!(converter.accepted(FAN_OUT).len(), 2 * number as usize, "each once");
    for name in ["Billing", "Insurance", "Enforcement"] {
        assert_eq!(fanout.accepted(&client(name)).len(), 2 * number as usize, "client {name}: each once");
    }
}

#[test]
fn fanout_returns_what_a_client_did_not_take_and_hastens_it() {
    let fanout = Emulated::fanout();
    let names = ["a1", "b1", "a2", "b2"];
    fanout.sqs.always(&client("Insurance"), Fault::MISSING);
    assert_eq!(fanout.returned(&messages(&names)), ["id-a1", "id-b1", "id-a2", "id-b2"]);
    for name in ["Billing", "Enforcement"] {
        let mut accepted = fanout.accepted(&client(name));
        accepted.sort();
        let mut expected = bodies(&names);
        expected.sort();
        assert_eq!(accepted, expected, "client {name}");
    }
    assert_eq!(fanout.accepted(&client("Insurance")), Vec::<String>::new());
    assert_eq!(fanout.accepted(UNDELIVERED), Vec::<String>::new(), "its time is not over");
    let visibilities = fanout.sqs.visibilities(FAN_OUT);
    let times: Vec<u64> = visibilities.iter().map(|visibility| visibility.visibility_timeout).collect();
    assert_eq!(times, [4, 4, 4, 4], "the third receive: 1 s, doubled twice");
    assert_eq!(visibilities[0].receipt_handle, "handle-a1");

    fanout.sqs.always(&client("Insurance"), None);
    assert_eq!(fanout.returned(&messages(&names)), Vec::<String>::new());
    for name in ["Billing", "Insurance", "Enforcement"] {
        let accepted = fanout.sqs.accepted(&client(name));
        let of_group = |group: &str| {
            accepted
                .iter()
                .filter(|message| message.group == group)
                .map(|message| &*message.deduplication_id)
                .collect::<Vec<_>>()
        };
        assert_eq!((of_group("a"), of_group("b")), (vec!["a1", "a2"], vec!["b1", "b2"]), "client {name}");
    }
    assert!(!fanout.rie.output().contains("Nominee"), "the log holds a body");
}

#[test]
fn fanout_gives_a_client_up_whose_time_is_over() {
    let fanout = Emulated::fanout();
    fanout.sqs.always(&client("Billing"), Fault::DENIED);
    let mut old = message("a1");
    old["attributes"]["ApproximateFirstReceiveTimestamp"] = json!("1700000000000");
    assert_eq!(fanout.returned(&[old, message("a2")]), Vec::<String>::new());
    let undelivered = fanout.sqs.accepted(UNDELIVERED);
    let bodies_there: Vec<String> = undelivered.iter().map(|message| message.body.clone()).collect();
    assert_eq!(bodies_there, bodies(&["a1", "a2"]));
    assert_eq!(undelivered[0].group, "a");
    assert_eq!(undelivered[0].attributes["client"]["StringValue"], "Billing");
    assert!(
        undelivered[0].attributes["reason"]["StringValue"].as_str().expect("text").contains("AccessDenied")
    );
    // Remembered: the next message is not waited for.
    assert_eq!(fanout.returned(&messages(&["b1"])), Vec::<String>::new());
    assert_eq!(fanout.accepted(UNDELIVERED).len(), 3);
}
