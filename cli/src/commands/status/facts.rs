//! The facts about a stack's queues and clients, as AWS returned them, and how figures and times are shown.

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

/// The figure as a whole number. If it isn't known, `unknown` gets the reason under `name`.
pub(super) fn figure(
    name: &'static str,
    figure: &Figure,
    unknown: &mut BTreeMap<&'static str, String>,
) -> Option<u64> {
    match figure {
        // CloudWatch's figures are floating-point; these are whole seconds or milliseconds.
        Ok(value) => format!("{:.0}", value.max(0.0)).parse().ok(),
        Err(reason) => {
            unknown.insert(name, reason.clone());
            None
        }
    }
}

/// A time in the largest unit of which there are at least two: `119 s`, `2 min`.
pub(super) fn time(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
