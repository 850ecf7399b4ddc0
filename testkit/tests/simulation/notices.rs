//! Notices that an aggregate was erased: the stream's hints, what the ledger makes of them, and what clients get.

use std::rc::Rc;
use std::time::Duration;

use shared::consumer::ReceivedMessage;
use shared::erasure::{hint, key_of};
use shared::ids::{Group, IncarnationToken};
use shared::ledger::{Item, ItemKey, Write};
use shared::message::{INCARNATION, Message, REPLAY};
use shared::time::Timestamp;

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::observed::Fate;
use crate::process::Pulse;
use crate::wire::CLOCK_ERROR;
use crate::world::World;

/// Whether each client wants to be told when an aggregate is erased.
pub(crate) const NOTICES: [bool; 4] = [false, true, true, false];

/// Removals that the stream shows no further apart than this are in one batch of the converter.
const BATCH: Duration = Duration::from_secs(1);

/// A notice that a client's queue acknowledged.
pub(crate) struct NoticeArrival {
    pub(crate) client: usize,
    pub(crate) group: usize,
    pub(crate) token: String,
    pub(crate) is_replayed: bool,
    pub(crate) fate: Fate,
    pub(crate) message: ReceivedMessage,
    /// How many messages with events had arrived before.
    pub(crate) after: usize,
}

/// An incarnation as the ledger had it.
pub(crate) struct KnownIncarnation {
    pub(crate) token: IncarnationToken,
    /// Whether it was closed, or another one began.
    pub(crate) is_over: bool,
}

impl World {
    /// The stream shows that items of an aggregate were deleted, each after one of these instants; the converter tells the
    /// fan-out, once for each of its batches.
    pub(crate) fn show_removals(self: &Rc<Self>, group: usize, removals: &[Timestamp]) {
        if !self.mix.has(Kind::Notices) {
            return;
        }
        let shown = removals.iter().map(|after| match self.rng.below(4) {
            0 if self.mix.has(Kind::Delayed) => after.plus(self.rng.seconds(0, 400)),
            _ => after.plus(self.rng.millis(20, 400)),
        });
        let mut shown: Vec<Timestamp> = shown.collect();
        shown.sort_unstable();
        for (place, at) in shown.iter().enumerate() {
            let next = shown.get(place + 1);
            let is_last_of_batch = next.is_none_or(|next| next.since(*at) > BATCH);
            if !is_last_of_batch || self.is_on(Kind::Lost) && self.rng.chance(200) {
                continue;
            }
            self.hint_at(group, *at);
            if self.is_on(Kind::Repeated) && self.rng.chance(300) {
                self.hint_at(group, at.plus(self.rng.seconds(0, 400)));
            }
        }
    }

    fn hint_at(self: &Rc<Self>, group: usize, at: Timestamp) {
        self.source.borrow_mut().on_their_way += 1;
        self.at(at, move |world| {
            let key = {
                let mut source = world.source.borrow_mut();
                source.on_their_way -= 1;
                source.groups[group].hinted_at = Some(world.now());
                source.groups[group].key.clone()
            };
            let message = hint(&key, &world.now().as_millis().to_string(), None);
            let is_new = world.queues.put(&world.fan_out(), &message).unwrap();
            world.note("converter", || {
                let swallowed = if is_new { "" } else { ", swallowed" };
                format!("puts a hint about {} on the fan-out queue{swallowed}", ["a", "b"][group])
            });
            world.poke();
        });
    }

    /// A client's queue acknowledged a notice.
    pub(crate) fn note_notice(self: &Rc<Self>, pulse: &Pulse, client: usize, message: &Message, fate: Fate) {
        let name = NAMES[client];
        let token = message.attribute(INCARNATION).unwrap_or_default().to_owned();
        let replay = message.attribute(REPLAY);
        let key = message.body().text().and_then(|body| key_of(&body));
        let group = key.and_then(|key| self.source.borrow().index_of(&Group::of(&key)));
        let Some(group) = group else {
            return self.violated(|| format!("strange: {name} got a notice about no aggregate"));
        };
        let what = format!("the notice of {} {token}", ["a", "b"][group]);
        self.note(&pulse.name, || {
            let swallowed = if fate == Fate::Swallowed { ": swallowed" } else { "" };
            let replayed = if replay.is_some() { " (replay)" } else { "" };
            format!("{what}{replayed} → {name}{swallowed}")
        });
        self.check_arrival(pulse, client, &what, replay);
        self.check_held(pulse, client, group, &what);
        if !NOTICES[client] {
            self.violated(|| format!("notice: {name} is told of an erasure, and did not want to know"));
        }
        let received = ReceivedMessage::try_from_attributes(|name| message.attribute(name));
        let Ok(received) = received else {
            return self.violated(|| format!("strange: {name} got a notice that can't be read"));
        };
        if fate == Fate::Enqueued {
            self.deliver_soon(client, group, None, &received);
        }
        let incarnation_number = self.incarnation_of(group, &token);
        let source = self.source.borrow();
        let is_plain = !source.is_case_f(group);
        if let Some(number) = incarnation_number.filter(|_| is_plain) {
            let events = source.events_of(group, number);
            // In case e, the first ones were sent with the token of the incarnation that was erased.
            let mut plain = events.iter().filter(|known| !source.is_case_e(known.event));
            if let Some(there) = plain.find(|known| known.is_there(self.now())) {
                self.violated(|| {
                    format!("notice: {name} is told of an erasure, and {} is there", there.event)
                });
            }
        }
        let mut observed = self.observed.borrow_mut();
        let arrival = NoticeArrival {
            client,
            group,
            token,
            is_replayed: replay.is_some(),
            fate,
            message: received,
            after: observed.arrivals.len(),
        };
        observed.notices.push(arrival);
    }

    /// Which incarnation of an aggregate has this token, as the world counts.
    fn incarnation_of(&self, group: usize, token: &str) -> Option<u64> {
        if let Some((number, item)) = self.group_item(group)
            && item.token.as_str() == token
        {
            return Some(number);
        }
        let observed = self.observed.borrow();
        let mut own = observed.arrivals.iter().filter(|arrival| arrival.event.group == group);
        own.find(|arrival| arrival.token == token).map(|arrival| arrival.event.incarnation_number)
    }

    /// A group's item was written: it may begin or end an incarnation. Nothing is closed of which something was there all
    /// the time.
    pub(crate) fn watch_incarnation(&self, pulse: &Pulse, write: &Write, before: Option<&Item>) {
        let (ItemKey::Group(group), Some(Item::Group(item))) = (&write.key, &write.item) else { return };
        let Some(group) = self.source.borrow().index_of(group) else { return };
        let was_open = matches!(before, Some(Item::Group(before)) if before.closed.is_none());
        if was_open && item.closed.is_some() {
            let source = self.source.borrow();
            let clocks = Duration::from_millis(CLOCK_ERROR);
            let mut known = source.groups[group].known.iter();
            let there = known
                .find(|known| known.is_there(self.now()) && known.readable.plus(clocks) < pulse.began.get());
            if let Some(there) = there {
                self.violated(|| {
                    format!("closed: {} closed a group, and {} is there", pulse.name, there.event)
                });
            }
        }
        let mut observed = self.observed.borrow_mut();
        let incarnations = observed.incarnations.entry(group).or_default();
        if incarnations.last().is_none_or(|last| last.token != item.token) {
            incarnations.iter_mut().for_each(|earlier| earlier.is_over = true);
            let token = item.token.clone();
            incarnations.push(KnownIncarnation { token, is_over: false });
        }
        if let Some(last) = incarnations.last_mut() {
            last.is_over |= item.closed.is_some();
        }
    }
}
