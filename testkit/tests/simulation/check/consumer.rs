//! A consumer that follows the rule of `docs/ordering.md` takes every event once, in order, whatever is repeated. It knows
//! when something is missing, and only then.

use std::collections::BTreeMap;
use std::rc::Rc;

use shared::consumer::{ConsumerSettings, ConsumerState, Start, Verdict, decide};

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::observed::{Arrival, Fate, Observed};
use crate::source::{EventRef, Source};
use crate::world::World;

/// A consumer of one aggregate.
#[derive(Default)]
struct Consumer<'a> {
    state: Option<ConsumerState>,
    taken: Vec<&'a Arrival>,
    /// The message before which something was missing first.
    gap: Option<EventRef>,
}

/// A message that a consumer never received, and what it asks for.
pub(crate) struct LostMessage {
    client: usize,
    group: usize,
    /// Its place among those that the client received of the group.
    place: usize,
    pub(crate) event: EventRef,
    from: i64,
}

impl<'a> Consumer<'a> {
    fn receive(&mut self, settings: &ConsumerSettings, arrival: &'a Arrival) {
        let event = arrival.event;
        let verdict = decide(self.state.as_ref(), &arrival.message, settings);
        if verdict.is_gap() || verdict == Verdict::Refuse {
            self.gap.get_or_insert(event);
        }
        if matches!(verdict, Verdict::Take { .. }) {
            self.taken.push(arrival);
        }
        self.state = verdict.state_after(self.state.take());
    }

    /// A consumer after it received all of `arrivals`, but for the one at the place `lost`.
    fn after(settings: &ConsumerSettings, arrivals: &[&'a Arrival], lost: Option<usize>) -> Self {
        let mut consumer = Self::default();
        for (_, arrival) in arrivals.iter().enumerate().filter(|(place, _)| Some(*place) != lost) {
            consumer.receive(settings, arrival);
        }
        consumer
    }

    /// An event that was taken though one that `all` took before it was not, which `matters` to what was taken.
    fn overtaken(
        &self,
        all: &Self,
        matters: impl Fn(EventRef, &Arrival) -> bool,
    ) -> Option<(EventRef, EventRef)> {
        let place_of =
            |taken: &[&Arrival], event: EventRef| taken.iter().position(|other| other.event == event);
        self.taken.iter().enumerate().find_map(|(place, arrival)| {
            let event = arrival.event;
            let before = all.taken.get(..place_of(&all.taken, event)?)?;
            let of_incarnation = |earlier: &EventRef| {
                earlier.incarnation_number == event.incarnation_number && matters(*earlier, arrival)
            };
            let mut earlier = before.iter().map(|earlier| earlier.event).filter(of_incarnation);
            let missed = earlier.find(|earlier| place_of(&self.taken[..place], *earlier).is_none())?;
            Some((event, missed))
        })
    }

    fn has_taken(&self, event: EventRef) -> bool {
        self.taken.iter().any(|arrival| arrival.event == event)
    }
}

impl World {
    pub(crate) fn check_consumers(&self) {
        let settings = self.consumer_settings();
        for ((client, group), arrivals) in &self.consumed(&self.observed.borrow()) {
            let name = NAMES[*client];
            let all = Consumer::after(&settings, arrivals, None);
            if let Some(pair) = all.taken.windows(2).find(|pair| pair[0].event >= pair[1].event) {
                self.violated(|| format!("consumer: {name} takes {} after {}", pair[1].event, pair[0].event));
            }
            if let Some(event) = all.gap {
                self.violated(|| format!("consumer: {name} misses something before {event}"));
            }
            // An event of a replay need not be new to the consumer.
            let is_first = |arrival: &&&Arrival| {
                arrival.message.replay.is_none()
                    && self.always_wants(*client, arrival.event)
                    && !self.source.borrow().is_of_a_beginning_that_was_gone(arrival.event, arrival.at)
            };
            let mut firsts = arrivals.iter().filter(is_first);
            if let Some(ignored) = firsts.find(|arrival| !all.has_taken(arrival.event)) {
                self.violated(|| format!("consumer: {name} ignores {}", ignored.event));
            }
            for lost in 0..arrivals.len() {
                let consumer = Consumer::after(&settings, arrivals, Some(lost));
                let event = arrivals[lost].event;
                let overtaken = consumer.overtaken(&all, |missed, taken| {
                    let deleted = self.source.borrow().known(missed).and_then(|known| known.deleted);
                    // Nothing brings an erased event again, so that a replay doesn't wait for it; and a sender that died
                    // may have left unrecorded that it sent it.
                    let is_erased = deleted.is_some_and(|deleted| deleted <= taken.at);
                    let is_skipped = self.observed.borrow().holds.is_skipped(*client, missed);
                    // What only a replay brings, the client was not promised; the fan-out may send what it was promised
                    // first before it knows of the replay.
                    let is_of_a_replay =
                        arrivals.iter().all(|arrival| arrival.event != missed || arrival.replay.is_some());
                    let is_first = taken.replay.is_none()
                        && taken.message.previous_version == Some(settings.first_version - 1);
                    let is_before_the_first = is_of_a_replay && is_first;
                    self.always_wants(*client, missed) && !is_erased && !is_skipped && !is_before_the_first
                });
                if let Some((taken, missed)) = overtaken {
                    self.violated(|| {
                        format!("consumer: {name} lost {event}, and took {taken} without {missed} in group {group}")
                    });
                }
            }
        }
    }

    /// A message that a consumer could have lost and would miss now.
    pub(crate) fn some_lost_message(&self) -> Option<LostMessage> {
        let settings = self.consumer_settings();
        let observed = self.observed.borrow();
        let mut all = Vec::new();
        for ((client, group), arrivals) in self.consumed(&observed) {
            if observed.served(client).is_none() {
                continue;
            }
            for (place, arrival) in arrivals.iter().enumerate() {
                let consumer = Consumer::after(&settings, &arrivals, Some(place));
                let asked = consumer.state.and_then(|state| state.asked);
                if let Some(asked) = asked {
                    all.push(LostMessage { client, group, place, event: arrival.event, from: asked.from });
                }
            }
        }
        (!all.is_empty()).then(|| all.swap_remove(self.rng.index(all.len())))
    }

    /// The consumer asks for what is missing.
    pub(crate) fn ask_for(self: &Rc<Self>, lost: &LostMessage) {
        self.note("consumer", || format!("{} misses {}", NAMES[lost.client], lost.event));
        self.replay_because(lost.client, vec![lost.group], lost.from, 5, true);
    }

    /// The replay has brought what was missing.
    pub(crate) fn check_closed(&self, lost: &LostMessage) {
        let settings = self.consumer_settings();
        let observed = self.observed.borrow();
        let consumed = self.consumed(&observed);
        let Some(arrivals) = consumed.get(&(lost.client, lost.group)) else { return };
        let all = Consumer::after(&settings, arrivals, None);
        let consumer = Consumer::after(&settings, arrivals, Some(lost.place));
        let mut there = all.taken.iter().map(|arrival| arrival.event).filter(|event| {
            let is_there = self.source.borrow().known(*event).is_some_and(|known| known.is_there(self.now()));
            let is_skipped = observed.holds.is_skipped(lost.client, *event);
            is_there && self.always_wants(lost.client, *event) && !is_skipped
        });
        let missed = there.find(|event| !consumer.has_taken(*event));
        if let Some(missed) = missed {
            let (name, event, from) = (NAMES[lost.client], lost.event, lost.from);
            self.violated(|| {
                format!(
                    "consumer: {name} lost {event}, had all replayed from {from}, and still misses {missed}"
                )
            });
        }
    }

    /// What consumers that never fail took.
    pub(crate) fn taken_by_consumers(
        &self,
        settings: &ConsumerSettings,
    ) -> BTreeMap<(usize, usize), Vec<EventRef>> {
        let observed = self.observed.borrow();
        let consumed = self.consumed(&observed).into_iter();
        let taken_of = |arrivals: &[&Arrival]| {
            Consumer::after(settings, arrivals, None).taken.iter().map(|arrival| arrival.event).collect()
        };
        consumed.map(|(place, arrivals)| (place, taken_of(&arrivals))).collect()
    }

    fn consumer_settings(&self) -> ConsumerSettings {
        let first_version = self.source.borrow().first_version;
        ConsumerSettings { first_version, start: Start::FromTheBeginning }
    }

    /// What each client received of each aggregate of which a consumer can be sure.
    fn consumed<'o>(&self, observed: &'o Observed) -> BTreeMap<(usize, usize), Vec<&'o Arrival>> {
        let mut consumed = BTreeMap::new();
        // A consumer never saw the messages of a deleted queue, so it cannot know where an incarnation began.
        if self.mix.has(Kind::QueueDeleted) {
            return consumed;
        }
        let source = self.source.borrow();
        for client in (0..NAMES.len()).filter(|client| observed.registered[*client].len() == 1) {
            for group in (0..source.groups.len()).filter(|group| source.has_plain_incarnations(*group)) {
                let is_own = |arrival: &&Arrival| {
                    arrival.client == client && arrival.event.group == group && arrival.fate == Fate::Enqueued
                };
                consumed.insert((client, group), observed.arrivals.iter().filter(is_own).collect());
            }
        }
        consumed
    }
}

impl Source {
    /// Whether every incarnation of an aggregate began with an event that was sent before the others.
    fn has_plain_incarnations(&self, group: usize) -> bool {
        let is_plain = |incarnation_number: u64| {
            let first = self.events_of(group, incarnation_number).first().copied();
            first.is_some_and(|first| first.is_convertible() && !self.is_case_e(first.event))
        };
        !self.is_case_f(group) && (1..=self.incarnations(group)).all(is_plain)
    }
}
