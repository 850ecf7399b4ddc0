//! The obvious converter, beside which `benches/converter.rs` measures the real one: typed records, each image through
//! `serde_dynamo` into a JSON tree and out, ten messages to a request by the SDK's builders.
//!
//! It changes numbers of more than 17 digits, fails on binary values, and takes what a queue refused for sent.

#[path = "support/client.rs"]
mod client;

use aws::lambda;
use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::DynamoDbEventResponse;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use shared::naming::OwnQueue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let queue = lambda::naming()?.own_queue(OwnQueue::FanOut);
    let sqs = client::sqs()?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        for (number, records) in event.payload.records.chunks(10).enumerate() {
            let entries =
                records.iter().enumerate().map(|(index, record)| entry(10 * number + index, record));
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            sqs.send_message_batch().queue_url(queue.as_str()).set_entries(Some(entries)).send().await?;
        }
        Ok::<_, Error>(DynamoDbEventResponse::default())
    }))
    .await
}

fn entry(number: usize, record: &EventRecord) -> Result<SendMessageBatchRequestEntry, Error> {
    let event: Value = serde_dynamo::from_item(record.change.new_image.clone())?;
    let text = |pointer: &str| match event.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let streamed = record.change.approximate_creation_date_time.timestamp_millis().to_string();
    let mut entry = SendMessageBatchRequestEntry::builder()
        .id(number.to_string())
        .message_body(event.to_string())
        .message_group_id(text("/mark").replace(' ', "%20"))
        .message_deduplication_id(text("/eventId"));
    for (name, data_type, value) in [
        ("eventId", "String", text("/eventId")),
        ("eventName", "String", text("/eventName")),
        ("eventTime", "String", text("/createTime")),
        ("version", "Number", text("/RegistrationNumber/version")),
        ("streamedAt", "Number", streamed),
    ] {
        let value = MessageAttributeValue::builder().data_type(data_type).string_value(value).build()?;
        entry = entry.message_attributes(name, value);
    }
    Ok(entry.build()?)
}
