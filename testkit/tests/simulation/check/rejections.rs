//! An event that cannot be converted is passed over, and there is a rejection about it.

use serde_json::Value;
use shared::naming::OwnQueue;

use crate::world::World;

impl World {
    /// An event whose version is not believed has a rejection, too; that no client gets it, its arrival shows.
    pub(crate) fn check_rejections(&self) {
        let rejected = self.queues.accepted(&self.naming.own_queue(OwnQueue::Rejected));
        let rejections: Vec<Value> =
            rejected.iter().filter_map(|rejection| serde_json::from_str(&rejection.body).ok()).collect();
        let (source, observed) = (self.source.borrow(), self.observed.borrow());
        for (group, aggregate) in source.groups.iter().enumerate() {
            for far in aggregate.far.iter().filter(|far| far.shown.is_some() && !far.deleted) {
                let shared::ids::Key::S(sort) = &far.sort else { continue };
                let is_in = |rejection: &Value| rejection.to_string().contains(sort.as_str());
                if !rejections.iter().any(is_in) {
                    self.violated(|| {
                        format!("rejection: there is none about event {sort} of {group}, which is far above")
                    });
                }
            }
        }
        for known in source.all().filter(|known| !known.is_convertible() && !known.is_history) {
            let event = known.event;
            let Some((incarnation_number, item)) = self.group_item(event.group) else { continue };
            let is_passed_over =
                incarnation_number == event.incarnation_number && item.version >= event.version;
            // An event that is deleted, or taken for one of another incarnation or older than the ledger, is not looked
            // at.
            let is_plain = !source.is_case_e(event)
                && !source.is_case_f(event.group)
                && !source.looks_old(event, &observed)
                && known.is_there(self.now());
            let shared::ids::Key::S(sort) = &known.identity.sort else { continue };
            let has_rejection =
                || rejections.iter().any(|rejection| rejection.to_string().contains(sort.as_str()));
            if is_passed_over && is_plain && !has_rejection() {
                self.violated(|| {
                    format!("rejection: {event} was passed over, and there is no rejection about it")
                });
            }
        }
    }
}
