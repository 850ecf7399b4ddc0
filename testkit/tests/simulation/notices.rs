//! Notices that an aggregate was erased: the stream's hints, what clients get, and what must hold.

use std::rc::Rc;

use shared::consumer::{ConsumerSettings, ReceivedMessage, Start, Verdict, decide};
use shared::erasure::{hint, key_of};
use shared::ids::Group;
use shared::ledger::{Item, ItemKey, State};
use shared::message::{INCARNATION, Message, REPLAY};
use shared::time::Timestamp;

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::observed::Fate;
use crate::process::Pulse;
use crate::world::World;

/// Whether each client wants to be told when an aggregate is erased.
pub(crate) const NOTICES: [bool; 4] = [false, true, true, false];

/// Kinds of trouble in which a sender may leave unrecorded what it sent: a filtered client is not due a notice then.
const UNRECORDED: [Kind; 14] = [
    Kind::Crash,
    Kind::Stall,
    Kind::SlowCalls,
    Kind::SendUnknown,
    Kind::Twice,
    Kind::LateInvocation,
    Kind::AnswerLost,
    Kind::LedgerReads,
    Kind::LedgerRefuses,
    Kind::LedgerUnknown,
    Kind::LedgerOutage,
    Kind::TableReads,
    Kind::Overlap,
    Kind::Replay,
];

/// A notice that a client's queue acknowledged.
pub(crate) struct NoticeArrival {
    client: usize,
    group: usize,
    token: String,
    is_replayed: bool,
    fate: Fate,
    message: ReceivedMessage,
    /// How many messages with events had arrived before.
    after: usize,
}

impl World {
    /// The stream shows that an item was deleted at `at`; the converter tells the fan-out.
    pub(crate) fn show_removal(self: &Rc<Self>, group: usize, at: Timestamp) {
        if !self.mix.has(Kind::Notices) || (self.is_on(Kind::Lost) && self.rng.chance(200)) {
            return;
        }
        let wait = match self.rng.below(4) {
            0 if self.mix.has(Kind::Delayed) => self.rng.seconds(0, 400),
            _ => self.rng.millis(20, 400),
        };
        let at = at.max(self.source.borrow().groups[group].shown_until);
        self.hint_at(group, at.plus(wait));
        if self.is_on(Kind::Repeated) && self.rng.chance(300) {
            self.hint_at(group, at.plus(wait + self.rng.seconds(0, 400)));
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
    pub(crate) fn note_notice(&self, pulse: &Pulse, client: usize, message: &Message, fate: Fate) {
        let name = NAMES[client];
        let token = message.attribute(INCARNATION).unwrap_or_default().to_owned();
        let replay = message.attribute(REPLAY);
        let key = message.body().text().and_then(|body| key_of(&body));
        let group = key.and_then(|key| self.source.borrow().index_of(&Group::of(&key)));
        let Some(group) = group else {
            return self.violated(|| format!("strange: {name} got a notice about no aggregate"));
        };
        self.note(&pulse.name, || {
            let swallowed = if fate == Fate::Swallowed { ": swallowed" } else { "" };
            let replayed = if replay.is_some() { " (replay)" } else { "" };
            format!("notice of {} {token}{replayed} → {name}{swallowed}", ["a", "b"][group])
        });
        if !NOTICES[client] {
            self.violated(|| format!("notice: {name} is told of an erasure, and did not want to know"));
        }
        let received = ReceivedMessage::try_from_attributes(|name| message.attribute(name));
        let Ok(received) = received else {
            return self.violated(|| format!("strange: {name} got a notice that can't be read"));
        };
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

    pub(crate) fn check_notices(&self) {
        if !self.mix.has(Kind::Notices) {
            return;
        }
        let observed = self.observed.borrow();
        for group in 0..self.source.borrow().groups.len() {
            self.check_closed_group(group);
            let Some((number, item)) = self.group_item(group).filter(|(_, item)| item.closed.is_some())
            else {
                continue;
            };
            for client in (0..NAMES.len()).filter(|client| NOTICES[*client]) {
                let is_served = observed.served(client).is_some() && observed.registered[client].len() == 1;
                let name = NAMES[client];
                let got = observed.arrivals.iter().any(|arrival| {
                    let event = arrival.event;
                    arrival.client == client
                        && arrival.fate == Fate::Enqueued
                        && (event.group, event.incarnation_number) == (group, number)
                });
                let told: Vec<_> = observed
                    .notices
                    .iter()
                    .filter(|notice| {
                        (notice.client, notice.group) == (client, group)
                            && notice.token == item.token.as_str()
                            && notice.fate != Fate::Swallowed
                    })
                    .collect();
                let is_filtered = self.mix.has(Kind::Filtered) && self.mix.has_any(&UNRECORDED);
                if is_served && got && told.is_empty() && !is_filtered {
                    self.violated(|| {
                        format!("notice: {name} is never told that {} was erased", ["a", "b"][group])
                    });
                }
                let first = told.iter().filter(|notice| !notice.is_replayed).count();
                if first > 1 && !self.mix.has_any(&UNRECORDED) {
                    self.violated(|| format!("notice: {name} is told of one erasure {first} times"));
                }
            }
        }
        drop(observed);
        self.check_forgetting();
    }

    /// A group that is erased, and of which the stream showed that, is closed.
    fn check_closed_group(&self, group: usize) {
        let source = self.source.borrow();
        let aggregate = &source.groups[group];
        let is_gone = aggregate.known.iter().all(|known| known.deleted.is_some());
        let hinted =
            aggregate.erased_at.is_some_and(|erased| aggregate.hinted_at.is_some_and(|at| at >= erased));
        let is_wanted = match self.ledger.get(&ItemKey::Registry) {
            Some(Item::Registry(registry)) => {
                registry.clients.values().any(|client| client.erasures && client.state != State::Retired)
            }
            _ => false,
        };
        let key = ItemKey::Group(aggregate.group.clone());
        // Of one that was made after the hint, nothing was sent: the events are not in the table.
        let is_open = matches!(
            self.ledger.get(&key),
            Some(Item::Group(item)) if item.closed.is_none() && item.version >= self.mix.first_version()
        );
        let is_early = observed_before(self, aggregate.hinted_at);
        if is_gone && hinted && is_wanted && is_open && !is_early {
            self.violated(|| format!("notice: {} was erased, and its group is open", ["a", "b"][group]));
        }
    }

    /// A consumer that follows the rule has nothing left of an aggregate that was erased, if it was told.
    fn check_forgetting(&self) {
        let settings = ConsumerSettings {
            first_version: self.source.borrow().first_version,
            start: Start::FromTheBeginning,
        };
        let observed = self.observed.borrow();
        for client in (0..NAMES.len()).filter(|client| NOTICES[*client]) {
            if observed.registered[client].len() != 1 || self.mix.has(Kind::QueueDeleted) {
                continue;
            }
            for group in 0..self.source.borrow().groups.len() {
                let Some((_, item)) = self.group_item(group).filter(|(_, item)| item.closed.is_some()) else {
                    continue;
                };
                let mut messages: Vec<(usize, bool, &ReceivedMessage)> = Vec::new();
                for (place, arrival) in observed.arrivals.iter().enumerate() {
                    if (arrival.client, arrival.event.group) == (client, group)
                        && arrival.fate == Fate::Enqueued
                    {
                        messages.push((place, true, &arrival.message));
                    }
                }
                for notice in &observed.notices {
                    if (notice.client, notice.group) == (client, group) && notice.fate == Fate::Enqueued {
                        messages.push((notice.after, false, &notice.message));
                    }
                }
                messages.sort_by_key(|(place, is_event, _)| (*place, *is_event));
                let is_told = observed.notices.iter().any(|notice| {
                    (notice.client, notice.group) == (client, group) && notice.token == item.token.as_str()
                });
                let (mut state, mut has_data) = (None, false);
                for (_, _, message) in messages {
                    let verdict = decide(state.as_ref(), message, &settings);
                    has_data = match &verdict {
                        Verdict::Take { .. } => true,
                        Verdict::Forget(_) => false,
                        _ => has_data,
                    };
                    state = verdict.state_after(state);
                }
                let is_filtered = self.mix.has(Kind::Filtered) && self.mix.has_any(&UNRECORDED);
                if has_data && (is_told || !is_filtered) && observed.served(client).is_some() {
                    self.violated(|| {
                        format!("notice: {} does not forget {}", NAMES[client], ["a", "b"][group])
                    });
                }
            }
        }
    }
}

/// Whether a hint came before a client that wants to know was registered.
fn observed_before(world: &World, hinted_at: Option<Timestamp>) -> bool {
    let observed = world.observed.borrow();
    let registered = observed.registered.iter().enumerate().filter(|(client, _)| NOTICES[*client]);
    let admitted = registered.filter_map(|(_, all)| all.first()).map(|registered| registered.admitted).min();
    hinted_at.is_none_or(|hinted| {
        admitted.is_none_or(|admitted| hinted < admitted.plus(std::time::Duration::from_secs(300)))
    })
}
