//! First enqueues are in version order, and leave nothing out.

use std::collections::BTreeSet;

use crate::clients::NAMES;
use crate::observed::{Arrival, Observed};
use crate::registrations::Registered;
use crate::source::EventRef;
use crate::trace::clock;
use crate::world::World;

impl World {
    pub(crate) fn check_order(&self) {
        let (source, observed) = (self.source.borrow(), self.observed.borrow());
        for client in 0..NAMES.len() {
            for (index, registered) in observed.registered[client].iter().enumerate() {
                let own: Vec<&Arrival> = observed
                    .enqueued()
                    .filter(|arrival| {
                        arrival.client == client
                            && observed.registration_at(client, arrival.at) == Some(index)
                    })
                    .collect();
                for group in 0..source.groups.len() {
                    for incarnation_number in 1..=source.incarnations(group) {
                        let of_incarnation = own.iter().filter(|arrival| {
                            arrival.event.group == group
                                && arrival.event.incarnation_number == incarnation_number
                        });
                        let of_incarnation: Vec<&Arrival> = of_incarnation.copied().collect();
                        self.check_incarnation(registered, client, &of_incarnation);
                    }
                }
            }
        }
    }

    fn check_incarnation(&self, registered: &Registered, client: usize, arrivals: &[&Arrival]) {
        let (source, observed) = (self.source.borrow(), self.observed.borrow());
        let Some(some) = arrivals.first() else { return };
        if source.is_case_e(some.event)
            || source.is_worst_of_e(some.event.group, some.event.incarnation_number)
            || source.is_of_a_beginning_that_was_gone(some.event, some.at)
        {
            return;
        }
        let name = NAMES[client];
        let start = self.ledger_start();
        let known = source.events_of(some.event.group, some.event.incarnation_number);
        // An event that was deleted by itself before it arrived may come late, or not at all: case f.
        let is_gone = |arrival: &Arrival| {
            known.iter().any(|known| {
                known.event == arrival.event
                    && known.is_deleted_alone
                    && known.deleted.is_some_and(|deleted| deleted <= arrival.at)
            })
        };
        let firsts = |arrival: &&&Arrival| arrival.replay.is_none() && !is_gone(arrival);
        let first = arrivals.iter().filter(firsts).map(|arrival| arrival.event.version).min();
        let mut seen = BTreeSet::new();
        let mut is_first = true;
        for arrival in arrivals {
            // What is not decided on yet, its sender decides: what another instance decides later may come late.
            let is_due = |event: EventRef| {
                let decided = observed.decisions.wanted(registered.id, event, ..=arrival.at);
                decided.unwrap_or_else(|| arrival.wish.wants(event))
            };
            let version = arrival.event.version;
            if arrival.replay.is_none() && !seen.contains(&version) {
                let own = known.iter().find(|known| known.event == arrival.event);
                if !registered.history && own.is_some_and(|own| source.is_old(own, start)) {
                    self.violated(|| {
                        format!("history: {name} got {}, which is older than its start", arrival.event)
                    });
                }
                // A client that joined without history begins somewhere; no lower version follows.
                let joined = !registered.history && !registered.is_of_the_first();
                let from = if joined { first.unwrap_or(version) } else { source.first_version };
                // One that came before as a repetition does not come later.
                let is_early = |first: i64| {
                    first < version
                        && !seen.contains(&first)
                        && is_due(EventRef { version: first, ..arrival.event })
                };
                if joined && is_first && first.is_some_and(is_early) {
                    self.violated(|| {
                        format!("order: {name} began with {} and got version {} later", arrival.event, from)
                    });
                }
                is_first = false;
                let missing = known.iter().find(|known| {
                    (from..version).contains(&known.event.version)
                        && !seen.contains(&known.event.version)
                        && known.is_convertible()
                        && is_due(known.event)
                        && !observed.holds.is_skipped(client, known.event)
                        && (registered.history
                            || source.is_new(known, start) && !source.looks_old(known.event, &observed))
                        && known.deleted.is_none_or(|deleted| deleted > arrival.at)
                });
                if let Some(missing) = missing {
                    let (at, event) = (clock(arrival.at), arrival.event);
                    self.violated(|| {
                        format!("order: {name} got {event} at {at} and not {} before", missing.event)
                    });
                }
            }
            seen.insert(version);
        }
    }
}

impl Observed {
    /// The last registration of a client, unless it is retired.
    pub(crate) fn served(&self, client: usize) -> Option<&Registered> {
        self.registered[client].last().filter(|registered| registered.retired.is_none())
    }
}
