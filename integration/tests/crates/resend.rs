//! A resend through the converter's binary, over the wire.

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

const CONFIG: &str = "\
[source]
partition_key = \"mark\"
sort_key = \"createTime\"
time = \"createTime\"
version = \"version\"

[[client]]
name = \"Billing\"

[[client]]
name = \"Search\"
";

fn start(name: &str, binary: &Path, sqs: &SqsStub) -> Function {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&package).unwrap();
    std::fs::write(package.join("client-queues.toml"), CONFIG).unwrap();
    let endpoint = sqs.endpoint_url();
    let variables = [
        ("LAMBDA_TASK_ROOT", package.to_str().unwrap()),
        ("PARTITION", "aws"),
        ("ACCOUNT_ID", "123456789012"),
        ("AWS_ENDPOINT_URL", &endpoint),
    ];
    Function::start(binary, &variables).unwrap()
}

fn invoke(function: &mut Function, payload: &Value) -> Outcome {
    function.invoke(payload.to_string(), Duration::from_secs(30)).unwrap()
}

/// The attribute `replay` of each message of a queue.
fn marks(sqs: &SqsStub, queue: &str) -> Vec<Value> {
    let accepted = sqs.accepted(queue).into_iter();
    accepted.map(|message| message.attributes["replay"]["StringValue"].clone()).collect()
}

#[test]
fn the_converter_answers_a_resend_record_by_record() {
    let sqs = SqsStub::start().unwrap();
    let mut converter = start("resend-converter", &functions().unwrap().converter, &sqs);
    let event = json!({
        "eventID": "c4ca4238a0b923820dcc509a6f75849b",
        "eventName": "INSERT",
        "dynamodb": {
            "NewImage": { "mark": { "S": "AFC F5" }, "createTime": { "S": "1" }, "version": { "N": "1" } },
            "StreamViewType": "NEW_IMAGE",
        },
    });
    let payload =
        json!({ "replay": "r-1", "Records": [event, { "eventName": "REMOVE", "dynamodb": {} }, 7] });
    for _ in 0..2 {
        let Outcome::Response(answer) = invoke(&mut converter, &payload) else { panic!("no answer") };
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(
            answer,
            json!({ "batchItemFailures": [], "results": [
                { "outcome": "sent", "reason": null },
                { "outcome": "skipped", "reason": "the item was deleted, which is no event" },
                { "outcome": "rejected", "reason": "not a stream record: byte 0 is not what DynamoDB writes there" },
            ] })
        );
    }
    let queues = [("MarkFanOutQueue.fifo", vec![json!("r-1")]), ("MarkFanOutRejected.fifo", vec![])];
    for (queue, expected) in queues {
        assert_eq!(marks(&sqs, queue), expected, "{queue}");
    }
}
