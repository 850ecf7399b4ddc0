//! Dead letters as values: what stands in the rejected, undelivered and dead-letter queues, and how it is sent again.

mod choose;
mod confirm;
mod indent;
mod lane;
mod newer;
mod read;
mod replay;
#[cfg(test)]
pub(crate) mod samples;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;
use shared::config::ClientName;
use shared::message::Attribute;
use shared::place::OwnQueue;

pub use choose::{ChoiceError, choose, shortest};
pub use confirm::{Lookup, Standing, event_table, item_of_message, standing_of_message};
pub use indent::indented;
pub use lane::{Lane, OvertakeError, Seen, lane, newer_letters, overtakes_none};
pub use newer::{After, Newer, newer};
pub use read::{instant, version};
pub use replay::{Item, NotAccepted, ToConverter, ToFanOut, converted, fanned_out, item, replay_id};

/// A queue of letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LetterQueue {
    /// Letters about records that can never be converted or sent.
    Rejected,
    /// Messages that one client could not take.
    Undelivered,
    /// Messages that the fan-out cannot process at all.
    DeadLetter,
}

/// A message as SQS showed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The message's id.
    pub id: String,
    /// What this receipt of the message is known by.
    pub receipt_handle: String,
    /// The message's body.
    pub body: String,
    /// What SQS says of it: `MessageGroupId`, `SentTimestamp`, ….
    pub system: BTreeMap<String, String>,
    /// Its own attributes, by name.
    pub attributes: Vec<Attribute>,
}

/// What stands in a queue of letters.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Where.
    pub queue: LetterQueue,
    /// The message itself.
    pub message: Received,
    /// What is read in it.
    pub content: Content,
}

/// What is read in a letter.
#[derive(Clone, Debug)]
pub enum Content {
    /// A record that can never be converted or sent.
    Rejected(Box<Rejected>),
    /// An event's message that this client could not take.
    Undelivered {
        /// The client.
        client: ClientName,
        /// Why, as the fan-out says.
        reason: String,
    },
    /// An event's message that the fan-out could not process.
    DeadLetter,
    /// Not what the functions write there, and why not.
    Unreadable(String),
}

/// A letter about a record, as `shared::letter` writes it. What the converter did not know is `None`.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejected {
    /// Why the record was rejected.
    pub reason: String,
    /// The event's own id, or its stream record's.
    pub event_id: Option<String>,
    /// The item's keys, in DynamoDB's JSON.
    pub keys: Option<Box<RawValue>>,
    /// The ARN of the stream.
    pub stream: Option<String>,
    /// The record's place in the stream.
    pub sequence_number: Option<String>,
    /// The item as the stream showed it, in DynamoDB's JSON.
    pub image: Option<Box<RawValue>>,
    /// The whole record, if nothing of it could be read.
    pub record: Option<Box<RawValue>>,
}

impl LetterQueue {
    /// All of them, in the order in which letters are listed and sent again.
    pub const ALL: [Self; 3] = [Self::Rejected, Self::Undelivered, Self::DeadLetter];

    /// The template's output that holds the queue's ARN.
    pub fn output(self) -> &'static str {
        match self {
            Self::Rejected => "RejectedQueueARN",
            Self::Undelivered => "UndeliveredQueueARN",
            Self::DeadLetter => "DeadLetterQueueARN",
        }
    }

    /// The queue, in one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Undelivered => "undelivered",
            Self::DeadLetter => "dead-letter",
        }
    }
}

impl fmt::Display for LetterQueue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = match self {
            Self::Rejected => OwnQueue::Rejected,
            Self::Undelivered => OwnQueue::Undelivered,
            Self::DeadLetter => OwnQueue::DeadLetter,
        };
        queue.fmt(formatter)
    }
}
