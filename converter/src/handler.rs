//! One invocation: read every record, send events and rejections, say from where to try again.

use std::collections::BTreeMap;
use std::mem;

use aws_lambda_events::streams::DynamoDbBatchItemFailure;
use serde_json::value::RawValue;
use shared::budget::Budget;
use shared::clock::Clock;
use shared::config::Config;
use shared::event::Along;
use shared::ids::Group;
use shared::message::Message;
use shared::metrics::{
    CountingPort, EVENTS, RECORDS_IN, REJECTED, RETURNED, SENT, SKIPPED, TIMES_UNREAD, Tally,
};
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::route::route;
use shared::send::{Carrier, Limits, Stop, StopReason, Transport, all_accepted, send_runs, split};
use shared::set_aside::send_past_refusals;
use shared::time::Timestamp;
use tracing::{error, warn};

use crate::payload::{BatchError, Payload, Response};
use crate::record::{Reading, RecordReader, RejectedRecord, SkipReason, sequence_number};

/// The converter, ready for any number of invocations.
#[derive(Debug)]
pub struct Converter {
    pub(crate) reader: RecordReader,
    pub(crate) fan_out: QueueUrl,
    rejected: QueueUrl,
    pub(crate) requests_in_flight: usize,
}

impl Converter {
    /// A converter for this configuration and place.
    pub fn new(config: &Config, naming: &Naming) -> Self {
        Self {
            reader: RecordReader::new(config),
            fan_out: naming.own_queue(OwnQueue::FanOut),
            rejected: naming.own_queue(OwnQueue::Rejected),
            requests_in_flight: config.requests_in_flight,
        }
    }

    /// Handles one batch of stream records. The response names the lowest sequence number that was not sent.
    /// A payload with a member `replay` is a [replay](crate::replay).
    ///
    /// `deadline` is when Lambda ends the invocation. What is counted is noted in `tally`: each record is sent,
    /// skipped, rejected or returned.
    ///
    /// # Errors
    ///
    /// [`BatchError`] if the whole batch must be tried again.
    pub async fn handle<T: Transport>(
        &self,
        clock: &impl Clock,
        transport: &T,
        payload: &RawValue,
        deadline: Timestamp,
        trace_header: Option<&str>,
        tally: &mut Tally,
    ) -> Result<Response, BatchError> {
        let Payload { records, is_replay } =
            serde_json::from_str(payload.get()).map_err(BatchError::payload)?;
        if is_replay {
            return self.replay(clock, transport, payload, deadline, trace_header, tally).await;
        }
        tally.count(RECORDS_IN, records.len());
        let read = self.read(&records, trace_header, clock.now());
        let mut batch = read.inspect_err(|_| tally.count(RETURNED, records.len()))?;
        tally.count(EVENTS, batch.events.len());
        batch.add_hints();
        tally.count(SKIPPED, batch.overwritten + batch.skipped);
        tally.count(TIMES_UNREAD, batch.times_unread);
        let transport = &CountingPort::new(transport);

        let budget = Budget::new(clock.now(), deadline);
        let limits = |until| Limits::new(&budget, until, self.requests_in_flight);
        let limits_of_rejections = limits(budget.rejections());
        let rejections = route(batch.rejections);
        let outcomes = send_runs(clock, transport, &self.rejected, rejections, &limits_of_rejections).await;
        let (rejected, mut unsent) = split(outcomes);

        // The shard will be delivered again from the first rejection that could not be sent: what lies behind it would
        // only be repeated.
        let end = unsent.iter().map(|(outgoing, _)| outgoing.index).min().unwrap_or(records.len());
        let beyond = batch.events.extract_if(.., |event| event.index >= end).count();
        let limits = limits(budget.sends());
        let set_aside = async |event: &OutgoingMessage<'_>, stop: &Stop| {
            self.reject_refused(clock, transport, event, stop, &limits).await
        };
        let events = route(batch.events);
        let sent = send_past_refusals(clock, transport, &self.fan_out, events, &limits, set_aside).await;

        unsent.extend(sent.unsent);
        tally.count(REJECTED, rejected.len() + sent.set_aside.len());
        tally.count(SENT, sent.accepted.len());
        tally.count(RETURNED, unsent.len() + beyond);
        tally.requests(transport);
        respond(&unsent)
    }

    fn read<'p>(
        &self,
        records: &[&'p RawValue],
        trace_header: Option<&str>,
        now: Timestamp,
    ) -> Result<Batch<'p>, BatchError> {
        let mut batch = Batch::default();
        let along = Along { trace_header, ..Along::default() };
        for (index, record) in records.iter().enumerate() {
            let outgoing = |message| OutgoingMessage { index, record, message };
            match self.reader.read(record, along, now) {
                Reading::Event(message) => {
                    batch.times_unread += usize::from(self.reader.lacks_time(&message));
                    batch.events.push(outgoing(message));
                }
                Reading::Rejected(rejected_record) => {
                    log_rejection(&rejected_record);
                    batch.rejections.push(outgoing(rejected_record.message()));
                }
                Reading::Hint(message) => batch.note_hint(outgoing(message)),
                Reading::Skipped(SkipReason::Overwritten) => batch.overwritten += 1,
                Reading::Skipped(SkipReason::Removed | SkipReason::Expired | SkipReason::NotAdmitted) => {
                    batch.skipped += 1;
                }
                Reading::WrongSource(wrong) => return Err(wrong.into()),
            }
        }
        if batch.overwritten > 0 {
            warn!(
                overwritten = batch.overwritten,
                "events of the table were written over; clients keep the first form"
            );
        }
        if batch.times_unread > 0 {
            warn!(
                events = batch.times_unread,
                "times of events are missing or can't be read; docs/ordering.md says what is not known then, and \
                 docs/configuration.md which times can be read"
            );
        }
        Ok(batch)
    }

    /// Sends the rejection about an event that the fan-out queue refused for good.
    async fn reject_refused(
        &self,
        clock: &impl Clock,
        transport: &impl Transport,
        event: &OutgoingMessage<'_>,
        stop: &Stop,
        limits: &Limits,
    ) -> Result<(), Stop> {
        let rejected = RejectedRecord::of_refused(event.record, &event.message, stop.why.clone());
        log_rejection(&rejected);
        let rejection = route([rejected.message()]);
        all_accepted(send_runs(clock, transport, &self.rejected, rejection, limits).await)
    }
}

/// What a batch of records came to.
#[derive(Debug, Default)]
struct Batch<'p> {
    events: Vec<OutgoingMessage<'p>>,
    /// Of each aggregate, the last.
    hints: BTreeMap<Group, OutgoingMessage<'p>>,
    rejections: Vec<OutgoingMessage<'p>>,
    overwritten: usize,
    skipped: usize,
    times_unread: usize,
}

impl<'p> Batch<'p> {
    /// Notes that an item was deleted. Of an aggregate's, only the last is sent.
    fn note_hint(&mut self, hint: OutgoingMessage<'p>) {
        let before = self.hints.insert(hint.message.group().clone(), hint);
        self.skipped += usize::from(before.is_some());
    }

    /// Puts the hints among the events, in the order of the records.
    fn add_hints(&mut self) {
        if !self.hints.is_empty() {
            self.events.extend(mem::take(&mut self.hints).into_values());
            self.events.sort_by_key(|message| message.index);
        }
    }
}

/// A message, and the record that it is made of.
#[derive(Debug)]
struct OutgoingMessage<'p> {
    /// The record's place in the batch.
    index: usize,
    record: &'p RawValue,
    message: Message,
}

impl Carrier for OutgoingMessage<'_> {
    fn message(&self) -> &Message {
        &self.message
    }
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
fn respond(unsent: &[(OutgoingMessage<'_>, Stop)]) -> Result<Response, BatchError> {
    let mut lowest: Option<(String, &Stop)> = None;
    for (OutgoingMessage { index, record, .. }, stop) in unsent {
        let number = sequence_number(record).ok_or(BatchError::NoSequenceNumber { index: *index })?;
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
fn log_unsent(unsent: &[(OutgoingMessage<'_>, Stop)], from: &str, first: &Stop) {
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
