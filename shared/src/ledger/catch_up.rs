//! Catch-up: what a client still needs of a group that it is behind in, and what is written when it was sent.
//!
//! In the order of a turn: [`begin`], [`Gathered`], [`Plan`], [`Known`].

mod gather;
mod lease;
mod tell;

use super::{ClientId, Found, GroupItem, Marker};
use crate::ids::{Group, ReplayId};

pub use gather::{Gathered, Plan, Rejected, VERSIONS_LIMIT};
pub use tell::{Known, Telling, leave, level};

/// What there is to do for a client in a group, as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// It was not read. A later turn may.
    Unread,
    /// Nothing: another sender made the client level.
    Level,
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
    /// The client's marker.
    pub marker: Marker,
}

/// Step 1: whether the client is behind.
///
/// A read of two items is no snapshot: one of them without the other was read while somebody wrote.
pub fn begin(found: &Found, client: ClientId, group: &Group) -> Begin {
    let (Some(item), Some(marker)) = (found.group(group), found.marker(client, group)) else {
        return Begin::Unread;
    };
    match (item.filter(|item| item.behind.contains(&client)), marker) {
        (None, None) => Begin::Level,
        (Some(item), Some(marker)) => {
            let (item, marker) = (item.clone(), marker.clone());
            Begin::Behind(Box::new(Task { group: group.clone(), client, item, marker }))
        }
        _ => Begin::Unread,
    }
}

impl Task {
    /// Up to which version the client has everything: of another life it has nothing.
    pub fn have(&self) -> u64 {
        if self.is_of_this_life() { self.marker.have } else { 0 }
    }

    /// The replay and the highest version that it repeats.
    pub fn replay(&self) -> Option<(&ReplayId, u64)> {
        let replay = self.marker.replay.as_ref().filter(|_| self.is_of_this_life())?;
        Some((replay, self.marker.again))
    }

    fn is_of_this_life(&self) -> bool {
        self.marker.life == self.item.life
    }
}

#[cfg(test)]
mod tests;
