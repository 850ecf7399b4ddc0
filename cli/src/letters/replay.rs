//! How a letter's event is sent again: what the functions are invoked with, and what their answers mean.
//!
//! Only the functions' roles may send to the queues, so they send, and mark what they send as a replay.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use shared::config::ClientName;
use shared::ids::{DeduplicationId, ReplayId};
use shared::message::AttributeValue;

use super::{Received, Rejected};

/// The most characters of a replay's id that the functions take.
const REPLAY_ID_LIMIT: usize = 40;

/// The item that a letter is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The event table's name.
    pub table: String,
    /// The item's keys, in DynamoDB's JSON.
    pub keys: BTreeMap<String, Value>,
}

/// An item for the converter, as if its stream showed it now.
#[derive(Clone, Copy, Debug)]
pub struct ToConverter<'l> {
    /// The letter's message.
    pub message_id: &'l str,
    /// The letter.
    pub letter: &'l Rejected,
    /// The ARN of the stack's stream.
    pub stream: &'l str,
    /// The item, in DynamoDB's JSON.
    pub image: &'l RawValue,
    /// `INSERT` or `MODIFY`: a change that is an event.
    pub change: &'l str,
}

/// A message for the fan-out, as if the fan-out queue delivered it now.
#[derive(Clone, Copy, Debug)]
pub struct ToFanOut<'l> {
    /// The message.
    pub message: &'l Received,
    /// The only client that it is for.
    pub client: Option<&'l ClientName>,
    /// The ARN of the fan-out queue.
    pub queue_arn: &'l str,
}

/// Why a function did not send an event again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotAccepted {
    /// Why.
    pub reason: String,
    /// Whether a later attempt can go better though nobody changes the event: then nothing of its group may pass it.
    pub is_passing: bool,
}

/// A replay's id, of the letter's message: a repeated retry has the same, so that SQS drops it for five minutes.
pub fn replay_id(message_id: &str) -> String {
    if ReplayId::try_new(message_id).is_ok() {
        return message_id.to_owned();
    }
    let digest = DeduplicationId::of_stream_record(message_id).derived("replay");
    digest.as_str().chars().take(REPLAY_ID_LIMIT).collect()
}

/// The item that a letter is about, in the table of the stack's stream.
///
/// # Errors
///
/// Why there is none: a letter can't be retried then.
pub fn item(letter: &Rejected, stack_stream: &str) -> Result<Item, String> {
    let Some(keys) = &letter.keys else {
        return Err("the letter names no item: not even the keys of its record could be read".to_owned());
    };
    let keys: BTreeMap<String, Value> = serde_json::from_str(keys.get())
        .ok()
        .filter(|keys: &BTreeMap<_, _>| !keys.is_empty() && keys.values().all(is_key))
        .ok_or("the letter's keys are not those of an item")?;
    let table = |stream: &str| stream.split_once("/stream/").map(|(table, _)| table.to_owned());
    let stack_table = table(stack_stream)
        .ok_or_else(|| format!("the stack's stream `{stack_stream}` is not that of a table"))?;
    // Whoever can write to the rejected queue must not choose what is read as an event.
    if let Some(stream) =
        letter.stream.as_deref().filter(|stream| table(stream).as_ref() != Some(&stack_table))
    {
        return Err(format!(
            "the letter is about stream `{stream}`, which is not of the stack's event table"
        ));
    }
    let name = stack_table.rsplit_once('/').map(|(_, name)| name.to_owned());
    Ok(Item { table: name.ok_or("the stack's stream names no table")?, keys })
}

/// Whether this is a typed value that a key can have.
fn is_key(value: &Value) -> bool {
    let Some(value) = value.as_object().filter(|value| value.len() == 1) else { return false };
    ["S", "N", "B"].iter().any(|tag| value.get(*tag).is_some_and(|value| value.is_string()))
}

impl ToConverter<'_> {
    /// What the converter is invoked with.
    pub fn payload(&self) -> String {
        let letter = self.letter;
        let mut ids = [letter.event_id.as_deref(), letter.sequence_number.as_deref()].into_iter().flatten();
        let record = StreamRecord {
            event_id: ids.find(|id| !id.is_empty()).unwrap_or(self.message_id),
            event_name: self.change,
            event_source: "aws:dynamodb",
            stream: self.stream,
            dynamodb: Change {
                keys: letter.keys.as_deref(),
                new_image: self.image,
                sequence_number: letter.sequence_number.as_deref(),
                stream_view_type: "NEW_IMAGE",
            },
        };
        text(&Replay { replay: replay_id(self.message_id), clients: None, records: [record] })
    }
}

impl ToFanOut<'_> {
    /// What the fan-out is invoked with.
    pub fn payload(&self) -> String {
        let message = self.message;
        let attributes = message.attributes.iter().map(|attribute| {
            let (string_value, binary_value) = match &attribute.value {
                AttributeValue::Text(text) => (Some(text.as_str()), None),
                AttributeValue::Base64(base64) => (None, Some(base64.as_str())),
            };
            let data_type = attribute.data_type.as_str();
            (attribute.name.as_str(), MessageAttribute { data_type, string_value, binary_value })
        });
        let record = SqsRecord {
            message_id: &message.id,
            body: &message.body,
            attributes: &message.system,
            message_attributes: attributes.collect(),
            event_source: "aws:sqs",
            queue_arn: self.queue_arn,
        };
        let clients = self.client.map(|client| [client.as_str()]);
        text(&Replay { replay: replay_id(&message.id), clients, records: [record] })
    }
}

/// Whether the converter sent the event.
///
/// # Errors
///
/// Why not.
pub fn converted(answer: &str) -> Result<(), NotAccepted> {
    let answer: Answer<Converted> = understood("converter", answer)?;
    let [Converted { outcome, reason }] = answer.results.as_slice() else {
        return Err(not_understood("converter", "it tells of another number of records than the one sent"));
    };
    let why = reason.as_deref().unwrap_or("it gives no reason");
    let not_accepted = |reason, is_passing| Err(NotAccepted { reason, is_passing });
    match outcome {
        Conversion::Sent => Ok(()),
        Conversion::Skipped => not_accepted(format!("the converter skips it as no event: {why}"), false),
        Conversion::Rejected => not_accepted(format!("the converter rejects it again: {why}"), false),
        Conversion::Unsent => not_accepted(format!("the fan-out queue did not take it: {why}"), true),
    }
}

/// Whether the fan-out sent the message to `client`, or to all.
///
/// # Errors
///
/// Who did not take it, and why.
pub fn fanned_out(answer: &str, client: Option<&ClientName>) -> Result<(), NotAccepted> {
    let answer: Answer<FannedOut> = understood("fan-out", answer)?;
    let is_meant = |result: &FannedOut| client.is_none_or(|client| result.client == client.as_str());
    if answer.results.is_empty() || !answer.results.iter().all(is_meant) {
        return Err(not_understood("fan-out", "it does not tell of the clients that were meant"));
    }
    if answer.results.iter().any(|result| result.accepted.len() != 1) {
        return Err(not_understood("fan-out", "it tells of another number of messages than the one sent"));
    }
    let (taken, refused): (Vec<_>, Vec<_>) =
        answer.results.iter().partition(|result| result.accepted == [true]);
    if refused.is_empty() {
        return Ok(());
    }
    let refusals = refused.iter().map(|result| {
        let why = result.reason.as_deref().unwrap_or("it gives no reason");
        format!("`{}` did not take it: {why}", result.client)
    });
    let mut reason = refusals.collect::<Vec<_>>().join("; ");
    if !taken.is_empty() {
        let taken = taken.iter().map(|result| format!("`{}`", result.client)).collect::<Vec<_>>();
        reason += &format!("; {} took it, and gets it twice if it is retried later", taken.join(", "));
    }
    Err(NotAccepted { reason, is_passing: true })
}

fn understood<'a, R: Deserialize<'a>>(function: &str, answer: &'a str) -> Result<Answer<R>, NotAccepted> {
    let read = serde_json::from_str::<Answer<R>>(answer);
    let answer = read.map_err(|error| not_understood(function, &error.to_string()))?;
    if !answer.batch_item_failures.is_empty() {
        return Err(not_understood(function, "it returns the record, as if a queue had delivered it"));
    }
    Ok(answer)
}

fn not_understood(function: &str, why: &str) -> NotAccepted {
    let reason = format!("the {function}'s answer is not that to a replay: {why}; is it of another version?");
    NotAccepted { reason, is_passing: true }
}

/// Borrowed texts and JSON: writing them cannot fail.
fn text(payload: &impl Serialize) -> String {
    serde_json::to_string(payload).unwrap_or_default()
}

#[derive(Serialize)]
struct Replay<'p, R> {
    replay: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    clients: Option<[&'p str; 1]>,
    #[serde(rename = "Records")]
    records: [R; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StreamRecord<'p> {
    #[serde(rename = "eventID")]
    event_id: &'p str,
    event_name: &'p str,
    event_source: &'p str,
    #[serde(rename = "eventSourceARN")]
    stream: &'p str,
    dynamodb: Change<'p>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Change<'p> {
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<&'p RawValue>,
    new_image: &'p RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_number: Option<&'p str>,
    stream_view_type: &'p str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SqsRecord<'p> {
    message_id: &'p str,
    body: &'p str,
    attributes: &'p BTreeMap<String, String>,
    message_attributes: BTreeMap<&'p str, MessageAttribute<'p>>,
    event_source: &'p str,
    #[serde(rename = "eventSourceARN")]
    queue_arn: &'p str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageAttribute<'p> {
    data_type: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_value: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_value: Option<&'p str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<R> {
    batch_item_failures: Vec<IgnoredAny>,
    results: Vec<R>,
}

#[derive(Deserialize)]
struct Converted {
    outcome: Conversion,
    reason: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Conversion {
    Sent,
    Skipped,
    Rejected,
    Unsent,
}

#[derive(Deserialize)]
struct FannedOut {
    client: String,
    accepted: Vec<bool>,
    reason: Option<String>,
}

#[cfg(test)]
mod tests;
