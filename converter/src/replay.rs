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

use serde_json::value::RawValue;
use shared::control::{ResendOutcome, ResendRequest, ResendResult};
use shared::event::Along;
use shared::ids::{InvalidReplayId, ReplayId};
use shared::message::Message;
use shared::metrics::{Counted, Tally};
use shared::route::route;
use shared::send::{Limits, Transport};
use shared::set_aside::{Refusal, send_past_refusals};
use shared::time::Timestamp;
use tracing::info;

use crate::handler::{BatchError, Converter, Response};
use crate::record::{Reading, Skipped};

/// Why a payload with a member `replay` is not a replay. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It has another form.
    #[error(
        "not a replay, an object with `replay` (its id), `Records` (a list) and nothing else; line {line}, column \
         {column} of it is not as expected"
    )]
    Payload {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// Its id cannot serve.
    #[error("`replay`: {0}")]
    Id(#[from] InvalidReplayId),
}

impl Converter {
    /// Sends the records of a replay again; `payload` and answer are as the module says.
    pub(crate) async fn replay<T: Transport>(
        &self,
        transport: &T,
        payload: &RawValue,
        deadline: Timestamp,
        trace_header: Option<&str>,
        tally: &mut Tally,
    ) -> Result<Response, BatchError> {
        let ResendRequest::<'_, &RawValue> { replay, records } =
            serde_json::from_str(payload.get()).map_err(ReplayError::payload)?;
        let replay = ReplayId::try_new(&replay).map_err(ReplayError::from)?;
        let transport = &Counted::new(transport);

        let along = Along { trace_header, replay: Some(&replay), streamed_at: None };
        let mut messages: Vec<(usize, Message)> = Vec::new();
        let mut results: Vec<ResendResult> = Vec::new();
        for (index, raw) in records.into_iter().enumerate() {
            results.push(match self.reader.read(raw, along) {
                Reading::Event(message) => {
                    messages.push((index, message));
                    ResendResult::sent()
                }
                Reading::Skipped(skipped) => ResendResult::not_sent(ResendOutcome::Skipped, why(skipped)),
                Reading::Rejected(rejected_record) => {
                    ResendResult::not_sent(ResendOutcome::Rejected, rejected_record.rejection.reason)
                }
                Reading::NoImages { view_type } => ResendResult::not_sent(
                    ResendOutcome::Rejected,
                    BatchError::NoImages { view_type }.to_string(),
                ),
            });
        }
        for (index, result) in self.send_again(transport, &messages, deadline).await {
            if let Some(slot) = results.get_mut(index) {
                *slot = result;
            }
        }

        tally.requests(transport);
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

    /// Sends messages to the fan-out queue, each with its record's index. Answers for those that were not accepted.
    async fn send_again<T: Transport>(
        &self,
        transport: &T,
        messages: &[(usize, Message)],
        deadline: Timestamp,
    ) -> Vec<(usize, ResendResult)> {
        let now = transport.now();
        let last_start = now.share(deadline, 2, 3);
        let limits = Limits::of_invocation(now, deadline, last_start, self.requests_in_flight);
        let events = route(messages.iter().map(|(index, message)| (*index, message)));
        let rejected = RefCell::new(Vec::new());
        let outcomes =
            send_past_refusals(transport, &self.fan_out, &events.runs, &limits, async |refusals| {
                let position =
                    |refusal: &Refusal<'_>| events.positions.get(refusal.run)?.get(refusal.message);
                let told = refusals.iter().filter_map(|refusal| {
                    let result = ResendResult::not_sent(ResendOutcome::Rejected, &*refusal.stop.why);
                    Some((*position(refusal)?, result))
                });
                rejected.borrow_mut().extend(told);
                // The answer tells of them: there is no rejection that could fail.
                refusals.iter().map(|_| Ok(())).collect()
            })
            .await;
        let unsent = events.unsent(&outcomes).into_iter();
        let unsent =
            unsent.map(|(index, stop)| (index, ResendResult::not_sent(ResendOutcome::Unsent, &*stop.why)));
        unsent.chain(rejected.into_inner()).collect()
    }
}

impl ReplayError {
    /// Where the error is, and not what is there: that can be a value.
    fn payload(error: serde_json::Error) -> Self {
        Self::Payload { line: error.line(), column: error.column() }
    }
}

fn why(skipped: Skipped) -> &'static str {
    match skipped {
        Skipped::Overwritten => "the item was written over, which is no event",
        Skipped::Removed => "the item was deleted, which is no event",
        Skipped::Expired => "the item was deleted by its time to live, which is no event",
    }
}
