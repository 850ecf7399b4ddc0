//! What a decision is made of, and what it can be.

use std::collections::BTreeMap;

use super::{DroppedVersions, Holes, Rows, RunPlan, UnrecordedSends, WantedEvents};
use crate::config::ClientName;
use crate::file_clients::FileClients;
use crate::ids::{EventIdentity, Group, Key, ReplayId};
use crate::ledger::plausible::JUMP_LIMIT;
use crate::ledger::{ClientId, Cursor, EventTime, GroupItem, Reading, Registry, RowHead, Write};
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

/// What is known of one group.
pub struct GroupKnowledge<'v> {
    /// The group.
    pub group: &'v Group,
    /// The aggregate's key.
    pub key: &'v Key,
    /// The version of an aggregate's first event.
    pub first_version: i64,
    /// The messages of the batch that are not settled yet, in the order of the queue.
    pub arrivals: &'v [Arrival],
    /// The messages of the batch that bring no event, but say that an item of the aggregate was deleted.
    pub hints: &'v [usize],
    /// The registry.
    pub registry: Reading<&'v Registry>,
    /// The group's item.
    pub item: Reading<&'v GroupItem>,
    /// What was looked up since they were read.
    pub answers: &'v Answers,
    /// What earlier sends of this invocation did whose record was lost.
    pub unrecorded: &'v UnrecordedSends,
    /// Whether this invocation has written the group's item.
    pub has_written: bool,
    /// The clients of this instance's file.
    pub file: &'v FileClients,
    /// Whether a client of the file can be sent to: its circuit breaker is closed.
    pub is_reachable: &'v dyn Fn(&ClientName) -> bool,
    /// The time.
    pub now: Timestamp,
}

/// What was looked up in the event table, and which cursors were read.
#[derive(Debug, Default)]
pub struct Answers {
    /// The answer to [`LookUp::Events`].
    pub rows: Option<Rows>,
    /// The answer to [`LookUp::First`], which was asked after that.
    pub first: Option<bool>,
    /// The answer to [`LookUp::Newer`].
    pub newer: Option<Vec<EventIdentity>>,
    /// The answer to [`LookUp::Whole`].
    pub whole: Option<Vec<RowHead>>,
    /// The answer to [`LookUp::Emptiness`].
    pub is_empty: Option<bool>,
    /// The answers to [`LookUp::Cursors`]; `None` for one that is missing.
    pub cursors: BTreeMap<ClientId, Option<Cursor>>,
}

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
