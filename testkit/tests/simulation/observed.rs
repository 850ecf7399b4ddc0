//! What the world has seen: what arrived where, what was written to the ledger, what each sender left unrecorded.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use shared::consumer::ReceivedMessage;
use shared::event::STREAMED_AT;
use shared::filter::FilterDigest;
use shared::ids::DeduplicationId;
use shared::ledger::{ClientId, Item, ItemKey};
use shared::message::{Attribute, AttributeValue, ERASED, INCARNATION, Message, REPLAY};
use shared::naming::QueueUrl;
use shared::send::SendError;
use shared::time::Timestamp;

use crate::clients::NAMES;
use crate::decisions::Decisions;
use crate::holds::Holds;
use crate::notices::{KnownIncarnation, NoticeArrival};
use crate::process::{Pid, Pulse};
use crate::registrations::Registered;
use crate::source::{EventRef, Source};
use crate::wishes::Wish;
use crate::world::World;

#[derive(Default)]
pub(crate) struct Observed {
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) registered: [Vec<Registered>; 4],
    pub(crate) replays: Vec<Replayed>,
    /// The version from which each replay was requested, by its id.
    pub(crate) requests: BTreeMap<String, i64>,
    /// For each group without times, and each whose item was made without a message of the stream whose event was in
    /// the table: the last event that was taken for old.
    pub(crate) taken_for_old: BTreeMap<usize, EventRef>,
    /// The filters that held at each revision of the registry.
    pub(crate) filters: BTreeMap<u64, BTreeMap<ClientId, FilterDigest>>,
    /// When each client's filter became another one in the registry.
    pub(crate) filtered: Vec<(Timestamp, ClientId, FilterDigest)>,
    pub(crate) decisions: Decisions,
    pub(crate) holds: Holds,
    pub(crate) notices: Vec<NoticeArrival>,
    /// The incarnations of each group, in the order in which the ledger knew them.
    pub(crate) incarnations: BTreeMap<usize, Vec<KnownIncarnation>>,
    sends: Vec<Send>,
    /// How often a sender left an event at a client and the ledger did not know of it.
    unrecorded: BTreeMap<(usize, EventRef), usize>,
}

/// A message that a client's queue acknowledged.
pub(crate) struct Arrival {
    pub(crate) at: Timestamp,
    pub(crate) client: usize,
    pub(crate) queue_generation: u32,
    pub(crate) event: EventRef,
    pub(crate) replay: Option<String>,
    /// The same, as a consumer reads it.
    pub(crate) message: ReceivedMessage,
    /// The incarnation's token; empty if the message has none.
    pub(crate) token: String,
    /// The event's own name.
    pub(crate) name: String,
    /// Whether the message says when the stream recorded the event.
    pub(crate) is_streamed: bool,
    /// The filter by which it was sent.
    pub(crate) wish: Wish,
    pub(crate) fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The client receives it.
    Enqueued,
    /// The queue recognised it as a duplicate.
    Swallowed,
    /// A queue accepted it that was being deleted.
    Lost,
}

/// A replay that the ledger knows of.
pub(crate) struct Replayed {
    pub(crate) at: Timestamp,
    pub(crate) id: String,
    pub(crate) client: usize,
    pub(crate) group: usize,
    pub(crate) incarnation_number: u64,
    pub(crate) from: i64,
    /// The version that the client had before.
    pub(crate) had: i64,
}

/// An entry of a request to a client's queue that is no replay.
struct Send {
    pid: Pid,
    client: usize,
    event: EventRef,
    result: SendResult,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SendResult {
    Accepted,
    NotAccepted,
    /// Also: the process died, or gave up waiting, before the answer came.
    Unknown,
}

impl Observed {
    pub(crate) fn replay_requested(&mut self, id: &str, from: i64) {
        self.requests.insert(id.to_owned(), from);
    }

    /// How often an event may be repeated at a client: once for each send that was unknown, and for each sender that
    /// left it unrecorded.
    pub(crate) fn bound(&self, client: usize, event: EventRef) -> usize {
        let is_unknown =
            |send: &&Send| send.client == client && send.event == event && send.result == SendResult::Unknown;
        let unknown = self.sends.iter().filter(is_unknown).count();
        unknown + self.unrecorded.get(&(client, event)).copied().unwrap_or(0)
    }

    /// Whether an event was taken for old when its group's item was made without a message of the stream, by a scan or
    /// because of a repair: the ledger did not know what the stream shows.
    pub(crate) fn is_taken_for_old(&self, event: EventRef) -> bool {
        let last = self.taken_for_old.get(&event.group);
        last.is_some_and(|last| {
            event.incarnation_number == last.incarnation_number && event.version <= last.version
        })
    }

    /// What clients received, or would have.
    pub(crate) fn enqueued(&self) -> impl Iterator<Item = &Arrival> {
        self.arrivals.iter().filter(|arrival| arrival.fate != Fate::Swallowed)
    }
}

impl World {
    /// A process puts a request on the wire. Returns which of the noted sends are its entries.
    pub(crate) fn sends_begin(
        &self,
        pulse: &Pulse,
        queue: &QueueUrl,
        messages: &[Message],
    ) -> Vec<Option<usize>> {
        let Some(client) = self.clients.borrow().of(queue) else { return Vec::new() };
        let source = self.source.borrow();
        let mut observed = self.observed.borrow_mut();
        let mut begin = |message: &Message| {
            let (event, None) = facts(&source, message) else { return None };
            let event = event?;
            observed.sends.push(Send { pid: pulse.pid, client, event, result: SendResult::Unknown });
            Some(observed.sends.len() - 1)
        };
        messages.iter().map(&mut begin).collect()
    }

    /// The process gets the answer.
    pub(crate) fn sends_end(
        &self,
        pulse: &Pulse,
        sends: Vec<Option<usize>>,
        answer: &Result<Vec<Result<(), SendError>>, SendError>,
    ) {
        let result_of = |result: &Result<(), SendError>| match result {
            Ok(()) => SendResult::Accepted,
            Err(SendError::Unknown(_)) => SendResult::Unknown,
            Err(_) => SendResult::NotAccepted,
        };
        let mut observed = self.observed.borrow_mut();
        let entries = sends.len();
        for (entry, send) in sends.into_iter().enumerate() {
            let Some(send) = send.and_then(|send| observed.sends.get_mut(send)) else { continue };
            send.result = match answer {
                Ok(results) if results.len() == entries => result_of(&results[entry]),
                // A 200 that does not name all entries says nothing of any.
                Ok(_) => SendResult::Unknown,
                Err(SendError::Unknown(_)) => SendResult::Unknown,
                Err(_) => SendResult::NotAccepted,
            };
            if send.result == SendResult::Unknown {
                self.note(&pulse.name, || {
                    format!("does not know whether {} has {}", NAMES[send.client], send.event)
                });
            }
        }
    }

    /// A process has ended. If it died or gave up, events may be sent again that it had sent and that the ledger does
    /// not know of once everything of the process has arrived. Otherwise it must have recorded what it knew to be sent.
    pub(crate) fn settle_accounts_of(&self, pulse: &Rc<Pulse>) {
        let pulse = Rc::clone(pulse);
        self.after(Duration::from_secs(6), move |world| {
            let mut observed = world.observed.borrow_mut();
            let mut sent: BTreeMap<(usize, EventRef), bool> = BTreeMap::new();
            let own = observed.sends.iter().filter(|send| send.pid == pulse.pid);
            for send in own.filter(|send| send.result != SendResult::NotAccepted) {
                *sent.entry((send.client, send.event)).or_default() |= send.result == SendResult::Accepted;
            }
            for ((client, event), is_accepted) in sent {
                if world.is_recorded(&observed, client, event) {
                    continue;
                }
                if world.may_leave(&pulse, event) {
                    *observed.unrecorded.entry((client, event)).or_default() += 1;
                } else if is_accepted && world.must_record(event) {
                    world.violated(|| {
                        format!(
                            "unrecorded: {} ended, and the ledger does not know that {} has {event}",
                            pulse.name, NAMES[client]
                        )
                    });
                }
            }
        });
    }

    /// Whether a process may end although the ledger does not know what it sent: it died, it returned its messages, or
    /// the ledger did not take its record in time.
    fn may_leave(&self, pulse: &Pulse, event: EventRef) -> bool {
        if pulse.is_dead() || pulse.has_met_ledger_fault.get() || pulse.was_slow.get() {
            return true;
        }
        pulse.returned.borrow().contains(&self.source.borrow().groups[event.group].group)
    }

    /// A pass of catch-up begins: what earlier passes of the process sent to these clients and groups is recorded.
    pub(crate) fn check_recorded(&self, pulse: &Pulse, keys: &[ItemKey]) {
        let observed = self.observed.borrow();
        let own = |send: &&Send| send.pid == pulse.pid && send.result == SendResult::Accepted;
        for send in observed.sends.iter().filter(own) {
            let event = send.event;
            let is_of_pass = keys.iter().any(|key| match key {
                ItemKey::Cursor(id, group) => {
                    observed.client_of(*id) == Some(send.client)
                        && self.source.borrow().index_of(group) == Some(event.group)
                }
                _ => false,
            });
            let must = is_of_pass && !self.may_leave(pulse, event) && self.must_record(event);
            if must && !self.is_recorded(&observed, send.client, event) {
                let name = NAMES[send.client];
                self.violated(|| format!("unrecorded: {} begins a pass; {name} has {event}", pulse.name));
            }
        }
    }

    /// Whether the ledger can know of an event.
    fn must_record(&self, event: EventRef) -> bool {
        let source = self.source.borrow();
        let is_there = source.known(event).is_some_and(|known| known.is_there(self.now()));
        is_there && !source.is_case_e(event) && !source.is_case_f(event.group)
    }

    /// Whether the ledger knows that a client has an event, or knows that it need not have it any more.
    fn is_recorded(&self, observed: &Observed, client: usize, event: EventRef) -> bool {
        let Some(registered) = observed.registered[client].last() else { return false };
        let Some((incarnation_number, item)) = self.group_item(event.group) else { return false };
        if incarnation_number != event.incarnation_number {
            return incarnation_number > event.incarnation_number;
        }
        if !item.behind.contains(&registered.id) {
            return item.version >= event.version;
        }
        let group = self.source.borrow().groups[event.group].group.clone();
        match self.ledger.get(&ItemKey::Cursor(registered.id, group)) {
            // Up to `until`, an event is sent again as a repetition; above the group's version only for a while.
            Some(Item::Cursor(cursor)) => {
                cursor.incarnation_number == item.incarnation_number
                    && cursor.replay.as_ref().map_or(cursor.position, |repeated| {
                        repeated.until.min(item.version).max(cursor.position)
                    }) >= event.version
            }
            _ => false,
        }
    }

    /// A group's item, and the incarnation that it is about, as the world counts.
    pub(crate) fn group_item(&self, group: usize) -> Option<(u64, shared::ledger::GroupItem)> {
        let source = self.source.borrow();
        let aggregate = &source.groups[group];
        let Some(Item::Group(item)) = self.ledger.get(&ItemKey::Group(aggregate.group.clone())) else {
            return None;
        };
        let identity = &item.first.identity;
        let known = aggregate.known.iter().map(|known| (&known.identity, known.event));
        let paired = aggregate.paired.iter().map(|paired| (&paired.identity, paired.event));
        let (_, first) = known.chain(paired).find(|(known, _)| *known == identity)?;
        Some((first.incarnation_number, *item))
    }

    /// A client's queue acknowledged a message. `is_lost` says whether the message is lost; `None`: it is a duplicate.
    pub(crate) fn note_arrival(
        self: &Rc<Self>,
        pulse: &Pulse,
        client: usize,
        queue_generation: u32,
        message: &Message,
        is_lost: Option<bool>,
    ) {
        let (event, replay) = self.facts(message);
        let fate = match is_lost {
            None => Fate::Swallowed,
            Some(false) => Fate::Enqueued,
            Some(true) => Fate::Lost,
        };
        if message.attribute(ERASED).is_some() {
            return self.note_notice(pulse, client, message, fate);
        }
        let Some(event) = event else {
            return self.violated(|| format!("strange: {} got a message that is no event", NAMES[client]));
        };
        self.note(&pulse.name, || {
            let in_replay = replay.as_ref().map(|id| format!(" (replay {id})")).unwrap_or_default();
            let fate = match fate {
                Fate::Enqueued => "",
                Fate::Swallowed => ": swallowed",
                Fate::Lost => ": accepted and lost",
            };
            format!("{event}{in_replay} → {}{fate}", NAMES[client])
        });
        self.check_arrival(pulse, client, event, replay.as_deref());
        self.check_held(pulse, client, event.group, event);
        let wish = self.instances.borrow().wish(pulse.file, client);
        let Some(wish) = wish.filter(|wish| wish.wants(event)) else {
            let (who, name) = (&pulse.name, NAMES[client]);
            return self.violated(|| format!("filter: {who} sent {event} to {name}, which does not want it"));
        };
        let token = message.attribute(INCARNATION).unwrap_or_default().to_owned();
        let name = message.attribute("eventId").unwrap_or_default().to_owned();
        let is_streamed = message.attribute(STREAMED_AT).is_some();
        let at = self.now();
        let received = match ReceivedMessage::try_from_attributes(|name| message.attribute(name)) {
            Ok(received) => received,
            Err(error) => {
                return self.violated(|| format!("strange: {} got {event}: {error}", NAMES[client]));
            }
        };
        if fate == Fate::Enqueued {
            self.deliver_soon(client, event.group, Some(event), &received);
        }
        let arrival = Arrival {
            at,
            client,
            queue_generation,
            event,
            replay,
            message: received,
            token,
            name,
            is_streamed,
            wish,
            fate,
        };
        self.observed.borrow_mut().arrivals.push(arrival);
    }

    /// Which event a message is about, and in which replay.
    pub(crate) fn facts(&self, message: &Message) -> (Option<EventRef>, Option<String>) {
        facts(&self.source.borrow(), message)
    }

    pub(crate) fn name_of(&self, message: &Message) -> String {
        match self.facts(message) {
            (Some(event), None) => event.to_string(),
            (Some(event), Some(replay)) => format!("{event} (replay {replay})"),
            (None, _) => format!("a message of `{}`", message.group()),
        }
    }

    pub(crate) fn name_by_id(&self, id: &DeduplicationId, attributes: &[Attribute]) -> String {
        if let Some(event) = self.source.borrow().event_of(id) {
            return event.to_string();
        }
        let name = attributes.iter().find(|attribute| attribute.name == "eventId");
        match name.map(|attribute| &attribute.value) {
            Some(AttributeValue::Text(name)) => format!("{name} (repair)"),
            _ => id.to_string(),
        }
    }
}

fn facts(source: &Source, message: &Message) -> (Option<EventRef>, Option<String>) {
    let event = message.attribute("eventId").and_then(|name| source.by_name(name));
    (event, message.attribute(REPLAY).map(str::to_owned))
}
