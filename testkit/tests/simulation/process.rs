//! Invocations as processes: polled when woken, killed or frozen between any two steps.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use shared::ids::Group;
use shared::ledger::{ClientId, ItemKey};
use shared::time::Timestamp;

use crate::mix::Kind;
use crate::source::EventRef;
use crate::trace::START;
use crate::wire::CLOCK_ERROR;
use crate::world::{Action, World};

/// A process's number. No other process has it.
pub(crate) type Pid = u64;

#[derive(Default)]
pub(crate) struct Processes {
    running: BTreeMap<Pid, Process>,
    started: Pid,
}

struct Process {
    pulse: Rc<Pulse>,
    /// The handler at work; its last step is an action of the world.
    future: Option<Pin<Box<dyn Future<Output = Action>>>>,
    woken: Arc<Flag>,
    /// What the world does when it dies.
    on_death: Action,
}

/// What a process and its wire share.
pub(crate) struct Pulse {
    pub(crate) pid: Pid,
    pub(crate) name: String,
    /// Which file it has.
    pub(crate) file: usize,
    /// How much its machine's clock is ahead of the slowest one, in milliseconds.
    pub(crate) clock_error: u64,
    /// How far its step is ahead of the world's clock, because it stood still in the middle of it.
    pub(crate) lead: Cell<Duration>,
    /// When Lambda ends it.
    pub(crate) limit: Cell<Timestamp>,
    /// The time that it saw when it last looked at the clock before its first call.
    pub(crate) began: Cell<Timestamp>,
    pub(crate) has_begun: Cell<bool>,
    /// Whether it has looked at the clock since its last send, in the same step.
    pub(crate) has_looked: Cell<bool>,
    /// When it last read the cursor of a client and group.
    pub(crate) passes: RefCell<BTreeMap<(ClientId, Group), Timestamp>>,
    /// The items that it wrote to the ledger, as far as it knows.
    pub(crate) written: RefCell<BTreeSet<ItemKey>>,
    /// The groups of which it has messages that were received before.
    pub(crate) received_again: RefCell<BTreeSet<Group>>,
    /// The events of which it has messages of the stream.
    pub(crate) streamed: RefCell<BTreeSet<EventRef>>,
    is_frozen: Cell<bool>,
    died_at: Cell<Option<Timestamp>>,
    /// Whether a read or a write of the ledger failed, or its result is unknown.
    pub(crate) has_met_ledger_fault: Cell<bool>,
    /// Whether a write of its was lost: what it sent by the filters of before counts.
    pub(crate) has_lost_write: Cell<bool>,
    /// Whether it stood still, or one of its calls took seconds.
    pub(crate) was_slow: Cell<bool>,
    /// The groups whose messages it returned.
    pub(crate) returned: RefCell<BTreeSet<Group>>,
}

impl Pulse {
    /// A process that is about to be started.
    fn new(pid: Pid, name: String, file: usize, clock_error: u64) -> Self {
        Self {
            pid,
            name,
            file,
            clock_error,
            lead: Cell::default(),
            limit: Cell::new(START),
            began: Cell::new(START),
            has_begun: Cell::default(),
            has_looked: Cell::default(),
            passes: RefCell::default(),
            written: RefCell::default(),
            received_again: RefCell::default(),
            streamed: RefCell::default(),
            is_frozen: Cell::default(),
            died_at: Cell::default(),
            has_met_ledger_fault: Cell::default(),
            has_lost_write: Cell::default(),
            was_slow: Cell::default(),
            returned: RefCell::default(),
        }
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.died_at.get().is_some()
    }

    /// Whether the process came as far as this instant. A step that is ahead of the world's clock may never happen.
    pub(crate) fn has_reached(&self, instant: Timestamp) -> bool {
        self.died_at.get().is_none_or(|died_at| instant <= died_at)
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Processes {
    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.running.values().map(|process| &*process.pulse.name).collect();
        names.join(", ")
    }
}

impl World {
    /// The number and the pulse of a process that is about to be started as `name`.
    pub(crate) fn new_pulse(&self, file: usize, name: impl FnOnce(Pid) -> String) -> Rc<Pulse> {
        let is_exact = !self.mix.has(Kind::Skew);
        let clock_error = if is_exact { CLOCK_ERROR / 2 } else { self.rng.between(0, CLOCK_ERROR) };
        let mut processes = self.processes.borrow_mut();
        processes.started += 1;
        let pid = processes.started;
        Rc::new(Pulse::new(pid, name(pid), file, clock_error))
    }

    /// Starts a process, which is killed at `limit`.
    pub(crate) fn spawn(
        &self,
        pulse: &Rc<Pulse>,
        future: impl Future<Output = Action> + 'static,
        limit: Timestamp,
        on_death: impl FnOnce(&Rc<Self>) + 'static,
    ) {
        let process = Process {
            pulse: Rc::clone(pulse),
            future: Some(Box::pin(future)),
            woken: Arc::new(Flag(AtomicBool::new(true))),
            on_death: Box::new(on_death),
        };
        pulse.limit.set(limit);
        self.processes.borrow_mut().running.insert(pulse.pid, process);
        // The kill of a machine that stands still comes late, too.
        let late = if self.is_on(Kind::Stall) && self.rng.chance(300) {
            self.rng.seconds(0, 100)
        } else {
            Duration::ZERO
        };
        let pid = pulse.pid;
        self.at(limit.plus(late), move |world| {
            if world.kill(pid, "killed at its time limit") {
                world.note_time_limit();
            }
        });
    }

    /// Polls the processes that are woken, in any order, until none is.
    pub(crate) fn settle(self: &Rc<Self>) {
        loop {
            let ready: Vec<Pid> = {
                let processes = self.processes.borrow();
                let is_ready = |process: &&Process| {
                    process.woken.0.load(Ordering::Relaxed) && !process.pulse.is_frozen.get()
                };
                processes.running.values().filter(is_ready).map(|process| process.pulse.pid).collect()
            };
            if ready.is_empty() || self.violation().is_some() {
                return;
            }
            self.step(self.rng.pick(&ready));
        }
    }

    fn step(self: &Rc<Self>, pid: Pid) {
        if self.is_on(Kind::Crash) && self.rng.chance(self.mix.per_step) {
            let _ = self.kill(pid, "crashes");
            return;
        }
        if self.is_on(Kind::Stall) && self.rng.chance(self.mix.per_step) {
            self.freeze(pid, self.stall());
            return;
        }
        let (mut future, woken, pulse) = {
            let mut processes = self.processes.borrow_mut();
            let Some(process) = processes.running.get_mut(&pid) else { return };
            let Some(future) = process.future.take() else { return };
            (future, Arc::clone(&process.woken), Rc::clone(&process.pulse))
        };
        woken.0.store(false, Ordering::Relaxed);
        pulse.has_looked.set(false);
        self.steps.set(self.steps.get() + 1);
        let waker = Waker::from(woken);
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        pulse.has_begun.set(true);
        let lead = pulse.lead.take();
        match polled {
            Poll::Ready(action) => {
                drop(future);
                self.processes.borrow_mut().running.remove(&pid);
                self.after(lead, move |world| {
                    action(world);
                    world.settle_accounts_of(&pulse);
                });
            }
            Poll::Pending => {
                if let Some(process) = self.processes.borrow_mut().running.get_mut(&pid) {
                    process.future = Some(future);
                }
                if !lead.is_zero() {
                    self.freeze(pid, lead);
                }
            }
        }
    }

    /// How long a process stands still.
    pub(crate) fn stall(&self) -> Duration {
        match self.rng.below(10) {
            0..=4 => self.rng.millis(10, 5_000),
            5..=7 => self.rng.seconds(5, 40),
            _ => self.rng.seconds(40, 100),
        }
    }

    fn freeze(&self, pid: Pid, duration: Duration) {
        let Some(pulse) = self.processes.borrow().running.get(&pid).map(|process| Rc::clone(&process.pulse))
        else {
            return;
        };
        self.note(&pulse.name, || format!("stands still for {:.3} s", duration.as_secs_f64()));
        pulse.is_frozen.set(true);
        pulse.was_slow.set(true);
        self.after(duration, move |_| pulse.is_frozen.set(false));
    }

    /// Ends a process, if it runs. The calls that it has put on the wire still arrive.
    fn kill(self: &Rc<Self>, pid: Pid, how: &str) -> bool {
        let Some(process) = self.processes.borrow_mut().running.remove(&pid) else { return false };
        self.note(&process.pulse.name, || how.to_owned());
        process.pulse.died_at.set(Some(self.now()));
        drop(process.future);
        (process.on_death)(self);
        self.settle_accounts_of(&process.pulse);
        true
    }

    /// A process that only its time limit ended has hung, unless something made it slow.
    fn note_time_limit(&self) {
        let slow = [
            Kind::Stall,
            Kind::SlowCalls,
            Kind::ClientSlow,
            Kind::SendUnknown,
            Kind::SendFails,
            Kind::ClientGone,
            Kind::LedgerOutage,
            Kind::LateInvocation,
        ];
        if !self.mix.has_any(&slow) {
            self.violated(|| "time limit: a function ran into it, and nothing was slow".to_owned());
        }
    }
}
