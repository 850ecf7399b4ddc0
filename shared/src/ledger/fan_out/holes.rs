//! Holes: versions that are needed, and neither in the messages nor in the table.

use std::fmt;
use std::ops::RangeInclusive;

use super::Arrival;
use crate::ledger::items::HOLES_LIMIT;
use crate::ledger::times::YOUNG;
use crate::time::Timestamp;

/// Versions that nothing has, as ranges in order: a source can leave out any number of them at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holes(Vec<RangeInclusive<i64>>);

impl Holes {
    /// What `versions` leaves out above `after`, up to `to`.
    pub(super) fn between(after: i64, to: i64, versions: impl IntoIterator<Item = i64>) -> Self {
        let mut there: Vec<i64> =
            versions.into_iter().filter(|version| *version > after && *version <= to).collect();
        there.sort_unstable();
        let mut holes = Vec::new();
        let mut last = after;
        for version in there {
            if version - last > 1 {
                holes.push(last + 1..=version - 1);
            }
            last = version;
        }
        if last < to {
            holes.push(last + 1..=to);
        }
        Self(holes)
    }

    /// Those that may still become readable: the lowest message above such a hole, of those whose event is `there`, was
    /// sent less than [`YOUNG`] ago; if there is none, the newest of `arrivals` was.
    pub(super) fn young(&self, there: &[&Arrival], arrivals: &[Arrival], now: Timestamp) -> Option<Self> {
        let newest = arrivals.iter().map(|arrival| arrival.sent).max();
        let is_young = |hole: &&RangeInclusive<i64>| {
            let above = there.iter().filter(|arrival| arrival.version > *hole.end());
            let lowest = above.min_by_key(|arrival| arrival.version).map(|arrival| arrival.sent);
            lowest.or(newest).is_some_and(|sent| now.since(sent) < YOUNG)
        };
        let young: Vec<_> = self.0.iter().filter(is_young).cloned().collect();
        (!young.is_empty()).then_some(Self(young))
    }

    /// How many versions.
    pub fn count(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |count, hole| count.saturating_add(hole.end().abs_diff(*hole.start()).saturating_add(1)))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds them to the versions that a group's item keeps.
    pub(super) fn add_to(&self, kept: &mut Vec<i64>) {
        for hole in &self.0 {
            let last = hole.clone().rev().take(HOLES_LIMIT).collect::<Vec<_>>();
            kept.extend(last.into_iter().rev());
        }
        let surplus = kept.len().saturating_sub(HOLES_LIMIT);
        drop(kept.drain(..surplus));
    }
}

/// `3 7-9`.
impl fmt::Display for Holes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, hole) in self.0.iter().enumerate() {
            let space = if number > 0 { " " } else { "" };
            if hole.start() == hole.end() {
                write!(formatter, "{space}{}", hole.start())?;
            } else {
                write!(formatter, "{space}{}-{}", hole.start(), hole.end())?;
            }
        }
        Ok(())
    }
}
