//! The event table's writers, and the stream with the converter behind it: the events that are to be delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use shared::config::{self, VERSION_LIMIT};
use shared::event::{Along, Reader};
use shared::ids::{DeduplicationId, EventIdentity, Group, Key};
use shared::ledger::{Item, ItemKey, ScanKind};
use shared::message::Message;
use shared::time::Timestamp;

use crate::mix::Kind;
use crate::pairs::PairedEvent;
use crate::trace::START;
use crate::world::World;

/// Incarnations of an aggregate are further apart than this, unless the schedule has close ones: more than clocks
/// differ.
const BETWEEN_INCARNATIONS: Duration = Duration::from_secs(25);

/// The names that events have.
pub(crate) const EVENT_NAMES: [&str; 3] = ["Changed", "Opened", "Shut"];

/// An event, as the world knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EventRef {
    pub(crate) group: usize,
    pub(crate) incarnation_number: u64,
    pub(crate) version: i64,
}

impl fmt::Display for EventRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = ["a", "b"][self.group];
        if self.incarnation_number == 1 {
            write!(formatter, "{group}{}", self.version)
        } else {
            write!(formatter, "{group}'{}.{}", self.incarnation_number, self.version)
        }
    }
}

/// An event that was ever written.
#[derive(Clone, Debug)]
pub(crate) struct WrittenEvent {
    pub(crate) event: EventRef,
    pub(crate) identity: EventIdentity,
    /// The instant that it names, in milliseconds.
    pub(crate) time: u64,
    /// When it was, or will be, in the table.
    pub(crate) readable: Timestamp,
    pub(crate) deleted: Option<Timestamp>,
    /// Whether it was deleted by itself.
    pub(crate) is_deleted_alone: bool,
    /// The converter's message about it; `None`: a rejection.
    message: Option<Message>,
    /// Whether it was there before the ledger.
    pub(crate) is_history: bool,
    /// When the first message with it came to the fan-out queue.
    pub(crate) arrived: Option<Timestamp>,
    /// When the stream first put a message with it there.
    pub(crate) shown: Option<Timestamp>,
    /// Whether at that instant every client that ever failed was behind in all groups.
    pub(crate) is_unhindered: bool,
    /// When the stream shows it for the last time, as far as that is drawn: an item's removal is shown after the item.
    shown_until: Timestamp,
}

pub(crate) struct Source {
    pub(crate) reader: Reader,
    pub(crate) first_version: i64,
    pub(crate) groups: Vec<Aggregate>,
    pub(crate) events: BTreeMap<DeduplicationId, EventRef>,
    pub(crate) names: BTreeMap<String, EventRef>,
    /// Stream records that have not arrived yet.
    pub(crate) on_their_way: usize,
}

pub(crate) struct Aggregate {
    pub(crate) key: Key,
    pub(crate) group: Group,
    pub(crate) known: Vec<WrittenEvent>,
    incarnation_number: u64,
    pub(crate) erased_at: Option<Timestamp>,
    /// By how much the times that its events name are older than the events.
    pub(crate) back_dated: Duration,
    /// Whether most of its events name no time that can be read.
    pub(crate) is_timeless: bool,
    /// How many of its oldest events were removed before the world began.
    removed: i64,
    /// One below the first version.
    nothing: i64,
    /// Events with a version that another one has.
    pub(crate) paired: Vec<PairedEvent>,
    /// Events whose versions are far too high.
    pub(crate) far: Vec<FarEvent>,
    /// Whether the stream shows most of its first incarnation late.
    is_first_incarnation_held: bool,
    /// When the stream last showed that an item was deleted.
    pub(crate) hinted_at: Option<Timestamp>,
    times: BTreeSet<u64>,
    last_delivery: Timestamp,
}

/// An event whose version is far too high.
pub(crate) struct FarEvent {
    pub(crate) sort: Key,
    /// When the stream put it on the fan-out queue.
    pub(crate) shown: Option<Timestamp>,
    /// Whether it is not in the table.
    pub(crate) deleted: bool,
}

/// What is particular about an event.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traits {
    pub(crate) is_big: bool,
    pub(crate) is_unconvertible: bool,
}

impl WrittenEvent {
    pub(crate) fn is_convertible(&self) -> bool {
        self.message.is_some()
    }

    /// Whether it is in the table.
    pub(crate) fn is_there(&self, now: Timestamp) -> bool {
        self.readable <= now && self.deleted.is_none_or(|deleted| deleted > now)
    }
}

impl Source {
    pub(crate) fn new(source: &config::Source) -> Self {
        let aggregate = |name: &str| {
            let key = Key::S(name.to_owned());
            Aggregate {
                group: Group::of(&key),
                key,
                known: Vec::new(),
                incarnation_number: 1,
                erased_at: None,
                back_dated: Duration::ZERO,
                is_timeless: false,
                removed: 0,
                nothing: source.version.first - 1,
                paired: Vec::new(),
                far: Vec::new(),
                is_first_incarnation_held: false,
                hinted_at: None,
                times: BTreeSet::new(),
                last_delivery: START,
            }
        };
        Self {
            reader: Reader::new(source),
            first_version: source.version.first,
            groups: ["AFC F5", "XY 7"].map(aggregate).into(),
            events: BTreeMap::new(),
            names: BTreeMap::new(),
            on_their_way: 0,
        }
    }

    /// The event of which this is the deduplication id on the fan-out queue, if the id is not that of a repair.
    pub(crate) fn event_of(&self, id: &DeduplicationId) -> Option<EventRef> {
        self.events.get(id).copied()
    }

    /// The event whose `eventId` this is.
    pub(crate) fn by_name(&self, name: &str) -> Option<EventRef> {
        self.names.get(name).copied()
    }

    pub(crate) fn index_of(&self, group: &Group) -> Option<usize> {
        self.groups.iter().position(|aggregate| aggregate.group == *group)
    }

    pub(crate) fn known(&self, event: EventRef) -> Option<&WrittenEvent> {
        self.groups[event.group].known.iter().find(|known| known.event == event)
    }

    /// Every event that was ever written.
    pub(crate) fn all(&self) -> impl Iterator<Item = &WrittenEvent> {
        self.groups.iter().flat_map(|aggregate| &aggregate.known)
    }

    /// A message with the event has come to the fan-out queue, from the stream or from a repair.
    pub(crate) fn arrived(&mut self, event: EventRef, now: Timestamp) -> Option<&mut WrittenEvent> {
        let mut known = self.groups[event.group].known.iter_mut();
        let known = known.find(|known| known.event == event)?;
        known.arrived = known.arrived.or(Some(now));
        Some(known)
    }
}

impl Aggregate {
    /// Whether its events name instants before the ledger was made.
    pub(crate) fn is_back_dated(&self) -> bool {
        !self.back_dated.is_zero()
    }

    /// Whether the times that its events name do not tell what is new.
    pub(crate) fn is_timeless(&self) -> bool {
        self.is_timeless
    }

    /// The highest version of this incarnation that was ever written; one below the first if none was.
    fn version(&self) -> i64 {
        let versions =
            self.known.iter().filter(|known| known.event.incarnation_number == self.incarnation_number);
        let removed = if self.incarnation_number == 1 { self.removed } else { 0 };
        versions.map(|known| known.event.version).max().unwrap_or(self.nothing + removed)
    }

    pub(crate) fn free_time(&mut self, mut time: u64) -> u64 {
        while !self.times.insert(time) {
            time += 1;
        }
        time
    }
}

impl World {
    /// From now on, the aggregate's events name instants long past.
    pub(crate) fn date_back(&self, group: usize) {
        self.source.borrow_mut().groups[group].back_dated = Duration::from_secs(40 * 24 * 3_600);
    }

    /// From now on, most of the aggregate's events name no time that can be read.
    pub(crate) fn forget_times(&self, group: usize) {
        self.source.borrow_mut().groups[group].is_timeless = true;
    }

    /// The aggregate has lost its oldest events before it has any.
    pub(crate) fn lose_oldest(&self, group: usize) {
        self.source.borrow_mut().groups[group].removed = 5_000;
    }

    /// Writes an event with a version that is far too high, or puts it only into the table or only into the stream.
    pub(crate) fn write_far(self: &Rc<Self>, group: usize) {
        // What is believed of an event that is the only one of its aggregate is not believed of one among others.
        let is_among_others = !self.mix.has_any(&[Kind::Erased, Kind::DeletedOne]);
        let near = if is_among_others { 40_000 } else { 2_000_000 };
        let version = self.rng.pick(&[1_000_000_000_000, 2_000_000, near, VERSION_LIMIT]);
        let (is_stored, is_streamed) =
            self.rng.pick(&[(true, true), (true, true), (true, false), (false, true)]);
        let mut source = self.source.borrow_mut();
        let aggregate = &mut source.groups[group];
        if !aggregate.known.iter().any(|known| known.is_there(self.now())) {
            return;
        }
        let time = aggregate.free_time(self.now().as_millis());
        let Key::S(mark) = aggregate.key.clone() else { unreachable!() };
        let name = format!("far {time}");
        let item = item(&mark, &time.to_string(), &time.to_string(), Some(&name), version, 1);
        let read = source.reader.read(&item).unwrap();
        let along = Along { streamed_at: Some(self.now()), ..Along::default() };
        let (message, sort) = (read.message(along), read.identity().sort.clone());
        let number = source.groups[group].far.len();
        source.groups[group].far.push(FarEvent { sort, shown: None, deleted: !is_stored });
        drop(source);
        self.note("writer", || format!("writes {name} of {mark}, version {version}"));
        if is_stored {
            self.table.put(&item);
        }
        if is_streamed {
            let wait = if self.rng.coin() { self.rng.millis(20, 400) } else { self.rng.seconds(0, 60) };
            self.source.borrow_mut().on_their_way += 1;
            self.after(wait, move |world| {
                let mut source = world.source.borrow_mut();
                source.on_their_way -= 1;
                source.groups[group].far[number].shown = Some(world.now());
                drop(source);
                world.queues.put(&world.fan_out(), &message).unwrap();
                world.note("converter", || format!("puts {name} on the fan-out queue"));
                world.poke();
            });
        }
    }

    /// The stream shows much of the aggregate's first incarnation after the next has begun: then the two are hardest to
    /// distinguish.
    pub(crate) fn hold_first_incarnation(&self, group: usize) {
        self.source.borrow_mut().groups[group].is_first_incarnation_held = true;
    }

    /// Writes events that were there before the ledger: `old` ones, `around` its `start`, which writers' clocks may put
    /// in another order, and `later` ones.
    pub(crate) fn write_history(self: &Rc<Self>, group: usize, old: u64, around: u64, later: u64) {
        let day = Duration::from_secs(24 * 3_600).as_millis() as u64;
        if self.source.borrow().groups[group].is_back_dated() {
            return;
        }
        for number in 0..old + around + later {
            let (age, skew) = match number {
                _ if number < old => (2 * day, 0),
                _ if number < old + around => (day + 10_000, self.rng.between(0, 20_000)),
                _ => (day / 2, 0),
            };
            let time = START.as_millis() - age + number * 1_000 + skew;
            let event = self.write_event(group, time, Traits::default(), START, true);
            // The stream no longer has the older ones.
            if age < day && self.rng.coin() {
                self.stream(event, START.plus(self.rng.millis(0, 20_000)));
            }
        }
    }

    /// A scan is about to read the event table. While one for history is on, transactions become readable in part just
    /// before, in the aggregate that is reserved for this.
    pub(crate) fn write_at_scan(self: &Rc<Self>) {
        const GROUP: usize = 1;
        let history = ItemKey::Scan(ScanKind::History);
        let is_history = matches!(self.ledger.get(&history), Some(Item::Scan(scan)) if scan.is_on);
        let is_enough = self.source.borrow().groups[GROUP].known.len() > 5;
        if !self.is_on(Kind::ScannedApart) || !is_history || is_enough {
            return;
        }
        let count = self.rng.between(2, 3);
        // It is worst if the first event is late.
        let late = if self.rng.chance(700) { 0 } else { self.rng.below(count) };
        self.append_apart(GROUP, count, Traits::default(), Some(late));
        if self.is_on(Kind::Replay) && self.rng.coin() {
            let client = self.some_client();
            self.after(self.rng.millis(0, 100), move |world| world.replay(client, vec![GROUP], 1, 5));
        }
    }

    /// A transaction of `count` events; of an aggregate that was erased, the first of its next incarnation.
    pub(crate) fn append(self: &Rc<Self>, group: usize, count: u64, traits: Traits) {
        self.append_apart(group, count, traits, None);
    }

    /// As [`World::append`]; the event with the number `late`, if there is one, becomes readable later.
    fn append_apart(self: &Rc<Self>, group: usize, count: u64, traits: Traits, late: Option<u64>) {
        let now = self.now();
        {
            let mut source = self.source.borrow_mut();
            let aggregate = &mut source.groups[group];
            if let Some(erased_at) = aggregate.erased_at {
                let earliest = if self.mix.has(Kind::CloseIncarnations) {
                    erased_at
                } else {
                    erased_at.plus(BETWEEN_INCARNATIONS)
                };
                if now <= earliest {
                    let wait = earliest.since(now) + self.rng.millis(1, 5_000);
                    drop(source);
                    return self.after(wait, move |world| world.append_apart(group, count, traits, late));
                }
                aggregate.erased_at = None;
                aggregate.incarnation_number += 1;
            }
        }
        let skew = if self.mix.has(Kind::Skew) { self.rng.between(0, 20_000) } else { 10_000 };
        let is_apart = late.is_none() && self.is_on(Kind::Apart) && count > 1;
        let apart = late.or_else(|| is_apart.then(|| self.rng.index(2) as u64));
        for number in 0..count {
            let wait = match apart {
                Some(late) if late == number => match self.rng.below(3) {
                    0 => self.rng.millis(1, 200),
                    1 => self.rng.millis(200, 4_000),
                    _ => self.rng.seconds(4, 30),
                },
                _ => Duration::ZERO,
            };
            let back = self.source.borrow().groups[group].back_dated;
            let time = now.as_millis() + skew - 10_000 - back.as_millis() as u64;
            let readable = now.plus(wait);
            let event = self.write_event(group, time, traits, readable, false);
            self.stream(event, readable);
        }
    }

    fn write_event(
        self: &Rc<Self>,
        group: usize,
        time: u64,
        traits: Traits,
        readable: Timestamp,
        is_history: bool,
    ) -> EventRef {
        let mut source = self.source.borrow_mut();
        let aggregate = &mut source.groups[group];
        let event = EventRef {
            group,
            incarnation_number: aggregate.incarnation_number,
            version: aggregate.version() + 1,
        };
        let time = aggregate.free_time(time);
        let Key::S(mark) = aggregate.key.clone() else { unreachable!() };
        // Such keys are used again by the next incarnation.
        let has_version_keys = self.mix.has(Kind::VersionKeys);
        let sort = if !has_version_keys {
            time.to_string()
        } else if traits.is_unconvertible {
            // Without an id, a sort key is used once.
            format!("{:03} {time}", event.version)
        } else {
            format!("{:03}", event.version)
        };
        let own_id = (!traits.is_unconvertible).then(|| event.to_string());
        let is_unread = aggregate.is_timeless && self.rng.chance(800);
        let named = if is_unread { "yesterday".to_owned() } else { time.to_string() };
        let padding = if traits.is_big { 2_000 } else { 1 };
        let item = item(&mark, &sort, &named, own_id.as_deref(), event.version, padding);
        let written = if is_history { Timestamp::from_millis(time) } else { self.now() };
        let along = Along { streamed_at: Some(written), ..Along::default() };
        let converted = source.reader.read(&item);
        let message = converted.ok().map(|event| event.message(along));
        source.events.extend(message.iter().map(|message| (message.deduplication_id().clone(), event)));
        let aggregate = &mut source.groups[group];
        aggregate.known.push(WrittenEvent {
            event,
            identity: EventIdentity { sort: Key::S(sort), id: own_id },
            time,
            readable,
            deleted: None,
            is_deleted_alone: false,
            message,
            is_history,
            arrived: None,
            shown: None,
            is_unhindered: false,
            shown_until: START,
        });
        source.names.insert(event.to_string(), event);
        self.note("writer", || {
            let what = if traits.is_unconvertible { ", which cannot be converted" } else { "" };
            let old = if is_history { ", before the ledger" } else { "" };
            format!("{event} at {}{what}{old}", crate::trace::clock(Timestamp::from_millis(time)))
        });
        drop(source);
        if readable <= self.now() {
            self.table.put(&item);
        } else {
            self.at(readable, move |world| {
                world.note("table", || format!("{event} becomes readable"));
                drop(world.table.put(&item));
            });
        }
        event
    }

    /// An aggregate is deleted with all its events.
    pub(crate) fn erase(self: &Rc<Self>, group: usize) {
        let now = self.now();
        let mut source = self.source.borrow_mut();
        let aggregate = &mut source.groups[group];
        let is_empty = aggregate.known.iter().all(|known| known.deleted.is_some());
        if aggregate.erased_at.is_some() || is_empty {
            return;
        }
        if aggregate.known.iter().any(|known| known.readable > now) {
            drop(source);
            return self.after(Duration::from_secs(31), move |world| world.erase(group));
        }
        self.note("writer", || format!("erases the aggregate {}", ["a", "b"][group]));
        let is_at_once = self.rng.chance(700);
        let (mut end, mut removals) = (now, Vec::new());
        for known in aggregate.known.iter_mut().filter(|known| known.deleted.is_none()) {
            let at = if is_at_once { now } else { now.plus(self.rng.millis(0, 2_000)) };
            known.deleted = Some(at);
            end = end.max(at);
            removals.push(at.max(known.shown_until));
            let paired = aggregate.paired.iter().filter(|paired| paired.event == known.event);
            let identities = paired.map(|paired| &paired.identity).chain([&known.identity]);
            let (key, sorts) = (aggregate.key.clone(), identities.map(|identity| identity.sort.clone()));
            let sorts: Vec<Key> = sorts.collect();
            let delete = move |world: &Rc<Self>| {
                for sort in &sorts {
                    world.table.delete(&key, sort);
                }
            };
            if is_at_once {
                delete(self);
            } else {
                self.at(at, delete);
            }
        }
        for far in aggregate.far.iter_mut().filter(|far| !far.deleted) {
            far.deleted = true;
            self.table.delete(&aggregate.key, &far.sort);
        }
        aggregate.erased_at = Some(end);
        drop(source);
        self.show_removals(group, &removals);
    }

    /// One event is deleted by itself, never the only one.
    pub(crate) fn delete_one(self: &Rc<Self>, group: usize) {
        let now = self.now();
        let mut source = self.source.borrow_mut();
        let aggregate = &mut source.groups[group];
        let there: Vec<usize> = (0..aggregate.known.len())
            .filter(|index| {
                let known = &aggregate.known[*index];
                // Without its first event, an aggregate whose version 1 has another one begins anew.
                let is_paired = aggregate.paired.iter().any(|paired| paired.event == known.event);
                known.deleted.is_none() && known.readable <= now && !is_paired
            })
            .collect();
        if there.len() < 2 {
            return;
        }
        let known = &mut aggregate.known[self.rng.pick(&there)];
        known.deleted = Some(now);
        known.is_deleted_alone = true;
        self.note("writer", || format!("deletes {}", known.event));
        let removal = now.max(known.shown_until);
        self.table.delete(&aggregate.key, &known.identity.sort);
        drop(source);
        self.show_removals(group, &[removal]);
    }

    /// The stream shows an event from `readable` on; the converter puts it on the fan-out queue.
    fn stream(self: &Rc<Self>, event: EventRef, readable: Timestamp) {
        if self.is_on(Kind::Lost) && self.rng.chance(200) {
            return self.note("stream", || format!("never shows {event}"));
        }
        let readable = readable.max(self.now());
        let mut at = readable.plus(self.rng.millis(20, 400));
        let is_held = event.incarnation_number == 1
            && self.source.borrow().groups[event.group].is_first_incarnation_held;
        let late = if is_held { 900 } else { 200 };
        if self.is_on(Kind::Delayed) && self.rng.chance(late) {
            at = at.plus(self.rng.seconds(0, 400));
        } else if self.is_on(Kind::Reversed) && self.rng.chance(400) {
            let late = if self.rng.coin() { 500 } else { 10_000 };
            at = at.plus(self.rng.millis(0, late));
        } else {
            let aggregate = &mut self.source.borrow_mut().groups[event.group];
            at = at.max(aggregate.last_delivery.plus(Duration::from_millis(1)));
            aggregate.last_delivery = at;
        }
        self.show(event, at);
        if self.is_on(Kind::Repeated) && self.rng.chance(300) {
            self.show(event, at.plus(self.rng.seconds(0, 400)));
        }
    }

    fn show(self: &Rc<Self>, event: EventRef, at: Timestamp) {
        // The stream holds the image, and a later change of the item does not matter.
        let message = {
            let mut source = self.source.borrow_mut();
            source.on_their_way += 1;
            let mut known = source.groups[event.group].known.iter_mut();
            known.find(|known| known.event == event).and_then(|known| {
                known.shown_until = known.shown_until.max(at);
                known.message.clone()
            })
        };
        let Some(message) = message else {
            return self.at(at, |world| world.source.borrow_mut().on_their_way -= 1);
        };
        self.show_message(event, message, at);
    }

    /// The converter puts a message with this event on the fan-out queue, which is on its way.
    pub(crate) fn show_message(self: &Rc<Self>, event: EventRef, message: Message, at: Timestamp) {
        self.at(at, move |world| {
            let is_unhindered = world.is_unhindered();
            {
                let mut source = world.source.borrow_mut();
                source.on_their_way -= 1;
                if let Some(known) = source.arrived(event, world.now()).filter(|known| known.shown.is_none())
                {
                    known.shown = Some(world.now());
                    known.is_unhindered = is_unhindered && known.arrived == known.shown;
                }
            }
            let is_new = world.queues.put(&world.fan_out(), &message).unwrap();
            world.note("converter", || {
                format!("puts {event} on the fan-out queue{}", if is_new { "" } else { ", swallowed" })
            });
            world.poke();
        });
    }
}

/// The name of an event with this version.
pub(crate) fn event_name(version: i64) -> &'static str {
    EVENT_NAMES[version.rem_euclid(EVENT_NAMES.len() as i64) as usize]
}

/// An item in DynamoDB's JSON.
pub(crate) fn item(
    mark: &str,
    sort: &str,
    time: &str,
    id: Option<&str>,
    version: i64,
    padding: usize,
) -> String {
    let id = id.map(|id| format!(r#""eventId":{{"S":"{id}"}},"#)).unwrap_or_default();
    let (name, padding) = (event_name(version), "x".repeat(padding));
    format!(
        r#"{{"mark":{{"S":"{mark}"}},"at":{{"S":"{sort}"}},"createTime":{{"S":"{time}"}},"name":{{"S":"{name}"}},{id}"pad":{{"S":"{padding}"}},"RegistrationNumber":{{"M":{{"version":{{"N":"{version}"}}}}}}}}"#
    )
}
