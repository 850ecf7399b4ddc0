//! The targets of push clients: what each took, and how it fails. It refuses events, is gone for a while, and answers so that
//! nobody hears it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use push::event::Event;
use push::outcome::{Deliver, Delivered, Failure, FailureKind};
use serde_json::json;
use shared::config::{OnRefused, Push, PushTarget, SecretArn, WebUrl, WebhookTarget};
use shared::time::Timestamp;

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::operator::TRIES;
use crate::process::Pulse;
use crate::source::EventRef;
use crate::trace::length;
use crate::wire::{Timing, Wire};
use crate::world::World;

/// How a target behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// Every request fails in passing.
    Fails,
    /// It refuses the sender.
    Forbids,
    /// There is none.
    Gone,
}

/// With these kinds of trouble, a target gets an event once more: the function dies before it has noted that the target took it,
/// can't note it, or works on the same messages twice.
const REPEATING: [Kind; 12] = [
    Kind::Crash,
    Kind::Stall,
    Kind::Twice,
    Kind::LateInvocation,
    Kind::AnswerLost,
    Kind::SlowCalls,
    Kind::LedgerReads,
    Kind::LedgerRefuses,
    Kind::LedgerUnknown,
    Kind::LedgerOutage,
    Kind::Removed,
    Kind::UsedTwice,
];

/// How targets are, by client.
#[derive(Default)]
pub(crate) struct Targets {
    moods: BTreeMap<usize, Mood>,
    /// What a target took so that nobody heard of it.
    unheard: BTreeSet<(usize, Asked)>,
    /// Until when a target refuses an event; `None`: it never did.
    refuses: BTreeMap<(usize, Asked), Option<Timestamp>>,
}

/// What a target is asked to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    group: usize,
    /// `None`: a notice of an erasure.
    event: Option<EventRef>,
}

/// What brings events to a client's target, in one instance of the function.
pub(crate) struct Deliverer {
    client: usize,
    /// The wire of the invocation that the instance works on.
    pub(crate) wire: Rc<RefCell<Option<Wire>>>,
}

impl Deliverer {
    /// Of the client whose target this is.
    pub(crate) fn new(target: &PushTarget, wire: &Rc<RefCell<Option<Wire>>>) -> Self {
        let PushTarget::Webhook(webhook) = target else { unreachable!("all are webhooks") };
        let client = NAMES.iter().position(|name| *name == webhook.url.host);
        Self { client: client.unwrap(), wire: Rc::clone(wire) }
    }
}

impl Deliver for Deliverer {
    async fn deliver(&self, events: &[Event<'_>], _mark: Option<&str>, limit: Duration) -> Delivered {
        let (call, world) = {
            let wire = self.wire.borrow();
            let wire = wire.as_ref().unwrap();
            let world = Rc::clone(&wire.world);
            let asked: Vec<Asked> = events.iter().map(|event| world.asked(event)).collect();
            let (client, pulse) = (self.client, Rc::clone(&wire.pulse));
            let timing = world.target_timing(&pulse, limit);
            let is_lost = world.is_on(Kind::Push) && world.rng.chance(30);
            let effect = move |world: &Rc<World>| world.take_all(&pulse, client, &asked, is_lost);
            let answer_of = move |answer: Option<Delivered>| {
                answer.filter(|_| !is_lost).unwrap_or_else(|| failed(FailureKind::Transient, "no answer"))
            };
            (wire.call(timing, effect, answer_of), world)
        };
        let delivered = call.await;
        if delivered.failure.is_some() {
            world.note("target", || format!("{} fails: {:?}", NAMES[self.client], delivered.failure));
        }
        delivered
    }

    fn at_once(&self) -> usize {
        // As a function that takes lists.
        if self.client % 2 == 1 { 10 } else { 1 }
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(15)
    }
}

/// The `push` of a client's config.
pub(crate) fn push_of(client: usize) -> Push {
    let secret = SecretArn::Parameter("arn:aws:ssm:eu-west-2:111122223333:parameter/secret".to_owned());
    let url = WebUrl {
        host: NAMES[client].to_owned(),
        port: 443,
        path_and_query: "/".to_owned(),
        is_internal: false,
    };
    let timeout = Duration::from_secs(15);
    let target =
        PushTarget::Webhook(WebhookTarget { url, secret, timeout, headers: Vec::new(), oauth: None });
    Push { target, give_up_after: None, on_refused: OnRefused::Hold }
}

fn failed(kind: FailureKind, reason: &str) -> Delivered {
    let (reason, alike) = (reason.to_owned(), reason.to_owned());
    Delivered::none(Failure { kind, reason, alike, retry_after: None })
}

impl World {
    fn asked(&self, event: &Event<'_>) -> Asked {
        let source = self.source.borrow();
        let group = source.index_of(event.group).unwrap_or_default();
        let event = if event.erased.is_some() { None } else { source.by_name(event.id) };
        Asked { group, event }
    }

    fn target_timing(&self, pulse: &Pulse, limit: Duration) -> Timing {
        let rng = &self.rng;
        let (effect, answer) = if self.befalls(Kind::SlowCalls) {
            pulse.was_slow.set(true);
            (rng.between(1, 14_000), rng.between(1, 3_000))
        } else {
            (rng.between(1, 30), rng.between(1, 30))
        };
        let effect = Duration::from_millis(effect);
        // What arrives later than the worker waits, arrives all the same.
        Timing { effect: Some(effect), answer: (effect + Duration::from_millis(answer)).min(limit) }
    }

    /// A request arrives at a target: it takes its events one after the other, up to the first that it refuses.
    fn take_all(self: &Rc<Self>, pulse: &Pulse, client: usize, asked: &[Asked], is_lost: bool) -> Delivered {
        let mood = self.targets.borrow().moods.get(&client).copied().unwrap_or(Mood::Well);
        match mood {
            Mood::Well => {}
            Mood::Fails => return failed(FailureKind::Transient, "503"),
            Mood::Forbids => return failed(FailureKind::Target, "403"),
            Mood::Gone => return failed(FailureKind::Gone, "410"),
        }
        if self.is_on(Kind::Push) && self.rng.chance(40) {
            return failed(FailureKind::Transient, "429");
        }
        for (index, asked) in asked.iter().enumerate() {
            if self.refuses(client, *asked) {
                return Delivered { taken: index, ..failed(FailureKind::Event, "400") };
            }
            self.take(pulse, client, *asked);
            if is_lost {
                self.targets.borrow_mut().unheard.insert((client, *asked));
            }
        }
        Delivered::all(asked.len())
    }

    /// Whether the target refuses this event now. Until when it does is drawn when it is asked for the first time.
    fn refuses(&self, client: usize, asked: Asked) -> bool {
        if !self.is_on(Kind::Push) {
            return false;
        }
        let mut targets = self.targets.borrow_mut();
        let until = targets.refuses.entry((client, asked)).or_insert_with(|| {
            let for_seconds = self.rng.pick(&[20, 90, 300, 2_000, 10_000]);
            self.rng.chance(100).then(|| self.now().plus(self.rng.seconds(1, for_seconds)))
        });
        until.is_some_and(|until| self.now() < until)
    }

    fn take(&self, pulse: &Pulse, client: usize, asked: Asked) {
        let (group, name) = (["a", "b"][asked.group], NAMES[client]);
        self.note(&pulse.name, || match asked.event {
            Some(event) => format!("{event} ⇒ {name}'s target"),
            None => format!("the notice of {group} ⇒ {name}'s target"),
        });
        let is_new = self.delivered_to_target(client, asked.group, asked.event);
        let is_unheard = self.targets.borrow().unheard.contains(&(client, asked))
            // It was sent as one of the incarnation before, too.
            || asked.event.is_some_and(|event| self.source.borrow().is_case_e(event));
        if !is_new && !is_unheard && !self.mix.has_any(&REPEATING) {
            self.violated(|| format!("target: {name}'s gets {:?} once more, without a reason", asked.event));
        }
    }

    /// From now on, a client's target behaves like this for `duration`. If it was gone, an operator resumes the client then.
    pub(crate) fn target_misbehaves(self: &Rc<Self>, client: usize, mood: Mood, duration: Duration) {
        self.note("world", || format!("{}'s target: {mood:?} for {}", NAMES[client], length(duration)));
        self.targets.borrow_mut().moods.insert(client, mood);
        self.after(duration, move |world| {
            world.note("world", || format!("{}'s target works again", NAMES[client]));
            world.targets.borrow_mut().moods.remove(&client);
            if mood == Mood::Gone {
                let resume = json!({ "request": "resume", "client": NAMES[client] });
                world.insist(resume, TRIES, |_, _| {});
            }
        });
    }

    /// All targets work from now on.
    pub(crate) fn heal_targets(&self) {
        self.targets.borrow_mut().moods.clear();
    }
}
