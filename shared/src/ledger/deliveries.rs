//! What the ledger's table keeps for the push functions: what each target has of each group, how the target is, and what
//! the functions ask of catch-up.
//!
//! The functions write these items and no others; catch-up alone changes cursors and the registry.

use std::time::Duration;

use super::attributes::Attributes;
use super::items::WriteCount;
use crate::consumer::ConsumerState;
use crate::ids::{Group, IncarnationToken, ReplayId};
use crate::time::Timestamp;

/// How many refusals by a target are kept: as many as tell that the target is at fault, and not an event.
pub const ALIKE_LIMIT: usize = 10;

/// What a client's target has of a group. Written after the target took an event, and before the event is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// A fresh value at each write.
    pub write_count: WriteCount,
    /// What the target has, by the consumer's rule; `None`: nothing was delivered, or it was erased.
    pub state: Option<ConsumerState>,
    /// Where the last message stood in the queue that had its effect, or that catch-up will send again; kept after a notice of an
    /// erasure, too.
    pub place: Option<QueuePlace>,
    /// What the target said of the event that it took last, and wants with the next: Kinesis' sequence number.
    pub mark: Option<String>,
    /// The event at the group's head, if the target refused it.
    pub refused: Option<RefusedHead>,
    /// When catch-up had done what the state waits for; `None` if it waits for nothing.
    pub asked_at: Option<Timestamp>,
    /// What another release wrote in this format, and is written back as it was read.
    pub unknown: Attributes,
}

/// Where a message stood in a client's queue, by SQS's own account. Messages come in this order, so what comes again from
/// there or before was dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuePlace {
    /// Its `SequenceNumber`, 128 bits: greater than those of all messages of its group before it, in one queue.
    pub sequence_number: u128,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// An event that the target refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedHead {
    /// Its version.
    pub version: i64,
    /// Its incarnation.
    pub incarnation: Option<IncarnationToken>,
    /// Since when it is refused: for good only when it was refused again, so that a fault of the target shows before.
    pub since: Timestamp,
}

/// What a push function asks of catch-up for a group, until the function has seen that it was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRequest {
    /// A fresh value at each write.
    pub write_count: WriteCount,
    /// What for.
    pub kind: DeliveryRequestKind,
    /// The first version that comes again.
    pub from: i64,
    /// The incarnation of the message that showed it.
    pub incarnation: Option<IncarnationToken>,
    /// The replay that this message was of, if it was of one. Another one needs a request of its own.
    pub shown_by: Option<ReplayId>,
    /// The replay under which the events come.
    pub id: ReplayId,
    /// When it was asked.
    pub at: Timestamp,
    /// When catch-up had done it; `None` while it has not.
    pub done_at: Option<Timestamp>,
    /// Why catch-up could not do it when it tried last.
    pub failure: Option<String>,
    /// What another release wrote in this format, and is written back as it was read.
    pub unknown: Attributes,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryRequestKind {
    /// Nothing of the group, until an operator releases it; then everything from the version on.
    Hold {
        /// Why, at most [`REASON_LIMIT`](crate::control::REASON_LIMIT) bytes.
        reason: String,
    },
    /// Everything from the version on: something is missing.
    Replay,
}

/// How a client's target is. One item for each push client that ever failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetState {
    /// A fresh value at each write.
    pub write_count: WriteCount,
    /// That nothing is delivered but probes, if that is so.
    pub breaker: Option<OpenBreaker>,
    /// That the target is gone, if that is so: the client is paused, until an operator resumes it.
    pub gone: Option<Gone>,
    /// The last refusals of events, at most [`ALIKE_LIMIT`], the oldest first.
    pub refusals: Vec<Refusal>,
    /// The last failure.
    pub failure: Option<TargetFailure>,
    /// What another release wrote in this format, and is written back as it was read.
    pub unknown: Attributes,
}

/// An open circuit breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBreaker {
    /// Since when.
    pub since: Timestamp,
    /// When the next head may be tried.
    pub probe_at: Timestamp,
    /// How many probes failed.
    pub probes: u32,
    /// Why it opened, or the last probe failed.
    pub reason: String,
    /// What the refusals of events have in common for which it opened; `None` if it opened for another reason.
    pub alike: Option<String>,
}

/// That a target is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Since when.
    pub since: Timestamp,
    /// What said so.
    pub reason: String,
    /// When catch-up had paused the client; `None` while it has not.
    pub paused_at: Option<Timestamp>,
}

/// That a target refused an event of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The event's group.
    pub group: Group,
    /// What refusals have in common that are alike: `400`, `413`.
    pub alike: String,
    /// When.
    pub at: Timestamp,
}

/// The last failure of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetFailure {
    /// When.
    pub at: Timestamp,
    /// Of which group.
    pub group: Group,
    /// Why; no secret, and no more of an answer than a bounded, escaped piece.
    pub reason: String,
}

/// Who holds a group that a push function asked to be held.
pub const HELD_BY_PUSH: &str = "push";

impl QueuePlace {
    /// Whether it is the same message, or one before it. Never of a message of another queue that was made later under the
    /// same name: SQS does not say that its numbers go on, but it was sent later.
    pub fn is_up_to(&self, other: &Self) -> bool {
        self.sequence_number <= other.sequence_number && self.sent_at <= other.sent_at
    }
}

impl TargetState {
    /// For how long the target has not been served as it should, at `now`.
    pub fn failing_age(&self, now: Timestamp) -> Option<Duration> {
        let breaker = self.breaker.as_ref().map(|breaker| breaker.since);
        let gone = self.gone.as_ref().map(|gone| gone.since);
        breaker.into_iter().chain(gone).min().map(|since| now.since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_before_another_by_number_and_time_alike() {
        let place = |sequence_number, at| QueuePlace { sequence_number, sent_at: Timestamp::from_millis(at) };
        let last = place(7, 70);
        for (other, expected) in [
            (place(6, 60), true),
            (place(7, 70), true),
            (place(8, 80), false),
            (place(8, 70), false),
            // Of a queue that was made anew, and counts from a lower number.
            (place(2, 80), false),
        ] {
            assert_eq!(other.is_up_to(&last), expected, "{other:?}");
        }
    }
}
