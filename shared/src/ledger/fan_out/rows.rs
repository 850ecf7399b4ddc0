//! Which events the table is asked for, and what it showed.

use std::collections::{BTreeMap, BTreeSet};

use super::Arrival;
use crate::event::Event;
use crate::ids::{EventIdentity, Key};
use crate::image::Decimal;
use crate::ledger::{EventTime, Page, Row};

/// Which events are needed: newest first until all are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedEvents {
    /// In which incarnation,
    pub incarnation_number: u64,
    /// which began with this event.
    pub first: EventIdentity,
    /// Those above this version,
    pub after: i64,
    /// up to this one.
    pub to: i64,
    /// Whether everything above that, too.
    pub is_open: bool,
    /// The events that messages bring, by version: where a version has several items, these are meant.
    pub brought: Vec<(i64, EventIdentity)>,
}

/// What the table showed.
#[derive(Debug, Default)]
pub struct Rows {
    wanted: Option<WantedEvents>,
    found: BTreeMap<i64, TableEvent>,
    /// What is there of that which messages bring.
    brought: Vec<(i64, EventIdentity)>,
    /// How many bytes of events are kept; of more, the lowest versions, which are sent first. The others are looked up
    /// again when it is their turn: a gap can be as long as an aggregate.
    bytes_limit: usize,
    /// Of the events that are kept.
    bytes: usize,
    /// From here on none is kept.
    cut: Option<i64>,
    /// The versions that two events have.
    pairs: BTreeSet<i64>,
    has_seen_lower: bool,
}

/// An event that the table has.
#[derive(Debug)]
pub struct TableEvent {
    /// What tells it from the aggregate's other events.
    pub identity: EventIdentity,
    /// Its time, if it can be read.
    pub time: Option<EventTime>,
    /// The event, or why it is none that can be sent; `None` if it is not kept.
    pub event: Option<Result<Event, String>>,
}

impl Rows {
    /// Nothing is found yet. At most `bytes_limit` bytes of events are kept, but always one event.
    pub fn new(wanted: WantedEvents, bytes_limit: usize) -> Self {
        Self { wanted: Some(wanted), bytes_limit, ..Self::default() }
    }

    /// Adds a page, each older than the last. Returns whether another one is needed.
    pub fn add(&mut self, page: Page) -> bool {
        let Some(wanted) = self.wanted.clone() else { return false };
        let last = page.next.clone().or_else(|| page.rows.last().map(|row| row.head.identity.sort.clone()));
        for Row { head, event } in page.rows {
            let Some(version) = head.version else { continue };
            self.has_seen_lower |= version <= wanted.after;
            if version <= wanted.after || (version > wanted.to && !wanted.is_open) {
                continue;
            }
            let key = (version, head.identity);
            let is_known = self.brought.iter().any(|(brought, _)| *brought == version);
            let is_brought = wanted.brought.contains(&key);
            if is_brought {
                self.brought.push(key.clone());
            }
            let other = self.found.get(&version);
            if other.is_some() {
                self.pairs.insert(version);
            }
            // Of several events, a message says which is meant; else it is the one with the lowest sort key that can be
            // sent, as in catch-up.
            let is_sendable = event.is_ok() || other.is_none_or(TableEvent::is_unsendable);
            if !is_known && (is_brought || is_sendable) {
                let (version, identity) = key;
                self.keep(version, TableEvent { identity, time: head.time, event: Some(event) });
            }
        }
        page.next.is_some() && !self.has_all(&wanted, last.as_ref())
    }

    /// Whether this is all that `wanted` asks for. The next run of the same look-up needs no other.
    pub(super) fn answer(&self, wanted: &WantedEvents) -> bool {
        let Some(asked) = &self.wanted else { return false };
        let is_same = (asked.incarnation_number, &asked.first, asked.to, asked.is_open)
            == (wanted.incarnation_number, &wanted.first, wanted.to, wanted.is_open);
        let next = self.found.range(wanted.after.saturating_add(1)..).next();
        // What is not kept and next is looked up again, unless it was just looked up.
        let is_kept = next.is_none_or(|(_, found)| found.event.is_some());
        is_same && asked.after <= wanted.after && (is_kept || asked.after == wanted.after)
    }

    /// Whether the arrival's event is there.
    pub(super) fn has(&self, arrival: &Arrival) -> bool {
        let is_its = |(version, identity): &(i64, EventIdentity)| {
            (version, identity) == (&arrival.version, &arrival.identity)
        };
        self.brought.iter().any(is_its)
    }

    /// The versions that are there, in order.
    pub(super) fn versions(&self) -> impl Iterator<Item = i64> {
        self.found.keys().copied()
    }

    /// The versions above `after`, up to `to`, that two events have.
    pub(super) fn pairs(&self, after: i64, to: i64) -> impl Iterator<Item = i64> {
        self.pairs.iter().copied().filter(move |version| *version > after && *version <= to)
    }

    /// The highest version up to which every one after `version` is there.
    pub(super) fn consecutive_from(&self, version: i64) -> i64 {
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
    pub(super) fn between(&self, after: i64, to: i64) -> impl Iterator<Item = (i64, &TableEvent)> {
        // A range whose start is behind its end is a panic.
        let from = after.saturating_add(1).min(to);
        let found = self.found.range(from..=to).map(|(version, found)| (*version, found));
        found.filter(move |(version, _)| *version > after)
    }

    /// The event of this version, if it is there and kept.
    pub fn event(&self, version: i64) -> Option<&Result<Event, String>> {
        self.found.get(&version)?.event.as_ref()
    }

    /// What tells this version's event from others.
    pub fn identity(&self, version: i64) -> Option<&EventIdentity> {
        Some(&self.found.get(&version)?.identity)
    }

    fn keep(&mut self, version: i64, mut found: TableEvent) {
        if self.cut.is_some_and(|cut| version >= cut) {
            found.event = None;
        }
        self.bytes += size(&found);
        if let Some(before) = self.found.insert(version, found) {
            self.bytes -= size(&before);
        }
        // The lowest is always kept, however large it is.
        while self.bytes > self.bytes_limit {
            let mut kept = self.found.iter_mut().filter(|(_, found)| found.event.is_some());
            let (Some((version, highest)), Some(_)) = (kept.next_back(), kept.next()) else { return };
            self.cut = Some(*version);
            self.bytes -= size(highest);
            highest.event = None;
        }
    }

    /// `last`: the sort key down to which everything was shown.
    fn has_all(&self, wanted: &WantedEvents, last: Option<&Key>) -> bool {
        let needed = wanted.to.saturating_sub(wanted.after);
        let found = self.between(wanted.after, wanted.to).count();
        let is_settled = |brought: &(i64, EventIdentity)| {
            self.brought.contains(brought) || last.is_some_and(|last| is_before(last, &brought.1.sort))
        };
        i64::try_from(found).is_ok_and(|found| found >= needed)
            && wanted.brought.iter().all(is_settled)
            // Another event of the lowest version comes before that one.
            && self.has_seen_lower
    }
}

impl TableEvent {
    /// Whether it is known to be none that can be sent.
    fn is_unsendable(&self) -> bool {
        matches!(self.event, Some(Err(_)))
    }
}

/// In the order of a partition: numbers by value, everything else by bytes.
pub(super) fn is_before(key: &Key, other: &Key) -> bool {
    match (key, other) {
        (Key::S(key), Key::S(other)) => key < other,
        (Key::B(key), Key::B(other)) => key < other,
        (Key::N(key), Key::N(other)) => {
            let number = |text: &String| Decimal::try_parse(text.as_bytes());
            number(key).zip(number(other)).is_some_and(|(key, other)| key < other)
        }
        // Keys of one table are of one type.
        _ => false,
    }
}

fn size(found: &TableEvent) -> usize {
    match &found.event {
        Some(Ok(event)) => event.body().len(),
        Some(Err(why)) => why.len(),
        None => 0,
    }
}
