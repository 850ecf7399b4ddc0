//! The fan-out between queues in memory: receive, handle, delete, as Lambda's mapping does.

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Duration;

use fanout::handler::{Fanout, Response, Visibility};
use futures_util::future::{Either, select};
use serde_json::json;
use serde_json::value::RawValue;
use shared::config::Config;
use shared::ids::{DeduplicationId, Group, Key};
use shared::message::{Attribute, AttributeValue, Body, Message};
use shared::metrics::Tally;
use shared::place::{OwnQueue, Place, QueueUrl};
use shared::send::{SendError, Transport};
use shared::testing::{FifoQueues, Received, Settings, VirtualClock};
use shared::time::Timestamp;

/// Lambda's time-out and the fan-out queue's visibility time-out, as the template has them.
const TIMEOUT: Duration = Duration::from_secs(30);
const VISIBILITY: Duration = Duration::from_secs(180);

/// A fan-out queue, a fan-out, clients A, B and C, and the queues for what goes wrong.
pub(crate) struct World {
    pub(crate) clock: VirtualClock,
    pub(crate) queues: FifoQueues,
    pub(crate) fanout: Fanout,
    pub(crate) fan_out: QueueUrl,
    pub(crate) undelivered: QueueUrl,
    /// What the last delivery counted.
    pub(crate) tally: RefCell<Tally>,
    clients: Vec<(String, QueueUrl)>,
}

/// The queues as the function sees them.
pub(crate) struct Wire<'w> {
    queues: &'w FifoQueues,
    fan_out: QueueUrl,
    /// Whether SQS takes visibility changes; else it does not answer.
    pub(crate) takes_visibility: bool,
    /// The visibilities that were set, in order.
    pub(crate) visibilities: RefCell<Vec<Duration>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let place = Place {
            partition: "aws".to_owned(),
            region: "eu-west-2".to_owned(),
            account: "111122223333".to_owned(),
            prefix: String::new(),
        };
        let config = Config::try_from_toml(
            "client-queues.toml",
            "[source]\npartition_key = 'mark'\nsort_key = 'createTime'\ngroup = 'mark'\n\
             [[client]]\nname = 'A'\n[[client]]\nname = 'B'\n[[client]]\nname = 'C'\n",
            Some(&place),
        )
        .unwrap();
        let clock = VirtualClock::at(Timestamp::from_millis(1_800_000_000_000));
        let world = Self {
            queues: FifoQueues::new(&clock),
            fanout: Fanout::new(&config, &place),
            fan_out: place.own_queue(OwnQueue::FanOut),
            undelivered: place.own_queue(OwnQueue::Undelivered),
            tally: RefCell::default(),
            clients: config
                .clients
                .iter()
                .map(|client| (client.name.as_str().to_owned(), client.queue_url(&place)))
                .collect(),
            clock,
        };
        world.queues.create(&world.fan_out, Settings { visibility: VISIBILITY, ..Settings::default() });
        world.queues.create(&world.undelivered, Settings::default());
        for (_, queue) in &world.clients {
            world.queues.create(queue, Settings::default());
        }
        world
    }

    pub(crate) fn client(&self, name: &str) -> &QueueUrl {
        &self.clients.iter().find(|(client, _)| client == name).unwrap().1
    }

    pub(crate) fn wire(&self) -> Wire<'_> {
        Wire::new(&self.queues, &self.fan_out)
    }

    /// Puts messages on the fan-out queue: `a1 b1 a2` are three, of the groups `a` and `b`.
    pub(crate) fn put(&self, names: &str) {
        for name in names.split_whitespace() {
            self.put_message(&message(name));
        }
    }

    pub(crate) fn put_message(&self, message: &Message) {
        let sent = self.clock.block_on(self.queues.send(&self.fan_out, &[message])).unwrap();
        assert!(sent[0].is_ok());
    }

    /// One delivery of the mapping: what the function answered, `None` if there was nothing to receive.
    pub(crate) fn deliver(&self) -> Option<Response> {
        self.deliver_over(&self.wire())
    }

    pub(crate) fn deliver_over(&self, wire: &Wire<'_>) -> Option<Response> {
        let batch = self.receive();
        if batch.is_empty() {
            return None;
        }
        let payload = payload(&batch);
        let deadline = self.clock.now().plus(TIMEOUT);
        let mut tally = Tally::default();
        let handle = self.fanout.handle(wire, &payload, deadline, &mut tally);
        let response = self.clock.block_on(handle).unwrap();
        self.tally.replace(tally);
        assert!(self.clock.now() < deadline, "the function ran out of its time");
        self.acknowledge(&batch, &response);
        Some(response)
    }

    /// A delivery in which the function is killed after `time`.
    pub(crate) fn deliver_killed_after(&self, time: Duration) {
        let payload = payload(&self.receive());
        let wire = self.wire();
        let deadline = self.clock.now().plus(TIMEOUT);
        self.clock.block_on(async {
            let mut tally = Tally::default();
            let handle = Box::pin(self.fanout.handle(&wire, &payload, deadline, &mut tally));
            let killed = Box::pin(self.clock.sleep(time));
            assert!(
                matches!(select(handle, killed).await, Either::Right(_)),
                "it was over before it was killed"
            );
        });
    }

    /// Delivers until the fan-out queue is empty. Answers after how long.
    pub(crate) fn drain(&self) -> Duration {
        self.drain_over(&self.wire())
    }

    pub(crate) fn drain_over(&self, wire: &Wire<'_>) -> Duration {
        let started = self.clock.now();
        while let Some(next) = self.queues.next_receivable(&self.fan_out) {
            self.clock.block_on(self.clock.sleep_until(next));
            self.deliver_over(wire);
            assert!(self.clock.now().since(started) < Duration::from_secs(3_600), "an hour, and no end");
        }
        self.clock.now().since(started)
    }

    pub(crate) fn receive(&self) -> Vec<Received> {
        self.queues.receive(&self.fan_out, 10)
    }

    pub(crate) fn acknowledge(&self, batch: &[Received], response: &Response) {
        let returned: HashSet<&str> =
            response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
        for received in batch {
            if !returned.contains(received.message.deduplication_id.as_str()) {
                self.queues.delete(&self.fan_out, received.receipt).unwrap();
            }
        }
    }

    /// The bodies that a queue accepted, by group: `a: a1 a2 | b: b1`.
    pub(crate) fn accepted(&self, queue: &QueueUrl) -> String {
        by_group(self.queues.accepted(queue).into_iter().map(|message| (message.group, message.body)))
    }

    /// What is undelivered for a client, by group.
    pub(crate) fn undelivered_for(&self, client: &str) -> String {
        let wanted = Attribute::string("client", client);
        let messages = self.queues.accepted(&self.undelivered).into_iter();
        by_group(
            messages
                .filter(|message| message.attributes.contains(&wanted))
                .map(|message| (message.group, message.body)),
        )
    }
}

impl<'w> Wire<'w> {
    pub(crate) fn new(queues: &'w FifoQueues, fan_out: &QueueUrl) -> Self {
        Self { queues, fan_out: fan_out.clone(), takes_visibility: true, visibilities: RefCell::default() }
    }
}

impl Transport for Wire<'_> {
    async fn send(
        &self,
        queue: &QueueUrl,
        batch: &[&Message],
    ) -> Result<Vec<Result<(), SendError>>, SendError> {
        self.queues.send(queue, batch).await
    }

    async fn sleep(&self, duration: Duration) {
        self.queues.sleep(duration).await;
    }

    fn now(&self) -> Timestamp {
        self.queues.now()
    }
}

impl Visibility for Wire<'_> {
    async fn change_visibility(
        &self,
        queue: &QueueUrl,
        changes: &[(&str, Duration)],
    ) -> Result<usize, SendError> {
        assert_eq!(*queue, self.fan_out);
        assert!((1..=10).contains(&changes.len()));
        if !self.takes_visibility {
            self.queues.sleep(Duration::from_secs(3_600)).await;
            return Err(SendError::Unknown("time-out".into()));
        }
        for (handle, visibility) in changes {
            self.visibilities.borrow_mut().push(*visibility);
            self.queues.change_visibility(queue, handle.parse().unwrap(), *visibility).unwrap();
        }
        Ok(0)
    }
}

/// A message whose name is its id and its body, and whose first letter is its group.
pub(crate) fn message(name: &str) -> Message {
    message_of(&name[..1], name, name)
}

pub(crate) fn message_of(group: &str, id: &str, body: &str) -> Message {
    Message::new(
        Group::of(&Key::S(group.to_owned())),
        DeduplicationId::try_from_sqs(id).unwrap(),
        Body::Text(body),
        &[Attribute::string("eventId", id), Attribute::number("version", "7")],
        Some("Root=1-5759e988-bd862e3fe1be46a994272793"),
    )
}

/// The payload of a batch, as Lambda's SQS mapping makes it. The message id is the deduplication id.
pub(crate) fn payload(batch: &[Received]) -> Box<RawValue> {
    let records: Vec<serde_json::Value> = batch.iter().map(record).collect();
    serde_json::value::to_raw_value(&json!({ "Records": records })).unwrap()
}

fn record(received: &Received) -> serde_json::Value {
    let message = &received.message;
    let attributes = message.attributes.iter().map(|attribute| {
        let value = match &attribute.value {
            AttributeValue::Text(text) => json!({ "stringValue": text, "dataType": attribute.data_type }),
            AttributeValue::Base64(text) => json!({ "binaryValue": text, "dataType": attribute.data_type }),
        };
        (attribute.name.clone(), value)
    });
    json!({
        "messageId": message.deduplication_id.as_str(),
        "receiptHandle": received.receipt.to_string(),
        "body": message.body,
        "attributes": {
            "SentTimestamp": message.at.as_millis().to_string(),
            "ApproximateReceiveCount": received.receive_count.to_string(),
            "ApproximateFirstReceiveTimestamp": received.first_received.as_millis().to_string(),
            "MessageGroupId": message.group.as_str(),
            "MessageDeduplicationId": message.deduplication_id.as_str(),
            "AWSTraceHeader": message.trace_header,
        },
        "messageAttributes": attributes.collect::<serde_json::Map<_, _>>(),
        "eventSource": "aws:sqs",
    })
}

fn by_group(messages: impl Iterator<Item = (Group, String)>) -> String {
    let mut groups: Vec<(Group, Vec<String>)> = Vec::new();
    for (group, body) in messages {
        match groups.iter_mut().find(|(other, _)| *other == group) {
            Some((_, bodies)) => bodies.push(body),
            None => groups.push((group, vec![body])),
        }
    }
    groups.sort();
    let groups: Vec<String> =
        groups.iter().map(|(group, bodies)| format!("{group}: {}", bodies.join(" "))).collect();
    groups.join(" | ")
}
