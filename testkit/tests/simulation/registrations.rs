//! Which clients were served when, as the ledger's registry said.

use std::fmt::Display;
use std::time::Duration;

use shared::filter::FilterDigest;
use shared::ledger::{ClientId, Registry, State};
use shared::time::Timestamp;

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::observed::Observed;
use crate::process::Pulse;
use crate::script::LONGEST_OVERLAP;
use crate::trace::length;
use crate::wire::CLOCK_ERROR;
use crate::world::World;
use shared::ledger::times::{ABSENCE, CALL_LIMIT, FAN_OUT_LIMIT, PASS_LIMIT};

/// A client's time in the registry.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) id: ClientId,
    pub(crate) since: u64,
    pub(crate) history: bool,
    pub(crate) admitted: Timestamp,
    pub(crate) retired: Option<Timestamp>,
    /// The instant since which it is paused, if it is.
    pub(crate) paused: Option<Timestamp>,
}

impl Registered {
    /// Whether it was there when the ledger was made.
    pub(crate) fn is_of_the_first(&self) -> bool {
        self.since <= 1
    }
}

impl Observed {
    pub(crate) fn client_of(&self, id: ClientId) -> Option<usize> {
        self.registered.iter().position(|all| all.iter().any(|registered| registered.id == id))
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = (usize, ClientId)> {
        let all = self.registered.iter().enumerate();
        all.flat_map(|(client, all)| all.iter().map(move |registered| (client, registered.id)))
    }

    /// Whether the registry had this filter of a client at an instant, or since.
    pub(crate) fn has_had_since(&self, at: Timestamp, id: ClientId, filter: &FilterDigest) -> bool {
        let own: Vec<_> = self.filtered.iter().filter(|(_, other, _)| *other == id).collect();
        let first = own.iter().rposition(|(since, ..)| *since <= at).unwrap_or(0);
        own[first..].iter().any(|(_, _, other)| other == filter)
    }

    /// Which of a client's registrations an instant is in.
    pub(crate) fn registration_at(&self, client: usize, at: Timestamp) -> Option<usize> {
        self.registered[client].iter().rposition(|registered| registered.admitted <= at)
    }
}

impl World {
    pub(crate) fn watch_registry(&self, registry: &Registry) {
        let now = self.now();
        let mut observed = self.observed.borrow_mut();
        let served = registry.clients.values().filter(|client| client.state != State::Retired);
        let filters = served.map(|client| (client.id, client.filter.clone())).collect();
        observed.filters.insert(registry.revision, filters);
        for client in registry.clients.values() {
            let mut filtered = observed.filtered.iter().rev();
            let last = filtered.find(|(_, id, _)| *id == client.id).map(|(_, _, filter)| filter);
            if last != Some(&client.filter) {
                observed.filtered.push((now, client.id, client.filter.clone()));
            }
        }
        for (name, now_registered) in &registry.clients {
            let Some(client) = NAMES.iter().position(|known| *known == name.as_str()) else { continue };
            let all = &mut observed.registered[client];
            if all.last().is_none_or(|last| last.id != now_registered.id) {
                all.push(Registered {
                    id: now_registered.id,
                    since: now_registered.since,
                    history: now_registered.history,
                    admitted: now,
                    retired: None,
                    paused: None,
                });
            }
            let Some(last) = all.last_mut() else { continue };
            if now_registered.state == State::Retired && last.retired.is_none() {
                self.check_absence(client);
            }
            match now_registered.state {
                State::Live => last.paused = None,
                State::Paused => last.paused = last.paused.or(Some(now)),
                State::Retired => last.retired = last.retired.or(Some(now)),
            }
        }
    }

    /// A client is not retired if it left the file a moment ago, or never.
    fn check_absence(&self, client: usize) {
        let removed_at = self.instances.borrow().removed_at(client);
        let absent = removed_at.map(|removed_at| self.now().since(removed_at)).unwrap_or_default();
        let clocks = Duration::from_millis(CLOCK_ERROR * 2);
        // An instance of the file before did not have a client that a deploy had just added.
        let is_added = self.mix.has_any(&[Kind::Added, Kind::ScannedApart]);
        let is_just_added = is_added && self.mix.has(Kind::Overlap);
        let before = if is_just_added { LONGEST_OVERLAP } else { Duration::ZERO };
        if absent + clocks + before < ABSENCE {
            self.violated(|| {
                format!("retired early: {} left the file {} ago", NAMES[client], length(absent))
            });
        }
    }

    /// Nothing reaches a client that is not served: not before its admission, not after its retirement, not in a pause.
    pub(crate) fn check_arrival(
        &self,
        pulse: &Pulse,
        client: usize,
        message: impl Display,
        replay: Option<&str>,
    ) {
        let observed = self.observed.borrow();
        let name = NAMES[client];
        let Some(registered) = observed.registered[client].last() else {
            return self.violated(|| {
                format!("unserved: {} sent {message} to {name}, which is not served", pulse.name)
            });
        };
        let clocks = Duration::from_millis(if self.mix.has(Kind::Skew) { CLOCK_ERROR } else { 0 });
        let bound = FAN_OUT_LIMIT.max(PASS_LIMIT + CALL_LIMIT) + clocks;
        for (since, what) in [(registered.paused, "paused"), (registered.retired, "retired")] {
            let Some(since) = since else { continue };
            let after = self.now().since(since);
            if after > bound {
                let replay = replay.map(|id| format!(" (replay {id})")).unwrap_or_default();
                let who = &pulse.name;
                self.violated(|| {
                    format!(
                        "{what}: {who} sent {message}{replay} to {name} {} after it was {what}",
                        length(after)
                    )
                });
            }
        }
    }
}
