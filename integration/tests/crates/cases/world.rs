//! The whole pipeline in memory, with one client, A, and a stream that shows what is written at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use catchup::CatchUp;
use converter::handler::Converter;
use fanout::handler::Fanout;
use serde_json::value::to_raw_value;
use serde_json::{Map, Value, json};
use shared::config::Config;
use shared::ids::Key;
use shared::ledger::Ports;
use shared::ledger::times::{FAN_OUT_LIMIT, VISIBILITY};
use shared::metrics::Tally;
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::time::Timestamp;
use testkit::memory::{FifoQueues, MemoryLedger, MemoryTable, Settings, VirtualClock};

use super::deliveries::{Wire, payload};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

const CATCH_UP_LIMIT: Duration = Duration::from_secs(180);

/// The metrics that tell what became of events.
const SHOWN: [&str; 6] = ["Skipped", "TimesUnread", "Rejected", "Holes", "VersionsUsedTwice", "Duplicates"];

pub(crate) struct World {
    clock: VirtualClock,
    queues: FifoQueues,
    ledger: MemoryLedger,
    table: MemoryTable,
    converter: Converter,
    fanout: Fanout,
    catch_up: CatchUp,
    naming: Naming,
    keys: [String; 2],
    sequence: RefCell<u64>,
    counted: RefCell<BTreeMap<String, u64>>,
    reported: RefCell<Vec<String>>,
    log: RefCell<String>,
}

impl World {
    /// A pipeline whose `[source]` has these lines.
    pub(crate) fn new(source: &str) -> Self {
        let naming = Naming {
            partition: "aws".to_owned(),
            region: "eu-west-2".to_owned(),
            account: "111122223333".to_owned(),
            prefix: String::new(),
        };
        let file = format!("[source]\n{source}\n[[client]]\nname = 'A'\n");
        let config = Config::try_from_toml("client-queues.toml", &file, Some(&naming)).unwrap();
        let clock = VirtualClock::at(START);
        let world = Self {
            queues: FifoQueues::new(&clock),
            ledger: MemoryLedger::new(1),
            table: MemoryTable::new(&config.source),
            converter: Converter::new(&config, &naming),
            fanout: Fanout::new(&config, &naming),
            catch_up: CatchUp::new(&config, &naming),
            keys: [config.source.partition_key.clone(), config.source.sort_key.clone()],
            sequence: RefCell::new(1),
            counted: RefCell::default(),
            reported: RefCell::default(),
            log: RefCell::default(),
            clock,
            naming,
        };
        let visibility = Settings { visibility: VISIBILITY, ..Settings::default() };
        world.queues.create(&world.own(OwnQueue::FanOut), visibility);
        world.queues.create(&world.own(OwnQueue::Rejected), Settings::default());
        world.queues.create(&world.client(), Settings::default());
        world.request(json!({ "request": "maintenance" }));
        world
    }

    /// Puts an item into the table; the stream has forgotten it.
    pub(crate) fn put(&self, item: &Value) {
        self.table.put(&typed(item).to_string());
    }

    /// Writes new items, which the stream shows in one batch.
    pub(crate) fn insert(&self, items: &[Value]) {
        items.iter().for_each(|item| self.put(item));
        self.stream("INSERT", items);
    }

    /// Writes over items.
    pub(crate) fn modify(&self, items: &[Value]) {
        items.iter().for_each(|item| self.put(item));
        self.stream("MODIFY", items);
    }

    /// Deletes the items of an aggregate with these sort keys.
    pub(crate) fn erase(&self, key: &str, sorts: &[u64]) {
        for sort in sorts {
            assert!(self.table.delete(&Key::S(key.to_owned()), &Key::N(sort.to_string())));
        }
    }

    fn stream(&self, change: &str, items: &[Value]) {
        let records = items.iter().map(|item| {
            *self.sequence.borrow_mut() += 1;
            let (item, sequence) = (typed(item), *self.sequence.borrow());
            let keys = self.keys.iter().map(|name| (name.clone(), item[name].clone()));
            json!({
                "eventID": format!("{sequence:032}"), "eventName": change, "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "ApproximateCreationDateTime": self.clock.now().as_millis() / 1_000,
                    "Keys": keys.collect::<Map<_, _>>(),
                    "NewImage": item,
                    "SequenceNumber": sequence.to_string(),
                    "StreamViewType": "NEW_IMAGE",
                },
            })
        });
        let payload = to_raw_value(&json!({ "Records": records.collect::<Vec<_>>() })).unwrap();
        let (deadline, mut tally) = (self.clock.now().plus(Duration::from_secs(30)), Tally::default());
        let handle = self.converter.handle(&self.clock, &self.queues, &payload, deadline, None, &mut tally);
        let response = self.logged_while(|| self.clock.block_on(handle)).unwrap();
        assert!(response.batch_item_failures.is_empty());
        self.count(&tally);
    }

    /// Delivers what is on the fan-out queue until it is empty.
    pub(crate) fn drain(&self) {
        let fan_out = self.own(OwnQueue::FanOut);
        while let Some(next) = self.queues.next_receivable(&fan_out) {
            self.clock.block_on(self.clock.sleep_until(next));
            let batch = self.queues.receive(&fan_out, 10);
            let wire = Wire::new(&self.queues, &fan_out);
            let (deadline, mut tally) = (self.clock.now().plus(FAN_OUT_LIMIT), Tally::default());
            let ports =
                Ports { clock: &self.clock, transport: &wire, ledger: &self.ledger, table: &self.table };
            let payload = payload(&batch);
            let handle = self.fanout.handle(ports, &payload, deadline, &mut tally);
            let response = self.logged_while(|| self.clock.block_on(handle)).unwrap();
            self.count(&tally);
            let returned: Vec<&str> =
                response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
            for received in &batch {
                if !returned.contains(&received.message.deduplication_id.as_str()) {
                    self.queues.delete(&fan_out, received.receipt).unwrap();
                }
            }
        }
    }

    /// Compares table and ledger, an hour later, and sends what is missing.
    pub(crate) fn reconcile(&self) {
        self.clock.freeze(Duration::from_secs(3_600));
        let compared = self.request(json!({ "request": "reconcile" }));
        let members = compared.as_object().unwrap().iter();
        let found = members.filter(|(_, found)| found.as_array().is_some_and(|found| !found.is_empty()));
        self.reported.borrow_mut().extend(found.map(|(name, found)| format!("{name} {found}")));
        self.drain();
    }

    fn request(&self, request: Value) -> Value {
        let request = to_raw_value(&request).unwrap();
        let (deadline, mut tally) = (self.clock.now().plus(CATCH_UP_LIMIT), Tally::default());
        let ports =
            Ports { clock: &self.clock, transport: &self.queues, ledger: &self.ledger, table: &self.table };
        let handle = self.catch_up.handle(ports, &request, deadline, &mut tally);
        let answer = self.clock.block_on(handle).unwrap();
        self.count(&tally);
        serde_json::to_value(answer).unwrap()
    }

    /// What the client got, by group; the reasons of rejections; what the comparison reported; what was counted.
    pub(crate) fn outcome(&self) -> String {
        let mut groups = BTreeMap::<String, Vec<String>>::new();
        for message in self.queues.accepted(&self.client()) {
            let attribute = |name: &str| {
                let attribute = message.attributes.iter().find(|attribute| attribute.name == name);
                attribute.map(|attribute| match &attribute.value {
                    shared::message::AttributeValue::Text(text) => text.clone(),
                    shared::message::AttributeValue::Base64(_) => panic!("bytes"),
                })
            };
            let id = attribute("eventId").filter(|id| id.len() < 64).map(|id| format!("={id}"));
            let event = format!("{}{}", attribute("version").unwrap(), id.unwrap_or_default());
            groups.entry(message.group.as_str().to_owned()).or_default().push(event);
        }
        let mut text = String::new();
        for (group, events) in groups {
            writeln!(text, "{group}: {}", events.join(" ")).unwrap();
        }
        for rejection in self.queues.accepted(&self.own(OwnQueue::Rejected)) {
            let rejection: Value = serde_json::from_str(&rejection.body).unwrap();
            writeln!(text, "rejected: {}", rejection["reason"].as_str().unwrap()).unwrap();
        }
        for reported in self.reported.borrow().iter() {
            writeln!(text, "reported: {reported}").unwrap();
        }
        let counted = self.counted.borrow();
        let counted: Vec<String> = counted
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        text + &counted.join(", ")
    }

    /// The warnings and errors in the functions' logs.
    pub(crate) fn logged(&self) -> String {
        self.log.borrow().clone()
    }

    fn logged_while<R>(&self, work: impl FnOnce() -> R) -> R {
        let mut result = None;
        let lines = testkit::logs::logged(|| result = Some(work()));
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let level = line["level"].as_str().unwrap_or_default();
            if level == "WARN" || level == "ERROR" {
                writeln!(self.log.borrow_mut(), "{level} {}", line["message"].as_str().unwrap()).unwrap();
            }
        }
        result.unwrap()
    }

    fn count(&self, tally: &Tally) {
        for part in tally.to_string().lines().next().unwrap_or_default().split(", ") {
            let Some((name, count)) = part.split_once(' ') else { continue };
            if let (true, Ok(count)) = (SHOWN.contains(&name), count.parse::<u64>()) {
                *self.counted.borrow_mut().entry(name.to_owned()).or_default() += count;
            }
        }
    }

    fn own(&self, queue: OwnQueue) -> QueueUrl {
        self.naming.own_queue(queue)
    }

    fn client(&self) -> QueueUrl {
        self.naming.client_queue("A")
    }
}

/// An item in DynamoDB's JSON.
fn typed(item: &Value) -> Value {
    let value = |value: &Value| match value {
        Value::String(text) => json!({ "S": text }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::Array(bytes) => json!({ "B": bytes[0] }),
        _ => panic!("{value}"),
    };
    item.as_object()
        .unwrap()
        .iter()
        .map(|(name, own)| (name.clone(), value(own)))
        .collect::<Map<_, _>>()
        .into()
}
