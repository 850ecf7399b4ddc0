//! Step 6: which events the table is asked for, and what it showed.

use std::collections::BTreeMap;

use super::Arrival;
use crate::event::Event;
use crate::ids::Key;
use crate::ledger::{EventTime, Page};

/// How many bytes of events are kept of a look-up; of more, the lowest versions, which are sent first. The others are
/// looked up again when it is their turn: a gap can be as long as an aggregate.
const KEPT: usize = 8 * 1_024 * 1_024;

/// Which events are needed: newest first until all are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// In which life,
    pub life: u64,
    /// which began with the event of this sort key.
    pub first: Key,
    /// Those above this version,
    pub after: u64,
    /// up to this one.
    pub to: u64,
    /// Whether everything above that, too.
    pub is_open: bool,
}

/// What the table showed.
#[derive(Debug, Default)]
pub struct Rows {
    wanted: Option<Wanted>,
    found: BTreeMap<u64, TableEvent>,
    /// Of the events that are kept.
    bytes: usize,
    /// From here on none is kept.
    cut: Option<u64>,
    has_seen_lower: bool,
}

/// An event that the table has.
#[derive(Debug)]
pub struct TableEvent {
    /// Its sort key.
    pub sort: Key,
    /// Its time, if it can be read.
    pub time: Option<EventTime>,
    /// The event, or why it is none that can be sent; `None` if it is not kept.
    pub event: Option<Result<Event, String>>,
}

impl Rows {
    /// Nothing is found yet.
    pub fn new(wanted: Wanted) -> Self {
        Self { wanted: Some(wanted), ..Self::default() }
    }

    /// Adds a page, each older than the last. Answers whether another one is needed.
    pub fn add(&mut self, page: Page) -> bool {
        let Some(wanted) = self.wanted.clone() else { return false };
        for row in page.rows {
            let Some(version) = row.version else { continue };
            self.has_seen_lower |= version <= wanted.after;
            let is_needed = version > wanted.after && (version <= wanted.to || wanted.is_open);
            if is_needed && !self.found.contains_key(&version) {
                self.keep(version, TableEvent { sort: row.sort, time: row.time, event: Some(row.event) });
            }
        }
        page.has_more && !self.has_all(&wanted)
    }

    /// Whether this is all that `wanted` asks for. The next run of the same look-up needs no other.
    pub(super) fn answer(&self, wanted: &Wanted) -> bool {
        let Some(asked) = &self.wanted else { return false };
        let is_same = (asked.life, &asked.first, asked.to, asked.is_open)
            == (wanted.life, &wanted.first, wanted.to, wanted.is_open);
        let next = self.found.range(wanted.after.saturating_add(1)..).next();
        // What is not kept and next is looked up again, unless it was just looked up.
        let is_kept = next.is_none_or(|(_, found)| found.event.is_some());
        is_same && asked.after <= wanted.after && (is_kept || asked.after == wanted.after)
    }

    /// Whether the arrival's event is there.
    pub(super) fn has(&self, arrival: &Arrival) -> bool {
        self.found.get(&arrival.version).is_some_and(|found| found.sort == arrival.sort)
    }

    /// The versions that are there, in order.
    pub(super) fn versions(&self) -> impl Iterator<Item = u64> {
        self.found.keys().copied()
    }

    /// The highest version up to which every one after `version` is there.
    pub(super) fn consecutive_from(&self, version: u64) -> u64 {
        let mut top = version;
        for (next, _) in self.found.range(version.saturating_add(1)..) {
            if *next - top > 1 {
                break;
            }
            top = *next;
        }
        top
    }

    /// What is there above `after`, up to `to`, in order.
    pub(super) fn between(&self, after: u64, to: u64) -> impl Iterator<Item = (u64, &TableEvent)> {
        // A range whose start is behind its end is a panic.
        let from = after.saturating_add(1).min(to);
        let found = self.found.range(from..=to).map(|(version, found)| (*version, found));
        found.filter(move |(version, _)| *version > after)
    }

    /// The event of this version, if it is there and kept.
    pub fn event(&self, version: u64) -> Option<&Result<Event, String>> {
        self.found.get(&version)?.event.as_ref()
    }

    /// The sort key of this version's event.
    pub fn sort(&self, version: u64) -> Option<&Key> {
        Some(&self.found.get(&version)?.sort)
    }

    fn keep(&mut self, version: u64, mut found: TableEvent) {
        if self.cut.is_some_and(|cut| version >= cut) {
            found.event = None;
        }
        self.bytes += size(&found);
        self.found.insert(version, found);
        // The lowest is always kept, however large it is.
        while self.bytes > KEPT {
            let mut kept = self.found.iter_mut().filter(|(_, found)| found.event.is_some());
            let (Some((version, highest)), Some(_)) = (kept.next_back(), kept.next()) else { return };
            self.cut = Some(*version);
            self.bytes -= size(highest);
            highest.event = None;
        }
    }

    fn has_all(&self, wanted: &Wanted) -> bool {
        let needed = wanted.to - wanted.after.min(wanted.to);
        let found = self.between(wanted.after, wanted.to).count();
        u64::try_from(found).is_ok_and(|found| found >= needed) && (!wanted.is_open || self.has_seen_lower)
    }
}

fn size(found: &TableEvent) -> usize {
    match &found.event {
        Some(Ok(event)) => event.body().len(),
        Some(Err(why)) => why.len(),
        None => 0,
    }
}
