//! What Lambda delivers, what the function answers, and why it does not.

use aws_lambda_events::streams::DynamoDbBatchItemFailure;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use shared::control::ResendResult;
use shared::ids::InvalidReplayId;

use crate::record::WrongSource;

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
    /// The mapping reads something that has no events.
    #[error(transparent)]
    Source(#[from] WrongSource),
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
    pub(crate) fn payload(error: serde_json::Error) -> Self {
        Self::Payload { line: error.line(), column: error.column() }
    }
}

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

impl ReplayError {
    /// Where the error is, and not what is there: that can be a value.
    pub(crate) fn payload(error: serde_json::Error) -> Self {
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
