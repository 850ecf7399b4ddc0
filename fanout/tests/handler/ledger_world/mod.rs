//! The fan-out between queues and tables in memory.

use std::cell::RefCell;
use std::ops::Deref;
use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use expect_test::Expect;
use fanout::handler::{BatchError, Fanout};
use futures_util::future::{Either, select};
use serde_json::Value;
use serde_json::value::RawValue;
use shared::config::Config;
use shared::event::{Along, Event};
use shared::filter::FilterDigest;
use shared::ids::{DeduplicationId, EventIdentity, Group, IncarnationToken, Key};
use shared::ledger::{
    ClientId, Cursor, DeliveryRequest, ErasureReceipt, EventTable, Item, ItemKey, Ledger, Page, Ports,
    ReceiptPlace, Registration, Registry, RowHead, ScanPage, ScanPosition, State, Unread, Write, WriteCount,
    WriteError,
};
use shared::message::ChainLink;
use shared::metrics::Tally;
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::time::Timestamp;
use testkit::memory::{MemoryLedger, MemoryTable, Settings};

use crate::world::{Wire, World, payload};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A [`World`] with a ledger and an event table. `a2` is version 2 of aggregate `a`; `a2'` is another event of that
/// version, which happened later than all without `'`.
pub(crate) struct LedgerWorld {
    world: World,
    pub(crate) fanout: Fanout,
    pub(crate) ledger: MemoryLedger,
    pub(crate) table: MemoryTable,
    naming: Naming,
    tally: RefCell<Tally>,
}

impl Deref for LedgerWorld {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl LedgerWorld {
    pub(crate) fn new() -> Self {
        Self::with_clients("A B C")
    }

    /// A world whose clients have the ids 1, 2, 3, ….
    pub(crate) fn with_clients(clients: &str) -> Self {
        let naming = Naming::try_new("aws", "eu-west-2", "111122223333", "").unwrap();
        let world = World::new(&naming);
        let names: Vec<&str> = clients.split_whitespace().collect();
        let clients: String = names.iter().map(|name| format!("[[client]]\nname = '{name}'\n")).collect();
        let source = "[source]\npartition_key = 'mark'\nsort_key = 'at'\nid = 'id'\ntime = 'time'\n\
                      version = 'version'\n";
        let config =
            Config::try_from_toml("client-queues.toml", &format!("{source}{clients}"), Some(&naming))
                .unwrap();
        for name in names.iter().filter(|name| !["A", "B", "C"].contains(name)) {
            world.queues.create(&naming.client_queue(name), Settings::default());
        }
        world.queues.create(&naming.own_queue(OwnQueue::Rejected), Settings::default());

        let ledger = MemoryLedger::new(1);
        let registrations = (1..).zip(&config.clients).map(|(id, client)| {
            let registration = Registration {
                id: ClientId(id),
                state: State::Live,
                pause: None,
                history: false,
                filter: FilterDigest::of(None),
                erasures: false,
                since: 1,
                absent_at: None,
                retired_at: None,
                unknown: [].into(),
            };
            (client.name.clone(), registration)
        });
        let registry = Registry {
            write_count: WriteCount(1),
            revision: 1,
            start: Timestamp::from_millis(0),
            clients: registrations.collect(),
            unknown: [].into(),
        };
        ledger.put(ItemKey::Registry, Item::Registry(registry));
        Self {
            fanout: Fanout::new(&config, &naming),
            table: MemoryTable::new(&config.source),
            ledger,
            world,
            naming,
            tally: RefCell::default(),
        }
    }

    /// Writes items to the table; the stream shows them.
    pub(crate) fn append(&self, names: &str) {
        self.write(names);
        self.put(names);
    }

    /// Writes items to the table.
    pub(crate) fn write(&self, names: &str) {
        for name in names.split_whitespace() {
            self.table.put(&item(name, "id", ""));
        }
    }

    /// Writes an item that lacks its id, so that it is no event.
    pub(crate) fn write_unfit(&self, name: &str) {
        self.table.put(&item(name, "other", ""));
    }

    /// Writes a row that is no event, but has a version: `a3` has version 3, and sorts behind all events.
    pub(crate) fn write_guard(&self, name: &str) {
        let (mark, version) = name.split_at(1);
        self.table
            .put(&format!(r#"{{"mark":{{"S":"{mark}"}},"at":{{"S":"~"}},"version":{{"N":"{version}"}}}}"#));
    }

    /// Writes an event that is larger by `size` bytes.
    pub(crate) fn write_padded(&self, name: &str, size: usize) {
        self.table.put(&item(name, "id", &"x".repeat(size)));
    }

    /// Appends an event that is larger by `size` bytes.
    pub(crate) fn append_padded(&self, name: &str, size: usize) {
        let row = self.table.put(&item(name, "id", &"x".repeat(size)));
        self.put_message(&row.event.unwrap().message(Along::default()));
    }

    /// Appends an event that happened `seconds` later than it would otherwise.
    pub(crate) fn append_later(&self, name: &str, seconds: u64) {
        let version: u64 = name[1..].parse().unwrap();
        let own = format!(r#""time":{{"N":"{}"}}"#, 1_800_000_000 + version);
        let later = format!(r#""time":{{"N":"{}"}}"#, 1_800_000_000 + version + seconds);
        let row = self.table.put(&item(name, "id", "").replace(&own, &later));
        let along = Along { streamed_at: Some(self.clock.now()), ..Along::default() };
        self.put_message(&row.event.unwrap().message(along));
    }

    /// Puts the messages of events on the fan-out queue.
    pub(crate) fn put(&self, names: &str) {
        for name in names.split_whitespace() {
            let along = Along { streamed_at: Some(self.clock.now()), ..Along::default() };
            self.put_message(&self.event(name).message(along));
        }
    }

    pub(crate) fn erase(&self, aggregate: &str) {
        self.table.erase(&Key::S(aggregate.to_owned()));
    }

    pub(crate) fn event(&self, name: &str) -> Event {
        let naming = Config::try_from_toml(
            "client-queues.toml",
            "[source]\npartition_key = 'mark'\nsort_key = 'at'\nid = 'id'\ntime = 'time'\n\
             version = 'version'\n[[client]]\nname = 'A'\n",
            None,
        );
        MemoryTable::new(&naming.unwrap().source).put(&item(name, "id", "")).event.unwrap()
    }

    /// The size of the event's message to a client.
    pub(crate) fn size(&self, name: &str) -> usize {
        let along = Along { streamed_at: Some(self.clock.now()), ..Along::default() };
        let link = ChainLink { incarnation: &self.token(name), previous_version: 0 };
        self.event(name).message(along).chained(link).size()
    }

    /// The id of the event's message to a client.
    pub(crate) fn id(&self, name: &str) -> DeduplicationId {
        self.event(name).deduplication_id().in_incarnation(&self.token(name))
    }

    /// The token of the incarnation that the group of an event has.
    pub(crate) fn token(&self, name: &str) -> IncarnationToken {
        let key = ItemKey::Group(self.event(name).group().clone());
        match self.ledger.get(&key) {
            Some(Item::Group(item)) => item.token,
            _ => IncarnationToken::try_new("0123456789abcdef").unwrap(),
        }
    }

    pub(crate) fn deliver(&self) -> Option<SqsBatchResponse> {
        self.deliver_over(&self.wire())
    }

    pub(crate) fn deliver_over(&self, wire: &Wire<'_>) -> Option<SqsBatchResponse> {
        let batch = self.receive();
        if batch.is_empty() {
            return None;
        }
        let ports = Ports { clock: &self.clock, transport: wire, ledger: &self.ledger, table: &self.table };
        let deadline = self.clock.now().plus(TIMEOUT);
        let mut tally = Tally::default();
        let payload = payload(&batch);
        let handle = self.fanout.handle(ports, &payload, deadline, &mut tally);
        let response = self.clock.block_on(handle).unwrap();
        self.tally.replace(tally);
        assert!(self.clock.now() < deadline, "the function ran out of its time");
        self.acknowledge(&batch, &response);
        Some(response)
    }

    pub(crate) fn handle(&self, payload: &RawValue) -> Result<SqsBatchResponse, BatchError> {
        self.handle_over(&self.ledger, &self.table, payload, &mut Tally::default())
    }

    pub(crate) fn handle_over(
        &self,
        ledger: &impl Ledger,
        table: &impl EventTable,
        payload: &RawValue,
        tally: &mut Tally,
    ) -> Result<SqsBatchResponse, BatchError> {
        let wire = self.wire();
        let ports = Ports { clock: &self.clock, transport: &wire, ledger, table };
        let deadline = self.clock.now().plus(TIMEOUT);
        self.clock.block_on(self.fanout.handle(ports, payload, deadline, tally))
    }

    /// Invokes the function with this time limit. Returns how many messages it returns, and what was left of its time.
    pub(crate) fn handle_within(
        &self,
        time: Duration,
        wire: &Wire<'_>,
        payload: &RawValue,
    ) -> (usize, Duration) {
        let ports = Ports { clock: &self.clock, transport: wire, ledger: &self.ledger, table: &self.table };
        let deadline = self.clock.now().plus(time);
        let mut tally = Tally::default();
        let response = self.clock.block_on(self.fanout.handle(ports, payload, deadline, &mut tally)).unwrap();
        (response.batch_item_failures.len(), deadline.since(self.clock.now()))
    }

    /// Delivers a batch, and kills the function after `time`.
    pub(crate) fn deliver_killed_after(&self, time: Duration) {
        let payload = payload(&self.receive());
        let wire = self.wire();
        let ports = Ports { clock: &self.clock, transport: &wire, ledger: &self.ledger, table: &self.table };
        let deadline = self.clock.now().plus(TIMEOUT);
        self.clock.block_on(async {
            let mut tally = Tally::default();
            let handle = Box::pin(self.fanout.handle(ports, &payload, deadline, &mut tally));
            let killed = Box::pin(self.clock.sleep(time));
            assert!(
                matches!(select(handle, killed).await, Either::Right(_)),
                "it ended before it was killed"
            );
        });
    }

    /// Delivers until the fan-out queue is empty. Returns how long that took.
    pub(crate) fn drain(&self) -> Duration {
        let started = self.clock.now();
        while let Some(next) = self.queues.next_receivable(&self.fan_out) {
            self.clock.block_on(self.clock.sleep_until(next));
            self.deliver();
            assert!(self.clock.now().since(started) < Duration::from_secs(3_600), "an hour, and no end");
        }
        self.clock.now().since(started)
    }

    /// Asserts the names of the events that a client's queue accepted, by group.
    pub(crate) fn check(&self, client: &str, expected: &str) {
        let queue = self.naming.client_queue(client);
        assert_eq!(self.names(&queue), expected, "{client}");
    }

    pub(crate) fn check_all(&self, expected: &str) {
        let Some(Item::Registry(registry)) = self.ledger.get(&ItemKey::Registry) else { panic!() };
        registry.clients.keys().for_each(|client| self.check(client.as_str(), expected));
    }

    pub(crate) fn check_tally(&self, expected: &Expect) {
        expected.assert_eq(&self.tally().to_string());
    }

    /// The metrics of the last delivery.
    pub(crate) fn tally(&self) -> Tally {
        self.tally.borrow().clone()
    }

    /// The version up to which a client has an aggregate, as the ledger knows it.
    pub(crate) fn has(&self, client: &str, aggregate: &str) -> u64 {
        let has = match (
            self.ledger.get(&self.item_key(aggregate)),
            self.ledger.get(&self.cursor_key(client, aggregate)),
        ) {
            (_, Some(Item::Cursor(cursor))) => cursor.position,
            (Some(Item::Group(item)), None) => item.version,
            other => panic!("{other:?}"),
        };
        u64::try_from(has).unwrap()
    }

    /// The versions of an aggregate that a client's queue accepted, in order.
    pub(crate) fn versions(&self, client: &str, aggregate: &str) -> Vec<u64> {
        let accepted = self.queues.accepted(self.client(client)).into_iter();
        let names = accepted.filter(|message| message.group == group(aggregate)).map(|message| {
            let body: Value = serde_json::from_str(&message.body).unwrap();
            body["version"].as_u64().unwrap()
        });
        names.collect()
    }

    /// The names of the events that a queue accepted, by group.
    pub(crate) fn names(&self, queue: &QueueUrl) -> String {
        let mut groups = std::collections::BTreeMap::<String, Vec<String>>::new();
        for accepted in self.queues.accepted(queue) {
            let body: Value = serde_json::from_str(&accepted.body).unwrap();
            let name = body["id"].as_str().unwrap().to_owned();
            groups.entry(accepted.group.as_str().to_owned()).or_default().push(name);
        }
        let groups = groups.iter().map(|(group, names)| format!("{group}: {}", names.join(" ")));
        groups.collect::<Vec<_>>().join(" | ")
    }

    /// The rejections on the rejected queue.
    pub(crate) fn rejections(&self) -> Vec<Value> {
        let rejections = self.queues.accepted(&self.own_queue(OwnQueue::Rejected));
        rejections.iter().map(|rejection| serde_json::from_str(&rejection.body).unwrap()).collect()
    }

    pub(crate) fn own_queue(&self, queue: OwnQueue) -> QueueUrl {
        self.naming.own_queue(queue)
    }

    pub(crate) fn change_registry(&self, change: impl FnOnce(&mut Registry)) {
        let Some(Item::Registry(mut registry)) = self.ledger.get(&ItemKey::Registry) else { panic!() };
        change(&mut registry);
        self.ledger.put(ItemKey::Registry, Item::Registry(registry));
    }

    pub(crate) fn item_key(&self, aggregate: &str) -> ItemKey {
        ItemKey::Group(group(aggregate))
    }

    pub(crate) fn cursor_key(&self, client: &str, aggregate: &str) -> ItemKey {
        let id = ["A", "B", "C"].iter().position(|name| *name == client).unwrap() + 1;
        ItemKey::Cursor(ClientId(u32::try_from(id).unwrap()), group(aggregate))
    }

    pub(crate) fn new_cursor(&self, position: i64) -> Cursor {
        let at = self.clock.now();
        Cursor {
            write_count: WriteCount(77),
            epoch: 77,
            incarnation_number: 1,
            position,
            last: None,
            replay: None,
            at,
            hold: None,
            unknown: [].into(),
        }
    }

    /// `v3 holes 2 behind B has 1, C has 2 replay_until 3`. Asserts that exactly the clients that are behind have a
    /// cursor.
    pub(crate) fn item(&self, aggregate: &str) -> String {
        let Some(Item::Group(item)) = self.ledger.get(&self.item_key(aggregate)) else { panic!("no item") };
        let Some(Item::Registry(registry)) = self.ledger.get(&ItemKey::Registry) else { panic!() };
        let mut text = format!("v{}", item.version);
        if !item.holes.is_empty() {
            let holes: Vec<String> = item.holes.iter().map(i64::to_string).collect();
            text.push_str(&format!(" holes {}", holes.join(",")));
        }
        let mut cursors = Vec::new();
        for client in registry.clients.values().map(|client| client.id) {
            let cursor = self.ledger.get(&ItemKey::Cursor(client, group(aggregate)));
            assert_eq!(cursor.is_some(), item.behind.contains(&client), "{client:?}");
            if let Some(Item::Cursor(cursor)) = cursor {
                let (name, _) = registry.client(client).unwrap();
                let until =
                    cursor.replay.as_ref().map(|repeated| format!(" replay_until {}", repeated.until));
                let replay_until = until.unwrap_or_default();
                cursors.push(format!("{name} has {}{replay_until}", cursor.position));
            }
        }
        if !cursors.is_empty() {
            text.push_str(&format!(" behind {}", cursors.join(", ")));
        }
        text
    }
}

/// Tables that are slow to answer, or never do.
pub(crate) struct Hanging<'w> {
    pub(crate) world: &'w LedgerWorld,
    pub(crate) reads: bool,
    pub(crate) writes: bool,
    pub(crate) pages: bool,
    /// How long every other read or write takes.
    pub(crate) delay: Duration,
}

impl<'w> Hanging<'w> {
    /// Tables of which every read and write takes `delay`.
    pub(crate) fn slow(world: &'w LedgerWorld, delay: Duration) -> Self {
        Self { world, reads: false, writes: false, pages: false, delay }
    }

    /// Delivers a batch. Returns how many messages are returned.
    pub(crate) fn deliver(&self) -> usize {
        let batch = self.world.receive();
        let response = self.world.handle_over(self, self, &payload(&batch), &mut Tally::default()).unwrap();
        self.world.acknowledge(&batch, &response);
        response.batch_item_failures.len()
    }

    async fn hang(&self, hangs: bool) {
        self.world.clock.sleep(if hangs { Duration::from_secs(3_600) } else { self.delay }).await;
    }
}

/// An event table that panics when it is asked for one aggregate.
pub(crate) struct Panicking<'w> {
    pub(crate) world: &'w LedgerWorld,
    pub(crate) aggregate: &'static str,
}

impl Panicking<'_> {
    /// Delivers a batch.
    pub(crate) fn deliver(&self) {
        let batch = self.world.receive();
        let ledger = &self.world.ledger;
        let handled = self.world.handle_over(ledger, self, &payload(&batch), &mut Tally::default());
        self.world.acknowledge(&batch, &handled.unwrap());
    }
}

impl EventTable for Panicking<'_> {
    async fn page(&self, key: &Key, before: Option<&Key>) -> Result<Page, Unread> {
        assert_ne!(*key, Key::S(self.aggregate.to_owned()), "on purpose");
        self.world.table.page(key, before).await
    }

    async fn heads(&self, key: &Key, before: Option<&Key>) -> Result<Page<RowHead>, Unread> {
        self.world.table.heads(key, before).await
    }

    async fn identity(&self, key: &Key, sort: &Key) -> Result<Option<EventIdentity>, Unread> {
        self.world.table.identity(key, sort).await
    }

    async fn scan(&self, after: Option<&ScanPosition>, limit: u32) -> Result<ScanPage, Unread> {
        self.world.table.scan(after, limit).await
    }
}

impl Ledger for Hanging<'_> {
    async fn read(&self, keys: &[ItemKey]) -> Vec<Result<Option<Item>, Unread>> {
        self.hang(self.reads).await;
        self.world.ledger.read(keys).await
    }

    async fn write(&self, writes: &[Write]) -> Result<(), WriteError> {
        self.hang(self.writes).await;
        self.world.ledger.write(writes).await
    }

    async fn cursors(&self, client: ClientId, after: Option<&Group>) -> Result<Vec<(Group, Cursor)>, Unread> {
        self.world.ledger.cursors(client, after).await
    }

    async fn receipts(
        &self,
        client: ClientId,
        is_due: bool,
        after: Option<&ReceiptPlace>,
    ) -> Result<Vec<(ReceiptPlace, ErasureReceipt)>, Unread> {
        self.world.ledger.receipts(client, is_due, after).await
    }

    async fn delivery_requests(
        &self,
        client: ClientId,
        after: Option<&Group>,
    ) -> Result<Vec<(Group, DeliveryRequest)>, Unread> {
        self.world.ledger.delivery_requests(client, after).await
    }

    fn fresh(&self) -> u64 {
        self.world.ledger.fresh()
    }
}

impl EventTable for Hanging<'_> {
    async fn page(&self, key: &Key, before: Option<&Key>) -> Result<Page, Unread> {
        self.hang(self.pages).await;
        self.world.table.page(key, before).await
    }

    async fn heads(&self, key: &Key, before: Option<&Key>) -> Result<Page<RowHead>, Unread> {
        self.hang(self.pages).await;
        self.world.table.heads(key, before).await
    }

    async fn identity(&self, key: &Key, sort: &Key) -> Result<Option<EventIdentity>, Unread> {
        self.hang(false).await;
        self.world.table.identity(key, sort).await
    }

    async fn scan(&self, after: Option<&ScanPosition>, limit: u32) -> Result<ScanPage, Unread> {
        self.world.table.scan(after, limit).await
    }
}

fn group(aggregate: &str) -> Group {
    Group::of(&Key::S(aggregate.to_owned()))
}

/// The item of `a2'` in DynamoDB's JSON, its id under the name `id`.
fn item(name: &str, id: &str, padding: &str) -> String {
    let (mark, rest) = name.split_at(name.find(|character: char| character.is_ascii_digit()).unwrap());
    let number = rest.trim_end_matches('\'');
    let (version, incarnation_number) = (number.parse::<u64>().unwrap(), rest.len() - number.len());
    let sort = format!("{}{version:04}", "x".repeat(incarnation_number));
    let time = 1_800_000_000 + 10_000 * incarnation_number as u64 + version;
    format!(
        r#"{{"mark":{{"S":"{mark}"}},"at":{{"S":"{sort}"}},"{id}":{{"S":"{name}"}},"time":{{"N":"{time}"}},"version":{{"N":"{version}"}},"text":{{"S":"{padding}"}}}}"#
    )
}
