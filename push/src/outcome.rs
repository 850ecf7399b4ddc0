//! What a target did with events, and the port at which it is asked.

use std::future::Future;
use std::time::Duration;

use crate::event::Event;

/// The most bytes of a target's words that a reason carries, before it is escaped.
pub const WORDS_LIMIT: usize = 200;

/// Delivers to one target. Every kind passes the contract suite of `testkit`.
pub trait Deliver {
    /// Brings `events`, 1 to [`at_once`](Self::at_once) consecutive ones of one group, in order. `mark` is what the target
    /// said of the event before them. It does not retry, but where a token has to be renewed.
    fn deliver(
        &self,
        events: &[Event<'_>],
        mark: Option<&str>,
        limit: Duration,
    ) -> impl Future<Output = Delivered>;

    /// How many events of a group one call takes.
    fn at_once(&self) -> usize;

    /// How long one delivery may take.
    fn limit(&self) -> Duration;
}

/// How far a run of events got: a prefix, and what stopped it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// How many the target took, from the first on.
    pub taken: usize,
    /// What it said of the last that it took, and wants with the next.
    pub mark: Option<String>,
    /// Why it did not take the next one; `None` if it took all.
    pub failure: Option<Failure>,
}

/// Why a target did not take an event, or may not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whose fault it is.
    pub kind: FailureKind,
    /// For an operator: the status, and an escaped piece of the target's words. No secret, no event.
    pub reason: String,
    /// What failures have in common that are alike: `400`, `AccessDenied`.
    pub alike: String,
    /// When the target wants to be asked again.
    pub retry_after: Option<Duration>,
}

/// Whose fault a failure is, and so what becomes of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It passes by itself: tried again.
    Transient,
    /// The target refuses this sender, whatever the event: the circuit breaker opens.
    Target,
    /// The target refuses this event: its group is held.
    Event,
    /// There is no such target any more: the client is paused.
    Gone,
}

impl Delivered {
    /// All of `count` events were taken.
    pub fn all(count: usize) -> Self {
        Self { taken: count, mark: None, failure: None }
    }

    /// None of them was.
    pub fn none(failure: Failure) -> Self {
        Self { taken: 0, mark: None, failure: Some(failure) }
    }
}

impl Failure {
    /// A failure that doesn't say when to ask again.
    pub(crate) fn new(kind: FailureKind, alike: impl Into<String>, reason: String) -> Self {
        Self { kind, reason, alike: alike.into(), retry_after: None }
    }
}
