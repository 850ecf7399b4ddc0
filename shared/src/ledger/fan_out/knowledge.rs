//! What a decision is made of.

use std::collections::BTreeMap;

use super::{Arrival, Rows, UnrecordedSends};
use crate::config::ClientName;
use crate::file_clients::FileClients;
use crate::ids::{EventIdentity, Group, Key};
use crate::ledger::{ClientId, Cursor, GroupItem, Reading, Registry, RowHead};
use crate::time::Timestamp;

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
