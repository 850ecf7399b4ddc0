//! `client-queues.toml`: the one file that an operator edits.
//!
//! Parse ([`parse`]), then validate into [`Config`]; only a [`Config`] can be used.

mod parse;
mod validate;

use std::collections::BTreeSet;

/// A valid configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where events come from and what they are made of.
    pub source: Source,
    /// Who receives them; at least one, in the order of the file.
    pub clients: Vec<Client>,
    /// How many requests to one queue may be in flight at once.
    pub requests_in_flight: usize,
}

/// The event table, and which of its attributes mean what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The attribute that is the table's partition key.
    pub partition_key: String,
    /// The attribute that is the table's sort key, if it has one.
    pub sort_key: Option<String>,
    /// The attribute that holds the aggregate's key. An event without it is rejected.
    pub group: String,
    /// The attribute that holds the event's own id. If it is named here, an event without it is rejected.
    pub id: Option<String>,
    /// The attribute that holds the event's name.
    pub name: Option<String>,
    /// The attribute that holds the event's time.
    pub time: Option<String>,
    /// Where the event's number inside its aggregate is. If it is named here, an event without it is rejected.
    pub version: Option<Path>,
    /// Which changes of the table are events.
    pub changes: Changes,
}

/// The way to an attribute, from the item inwards: `RegistrationNumber.version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub Vec<String>);

/// Which changes of the table are events. A removal never is: the stream shows no new image of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changes {
    /// New items.
    pub insert: bool,
    /// Items written over.
    pub modify: bool,
}

/// A team that receives events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// What the client is called in logs, metrics and queue names.
    pub name: ClientName,
    /// Where its events go.
    pub queue: ClientQueue,
}

/// A client's name: `^[A-Za-z][A-Za-z0-9]{0,39}$`, because it becomes part of a CloudFormation logical id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientName(String);

/// A client's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientQueue {
    /// Made by the stack.
    Own,
    /// Existing, perhaps in another account.
    Existing(QueueArn),
}

/// The ARN of an SQS FIFO queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueueArn {
    /// `aws`, ….
    pub partition: String,
    /// `eu-west-2`, ….
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// Ends in `.fifo`.
    pub name: String,
}

impl ClientName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
