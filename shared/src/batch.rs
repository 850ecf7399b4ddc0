//! What Lambda's mapping of a queue delivers, and why a whole delivery is returned.

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

#[derive(Deserialize)]
struct Payload<'p> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'p RawValue>,
}

/// The messages of a batch, unread.
///
/// # Errors
///
/// [`BatchError::Payload`]: it is no batch of a queue.
pub fn records(payload: &RawValue) -> Result<Vec<&RawValue>, BatchError> {
    // Where the error is, and not what is there: that can be a value.
    let payload: Payload<'_> = serde_json::from_str(payload.get())
        .map_err(|error| BatchError::Payload { line: error.line(), column: error.column() })?;
    Ok(payload.records)
}
