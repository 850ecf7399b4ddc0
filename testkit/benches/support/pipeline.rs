//! A pipeline in memory, in which every call takes the same time.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use catchup::CatchUp;
use fanout::handler::{Fanout, Visibility};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use shared::clock::Clock;
use shared::config::Config;
use shared::ids::{EventIdentity, Group, IncarnationToken, Key};
use shared::ledger::{
    ClientId, Cursor, DeliveryRequest, ErasureReceipt, EventTable, EventTime, First, GroupItem, Item,
    ItemKey, LastSent, Ledger, Page, Ports, ReceiptPlace, RowHead, ScanPage, ScanPosition, Unread, Write,
    WriteCount, WriteError,
};
use shared::message::Message;
use shared::metrics::Tally;
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::send::{SendError, Transport};
use shared::time::Timestamp;
use testkit::memory::{
    FifoQueues, LedgerCalls, MemoryLedger, MemoryTable, Settings, TableCalls, VirtualClock,
};

/// When everything begins.
const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Lambda's time-outs, as the template has them.
const FAN_OUT_TIMEOUT: Duration = Duration::from_secs(30);
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(180);

/// How many items of 2 KB a page has: the adapter limits the first page, and DynamoDB ends the others after 1 MB.
const FIRST_PAGE: usize = 100;
const LATER_PAGE: usize = 512;

/// A read unit (DynamoDB: strongly consistent reads).
const READ_UNIT: usize = 4_096;

/// An event of an aggregate.
#[derive(Clone, Copy)]
pub(crate) struct Event {
    pub(crate) group: usize,
    pub(crate) version: u64,
}

/// The cost of some work.
pub(crate) struct Cost {
    pub(crate) ledger: LedgerCalls,
    pub(crate) table: TableCalls,
    /// Read units of the event table.
    pub(crate) table_units: u64,
    pub(crate) elapsed: Duration,
    /// Messages that clients' queues accepted.
    pub(crate) sent: usize,
}

/// The pipeline.
pub(crate) struct World {
    clock: VirtualClock,
    queues: FifoQueues,
    ledger: MemoryLedger,
    table: MemoryTable,
    table_units: Cell<u64>,
    call: Duration,
    clients: Vec<QueueUrl>,
    fan_out: Fanout,
    catch_up: CatchUp,
}

/// The world as functions see it: every call takes time.
struct Slow<'w>(&'w World);

impl World {
    /// A pipeline with this many clients and no events. Every call takes `call`.
    pub(crate) fn new(clients: usize, call: Duration) -> Self {
        Self::with(clients, call, |_| String::new())
    }

    /// The same, where no two neighbours among the clients were sent the same event last: each wants one version of five,
    /// and the next is different.
    #[allow(dead_code, reason = "not each benchmark measures filters")]
    pub(crate) fn filtered(clients: usize, call: Duration) -> Self {
        Self::wanting(clients, call, |number| (number as u64 % 5..50).step_by(5).collect())
    }

    /// The same, where each client wants these versions.
    #[allow(dead_code, reason = "not each benchmark measures filters")]
    pub(crate) fn wanting(clients: usize, call: Duration, wanted: impl Fn(usize) -> Vec<u64>) -> Self {
        Self::with(clients, call, |number| {
            format!("[client.filter.'$message']\nversion = {:?}\n", wanted(number))
        })
    }

    fn with(clients: usize, call: Duration, more: impl Fn(usize) -> String) -> Self {
        let naming = Naming {
            partition: "aws".to_owned(),
            region: "eu-west-2".to_owned(),
            account: "111122223333".to_owned(),
            prefix: String::new(),
        };
        let client = |number| format!("[[client]]\nname = '{}'\n{}", name(number), more(number));
        let names: String = (0..clients).map(client).collect();
        let source = "[source]\npartition_key = 'mark'\nsort_key = 'createTime'\n\
                      id = 'eventId'\ntime = 'createTime'\nversion = 'version'\n";
        let file = format!("{source}{names}");
        let config = Config::try_from_toml("client-queues.toml", &file, Some(&naming)).expect("a valid file");
        let clock = VirtualClock::at(START);
        let queues = FifoQueues::new(&clock);
        let settings = || Settings { latency: call, ..Settings::default() };
        let client_queues: Vec<QueueUrl> =
            config.clients.iter().map(|client| client.queue_url(&naming)).collect();
        let own = OwnQueue::ALL.map(|own| naming.own_queue(own));
        client_queues.iter().chain(&own).for_each(|queue| queues.create(queue, settings()));
        let world = Self {
            ledger: MemoryLedger::new(1),
            table: MemoryTable::new(&config.source),
            table_units: Cell::new(0),
            call,
            clients: client_queues,
            fan_out: Fanout::new(&config, &naming),
            catch_up: CatchUp::new(&config, &naming),
            clock,
            queues,
        };
        world.ledger.set_cursors_in_page(1_000);
        world.request(&json!({ "request": "maintenance" }));
        world
    }

    /// This many aggregates have their first event, and every client has it.
    pub(crate) fn begin(&self, groups: usize) {
        for groups in (0..groups).collect::<Vec<_>>().chunks(10) {
            let events: Vec<Event> = groups.iter().map(|group| Event { group: *group, version: 1 }).collect();
            self.fan_out(&events);
        }
    }

    /// The aggregate's first `events` events are in the table.
    pub(crate) fn write(&self, group: usize, events: u64) {
        (1..=events).for_each(|version| self.write_one(group, version));
    }

    /// This event is in the table.
    pub(crate) fn write_one(&self, group: usize, version: u64) {
        self.put(Event { group, version }, Duration::ZERO);
    }

    /// The aggregate's first `events` events are in the table, and older than the ledger.
    pub(crate) fn write_old(&self, group: usize, events: u64) {
        (1..=events).for_each(|version| {
            self.put(Event { group, version }, Duration::from_secs(48 * 3_600));
        });
    }

    /// Every client has the aggregate up to this version, which the ledger knows.
    pub(crate) fn is_at(&self, group: usize, version: u64) {
        self.put_item(group, version, BTreeSet::new(), LastSent::default());
    }

    /// The same, where clients were sent these versions last.
    #[allow(dead_code, reason = "not each benchmark measures filters")]
    pub(crate) fn is_at_after(&self, group: usize, version: u64, sent: LastSent) {
        self.put_item(group, version, BTreeSet::new(), sent);
    }

    /// What the ledger has of the aggregate.
    #[allow(dead_code, reason = "a benchmark measures what it costs")]
    pub(crate) fn item(&self, group: usize) -> Item {
        self.ledger.get(&ItemKey::Group(Group::of(&key(group)))).expect("an item")
    }

    /// Time passes.
    #[allow(dead_code, reason = "an event's time says its version, and high ones lie ahead")]
    pub(crate) fn wait(&self, time: Duration) {
        self.clock.freeze(time);
    }

    /// The first client has none of the aggregate's first `events` events.
    pub(crate) fn is_behind(&self, group: usize, events: u64) {
        let client = ClientId(1);
        self.put_item(group, events, BTreeSet::from([client]), LastSent::default());
        let cursor = Cursor {
            write_count: WriteCount(self.ledger.fresh()),
            epoch: self.ledger.fresh(),
            incarnation_number: 1,
            position: 0,
            last: None,
            replay: None,
            at: self.clock.now(),
            hold: None,
            unknown: [].into(),
        };
        let key = ItemKey::Cursor(client, Group::of(&key(group)));
        self.ledger.put(key, Item::Cursor(cursor));
    }

    /// A client's queue is gone.
    pub(crate) fn delete_queue(&self, client: usize) {
        self.queues.delete_queue(&self.clients[client]);
    }

    /// A batch.
    pub(crate) fn fan_out(&self, events: &[Event]) -> Cost {
        let payload = self.payload(events, 1);
        self.measured(|| assert!(self.is_done(&payload), "returned"))
    }

    /// Delivers a batch until nothing of it is returned, and then catches the client up. Returns how often the batch
    /// was delivered.
    pub(crate) fn until_up_to_date(&self, events: &[Event]) -> (Cost, usize) {
        let mut deliveries = 1;
        let cost = self.measured(|| {
            while !self.is_done(&self.payload(events, deliveries)) {
                deliveries += 1;
            }
            if !self.ledger.cursors_of(ClientId(1)).is_empty() {
                self.up_to_date();
            }
        });
        (cost, deliveries)
    }

    /// Invokes the fan-out once. Returns whether it returned nothing.
    fn is_done(&self, payload: &RawValue) -> bool {
        let (slow, mut tally) = (Slow(self), Tally::default());
        let deadline = self.clock.now().plus(FAN_OUT_TIMEOUT);
        let handled = self.fan_out.handle(slow.ports(), payload, deadline, &mut tally);
        self.clock.block_on(handled).expect("handled").batch_item_failures.is_empty()
    }

    /// Catches the first client up, and returns in how many invocations.
    pub(crate) fn catch_up(&self) -> (Cost, usize) {
        let mut invocations = 0;
        let cost = self.measured(|| invocations = self.up_to_date());
        (cost, invocations)
    }

    fn up_to_date(&self) -> usize {
        for invocation in 1..1_000 {
            if self.request(&json!({ "request": "catchUp", "client": name(0) }))["behind"] == 0 {
                return invocation;
            }
        }
        panic!("the client stays behind");
    }

    fn request(&self, request: &serde_json::Value) -> serde_json::Value {
        let payload = to_raw_value(request).expect("JSON");
        let (slow, mut tally) = (Slow(self), Tally::default());
        let deadline = self.clock.now().plus(CATCH_UP_TIMEOUT);
        let handled = self.catch_up.handle(slow.ports(), &payload, deadline, &mut tally);
        let answer = self.clock.block_on(handled).expect("handled");
        serde_json::to_value(answer).expect("JSON")
    }

    fn measured(&self, act: impl FnOnce()) -> Cost {
        self.ledger.forget_calls();
        self.table.forget_calls();
        self.table_units.set(0);
        let (started, before) = (self.clock.now(), self.accepted());
        act();
        Cost {
            ledger: self.ledger.calls(),
            table: self.table.calls(),
            table_units: self.table_units.get(),
            elapsed: self.clock.now().since(started),
            sent: self.accepted() - before,
        }
    }

    fn accepted(&self) -> usize {
        let there = self.clients.iter().filter(|queue| self.queues.exists(queue));
        there.map(|queue| self.queues.accepted(queue).len()).sum()
    }

    fn put_item(&self, group: usize, version: u64, behind: BTreeSet<ClientId>, sent: LastSent) {
        let version = i64::try_from(version).expect("a version");
        let rows = self.table.rows(&key(group));
        let at = |version: i64| rows.iter().find(|row| row.head.version == Some(version)).expect("an event");
        let item = GroupItem {
            write_count: WriteCount(1),
            version,
            behind,
            revision: 1,
            sent,
            incarnation_number: 1,
            token: IncarnationToken::new(&key(group), &at(1).head.identity, 1, None),
            first: First { identity: at(1).head.identity.clone(), version: 1 },
            time: at(version).head.time,
            streamed_at: None,
            key: key(group),
            holes: Vec::new(),
            pairs: Vec::new(),
            closed: None,
            unknown: [].into(),
        };
        self.ledger.put(ItemKey::Group(Group::of(&key(group))), Item::Group(Box::new(item)));
    }

    fn put(&self, event: Event, age: Duration) -> shared::event::Event {
        let row = self.table.put(&item(event, age));
        let time = row.head.time;
        assert!(time.is_some_and(|time| time <= EventTime::from(self.clock.now())), "{time:?}");
        row.event.expect("an event")
    }

    fn payload(&self, events: &[Event], receives: usize) -> Box<RawValue> {
        let records = events.iter().enumerate().map(|(number, event)| {
            let read = self.put(*event, Duration::ZERO);
            json!({
                "messageId": format!("m{number}"),
                "receiptHandle": format!("r{number}"),
                "body": read.body(),
                "attributes": {
                    "ApproximateReceiveCount": receives.to_string(),
                    "ApproximateFirstReceiveTimestamp": self.clock.now().as_millis().to_string(),
                    "SentTimestamp": self.clock.now().as_millis().to_string(),
                    "MessageGroupId": read.group().as_str(),
                    "MessageDeduplicationId": read.deduplication_id().as_str(),
                },
                "messageAttributes": {
                    "eventId": { "stringValue": read.id(), "dataType": "String" },
                    "eventTime": { "stringValue": read.time(), "dataType": "String" },
                    "version": { "stringValue": event.version.to_string(), "dataType": "Number" },
                },
            })
        });
        to_raw_value(&json!({ "Records": records.collect::<Vec<_>>() })).expect("JSON")
    }
}

impl World {
    fn charge(&self, units: usize) {
        self.table_units.set(self.table_units.get() + units as u64);
    }
}

/// A name of usual length: the registry holds them all.
fn name(client: usize) -> String {
    format!("Client{client:04}")
}

fn key(group: usize) -> Key {
    Key::S(format!("G{group:04}"))
}

/// An item of 2 KB. Its events are a millisecond apart.
fn item(Event { group, version }: Event, age: Duration) -> String {
    let millis = START.as_millis() - age.as_secs() * 1_000 - 20_000 + version;
    json!({
        "mark": { "S": format!("G{group:04}") },
        "createTime": { "S": millis.to_string() },
        "eventId": { "S": format!("{group}-{version}") },
        "version": { "N": version.to_string() },
        "text": { "S": "a line with some text in it, ".repeat(66) },
    })
    .to_string()
}

impl Slow<'_> {
    fn ports(&self) -> Ports<'_, Self, Self, Self, Self> {
        Ports { clock: self, transport: self, ledger: self, table: self }
    }
}

impl Transport for Slow<'_> {
    fn send(
        &self,
        queue: &QueueUrl,
        batch: &[&Message],
    ) -> impl Future<Output = Result<Vec<Result<(), SendError>>, SendError>> {
        self.0.queues.send(queue, batch)
    }
}

impl Clock for Slow<'_> {
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> {
        self.0.clock.sleep(duration)
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

impl Visibility for Slow<'_> {
    async fn change_visibility(&self, _: &QueueUrl, _: &[(&str, Duration)]) -> Result<usize, SendError> {
        self.0.clock.sleep(self.0.call).await;
        Ok(0)
    }
}

impl Ledger for Slow<'_> {
    async fn read(&self, keys: &[ItemKey]) -> Vec<Result<Option<Item>, Unread>> {
        self.0.clock.sleep(self.0.call).await;
        self.0.ledger.read(keys).await
    }

    async fn write(&self, writes: &[Write]) -> Result<(), WriteError> {
        self.0.clock.sleep(self.0.call).await;
        self.0.ledger.write(writes).await
    }

    async fn cursors(&self, client: ClientId, after: Option<&Group>) -> Result<Vec<(Group, Cursor)>, Unread> {
        self.0.clock.sleep(self.0.call).await;
        self.0.ledger.cursors(client, after).await
    }

    async fn receipts(
        &self,
        client: ClientId,
        is_due: bool,
        after: Option<&ReceiptPlace>,
    ) -> Result<Vec<(ReceiptPlace, ErasureReceipt)>, Unread> {
        self.0.clock.sleep(self.0.call).await;
        self.0.ledger.receipts(client, is_due, after).await
    }

    async fn delivery_requests(
        &self,
        client: ClientId,
        after: Option<&Group>,
    ) -> Result<Vec<(Group, DeliveryRequest)>, Unread> {
        self.0.clock.sleep(self.0.call).await;
        self.0.ledger.delivery_requests(client, after).await
    }

    fn fresh(&self) -> u64 {
        self.0.ledger.fresh()
    }
}

impl EventTable for Slow<'_> {
    async fn page(&self, key: &Key, before: Option<&Key>) -> Result<Page, Unread> {
        self.0.clock.sleep(self.0.call).await;
        self.0.table.set_items_in_page(if before.is_none() { FIRST_PAGE } else { LATER_PAGE });
        let page = self.0.table.page(key, before).await?;
        let size: usize =
            page.rows.iter().filter_map(|row| Some(row.event.as_ref().ok()?.body().len())).sum();
        self.0.charge(size.div_ceil(READ_UNIT).max(1));
        Ok(page)
    }

    async fn heads(&self, key: &Key, before: Option<&Key>) -> Result<Page<RowHead>, Unread> {
        // A query is charged for what it reads, whatever it returns of it.
        let Page { rows, next } = self.page(key, before).await?;
        Ok(Page { rows: rows.into_iter().map(|row| row.head).collect(), next })
    }

    async fn identity(&self, key: &Key, sort: &Key) -> Result<Option<EventIdentity>, Unread> {
        self.0.clock.sleep(self.0.call).await;
        self.0.charge(1);
        self.0.table.identity(key, sort).await
    }

    async fn scan(&self, after: Option<&ScanPosition>, limit: u32) -> Result<ScanPage, Unread> {
        self.0.clock.sleep(self.0.call).await;
        self.0.table.set_items_in_page(LATER_PAGE);
        self.0.table.scan(after, limit).await
    }
}
