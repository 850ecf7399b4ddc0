//! What the groups of a batch share: the ports, the client, and what is learned of its target.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use shared::budget::Budget;
use shared::clock::Clock;
use shared::config::{ClientName, OnRefused};
use shared::consumer::{ConsumerSettings, Start};
use shared::ids::Group;
use shared::ledger::TargetState;
use shared::naming::QueueUrl;
use shared::time::Timestamp;

use crate::target::{self, Note};

/// A client that is served.
#[derive(Debug)]
pub(crate) struct PushClient<D> {
    pub(crate) name: ClientName,
    /// The word for the kind of its target.
    pub(crate) kind: &'static str,
    pub(crate) queue: QueueUrl,
    pub(crate) queue_arn: String,
    pub(crate) give_up_after: Option<Duration>,
    pub(crate) on_refused: OnRefused,
    pub(crate) start: Start,
    pub(crate) deliverer: D,
}

/// What the groups of a batch share.
pub(crate) struct Invocation<'i, C, T, L> {
    pub(crate) clock: &'i C,
    pub(crate) transport: &'i T,
    pub(crate) ledger: &'i L,
    pub(crate) budget: Budget,
    pub(crate) deadline: Timestamp,
    pub(crate) rejected: &'i QueueUrl,
    pub(crate) settings: ConsumerSettings,
    pub(crate) learning: Learning,
}

/// What a batch learns of its target.
pub(crate) struct Learning {
    known: Mutex<Knowledge>,
    /// The group that tries whether the target is well again, once one does.
    probe: Mutex<Option<Group>>,
}

/// How a target is, with what was learned since that was read.
struct Knowledge {
    state: TargetState,
    notes: Vec<Note>,
}

impl Learning {
    /// Nothing yet: the target is as it was read.
    pub(crate) fn new(state: TargetState) -> Self {
        Self { known: Mutex::new(Knowledge { state, notes: Vec::new() }), probe: Mutex::default() }
    }

    /// What was learned, in order.
    pub(crate) fn into_notes(self) -> Vec<Note> {
        self.known.into_inner().unwrap_or_else(PoisonError::into_inner).notes
    }
}

impl<C: Clock, T, L> Invocation<'_, C, T, L> {
    /// Notes what was learned. Returns whether nothing but probes may be delivered now.
    pub(crate) fn note(&self, note: Note) -> bool {
        let mut known = self.learning.known.lock().unwrap_or_else(PoisonError::into_inner);
        target::apply(&mut known.state, &note, self.clock.now());
        known.notes.push(note);
        known.state.breaker.is_some()
    }

    /// Whether `group` is the one of the batch that tries the target: the first that has something for it.
    pub(crate) fn take_probe(&self, group: &Group) -> bool {
        let mut probe = self.learning.probe.lock().unwrap_or_else(PoisonError::into_inner);
        probe.get_or_insert_with(|| group.clone()) == group
    }

    /// Why nothing but probes may be delivered, if so.
    pub(crate) fn closed(&self) -> Option<String> {
        let known = self.learning.known.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = known.state.gone.as_ref().map(|gone| gone.reason.clone());
        gone.or_else(|| known.state.breaker.as_ref().map(|breaker| breaker.reason.clone()))
    }
}
