//! A data stream: a record for each event, in the order of its group, each put with the number of the one before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use shared::clock::Clock;
use shared::config::KinesisTarget;
use shared::exchange::{ANSWER_LIMIT, Answer, Exchange, Place, Request};
use shared::time::Timestamp;

use super::envelope::envelope;
use super::{Target, of_no_answer, too_large};
use crate::deadline::Deadline;
use crate::event::Event;
use crate::fault;
use crate::outcome::{Failure, FailureKind};
use crate::reason::Hidden;

/// The most bytes of a record with its partition key, unless a stream is set otherwise (Kinesis Data Streams, "Quotas and
/// limits").
const RECORD_LIMIT: usize = 1_048_576;

/// What says that a value can't be.
const INVALID: &str = "InvalidArgumentException";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecord<'r> {
    data: String,
    partition_key: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_number_for_ordering: Option<&'r str>,
    #[serde(rename = "StreamARN")]
    stream_arn: &'r str,
}

impl<X: Exchange, C: Clock> Target<X, C> {
    /// Delivers an event. Returns its sequence number, which is the next one's `mark`.
    ///
    /// The number may be of a stream that was made anew, which refuses it: then the event goes without, once. The record
    /// before was acknowledged, so this one comes behind it all the same.
    pub(super) async fn kinesis(
        &self,
        target: &KinesisTarget,
        event: &Event<'_>,
        mark: Option<&str>,
        deadline: Deadline,
    ) -> Result<Option<String>, Failure> {
        let put = async |mark: Option<&str>| {
            let answer = self.ask(&request(target, event, mark)?, deadline).await;
            let answer = answer.map_err(|error| of_no_answer(&error))?;
            outcome(&answer, event, self.clock.now())
        };
        match put(mark).await {
            Err(failure) if failure.alike == INVALID && mark.is_some() => put(None).await,
            outcome => outcome,
        }
    }
}

/// # Errors
///
/// The record is larger than a stream takes.
fn request(target: &KinesisTarget, event: &Event<'_>, mark: Option<&str>) -> Result<Request, Failure> {
    let data = envelope(event)?;
    let partition_key = event.group.as_str();
    let size = data.len() + partition_key.len();
    if size > RECORD_LIMIT {
        return Err(too_large(size, RECORD_LIMIT, "a stream"));
    }
    let record = PutRecord {
        data: STANDARD.encode(data),
        partition_key,
        sequence_number_for_ordering: mark,
        stream_arn: &target.stream.text,
    };
    Ok(Request {
        method: "POST",
        place: Place::Aws {
            service: "kinesis",
            region: target.stream.region.clone(),
            path_and_query: "/".to_owned(),
        },
        headers: vec![
            ("content-type".to_owned(), "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target".to_owned(), "Kinesis_20131202.PutRecord".to_owned()),
        ],
        // Texts: it does not fail.
        body: serde_json::to_vec(&record).unwrap_or_default(),
        answer_limit: ANSWER_LIMIT,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordAnswer {
    sequence_number: String,
}

/// The record's sequence number.
fn outcome(answer: &Answer, event: &Event<'_>, now: Timestamp) -> Result<Option<String>, Failure> {
    let hidden = Hidden { secrets: &[], bodies: &[event.body] };
    if !answer.is_success() {
        return Err(fault::failure(answer, &["ResourceNotFoundException"], hidden, now));
    }
    let found: Option<PutRecordAnswer> = serde_json::from_slice(&answer.body).ok();
    let number = found.map(|found| found.sequence_number).ok_or_else(|| {
        let reason = format!("{}, and an answer without `SequenceNumber`", answer.status);
        Failure::new(FailureKind::Transient, "no number", reason)
    })?;
    Ok(Some(number))
}

#[cfg(test)]
mod tests;
