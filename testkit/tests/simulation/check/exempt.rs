//! What the promise does not cover: cases e and f of `docs/ordering.md`.

use shared::time::Timestamp;

use crate::observed::Observed;
use crate::source::{EventRef, Source, WrittenEvent};

impl Source {
    /// The events of an incarnation that were ever written, by version.
    pub(crate) fn events_of(&self, group: usize, incarnation_number: u64) -> Vec<&WrittenEvent> {
        let of_incarnation = self.groups[group]
            .known
            .iter()
            .filter(|known| known.event.incarnation_number == incarnation_number);
        let mut known: Vec<&WrittenEvent> = of_incarnation.collect();
        known.sort_by_key(|known| known.event.version);
        known
    }

    /// How many incarnations an aggregate had.
    pub(crate) fn incarnations(&self, group: usize) -> u64 {
        self.groups[group].known.iter().map(|known| known.event.incarnation_number).max().unwrap_or(0)
    }

    /// Whether the writers' clocks cannot distinguish an incarnation from the one before it.
    fn is_close(&self, group: usize, incarnation_number: u64) -> bool {
        let first = self.events_of(group, incarnation_number).iter().map(|known| known.time).min();
        let earlier = self.groups[group]
            .known
            .iter()
            .filter(|known| known.event.incarnation_number < incarnation_number);
        earlier.map(|known| known.time).max() >= first
    }

    /// Case e: the fan-out saw a later event of a new incarnation before its version 1, and took it for the next event
    /// of the old incarnation.
    pub(crate) fn is_case_e(&self, event: EventRef) -> bool {
        let (group, incarnation_number) = (event.group, event.incarnation_number);
        if incarnation_number < 2 {
            return false;
        }
        if self.is_close(group, incarnation_number) {
            return true;
        }
        let events = self.events_of(group, incarnation_number);
        let Some(first) = events.first() else { return false };
        let highest = self.highest_before(group, incarnation_number);
        events.iter().skip(1).any(|known| {
            let came_first = match (known.shown, first.arrived) {
                (Some(own), Some(first)) => own < first,
                (own, _) => own.is_some(),
            };
            came_first && known.event.version <= highest + 1
        })
    }

    /// The highest version of earlier incarnations.
    fn highest_before(&self, group: usize, incarnation_number: u64) -> i64 {
        let all = self.groups[group].known.iter();
        let old = all.filter(|known| known.event.incarnation_number < incarnation_number);
        old.map(|known| known.event.version).max().unwrap_or(self.first_version - 1)
    }

    /// Case e, too: version 1 of the new incarnation was gone when the fan-out looked, so that it began nothing; `event`,
    /// which was sent at this instant, could be taken for the next one of the old incarnation.
    pub(crate) fn is_of_a_beginning_that_was_gone(&self, event: EventRef, at: Timestamp) -> bool {
        let events = self.events_of(event.group, event.incarnation_number);
        let first = events.first().filter(|_| event.incarnation_number > 1);
        first.is_some_and(|first| {
            first.event.version < event.version && first.deleted.is_some_and(|deleted| deleted <= at)
        })
    }

    /// Case e at its worst: besides, version 1 was deleted by itself, or the clocks cannot distinguish the
    /// incarnations. An event can stay unsent. Without times, or where a later event could be the next one of the old
    /// incarnation, it is enough that version 1 of a later incarnation was deleted by itself.
    pub(crate) fn is_worst_of_e(&self, group: usize, incarnation_number: u64) -> bool {
        let Some(first) = self.events_of(group, incarnation_number).first().copied() else {
            return false;
        };
        let is_later = incarnation_number > 1;
        let is_next = |known: &&WrittenEvent| {
            known.event.version > first.event.version
                && known.event.version <= self.highest_before(group, incarnation_number) + 1
        };
        let may_be_next = || self.events_of(group, incarnation_number).iter().any(is_next);
        if is_later && first.is_deleted_alone && (self.groups[group].is_timeless() || may_be_next()) {
            return true;
        }
        self.is_case_e(first.event) && (self.is_close(group, incarnation_number) || first.is_deleted_alone)
    }

    /// Case f: an event of the aggregate was deleted by itself.
    pub(crate) fn is_case_f(&self, group: usize) -> bool {
        self.groups[group].known.iter().any(|known| known.is_deleted_alone)
    }

    /// Whether an event is older than the ledger's `start`, by the time of every event up to it; without times, whether
    /// it was there before the ledger, more than ten versions below all that the stream showed.
    pub(crate) fn is_old(&self, known: &WrittenEvent, start: u64) -> bool {
        let aggregate = &self.groups[known.event.group];
        let shown = aggregate.known.iter().filter(|other| other.shown.is_some());
        let lowest = shown.map(|other| other.event.version).min().unwrap_or(i64::MAX);
        let is_above = aggregate.is_timeless() && known.event.version >= lowest.saturating_sub(10);
        let mut until = self.history_until(known);
        known.is_history && !is_above && until.all(|known| known.time < start)
    }

    /// Whether an event is not older than the ledger's `start`: one up to it, which was never deleted, is not.
    pub(crate) fn is_new(&self, known: &WrittenEvent, start: u64) -> bool {
        let mut until = self.history_until(known);
        !known.is_history || until.any(|known| known.time >= start && known.deleted.is_none())
    }

    /// The events of an aggregate up to this one that were there before the ledger.
    fn history_until(&self, known: &WrittenEvent) -> impl Iterator<Item = &WrittenEvent> {
        let event = known.event;
        let all = self.groups[event.group].known.iter();
        all.filter(move |known| known.is_history && known.event.version <= event.version)
    }

    /// Whether an event names an instant before the ledger was made, and the stream showed nothing of its incarnation,
    /// or only events that were deleted by themselves: then the ledger could not know that it is new.
    pub(crate) fn is_unseen(&self, event: EventRef) -> bool {
        let aggregate = &self.groups[event.group];
        let mut of_incarnation =
            aggregate.known.iter().filter(|known| known.event.incarnation_number == event.incarnation_number);
        (aggregate.is_back_dated() || aggregate.is_timeless())
            && of_incarnation.all(|known| known.arrived.is_none() || known.is_deleted_alone)
    }

    /// The same for a client that wants only new events: also, if the ledger saw the event before the stream showed it.
    pub(crate) fn looks_old(&self, event: EventRef, observed: &Observed) -> bool {
        let aggregate = &self.groups[event.group];
        let is_unclear = aggregate.is_back_dated() || aggregate.is_timeless();
        self.is_unseen(event) || is_unclear && observed.is_taken_for_old(event)
    }
}
