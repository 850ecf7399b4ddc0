//! A batch of the queue of events: each message by itself, one after the other.

use std::collections::BTreeSet;

use aws_lambda_events::sqs::SqsBatchResponse;
use serde_json::value::RawValue;
use shared::batch::{self, BatchError};
use shared::budget::Budget;
use shared::clock::{Clock, within};
use shared::message::Message;
use shared::metrics::{RECORDS_IN, REJECTED, RETURNED, Tally};
use shared::naming::QueueUrl;
use shared::panics::{PANICKED, caught};
use shared::send::{Limits, Run, Transport, all_accepted, send_runs};
use shared::time::Timestamp;
use tracing::{error, info, warn};

use super::message::Record;
use super::{NotAppended, OtherEvents};
use crate::store::port::DynamoDb;
use crate::store::{StoreError, Surroundings};

/// The function behind the queue, ready for any number of invocations.
#[derive(Debug)]
pub struct Intake<D, S> {
    events: OtherEvents<D, S>,
    rejected: QueueUrl,
}

/// What became of a message.
enum Outcome {
    Appended,
    /// It was appended before.
    Repeated,
    /// It never will be: the rejection, and what kind of it.
    Refused(Box<Message>, &'static str),
    /// It comes again.
    Returned(Returned),
}

/// Why a message comes again.
enum Returned {
    /// What may pass by itself.
    Passing(String),
    /// What somebody must mend.
    Lasting(String),
}

impl<D: DynamoDb, S: Surroundings> Intake<D, S> {
    /// A function that appends to `events` and sends rejections to the queue `rejected`.
    pub fn new(events: OtherEvents<D, S>, rejected: QueueUrl) -> Self {
        Self { events, rejected }
    }

    /// Appends the events of one batch, in its order. The response names the messages that come again: what the store
    /// can't do now, and of a FIFO queue all that is behind it in its group. What can never be appended is rejected,
    /// and its group goes on. A message that comes again is known by its id, and not appended twice.
    ///
    /// `deadline` is when Lambda ends the invocation. What is counted is noted in `tally`.
    ///
    /// # Errors
    ///
    /// [`BatchError`] if the whole batch must be returned.
    pub async fn handle<C: Clock, T: Transport>(
        &self,
        clock: &C,
        transport: &T,
        payload: &RawValue,
        deadline: Timestamp,
        tally: &mut Tally,
    ) -> Result<SqsBatchResponse, BatchError> {
        let budget = Budget::new(clock.now(), deadline);
        let records = batch::records(payload)?;
        tally.count(RECORDS_IN, records.len());
        let (mut appended, mut repeated, mut rejected, mut returned) = (0, 0, 0, 0);
        let mut stopped = BTreeSet::new();
        let mut response = SqsBatchResponse::default();
        for (index, raw) in records.into_iter().enumerate() {
            let record = Record::read(raw);
            let is_behind = record.group.as_ref().is_some_and(|group| stopped.contains(group));
            let outcome = if is_behind {
                Outcome::passing("an earlier message of its group is returned")
            } else {
                self.take(clock, &budget, &record).await
            };
            let outcome = match outcome {
                Outcome::Refused(message, kind) => {
                    self.reject(clock, transport, &budget, *message, kind).await
                }
                outcome => outcome,
            };
            let message_id = record.id.as_deref();
            match outcome {
                Outcome::Appended => appended += 1,
                Outcome::Repeated => repeated += 1,
                Outcome::Refused(_, kind) => {
                    warn!(message_id, kind, "rejected");
                    rejected += 1;
                }
                Outcome::Returned(why) => {
                    match why {
                        Returned::Passing(why) => info!(message_id, why, "returned"),
                        Returned::Lasting(why) => error!(message_id, why, "returned, until somebody acts"),
                    }
                    returned += 1;
                    stopped.extend(record.group);
                    response.add_failure(record.id.ok_or(BatchError::NoMessageId { index })?);
                }
            }
        }
        tally.count(REJECTED, rejected);
        tally.count(RETURNED, returned);
        info!(appended, repeated, rejected, returned, "batch of events taken");
        Ok(response)
    }

    async fn take<C: Clock>(&self, clock: &C, budget: &Budget, record: &Record<'_>) -> Outcome {
        let now = clock.now();
        if now > budget.sends() {
            return Outcome::passing("no time was left to try");
        }
        let event = match &record.event {
            Ok(event) => event,
            Err(refusal) => {
                let id = record.key.as_ref().map(|key| key.as_str());
                let message = record.rejection(None, id, &refusal.reason());
                return Outcome::Refused(Box::new(message), refusal.kind.as_str());
            }
        };
        let (aggregate, own, key) = (event.aggregate.as_str(), event.id.as_ref(), record.key.as_ref());
        let id = own.or(key).map(|id| id.as_str());
        let refused = |kind: &'static str, reason: &str| {
            Outcome::Refused(Box::new(record.rejection(Some(aggregate), id, reason)), kind)
        };
        let work = async {
            let event = event.try_to_event(key, self.events.schemas())?;
            self.events.append(&event).await
        };
        let work = async { Some(within(clock, budget.answer(now), work).await) };
        match caught(work, || None).await {
            Some(Some(Ok(receipt))) if receipt.is_repeated => Outcome::Repeated,
            Some(Some(Ok(_))) => Outcome::Appended,
            Some(Some(Err(NotAppended::Refused(refusal)))) => {
                refused(refusal.kind.as_str(), &refusal.reason())
            }
            Some(Some(Err(NotAppended::Store(error)))) => Outcome::Returned(returned(&error)),
            // It is unknown whether it was appended; its id tells when it comes again.
            Some(None) => Outcome::passing("the tables did not answer in time"),
            None => refused("panicked", PANICKED),
        }
    }

    /// The rejection is sent before its message is acknowledged; if it can't be, the message comes again.
    async fn reject<C: Clock, T: Transport>(
        &self,
        clock: &C,
        transport: &T,
        budget: &Budget,
        message: Message,
        kind: &'static str,
    ) -> Outcome {
        let run = Run { tag: (), items: vec![&message] };
        let limits = Limits::new(budget, budget.sends(), 1);
        match all_accepted(send_runs(clock, transport, &self.rejected, vec![run], &limits).await) {
            Ok(()) => Outcome::Refused(Box::new(message), kind),
            Err(stop) => {
                Outcome::Returned(Returned::Lasting(format!("its rejection is not sent: {}", stop.why)))
            }
        }
    }
}

impl Outcome {
    fn passing(why: &str) -> Self {
        Self::Returned(Returned::Passing(why.to_owned()))
    }
}

/// The store's words name no value of an event.
fn returned(error: &StoreError) -> Returned {
    let why = shared::text::with_sources(error);
    match error {
        StoreError::Conflict | StoreError::Erasing | StoreError::Throttled | StoreError::Unknown(_) => {
            Returned::Passing(why)
        }
        StoreError::Refused(_) | StoreError::Damaged(_) => Returned::Lasting(why),
    }
}
