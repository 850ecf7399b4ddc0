//! By which filter it was decided what each client gets: by that of the instance that recorded it.

use std::ops::RangeBounds;

use shared::ids::Group;
use shared::ledger::{ClientId, Cursor, GroupItem, Item, ItemKey, Write};
use shared::time::Timestamp;

use crate::mix::Kind;
use crate::process::Pulse;
use crate::source::EventRef;
use crate::wishes::Wish;
use crate::world::World;

/// What the ledger took for settled, in the order of its writes.
#[derive(Default)]
pub(crate) struct Decisions(Vec<Decision>);

/// From now on, a client has what it wants of an incarnation up to a version.
struct Decision {
    at: Timestamp,
    id: ClientId,
    group: usize,
    incarnation_number: u64,
    after: i64,
    up_to: i64,
    wish: Wish,
}

impl Decision {
    fn is_about(&self, id: ClientId, event: EventRef) -> bool {
        let place = (event.group, event.incarnation_number);
        self.id == id
            && (self.group, self.incarnation_number) == place
            && self.after < event.version
            && event.version <= self.up_to
    }
}

impl Decisions {
    /// Whether a client was to have an event by a decision of this time; `None` if there was no decision.
    pub(crate) fn wanted(
        &self,
        id: ClientId,
        event: EventRef,
        time: impl RangeBounds<Timestamp>,
    ) -> Option<bool> {
        let is_meant = |decision: &&Decision| time.contains(&decision.at) && decision.is_about(id, event);
        let mut decisions = self.0.iter().filter(is_meant).peekable();
        decisions.peek()?;
        Some(decisions.any(|decision| decision.wish.wants(event)))
    }
}

impl World {
    /// The ledger took a transaction. `before` has what its items were.
    pub(crate) fn watch_decisions(&self, pulse: &Pulse, writes: &[Write], before: &[Option<Item>]) {
        if !self.mix.has(Kind::Filtered) {
            return;
        }
        for (write, before) in writes.iter().zip(before) {
            match (&write.key, &write.item, before) {
                (ItemKey::Group(group), Some(Item::Group(after)), Some(Item::Group(before))) => {
                    self.decide_run(pulse, writes, group, before, after);
                }
                (ItemKey::Cursor(id, group), after, Some(Item::Cursor(before))) => {
                    let after = match after {
                        Some(Item::Cursor(after)) => Some(after),
                        _ => None,
                    };
                    self.decide_pass(pulse, *id, group, before, after);
                }
                _ => {}
            }
        }
    }

    /// A run of the fan-out: clients that stay up to date have all of it, others a part.
    fn decide_run(
        &self,
        pulse: &Pulse,
        writes: &[Write],
        group: &Group,
        before: &GroupItem,
        after: &GroupItem,
    ) {
        let is_same = before.incarnation_number == after.incarnation_number;
        let had = if is_same { before.version } else { self.nothing() };
        // Of others, the group's item does not say yet what they have.
        let observed = self.observed.borrow();
        let adopted = observed.registered.iter().flatten().filter(|own| own.since <= after.revision);
        let ids: Vec<ClientId> = adopted.map(|registered| registered.id).collect();
        drop(observed);
        for id in ids.into_iter().filter(|id| !before.behind.contains(id)) {
            let up_to = if after.behind.contains(&id) {
                let key = ItemKey::Cursor(id, group.clone());
                let cursor = writes.iter().find(|write| write.key == key).map(|write| &write.item);
                let Some(Some(Item::Cursor(cursor))) = cursor else { continue };
                let is_of_it = cursor.incarnation_number == after.incarnation_number;
                if is_of_it { cursor.position } else { had }
            } else {
                after.version
            };
            self.decide(pulse, id, group, had, up_to);
        }
    }

    /// A pass of catch-up, or what the fan-out merges of what it had sent. Without a cursor, the client is up to date.
    fn decide_pass(
        &self,
        pulse: &Pulse,
        id: ClientId,
        group: &Group,
        before: &Cursor,
        after: Option<&Cursor>,
    ) {
        let Some(Item::Group(item)) = self.ledger.get(&ItemKey::Group(group.clone())) else { return };
        let position = |cursor: &Cursor| {
            let is_of_it = cursor.incarnation_number == item.incarnation_number;
            if is_of_it { cursor.position } else { self.nothing() }
        };
        self.decide(pulse, id, group, position(before), after.map_or(item.version, position));
    }

    fn decide(&self, pulse: &Pulse, id: ClientId, group: &Group, after: i64, up_to: i64) {
        let Some(group) = self.source.borrow().index_of(group).filter(|_| up_to > after) else { return };
        let Some((incarnation_number, _)) = self.group_item(group) else { return };
        let Some(client) = self.observed.borrow().client_of(id) else { return };
        let Some(wish) = self.instances.borrow().wish(pulse.file, client) else { return };
        let decision = Decision { at: self.now(), id, group, incarnation_number, after, up_to, wish };
        self.observed.borrow_mut().decisions.0.push(decision);
    }

    /// One below the first version.
    fn nothing(&self) -> i64 {
        self.source.borrow().first_version - 1
    }
}
