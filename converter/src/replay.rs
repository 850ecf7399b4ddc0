//! A replay: records that the operator's tool has this function send again, because only its role may send.
//!
//! The payload, an object with these members and no other:
//!
//! - `replay`: the replay's id, 1 to 40 letters, digits and `-`. Within five minutes an event is sent once in a replay.
//! - `Records`: a list of stream records, as a mapping delivers them. Needed are `eventID` (not empty),
//!   `eventName` (`INSERT`) and `dynamodb.NewImage`. All other members are optional;
//!   `dynamodb.ApproximateCreationDateTime` is passed over.
//!
//! The answer has an empty `batchItemFailures`, and in `results` one object per record, in order: `outcome` (`sent`,
//! `skipped`, `rejected` or `unsent`) and `reason`, which is null for what was sent.
//!
//! Each record is read as ever. Its message is marked: it has the attribute `replay` and a deduplication id of its own.
//! What is rejected gets no rejection, and its group goes on without it; after what is unsent, its group stops.
//! A replay is no traffic of the stream: of the metrics, only the requests to SQS count it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use shared::budget::Budget;
use shared::clock::Clock;
use shared::control::{ResendOutcome, ResendRequest, ResendResult};
use shared::event::Along;
use shared::ids::ReplayId;
use shared::message::Message;
use shared::metrics::{CountingPort, Tally};
use shared::route::route;
use shared::send::{Carrier, Limits, Stop, Transport};
use shared::set_aside::send_past_refusals;
use shared::time::Timestamp;
use tracing::info;

use crate::handler::Converter;
use crate::payload::{BatchError, ReplayError, Response};
use crate::record::{Reading, SkipReason};

impl Converter {
    /// Sends the records of a replay again; `payload` and answer are as the module says.
    pub(crate) async fn replay<T: Transport>(
        &self,
        clock: &impl Clock,
        transport: &T,
        payload: &RawValue,
        deadline: Timestamp,
        trace_header: Option<&str>,
        tally: &mut Tally,
    ) -> Result<Response, BatchError> {
        let ResendRequest::<'_, &RawValue> { replay, records } =
            serde_json::from_str(payload.get()).map_err(ReplayError::payload)?;
        let replay = ReplayId::try_new(&replay).map_err(ReplayError::from)?;
        let transport = &CountingPort::new(transport);

        let along = Along { trace_header, replay: Some(&replay), ..Along::default() };
        let mut events: Vec<Resend> = Vec::new();
        let mut results: BTreeMap<usize, ResendResult> = BTreeMap::new();
        for (number, raw) in records.into_iter().enumerate() {
            let result = match self.reader.read(raw, along, clock.now()) {
                Reading::Event(message) => {
                    events.push(Resend { number, message });
                    continue;
                }
                Reading::Hint(_) => ResendResult::not_sent(ResendOutcome::Skipped, why(SkipReason::Removed)),
                Reading::Skipped(skipped) => ResendResult::not_sent(ResendOutcome::Skipped, why(skipped)),
                Reading::Rejected(rejected_record) => {
                    ResendResult::not_sent(ResendOutcome::Rejected, rejected_record.rejection.reason)
                }
                Reading::WrongSource(wrong) => {
                    ResendResult::not_sent(ResendOutcome::Rejected, wrong.to_string())
                }
            };
            results.insert(number, result);
        }
        results.extend(self.send_again(clock, transport, events, deadline).await);

        tally.requests(transport);
        let results: Vec<ResendResult> = results.into_values().collect();
        let of = |outcome| results.iter().filter(|result| result.outcome == outcome).count();
        info!(
            replay = replay.as_str(),
            sent = of(ResendOutcome::Sent),
            skipped = of(ResendOutcome::Skipped),
            rejected = of(ResendOutcome::Rejected),
            unsent = of(ResendOutcome::Unsent),
            "records replayed"
        );
        Ok(Response { batch_item_failures: Vec::new(), results: Some(results) })
    }

    /// Sends events to the fan-out queue. Returns the result of each, by its record's number.
    async fn send_again(
        &self,
        clock: &impl Clock,
        transport: &impl Transport,
        events: Vec<Resend>,
        deadline: Timestamp,
    ) -> Vec<(usize, ResendResult)> {
        let budget = Budget::new(clock.now(), deadline);
        let limits = Limits::new(&budget, budget.sends(), self.requests_in_flight);
        let refused = RefCell::new(Vec::new());
        let set_aside = async |event: &Resend, stop: &Stop| {
            refused
                .borrow_mut()
                .push((event.number, ResendResult::not_sent(ResendOutcome::Rejected, &*stop.why)));
            // The answer names them: there is no rejection that could fail.
            Ok(())
        };
        let sent =
            send_past_refusals(clock, transport, &self.fan_out, route(events), &limits, set_aside).await;
        let accepted = sent.accepted.into_iter().map(|event| (event.number, ResendResult::sent()));
        let unsent = sent
            .unsent
            .into_iter()
            .map(|(event, stop)| (event.number, ResendResult::not_sent(ResendOutcome::Unsent, &*stop.why)));
        accepted.chain(unsent).chain(refused.into_inner()).collect()
    }
}

/// An event that is sent again, and the number of its record.
struct Resend {
    number: usize,
    message: Message,
}

impl Carrier for Resend {
    fn message(&self) -> &Message {
        &self.message
    }
}

fn why(skipped: SkipReason) -> &'static str {
    match skipped {
        SkipReason::Overwritten => "the item was written over, which is no event",
        SkipReason::Removed => "the item was deleted, which is no event",
        SkipReason::Expired => "the item was deleted by its time to live, which is no event",
        SkipReason::NotAdmitted => "the filter in `[source]` does not admit the item as an event",
    }
}
