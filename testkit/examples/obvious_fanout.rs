//! The obvious fan-out, beside which `benches/fanout.rs` measures the real one: typed events, each body parsed, and a
//! request by the SDK's builders for each client, all clients at the same time.
//!
//! It keeps order only while nothing fails, and takes at most ten messages, as the mapping delivers them.

#[path = "support/client.rs"]
mod client;

use std::collections::BTreeSet;

use aws::lambda;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage, SqsMessageAttribute};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use futures_util::future::join_all;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

struct Message {
    id: String,
    group: String,
    deduplication_id: String,
    event: Value,
    attributes: Vec<(String, SqsMessageAttribute)>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let naming = lambda::naming()?;
    let config = lambda::config(&naming)?;
    let queues: Vec<String> =
        config.clients.iter().map(|client| client.queue_url(&naming).as_str().to_owned()).collect();
    let sqs = client::sqs()?;
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| fan_out(&sqs, &queues, event.payload)))
        .await
}

async fn fan_out(sqs: &Client, queues: &[String], event: SqsEvent) -> Result<SqsBatchResponse, Error> {
    let messages = event.records.into_iter().map(Message::try_from).collect::<Result<Vec<_>, _>>()?;
    let sends = queues.iter().map(|queue| send(sqs, queue, &messages));
    let mut failed = BTreeSet::new();
    for result in join_all(sends).await {
        failed.extend(result?);
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed
        .into_iter()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    Ok(response)
}

/// Sends all messages to one queue. Returns the ids of those that it did not take.
async fn send(sqs: &Client, queue: &str, messages: &[Message]) -> Result<Vec<String>, Error> {
    let entries = messages.iter().enumerate().map(|(index, message)| message.entry(index));
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    let answer = sqs.send_message_batch().queue_url(queue).set_entries(Some(entries)).send().await?;
    let failed = answer.failed().iter().filter_map(|entry| messages.get(entry.id().parse::<usize>().ok()?));
    Ok(failed.map(|message| message.id.clone()).collect())
}

impl Message {
    fn entry(&self, index: usize) -> Result<SendMessageBatchRequestEntry, Error> {
        let mut entry = SendMessageBatchRequestEntry::builder()
            .id(index.to_string())
            .message_body(self.event.to_string())
            .message_group_id(&self.group)
            .message_deduplication_id(&self.deduplication_id);
        for (name, attribute) in &self.attributes {
            let value = MessageAttributeValue::builder()
                .set_data_type(attribute.data_type.clone())
                .set_string_value(attribute.string_value.clone())
                .set_binary_value(attribute.binary_value.as_ref().map(|value| Blob::new(value.0.clone())))
                .build()?;
            entry = entry.message_attributes(name, value);
        }
        Ok(entry.build()?)
    }
}

impl TryFrom<SqsMessage> for Message {
    type Error = Error;

    fn try_from(mut message: SqsMessage) -> Result<Self, Error> {
        Ok(Self {
            id: message.message_id.ok_or("no `messageId`")?,
            group: message.attributes.remove("MessageGroupId").ok_or("no `MessageGroupId`")?,
            deduplication_id: message
                .attributes
                .remove("MessageDeduplicationId")
                .ok_or("no `MessageDeduplicationId`")?,
            event: serde_json::from_str(message.body.as_deref().ok_or("no `body`")?)?,
            attributes: message.message_attributes.into_iter().collect(),
        })
    }
}
