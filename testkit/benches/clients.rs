//! Time of one batch of ten messages in ten groups to 1, 10 and 100 clients, over ports that answer after 5 ms: queues,
//! and a ledger in which all clients have the events before; and to 100 clients that want one aggregate each, of which
//! the batch has ten. Besides, how many requests that takes.
//!
//! `cargo bench -p testkit --bench clients`

#![allow(clippy::expect_used, reason = "a benchmark reports by panicking")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fanout::handler::{Fanout, Visibility};
use serde_json::json;
use serde_json::value::RawValue;
use shared::clock::Clock;
use shared::config::{Client, Config};
use shared::filter::FilterDigest;
use shared::ids::{DeduplicationId, EventIdentity, Group, IncarnationToken, Key};
use shared::ledger::{
    ClientId, Cursor, DeliveryRequest, ErasureReceipt, EventTable, EventTime, First, GroupItem, Item,
    ItemKey, LastSent, Ledger, Page, Ports, ReceiptPlace, Registration, Registry, RowHead, ScanPage,
    ScanPosition, State, Unread, Write, WriteCount, WriteError,
};
use shared::message::Message;
use shared::metrics::Tally;
use shared::naming::{Naming, QueueUrl};
use shared::send::{SendError, Transport};
use shared::time::Timestamp;

const LATENCY: Duration = Duration::from_millis(5);
const ROUNDS: usize = 60;

/// Queues and a ledger that accept everything after [`LATENCY`].
struct ReadyPorts {
    registry: Registry,
    requests: Cell<usize>,
}

/// A file, and what it is called.
#[derive(Clone, Copy)]
struct Way {
    clients: usize,
    is_filtered: bool,
}

const WAYS: [Way; 4] = [
    Way { clients: 1, is_filtered: false },
    Way { clients: 10, is_filtered: false },
    Way { clients: 100, is_filtered: false },
    Way { clients: 100, is_filtered: true },
];

impl Transport for ReadyPorts {
    async fn send(&self, _: &QueueUrl, batch: &[&Message]) -> Result<Vec<Result<(), SendError>>, SendError> {
        self.requests.set(self.requests.get() + 1);
        tokio::time::sleep(LATENCY).await;
        Ok(batch.iter().map(|_| Ok(())).collect())
    }
}

impl Clock for ReadyPorts {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
        Timestamp::from_millis(0).plus(since_epoch)
    }
}

impl Visibility for ReadyPorts {
    async fn change_visibility(&self, _: &QueueUrl, _: &[(&str, Duration)]) -> Result<usize, SendError> {
        Ok(0)
    }
}

impl Ledger for ReadyPorts {
    async fn read(&self, keys: &[ItemKey]) -> Vec<Result<Option<Item>, Unread>> {
        tokio::time::sleep(LATENCY).await;
        let read = |key: &ItemKey| match key {
            ItemKey::Registry => Some(Item::Registry(self.registry.clone())),
            ItemKey::Group(group) => Some(Item::Group(Box::new(item(group)))),
            _ => None,
        };
        keys.iter().map(|key| Ok(read(key))).collect()
    }

    async fn write(&self, _: &[Write]) -> Result<(), WriteError> {
        tokio::time::sleep(LATENCY).await;
        Ok(())
    }

    async fn cursors(&self, _: ClientId, _: Option<&Group>) -> Result<Vec<(Group, Cursor)>, Unread> {
        Ok(Vec::new())
    }

    async fn receipts(
        &self,
        _: ClientId,
        _: bool,
        _: Option<&ReceiptPlace>,
    ) -> Result<Vec<(ReceiptPlace, ErasureReceipt)>, Unread> {
        Ok(Vec::new())
    }

    async fn delivery_requests(
        &self,
        _: ClientId,
        _: Option<&Group>,
    ) -> Result<Vec<(Group, DeliveryRequest)>, Unread> {
        Ok(Vec::new())
    }

    fn fresh(&self) -> u64 {
        7
    }
}

/// The messages bring the next events, so the table is never read.
impl EventTable for ReadyPorts {
    async fn page(&self, _: &Key, _: Option<&Key>) -> Result<Page, Unread> {
        Err(Unread("not asked".into()))
    }

    async fn heads(&self, _: &Key, _: Option<&Key>) -> Result<Page<RowHead>, Unread> {
        Err(Unread("not asked".into()))
    }

    async fn identity(&self, _: &Key, _: &Key) -> Result<Option<EventIdentity>, Unread> {
        Err(Unread("not asked".into()))
    }

    async fn scan(&self, _: Option<&ScanPosition>, _: u32) -> Result<ScanPage, Unread> {
        Err(Unread("not asked".into()))
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let payload = payload();
        let fanouts = WAYS.map(|way| {
            let config = config(way);
            (
                Fanout::new(&config, &naming()),
                ReadyPorts { registry: registry(&config), requests: Cell::new(0) },
            )
        });
        let mut times = WAYS.map(|_| Vec::new());
        // Side by side: each round measures every size once, after one round that is not counted.
        for round in 0..=ROUNDS {
            for ((fanout, ports), times) in fanouts.iter().zip(&mut times) {
                let started = Instant::now();
                let deadline = ports.now().plus(Duration::from_secs(30));
                let mut tally = Tally::default();
                let ports = Ports { clock: ports, transport: ports, ledger: ports, table: ports };
                let response = fanout.handle(ports, &payload, deadline, &mut tally).await.expect("handled");
                assert!(response.batch_item_failures.is_empty());
                if round > 0 {
                    times.push(started.elapsed());
                }
            }
        }
        let medians = times.map(|mut times| {
            times.sort_unstable();
            times.get(times.len() / 2).copied().unwrap_or_default()
        });
        println!(
            "ten messages of 2 KB in ten groups, ports that answer after 5 ms, median of {ROUNDS} rounds"
        );
        println!("clients      time   against one   requests");
        for ((way, median), (_, ports)) in WAYS.iter().zip(&medians).zip(&fanouts) {
            let one = medians.first().copied().unwrap_or_default();
            println!(
                "{:>7} {:>6.2} ms {:>12.3} {:>10}{}",
                way.clients,
                median.as_secs_f64() * 1e3,
                median.as_secs_f64() / one.as_secs_f64(),
                ports.requests.get() / (ROUNDS + 1),
                if way.is_filtered { "  each wants one aggregate" } else { "" }
            );
        }
    });
}

fn name(number: usize) -> String {
    format!("C{number}")
}

fn config(way: Way) -> Config {
    let client = |number: usize| {
        let filter = format!("filter = {{ mark = ['g{number}'] }}\n");
        let filter = if way.is_filtered { &*filter } else { "" };
        format!("[[client]]\nname = '{}'\n{filter}", name(number))
    };
    let clients: String = (0..way.clients).map(client).collect();
    let source = "[source]\npartition_key = 'mark'\nsort_key = 'at'\ntime = 'at'\nversion = 'version'\n";
    let text = format!("{source}{clients}");
    Config::try_from_toml("client-queues.toml", &text, Some(&naming())).expect("a valid file")
}

fn naming() -> Naming {
    Naming {
        partition: "aws".to_owned(),
        region: "eu-west-2".to_owned(),
        account: "111122223333".to_owned(),
        prefix: String::new(),
    }
}

/// All clients are up to date.
fn registry(config: &Config) -> Registry {
    let client = |(number, client): (usize, &Client)| {
        let registration = Registration {
            id: ClientId(u32::try_from(number).expect("few clients") + 1),
            state: State::Live,
            pause: None,
            history: false,
            filter: FilterDigest::of(client.filter.as_ref()),
            erasures: false,
            since: 1,
            absent_at: None,
            retired_at: None,
            unknown: [].into(),
        };
        (client.name.clone(), registration)
    };
    Registry {
        write_count: WriteCount(1),
        revision: 1,
        start: Timestamp::from_millis(0),
        clients: config.clients.iter().enumerate().map(client).collect(),
        unknown: [].into(),
    }
}

/// The first event of the group was sent.
fn item(group: &Group) -> GroupItem {
    GroupItem {
        write_count: WriteCount(1),
        version: 1,
        behind: BTreeSet::new(),
        revision: 1,
        sent: LastSent::default(),
        incarnation_number: 1,
        token: IncarnationToken::try_new("0123456789abcdef").expect("a token"),
        first: First { identity: Key::S("1700000001".to_owned()).into(), version: 1 },
        time: EventTime::try_from_text("1700000001"),
        streamed_at: Some(Timestamp::from_millis(1_699_999_999_000)),
        key: Key::S(group.as_str().to_owned()),
        holes: Vec::new(),
        pairs: Vec::new(),
        closed: None,
        unknown: [].into(),
    }
}

fn payload() -> Box<RawValue> {
    let text = "a line with \"quotes\" in it, ".repeat(72);
    let records: Vec<_> = (0..10)
        .map(|number| {
            let (mark, at) = (format!("g{number}"), "1700000002".to_owned());
            let body = json!({ "mark": mark, "at": at, "version": 2, "text": text }).to_string();
            let (key, sort) = (Key::S(mark), Key::S(at));
            json!({
                "messageId": format!("m{number}"),
                "receiptHandle": format!("r{number}"),
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "ApproximateFirstReceiveTimestamp": "1700000000000",
                    "SentTimestamp": "1700000000000",
                    "MessageGroupId": Group::of(&key).as_str(),
                    "MessageDeduplicationId": DeduplicationId::of_event(&key, &sort.into()).as_str(),
                },
                "messageAttributes": {
                    "eventId": { "stringValue": format!("e{number}"), "dataType": "String" },
                    "eventTime": { "stringValue": "1700000002", "dataType": "String" },
                    "version": { "stringValue": "2", "dataType": "Number" },
                    "streamedAt": { "stringValue": "1700000000000", "dataType": "Number" },
                },
            })
        })
        .collect();
    serde_json::value::to_raw_value(&json!({ "Records": records })).expect("JSON")
}
