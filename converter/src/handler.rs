//! One invocation: read every record, send events and letters, say from where to try again.

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use serde::Deserialize;
use serde_json::value::RawValue;
use shared::config::Config;
use shared::event::Reader;
use shared::ids::Group;
use shared::message::Message;
use shared::place::{OwnQueue, Place, QueueUrl};
use shared::route::{Routed, route};
use shared::send::{Limits, Outcome, Stop, Transport, send_runs};
use shared::set_aside::{Refusal, send_past_refusals};
use shared::time::Timestamp;
use tracing::{error, info, warn};

use crate::record::{Reading, RecordReader, Rejection, Skipped, sequence_number};

/// The converter, ready for any number of invocations.
#[derive(Debug)]
pub struct Converter {
    reader: RecordReader,
    fan_out: QueueUrl,
    rejected: QueueUrl,
    requests_in_flight: usize,
}

/// Why a whole batch must be tried again. Nothing of it is lost.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The payload is not what a DynamoDB stream mapping sends.
    #[error(
        "not a payload of a DynamoDB stream mapping; line {line}, column {column} of it is not as expected"
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
}

impl Converter {
    /// A converter for this configuration and place.
    pub fn new(config: &Config, place: &Place) -> Self {
        Self {
            reader: RecordReader::new(Reader::new(&config.source), config.source.changes),
            fan_out: place.own_queue(OwnQueue::FanOut),
            rejected: place.own_queue(OwnQueue::Rejected),
            requests_in_flight: config.requests_in_flight,
        }
    }

    /// Handles one batch of stream records. The response names the lowest sequence number that was not sent.
    ///
    /// `deadline` is when Lambda ends the invocation.
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
    ) -> Result<DynamoDbEventResponse, BatchError> {
        let records =
            serde_json::from_str::<Payload<'_>>(payload.get()).map_err(BatchError::payload)?.records;
        let mut batch = self.read(&records, trace_header)?;

        // A call takes up to a sixth of the time. So letters are over after half of it, and events after five sixths.
        let now = transport.now();
        let limits = |share| Limits {
            requests_in_flight: self.requests_in_flight,
            deadline: now.share(deadline, share, 3),
            retry_deadline: now.share(deadline, share, 3),
            call_limit: deadline.since(now) / 6,
        };
        let letters = route(batch.letters.iter().map(|(index, message)| (*index, message)));
        let letter_outcomes = send_runs(transport, &self.rejected, &letters.runs, &limits(1)).await;
        let unsent_letters = letters.unsent(&letter_outcomes);

        // The shard will be delivered again from the first letter that could not be sent: what lies behind it would
        // only be repeated.
        let end = unsent_letters.iter().map(|(index, _)| *index).min().unwrap_or(records.len());
        batch.events.retain(|(index, _)| *index < end);
        let events = route(batch.events.iter().map(|(index, message)| (*index, message)));
        let event_outcomes = self.send_events(transport, &records, &events, &limits(2)).await;

        let mut unsent = events.unsent(&event_outcomes);
        unsent.extend(unsent_letters);
        info!(
            records = records.len(),
            events = batch.events.len(),
            rejected = batch.letters.len(),
            overwritten = batch.overwritten,
            skipped = batch.skipped,
            unsent = unsent.len(),
            "batch converted"
        );
        respond(&records, &unsent)
    }

    fn read(&self, records: &[&RawValue], trace_header: Option<&str>) -> Result<Batch, BatchError> {
        let mut batch = Batch::default();
        for (index, raw) in records.iter().enumerate() {
            match self.reader.read(raw, trace_header) {
                Reading::Event(message) => batch.events.push((index, message)),
                Reading::Rejected(rejection) => {
                    log_rejection(&rejection);
                    batch.letters.push((index, rejection.message()));
                }
                Reading::Skipped(Skipped::Overwritten) => batch.overwritten += 1,
                Reading::Skipped(Skipped::Inserted | Skipped::Removed | Skipped::Expired) => {
                    batch.skipped += 1;
                }
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

    /// Sends events; what the fan-out queue refuses for good becomes a letter, and its group goes on.
    async fn send_events<T: Transport>(
        &self,
        transport: &T,
        records: &[&RawValue],
        events: &Routed<'_>,
        limits: &Limits,
    ) -> Vec<Outcome> {
        send_past_refusals(transport, &self.fan_out, &events.runs, limits, async |refusals| {
            let letters: Vec<Message> =
                refusals.iter().filter_map(|refusal| letter_about(records, events, refusal)).collect();
            let routed = route(letters.iter().enumerate());
            let outcomes = send_runs(transport, &self.rejected, &routed.runs, limits).await;
            routed.results(&outcomes, letters.len())
        })
        .await
    }
}

/// What a batch of records came to, each message with its record's index.
#[derive(Debug, Default)]
struct Batch {
    events: Vec<(usize, Message)>,
    letters: Vec<(usize, Message)>,
    overwritten: usize,
    skipped: usize,
}

/// The letter about an event that the fan-out queue refused for good.
fn letter_about(records: &[&RawValue], events: &Routed<'_>, refusal: &Refusal<'_>) -> Option<Message> {
    let message = events.runs.get(refusal.run)?.messages.get(refusal.message)?;
    let position = events.positions.get(refusal.run)?.get(refusal.message)?;
    let rejection = Rejection::of_refused(records.get(*position)?, message, refusal.stop.why.clone());
    log_rejection(&rejection);
    Some(rejection.message())
}

fn log_rejection(rejection: &Rejection<'_>) {
    error!(
        event_id = rejection.letter.event_id,
        sequence_number = rejection.letter.sequence_number,
        group = rejection.group.as_ref().map(Group::as_str),
        reason = rejection.letter.reason,
        "record rejected; its event reaches no client until it is repaired and sent again"
    );
}

/// Asks for everything from the lowest unsent record on: a stream mapping's checkpoint is one sequence number.
fn respond(records: &[&RawValue], unsent: &[(usize, &Stop)]) -> Result<DynamoDbEventResponse, BatchError> {
    let mut lowest: Option<String> = None;
    for (index, stop) in unsent {
        let number = records.get(*index).and_then(|raw| sequence_number(raw));
        let number = number.ok_or(BatchError::NoSequenceNumber { index: *index })?;
        warn!(sequence_number = number, reason = ?stop.reason, why = stop.why, "record not sent; it will be tried again");
        if lowest.as_ref().is_none_or(|lowest| is_lower(&number, lowest)) {
            lowest = Some(number);
        }
    }
    let mut response = DynamoDbEventResponse::default();
    if let Some(number) = lowest {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(number);
        response.batch_item_failures.push(failure);
    }
    Ok(response)
}

/// Compares sequence numbers, which have more digits than any integer type.
fn is_lower(left: &str, right: &str) -> bool {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    (left.len(), left) < (right.len(), right)
}
