//! What Lambda's mapping of the fan-out queue delivers, and why a whole delivery is returned.

use serde::Deserialize;
use serde_json::value::RawValue;

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
}

/// A batch, its messages unread.
#[derive(Deserialize)]
pub(crate) struct Payload<'p> {
    #[serde(rename = "Records", borrow)]
    pub(crate) records: Vec<&'p RawValue>,
}

impl<'p> Payload<'p> {
    pub(crate) fn read(payload: &'p RawValue) -> Result<Self, BatchError> {
        // Where the error is, and not what is there: that can be a value.
        serde_json::from_str(payload.get())
            .map_err(|error| BatchError::Payload { line: error.line(), column: error.column() })
    }
}
