//! Ordered sending: runs for one queue go out so that nothing overtakes an earlier message of its group.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use crate::message::Message;
use crate::place::QueueUrl;
use crate::time::Timestamp;

/// The most entries of one `SendMessageBatch` (SQS quotas).
pub const BATCH_LIMIT: usize = 10;

/// What ordered sending needs of the world: to send one batch, to wait, and to know the time.
///
/// An implementation never retries and never reorders; both are decided here.
pub trait Transport {
    /// Sends one `SendMessageBatch` of 1 to [`BATCH_LIMIT`] messages, no two of one group, together at most
    /// [`SQS_LIMIT`](crate::message::SQS_LIMIT) bytes.
    ///
    /// `Ok` holds one result per message, in the order of `batch`: SQS reports every entry by itself inside a 200.
    /// `Err` is about the whole call. After [`SendError::Unknown`] any of the messages may have been accepted;
    /// the caller repeats the identical entries.
    fn send(
        &self,
        queue: &QueueUrl,
        batch: &[&Message],
    ) -> impl Future<Output = Result<Vec<Result<(), SendError>>, SendError>>;

    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()>;

    /// The wall clock.
    fn now(&self) -> Timestamp;
}

/// Why SQS did not acknowledge a message or a batch, by what the sender does about it.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// SQS asks for fewer requests. Try the same entry again, later.
    #[error("throttled: {0}")]
    Throttled(#[source] Cause),
    /// It was not accepted, and a later attempt may be (a 5xx inside a batch's entries). Try the same entry again.
    #[error("failed for now: {0}")]
    Transient(#[source] Cause),
    /// Nobody knows whether it was accepted (time-out, connection reset, 5xx of the call). Repeat the identical entry.
    #[error("result unknown: {0}")]
    Unknown(#[source] Cause),
    /// The queue takes nothing from us until somebody acts: missing, access denied, encryption key unusable.
    #[error("queue unusable: {cause}; {remedy}")]
    Queue {
        /// What SQS said.
        #[source]
        cause: Cause,
        /// What whoever runs the queue should do.
        remedy: &'static str,
    },
    /// This message will never be accepted by this queue: too long, or with characters that SQS refuses.
    #[error("message refused: {0}")]
    Message(#[source] Cause),
}

/// What lies behind a [`SendError`].
pub type Cause = Box<dyn Error + Send + Sync>;

/// Consecutive messages of one group on their way to one queue, in order.
#[derive(Clone, Debug)]
pub struct Run<'m> {
    /// All of one group, the next to be sent first. May be empty.
    pub messages: Vec<&'m Message>,
}

/// How far a run got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How many messages of the run were accepted, counted from its start. None after them was tried,
    /// but for the first, whose result may be unknown.
    pub accepted: usize,
    /// Why the run stopped there; `None` if all of it was accepted.
    pub stopped: Option<Stop>,
}

/// Why a run stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// By what the caller can do about it.
    pub reason: StopReason,
    /// In words for an operator: what SQS said last, sizes and limits where they matter, and what to do.
    pub why: String,
}

/// Why a run stopped, by what the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// Passing faults did not end before the deadline. Later it may work.
    OutOfTime,
    /// The queue takes nothing until somebody acts.
    Queue,
    /// The first message that was not accepted never will be, by this queue. The ones after it were not tried.
    Message,
}

/// The bounds of one call of [`send_runs`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many requests may be in flight at once; at least 1.
    pub requests_in_flight: usize,
    /// No request starts after this instant.
    pub deadline: Timestamp,
}
