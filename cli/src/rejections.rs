//! Rejections as values: what stands in the rejected queue, and how its event is sent again.

mod choose;
mod indent;
mod read;
mod resend;
#[cfg(test)]
pub(crate) mod samples;

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use shared::message::Attribute;

pub use choose::{ChoiceError, choose, shortest};
pub use indent::indented;
pub use read::version;
pub use resend::{Item, Lookup, Newer, item, newer, not_sent, payload};

/// A message as SQS showed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
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

/// A message of the rejected queue.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// The message itself.
    pub message: Received,
    /// Its body, read; or why it is not what the functions write there.
    pub content: Result<Box<Content>, String>,
}

/// The body of a rejection, as `shared::rejection` writes it. A function leaves out what it does not know.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Why the record was rejected.
    pub reason: String,
    /// The event's own id, or its stream record's.
    pub event_id: Option<String>,
    /// The item's keys, in DynamoDB's JSON.
    pub keys: Option<Box<RawValue>>,
    /// The ARN of the stream.
    pub stream: Option<String>,
    /// The record's position in the stream.
    pub sequence_number: Option<String>,
    /// The item as the stream showed it, in DynamoDB's JSON.
    pub image: Option<Box<RawValue>>,
    /// The whole record, if nothing of it could be read.
    pub record: Option<Box<RawValue>>,
}
