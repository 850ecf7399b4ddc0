//! One seed: its schedule; then everything heals, runs until it is idle, and is checked.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use shared::ledger::{Item, ItemKey, ScanKind};

use crate::trace::length;
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

/// How many minutes everything may take until it is idle, once it works.
const PATIENCE: u64 = 90;

/// The outcome of a schedule.
pub(crate) struct Outcome {
    pub(crate) kinds: String,
    pub(crate) steps: u64,
    pub(crate) enqueued: usize,
    pub(crate) violation: Option<String>,
    pub(crate) trace: Vec<String>,
}

/// Runs one seed. A panic of the code under test is a violation, too.
pub(crate) fn run(seed: u64, is_traced: bool) -> Outcome {
    let world = World::new(seed, is_traced);
    let ran = catch_unwind(AssertUnwindSafe(|| world.play()));
    if let Err(panic) = ran {
        let what = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default();
        world.violated(|| format!("panic: {what}"));
    }
    world.end();
    Outcome {
        kinds: world.mix.kinds(),
        steps: world.steps.get(),
        enqueued: world.observed.borrow().enqueued().count(),
        violation: world.violation(),
        trace: world.trace.lines(),
    }
}

impl World {
    fn play(self: &Rc<Self>) {
        self.note("world", || format!("kinds of trouble: {}", self.mix.kinds()));
        let end = self.draw();
        self.run_until(end);
        self.heal();
        self.run_until_idle("after everything healed", false);
        self.replay_lost_replays();
        // A day later, when the stream has no old records any more, table and ledger are compared.
        self.schedule_maintenance(None);
        self.run_until(self.now().plus(Duration::from_secs(25 * 3_600)));
        self.note("world", || "a day later".to_owned());
        self.schedule_maintenance(Some(self.rng.seconds(5, 40)));
        self.run_until_idle("a day later", true);
        self.reconcile(Value::Null, 100);
        self.run_until_idle("after a last reconcile", true);
        if self.violation().is_none() {
            self.check();
        }
        self.lose_and_replay();
    }

    /// A consumer loses a message that it had, misses it, and has it replayed.
    fn lose_and_replay(self: &Rc<Self>) {
        if self.violation().is_some() {
            return;
        }
        if let Some(lost) = self.some_lost_message() {
            self.ask_for(&lost);
            self.run_until_idle("after a replay that a consumer asked for", true);
            self.check_closed(&lost);
        }
    }

    /// From now on everything works.
    fn heal(self: &Rc<Self>) {
        self.note("world", || "everything works from now on".to_owned());
        self.is_healed.set(true);
        self.heal_clients();
        self.heal_targets();
        self.poke_all_push();
        self.ledger_down_until.set(self.now());
        self.ledger_refuses_until.set(self.now());
        self.schedule_maintenance(Some(self.rng.seconds(5, 40)));
    }

    /// Goes on until there is nothing more to do.
    fn run_until_idle(self: &Rc<Self>, when: &str, is_membership_settled: bool) {
        for minute in 0..PATIENCE {
            self.run_until(self.now().plus(MINUTE));
            self.resume_all();
            self.release_all();
            if self.violation().is_some() {
                return;
            }
            if minute > 3 && self.unfinished(is_membership_settled).is_none() {
                return;
            }
        }
        let waited = length(MINUTE * PATIENCE as u32);
        let unfinished = self.unfinished(is_membership_settled).unwrap_or_default();
        self.violated(|| format!("stuck: {waited} {when}, {unfinished}"));
    }

    /// Something that is still to do, in words.
    fn unfinished(&self, is_membership_settled: bool) -> Option<String> {
        let source = self.source.borrow();
        if source.on_their_way > 0 {
            return Some("stream records are on their way".to_owned());
        }
        let held = self.queues.held(&self.fan_out());
        if held > 0 {
            return Some(format!("the fan-out queue holds {held} messages"));
        }
        if let Some(waiting) = self.waits_for_push() {
            return Some(waiting);
        }
        if self.delivers() {
            return Some("a message waits to be delivered".to_owned());
        }
        // Between two firings of the schedule nothing runs.
        if !self.processes.borrow().is_empty() {
            return Some(format!("{} still run", self.processes.borrow().names()));
        }
        let instances = self.instances.borrow();
        for (client, id) in self.observed.borrow().ids() {
            let is_gone = !instances.clients().contains(&client);
            if is_gone && !is_membership_settled {
                continue;
            }
            for aggregate in &source.groups {
                let group = &aggregate.group;
                if self.ledger.get(&ItemKey::Cursor(id, group.clone())).is_some() {
                    return Some(format!("{} is behind in `{group}`", crate::clients::NAMES[client]));
                }
            }
        }
        for kind in [ScanKind::History, ScanKind::Reconcile] {
            if let Some(Item::Scan(scan)) = self.ledger.get(&ItemKey::Scan(kind))
                && scan.is_on
            {
                return Some(format!("the scan {kind:?} has not ended"));
            }
        }
        None
    }
}
