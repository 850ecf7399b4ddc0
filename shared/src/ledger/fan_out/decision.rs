//! What is done next with a group.

use super::{Arrival, DroppedVersions, Holes, RunPlan, WantedEvents};
use crate::ids::EventIdentity;
use crate::ledger::plausible::JUMP_LIMIT;
use crate::ledger::{ClientId, Write};

/// What is done next.
#[derive(Debug)]
pub enum Decision {
    /// Return the group's messages, with the usual back-off.
    Return(&'static str),
    /// Return the group's messages, to be received again after [`YOUNG_RETRY`](crate::ledger::times::YOUNG_RETRY).
    ReturnSoon(Holes),
    /// Acknowledge the group's messages that bring events, or its hints, if only those are left: nothing is left to do for
    /// them.
    Acknowledge(DroppedVersions),
    /// Read again: two items were not read at the same instant.
    ReadAgain,
    /// Look something up, then decide.
    LookUp(LookUp),
    /// Write a rejection about each of these messages, which is settled then, and decide again.
    Reject(Vec<ImplausibleEvent>),
    /// Write, then read again.
    Write(PriorWrite),
    /// Send a run, then [record](RunPlan::record) it.
    Send(Box<RunPlan>),
}

/// An event whose version is too far above all others to be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImplausibleEvent {
    /// The number of the arrival that brings it.
    pub number: usize,
    /// What tells it from the aggregate's other events.
    pub identity: EventIdentity,
    /// Its version.
    pub version: i64,
    /// Up to which version its group got.
    pub after: i64,
}

/// What has to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookUp {
    /// These events of the table.
    Events(WantedEvents),
    /// Whether the table has this event: the first of the incarnation.
    First(EventIdentity),
    /// Which of these events the table has: of messages that are covered, and newer than all that is.
    Newer(Vec<EventIdentity>),
    /// All of the table's rows of the aggregate, without their events.
    Whole,
    /// Whether the table has no item of the aggregate that the source's filter admits.
    Emptiness,
    /// These clients' cursors.
    Cursors(Vec<ClientId>),
}

impl Decision {
    /// Rejects these `arrivals` of a group that got up to version `after`; `None` if there are none.
    pub(super) fn reject<'a>(arrivals: impl IntoIterator<Item = &'a Arrival>, after: i64) -> Option<Self> {
        let implausible = arrivals.into_iter().map(|arrival| ImplausibleEvent {
            number: arrival.number,
            identity: arrival.identity.clone(),
            version: arrival.version,
            after,
        });
        let implausible: Vec<_> = implausible.collect();
        (!implausible.is_empty()).then_some(Self::Reject(implausible))
    }
}

/// What the reason of a rejection about an [`ImplausibleEvent`] says, and no other reason.
const WRITERS_FAULT: &str =
    "versions in between are missing, which is taken for a fault of the event's writer";

impl ImplausibleEvent {
    /// Why there is a rejection about it.
    pub fn why(&self) -> String {
        format!(
            "version {} comes after {}: more than {JUMP_LIMIT} {WRITERS_FAULT}; give the item its right number, and send \
             the event again with `fanoutctl rejected resend`; sent as it is, the aggregate goes on above it",
            self.version, self.after
        )
    }

    /// Whether this is the reason of a rejection about such an event.
    pub fn is_reason(reason: &str) -> bool {
        reason.contains(WRITERS_FAULT)
    }
}

/// Writes before which nothing of a group is sent.
#[derive(Debug, PartialEq, Eq)]
pub struct PriorWrite {
    /// In order, each on condition that the one before it was written.
    pub transactions: Vec<Vec<Write>>,
    /// The numbers of the arrivals that are settled when they are written.
    pub settled: Vec<usize>,
    /// What is not sent of them.
    pub dropped: DroppedVersions,
    /// The versions that two events have, which the group's item says from then on.
    pub pairs: Vec<i64>,
    /// What for.
    pub why: &'static str,
}
