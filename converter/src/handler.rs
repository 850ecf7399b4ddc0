//! One invocation: read every record, send events and rejections, say from where to try again.

use std::cell::Cell;

use aws_lambda_events::streams::DynamoDbBatchItemFailure;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use shared::config::Config;
use shared::control::ResendResult;
use shared::event::{Along, Reader};
use shared::ids::Group;
use shared::message::Message;
use shared::metrics::{Counted, EVENTS, RECORDS_IN, REJECTED, RETURNED, SENT, SKIPPED, Tally};
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::route::{Routed, route};
use shared::send::{Limits, Outcome, Stop, StopReason, Transport, send_runs};
use shared::set_aside::{Refusal, send_past_refusals};
use shared::time::Timestamp;
use tracing::{error, warn};

use crate::record::{Reading, RecordReader, RejectedRecord, Skipped, sequence_number};
use crate::replay::ReplayError;

/// The converter, ready for any number of invocations.
#[derive(Debug)]
pub struct Converter {
    pub(crate) reader: RecordReader,
    pub(crate) fan_out: QueueUrl,
    rejected: QueueUrl,
    pub(crate) requests_in_flight: usize,
}

/// What the function answers.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// From where on the mapping delivers again: at most one.
    pub batch_item_failures: Vec<DynamoDbBatchItemFailure>,
    /// What became of each record of a replay, in order; `None` if the payload was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<ResendResult>>,
}

/// Why a whole batch must be tried again. Nothing of it is lost.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The payload is not what a DynamoDB stream mapping sends.
    #[error(
        "not a payload of a DynamoDB stream mapping, an object with a list `Records`; line {line}, column {column} of it \
         is not as expected"
    )]
    Payload {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// The stream shows no new images.
    #[error(
        "the stream's view type is `{view_type}`, which carries no new image; give the event table a stream with \
         `NEW_IMAGE` or `NEW_AND_OLD_IMAGES` and set the stack's stream parameter to its ARN"
    )]
    NoImages {
        /// The stream's `StreamViewType`.
        view_type: String,
    },
    /// A record has to be tried again, but names no place in the stream to start from.
    #[error(
        "record {index} of the batch was not sent and has no sequence number; trying the whole batch again"
    )]
    NoSequenceNumber {
        /// Its index in the batch, from 0.
        index: usize,
    },
    /// The payload is a replay, but not one that can be done. Nothing was sent.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

impl BatchError {
    /// Where the error is, and not what is there: that can be a value.
    fn payload(error: serde_json::Error) -> Self {
        Self::Payload { line: error.line(), column: error.column() }
    }
}

#[derive(Deserialize)]
struct Payload<'p> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'p RawValue>,
    /// Whether there is such a member. A mapping's payload has none.
    #[serde(rename = "replay", default, deserialize_with = "present")]
    is_replay: bool,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

impl Converter {
    /// A converter for this configuration and place.
    pub fn new(config: &Config, naming: &Naming) -> Self {
        Self {
            reader: RecordReader::new(Reader::new(&config.source)),
            fan_out: naming.own_queue(OwnQueue::FanOut),
            rejected: naming.own_queue(OwnQueue::Rejected),
            requests_in_flight: config.requests_in_flight,
        }
    }

    /// Handles one batch of stream records. The response names the lowest sequence number that was not sent.
    /// A payload with a member `replay` is a [replay](crate::replay).
    ///
    /// `deadline` is when Lambda ends the invocation. What is counted is noted in `tally`: each record is sent, skipped,
    /// rejected or returned.
    ///
    /// # Errors
    ///
    /// [`BatchError`] if the whole batch must be tried again.
    pub async fn handle<T: Transport>(
        &self,
        transport: &T,
        payload: &RawValue,
        deadline: Timestamp,
        trace_header: Option<&str>,
        tally: &mut Tally,
    ) -> Result<Response, BatchError> {
        let Payload { records, is_replay } =
            serde_json::from_str(payload.get()).map_err(BatchError::payload)?;
        if is_replay {
            return self.replay(transport, payload, deadline, trace_header, tally).await;
        }
        tally.count(RECORDS_IN, records.len());
        let read = self.read(&records, trace_header);
        let mut batch = read.inspect_err(|_| tally.count(RETURNED, records.len()))?;
        tally.count(EVENTS, batch.events.len());
        tally.count(SKIPPED, batch.overwritten + batch.skipped);
        let transport = &Counted::new(transport);

        // A call takes up to a sixth of the time. So rejections are over after half of it, and events after five sixths.
        let now = transport.now();
        let limits = |share| {
            let last_start = now.share(deadline, share, 3);
            Limits::of_invocation(now, deadline, last_start, self.requests_in_flight)
        };
        let rejections = route(batch.rejections.iter().map(|(index, message)| (*index, message)));
        let rejection_outcomes = send_runs(transport, &self.rejected, &rejections.runs, &limits(1)).await;
        let unsent_rejections = rejections.unsent(&rejection_outcomes);

        // The shard will be delivered again from the first rejection that could not be sent: what lies behind it would
        // only be repeated.
        let end = unsent_rejections.iter().map(|(index, _)| *index).min().unwrap_or(records.len());
        let beyond = batch.events.extract_if(.., |(index, _)| *index >= end).count();
        let events = route(batch.events.iter().map(|(index, message)| (*index, message)));
        let refused = Cell::new(0);
        let event_outcomes = self.send_events(transport, &records, &events, &limits(2), &refused).await;

        let mut unsent = events.unsent(&event_outcomes);
        let rejected = batch.rejections.len() - unsent_rejections.len() + refused.get();
        let sent = event_outcomes.iter().map(|outcome| outcome.accepted).sum::<usize>() - refused.get();
        unsent.extend(unsent_rejections);
        tally.count(REJECTED, rejected);
        tally.count(SENT, sent);
        tally.count(RETURNED, unsent.len() + beyond);
        tally.requests(transport);
        respond(&records, &unsent)
    }

    fn read(&self, records: &[&RawValue], trace_header: Option<&str>) -> Result<Batch, BatchError> {
        let mut batch = Batch::default();
        let along = Along { trace_header, ..Along::default() };
        for (index, raw) in records.iter().enumerate() {
            match self.reader.read(raw, along) {
                Reading::Event(message) => batch.events.push((index, message)),
                Reading::Rejected(rejected_record) => {
                    log_rejection(&rejected_record);
                    batch.rejections.push((index, rejected_record.message()));
                }
                Reading::Skipped(Skipped::Overwritten) => batch.overwritten += 1,
                Reading::Skipped(Skipped::Removed | Skipped::Expired) => batch.skipped += 1,
                Reading::NoImages { view_type } => return Err(BatchError::NoImages { view_type }),
            }
        }
        if batch.overwritten > 0 {
            warn!(
                overwritten = batch.overwritten,
                "events of the table were written over; clients keep the first form"
            );
        }
        Ok(batch)
    }

    /// Sends events; what the fan-out queue refuses for good becomes a rejection, counted in `refused`, and its group
    /// goes on.
    async fn send_events<T: Transport>(
        &self,
        transport: &T,
        records: &[&RawValue],
        events: &Routed<'_>,
        limits: &Limits,
        refused: &Cell<usize>,
    ) -> Vec<Outcome> {
        send_past_refusals(transport, &self.fan_out, &events.runs, limits, async |refusals| {
            let rejections: Vec<Message> =
                refusals.iter().filter_map(|refusal| rejection_of(records, events, refusal)).collect();
            let routed = route(rejections.iter().enumerate());
            let outcomes = send_runs(transport, &self.rejected, &routed.runs, limits).await;
            let results = routed.results(&outcomes, rejections.len());
            refused.set(refused.get() + results.iter().filter(|result| result.is_ok()).count());
            results
        })
        .await
    }
}

/// What a batch of records came to, each message with its record's index.
#[derive(Debug, Default)]
struct Batch {
    events: Vec<(usize, Message)>,
    rejections: Vec<(usize, Message)>,
    overwritten: usize,
    skipped: usize,
}

/// The rejection about an event that the fan-out queue refused for good.
fn rejection_of(records: &[&RawValue], events: &Routed<'_>, refusal: &Refusal<'_>) -> Option<Message> {
    let message = events.runs.get(refusal.run)?.messages.get(refusal.message)?;
    let position = events.positions.get(refusal.run)?.get(refusal.message)?;
    let rejected_record =
        RejectedRecord::of_refused(records.get(*position)?, message, refusal.stop.why.clone());
    log_rejection(&rejected_record);
    Some(rejected_record.message())
}

fn log_rejection(rejected_record: &RejectedRecord<'_>) {
    error!(
        event_id = rejected_record.rejection.event_id,
        sequence_number = rejected_record.rejection.sequence_number,
        group = rejected_record.group.as_ref().map(Group::as_str),
        reason = rejected_record.rejection.reason,
        "record rejected; its event reaches no client until it is repaired and sent again"
    );
}

/// Asks for everything from the lowest unsent record on: a stream mapping's checkpoint is one sequence number.
fn respond(records: &[&RawValue], unsent: &[(usize, &Stop)]) -> Result<Response, BatchError> {
    let mut lowest: Option<(String, &Stop)> = None;
    for (index, stop) in unsent {
        let number = records.get(*index).and_then(|raw| sequence_number(raw));
        let number = number.ok_or(BatchError::NoSequenceNumber { index: *index })?;
        if lowest.as_ref().is_none_or(|(lowest, _)| is_lower(&number, lowest)) {
            lowest = Some((number, stop));
        }
    }
    let mut response = Response { batch_item_failures: Vec::new(), results: None };
    if let Some((number, first)) = lowest {
        log_unsent(unsent, &number, first);
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(number);
        response.batch_item_failures.push(failure);
    }
    Ok(response)
}

/// One line however many there are: they have the same cause as a rule, and all come again from the first.
fn log_unsent(unsent: &[(usize, &Stop)], from: &str, first: &Stop) {
    let unusable = unsent.iter().find(|(_, stop)| stop.reason == StopReason::Queue);
    let unsent = unsent.len();
    match unusable {
        Some((_, stop)) => error!(
            unsent,
            from,
            why = stop.why,
            "records not sent; they are tried again from there until the queue takes them"
        ),
        None => warn!(
            unsent,
            from,
            reason = ?first.reason,
            why = first.why,
            "records not sent; they are tried again from there"
        ),
    }
}

/// Compares sequence numbers, which have more digits than any integer type.
fn is_lower(left: &str, right: &str) -> bool {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    (left.len(), left) < (right.len(), right)
}
