//! The converter between a stream and queues in memory. It delivers from the checkpoint on, as Lambda's mapping does.

use std::cell::RefCell;
use std::time::Duration;

use converter::handler::Converter;
use converter::payload::{BatchError, Response};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::config::Config;
use shared::metrics::Tally;
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::time::Timestamp;
use testkit::memory::{Accepted, FifoQueues, Settings, VirtualClock};

/// Lambda's time-out, as the template has it.
const TIMEOUT: Duration = Duration::from_secs(30);

const SOURCE: &str = "id = 'eventId'\nname = 'eventName'\nversion = 'RegistrationNumber.version'";

pub(crate) struct World {
    pub(crate) clock: VirtualClock,
    pub(crate) queues: FifoQueues,
    pub(crate) fan_out: QueueUrl,
    pub(crate) rejected: QueueUrl,
    pub(crate) converter: Converter,
    /// The metrics of the last delivery.
    pub(crate) tally: RefCell<Tally>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_source(SOURCE)
    }

    /// A pipeline with a client that wants to be told when an aggregate is erased.
    #[allow(dead_code, reason = "not each test binary uses it")]
    pub(crate) fn with_notices() -> Self {
        Self::of(SOURCE, "erasures = true")
    }

    /// A pipeline whose `[source]` has these lines besides the keys and the time.
    pub(crate) fn with_source(lines: &str) -> Self {
        Self::of(lines, "")
    }

    fn of(lines: &str, client: &str) -> Self {
        let naming = Naming {
            partition: "aws".to_owned(),
            region: "eu-west-2".to_owned(),
            account: "111122223333".to_owned(),
            prefix: String::new(),
        };
        let config = Config::try_from_toml(
            "client-queues.toml",
            &format!(
                "[source]\npartition_key = 'mark'\nsort_key = 'createTime'\ntime = 'createTime'\n{lines}\n\
                 [[client]]\nname = 'A'\n{client}\n"
            ),
            Some(&naming),
        )
        .unwrap();
        let clock = VirtualClock::at(Timestamp::from_millis(1_800_000_000_000));
        let world = Self {
            queues: FifoQueues::new(&clock),
            fan_out: naming.own_queue(OwnQueue::FanOut),
            rejected: naming.own_queue(OwnQueue::Rejected),
            converter: Converter::new(&config, &naming),
            tally: RefCell::default(),
            clock,
        };
        world.queues.create(&world.fan_out, Settings::default());
        world.queues.create(&world.rejected, Settings::default());
        world
    }

    /// Delivers these records once.
    pub(crate) fn deliver(&self, records: &[Value]) -> Result<Response, BatchError> {
        let payload = serde_json::value::to_raw_value(&json!({ "Records": records })).unwrap();
        self.deliver_payload(&payload)
    }

    pub(crate) fn deliver_payload(&self, payload: &RawValue) -> Result<Response, BatchError> {
        let deadline = self.clock.now().plus(TIMEOUT);
        let trace = Some("Root=1-5759e988-bd862e3fe1be46a994272793");
        let mut tally = Tally::default();
        let handle = self.converter.handle(&self.clock, &self.queues, payload, deadline, trace, &mut tally);
        let response = self.clock.block_on(handle);
        self.tally.replace(tally);
        assert!(self.clock.now() < deadline, "the function ran out of its time");
        response
    }

    /// Delivers these records until all are done: after a partial failure, again from the checkpoint on.
    pub(crate) fn drain(&self, records: &[Value]) {
        let mut remaining = records;
        for _ in 0..100 {
            let response = self.deliver(remaining).unwrap();
            let Some(failure) = response.batch_item_failures.first() else { return };
            let checkpoint = failure.item_identifier.as_deref().unwrap();
            let position =
                remaining.iter().position(|record| record["dynamodb"]["SequenceNumber"] == checkpoint);
            remaining = &remaining[position.expect("the checkpoint is in the batch")..];
        }
        panic!("a hundred deliveries, and no end");
    }

    /// The events that the fan-out queue accepted, by group: `AFC%20F5: 1 2 3`.
    pub(crate) fn events(&self) -> String {
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        for message in self.queues.accepted(&self.fan_out) {
            let body: Value = serde_json::from_str(&message.body).unwrap();
            let version = body["RegistrationNumber"]["version"].to_string();
            let group = message.group.as_str();
            match groups.iter_mut().find(|(other, _)| other == group) {
                Some((_, versions)) => versions.push(version),
                None => groups.push((group.to_owned(), vec![version])),
            }
        }
        groups.sort();
        let groups: Vec<String> =
            groups.iter().map(|(group, versions)| format!("{group}: {}", versions.join(" "))).collect();
        groups.join(" | ")
    }

    pub(crate) fn sent(&self) -> Vec<Accepted> {
        self.queues.accepted(&self.fan_out)
    }

    /// The rejections on the rejected queue.
    pub(crate) fn rejections(&self) -> Vec<Value> {
        let rejections = self.queues.accepted(&self.rejected);
        rejections.iter().map(|rejection| serde_json::from_str(&rejection.body).unwrap()).collect()
    }

    pub(crate) fn reasons(&self) -> Vec<String> {
        self.rejections().iter().map(|rejection| rejection["reason"].as_str().unwrap().to_owned()).collect()
    }
}

/// The record from which the response asks to start.
pub(crate) fn checkpoint(response: &Response) -> Option<&str> {
    assert!(response.batch_item_failures.len() <= 1);
    response.batch_item_failures.first().map(|failure| failure.item_identifier.as_deref().unwrap())
}

/// The record of a new event: `number` is its place in the stream.
pub(crate) fn insert(mark: &str, version: u64, number: u64) -> Value {
    record("INSERT", mark, version, number)
}

pub(crate) fn record(change: &str, mark: &str, version: u64, number: u64) -> Value {
    json!({
        "eventID": format!("record{number}"),
        "eventName": change,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-2",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_800_000_000.0,
            "Keys": {
                "mark": { "S": mark },
                "createTime": { "S": format!("2026-11-20T10:00:{version:02}Z") },
            },
            "NewImage": {
                "mark": { "S": mark },
                "createTime": { "S": format!("2026-11-20T10:00:{version:02}Z") },
                "eventId": { "S": format!("event-{mark}-{version}") },
                "eventName": { "S": "EntitlementCreatedEvent" },
                "RegistrationNumber": { "M": {
                    "version": { "N": version.to_string() },
                    "price": { "N": "299.9" },
                } },
            },
            "SequenceNumber": sequence_number(number),
            "SizeBytes": 200,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": "arn:aws:dynamodb:eu-west-2:111122223333:table/RegistrationNumberEvent/stream/2026-11-20T00:00:00.000",
    })
}

/// A sequence number as long as the real ones, with more than 64 bits.
pub(crate) fn sequence_number(number: u64) -> String {
    format!("{}", 4_421_584_500_000_000_000_000_000_000_u128 + u128::from(number))
}
