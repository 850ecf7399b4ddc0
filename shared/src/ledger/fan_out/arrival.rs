//! A message of a batch.

use crate::ids::{EventIdentity, ReplayId};
use crate::ledger::EventTime;
use crate::message::Message;
use crate::time::Timestamp;

/// A message of a batch: which event it brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// What distinguishes it from the other messages of its batch.
    pub number: usize,
    /// The event's message, as it goes to the clients' queues but for the incarnation.
    pub message: Message,
    /// When the stream recorded the event, if the message says so.
    pub streamed_at: Option<Timestamp>,
    /// The event's version.
    pub version: i64,
    /// What tells the event from the others of its aggregate.
    pub identity: EventIdentity,
    /// The event's own time, if it can be read.
    pub time: Option<EventTime>,
    /// When the message was sent to the fan-out queue.
    pub sent: Timestamp,
    /// When the event was written, by the stream; `None` for a message that does not come from there, but from
    /// reconcile, catch-up or an operator.
    pub written: Option<Timestamp>,
    /// Whether it was received before.
    pub is_again: bool,
    /// The replay that an operator sent it in.
    pub replay: Option<ReplayId>,
}
