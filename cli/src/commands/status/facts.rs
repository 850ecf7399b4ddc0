//! What is known of the queues at a moment.

use std::collections::BTreeMap;

use deploy::stack::Whose;
use shared::config::QueueArn;
use shared::time::Timestamp;

use crate::aws::CallError;
use crate::standing::Served;

/// What is known at a moment.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The stack's name.
    pub stack: String,
    /// Its account.
    pub account: String,
    /// The stack's own queues, then the clients' in the order of the config.
    pub queues: Vec<Queue>,
    /// How old the newest record was that the converter read, in milliseconds.
    pub iterator_age: Figure,
    /// Who is served, by their names, as the ledger says; nothing if the stack has none.
    pub clients: Option<Result<Vec<Served>, CallError>>,
    /// The moment.
    pub now: Timestamp,
}

/// What is known of a queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Whose it is: a client's by its name, or by its queue's if that isn't known.
    pub whose: Whose,
    /// Its ARN.
    pub arn: QueueArn,
    /// Its attributes, by SQS's names.
    pub attributes: Result<BTreeMap<String, String>, CallError>,
    /// The age of its oldest message, in seconds.
    pub oldest: Figure,
}

/// A metric's newest figure, or why there is none.
pub type Figure = Result<f64, String>;
