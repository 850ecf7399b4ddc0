//! SQS: queues and their messages.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, MessageAttributeValue,
    MessageSystemAttributeName, QueueAttributeName,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use shared::message::{Attribute, AttributeValue, Message as SentMessage};

use super::{CallError, Target};

/// The most messages of one call (SQS: ReceiveMessage, ChangeMessageVisibilityBatch).
pub const BATCH_LIMIT: usize = 10;

/// Any wait asks all of the queue's servers.
pub const SHORT_WAIT: Duration = Duration::from_secs(1);

/// How much is in a queue; SQS calls both figures approximate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Messages that were not received yet, delayed ones included.
    pub messages: u64,
    /// Messages that were received and not deleted yet.
    pub in_flight: u64,
}

/// A message as SQS showed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The message's id.
    pub id: String,
    /// By which SQS knows this receipt of the message.
    pub receipt_handle: String,
    /// The message's body.
    pub body: String,
    /// SQS's own attributes: `MessageGroupId`, `SentTimestamp`, ….
    pub system: BTreeMap<String, String>,
    /// The sender's attributes, by name.
    pub attributes: Vec<Attribute>,
}

/// How much is in the queue at `url`.
///
/// # Errors
///
/// [`CallError`].
pub async fn depth(target: &Target, url: &str) -> Result<Depth, CallError> {
    let [visible, delayed, in_flight] = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    ];
    let names = vec![visible.clone(), delayed.clone(), in_flight.clone()];
    let call = target.sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(names));
    let answer = call.send().await.map_err(|error| CallError::new("GetQueueAttributes", url, &error))?;
    let attributes = answer.attributes.unwrap_or_default();
    let figure = |name| attributes.get(&name).and_then(|value| value.parse().ok()).unwrap_or(0_u64);
    Ok(Depth { messages: figure(visible) + figure(delayed), in_flight: figure(in_flight) })
}

/// Whether there is a queue called `name`.
///
/// # Errors
///
/// [`CallError`].
pub async fn exists(target: &Target, name: &str) -> Result<bool, CallError> {
    match target.sqs.get_queue_url().queue_name(name).send().await {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_queue_does_not_exist()) => {
            Ok(false)
        }
        Err(error) => Err(CallError::new("GetQueueUrl", name, &error)),
    }
}

/// The names, sorted, of the account's FIFO queues whose names begin with `prefix`.
///
/// # Errors
///
/// [`CallError`].
pub async fn fifo_names(target: &Target, prefix: &str) -> Result<Vec<String>, CallError> {
    // SQS tells whether there are more only if it is told how many to list.
    let call = target.sqs.list_queues().queue_name_prefix(prefix).max_results(1_000);
    let mut urls = call.into_paginator().items().send();
    let mut names = Vec::new();
    while let Some(url) = urls.next().await {
        let url = url.map_err(|error| CallError::new("ListQueues", &format!("{prefix}*"), &error))?;
        let name = url.rsplit('/').next().unwrap_or_default();
        if name.starts_with(prefix) && name.ends_with(".fifo") {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// All attributes of the queue at `url`, by SQS's names for them.
///
/// # Errors
///
/// [`CallError`].
pub async fn attributes(target: &Target, url: &str) -> Result<BTreeMap<String, String>, CallError> {
    let call = target.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
    let answer = call.send().await.map_err(|error| CallError::new("GetQueueAttributes", url, &error))?;
    let attributes = answer.attributes.unwrap_or_default().into_iter();
    Ok(attributes.map(|(name, value)| (name.as_str().to_owned(), value)).collect())
}

impl ReceivedMessage {
    /// SQS's own attribute called `name`.
    pub fn system(&self, name: &str) -> Option<&str> {
        self.system.get(name).map(String::as_str)
    }

    /// What orders the messages of a queue: numbers of twenty digits, compared as such.
    pub fn sequence(&self) -> (usize, &str) {
        let number = self.system("SequenceNumber").unwrap_or_default().trim_start_matches('0');
        (number.len(), number)
    }
}

impl Depth {
    /// All messages.
    pub fn total(self) -> u64 {
        self.messages + self.in_flight
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.total() == 0
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, in_flight } = self;
        let plural = if *messages == 1 { "" } else { "s" };
        write!(formatter, "{messages} message{plural} and {in_flight} in flight")
    }
}

/// Up to `count` messages of the queue at `url` (at most [`BATCH_LIMIT`]), waiting so long for the first. No other
/// receiver sees them for `invisible`, or for as long as the queue says. None if there are none that can be seen.
///
/// # Errors
///
/// [`CallError`].
pub async fn receive(
    target: &Target,
    url: &str,
    count: usize,
    wait: Duration,
    invisible: Option<Duration>,
) -> Result<Vec<ReceivedMessage>, CallError> {
    let call = target
        .sqs
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(i32::try_from(count.clamp(1, BATCH_LIMIT)).unwrap_or(1))
        .set_visibility_timeout(invisible.map(seconds))
        .wait_time_seconds(seconds(wait))
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All");
    let answer = call.send().await.map_err(|error| CallError::new("ReceiveMessage", url, &error))?;
    Ok(answer.messages.unwrap_or_default().into_iter().map(received).collect())
}

/// Sends `message` to the queue at `url`. A repetition within five minutes is swallowed.
///
/// # Errors
///
/// [`CallError`].
pub async fn send(target: &Target, url: &str, message: &SentMessage) -> Result<(), CallError> {
    let attributes = message.attributes().iter().filter_map(|attribute| {
        let value = MessageAttributeValue::builder().data_type(&attribute.data_type);
        let value = match &attribute.value {
            AttributeValue::Text(text) => value.string_value(text),
            AttributeValue::Base64(text) => value.binary_value(Blob::new(STANDARD.decode(text).ok()?)),
        };
        Some((attribute.name.clone(), value.build().ok()?))
    });
    let call = target.sqs.send_message().queue_url(url).message_group_id(message.group().as_str());
    let call = call.message_deduplication_id(message.deduplication_id().as_str());
    let call = call.message_body(message.body().text().unwrap_or_default());
    let sent = call.set_message_attributes(Some(attributes.collect())).send().await;
    sent.map(drop).map_err(|error| CallError::new("SendMessage", url, &error))
}

/// Hides the message of this receipt for `invisible` from now on.
///
/// # Errors
///
/// [`CallError`]; also if the receipt has expired, and another receiver may have the message.
pub async fn hide(target: &Target, url: &str, receipt: &str, invisible: Duration) -> Result<(), CallError> {
    let call = target.sqs.change_message_visibility().queue_url(url).receipt_handle(receipt);
    let answer = call.visibility_timeout(seconds(invisible)).send().await;
    answer.map(drop).map_err(|error| CallError::new("ChangeMessageVisibility", url, &error))
}

/// Makes the messages of these receipts visible again, in as many calls as it takes. Returns how many were not
/// changed: they come back by themselves.
pub async fn show(target: &Target, url: &str, receipts: &[String]) -> usize {
    let mut unchanged = 0;
    for receipts in receipts.chunks(BATCH_LIMIT) {
        let entries = receipts.iter().enumerate().filter_map(|(id, receipt)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id.to_string());
            entry.receipt_handle(receipt).visibility_timeout(0).build().ok()
        });
        let call = target.sqs.change_message_visibility_batch().queue_url(url);
        let call = call.set_entries(Some(entries.collect()));
        unchanged += match call.send().await {
            // What the answer does not name is not known to have changed.
            Ok(answer) => receipts.len().saturating_sub(answer.successful.len()),
            Err(_) => receipts.len(),
        };
    }
    unchanged
}

/// Deletes the messages of these receipts, at most [`BATCH_LIMIT`]. One that is not deleted comes again.
///
/// # Errors
///
/// [`CallError`] about the whole call.
pub async fn delete_all(target: &Target, url: &str, receipts: &[String]) -> Result<(), CallError> {
    let entries = receipts.iter().enumerate().filter_map(|(id, receipt)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id.to_string());
        entry.receipt_handle(receipt).build().ok()
    });
    let call = target.sqs.delete_message_batch().queue_url(url).set_entries(Some(entries.collect()));
    call.send().await.map(drop).map_err(|error| CallError::new("DeleteMessageBatch", url, &error))
}

/// Makes a queue called `name` with these attributes and tags. Returns whether that could be done: for 60 s after a
/// queue was deleted, SQS makes no other of its name (SQS API Reference, `CreateQueue`).
///
/// # Errors
///
/// [`CallError`].
pub async fn create(
    target: &Target,
    name: &str,
    attributes: &BTreeMap<String, String>,
    tags: &BTreeMap<String, String>,
) -> Result<bool, CallError> {
    let call = target.sqs.create_queue().queue_name(name).set_attributes(Some(named(attributes)));
    let tags = (!tags.is_empty()).then(|| tags.clone().into_iter().collect());
    match call.set_tags(tags).send().await {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_queue_deleted_recently()) => {
            Ok(false)
        }
        Err(error) => Err(CallError::new("CreateQueue", name, &error)),
    }
}

/// Gives the queue at `url` these attributes; an empty policy is none.
///
/// # Errors
///
/// [`CallError`].
pub async fn set_attributes(
    target: &Target,
    url: &str,
    attributes: &BTreeMap<String, String>,
) -> Result<(), CallError> {
    let call = target.sqs.set_queue_attributes().queue_url(url).set_attributes(Some(named(attributes)));
    call.send().await.map(drop).map_err(|error| CallError::new("SetQueueAttributes", url, &error))
}

/// Deletes the queue at `url`, with what is in it.
///
/// # Errors
///
/// [`CallError`].
pub async fn delete_queue(target: &Target, url: &str) -> Result<(), CallError> {
    let answer = target.sqs.delete_queue().queue_url(url).send().await;
    answer.map(drop).map_err(|error| CallError::new("DeleteQueue", url, &error))
}

/// Deletes the message of this receipt.
///
/// # Errors
///
/// [`CallError`]; also if the receipt has expired.
pub async fn delete(target: &Target, url: &str, receipt: &str) -> Result<(), CallError> {
    let answer = target.sqs.delete_message().queue_url(url).receipt_handle(receipt).send().await;
    answer.map(drop).map_err(|error| CallError::new("DeleteMessage", url, &error))
}

fn named(attributes: &BTreeMap<String, String>) -> HashMap<QueueAttributeName, String> {
    attributes.iter().map(|(name, value)| (QueueAttributeName::from(name.as_str()), value.clone())).collect()
}

fn received(message: Message) -> ReceivedMessage {
    let system = message.attributes.unwrap_or_default().into_iter();
    let mut attributes: Vec<Attribute> =
        message.message_attributes.unwrap_or_default().into_iter().filter_map(attribute).collect();
    attributes.sort_unstable_by(|left, right| left.name.cmp(&right.name));
    ReceivedMessage {
        id: message.message_id.unwrap_or_default(),
        receipt_handle: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        system: system.map(|(name, value)| (name.as_str().to_owned(), value)).collect(),
        attributes,
    }
}

/// `None` if it has no value, which SQS does not accept.
fn attribute((name, attribute): (String, MessageAttributeValue)) -> Option<Attribute> {
    let value = match (attribute.string_value, attribute.binary_value) {
        (Some(text), _) => AttributeValue::Text(text),
        (None, Some(bytes)) => AttributeValue::Base64(STANDARD.encode(bytes)),
        (None, None) => return None,
    };
    Some(Attribute { name, data_type: attribute.data_type, value })
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_ordered_by_their_numbers() {
        let message = |number: &str| {
            let system = [("SequenceNumber".to_owned(), number.to_owned())].into();
            ReceivedMessage { system, ..ReceivedMessage::default() }
        };
        let in_order = ["", "7", "0018850000000000000001", "18850000000000000002", "118850000000000000000"];
        for pair in in_order.windows(2) {
            assert!(message(pair[0]).sequence() < message(pair[1]).sequence(), "{pair:?}");
        }
    }
}
