//! Messages that are settled without being sent, though they are no duplicates.

use super::{Arrival, GroupKnowledge, Instants, Rows};
use crate::ledger::GroupItem;
use crate::time::Timestamp;

/// The versions of messages that are settled without being sent, though they are no duplicates. Each once, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DroppedVersions {
    /// The event table does not have their events any more: erased.
    pub erased: Vec<i64>,
    /// The event table has their events, and another event of that version was sent: the source used a version twice,
    /// or a sort key, or it filled a hole that was given up. Only what is newer than all that was sent shows; the rest
    /// looks like a duplicate, and the daily comparison finds it.
    pub unsent: Vec<i64>,
}

impl DroppedVersions {
    /// Of `arrivals` whose events the table does not have.
    pub(super) fn erased<'a>(arrivals: impl IntoIterator<Item = &'a Arrival>) -> Self {
        let erased = arrivals.into_iter().map(|arrival| arrival.version);
        Self { erased: each_once(erased.collect()), unsent: Vec::new() }
    }

    /// Once everything up to version `end` is settled by what `rows` show.
    pub(super) fn up_to(end: i64, known: &GroupKnowledge<'_>, item: &GroupItem, rows: &Rows) -> Self {
        let (mut erased, mut unsent) = (Vec::new(), Vec::new());
        for arrival in known.arrivals {
            let version = arrival.version;
            if version <= item.version {
                let newer = known.answers.newer.as_ref();
                if is_newer(arrival, item, known.now)
                    && newer.is_some_and(|newer| newer.contains(&arrival.identity))
                {
                    unsent.push(version);
                }
            } else if !rows.has(arrival) {
                erased.push(version);
            } else if version <= end && rows.identity(version) != Some(&arrival.identity) {
                unsent.push(version);
            }
        }
        Self { erased: each_once(erased), unsent: each_once(unsent) }
    }
}

/// Whether the arrival is covered, although the stream shows it and it is newer than all that is covered: then it is
/// none of the events that were sent.
pub(super) fn is_newer(arrival: &Arrival, item: &GroupItem, now: Timestamp) -> bool {
    arrival.written.is_some()
        && arrival.version <= item.version
        && Instants::of_arrival(arrival, now).is_after(Instants::of_item(item))
}

fn each_once(mut versions: Vec<i64>) -> Vec<i64> {
    versions.sort_unstable();
    versions.dedup();
    versions
}
