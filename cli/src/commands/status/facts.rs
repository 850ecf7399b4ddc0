//! The facts about a stack's queues and clients, as AWS returned them.

use std::collections::BTreeMap;

use aws::operator::CallError;
use deploy::stack::Whose;
use shared::ledger::ScanKind;
use shared::naming::QueueArn;
use shared::time::Timestamp;

use crate::client_status::ClientStatus;

/// The facts about a stack at a moment.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) stack: String,
    /// The stack's own queues, then the clients' in the order of the config.
    pub(super) queues: Vec<Queue>,
    /// The age of the newest record that the converter read, in milliseconds.
    pub(super) iterator_age: Figure,
    /// The clients that are not retired, by their names, from the ledger.
    pub(super) clients: Result<Vec<ClientStatus>, CallError>,
    /// The scans of the event table that are on, and when each began; none if the ledger could not be read.
    pub(super) scans: Vec<(ScanKind, Timestamp)>,
    /// When the facts were collected.
    pub(super) now: Timestamp,
}

/// The facts about a queue.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// A client by its name, or by its queue's if that isn't known.
    pub(super) whose: Whose,
    pub(super) arn: QueueArn,
    /// By SQS's names.
    pub(super) attributes: Result<BTreeMap<String, String>, CallError>,
    /// The age of its oldest message, in seconds.
    pub(super) oldest: Figure,
}

/// A metric's newest figure, or why there is none.
pub(super) type Figure = Result<f64, String>;
