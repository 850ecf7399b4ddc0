//! One invocation: copy a batch to every client, return what somebody did not take.

use std::collections::HashSet;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws::sqs::Sqs;
use aws_lambda_events::sqs::BatchItemFailure;
use futures_util::future::join_all;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use shared::config::{Client, ClientName, Config};
use shared::ids::Group;
use shared::metrics::{Counted, Latencies, RECORDS_IN, RETURNED, SENT, Tally, UNDELIVERED};
use shared::place::{OwnQueue, Place, QueueUrl};
use shared::route::route;
use shared::send::{Limits, SendError, Stop, StopReason, Transport};
use shared::time::Timestamp;
use tracing::{error, warn};

use crate::client::{Batch, Destination, Served, Terms, serve};
use crate::message::Delivery;
use crate::patience::{ATTEMPT, Standing, Troubles, backoff, is_over};
use crate::replay::{ReplayError, Replayed};
use crate::returned::{hasten, respond};

/// The fan-out, ready for any number of invocations.
#[derive(Debug)]
pub struct Fanout {
    pub(crate) destinations: Vec<Destination>,
    pub(crate) fan_out: QueueUrl,
    undelivered: QueueUrl,
    pub(crate) requests_in_flight: usize,
    troubles: Mutex<Troubles>,
}

/// What the function answers.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The messages that the mapping delivers again.
    pub batch_item_failures: Vec<BatchItemFailure>,
    /// What became of a replay for each client; `None` if the payload was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<Replayed>>,
}

/// Why a whole batch must be tried again. Nothing of it is lost.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The payload is not what an SQS mapping sends.
    #[error(
        "not a payload of an SQS mapping, an object with a list `Records`; line {line}, column {column} of it is not \
         as expected"
    )]
    Payload {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// A message has to be returned, but has no id to return it by.
    #[error(
        "message {index} of the batch must be returned and has no `messageId`; returning the whole batch"
    )]
    NoMessageId {
        /// Its index in the batch, from 0.
        index: usize,
    },
    /// The payload is a replay, but not one that can be done. Nothing was sent.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// Makes returned messages visible again, sooner than the queue would.
pub trait Visibility {
    /// One `ChangeMessageVisibilityBatch` for at most ten messages, each by its receipt handle. Answers how many
    /// of them SQS did not change. Not retried: a message that is not changed comes back later, that is all.
    fn change_visibility(
        &self,
        queue: &QueueUrl,
        changes: &[(&str, Duration)],
    ) -> impl Future<Output = Result<usize, SendError>>;
}

impl Visibility for Sqs {
    async fn change_visibility(
        &self,
        queue: &QueueUrl,
        changes: &[(&str, Duration)],
    ) -> Result<usize, SendError> {
        let results = Sqs::change_visibility(self, queue, changes).await?;
        Ok(results.iter().filter(|result| result.is_err()).count())
    }
}

impl<T: Visibility> Visibility for Counted<'_, T> {
    fn change_visibility(
        &self,
        queue: &QueueUrl,
        changes: &[(&str, Duration)],
    ) -> impl Future<Output = Result<usize, SendError>> {
        self.for_request().change_visibility(queue, changes)
    }
}

impl<'p> Payload<'p> {
    pub(crate) fn read(payload: &'p RawValue) -> Result<Self, BatchError> {
        serde_json::from_str(payload.get()).map_err(BatchError::payload)
    }
}

impl BatchError {
    /// Where the error is, and not what is there: that can be a value.
    fn payload(error: serde_json::Error) -> Self {
        Self::Payload { line: error.line(), column: error.column() }
    }
}

#[derive(Deserialize)]
pub(crate) struct Payload<'p> {
    #[serde(rename = "Records", borrow)]
    pub(crate) records: Vec<&'p RawValue>,
    /// Whether there is such a member. A mapping's payload has none.
    #[serde(rename = "replay", default, deserialize_with = "present")]
    pub(crate) is_replay: bool,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl Fanout {
    /// A fan-out for this configuration and place.
    pub fn new(config: &Config, place: &Place) -> Self {
        let destination =
            |client: &Client| Destination { client: client.name.clone(), queue: client.queue_url(place) };
        Self {
            destinations: config.clients.iter().map(destination).collect(),
            fan_out: place.own_queue(OwnQueue::FanOut),
            undelivered: place.own_queue(OwnQueue::Undelivered),
            requests_in_flight: config.requests_in_flight,
            troubles: Mutex::default(),
        }
    }

    /// Handles one batch of messages. The response names those that somebody did not take, each with all later ones
    /// of its group. A payload with a member `replay` is a [replay](crate::replay).
    ///
    /// `deadline` is when Lambda ends the invocation. What is counted is noted in `tally`.
    ///
    /// # Errors
    ///
    /// [`BatchError`] if the whole batch must be returned.
    pub async fn handle<T: Transport + Visibility>(
        &self,
        transport: &T,
        payload: &RawValue,
        deadline: Timestamp,
        tally: &mut Tally,
    ) -> Result<Response, BatchError> {
        let Payload { records, is_replay } = Payload::read(payload)?;
        if is_replay {
            return self.replay(transport, payload, deadline, tally).await;
        }
        tally.count(RECORDS_IN, records.len());
        let transport = &Counted::new(transport);
        let deliveries: Vec<Delivery<'_>> = records.iter().map(|raw| Delivery::read(raw)).collect();
        let (sendable, mut returned) = split(&deliveries, transport.now());
        let batch = Batch {
            deliveries: &deliveries,
            routed: route(sendable.iter().filter_map(|index| {
                let message = deliveries.get(*index)?.message.as_ref().ok()?;
                Some((*index, &message.copy))
            })),
        };

        let served = self.serve_all(transport, &batch, deadline).await;
        for (run, positions) in batch.routed.positions.iter().enumerate() {
            let done = served.iter().filter_map(|served| served.done.get(run)).min().copied().unwrap_or(0);
            returned.extend(positions.iter().skip(done));
        }
        returned.sort_unstable();

        self.note(&served, transport.now());
        tally.count(RETURNED, returned.len());
        self.count(&batch, &served, tally);
        let changes = changes(&deliveries, &returned, transport.now());
        hasten(transport, &self.fan_out, &changes, deadline).await;
        tally.requests(transport);
        respond(&deliveries, &returned)
    }

    async fn serve_all<T: Transport>(
        &self,
        transport: &T,
        batch: &Batch<'_, '_>,
        deadline: Timestamp,
    ) -> Vec<Served> {
        let now = transport.now();
        // A call takes up to a sixth of the time. So sends to clients are over after two thirds of it, those to the
        // undelivered queue after five sixths, and the last sixth is for making messages visible again.
        let limits = |last_start| Limits::of_invocation(now, deadline, last_start, self.requests_in_flight);
        let served = self.destinations.iter().map(async |destination| {
            let standing = self.troubles(|troubles| troubles.standing(&destination.client, now));
            let patient = limits(now.share(deadline, 1, 2));
            let one_attempt =
                Limits { retry_deadline: now, call_limit: patient.call_limit.min(ATTEMPT), ..patient };
            let terms = Terms {
                undelivered: &self.undelivered,
                limits: if standing == Standing::Good { patient } else { one_attempt },
                undelivered_limits: limits(now.share(deadline, 2, 3)),
                standing,
            };
            // Boxed: a hundred of them are polled in one place.
            Box::pin(serve(transport, destination, batch, &terms)).await
        });
        join_all(served).await
    }

    /// Counts what became of the batch, for all clients together; and for each of them that did not take all of it.
    fn count(&self, batch: &Batch<'_, '_>, served: &[Served], tally: &mut Tally) {
        let (mut sent, mut undelivered) = (0, 0);
        let mut latencies = Latencies::default();
        for (destination, served) in self.destinations.iter().zip(served) {
            for position in served.accepted(&batch.routed) {
                sent += 1;
                let message =
                    batch.deliveries.get(position).and_then(|delivery| delivery.message.as_ref().ok());
                if let Some(streamed_at) = message.and_then(|message| message.streamed_at) {
                    latencies.add(served.at.since(streamed_at));
                }
            }
            undelivered += served.undelivered.len();
            let returned = served.returned(&batch.routed);
            if returned > 0 || !served.undelivered.is_empty() {
                tally.count_of(&destination.client, RETURNED, returned);
                tally.count_of(&destination.client, UNDELIVERED, served.undelivered.len());
            }
        }
        tally.count(SENT, sent);
        tally.count(UNDELIVERED, undelivered);
        tally.latencies(latencies);
    }

    /// Remembers which clients are in trouble, and says so. A client's queue can refuse a message for good and fail
    /// to take another one in the same batch: both are noted.
    fn note(&self, served: &[Served], now: Timestamp) {
        for (destination, served) in self.destinations.iter().zip(served) {
            let name = &destination.client;
            let client = name.as_str();
            let given_up = served.undelivered.len() - served.refused;
            if let Some(stop) = &served.undelivered_failure {
                log_failure(client, stop, "the undelivered queue did not take messages; they are returned");
            }
            if let Some(refusal) = served.refusal.as_ref().filter(|_| served.refused > 0) {
                error!(
                    client,
                    undelivered = served.refused,
                    why = refusal.why,
                    "messages that the client's queue will never take went to the undelivered queue"
                );
            }
            match &served.failure {
                None if served.refusal.is_none() => self.troubles(|troubles| troubles.succeeded(name)),
                None => {}
                Some(failure) => self.note_failure(name, failure, given_up, now),
            }
        }
    }

    /// Notes that a client did not take messages, of which `given_up` went to the undelivered queue for it.
    fn note_failure(&self, name: &ClientName, failure: &Stop, given_up: usize, now: Timestamp) {
        let client = name.as_str();
        if given_up == 0 {
            if failure.reason != StopReason::Untried {
                self.troubles(|troubles| troubles.failed(name, now));
            }
            let told = "client did not take its messages; they are returned and tried again";
            return log_failure(client, failure, told);
        }
        if self.troubles(|troubles| troubles.gave_up(name, now)) {
            error!(
                client,
                undelivered = given_up,
                why = failure.why,
                "client given up; its messages go to the undelivered queue, and it has lost its order"
            );
        }
    }

    fn troubles<R>(&self, with: impl FnOnce(&mut Troubles) -> R) -> R {
        with(&mut self.troubles.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An error if nothing goes on until somebody acts, else a warning.
fn log_failure(client: &str, stop: &Stop, told: &str) {
    match stop.reason {
        StopReason::Queue => error!(client, why = stop.why, "{told}"),
        StopReason::OutOfTime | StopReason::Untried | StopReason::Message => {
            warn!(client, why = stop.why, "{told}");
        }
    }
}

/// The messages that can be sent, and those that must be returned because they, or an earlier one of their group,
/// cannot be processed. Both by index, in order.
///
/// Once a message that cannot be processed was returned for long enough, the later ones of its group go on: it has lost
/// its place, and they need not follow it to the dead-letter queue.
fn split(deliveries: &[Delivery<'_>], now: Timestamp) -> (Vec<usize>, Vec<usize>) {
    let mut blocked: HashSet<&Group> = HashSet::new();
    let (mut sendable, mut returned) = (Vec::new(), Vec::new());
    for (index, delivery) in deliveries.iter().enumerate() {
        let is_blocked = delivery.group.as_ref().is_some_and(|group| blocked.contains(group));
        match &delivery.message {
            Ok(_) if !is_blocked => sendable.push(index),
            Ok(_) => returned.push(index),
            Err(why) => {
                let group = delivery.group.as_ref();
                error!(
                    message_id = delivery.id,
                    group = group.map(Group::as_str),
                    why,
                    "message cannot be processed; it is returned until it goes to the dead-letter queue"
                );
                blocked.extend(group.filter(|_| !is_over(delivery.first_received, now)));
                returned.push(index);
            }
        }
    }
    (sendable, returned)
}

/// By receipt handle, after how long each returned message becomes visible: the same for all of a group.
fn changes<'d>(
    deliveries: &'d [Delivery<'_>],
    returned: &[usize],
    now: Timestamp,
) -> Vec<(&'d str, Duration)> {
    let mut backoffs: Vec<(Option<&Group>, Duration)> = Vec::new();
    let mut changes = Vec::new();
    for delivery in returned.iter().filter_map(|index| deliveries.get(*index)) {
        let group = delivery.group.as_ref();
        let known = backoffs.iter().find(|(other, _)| group.is_some() && *other == group);
        let backoff = match known {
            Some((_, backoff)) => *backoff,
            None => {
                let backoff = backoff(delivery.receive_count, delivery.first_received, now);
                backoffs.push((group, backoff));
                backoff
            }
        };
        if let Some(handle) = delivery.receipt_handle.as_deref() {
            changes.push((handle, backoff));
        }
    }
    changes
}
