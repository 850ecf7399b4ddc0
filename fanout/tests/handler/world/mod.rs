//! Queues in memory, and between them a double of Lambda's mapping: it receives, invokes, deletes.

use std::cell::RefCell;
use std::collections::HashSet;
use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use fanout::handler::Visibility;
use serde_json::value::RawValue;
use shared::message::Message;
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::send::{SendError, Transport};
use shared::time::Timestamp;
use testkit::memory::{FifoQueues, Received, Settings, VirtualClock};

/// The fan-out queue's visibility time-out, as the template has it.
const VISIBILITY: Duration = Duration::from_secs(180);

/// A fan-out queue, and the queues of the clients A, B and C.
pub(crate) struct World {
    pub(crate) clock: VirtualClock,
    pub(crate) queues: FifoQueues,
    pub(crate) fan_out: QueueUrl,
    clients: Vec<(&'static str, QueueUrl)>,
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
    pub(crate) fn new(naming: &Naming) -> Self {
        let clock = VirtualClock::at(Timestamp::from_millis(1_800_000_000_000));
        let world = Self {
            queues: FifoQueues::new(&clock),
            fan_out: naming.own_queue(OwnQueue::FanOut),
            clients: ["A", "B", "C"].map(|name| (name, naming.client_queue(name))).to_vec(),
            clock,
        };
        world.queues.create(&world.fan_out, Settings { visibility: VISIBILITY, ..Settings::default() });
        for (_, queue) in &world.clients {
            world.queues.create(queue, Settings::default());
        }
        world
    }

    pub(crate) fn client(&self, name: &str) -> &QueueUrl {
        &self.clients.iter().find(|(client, _)| *client == name).unwrap().1
    }

    pub(crate) fn wire(&self) -> Wire<'_> {
        Wire::new(&self.queues, &self.fan_out)
    }

    pub(crate) fn put_message(&self, message: &Message) {
        let sent = self.clock.block_on(self.queues.send(&self.fan_out, &[message])).unwrap();
        assert!(sent[0].is_ok());
    }

    pub(crate) fn receive(&self) -> Vec<Received> {
        self.queues.receive(&self.fan_out, 10)
    }

    pub(crate) fn acknowledge(&self, batch: &[Received], response: &SqsBatchResponse) {
        let returned: HashSet<&str> =
            response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
        for received in batch {
            if !returned.contains(received.message.deduplication_id.as_str()) {
                self.queues.delete(&self.fan_out, received.receipt).unwrap();
            }
        }
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
            return std::future::pending().await;
        }
        for (handle, visibility) in changes {
            self.visibilities.borrow_mut().push(*visibility);
            self.queues.change_visibility(queue, handle.parse().unwrap(), *visibility).unwrap();
        }
        Ok(0)
    }
}

/// The payload of a batch, as Lambda's SQS mapping makes it. The message id is the deduplication id.
pub(crate) fn payload(batch: &[Received]) -> Box<RawValue> {
    testkit::memory::payload("arn:aws:sqs:eu-west-2:111122223333:MarkFanOutQueue.fifo", batch, |received| {
        received.message.deduplication_id.as_str().to_owned()
    })
}
