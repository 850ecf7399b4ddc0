//! The invocations of catch-up: by the schedule, and by an operator whose tool repeats a request that failed.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use shared::ids::Key;
use shared::ledger::{Item, ItemKey, Ports, State};
use shared::metrics::Tally;

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::trace::START;
use crate::wire::Wire;
use crate::world::{Action, World};

/// The function's time limit.
const LIMIT: Duration = Duration::from_secs(180);

/// How often an operator repeats a request.
pub(crate) const TRIES: u32 = 20;

#[derive(Default)]
pub(crate) struct Operator {
    replays: u64,
    pub(crate) holds: u64,
    /// Which of the schedules made so far is in force; none fires while it is off.
    schedule: u64,
}

impl World {
    /// From now on catch-up is on a new schedule, which fires for the first time after `first`; or on none.
    pub(crate) fn schedule_maintenance(self: &Rc<Self>, first: Option<Duration>) {
        let schedule = {
            let mut operator = self.operator.borrow_mut();
            operator.schedule += 1;
            operator.schedule
        };
        if let Some(first) = first {
            self.after(first, move |world| world.maintenance(schedule));
        }
    }

    /// In long schedules it fires seldom, so that they run fast.
    fn maintenance(self: &Rc<Self>, schedule: u64) {
        if self.operator.borrow().schedule != schedule {
            return;
        }
        self.catch_up(json!({ "request": "maintenance" }), |_, _| {});
        if self.is_on(Kind::TwoCatchUps) && self.rng.coin() {
            let second = |world: &Rc<Self>| world.catch_up(json!({ "request": "maintenance" }), |_, _| {});
            self.after(self.rng.millis(0, 5_000), second);
        }
        let interval = match self.now().since(START).as_secs() {
            _ if self.is_healed.get() => 60,
            0..1_800 => 60,
            1_800..20_000 => 300,
            // What push waits for a day before SQS forgets it is not to depend on twelve tries.
            _ if self.ledger.items().values().any(is_awaited) => 600,
            _ => 7_200,
        };
        self.after(Duration::from_secs(interval), move |world| world.maintenance(schedule));
    }

    /// Invokes catch-up with a request; `done` gets its answer, or `None` if it failed.
    pub(crate) fn catch_up(
        self: &Rc<Self>,
        request: Value,
        done: impl FnOnce(&Rc<Self>, Option<Value>) + Clone + 'static,
    ) {
        let (file, handler) = self.some_catch_up();
        let kind = request["request"].as_str().unwrap_or_default().to_owned();
        let pulse = self.new_pulse(file, |pid| format!("{kind} {pid} (file {file})"));
        self.note(&pulse.name, || request.to_string());
        let payload = serde_json::value::to_raw_value(&request).unwrap();
        let deadline = self.now().plus(LIMIT);
        let wire = Wire { world: Rc::clone(self), pulse: Rc::clone(&pulse) };
        let name = pulse.name.clone();
        let died = done.clone();
        let run = async move {
            let mut tally = Tally::default();
            let ports = Ports { clock: &wire, transport: &wire, ledger: &wire, table: &wire };
            let answer = handler.handle(ports, &payload, deadline, &mut tally).await;
            Box::new(move |world: &Rc<Self>| {
                let answer = match answer {
                    Ok(answer) => Some(serde_json::to_value(&answer).unwrap()),
                    Err(error) => {
                        world.note(&name, || format!("fails: {error}"));
                        None
                    }
                };
                if let Some(answer) = &answer {
                    world.note(&name, || format!("answers {answer}"));
                }
                done(world, answer);
            }) as Action
        };
        self.spawn(&pulse, run, deadline, move |world| died(world, None));
    }

    /// Repeats a request until it succeeds, there are no tries left, or everything is healed.
    pub(crate) fn insist(
        self: &Rc<Self>,
        request: Value,
        tries: u32,
        done: impl FnOnce(&Rc<Self>, Value) + Clone + 'static,
    ) {
        let repeated = request.clone();
        self.catch_up(request, move |world, answer| match answer {
            Some(answer) => done(world, answer),
            None if tries > 0 && !world.is_healed.get() => {
                let pause = world.rng.seconds(1, 20);
                world.after(pause, move |world| world.insist(repeated, tries - 1, done));
            }
            None => {}
        });
    }

    /// A client of the last file, most of the time.
    pub(crate) fn some_client(&self) -> usize {
        let instances = self.instances.borrow();
        if self.rng.chance(100) { self.rng.index(NAMES.len()) } else { self.rng.pick(instances.clients()) }
    }

    pub(crate) fn pause(self: &Rc<Self>, duration: Duration) {
        let client = self.some_client();
        let request = |name: &str| json!({ "request": name, "client": NAMES[client] });
        let resume = request("resume");
        self.insist(request("pause"), TRIES, move |world, _| {
            world.after(duration, move |world| world.insist(resume, TRIES, |_, _| {}));
        });
    }

    /// Resumes every client that is still paused.
    pub(crate) fn resume_all(self: &Rc<Self>) {
        let Some(Item::Registry(registry)) = self.ledger.get(&ItemKey::Registry) else { return };
        for (name, _) in registry.clients.iter().filter(|(_, client)| client.state == State::Paused) {
            self.catch_up(json!({ "request": "resume", "client": name.as_str() }), |_, _| {});
        }
    }

    pub(crate) fn catch_up_client(self: &Rc<Self>) {
        let client = self.some_client();
        self.catch_up(json!({ "request": "catchUp", "client": NAMES[client] }), |_, _| {});
    }

    /// Requests a replay from a version, of some groups under one id. A group whose request may have failed is
    /// requested under another id.
    pub(crate) fn replay(self: &Rc<Self>, client: usize, groups: Vec<usize>, from: i64, tries: u32) {
        self.replay_because(client, groups, from, tries, false);
    }

    /// The same, because of a `gap` that a consumer saw.
    pub(crate) fn replay_because(
        self: &Rc<Self>,
        client: usize,
        groups: Vec<usize>,
        from: i64,
        tries: u32,
        gap: bool,
    ) {
        let id = {
            let mut operator = self.operator.borrow_mut();
            operator.replays += 1;
            format!("r{}", operator.replays)
        };
        let keys: Vec<Value> = groups.iter().map(|group| self.key_of(*group)).collect();
        self.observed.borrow_mut().replay_requested(&id, from);
        let request = json!({
            "request": "replay", "client": NAMES[client], "keys": keys, "from": from, "replay": id, "gap": gap
        });
        self.catch_up(request, move |world, answer| {
            let failed: Vec<usize> = match answer {
                None => groups,
                Some(answer) => {
                    let is_failed =
                        |(index, _): &(usize, usize)| answer["results"][index]["outcome"] == "failed";
                    groups.into_iter().enumerate().filter(is_failed).map(|(_, group)| group).collect()
                }
            };
            // What a consumer misses, it asks for until it is done.
            if !failed.is_empty() && tries > 0 && (gap || !world.is_healed.get()) {
                let pause = world.rng.seconds(1, 30);
                world.after(pause, move |world| world.replay_because(client, failed, from, tries - 1, gap));
            }
        });
    }

    /// An aggregate's key, as requests have it.
    pub(crate) fn key_of(&self, group: usize) -> Value {
        match &self.source.borrow().groups[group].key {
            Key::S(text) => json!({ "S": text }),
            _ => Value::Null,
        }
    }

    /// Table and ledger are compared, page by page.
    pub(crate) fn reconcile(self: &Rc<Self>, after: Value, calls: u32) {
        self.catch_up(json!({ "request": "reconcile", "after": after }), move |world, answer| {
            let next = match answer {
                Some(answer) => answer["after"].clone(),
                None => after,
            };
            if !next.is_null() && calls > 0 {
                world.reconcile(next, calls - 1);
            }
        });
    }
}

/// Whether push waits for catch-up to do what it asked for.
fn is_awaited(item: &Item) -> bool {
    matches!(item, Item::DeliveryRequest(request) if request.done_at.is_none())
}
