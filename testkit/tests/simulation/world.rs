//! The world of one schedule: a clock, an agenda, processes, and everything that they act on. One thread, no runtime.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use shared::config::Config;
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::time::Timestamp;
use testkit::memory::{FifoQueues, MemoryLedger, MemoryTable, Settings, VirtualClock};

use crate::clients::Clients;
use crate::deliverer::Deliverers;
use crate::instances::Instances;
use crate::mapping::Mapping;
use crate::mix::{Kind, Mix};
use crate::observed::Observed;
use crate::operator::Operator;
use crate::process::Processes;
use crate::push_mapping::PushMappings;
use crate::rng::Rng;
use crate::source::Source;
use crate::targets::Targets;
use crate::trace::{START, Trace};

/// Something that happens at an instant.
pub(crate) type Action = Box<dyn FnOnce(&Rc<World>)>;

pub(crate) struct World {
    pub(crate) clock: VirtualClock,
    pub(crate) rng: Rng,
    pub(crate) mix: Mix,
    pub(crate) trace: Trace,
    pub(crate) naming: Naming,
    pub(crate) queues: FifoQueues,
    pub(crate) ledger: MemoryLedger,
    pub(crate) table: MemoryTable,
    pub(crate) source: RefCell<Source>,
    pub(crate) clients: RefCell<Clients>,
    pub(crate) processes: RefCell<Processes>,
    pub(crate) instances: RefCell<Instances>,
    pub(crate) mapping: RefCell<Mapping>,
    pub(crate) operator: RefCell<Operator>,
    pub(crate) observed: RefCell<Observed>,
    pub(crate) deliverers: RefCell<Deliverers>,
    pub(crate) push: RefCell<PushMappings>,
    pub(crate) targets: RefCell<Targets>,
    /// Whether everything works now and for ever.
    pub(crate) is_healed: Cell<bool>,
    /// Until when the ledger takes no writes, and until when it answers nothing.
    pub(crate) ledger_refuses_until: Cell<Timestamp>,
    pub(crate) ledger_down_until: Cell<Timestamp>,
    pub(crate) steps: Cell<u64>,
    agenda: RefCell<BTreeMap<(Timestamp, u64, u64), Action>>,
    actions: Cell<u64>,
    violation: RefCell<Option<String>>,
}

impl World {
    pub(crate) fn new(seed: u64, is_traced: bool) -> Rc<Self> {
        let rng = Rng::new(seed);
        let mix = Mix::draw(&rng, seed);
        let naming = Naming::try_new("aws", "eu-west-2", "111122223333", "").unwrap();
        let clock = VirtualClock::at(START);
        let queues = FifoQueues::new(&clock);
        let fan_out = Settings {
            visibility: shared::ledger::times::VISIBILITY,
            latency: Duration::ZERO,
            ..Settings::default()
        };
        queues.create(&naming.own_queue(OwnQueue::FanOut), fan_out);
        queues.create(&naming.own_queue(OwnQueue::Rejected), Settings::default());
        let clients = Clients::new(&naming, &queues);
        if mix.has(Kind::Push) {
            clients.wait_as_long_as_push(&queues);
        }
        let instances = Instances::new(&naming, &mix, seed);
        let source = instances.config(0).source.clone();
        Rc::new(Self {
            ledger: MemoryLedger::new(rng.next() >> 16),
            table: MemoryTable::new(&source),
            trace: Trace::new(is_traced),
            source: RefCell::new(Source::new(&source)),
            clients: RefCell::new(clients),
            processes: RefCell::default(),
            instances: RefCell::new(instances),
            mapping: RefCell::default(),
            operator: RefCell::default(),
            observed: RefCell::default(),
            deliverers: RefCell::default(),
            push: RefCell::default(),
            targets: RefCell::default(),
            is_healed: Cell::new(false),
            ledger_refuses_until: Cell::new(START),
            ledger_down_until: Cell::new(START),
            steps: Cell::new(0),
            agenda: RefCell::default(),
            actions: Cell::new(0),
            violation: RefCell::new(None),
            rng,
            mix,
            naming,
            clock,
            queues,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether this kind of trouble can happen now.
    pub(crate) fn is_on(&self, kind: Kind) -> bool {
        !self.is_healed.get() && self.mix.has(kind)
    }

    /// Whether this kind of trouble befalls this call.
    pub(crate) fn befalls(&self, kind: Kind) -> bool {
        self.is_on(kind) && self.rng.chance(self.mix.per_call)
    }

    pub(crate) fn fan_out(&self) -> QueueUrl {
        self.naming.own_queue(OwnQueue::FanOut)
    }

    /// Does `action` at `instant`, or now if that is past. Of several at the same instant, any may be first.
    pub(crate) fn at(&self, instant: Timestamp, action: impl FnOnce(&Rc<Self>) + 'static) {
        self.actions.set(self.actions.get() + 1);
        let key = (instant.max(self.now()), self.rng.below(1 << 20), self.actions.get());
        self.agenda.borrow_mut().insert(key, Box::new(action));
    }

    pub(crate) fn after(&self, duration: Duration, action: impl FnOnce(&Rc<Self>) + 'static) {
        self.at(self.now().plus(duration), action);
    }

    /// Does all actions until `end`, or until a rule is broken.
    pub(crate) fn run_until(self: &Rc<Self>, end: Timestamp) {
        while self.violation.borrow().is_none() {
            let next = {
                let mut agenda = self.agenda.borrow_mut();
                let entry = agenda.first_entry().filter(|entry| entry.key().0 <= end);
                entry.map(|entry| entry.remove_entry())
            };
            let Some(((instant, ..), action)) = next else { break };
            self.clock.freeze(instant.since(self.now()));
            self.steps.set(self.steps.get() + 1);
            action(self);
            self.settle();
        }
        self.clock.freeze(end.since(self.now()));
    }

    /// A rule is broken. The first violation is kept.
    pub(crate) fn violated(&self, what: impl FnOnce() -> String) {
        let mut violation = self.violation.borrow_mut();
        if violation.is_none() {
            let what = what();
            self.trace.note(self.now(), "VIOLATION", || what.clone());
            *violation = Some(what);
        }
    }

    pub(crate) fn violation(&self) -> Option<String> {
        self.violation.borrow().clone()
    }

    pub(crate) fn note(&self, who: &str, what: impl FnOnce() -> String) {
        self.trace.note(self.now(), who, what);
    }

    /// Drops everything that holds the world itself.
    pub(crate) fn end(&self) {
        self.agenda.take();
        self.processes.take();
        self.operator.take();
        self.push.take();
    }
}

/// The configuration of a file that names these clients, with or without `history`, and with these filters.
pub(crate) fn config(naming: &Naming, first_version: i64, clients: &[(&str, bool, String)]) -> Config {
    let clients: String = clients
        .iter()
        .map(|(name, history, filter)| format!("[[client]]\nname = '{name}'\nhistory = {history}\n{filter}"))
        .collect();
    let source = "[source]\npartition_key = 'mark'\nsort_key = 'at'\nid = 'eventId'\nname = 'name'\n\
                  time = 'createTime'\nversion = 'RegistrationNumber.version'\n";
    let file = format!("{source}first_version = {first_version}\n{clients}");
    Config::try_from_toml("client-queues.toml", &file, Some(naming)).unwrap()
}
