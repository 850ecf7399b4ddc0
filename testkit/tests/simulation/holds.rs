//! Groups that are held, by operators and by what delivers from clients' queues; and what must hold then.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::ledger::times::{CALL_LIMIT, FAN_OUT_LIMIT, PASS_LIMIT};
use shared::ledger::{Cursor, Item, ItemKey, State, Write};
use shared::time::Timestamp;

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::operator::TRIES;
use crate::process::Pulse;
use crate::source::EventRef;
use crate::trace::length;
use crate::wire::CLOCK_ERROR;
use crate::world::World;

/// What the ledger said about holds.
#[derive(Default)]
pub(crate) struct Holds {
    /// The groups that are held for a client, and since when.
    since: BTreeMap<(usize, usize), Timestamp>,
    /// The events that a client does not get.
    skipped: BTreeSet<(usize, EventRef)>,
}

impl Holds {
    pub(crate) fn is_skipped(&self, client: usize, event: EventRef) -> bool {
        self.skipped.contains(&(client, event))
    }
}

impl World {
    /// Holds a group from a version on, or from what was not sent; `done` gets to know whether it is held.
    pub(crate) fn hold(
        self: &Rc<Self>,
        client: usize,
        group: usize,
        from: Option<i64>,
        done: impl FnOnce(&Rc<Self>, bool) + Clone + 'static,
    ) {
        let id = {
            let mut operator = self.operator.borrow_mut();
            operator.holds += 1;
            format!("h{}", operator.holds)
        };
        self.observed.borrow_mut().replay_requested(&id, from.unwrap_or(i64::MAX));
        let request = json!({
            "request": "hold", "client": NAMES[client], "keys": [self.key_of(group)], "from": from,
            "reason": "it fails", "replay": id
        });
        self.catch_up(request, move |world, answer| {
            done(world, answer.is_some_and(|answer| answer["results"][0]["outcome"] == "held"));
        });
    }

    /// An operator holds a group for a while, and perhaps leaves out an event.
    pub(crate) fn hold_for(self: &Rc<Self>, duration: Duration) {
        let (client, group) = (self.some_client(), self.rng.index(2));
        let first = self.mix.first_version();
        let from = self.rng.coin().then(|| self.rng.between(0, 6) as i64 + first);
        self.hold(client, group, from, |_, _| {});
        if self.rng.chance(300) {
            let within = self.rng.seconds(0, duration.as_secs());
            self.after(within, move |world| world.skip_next(client, group));
        }
        self.after(duration, move |world| world.release(client, group));
    }

    pub(crate) fn release(self: &Rc<Self>, client: usize, group: usize) {
        let request = json!({ "request": "release", "client": NAMES[client], "keys": [self.key_of(group)] });
        self.insist(request, TRIES, |_, _| {});
    }

    /// The operator leaves out the next event, as far as the operator knows.
    fn skip_next(self: &Rc<Self>, client: usize, group: usize) {
        let Some(cursor) = self.cursor(client, group) else { return };
        let version = cursor.position + self.rng.between(1, 2) as i64;
        let request = json!({
            "request": "skip", "client": NAMES[client], "key": self.key_of(group), "version": version,
            "reason": "it fails for good"
        });
        self.catch_up(request, |_, _: Option<Value>| {});
    }

    /// Releases every group that is still held.
    pub(crate) fn release_all(self: &Rc<Self>) {
        for (client, name) in NAMES.iter().enumerate() {
            for group in 0..self.source.borrow().groups.len() {
                if self.cursor(client, group).is_some_and(|cursor| cursor.hold.is_some()) {
                    let keys = [self.key_of(group)];
                    let request = json!({ "request": "release", "client": name, "keys": keys });
                    self.catch_up(request, |_, _| {});
                }
            }
        }
    }

    /// The cursor of a client's last registration.
    fn cursor(&self, client: usize, group: usize) -> Option<Cursor> {
        let id = self.observed.borrow().registered[client].last()?.id;
        let group = self.source.borrow().groups[group].group.clone();
        match self.ledger.get(&ItemKey::Cursor(id, group)) {
            Some(Item::Cursor(cursor)) => Some(cursor),
            _ => None,
        }
    }

    /// A cursor was written: only a release ends a hold, and the client's retirement.
    pub(crate) fn watch_hold(&self, pulse: &Pulse, write: &Write, before: Option<&Item>) {
        let ItemKey::Cursor(id, group) = &write.key else { return };
        let hold = |item: Option<&Item>| match item {
            Some(Item::Cursor(cursor)) => cursor.hold.clone(),
            _ => None,
        };
        let (was, is) = (hold(before), hold(write.item.as_ref()));
        let Some(index) = self.source.borrow().index_of(group) else { return };
        let Some(client) = self.observed.borrow().client_of(*id) else { return };
        let place = (client, index);
        let mut observed = self.observed.borrow_mut();
        if let Some(hold) = &is {
            if was.is_none() {
                observed.holds.since.insert(place, self.now());
            }
            let known = was.as_ref().map_or(&[][..], |was| &was.skipped);
            let new = hold.skipped.iter().filter(|skipped| !known.contains(skipped));
            let new: Vec<i64> = new.map(|skipped| skipped.version).collect();
            drop(observed);
            for version in new {
                let Some((incarnation_number, _)) = self.group_item(index) else { continue };
                let event = EventRef { group: index, incarnation_number, version };
                self.observed.borrow_mut().holds.skipped.insert((client, event));
            }
            return;
        }
        if was.is_none() {
            return;
        }
        observed.holds.since.remove(&place);
        drop(observed);
        let is_retired = match self.ledger.get(&ItemKey::Registry) {
            Some(Item::Registry(registry)) => {
                registry.client(*id).is_none_or(|(_, client)| client.state == State::Retired)
            }
            _ => false,
        };
        if !is_retired && !pulse.name.starts_with("release") {
            self.violated(|| format!("hold: {} ends the hold of {} in `{group}`", pulse.name, NAMES[client]));
        }
    }

    /// A client got a message of a group that is held: only what was under way.
    pub(crate) fn check_held(&self, pulse: &Pulse, client: usize, group: usize, message: impl Display) {
        let Some(since) = self.observed.borrow().holds.since.get(&(client, group)).copied() else { return };
        let clocks = Duration::from_millis(if self.mix.has(Kind::Skew) { CLOCK_ERROR } else { 0 });
        let bound = FAN_OUT_LIMIT.max(PASS_LIMIT + CALL_LIMIT) + clocks;
        let after = self.now().since(since);
        if after > bound {
            self.violated(|| {
                format!(
                    "held: {} sent {message} to {} {} after the group was held",
                    pulse.name,
                    NAMES[client],
                    length(after)
                )
            });
        }
    }
}
