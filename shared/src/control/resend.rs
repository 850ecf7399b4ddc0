//! Rejected events that the converter is asked to send again.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What the converter is asked: each record is one of its stream, as if that showed it now.
///
/// `fanoutctl` makes [`StreamRecord`]s. The converter takes them as they come, [raw](RawValue), because it reads each
/// by itself: one that is damaged spoils no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "R: Deserialize<'de>, 'de: 'p"))]
pub struct ResendRequest<'p, R> {
    /// The resend's id, a [`ReplayId`](crate::ids::ReplayId). Within five minutes an event is sent once under it.
    #[serde(borrow)]
    pub replay: Cow<'p, str>,
    /// The records.
    #[serde(rename = "Records")]
    pub records: Vec<R>,
}

/// A stream record, as a DynamoDB stream mapping delivers it, with what a resend needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamRecord<'p> {
    /// The record's id; not empty.
    #[serde(rename = "eventID", borrow)]
    pub event_id: Cow<'p, str>,
    /// `INSERT`, say.
    #[serde(borrow)]
    pub event_name: Cow<'p, str>,
    /// `aws:dynamodb`.
    #[serde(borrow)]
    pub event_source: Cow<'p, str>,
    /// The ARN of the stream.
    #[serde(rename = "eventSourceARN", borrow)]
    pub stream: Cow<'p, str>,
    /// The item.
    #[serde(borrow)]
    pub dynamodb: StreamChange<'p>,
}

/// What a stream record says of its item, in DynamoDB's JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamChange<'p> {
    /// The item's keys.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub keys: Option<&'p RawValue>,
    /// The item as it is.
    #[serde(borrow)]
    pub new_image: &'p RawValue,
    /// The record's place in the stream.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<Cow<'p, str>>,
    /// `NEW_IMAGE`.
    #[serde(borrow)]
    pub stream_view_type: Cow<'p, str>,
}

/// What the converter answers to a [`ResendRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResendAnswer {
    /// Empty: nothing is delivered again.
    pub batch_item_failures: Vec<serde_json::Value>,
    /// What became of each record, in order.
    pub results: Vec<ResendResult>,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResendResult {
    /// What, in a word.
    pub outcome: ResendOutcome,
    /// Why it was not sent.
    pub reason: Option<String>,
}

/// What became of a record, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResendOutcome {
    /// The fan-out queue accepted its message.
    Sent,
    /// It is no event.
    Skipped,
    /// It can never be converted or sent.
    Rejected,
    /// Its message was not accepted, but may be another time.
    Unsent,
}

impl ResendResult {
    /// The message was sent.
    pub fn sent() -> Self {
        Self { outcome: ResendOutcome::Sent, reason: None }
    }

    /// It was not, for this reason.
    pub fn not_sent(outcome: ResendOutcome, reason: impl Into<String>) -> Self {
        Self { outcome, reason: Some(reason.into()) }
    }
}
