//! A client's queue, its target, the ledger, and catch-up as far as push functions see it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use push::event::Event;
use push::handler::{Push, PushPorts, Side};
use push::outcome::{Deliver, Delivered, Failure, FailureKind};
use shared::config::{ClientName, Config, OnRefused, PushTarget, SecretArn, WebUrl, WebhookTarget};
use shared::filter::FilterDigest;
use shared::ids::{DeduplicationId, EventIdentity, Group, IncarnationToken, Key, ReplayId};
use shared::ledger::stored::Attributes;
use shared::ledger::{
    ClientId, Condition, DeliveryRequestKind, First, GroupItem, Item, ItemKey, LastSent, Registration,
    Registry, State, Write, WriteCount,
};
use shared::message::{Attribute, Body, Message};
use shared::metrics::Tally;
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::time::Timestamp;
use testkit::memory::{FifoQueues, MemoryLedger, Received, Settings, VirtualClock, WriteFault, payload};

const CLIENT: ClientId = ClientId(1);
const BEGIN: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// How the target answers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    /// Fails in passing, in these groups.
    Fails(String),
    /// Refuses this event.
    Refuses(String),
    RefusesAll,
    Forbids,
    Gone,
}

/// The target.
struct Target {
    mood: RefCell<Mood>,
    /// When it was asked for what, and whether it took it.
    asked: RefCell<Vec<(String, bool)>>,
    /// Every event that it took, in order.
    took: RefCell<Vec<String>>,
}

pub(crate) struct World {
    clock: VirtualClock,
    queues: FifoQueues,
    ledger: MemoryLedger,
    naming: Naming,
    config: Config,
    queue: QueueUrl,
    target: Target,
    /// Every event that was sent: its message without chain, and its predecessor.
    sent: BTreeMap<char, Vec<(i64, Message)>>,
    erased: BTreeSet<char>,
    /// From which version groups are held.
    held: BTreeMap<char, i64>,
    replays: usize,
    /// What Lambda received, batch by batch.
    batches: Vec<Vec<Received>>,
    log: String,
    /// What the last invocation counted.
    tally: String,
}

impl Deliver for &Target {
    async fn deliver(&self, events: &[Event<'_>], _: Option<&str>, _: Duration) -> Delivered {
        let event = &events[0];
        assert_eq!(events.len(), 1);
        let group = event.group.as_str();
        let name = match event.erased {
            Some(_) => format!("{group} erased"),
            None => format!("{group}{}", event.message.version),
        };
        let failed = |kind, reason: &str| {
            Delivered::none(Failure {
                kind,
                reason: reason.to_owned(),
                alike: reason.to_owned(),
                retry_after: None,
            })
        };
        let delivered = match &*self.mood.borrow() {
            Mood::Fails(groups) if groups.contains(group) => failed(FailureKind::Transient, "503"),
            Mood::Refuses(event) if *event == name => failed(FailureKind::Event, "400"),
            Mood::RefusesAll => failed(FailureKind::Event, "400"),
            Mood::Forbids => failed(FailureKind::Target, "403"),
            Mood::Gone => failed(FailureKind::Gone, "410"),
            _ => Delivered::all(1),
        };
        if delivered.failure.is_none() {
            self.took.borrow_mut().push(name.clone());
        }
        self.asked.borrow_mut().push((name, delivered.failure.is_none()));
        delivered
    }

    fn at_once(&self) -> usize {
        1
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(15)
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = VirtualClock::at(BEGIN);
        let naming = Naming::try_new("aws", "eu-west-2", "111122223333", "").unwrap();
        let (queues, ledger) = (FifoQueues::new(&clock), MemoryLedger::new(1));
        let queue = naming.client_queue("Billing");
        let visibility = Duration::from_secs(180);
        queues.create(&queue, Settings { visibility, ..Settings::default() });
        queues.create(&naming.own_queue(OwnQueue::Rejected), Settings::default());
        let target =
            Target { mood: RefCell::new(Mood::Well), asked: RefCell::default(), took: RefCell::default() };
        let world = Self {
            clock,
            queues,
            ledger,
            naming,
            config: config(),
            queue,
            target,
            sent: BTreeMap::new(),
            erased: BTreeSet::new(),
            held: BTreeMap::new(),
            replays: 0,
            batches: Vec::new(),
            log: String::new(),
            tally: String::new(),
        };
        world.register(State::Live);
        world
    }

    pub(crate) fn step(&mut self, step: &str) {
        let words: Vec<&str> = step.split(' ').collect();
        let group = || words[1].chars().next().unwrap();
        match words[0] {
            "send" => words[1..].iter().for_each(|event| self.send(event)),
            "lose" => words[1..].iter().for_each(|event| drop(self.message(event))),
            "run" => self.run(Duration::from_secs(words[1].parse().unwrap())),
            "well" => self.set(Mood::Well),
            "fail" => self.set(Mood::Fails(words[1].to_owned())),
            "refuse" => self.set(Mood::Refuses(words[1].to_owned())),
            "refuse-all" => self.set(Mood::RefusesAll),
            "forbid" => self.set(Mood::Forbids),
            "gone" => self.set(Mood::Gone),
            "skips" => self.policy(|push| push.on_refused = OnRefused::Skip),
            "gives-up-after" => {
                let after = Duration::from_secs(words[1].parse().unwrap());
                self.policy(|push| push.give_up_after = Some(after));
            }
            "again" => {
                self.handle(&self.batches[words[1].parse::<usize>().unwrap()].clone());
                self.show();
            }
            "catch-up" => self.catch_up(),
            "release" => self.release(group()),
            "replay" => self.replay(group(), words[2].parse().unwrap()),
            "pause" => self.register(State::Paused),
            "resume" => self.resume(),
            "dies" => self.ledger.fail_write(WriteFault::UnknownNotDone),
            "purge" => self.queues.purge(&self.queue),
            "erase" => self.erase(group()),
            "foreign" => self.foreign(group()),
            "version" => self.set_version(group(), words[2].parse().unwrap()),
            other => panic!("{other}"),
        }
    }

    pub(crate) fn finish(mut self) -> String {
        let left = self.queues.held(&self.queue);
        let rejected = self.queues.accepted(&self.naming.own_queue(OwnQueue::Rejected));
        writeln!(self.log, "in the queue: {left}").unwrap();
        for rejection in rejected {
            let body: serde_json::Value = serde_json::from_str(&rejection.body).unwrap();
            writeln!(self.log, "rejection: {}", body["reason"].as_str().unwrap()).unwrap();
        }
        self.log
    }

    /// Mends everything, as operators would, until the queue is empty. Returns the versions that the target took of each group,
    /// those that came again at once left out, and how many there are.
    pub(crate) fn mend(&mut self) -> Vec<(char, Vec<i64>, usize)> {
        self.set(Mood::Well);
        for _ in 0..50 {
            self.resume();
            self.catch_up();
            self.run(Duration::from_secs(1_000));
            let held: Vec<char> = self.held.keys().copied().collect();
            held.into_iter().for_each(|group| self.release(group));
            if self.queues.held(&self.queue) == 0 {
                break;
            }
        }
        assert_eq!(self.queues.held(&self.queue), 0, "{}", self.log);
        let took = self.target.took.borrow();
        let of_group = |(name, sent): (&char, &Vec<(i64, Message)>)| {
            let versions = took.iter().filter_map(|event| event.strip_prefix(*name)?.parse().ok());
            let mut versions: Vec<i64> = versions.collect();
            versions.dedup();
            (*name, versions, sent.len())
        };
        self.sent.iter().map(of_group).collect()
    }

    /// What the last invocation counted.
    pub(crate) fn tally(&self) -> &str {
        &self.tally
    }

    /// The story so far.
    pub(crate) fn log(&self) -> &str {
        &self.log
    }

    fn set(&self, mood: Mood) {
        *self.target.mood.borrow_mut() = mood;
    }

    fn policy(&mut self, change: impl Fn(&mut shared::config::Push)) {
        self.config.clients.iter_mut().filter_map(|client| client.push.as_mut()).for_each(change);
    }

    fn send(&mut self, event: &str) {
        let message = self.message(event);
        // The fan-out sends nothing of a held group.
        if !self.held.contains_key(&event.chars().next().unwrap()) {
            self.queues.put(&self.queue, &message).unwrap();
        }
    }

    /// The message of an event: `a3`, or `a1'` of the next incarnation.
    fn message(&mut self, event: &str) -> Message {
        let name = event.chars().next().unwrap();
        let version: i64 = event[1..].trim_end_matches('\'').parse().unwrap();
        let sent = self.sent.entry(name).or_default();
        let previous = sent.last().map_or(0, |(version, _)| *version);
        let token = if event.ends_with('\'') { "b" } else { "a" };
        let message = message(name, version, previous, token, &[], event);
        sent.push((version, message.clone()));
        message
    }

    /// Lambda polls the queue, until this time is over.
    fn run(&mut self, time: Duration) {
        let until = self.clock.now().plus(time);
        loop {
            let batch = self.queues.receive(&self.queue, 10);
            if batch.is_empty() {
                match self.queues.next_receivable(&self.queue).filter(|next| *next <= until) {
                    Some(next) => {
                        self.clock.freeze(next.since(self.clock.now()).max(Duration::from_millis(1)));
                    }
                    None => break,
                }
                continue;
            }
            self.handle(&batch);
            self.batches.push(batch);
        }
        self.clock.freeze(until.since(self.clock.now()));
        self.show();
    }

    /// Lambda invokes the function with a batch, and deletes what it acknowledges, as far as it still may.
    fn handle(&mut self, batch: &[Received]) {
        let push = Push::new(&self.config, &self.naming, Side::Web, |_| &self.target);
        let arn = self.naming.client_queue_arn("Billing").to_string();
        let id = |received: &Received| format!("m-{}", received.message.sequence);
        let payload = payload(&arn, batch, id);
        let ports = PushPorts { clock: &self.clock, transport: &self.queues, ledger: &self.ledger };
        let deadline = self.clock.now().plus(Duration::from_secs(30));
        let mut tally = Tally::default();
        let handled = self.clock.block_on(push.handle(ports, &payload, deadline, &mut tally)).unwrap();
        self.tally = tally.to_string();
        let returned: BTreeSet<String> =
            handled.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
        let acknowledged = batch.iter().filter(|received| !returned.contains(&id(received)));
        // Of a batch that comes twice, the receipts are none any more.
        for received in acknowledged {
            let _ = self.queues.delete(&self.queue, received.receipt);
        }
    }

    /// What the target was asked since the last time, what is asked of catch-up, and how the target is.
    fn show(&mut self) {
        let now = self.clock.now().since(BEGIN).as_secs();
        write!(self.log, "{now} s:").unwrap();
        let asked = std::mem::take(&mut *self.target.asked.borrow_mut());
        let mut last: Option<(String, bool, usize)> = None;
        let show = |log: &mut String, (name, took, times): (String, bool, usize)| {
            let took = if took { "" } else { " refused" };
            let times = if times > 1 { format!(" {times} times") } else { String::new() };
            write!(log, " {name}{took}{times},").unwrap();
        };
        for (name, took) in asked {
            match &mut last {
                Some((before, as_before, times)) if *before == name && *as_before == took => *times += 1,
                _ => {
                    if let Some(last) = last.replace((name, took, 1)) {
                        show(&mut self.log, last);
                    }
                }
            }
        }
        if let Some(last) = last {
            show(&mut self.log, last);
        }
        for (key, item) in self.ledger.items() {
            match (key, item) {
                (ItemKey::DeliveryRequest(_, group), Item::DeliveryRequest(request)) => {
                    let kind = match request.kind {
                        DeliveryRequestKind::Hold { reason } => format!("hold ({reason})"),
                        DeliveryRequestKind::Replay => "replay".to_owned(),
                    };
                    let done = if request.done_at.is_some() { ", done" } else { "" };
                    write!(self.log, " [asks: {kind} of {group} from {}{done}]", request.from).unwrap();
                }
                (ItemKey::Target(_), Item::Target(target)) => {
                    if let Some(breaker) = &target.breaker {
                        write!(self.log, " [breaker open: {}]", breaker.reason).unwrap();
                    }
                    if let Some(gone) = &target.gone {
                        write!(self.log, " [gone: {}]", gone.reason).unwrap();
                    }
                }
                _ => {}
            }
        }
        self.log.push('\n');
    }

    /// Carries out what is asked, as catch-up does.
    fn catch_up(&mut self) {
        for (key, item) in self.ledger.items() {
            match (&key, item) {
                (ItemKey::DeliveryRequest(_, group), Item::DeliveryRequest(mut request)) => {
                    if request.done_at.is_some() {
                        continue;
                    }
                    let name = group.as_str().chars().next().unwrap();
                    match request.kind {
                        DeliveryRequestKind::Hold { .. } => drop(self.held.insert(name, request.from)),
                        DeliveryRequestKind::Replay => self.replay(name, request.from),
                    }
                    request.done_at = Some(self.clock.now());
                    let condition = Condition::WriteCount(request.write_count);
                    request.write_count = WriteCount(request.write_count.0.wrapping_add(1));
                    self.apply(key, condition, Some(Item::DeliveryRequest(request)));
                }
                (ItemKey::Target(_), Item::Target(mut target)) => {
                    if let Some(gone) = target.gone.as_mut().filter(|gone| gone.paused_at.is_none()) {
                        gone.paused_at = Some(self.clock.now());
                        self.register(State::Paused);
                        let condition = Condition::WriteCount(target.write_count);
                        self.apply(key, condition, Some(Item::Target(target)));
                    }
                }
                _ => {}
            }
        }
    }

    fn apply(&self, key: ItemKey, condition: Condition, item: Option<Item>) {
        self.ledger.apply(&[Write { key, condition, item }]).unwrap();
    }

    fn release(&mut self, group: char) {
        if let Some(from) = self.held.remove(&group) {
            self.replay(group, from);
        }
    }

    fn replay(&mut self, group: char, from: i64) {
        self.replays += 1;
        let id = ReplayId::try_new(&format!("r{}", self.replays)).unwrap();
        for (version, message) in &self.sent[&group] {
            if *version >= from {
                let mut attributes = message.attributes().to_vec();
                attributes.push(Attribute::replay(&id));
                let deduplication_id = message.deduplication_id().replayed(&id);
                let body = message.body();
                let again = Message::new(message.group().clone(), deduplication_id, body, &attributes, None);
                self.queues.put(&self.queue, &again).unwrap();
            }
        }
    }

    fn resume(&self) {
        self.register(State::Live);
        let key = ItemKey::Target(CLIENT);
        if let Some(Item::Target(mut target)) = self.ledger.get(&key) {
            (target.gone, target.breaker) = (None, None);
            self.ledger.put(key, Item::Target(target));
        }
    }

    fn erase(&mut self, name: char) {
        let last = self.sent.remove(&name).and_then(|sent| Some(sent.last()?.0)).unwrap();
        let erased = [Attribute::string("erased", "2027-01-15T08:00:00Z")];
        let event = format!("{name} erased");
        let message = message(name, last + 1, last, "a", &erased, &event);
        self.queues.put(&self.queue, &message).unwrap();
        self.erased.insert(name);
    }

    fn foreign(&self, name: char) {
        let group = Group::of(&Key::S(name.to_string()));
        let id = DeduplicationId::of_stream_record("foreign");
        self.queues.put(&self.queue, &Message::new(group, id, Body::Text("{}"), &[], None)).unwrap();
    }

    fn register(&self, state: State) {
        let registration = Registration {
            id: CLIENT,
            state,
            pause: None,
            history: false,
            filter: FilterDigest::of(None),
            erasures: true,
            since: 1,
            absent_at: None,
            retired_at: None,
            unknown: Attributes::new(),
        };
        let name = ClientName::try_new("Billing").unwrap();
        let registry = Registry {
            write_count: WriteCount(1),
            revision: 1,
            start: BEGIN,
            clients: [(name, registration)].into(),
            unknown: Attributes::new(),
        };
        self.ledger.put(ItemKey::Registry, Item::Registry(registry));
    }

    fn set_version(&self, name: char, version: i64) {
        let group = Group::of(&Key::S(name.to_string()));
        let identity = EventIdentity { sort: Key::S("1".to_owned()), id: None };
        let item = GroupItem {
            write_count: WriteCount(1),
            version,
            behind: BTreeSet::new(),
            sent: LastSent::default(),
            revision: 1,
            incarnation_number: 1,
            token: IncarnationToken::try_new(&"a".repeat(16)).unwrap(),
            first: First { identity, version: 1 },
            time: None,
            streamed_at: None,
            key: Key::S(name.to_string()),
            holes: Vec::new(),
            pairs: Vec::new(),
            closed: None,
            unknown: Attributes::new(),
        };
        self.ledger.put(ItemKey::Group(group), Item::Group(Box::new(item)));
    }
}

fn message(name: char, version: i64, previous: i64, token: &str, more: &[Attribute], event: &str) -> Message {
    let group = Group::of(&Key::S(name.to_string()));
    let token = IncarnationToken::try_new(&token.repeat(16)).unwrap();
    let mut attributes = vec![
        Attribute::string("eventId", format!("id of {event}")),
        Attribute::number("version", version.to_string()),
        Attribute::number("previousVersion", previous.to_string()),
        Attribute::string("incarnation", token.as_str()),
    ];
    attributes.extend_from_slice(more);
    let id = DeduplicationId::of_stream_record(event);
    Message::new(group, id, Body::Text("{}"), &attributes, None)
}

fn config() -> Config {
    let text = "[source]\npartition_key = \"mark\"\nsort_key = \"at\"\nversion = \"version\"\n[[client]]\nname = \"Billing\"\n";
    let mut config = Config::try_from_toml("client-queues.toml", text, None).unwrap();
    let url = WebUrl {
        host: "hooks.example.com".to_owned(),
        port: 443,
        path_and_query: "/".to_owned(),
        is_internal: false,
    };
    let target = PushTarget::Webhook(WebhookTarget {
        url,
        secret: SecretArn::Parameter("arn:aws:ssm:eu-west-2:111122223333:parameter/s".to_owned()),
        timeout: Duration::from_secs(15),
        headers: Vec::new(),
        oauth: None,
    });
    let push = shared::config::Push { target, give_up_after: None, on_refused: OnRefused::Hold };
    config.clients.iter_mut().for_each(|client| client.push = Some(push.clone()));
    config
}
