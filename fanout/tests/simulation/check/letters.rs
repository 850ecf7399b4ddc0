//! An event that cannot be converted is passed over, and there is a letter about it.

use serde_json::Value;
use shared::place::OwnQueue;

use crate::world::World;

impl World {
    pub(crate) fn check_letters(&self) {
        let rejected = self.queues.accepted(&self.place.own_queue(OwnQueue::Rejected));
        let letters: Vec<Value> =
            rejected.iter().filter_map(|letter| serde_json::from_str(&letter.body).ok()).collect();
        let (source, observed) = (self.source.borrow(), self.observed.borrow());
        for known in source.all().filter(|known| !known.is_convertible() && !known.is_history) {
            let event = known.event;
            let Some((life, item)) = self.group_item(event.group) else { continue };
            let is_passed_over = life == event.life && item.version >= event.version;
            // What is deleted, or taken for another life's, or for older than the ledger, is not looked at.
            let is_plain = !source.is_case_e(event)
                && !source.is_case_f(event.group)
                && !source.looks_old(event, &observed)
                && known.is_there(self.now());
            let shared::ids::Key::S(sort) = &known.sort else { continue };
            let has_letter = || letters.iter().any(|letter| letter.to_string().contains(sort.as_str()));
            if is_passed_over && is_plain && !has_letter() {
                self.violated(|| format!("letter: {event} was passed over, and there is no letter about it"));
            }
        }
    }
}
