//! A consumer that follows the rule of `docs/ordering.md` takes every event once, in order, whatever is repeated.

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::observed::{Arrival, Fate};
use crate::source::{EventRef, Source};
use crate::world::World;

/// What a consumer remembers of an aggregate.
struct Consumer {
    first_version: i64,
    version: i64,
    /// The first version that it took last.
    first: Option<EventRef>,
    taken: Vec<EventRef>,
}

impl Consumer {
    fn receive(&mut self, event: EventRef) {
        let begins_anew = event.version == self.first_version && self.first != Some(event);
        if !begins_anew && event.version <= self.version {
            return;
        }
        if event.version == self.first_version {
            self.first = Some(event);
        }
        self.version = event.version;
        self.taken.push(event);
    }
}

impl World {
    pub(crate) fn check_consumers(&self) {
        // A consumer never saw the messages of a deleted queue, so it cannot know where an incarnation began.
        if self.mix.has(Kind::QueueDeleted) {
            return;
        }
        let (source, observed) = (self.source.borrow(), self.observed.borrow());
        for (client, name) in NAMES.into_iter().enumerate() {
            if observed.registered[client].len() != 1 {
                continue;
            }
            for group in (0..source.groups.len()).filter(|group| source.has_plain_incarnations(*group)) {
                let is_own = |arrival: &&Arrival| {
                    arrival.client == client && arrival.event.group == group && arrival.fate == Fate::Enqueued
                };
                let received: Vec<&Arrival> = observed.arrivals.iter().filter(is_own).collect();
                // A client that began later than the first version and has it replayed begins anew, as it should.
                let is_plain = |event: EventRef| {
                    received.iter().any(|arrival| arrival.event == event && arrival.replay.is_none())
                };
                if received
                    .iter()
                    .any(|arrival| arrival.event.version == source.first_version && !is_plain(arrival.event))
                {
                    continue;
                }
                let first_version = source.first_version;
                let mut consumer =
                    Consumer { first_version, version: first_version - 1, first: None, taken: Vec::new() };
                received.iter().for_each(|arrival| consumer.receive(arrival.event));

                let taken = &consumer.taken;
                if let Some(pair) = taken.windows(2).find(|pair| pair[0] >= pair[1]) {
                    self.violated(|| format!("consumer: {name} takes {} after {}", pair[1], pair[0]));
                }
                // An event of a replay need not be new to the consumer.
                let mut firsts = received.iter().filter(|arrival| arrival.replay.is_none());
                if let Some(ignored) = firsts.find(|arrival| !taken.contains(&arrival.event)) {
                    self.violated(|| format!("consumer: {name} ignores {}", ignored.event));
                }
            }
        }
    }
}

impl Source {
    /// Whether every incarnation of an aggregate began with an event that was sent before the others.
    fn has_plain_incarnations(&self, group: usize) -> bool {
        let is_plain = |incarnation_number: u64| {
            let first = self.events_of(group, incarnation_number).first().copied();
            first.is_some_and(|first| first.is_convertible() && !self.is_case_e(first.event))
        };
        !self.is_case_f(group) && (1..=self.incarnations(group)).all(is_plain)
    }
}
