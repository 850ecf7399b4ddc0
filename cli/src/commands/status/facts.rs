//! What is known of the queues at a moment.

use std::collections::BTreeMap;

use shared::config::QueueArn;
use shared::place::OwnQueue;

use crate::aws::CallError;

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
}

/// What is known of a queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Whose it is.
    pub whose: Whose,
    /// Its ARN.
    pub arn: QueueArn,
    /// Its attributes, by SQS's names.
    pub attributes: Result<BTreeMap<String, String>, CallError>,
    /// The age of its oldest message, in seconds.
    pub oldest: Figure,
}

/// Whose a queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The stack's.
    Stack(OwnQueue),
    /// A client's, by its name; by its queue's name if the client's isn't known.
    Client(String),
}

/// A metric's newest figure, or why there is none.
pub type Figure = Result<f64, String>;
