//! Every wanted event of the table has been enqueued.

use std::time::Duration;

use shared::ledger::times::FAN_OUT_LIMIT;
use shared::ledger::{Item, ItemKey};

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::world::World;

impl World {
    pub(crate) fn check_completeness(&self) {
        let (source, observed) = (self.source.borrow(), self.observed.borrow());
        let (now, start) = (self.now(), self.ledger_start());
        // A client that joins without history gets the events that are appended more than one pass after its admission.
        let stall = if self.mix.has(Kind::Stall) { Duration::from_secs(100) } else { Duration::ZERO };
        let pass = FAN_OUT_LIMIT + Duration::from_secs(5) + stall;
        for client in self.instances.borrow().clients() {
            let Some(registered) = observed.served(*client) else {
                return self
                    .violated(|| format!("unserved: {} is in the file and not served", NAMES[*client]));
            };
            let got = |event| {
                observed.enqueued().any(|arrival| {
                    arrival.client == *client && arrival.event == event && arrival.at >= registered.admitted
                })
            };
            for known in source.all().filter(|known| known.is_there(now) && known.is_convertible()) {
                let event = known.event;
                let looks_old = if registered.history {
                    source.is_unseen(event)
                } else {
                    source.looks_old(event, &observed)
                };
                let is_exempt = source.is_worst_of_e(event.group, event.incarnation_number) || looks_old;
                let is_skipped = observed.holds.is_skipped(*client, event);
                let is_meant = observed
                    .decisions
                    .wanted(registered.id, event, ..)
                    .unwrap_or_else(|| self.always_wants(*client, event));
                if is_exempt || is_skipped || !is_meant {
                    continue;
                }
                let is_wanted = registered.history
                    || if registered.is_of_the_first() {
                        source.is_new(known, start)
                    } else {
                        known.readable > registered.admitted.plus(pass)
                    };
                if is_wanted && !got(event) {
                    self.violated(|| format!("lost: {} never got {event}", NAMES[*client]));
                }
                let began = observed.enqueued().any(|arrival| {
                    arrival.client == *client
                        && arrival.replay.is_none()
                        && arrival.at >= registered.admitted
                        && arrival.event.group == event.group
                        && arrival.event.incarnation_number == event.incarnation_number
                        && arrival.event.version < event.version
                });
                if began && !got(event) {
                    self.violated(|| {
                        format!("lost: {} got events before {event}, and never that", NAMES[*client])
                    });
                }
            }
        }
    }

    /// The instant before which events are old.
    pub(crate) fn ledger_start(&self) -> u64 {
        match self.ledger.get(&ItemKey::Registry) {
            Some(Item::Registry(registry)) => registry.start.as_millis(),
            _ => 0,
        }
    }
}
