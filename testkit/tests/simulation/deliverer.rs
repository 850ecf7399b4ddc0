//! What delivers from a client's queue to somewhere else. It keeps the consumer's state of each group and follows the
//! consumer's rule; where a delivery fails, it has the group held. It dies, too.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use shared::consumer::{ConsumerSettings, ConsumerState, ReceivedMessage, Start, Verdict, decide};

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::observed::{Fate, Observed};
use crate::source::EventRef;
use crate::world::World;

/// How often a request is tried: it waits in its queue for days.
const REQUEST_TRIES: u32 = 200;

/// The deliverers, by client and group.
pub(crate) type Deliverers = BTreeMap<(usize, usize), Deliverer>;

#[derive(Default)]
pub(crate) struct Deliverer {
    waiting: VecDeque<WaitingMessage>,
    is_busy: bool,
    /// What outlasts its death.
    state: Option<ConsumerState>,
    delivered: Vec<EventRef>,
    /// Whether something was delivered of the aggregate since it was last forgotten.
    has_data: bool,
    /// What was purged before it was received.
    lost: Vec<LostMessage>,
}

/// A message that is in the queue.
struct WaitingMessage {
    /// `None`: a notice of an erasure.
    event: Option<EventRef>,
    message: ReceivedMessage,
    /// How many messages with events had arrived before.
    place: usize,
}

/// A message that was purged.
struct LostMessage {
    waiting: WaitingMessage,
    /// How many messages with events had arrived before the loss.
    after: usize,
    /// Whether one of the group had been received before.
    has_begun: bool,
}

impl World {
    /// A message is in a client's queue.
    pub(crate) fn deliver_soon(
        self: &Rc<Self>,
        client: usize,
        group: usize,
        event: Option<EventRef>,
        message: &ReceivedMessage,
    ) {
        if self.is_push() {
            let queue = self.clients.borrow().queue(client);
            return self.poke_push(&queue);
        }
        if !self.mix.has_any(&[Kind::Held, Kind::Purged]) {
            return;
        }
        let place = (client, group);
        let arrived = self.observed.borrow().arrivals.len();
        let waiting = WaitingMessage { event, message: message.clone(), place: arrived };
        self.deliverers.borrow_mut().entry(place).or_default().waiting.push_back(waiting);
        self.go_on(place);
    }

    /// A client's target took an event, or a notice. Returns whether it is the first time.
    pub(crate) fn delivered_to_target(&self, client: usize, group: usize, event: Option<EventRef>) -> bool {
        let mut deliverers = self.deliverers.borrow_mut();
        let deliverer = deliverers.entry((client, group)).or_default();
        deliverer.has_data = event.is_some();
        // It comes again where the function died before it had noted it.
        let is_new = event.is_none_or(|event| !deliverer.delivered.contains(&event));
        deliverer.delivered.extend(event.filter(|_| is_new));
        is_new
    }

    /// Whether a message waits to be delivered.
    pub(crate) fn delivers(&self) -> bool {
        self.deliverers.borrow().values().any(|deliverer| deliverer.is_busy || !deliverer.waiting.is_empty())
    }

    /// A client's queue is purged: what was not received yet is gone.
    pub(crate) fn lose_waiting(&self, client: usize) {
        let after = self.observed.borrow().arrivals.len();
        let settings = self.deliverer_settings();
        let mut deliverers = self.deliverers.borrow_mut();
        for (_, deliverer) in deliverers.iter_mut().filter(|((other, _), _)| *other == client) {
            let received = usize::from(deliverer.is_busy).min(deliverer.waiting.len());
            let has_begun = received > 0 || deliverer.state.is_some();
            let lost = deliverer.waiting.split_off(received);
            // One that died after a delivery, and so would have delivered the event again, does not know of it any more.
            let is_unnoted = |first: &&WaitingMessage| {
                first.event.as_ref() == deliverer.delivered.last()
                    && matches!(
                        decide(deliverer.state.as_ref(), &first.message, &settings),
                        Verdict::Take { .. }
                    )
            };
            if lost.front().filter(is_unnoted).is_some() {
                deliverer.delivered.pop();
            }
            deliverer.lost.extend(lost.into_iter().map(|waiting| LostMessage { waiting, after, has_begun }));
        }
    }

    /// A client's consumer runs again.
    pub(crate) fn deliver_again(self: &Rc<Self>, client: usize) {
        for group in 0..self.source.borrow().groups.len() {
            self.go_on((client, group));
        }
    }

    /// An operator replays what consumers wait for whose replay was purged: they can't tell it from one that is under way.
    pub(crate) fn replay_lost_replays(self: &Rc<Self>) {
        let waiting = |((client, group), deliverer): (&(usize, usize), &Deliverer)| {
            let asked = deliverer.state.as_ref()?.asked.as_ref()?;
            let is_lost = deliverer.lost.iter().any(|lost| lost.waiting.message.replay.is_some());
            is_lost.then_some((*client, *group, asked.from))
        };
        let waiting: Vec<_> = self.deliverers.borrow().iter().filter_map(waiting).collect();
        for (client, group, from) in waiting {
            self.replay_because(client, vec![group], from, REQUEST_TRIES, true);
        }
    }

    fn go_on(self: &Rc<Self>, place: (usize, usize)) {
        if !self.clients.borrow().is_consumed(place.0) {
            return;
        }
        let mut deliverers = self.deliverers.borrow_mut();
        let Some(deliverer) = deliverers.get_mut(&place) else { return };
        if !deliverer.is_busy && !deliverer.waiting.is_empty() {
            deliverer.is_busy = true;
            self.after(self.rng.millis(0, 2_000), move |world| world.deliver_next(place));
        }
    }

    fn deliver_next(self: &Rc<Self>, place: (usize, usize)) {
        let (client, group) = place;
        let next = {
            let deliverers = self.deliverers.borrow();
            let deliverer = &deliverers[&place];
            deliverer.waiting.front().map(|waiting| {
                let settings = self.deliverer_settings();
                (waiting.event, decide(deliverer.state.as_ref(), &waiting.message, &settings))
            })
        };
        let Some((event, verdict)) = next else { return };
        let what = || event.map_or_else(|| "a notice".to_owned(), |event| event.to_string());
        match verdict {
            Verdict::Take { state, .. } => {
                let Some(event) = event else {
                    return self.violated(|| format!("deliverer: {} takes a notice", NAMES[client]));
                };
                if self.is_on(Kind::Held) && self.rng.chance(120) {
                    return self.have_held(place, event);
                }
                let dies = self.is_on(Kind::Held) && self.rng.chance(80);
                let mut deliverers = self.deliverers.borrow_mut();
                let Some(deliverer) = deliverers.get_mut(&place) else { return };
                deliverer.delivered.push(event);
                deliverer.has_data = true;
                // It dies after the delivery: the message comes again.
                if !dies {
                    deliverer.state = Some(state);
                    deliverer.waiting.pop_front();
                }
            }
            Verdict::Ask(state) => {
                let from = state.asked.as_ref().map_or(state.version, |asked| asked.from);
                self.note("deliverer", || format!("{} misses something before {}", NAMES[client], what()));
                self.replay_because(client, vec![group], from, REQUEST_TRIES, true);
                self.acknowledge(place, Some(state));
            }
            Verdict::Forget(state) => {
                self.acknowledge(place, Some(state));
                self.forget(place);
            }
            Verdict::Had | Verdict::Wait => self.acknowledge(place, None),
            Verdict::Refuse => self.violated(|| format!("deliverer: {} refuses {}", NAMES[client], what())),
        }
        self.rest(place);
    }

    /// The delivery fails: the group is held from this event on, which is acknowledged then.
    fn have_held(self: &Rc<Self>, place: (usize, usize), event: EventRef) {
        let (client, group) = place;
        self.note("deliverer", || format!("{} fails at {event}", NAMES[client]));
        self.hold(client, group, Some(event.version), move |world, is_held| {
            if is_held {
                world.pass_over(place);
                let pause = world.rng.seconds(0, world.rng.pick(&[10, 100, 400, 1_000]));
                world.after(pause, move |world| world.release(client, group));
            }
            // Else it comes again after a while.
            let pause = if is_held { world.rng.millis(0, 500) } else { world.rng.seconds(5, 40) };
            world.after(pause, move |world| world.rest(place));
        });
    }

    /// The first message that waits is acknowledged without effect. What comes behind it has to show that, even if nothing
    /// of the group was ever delivered.
    fn pass_over(&self, place: (usize, usize)) {
        if let Some(deliverer) = self.deliverers.borrow_mut().get_mut(&place)
            && let Some(WaitingMessage { message, .. }) = deliverer.waiting.pop_front()
        {
            let nothing = || ConsumerState {
                version: message.version - 1,
                incarnation: message.incarnation.clone(),
                asked: None,
            };
            deliverer.state.get_or_insert_with(nothing);
        }
    }

    fn acknowledge(&self, place: (usize, usize), state: Option<ConsumerState>) {
        if let Some(deliverer) = self.deliverers.borrow_mut().get_mut(&place) {
            deliverer.waiting.pop_front();
            if state.is_some() {
                deliverer.state = state;
            }
        }
    }

    fn forget(&self, place: (usize, usize)) {
        if let Some(deliverer) = self.deliverers.borrow_mut().get_mut(&place) {
            deliverer.has_data = false;
        }
    }

    fn rest(self: &Rc<Self>, place: (usize, usize)) {
        if let Some(deliverer) = self.deliverers.borrow_mut().get_mut(&place) {
            deliverer.is_busy = false;
        }
        self.go_on(place);
    }

    /// Whatever a consumer that never failed would have taken, and is there still, was delivered; in order, and twice only
    /// where the deliverer died. What was purged was missed, asked for, and delivered, if a later message showed that.
    pub(crate) fn check_deliverers(&self) {
        let settings = self.deliverer_settings();
        let deliverers = self.deliverers.borrow();
        let observed = self.observed.borrow();
        for ((client, group), taken) in self.taken_by_consumers(&settings) {
            let name = NAMES[client];
            let Some(deliverer) = deliverers.get(&(client, group)) else { continue };
            let mut delivered = deliverer.delivered.clone();
            // What another filter lets through, or a replay brings though it was left out, can come later to a deliverer
            // that died.
            delivered.retain(|event| {
                self.always_wants(client, *event) && !observed.holds.is_skipped(client, *event)
            });
            delivered.dedup();
            if let Some(pair) = delivered.windows(2).find(|pair| pair[0] >= pair[1]) {
                self.violated(|| format!("deliverer: {name} gets {} after {}", pair[1], pair[0]));
            }
            if observed.served(client).is_none() {
                continue;
            }
            let mut wanted = taken.iter().filter(|event| {
                let is_there =
                    self.source.borrow().known(**event).is_some_and(|known| known.is_there(self.now()));
                is_there
                    && self.always_wants(client, **event)
                    && !observed.holds.is_skipped(client, **event)
                    && !deliverer.is_lost_unseen(&observed, client, **event)
            });
            if let Some(lost) = wanted.find(|event| !delivered.contains(event)) {
                self.violated(|| format!("deliverer: {name} never gets {lost}"));
            }
            let closed = self.group_item(group).filter(|(_, item)| item.closed.is_some());
            let is_told =
                closed.is_some_and(|(_, item)| observed.is_told(client, group, item.token.as_str()));
            let is_notice_lost = deliverer.lost.iter().any(|lost| lost.waiting.event.is_none());
            if is_told && deliverer.has_data && !is_notice_lost {
                self.violated(|| format!("deliverer: {name} does not forget {}", ["a", "b"][group]));
            }
        }
    }

    fn deliverer_settings(&self) -> ConsumerSettings {
        let first_version = self.source.borrow().first_version;
        ConsumerSettings { first_version, start: Start::Anywhere }
    }
}

impl Deliverer {
    /// Whether an event was purged and nothing that came later shows it: no message of its incarnation whose predecessor is
    /// not below it. Nothing shows what was purged before the first message of the group.
    fn is_lost_unseen(&self, observed: &Observed, client: usize, event: EventRef) -> bool {
        let is_lost = |place: usize| self.lost.iter().any(|lost| lost.waiting.place == place);
        let shows = |lost: &LostMessage| {
            let mut later = observed.arrivals.iter().enumerate().skip(lost.after);
            lost.has_begun
                && later.any(|(place, arrival)| {
                    (arrival.client, arrival.event.group) == (client, event.group)
                        && arrival.fate == Fate::Enqueued
                        && arrival.message.incarnation == lost.waiting.message.incarnation
                        && arrival.message.previous_version >= Some(event.version)
                        && !is_lost(place)
                })
        };
        let mut lost = self.lost.iter().filter(|lost| lost.waiting.event == Some(event));
        lost.any(|lost| !shows(lost))
    }
}
