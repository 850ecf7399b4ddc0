//! A replay repeats everything from its version to what the client had, in order.

use std::collections::BTreeMap;

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::observed::{Arrival, Replayed};
use crate::source::EventRef;
use crate::world::World;

impl World {
    pub(crate) fn check_replays(&self) {
        let (source, observed) = (self.source.borrow(), self.observed.borrow());
        let now = self.now();
        // An event that was taken for old before it was readable is a version that was passed over.
        let was_passed_over = |event: EventRef, replay: &Replayed| {
            source.looks_old(event, &observed)
                && source.known(event).is_some_and(|known| known.readable > replay.at)
        };
        for replay in &observed.replays {
            let registration = observed.registration_at(replay.client, replay.at);
            let is_served = observed.served(replay.client).is_some()
                && registration == observed.registered[replay.client].len().checked_sub(1);
            // An event that becomes readable below a first one that was deleted looks like a new incarnation. Where
            // clocks differ, so does the remainder of an incarnation. All of it comes again, without the attribute
            // `replay`.
            let is_taken_for_new =
                self.mix.has_any(&[Kind::Skew, Kind::Apart]) && source.is_case_f(replay.group);
            let is_over = replay.incarnation_number != source.incarnations(replay.group);
            if !is_served
                || is_over
                || is_taken_for_new
                || source.is_worst_of_e(replay.group, replay.incarnation_number)
            {
                continue;
            }
            let (name, id) = (NAMES[replay.client], &replay.id);
            let last = observed.registered[replay.client].last();
            for known in source.events_of(replay.group, replay.incarnation_number) {
                let event = known.event;
                let is_meant = (replay.from..=replay.had).contains(&event.version);
                let decided = last.and_then(|last| observed.decisions.wanted(last.id, event, replay.at..));
                let is_wanted = decided.unwrap_or_else(|| self.always_wants(replay.client, event))
                    && !observed.holds.is_skipped(replay.client, event);
                let is_there = known.is_there(now) && known.is_convertible();
                if !is_meant || !is_there || !is_wanted || source.is_case_e(event) {
                    continue;
                }
                let is_repeated = observed.enqueued().any(|arrival| {
                    arrival.client == replay.client
                        && arrival.event == event
                        && arrival.replay.is_some()
                        && arrival.at >= replay.at
                });
                if !is_repeated && !was_passed_over(event, replay) {
                    self.violated(|| {
                        format!(
                            "replay: {id} from {} for {name}, which had {}, left out {event}",
                            replay.from, replay.had
                        )
                    });
                }
            }
        }
        let mut last: BTreeMap<(usize, &str, usize, u64), Vec<&Arrival>> = BTreeMap::new();
        for arrival in observed.enqueued() {
            let Some(id) = &arrival.replay else { continue };
            let event = arrival.event;
            let seen = last.entry((arrival.client, id, event.group, event.incarnation_number)).or_default();
            let is_first = !seen.iter().any(|earlier| earlier.event == event);
            let is_late =
                seen.iter().any(|later| later.event.version > event.version && later.wish.wants(event));
            let mut requested = observed.replays.iter().filter(|replay| replay.id == *id);
            if is_first && is_late && !requested.any(|replay| was_passed_over(event, replay)) {
                self.violated(|| {
                    format!("replay: {} got {event} of {id} after a later one", NAMES[arrival.client])
                });
            }
            seen.push(arrival);
        }
    }
}
