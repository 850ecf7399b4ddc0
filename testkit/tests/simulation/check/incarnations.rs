//! Every message to a client names its event's incarnation, by a token that no other incarnation has.

use std::collections::BTreeMap;

use crate::clients::NAMES;
use crate::world::World;

impl World {
    pub(crate) fn check_incarnations(&self) {
        let (source, observed) = (self.source.borrow(), self.observed.borrow());
        let mut tokens = BTreeMap::<(usize, u64), &str>::new();
        for arrival in &observed.arrivals {
            let (event, token) = (arrival.event, arrival.token.as_str());
            if token.is_empty() {
                self.violated(|| format!("token: {} got {event} without one", NAMES[arrival.client]));
            }
            // What was taken for an event of another incarnation has the token of that.
            if source.is_case_e(event) || source.is_case_f(event.group) {
                continue;
            }
            // While an aggregate is erased, its next event can look like a new beginning.
            let is_erased = source.events_of(event.group, event.incarnation_number);
            if is_erased.iter().any(|known| known.deleted.is_some_and(|deleted| deleted <= arrival.at)) {
                continue;
            }
            let known = *tokens.entry((event.group, event.incarnation_number)).or_insert(token);
            if known != token {
                let name = NAMES[arrival.client];
                self.violated(|| format!("token: {name} got {event} with {token}, others had {known}"));
            }
        }
        let mut seen = BTreeMap::<&str, (usize, u64)>::new();
        for (incarnation, token) in tokens {
            if let Some(other) = seen.insert(token, incarnation) {
                self.violated(|| format!("token: {incarnation:?} and {other:?} have the same, {token}"));
            }
        }
    }
}
