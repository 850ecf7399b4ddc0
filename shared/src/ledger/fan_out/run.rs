//! Steps 5, 8 and 9: a run, who gets it, and what is written once it was sent.

use super::{Arrival, Dropped, Holes, Rows};
use crate::config::ClientName;
use crate::ids::Group;
use crate::ledger::transactions::{CursorWrite, transactions};
use crate::ledger::{ClientId, Cursor, EventTime, GroupItem, Write, WriteCount};
use crate::time::Timestamp;

/// The most events of one run. The next run begins where it was recorded.
const RUN_LIMIT: usize = 100;

/// Consecutive versions of a group, from the one after the item's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Everything up to this version is settled by the run.
    pub end: u64,
    /// The events to send, in order, at most 100.
    pub events: Vec<RunEvent>,
    /// What is passed over because nothing has it.
    pub holes: Holes,
    /// The versions that are passed over because their events in the table can never be sent: each gets a rejection.
    pub rejected: Vec<u64>,
    /// The positions of the arrivals that are settled when the run is recorded.
    pub settled: Vec<usize>,
    /// What is not sent of them.
    pub dropped: Dropped,
    /// Whether nothing is left to do for the arrivals then.
    pub is_last: bool,
}

/// An event of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvent {
    /// Its version.
    pub version: u64,
    /// Its time, if it can be read.
    pub time: Option<EventTime>,
    /// Where it comes from.
    pub source: Source,
}

/// Where an event of a run comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The arrival at this position.
    Message(usize),
    /// [`Rows::event`].
    Table,
}

/// A run and who gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The group.
    pub group: Group,
    /// Its item, as it was read.
    pub item: GroupItem,
    /// What is sent.
    pub run: Run,
    /// The clients that are up to date that are tried, by name.
    pub tried: Vec<Start>,
    /// The clients that are up to date that are not: they become behind.
    pub skipped: Vec<Start>,
    pub(super) merges: Vec<CursorWrite>,
}

/// A client of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its name.
    pub name: ClientName,
    /// Its number.
    pub client: ClientId,
    /// It has everything up to this version.
    pub has: u64,
}

/// What is written after a run was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// In order, each on condition that the one before it was written.
    pub transactions: Vec<Vec<Write>>,
    /// Who becomes behind by it, and what it has.
    pub became_behind: Vec<Start>,
}

impl Run {
    /// Step 5: the run that needs no look into the table. `None` if this is not the plain case.
    pub(super) fn plain(item: &GroupItem, arrivals: &[Arrival]) -> Option<Self> {
        // What reconcile, catch-up or an operator sends can be of another incarnation.
        let is_plain = |arrival: &Arrival| !arrival.is_again && arrival.written.is_some();
        if item.incarnation_number != 1 || arrivals.is_empty() || !arrivals.iter().all(is_plain) {
            return None;
        }
        let mut sorted: Vec<(usize, &Arrival)> = arrivals.iter().enumerate().collect();
        sorted.sort_by_key(|(_, arrival)| arrival.version);
        sorted.dedup_by(|(_, next), (_, last)| (next.version, &next.sort) == (last.version, &last.sort));

        let mut events: Vec<RunEvent> = Vec::with_capacity(sorted.len());
        let (mut end, mut time) = (item.version, item.time);
        for (position, arrival) in sorted {
            let is_next = end.checked_add(1) == Some(arrival.version);
            let is_first = arrival.version > 1 || arrival.sort == item.first.sort;
            // Without a time nobody knows that it does not go backwards.
            let is_later = arrival.time.is_some_and(|own| time.is_none_or(|before| own >= before));
            if !is_next || !is_first || !is_later {
                return None;
            }
            (end, time) = (arrival.version, arrival.time);
            events.push(RunEvent { version: end, time, source: Source::Message(position) });
        }
        Some(Self {
            end,
            events,
            holes: Holes::default(),
            rejected: Vec::new(),
            settled: (0..arrivals.len()).collect(),
            dropped: Dropped::default(),
            is_last: true,
        })
    }

    /// Steps 6 and 7: what the table shows up to version `top`, as much of it as makes one run. What an arrival brings
    /// is taken from there.
    pub(super) fn looked_up(item: &GroupItem, arrivals: &[Arrival], rows: &Rows, top: u64) -> Self {
        let (mut events, mut rejected) = (Vec::new(), Vec::new());
        let mut end = top;
        let mut last = item.version;
        for (version, found) in rows.between(item.version, top) {
            let brings = |arrival: &Arrival| arrival.version == version && arrival.sort == found.sort;
            let message = arrivals.iter().position(brings);
            let source = message.map_or(Source::Table, Source::Message);
            let is_kept = message.is_some() || found.event.is_some();
            if events.len() == RUN_LIMIT || !is_kept {
                end = last;
                break;
            }
            if message.is_none() && matches!(found.event, Some(Err(_))) {
                rejected.push(version);
            } else {
                events.push(RunEvent { version, time: found.time, source });
            }
            last = version;
        }
        // What is not in the table is dropped. What an operator sent again and is covered is repeated afterwards.
        let is_settled = |arrival: &Arrival| {
            if arrival.version <= item.version {
                arrival.replay.is_none()
            } else {
                arrival.version <= end || !rows.has(arrival)
            }
        };
        let settled: Vec<usize> = arrivals
            .iter()
            .enumerate()
            .filter(|(_, arrival)| is_settled(arrival))
            .map(|(at, _)| at)
            .collect();
        Self {
            end,
            holes: Holes::between(item.version, end, rows.versions()),
            is_last: end == top && settled.len() == arrivals.len(),
            events,
            rejected,
            settled,
            dropped: Dropped::default(),
        }
    }

    /// How many events no message brought.
    pub fn from_table(&self) -> usize {
        self.events.iter().filter(|event| event.source == Source::Table).count()
    }

    /// The events for a client that has everything up to version `has`.
    pub fn after(&self, has: u64) -> impl Iterator<Item = &RunEvent> {
        self.events.iter().filter(move |event| event.version > has)
    }
}

impl Plan {
    /// The position in `tried` of a client; `None` if it is not tried.
    pub fn position(&self, name: &ClientName) -> Option<usize> {
        self.tried.binary_search_by(|start| start.name.cmp(name)).ok()
    }

    /// Up to which version a tried client has everything, once it took the first `accepted` of its events.
    pub fn reached(&self, start: &Start, accepted: usize) -> u64 {
        let mut events = self.run.after(start.has);
        let Some(last) = accepted.checked_sub(1).and_then(|last| events.nth(last)) else {
            return if events.next().is_some() { start.has } else { start.has.max(self.run.end) };
        };
        if events.next().is_some() { last.version } else { self.run.end }
    }

    /// Step 9: what is written when each tried client has everything up to the version in `reached`, in order.
    pub fn record(&self, reached: &[u64], now: Timestamp, fresh: &mut dyn FnMut() -> u64) -> Record {
        let tried = self.tried.iter().zip(reached).map(|(start, has)| Start { has: *has, ..start.clone() });
        let position = tried.chain(self.skipped.iter().cloned());
        let became_behind: Vec<Start> = position.filter(|start| start.has < self.run.end).collect();
        let mut cursors = self.merges.clone();
        cursors.extend(became_behind.iter().map(|start| {
            let cursor = Cursor {
                write_count: WriteCount(fresh()),
                epoch: fresh(),
                incarnation_number: self.item.incarnation_number,
                position: start.has,
                replay_until: 0,
                replay: None,
                at: now,
            };
            CursorWrite::new(start.client, cursor)
        }));
        let mut after = GroupItem { version: self.run.end, ..self.item.clone() };
        // The latest, not the last: writers' clocks differ, and no event of this incarnation must look newer than it.
        after.time = self.run.events.iter().filter_map(|event| event.time).chain(self.item.time).max();
        self.run.holes.add_to(&mut after.holes);
        let transactions = transactions(&self.group, &self.item, false, after, cursors);
        Record { transactions, became_behind }
    }
}
