//! Sends a rejection's event again: the converter's payload, and the meaning of its answer.
//!
//! Only the functions' roles may send to the queues, so that the converter sends, and marks the message as a replay.
//! The ledger keeps the order: it repeats to every client what came after the event.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws::operator::items::{Item, Newer, version_of};
use aws::operator::table;
use serde_json::Value;
use serde_json::value::to_raw_value;
use shared::config::Source;
use shared::control::{
    ResendAnswer, ResendOutcome, ResendRequest, ResendResult, StreamChange, StreamRecord, TypedKey,
};
use shared::event::Reader;
use shared::ids::{DeduplicationId, ReplayId};

use super::Rejection;

/// The most characters of a replay's id that the functions take.
const REPLAY_ID_LIMIT: usize = 40;

/// The item that a rejection is about, in the table of the stack's stream.
///
/// # Errors
///
/// Why there is no item. The event can't be sent again then.
pub fn item(rejection: &Rejection, stack_stream: &str) -> Result<Item, String> {
    let content = rejection.content()?;
    let keys =
        content.keys.ok_or("the rejection names no item: not even the keys of its record could be read")?;
    let keys: BTreeMap<String, TypedKey> = serde_json::from_str(keys.get())
        .ok()
        .filter(|keys: &BTreeMap<_, _>| !keys.is_empty())
        .ok_or("the rejection's keys are not those of an item")?;
    let name = table::of_stream(stack_stream)?;
    // A stranger who can write to the rejected queue must not choose the table that events are read from.
    match &content.stream {
        Some(stream) if table::arn_of_stream(stream) != table::arn_of_stream(stack_stream) => {
            Err(format!("the rejection is about stream `{stream}`, which is not of the stack's event table"))
        }
        _ => Ok(Item { table: name.to_owned(), keys }),
    }
}

/// The query for the events that are newer than `image`, the item as the event table has it.
///
/// # Errors
///
/// Why there is no such query.
pub fn newer(item: &Item, image: &Value, source: Option<&Source>) -> Result<Newer, String> {
    let source = source.ok_or("there is no config to say how events are ordered")?;
    let name = &source.partition_key;
    let value = item.keys.get(name).ok_or_else(|| format!("the rejection has no key `{name}`"))?;
    let version = version_of(image, &source.version).ok_or("the event has no version")?;
    Ok(Newer { partition: (name.clone(), value.clone()), place: source.version.clone(), version })
}

/// Why the converter, if it has this `source`, would not send the event of `image`; `None` if it would.
pub fn why_no_event(source: &Source, image: &Value) -> Option<String> {
    match Reader::new(source).read_admitted(&image.to_string()) {
        Ok(Some(_)) => None,
        Ok(None) => Some("the filter in `[source]` does not admit the item as an event".to_owned()),
        Err(why) => Some(why.to_string()),
    }
}

/// The payload with which the converter sends the event of `image`, as if the stack's stream showed it now.
///
/// # Errors
///
/// Why there is no payload.
pub fn payload(rejection: &Rejection, stack_stream: &str, image: &Value) -> Result<String, String> {
    let (message_id, content) = (rejection.message.id.as_str(), rejection.content()?);
    let mut ids = [&content.event_id, &content.sequence_number].into_iter().flatten();
    let new_image = to_raw_value(image).map_err(|error| error.to_string())?;
    let record = StreamRecord {
        event_id: ids.find(|id| !id.is_empty()).map_or(message_id, String::as_str).into(),
        event_name: "INSERT".into(),
        event_source: "aws:dynamodb".into(),
        stream: stack_stream.into(),
        dynamodb: StreamChange {
            keys: content.keys,
            new_image: &new_image,
            sequence_number: content.sequence_number.as_deref().map(Cow::from),
            stream_view_type: "NEW_IMAGE".into(),
        },
    };
    let request = ResendRequest { replay: replay_id(message_id).into(), records: vec![record] };
    serde_json::to_string(&request).map_err(|error| error.to_string())
}

/// Whether the converter sent the event, by its `answer`.
///
/// # Errors
///
/// Why it did not.
pub fn sent(answer: &str) -> Result<(), String> {
    let not_understood = |why: &str| {
        format!("the converter's answer is not one to a replay: {why}; is it of another version?")
    };
    let answer: ResendAnswer =
        serde_json::from_str(answer).map_err(|error| not_understood(&error.to_string()))?;
    if !answer.batch_item_failures.is_empty() {
        return Err(not_understood("it returns the record, as if a queue had delivered it"));
    }
    let [ResendResult { outcome, reason }] = answer.results.as_slice() else {
        return Err(not_understood("it does not have exactly one result"));
    };
    let why = reason.as_deref().unwrap_or("it gives no reason");
    match outcome {
        ResendOutcome::Sent => Ok(()),
        ResendOutcome::Skipped => Err(format!("the converter skips it as no event: {why}")),
        ResendOutcome::Rejected => Err(format!("the converter rejects it again: {why}")),
        ResendOutcome::Unsent => Err(format!("the fan-out queue did not take it: {why}")),
    }
}

/// A replay's id, from the id of the rejection's message: a repeated resend has the same, and SQS drops it for five
/// minutes.
fn replay_id(message_id: &str) -> String {
    if ReplayId::try_new(message_id).is_ok() {
        return message_id.to_owned();
    }
    let digest = DeduplicationId::of_stream_record(message_id).derived("replay");
    digest.as_str().chars().take(REPLAY_ID_LIMIT).collect()
}

#[cfg(test)]
mod tests;
