//! Rejections as values: what stands in the rejected queue, and how its event is sent again.

mod choose;
mod indent;
mod read;
mod resend;
#[cfg(test)]
pub(crate) mod samples;

use std::collections::BTreeMap;

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
    /// The message itself; [`content`](Self::content) reads it.
    pub message: Received,
}
