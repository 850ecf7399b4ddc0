//! One SQS FIFO queue: deduplication, groups, visibility. Its callers pass the time in, and it never waits.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::entry::Entry;
use shared::ids::{DeduplicationId, Group};
use shared::message::{Attribute, Message, SQS_LIMIT};
use shared::send::SendError;
use shared::time::Timestamp;

/// How long SQS remembers a deduplication id, from the first accepted send (SQS: exactly-once processing).
const DEDUPLICATION: Duration = Duration::from_secs(300);

/// The most messages of one `ReceiveMessage` (SQS quotas).
const RECEIVE_LIMIT: usize = 10;

/// How a queue behaves. Can be changed at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// From a request's start to its answer; what it sends is accepted half-way.
    pub latency: Duration,
    /// `MaximumMessageSize`, in bytes.
    pub maximum_message_size: usize,
    /// `VisibilityTimeout`.
    pub visibility: Duration,
    /// Whether the queue's policy refuses the sender.
    pub denied: bool,
}

/// A message as the queue accepted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// When.
    pub at: Timestamp,
    /// Its `SequenceNumber`: greater than all before it in this queue.
    pub sequence: u64,
    /// Its `MessageGroupId`.
    pub group: Group,
    /// Its `MessageDeduplicationId`.
    pub deduplication_id: DeduplicationId,
    /// Its body.
    pub body: String,
    /// Its message attributes, by name.
    pub attributes: Vec<Attribute>,
    /// Its `AWSTraceHeader`.
    pub trace_header: Option<String>,
}

/// A message as a consumer receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The receipt to delete it by, or to change its visibility by; another one each time it is received.
    pub receipt: u64,
    /// `ApproximateReceiveCount`, this time included.
    pub receive_count: u32,
    /// `ApproximateFirstReceiveTimestamp`.
    pub first_received: Timestamp,
    /// The message.
    pub message: Accepted,
}

/// A receipt of a message that is deleted, visible again, or received again since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the receipt handle has expired")]
pub struct ReceiptExpired;

/// A queue.
pub(super) struct Fifo {
    pub(super) settings: Settings,
    accepted: Vec<Accepted>,
    deduplication: HashMap<DeduplicationId, Timestamp>,
    /// The messages that are not deleted yet, in order.
    held: Vec<Held>,
    receipts: u64,
}

struct Held {
    message: Accepted,
    receive_count: u32,
    first_received: Option<Timestamp>,
    /// The last receipt and when it expires.
    receipt: Option<(u64, Timestamp)>,
}

impl Default for Settings {
    /// As SQS makes a queue, with a latency of 5 ms.
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(5),
            maximum_message_size: SQS_LIMIT,
            visibility: Duration::from_secs(30),
            denied: false,
        }
    }
}

impl Fifo {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, accepted: Vec::new(), deduplication: HashMap::new(), held: Vec::new(), receipts: 0 }
    }

    /// Everything ever accepted, in order.
    pub(super) fn accepted(&self) -> &[Accepted] {
        &self.accepted
    }

    /// How many messages are not deleted yet.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes `message`, unless it is a duplicate; the sender does not learn which. Returns whether it is new.
    ///
    /// # Errors
    ///
    /// If it is larger than the queue allows, or holds what SQS refuses.
    pub(super) fn accept(&mut self, message: &Message, now: Timestamp) -> Result<bool, SendError> {
        let limit = self.settings.maximum_message_size;
        if message.size() > limit {
            return Err(SendError::Message(
                format!("one or more parameters are invalid: message must be shorter than {limit} bytes")
                    .into(),
            ));
        }
        let entry = Entry::try_of(message).map_err(|refusal| SendError::Message(refusal.into()))?;
        let first = self.deduplication.get(&entry.deduplication_id);
        if first.is_some_and(|first| now.since(*first) < DEDUPLICATION) {
            return Ok(false);
        }
        self.deduplication.insert(entry.deduplication_id.clone(), now);
        let accepted = Accepted {
            at: now,
            sequence: self.accepted.len() as u64 + 1,
            group: entry.group,
            deduplication_id: entry.deduplication_id,
            body: entry.body,
            attributes: entry.attributes,
            trace_header: entry.trace_header,
        };
        self.accepted.push(accepted.clone());
        self.held.push(Held { message: accepted, receive_count: 0, first_received: None, receipt: None });
        Ok(true)
    }

    /// Deletes all messages, in flight or not. The queue still recognises what it accepted (SQS: `PurgeQueue`).
    pub(super) fn purge(&mut self) {
        self.held.clear();
    }

    /// Up to `limit` messages, at most ten, each group in order, and none of a group of which a message is in flight.
    pub(super) fn receive(&mut self, limit: usize, now: Timestamp) -> Vec<Received> {
        let locked = self.locked(now);
        let available = self.held.iter_mut().filter(|held| !locked.contains(&held.message.group));
        let mut received = Vec::new();
        for held in available.take(limit.min(RECEIVE_LIMIT)) {
            self.receipts += 1;
            held.receive_count += 1;
            held.receipt = Some((self.receipts, now.plus(self.settings.visibility)));
            received.push(Received {
                receipt: self.receipts,
                receive_count: held.receive_count,
                first_received: *held.first_received.get_or_insert(now),
                message: held.message.clone(),
            });
        }
        received
    }

    /// Deletes a message.
    pub(super) fn delete(&mut self, receipt: u64, now: Timestamp) -> Result<(), ReceiptExpired> {
        let position = self.position(receipt, now)?;
        self.held.remove(position);
        Ok(())
    }

    /// Keeps a message, and so its group, in flight for `visibility` from now; not at all if that is zero.
    pub(super) fn change_visibility(
        &mut self,
        receipt: u64,
        visibility: Duration,
        now: Timestamp,
    ) -> Result<(), ReceiptExpired> {
        let position = self.position(receipt, now)?;
        if let Some(held) = self.held.get_mut(position) {
            held.receipt = Some((receipt, now.plus(visibility)));
        }
        Ok(())
    }

    /// When there will be something to receive, if nothing is sent or deleted meanwhile. `None` if the queue is empty.
    pub(super) fn next_receivable(&self, now: Timestamp) -> Option<Timestamp> {
        let mut free = HashMap::<&Group, Timestamp>::new();
        for held in &self.held {
            let until = held.in_flight_until(now).unwrap_or(now);
            let latest = free.entry(&held.message.group).or_insert(until);
            *latest = until.max(*latest);
        }
        free.into_values().min()
    }

    fn locked(&self, now: Timestamp) -> HashSet<Group> {
        let in_flight = self.held.iter().filter(|held| held.in_flight_until(now).is_some());
        in_flight.map(|held| held.message.group.clone()).collect()
    }

    fn position(&self, receipt: u64, now: Timestamp) -> Result<usize, ReceiptExpired> {
        let is_meant = |held: &Held| {
            held.in_flight_until(now).is_some() && held.receipt.is_some_and(|(last, _)| last == receipt)
        };
        self.held.iter().position(is_meant).ok_or(ReceiptExpired)
    }
}

impl Held {
    /// When it becomes visible; `None` if it is.
    fn in_flight_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.receipt.map(|(_, until)| until).filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests;
