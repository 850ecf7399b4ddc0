//! Queues, ledger and event table in memory, and the catch-up function between them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use catchup::{Answer, CatchUp};
use fanout::handler::Fanout;
use futures_util::future::join_all;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use shared::config::{ClientName, Config, OnRefused, Push, PushTarget, SecretArn, WebUrl, WebhookTarget};
use shared::event::Along;
use shared::ids::{EventIdentity, Group, IncarnationToken, Key, ReplayId};
use shared::ledger::times::{FAN_OUT_LIMIT, VISIBILITY};
use shared::ledger::{
    ClientId, Cursor, EventTable, EventTime, First, GroupItem, Item, ItemKey, LastSent, Lease, Ledger as _,
    Page, Ports, Registration, Registry, Repetition, RowHead, ScanPage, ScanPosition, Unread, WriteCount,
};
use shared::message::Message;
use shared::metrics::Tally;
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::send::{SendError, Transport};
use shared::time::Timestamp;
use shared::visibility::Visibility;
use testkit::memory::{Accepted, FifoQueues, MemoryLedger, MemoryTable, Settings, VirtualClock};

use crate::deliveries::{Wire, payload};

/// Lambda's time-out, as the template has it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(180);

pub(crate) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

const SOURCE: &str = "[source]\npartition_key = 'mark'\nsort_key = 'at'\ntime = 'at'\n\
                      id = 'id'\nversion = 'version'\n";

/// The clients of a file, with or without history, and everything that catch-up acts on.
pub(crate) struct World {
    pub(crate) clock: VirtualClock,
    pub(crate) queues: FifoQueues,
    pub(crate) ledger: MemoryLedger,
    pub(crate) table: MemoryTable,
    pub(crate) fan_out: QueueUrl,
    pub(crate) rejected: QueueUrl,
    /// How long a page of the whole table takes.
    pub(crate) scan_latency: Cell<Duration>,
    /// How long a page of an aggregate takes.
    pub(crate) page_latency: Cell<Duration>,
    /// The group whose pages make the function panic.
    pub(crate) panics_at: Cell<Option<&'static str>>,
    naming: Naming,
    catch_up: CatchUp,
    fanout: Fanout,
    /// The metrics of the last invocation.
    pub(crate) tally: RefCell<Tally>,
}

impl World {
    /// A world with the clients A and B, after a first maintenance.
    pub(crate) fn new() -> Self {
        let world = Self::of("A B");
        world.maintenance();
        world.ledger.forget_calls();
        world.table.forget_calls();
        world
    }

    /// A world with these clients, before any invocation. `A? B+ C! D> E=1,3` are five; the first may ask for replays, the
    /// second wants history, the third notices of erasures, to the fourth's target push delivers, the fifth wants only events
    /// of these versions.
    pub(crate) fn of(file: &str) -> Self {
        let naming = Naming {
            partition: "aws".to_owned(),
            region: "eu-west-2".to_owned(),
            account: "111122223333".to_owned(),
            prefix: String::new(),
        };
        let config = config(file, &naming);
        let clock = VirtualClock::at(START);
        let queues = FifoQueues::new(&clock);
        let [fan_out, rejected] = [OwnQueue::FanOut, OwnQueue::Rejected].map(|queue| naming.own_queue(queue));
        queues.create(&fan_out, Settings { visibility: VISIBILITY, ..Settings::default() });
        queues.create(&rejected, Settings::default());
        for client in &config.clients {
            queues.create(&client.queue_url(&naming), Settings::default());
        }
        Self {
            ledger: MemoryLedger::new(1),
            table: MemoryTable::new(&config.source),
            catch_up: CatchUp::new(&config, &naming),
            fanout: Fanout::new(&config, &naming),
            tally: RefCell::default(),
            scan_latency: Cell::default(),
            page_latency: Cell::default(),
            panics_at: Cell::default(),
            clock,
            queues,
            fan_out,
            rejected,
            naming,
        }
    }

    /// Another file is deployed. Queues that are new are made.
    pub(crate) fn deploy(&mut self, file: &str) {
        let config = config(file, &self.naming);
        for client in &config.clients {
            let queue = client.queue_url(&self.naming);
            if !self.queues.exists(&queue) {
                self.queues.create(&queue, Settings::default());
            }
        }
        self.catch_up = CatchUp::new(&config, &self.naming);
        self.fanout = Fanout::new(&config, &self.naming);
    }

    pub(crate) fn queue(&self, client: &str) -> QueueUrl {
        self.naming.client_queue(client)
    }

    /// Puts events into the table: `a1 a2 b1`. The event of version n happened n minutes after the [start](START) less
    /// a day, or at the time that is given: `a3@-60` happened 60 s ago. One with `!` can't be converted.
    pub(crate) fn put(&self, events: &str) {
        for event in events.split_whitespace() {
            let (event, age) = event.split_once('@').map_or((event, None), |(event, age)| (event, Some(age)));
            let (group, version) = event.split_at(1);
            let is_bad = version.ends_with('!');
            let version: u64 = version.trim_end_matches('!').parse().unwrap();
            let day = Duration::from_secs(86_400).as_millis() as u64;
            let at = match age {
                Some(age) => {
                    self.clock.now().as_millis() + version
                        - age.trim_start_matches('-').parse::<u64>().unwrap() * 1_000
                }
                None => START.as_millis() - day + version * 60_000,
            };
            let id = if is_bad { json!({"S": ""}) } else { json!({"S": event}) };
            let item = json!({
                "mark": {"S": group}, "at": {"N": at.to_string()}, "version": {"N": version.to_string()}, "id": id
            });
            self.table.put(&item.to_string());
        }
    }

    /// Puts a group into the ledger, with the clients that are behind in it: `A:2` (up to version 2), `A:2..5`
    /// (replaying up to 5), `A:2/1` (of incarnation 1).
    pub(crate) fn group(&self, group: &str, version: i64, behind: &str) {
        self.group_with(group, version, behind, |_| {});
    }

    pub(crate) fn group_with(
        &self,
        name: &str,
        version: i64,
        behind: &str,
        change: impl FnOnce(&mut GroupItem),
    ) {
        let key = Key::S(name.to_owned());
        let rows = self.table.rows(&key);
        let lowest = rows.iter().min_by_key(|row| row.head.version);
        let first = lowest.map_or(First { identity: Key::N("0".to_owned()).into(), version: 1 }, |row| {
            First { identity: row.head.identity.clone(), version: row.head.version.unwrap() }
        });
        let token = IncarnationToken::new(&key, &first.identity, 1, None);
        let mut item = GroupItem {
            write_count: WriteCount(10),
            version,
            behind: BTreeSet::new(),
            revision: self.registry().revision,
            sent: LastSent::new((version > 0).then_some(version), []),
            incarnation_number: 1,
            token,
            first,
            time: Some(EventTime::from(START)),
            streamed_at: None,
            key: key.clone(),
            holes: Vec::new(),
            pairs: Vec::new(),
            closed: None,
            unknown: [].into(),
        };
        let group = Group::of(&key);
        for word in behind.split_whitespace() {
            let (client, cursor) = word.split_once(':').unwrap();
            let (range, incarnation_number) = cursor.split_once('/').unwrap_or((cursor, "1"));
            let (position, until) =
                range.split_once("..").map_or((range, None), |(from, until)| (from, Some(until)));
            let replay = until.map(|until| Repetition {
                id: ReplayId::try_new("r-1").unwrap(),
                until: until.parse().unwrap(),
                settles_at: None,
            });
            let id = self.registration(client).id;
            let cursor = Cursor {
                write_count: WriteCount(1_000 + u64::from(id.0)),
                epoch: 500,
                incarnation_number: incarnation_number.parse().unwrap(),
                position: position.parse().unwrap(),
                last: Some(position.parse().unwrap()).filter(|last| *last > 0),
                replay,
                at: self.clock.now(),
                hold: None,
                unknown: [].into(),
            };
            item.behind.insert(id);
            self.ledger.put(ItemKey::Cursor(id, group.clone()), Item::Cursor(cursor));
        }
        change(&mut item);
        self.ledger.put(ItemKey::Group(group), Item::Group(Box::new(item)));
    }

    pub(crate) fn registry(&self) -> Registry {
        match self.ledger.get(&ItemKey::Registry) {
            Some(Item::Registry(registry)) => registry,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn registration(&self, client: &str) -> Registration {
        self.registry().clients[&ClientName::try_new(client).unwrap()].clone()
    }

    pub(crate) fn lease(&self, client: &str) -> Option<Lease> {
        match self.ledger.get(&ItemKey::Lease(self.registration(client).id)) {
            Some(Item::Lease(lease)) => Some(lease),
            _ => None,
        }
    }

    pub(crate) fn cursor_key(&self, client: &str, group: &str) -> ItemKey {
        ItemKey::Cursor(self.registration(client).id, group_of(group))
    }

    pub(crate) fn item(&self, group: &str) -> Option<GroupItem> {
        match self.ledger.get(&ItemKey::Group(group_of(group))) {
            Some(Item::Group(item)) => Some(*item),
            _ => None,
        }
    }

    /// How a group stands: `5`, or `5 A:2` if A is behind, `5 A:2 held` if the group is held. Asserts that there is a cursor for each client that is
    /// behind, and no other.
    pub(crate) fn standing(&self, group: &str) -> String {
        let Some(item) = self.item(group) else { return "unknown".to_owned() };
        let mut words = vec![item.version.to_string()];
        for (name, registration) in &self.registry().clients {
            let cursor = self.ledger.get(&ItemKey::Cursor(registration.id, group_of(group)));
            let is_behind = item.behind.contains(&registration.id);
            match (is_behind, cursor) {
                (false, None) => {}
                (true, Some(Item::Cursor(cursor))) => {
                    let until = cursor.replay.as_ref().map(|repeated| format!("..{}", repeated.until));
                    let replay_until = until.unwrap_or_default();
                    let incarnation_number = if cursor.incarnation_number == item.incarnation_number {
                        String::new()
                    } else {
                        format!("/{}", cursor.incarnation_number)
                    };
                    let held = cursor.hold.map_or("", |_| " held");
                    words.push(format!("{name}:{}{replay_until}{incarnation_number}{held}", cursor.position));
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        words.join(" ")
    }

    pub(crate) fn maintenance(&self) -> Value {
        self.request(json!({"request": "maintenance"})).unwrap()
    }

    /// Invokes the function with a control request.
    pub(crate) fn request(&self, payload: Value) -> Result<Value, String> {
        let payload = to_raw_value(&payload).unwrap();
        let mut tally = Tally::default();
        let deadline = self.clock.now().plus(TIMEOUT);
        let ports = Ports { clock: &self.clock, transport: &self.queues, ledger: &self.ledger, table: self };
        let answer = self.clock.block_on(self.catch_up.handle(ports, &payload, deadline, &mut tally));
        assert!(self.clock.now() < deadline, "the function ran out of its time");
        self.tally.replace(tally);
        answer.map(|answer| serde_json::to_value(answer).unwrap()).map_err(|error| error.to_string())
    }

    /// Invokes the function with messages of the queue of requests. Returns those that come again, and after how long each
    /// is to be visible.
    pub(crate) fn ask(&self, records: &[Value]) -> (Vec<String>, Vec<Duration>) {
        let payload = to_raw_value(&json!({ "Records": records })).unwrap();
        let mut tally = Tally::default();
        let deadline = self.clock.now().plus(TIMEOUT);
        let requests = RequestsQueue { world: self, hastened: RefCell::default() };
        let ports = Ports { clock: &self.clock, transport: &requests, ledger: &self.ledger, table: self };
        let answer =
            self.clock.block_on(self.catch_up.answer(ports, &payload, deadline, &mut tally)).unwrap();
        assert!(self.clock.now() < deadline, "the function ran out of its time");
        self.tally.replace(tally);
        let Answer::Requests(response) = answer else { panic!("{answer:?}") };
        let again = response.batch_item_failures.into_iter().map(|failure| failure.item_identifier);
        (again.collect(), requests.hastened.into_inner())
    }

    /// Invokes the function several times at once.
    pub(crate) fn at_once(&self, payloads: &[Value]) {
        let deadline = self.clock.now().plus(TIMEOUT);
        let ports = Ports { clock: &self.clock, transport: &self.queues, ledger: &self.ledger, table: self };
        let handles = payloads.iter().map(async |payload| {
            let payload = to_raw_value(payload).unwrap();
            self.catch_up.handle(ports, &payload, deadline, &mut Tally::default()).await.unwrap()
        });
        self.clock.block_on(join_all(handles));
    }

    /// Runs maintenance every minute for this many minutes.
    pub(crate) fn maintenance_runs(&self, minutes: u64) {
        for _ in 0..minutes {
            let next = self.clock.now().plus(Duration::from_secs(60));
            self.maintenance();
            self.clock.block_on(self.clock.sleep_until(next));
        }
    }

    /// The stream shows events of the table: they are put on the fan-out queue.
    pub(crate) fn stream(&self, events: &str) {
        for event in events.split_whitespace() {
            let (group, version) = event.split_at(1);
            let version: i64 = version.parse().unwrap();
            let rows = self.table.rows(&Key::S(group.to_owned())).into_iter();
            let row = rows.into_iter().find(|row| row.head.version == Some(version)).unwrap();
            let along = Along { streamed_at: Some(self.clock.now()), ..Along::default() };
            self.queues.put(&self.fan_out, &row.event.unwrap().message(along)).unwrap();
        }
    }

    /// An aggregate's events are deleted, and the stream shows that.
    pub(crate) fn erase(&self, group: &str) {
        let key = Key::S(group.to_owned());
        for row in self.table.rows(&key) {
            self.table.delete(&key, &row.head.identity.sort);
        }
        self.hint(group);
    }

    /// The stream shows that an item of an aggregate was deleted.
    pub(crate) fn hint(&self, group: &str) {
        let cause = format!("removal at {}", self.clock.now().as_millis());
        let hint = shared::erasure::hint(&Key::S(group.to_owned()), &cause, None);
        self.queues.put(&self.fan_out, &hint).unwrap();
    }

    /// The receipts of a client: `a/1 due`, `b/1 told`.
    pub(crate) fn receipts(&self, client: &str) -> String {
        let id = self.registration(client).id;
        let all = [true, false].into_iter().flat_map(|is_due| {
            let page = self.clock.block_on(self.ledger.receipts(id, is_due, None)).unwrap();
            page.into_iter().map(|(place, receipt)| {
                let settled = receipt.settled.map(|(settlement, _)| format!("{settlement:?}").to_lowercase());
                let state = settled.unwrap_or_else(|| "due".to_owned());
                format!("{}/{} {state}", place.group, place.incarnation_number)
            })
        });
        all.collect::<Vec<_>>().join(", ")
    }

    /// Runs maintenance every minute for this many minutes, and the fan-out as soon as its queue has messages.
    pub(crate) fn work(&self, minutes: u64) {
        for _ in 0..minutes {
            let next = self.clock.now().plus(Duration::from_secs(60));
            self.maintenance();
            self.deliver_until(next);
        }
    }

    /// Delivers the messages of the fan-out's queue as they become visible.
    pub(crate) fn deliver_until(&self, end: Timestamp) {
        let is_in_time = |next: &Timestamp| *next < end;
        while let Some(next) = self.queues.next_receivable(&self.fan_out).filter(is_in_time) {
            self.clock.block_on(self.clock.sleep_until(next));
            self.deliver();
        }
        self.clock.block_on(self.clock.sleep_until(end));
    }

    fn deliver(&self) {
        let batch = self.queues.receive(&self.fan_out, 10);
        let wire = Wire::new(&self.queues, &self.fan_out);
        let ports = Ports { clock: &self.clock, transport: &wire, ledger: &self.ledger, table: self };
        let deadline = self.clock.now().plus(FAN_OUT_LIMIT);
        let (payload, tally) = (payload(&batch), &mut Tally::default());
        let response = self.clock.block_on(self.fanout.handle(ports, &payload, deadline, tally)).unwrap();
        for received in batch {
            let id = received.message.deduplication_id.as_str();
            let mut returned = response.batch_item_failures.iter();
            if !returned.any(|failure| failure.item_identifier == id) {
                self.queues.delete(&self.fan_out, received.receipt).unwrap();
            }
        }
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.freeze(Duration::from_secs(seconds));
    }

    /// The versions that a client got, by group: `a: 1 2 3 | b: 1`. A repetition has `r`, a notice of an erasure `†`.
    pub(crate) fn got(&self, client: &str) -> String {
        by_group(&self.queues.accepted(&self.queue(client)))
    }

    fn panic_at(&self, key: &Key) {
        if let Some(group) = self.panics_at.get() {
            assert_ne!(*key, Key::S(group.to_owned()), "on purpose");
        }
    }
}

/// The queues, of which one is that of requests.
struct RequestsQueue<'w> {
    world: &'w World,
    /// The visibilities that were set.
    hastened: RefCell<Vec<Duration>>,
}

impl Transport for RequestsQueue<'_> {
    async fn send(
        &self,
        queue: &QueueUrl,
        batch: &[&Message],
    ) -> Result<Vec<Result<(), SendError>>, SendError> {
        self.world.queues.send(queue, batch).await
    }
}

impl Visibility for RequestsQueue<'_> {
    async fn change_visibility(
        &self,
        queue: &QueueUrl,
        changes: &[(&str, Duration)],
    ) -> Result<usize, SendError> {
        assert_eq!(*queue, self.world.naming.own_queue(OwnQueue::Requests));
        self.hastened.borrow_mut().extend(changes.iter().map(|(_, after)| *after));
        Ok(0)
    }
}

impl EventTable for World {
    async fn page(&self, key: &Key, before: Option<&Key>) -> Result<Page, Unread> {
        self.clock.sleep(self.page_latency.get()).await;
        self.panic_at(key);
        self.table.page(key, before).await
    }

    async fn heads(&self, key: &Key, before: Option<&Key>) -> Result<Page<RowHead>, Unread> {
        self.clock.sleep(self.page_latency.get()).await;
        self.panic_at(key);
        self.table.heads(key, before).await
    }

    fn identity(&self, key: &Key, sort: &Key) -> impl Future<Output = Result<Option<EventIdentity>, Unread>> {
        self.table.identity(key, sort)
    }

    async fn scan(&self, after: Option<&ScanPosition>, limit: u32) -> Result<ScanPage, Unread> {
        self.clock.sleep(self.scan_latency.get()).await;
        self.table.scan(after, limit).await
    }
}

pub(crate) fn group_of(name: &str) -> Group {
    Group::of(&Key::S(name.to_owned()))
}

pub(crate) fn client_id(id: u32) -> ClientId {
    ClientId(id)
}

/// The versions of messages, by group.
pub(crate) fn by_group(messages: &[Accepted]) -> String {
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for message in messages {
        let group = message.group.as_str().to_owned();
        let attribute = |name: &str| {
            let found = message.attributes.iter().find(|attribute| attribute.name == name);
            found.map(|attribute| match &attribute.value {
                shared::message::AttributeValue::Text(text) => text.clone(),
                shared::message::AttributeValue::Base64(text) => text.clone(),
            })
        };
        let mut shown = attribute("version").unwrap_or_else(|| "?".to_owned());
        if attribute("erased").is_some() {
            shown.push('†');
        }
        if attribute("replay").is_some() {
            shown.push('r');
        }
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, versions)) => versions.push(shown),
            None => groups.push((group, vec![shown])),
        }
    }
    groups.sort();
    let groups = groups.into_iter().map(|(group, versions)| format!("{group}: {}", versions.join(" ")));
    groups.collect::<Vec<_>>().join(" | ")
}

fn config(file: &str, naming: &Naming) -> Config {
    let mut text = SOURCE.to_owned();
    for word in file.split_whitespace() {
        let (word, versions) = word.split_once('=').map_or((word, None), |(word, list)| (word, Some(list)));
        let (name, has) = (word.trim_end_matches(['+', '?', '!', '>']), |mark| word.contains(mark));
        text += &format!("[[client]]\nname = '{name}'\nhistory = {}\nerasures = {}\n", has('+'), has('!'));
        if has('?') {
            text += "request_role = 'arn:aws:iam::444455556666:role/consumer'\n";
        }
        if let Some(versions) = versions {
            text += &format!("filter = {{ version = [{versions}] }}\n");
        }
    }
    let mut config = Config::try_from_toml("client-queues.toml", &text, Some(naming)).unwrap();
    let is_push =
        |name: &str| file.split_whitespace().any(|word| word.contains('>') && word.starts_with(name));
    for client in &mut config.clients {
        let url = WebUrl {
            host: "hooks.example.com".to_owned(),
            port: 443,
            path_and_query: "/".to_owned(),
            is_internal: false,
        };
        let target = PushTarget::Webhook(WebhookTarget {
            url,
            secret: SecretArn::Parameter("arn:aws:ssm:eu-west-2:111122223333:parameter/secret".to_owned()),
            timeout: Duration::from_secs(15),
            headers: Vec::new(),
            oauth: None,
        });
        let push = Push { target, give_up_after: None, on_refused: OnRefused::Hold };
        client.push = is_push(client.name.as_str()).then_some(push);
    }
    config
}
