//! The release binaries under AWS's own Runtime Interface Emulator, with a local SQS that fails on demand, and the
//! tables on MiniStack. This shows what MiniStack ignores: partial failures of the stream mapping above all.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use local::event;
use local::ministack::ACCOUNT;
use local::python::Environment;
use local::stack::Ground;
use local::tables::EVENTS;
use local::{workspace, write};
use serde_json::{Value, json};
use testkit::wire::rie::Rie;
use testkit::wire::sqs::{Fault, SqsStub};
use testkit::wire::tables::TablesStub;

use crate::support::{ground, make_ledger};

const FAN_OUT: &str = "MarkFanOutQueue.fifo";
const REJECTED: &str = "MarkFanOutRejected.fifo";
const LEDGER: &str = "Ledger";

/// A function under the emulator, and the SQS that it sends to.
struct Emulated {
    sqs: Arc<SqsStub>,
    rie: Rie,
}

/// Fan-out and catch-up under the emulator, with their tables.
struct Pipeline {
    ground: Ground,
    fanout: Emulated,
    catch_up: Emulated,
}

impl Pipeline {
    /// With a ledger that knows the clients.
    async fn start() -> Self {
        let ground = ground("emulator").await.unwrap();
        make_ledger(ground.connection(), LEDGER).await.unwrap();
        let sqs = Arc::new(SqsStub::start().unwrap());
        let functions = testkit::wire::shipped_functions().unwrap();
        let start = |binary, timeout| {
            Emulated::start(binary, Arc::clone(&sqs), timeout, ground.connection().endpoint())
        };
        let (fanout, catch_up) = (start(&functions.fanout, "6"), start(&functions.catch_up, "180"));
        let answer = catch_up.invoke(&json!({ "request": "maintenance" }));
        assert!(answer.get("clients").is_some(), "{answer}\n{}", catch_up.rie.output());
        Self { ground, fanout, catch_up }
    }

    /// Writes the events of these names to the event table.
    async fn append(&self, names: &[&str]) {
        let lines: Vec<String> = names.iter().map(|name| body(name)).collect();
        let (events, bad_lines) = event::read_lines(lines.join("\n").as_bytes());
        assert_eq!((events.len(), bad_lines), (names.len(), Vec::new()));
        let target = self.ground.connection().target(ACCOUNT);
        assert_eq!(write::write_all(&target, &events, &|_| ()).await.unwrap(), []);
    }
}

impl Emulated {
    fn converter() -> Self {
        let sqs = Arc::new(SqsStub::start().unwrap());
        let endpoint = sqs.endpoint_url();
        Self::start(&testkit::wire::shipped_functions().unwrap().converter, sqs, "6", &endpoint)
    }

    /// The function, with `timeout` in seconds. For a part of that time it waits for passing faults to end.
    fn start(binary: &Path, sqs: Arc<SqsStub>, timeout: &str, tables: &str) -> Self {
        let emulator =
            Environment::prepare(&workspace::directory(), &|line| eprintln!("{line}")).unwrap().rie;
        // Where the shipped `client-queues.toml` is.
        let package = workspace::root();
        let environment = [
            ("AWS_ENDPOINT_URL_SQS", &*sqs.endpoint_url()),
            ("AWS_ENDPOINT_URL_DYNAMODB", tables),
            ("LEDGER_TABLE", LEDGER),
            ("EVENT_TABLE", EVENTS),
            ("LAMBDA_TASK_ROOT", package.to_str().unwrap()),
            ("AWS_LAMBDA_FUNCTION_TIMEOUT", timeout),
            ("ACCOUNT_ID", "123456789012"),
            ("PARTITION", "aws"),
        ];
        let rie = Rie::start(&emulator, binary, &environment).unwrap();
        Self { sqs, rie }
    }

    /// The function's answer, as JSON.
    fn invoke(&self, payload: &Value) -> Value {
        let answer = self.rie.invoke(payload.to_string().as_bytes()).unwrap();
        serde_json::from_str(&answer).expect("JSON")
    }

    /// The ids of the records that the function returns.
    fn returned(&self, records: &[Value]) -> Vec<String> {
        let answer = self.invoke(&json!({ "Records": records }));
        let failures = answer["batchItemFailures"]
            .as_array()
            .unwrap_or_else(|| panic!("{answer}\n{}", self.rie.output()));
        failures.iter().map(|failure| text(&failure["itemIdentifier"])).collect()
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

/// A message of the fan-out queue: `a1` is the first of the mark `a`.
fn message(name: &str) -> Value {
    let (mark, version) = name.split_at(1);
    json!({
        "messageId": format!("id-{name}"),
        "receiptHandle": format!("handle-{name}"),
        "body": body(name),
        "attributes": {
            "ApproximateReceiveCount": "3",
            "SentTimestamp": "1795168810000",
            "MessageGroupId": mark,
            "MessageDeduplicationId": name,
        },
        "messageAttributes": {
            "eventId": { "stringValue": name, "dataType": "String" },
            "version": { "stringValue": version, "dataType": "Number" },
        },
    })
}

/// The event, as an item of the event table and as JSON.
fn body(name: &str) -> String {
    let (mark, version) = name.split_at(1);
    let (time, nominee) = (format!("2026-11-20T10:00:0{version}Z"), "Nominee 17 – Größe");
    format!(
        r#"{{"mark":"{mark}","createTime":"{time}","eventId":"{name}","RegistrationNumber":{{"version":{version},"nominee":"{nominee}"}}}}"#
    )
}

fn messages(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| message(name)).collect()
}

/// The names of the events of a mark that a queue accepted, in order.
fn events_of(sqs: &SqsStub, queue: &str, mark: &str) -> Vec<String> {
    let accepted = sqs.accepted(queue).into_iter().filter(|message| message.group == mark);
    accepted.map(|message| text(&message.attributes["eventId"]["StringValue"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

#[test]
fn the_release_binaries_need_nothing_that_lambda_has_not() {
    let testkit::wire::Functions { converter, fanout, catch_up } =
        testkit::wire::shipped_functions().unwrap();
    let release = converter.parent().expect("a directory");
    let checked =
        deploy::functions::built_elsewhere(release, deploy::settings::Architecture::X86_64).unwrap();
    let checked: Vec<PathBuf> = checked.into_iter().map(|built| built.binary).collect();
    let (push_http, push_aws) = (release.join("push-http"), release.join("push-aws"));
    assert_eq!(checked, [converter.clone(), fanout, catch_up, push_http, push_aws]);
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
fn converter_sends_a_rejection_and_the_shard_goes_on() {
    let converter = Emulated::converter();
    let mut poison = record("A", 2, 2);
    poison["dynamodb"]["NewImage"]["price"] = json!({ "N": "one hundred" });
    assert_eq!(converter.returned(&[record("A", 1, 1), poison, record("A", 3, 3)]), Vec::<String>::new());
    assert_eq!(converter.accepted(FAN_OUT).len(), 2);
    let rejection: Value = serde_json::from_str(&converter.accepted(REJECTED)[0]).unwrap();
    assert_eq!(rejection["sequenceNumber"], sequence_number(2));
    assert!(rejection["reason"].as_str().expect("text").contains("`price`"), "{rejection}");
    assert!(!converter.rie.output().contains("one hundred"), "the log holds a value of the event");
}

#[test]
fn converter_returns_a_record_whose_rejection_is_refused() {
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
    let answer = converter.invoke(&json!({ "Records": [record] }));
    assert!(answer["errorMessage"].as_str().expect("an error").contains("`KEYS_ONLY`"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_faults_cost_both_functions_only_time() {
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
    let (converter, pipeline) = (Emulated::converter(), Pipeline::start().await);
    let fanout = &pipeline.fanout;
    let appended: Vec<String> =
        (1..=faults.len()).flat_map(|version| ["a", "b"].map(|mark| format!("{mark}{version}"))).collect();
    pipeline.append(&appended.iter().map(String::as_str).collect::<Vec<_>>()).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn fanout_records_that_a_client_is_behind_and_catch_up_brings_it_up_to_date() {
    let pipeline = Pipeline::start().await;
    let Pipeline { fanout, catch_up, .. } = &pipeline;
    let names = ["a1", "b1", "a2", "b2"];
    pipeline.append(&names).await;

    let has_everything = |name: &str| {
        let of = |mark| events_of(&fanout.sqs, &client(name), mark);
        assert_eq!(
            (of("a"), of("b")),
            (vec!["a1".into(), "a2".into()], vec!["b1".into(), "b2".into()]),
            "{name}"
        );
    };
    fanout.sqs.always(&client("Insurance"), Fault::MISSING);
    assert_eq!(fanout.returned(&messages(&names)), Vec::<String>::new());
    ["Billing", "Enforcement"].into_iter().for_each(has_everything);
    assert_eq!(fanout.accepted(&client("Insurance")), Vec::<String>::new());

    fanout.sqs.always(&client("Insurance"), None);
    let answer = catch_up.invoke(&json!({ "request": "catchUp", "client": "Insurance" }));
    assert_eq!(answer["behind"], 0, "{answer}\n{}", catch_up.rie.output());
    ["Billing", "Insurance", "Enforcement"].into_iter().for_each(has_everything);
    for function in [fanout, catch_up] {
        assert!(!function.rie.output().contains("Nominee"), "the log holds a body");
    }
}

#[test]
fn fanout_returns_messages_while_the_ledger_fails_and_shortens_their_visibility() {
    let (sqs, tables) = (Arc::new(SqsStub::start().unwrap()), TablesStub::start([]).unwrap());
    let fanout = Emulated::start(
        &testkit::wire::shipped_functions().unwrap().fanout,
        sqs,
        "6",
        &tables.endpoint_url(),
    );
    let names = ["a1", "b1", "a2", "b2"];
    assert_eq!(fanout.returned(&messages(&names)), ["id-a1", "id-b1", "id-a2", "id-b2"]);
    for name in ["Billing", "Insurance", "Enforcement"] {
        assert_eq!(fanout.accepted(&client(name)), Vec::<String>::new(), "client {name}");
    }
    let visibilities = fanout.sqs.visibilities(FAN_OUT);
    let times: Vec<u64> = visibilities.iter().map(|visibility| visibility.visibility_timeout).collect();
    assert_eq!(times, [4, 4, 4, 4], "the third receive: 1 s, doubled twice");
    assert_eq!(visibilities[0].receipt_handle, "handle-a1");
    assert!(!fanout.rie.output().contains("Nominee"), "the log holds a body");
}
