//! What must hold when a process sends: it is not too late, and the ledger has taken a write.

use std::rc::Rc;

use shared::budget::Budget;
use shared::ids::Group;
use shared::ledger::times::PASS_LIMIT;
use shared::ledger::{ClientId, ItemKey, Write};
use shared::message::Message;
use shared::naming::QueueUrl;
use shared::time::Timestamp;

use crate::clients::NAMES;
use crate::process::Pulse;
use crate::trace::length;
use crate::wire::CLOCK_ERROR;
use crate::world::World;

impl Pulse {
    /// The time that its machine's clock shows at an instant.
    pub(crate) fn clock(&self, at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.as_millis() + self.clock_error - CLOCK_ERROR / 2)
    }

    /// The process looks at the clock.
    pub(crate) fn looks(&self, now: Timestamp) {
        self.has_looked.set(true);
        if !self.has_begun.get() {
            self.began.set(now);
        }
    }

    /// The process reads items of the ledger. A pass of catch-up reads the cursors of its groups first, and again only
    /// after everything is sent.
    pub(crate) fn reads(&self, keys: &[ItemKey], now: Timestamp) {
        let mut passes = self.passes.borrow_mut();
        for key in keys {
            if let ItemKey::Cursor(client, group) = key {
                passes.insert((*client, group.clone()), now);
            }
        }
    }

    /// The process learns whether the ledger took a write. A lease that was not renewed is lost.
    pub(crate) fn writes(&self, writes: &[Write], is_taken: bool) {
        let mut written = self.written.borrow_mut();
        self.has_lost_write.set(self.has_lost_write.get() || !is_taken);
        for Write { key, .. } in writes {
            if is_taken {
                written.insert(key.clone());
            } else if matches!(key, ItemKey::Lease(_)) {
                written.remove(key);
            }
        }
    }

    fn has_written(&self, key: &ItemKey) -> bool {
        self.written.borrow().contains(key)
    }

    fn pass_of(&self, client: ClientId, group: &Group) -> Option<Timestamp> {
        self.passes.borrow().get(&(client, group.clone())).copied()
    }
}

impl World {
    /// A process is about to send.
    pub(crate) fn check_permits(
        self: &Rc<Self>,
        pulse: &Rc<Pulse>,
        queue: &QueueUrl,
        batch: &[&Message],
        now: Timestamp,
    ) {
        // Nothing starts in the last third of an invocation.
        let budget = Budget::new(pulse.began.get(), pulse.limit.get());
        let late = pulse.clock(now).since(budget.sends());
        if !late.is_zero() {
            self.forbidden(pulse, now, format!("late: {} after two thirds of its time", length(late)));
        }
        let Some(client) = self.clients.borrow().of(queue) else { return };
        for message in batch {
            let why = if pulse.name.starts_with("fan-out") {
                Self::is_forbidden_to_fan_out(pulse, message)
            } else {
                self.is_forbidden_to_catch_up(pulse, client, message, now)
            };
            if let Some(why) = why {
                let what = format!("{why}: {} to {}", self.name_of(message), NAMES[client]);
                self.forbidden(pulse, now, what);
            }
        }
    }

    /// A message that was received before may be sent only after a write of its group.
    fn is_forbidden_to_fan_out(pulse: &Pulse, message: &Message) -> Option<String> {
        let group = message.group();
        let is_written = pulse.has_written(&ItemKey::Group(group.clone()));
        let is_repeated = pulse.received_again.borrow().contains(group);
        (is_repeated && !is_written).then(|| "unwritten: received again and sent before a write".to_owned())
    }

    /// A pass begins with a write and a read, and lasts for a limited time. It sends by the filter that it has read.
    fn is_forbidden_to_catch_up(
        &self,
        pulse: &Pulse,
        client: usize,
        message: &Message,
        now: Timestamp,
    ) -> Option<String> {
        let id = self.observed.borrow().registered[client].last()?.id;
        if !pulse.has_written(&ItemKey::Lease(id)) {
            return Some("unwritten: sent without a lease".to_owned());
        }
        let read_at = pulse.pass_of(id, message.group())?;
        let filter = self.instances.borrow().filter(pulse.file, client);
        if filter.is_none_or(|own| !self.observed.borrow().has_had_since(read_at, id, &own)) {
            return Some("filter: sent by another one than the registry's".to_owned());
        }
        let after = now.since(read_at);
        (after > PASS_LIMIT).then(|| format!("late: {} after its read", length(after)))
    }

    /// Reports a violation, if the process gets as far as `now`: it may die before, as it can be ahead of the world's
    /// clock.
    fn forbidden(self: &Rc<Self>, pulse: &Rc<Pulse>, now: Timestamp, what: String) {
        let pulse = Rc::clone(pulse);
        self.at(now, move |world| {
            if pulse.has_reached(now) {
                world.violated(|| format!("{what}, by {}", pulse.name));
            }
        });
    }
}
