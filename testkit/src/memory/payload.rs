//! What Lambda's mapping of a queue invokes a function with.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "in tests a panic is the report")]

use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use shared::message::AttributeValue;

use super::Received;

/// The payload of a batch of the queue with this ARN, as Lambda's SQS mapping makes it. `id` gives each message's id.
pub fn payload(queue_arn: &str, batch: &[Received], id: impl Fn(&Received) -> String) -> Box<RawValue> {
    let records: Vec<serde_json::Value> =
        batch.iter().map(|received| record(queue_arn, received, &id(received))).collect();
    to_raw_value(&json!({ "Records": records })).expect("JSON")
}

fn record(queue_arn: &str, received: &Received, id: &str) -> serde_json::Value {
    let message = &received.message;
    let attributes = message.attributes.iter().map(|attribute| {
        let value = match &attribute.value {
            AttributeValue::Text(text) => json!({ "stringValue": text, "dataType": attribute.data_type }),
            AttributeValue::Base64(text) => json!({ "binaryValue": text, "dataType": attribute.data_type }),
        };
        (attribute.name.clone(), value)
    });
    let mut record = json!({
        "messageId": id,
        "receiptHandle": received.receipt.to_string(),
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": received.receive_count.to_string(),
            "ApproximateFirstReceiveTimestamp": received.first_received.as_millis().to_string(),
            "SequenceNumber": message.sequence.to_string(),
            "SentTimestamp": message.at.as_millis().to_string(),
            "MessageGroupId": message.group.as_str(),
            "MessageDeduplicationId": message.deduplication_id.as_str(),
        },
        "messageAttributes": attributes.collect::<serde_json::Map<_, _>>(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
    });
    if let Some(trace_header) = &message.trace_header {
        record["attributes"]["AWSTraceHeader"] = json!(trace_header);
    }
    record
}
