//! What is known of the queues at a moment.

use std::collections::BTreeMap;

use aws::operator::CallError;
use deploy::stack::Whose;
use shared::naming::QueueArn;
use shared::time::Timestamp;

use crate::client_status::ClientStatus;

/// What is known at a moment.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The stack's name.
    pub(super) stack: String,
    /// The stack's own queues, then the clients' in the order of the config.
    pub(super) queues: Vec<Queue>,
    /// How old the newest record was that the converter read, in milliseconds.
    pub(super) iterator_age: Figure,
    /// The clients that are served, by their names, as the ledger says.
    pub(super) clients: Result<Vec<ClientStatus>, CallError>,
    /// The moment.
    pub(super) now: Timestamp,
}

/// What is known of a queue.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// Whose it is: a client's by its name, or by its queue's if that isn't known.
    pub(super) whose: Whose,
    /// Its ARN.
    pub(super) arn: QueueArn,
    /// Its attributes, by SQS's names.
    pub(super) attributes: Result<BTreeMap<String, String>, CallError>,
    /// The age of its oldest message, in seconds.
    pub(super) oldest: Figure,
}

/// A metric's newest figure, or why there is none.
pub(super) type Figure = Result<f64, String>;
