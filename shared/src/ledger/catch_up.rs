//! Catch-up: what a client still needs of a group that it is behind in, and what is written when it was sent.
//!
//! In the order of a pass: [`begin`], [`NeededEvents`], [`Plan`], [`SentRange`].

mod gather;
mod lease;
mod progress;

use super::cursors::behind;
use super::{
    ClientId, Cursor, GroupItem, Item, LastVersion, LedgerRead, Reading, Repetition, Write, WriteCount,
};
use crate::ids::Group;
use crate::time::Timestamp;

pub use gather::{NeededEvents, Plan, PlannedEvent, VERSIONS_LIMIT};
pub use progress::{ProgressWrite, SentRange};

/// What there is to do for a client in a group, as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// It was not read. A later pass may.
    Unread,
    /// Nothing: another sender made the client up to date.
    UpToDate,
    /// The client is behind.
    Behind(Box<Task>),
}

/// A client that is behind in a group: both items as they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The group.
    pub group: Group,
    /// The client.
    pub client: ClientId,
    /// The group's item.
    pub item: GroupItem,
    /// The client's cursor.
    pub cursor: Cursor,
    /// The version of an aggregate's first event.
    pub first_version: i64,
}

/// Whether the client is behind.
///
/// A read of two items is no snapshot: one of them without the other was read during a write.
pub fn begin(found: &LedgerRead, client: ClientId, group: &Group, first_version: i64) -> Begin {
    match (found.group(group), found.cursor(client, group)) {
        (Reading::Present(item), Reading::Present(cursor))
            if item.behind.contains(&client) && cursor.incarnation_number <= item.incarnation_number =>
        {
            let (item, cursor) = (item.clone(), cursor.clone());
            Begin::Behind(Box::new(Task { group: group.clone(), client, item, cursor, first_version }))
        }
        (Reading::Missing, Reading::Missing) => Begin::UpToDate,
        (Reading::Present(item), Reading::Missing) if !item.behind.contains(&client) => Begin::UpToDate,
        _ => Begin::Unread,
    }
}

impl Task {
    /// Up to which version the client has everything: of another incarnation it has nothing.
    pub fn position(&self) -> i64 {
        if self.is_of_this_incarnation() { self.cursor.position } else { self.first_version - 1 }
    }

    /// The version that was sent last to the client in this incarnation. What a replay repeats, the client may have, also
    /// where no record says that it was sent.
    pub fn last(&self) -> LastVersion {
        let recorded = self.cursor.last.filter(|_| self.is_of_this_incarnation());
        recorded.max(self.replay().map(|_| self.first_version - 1))
    }

    /// The replay and the highest version that it repeats.
    pub fn replay(&self) -> Option<&Repetition> {
        self.cursor.replay.as_ref().filter(|_| self.is_of_this_incarnation())
    }

    /// What a client that is up to date has everything up to: of a closed group, the notice.
    fn end(&self) -> i64 {
        self.item.version.saturating_add(i64::from(self.item.closed.is_some()))
    }

    /// Whether the client is up to date when it has everything up to the group's version.
    fn is_settled(&self, now: Timestamp) -> bool {
        self.item.closed.is_some() || self.replay().is_none_or(|repeated| repeated.is_settled(now))
    }

    /// The task with a cursor of the group's incarnation, and the writes that make it so; `None` if it is.
    ///
    /// They come before anything of the incarnation is sent: whatever becomes of the pass, the client is told when the
    /// incarnation ends.
    pub fn begun(&self, fresh: &mut dyn FnMut() -> u64) -> Option<(Self, Vec<Write>)> {
        if self.is_of_this_incarnation() {
            return None;
        }
        let none_yet = self.first_version - 1;
        let cursor = Cursor {
            write_count: WriteCount(fresh()),
            incarnation_number: self.item.incarnation_number,
            position: none_yet,
            last: Some(none_yet),
            replay: None,
            ..self.cursor.clone()
        };
        // With the item: nobody may end the incarnation meanwhile who read the cursor before.
        let writes = behind(&self.group, &self.item, self.client, Some(&self.cursor), cursor.clone());
        let item = writes.iter().find_map(|write| match &write.item {
            Some(Item::Group(item)) => Some((**item).clone()),
            _ => None,
        });
        Some((Self { item: item?, cursor, ..self.clone() }, writes))
    }

    fn is_of_this_incarnation(&self) -> bool {
        self.cursor.incarnation_number == self.item.incarnation_number
    }
}
