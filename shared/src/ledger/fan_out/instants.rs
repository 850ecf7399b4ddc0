//! What came before what: an event names an instant, and the stream has recorded it at another.

use super::{Arrival, RunEvent};
use crate::ledger::{EventTime, GroupItem};
use crate::time::Timestamp;

/// Two accounts of when something happened. Each is compared with its own kind only: an event may name an instant long
/// past, which says nothing about one that names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instants {
    /// The event's own time.
    pub(super) own: Option<EventTime>,
    /// When the stream recorded it.
    pub(super) streamed: Option<Timestamp>,
}

impl Instants {
    pub(super) fn of_arrival(arrival: &Arrival, now: Timestamp) -> Self {
        Self { own: arrival.time, streamed: arrival.streamed_at }.known_by(now)
    }

    pub(super) fn of_event(event: &RunEvent, now: Timestamp) -> Self {
        Self { own: event.time, streamed: event.streamed_at }.known_by(now)
    }

    /// The latest of all that `item` covers.
    pub(super) fn of_item(item: &GroupItem) -> Self {
        Self { own: item.time, streamed: item.streamed_at }
    }

    /// Without what lies ahead, which says nothing.
    pub(super) fn known_by(self, now: Timestamp) -> Self {
        Self {
            own: self.own.filter(|time| !time.is_ahead(now)),
            streamed: self.streamed.filter(|instant| !EventTime::from(*instant).is_ahead(now)),
        }
    }

    /// The later of each kind.
    pub(super) fn max(self, other: Self) -> Self {
        Self { own: self.own.max(other.own), streamed: self.streamed.max(other.streamed) }
    }

    /// Whether it is not before `other` by any account, and there is one that tells.
    pub(super) fn goes_on_from(self, other: Self) -> bool {
        let own = self.own.zip(other.own).map(|(this, other)| this >= other);
        let streamed = self.streamed.zip(other.streamed).map(|(this, other)| this >= other);
        let mut accounts = own.into_iter().chain(streamed).peekable();
        accounts.peek().is_some() && accounts.all(|goes_on| goes_on)
    }

    /// Whether it is after `other`, as the events say themselves, or if one of them doesn't, as the stream says.
    pub(super) fn is_after(self, other: Self) -> bool {
        let own = self.own.zip(other.own).map(|(this, other)| this > other);
        let streamed = || self.streamed.zip(other.streamed).map(|(this, other)| this > other);
        own.or_else(streamed).unwrap_or(false)
    }
}
