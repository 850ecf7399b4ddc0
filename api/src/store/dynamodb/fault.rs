//! What DynamoDB's errors mean.

use std::error::Error;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;

use crate::store::port::{CallError, Reason, TransactError};

/// Too much at the same time, for the table, the account or one partition (DynamoDB Developer Guide, "Error handling with
/// DynamoDB").
const THROTTLED: [&str; 5] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "ThrottlingError",
    "TooManyRequestsException",
];

pub(super) fn of_call<E>(error: SdkError<E, HttpResponse>) -> CallError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match meaning(&error) {
        Meaning::Throttled => CallError::Throttled,
        Meaning::Unknown => CallError::Unknown(error.into()),
        Meaning::Refused => CallError::Refused(error.into()),
    }
}

pub(super) fn of_transaction(error: SdkError<TransactWriteItemsError, HttpResponse>) -> TransactError {
    if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() {
        let reasons = cancelled.cancellation_reasons().iter();
        let reasons = reasons.map(|reason| self::reason(reason.code().unwrap_or("None")));
        return TransactError::Cancelled(reasons.collect());
    }
    let is_on_its_way =
        error.as_service_error().is_some_and(|error| error.is_transaction_in_progress_exception());
    match meaning(&error) {
        _ if is_on_its_way => TransactError::Unknown(error.into()),
        Meaning::Throttled => TransactError::Throttled,
        Meaning::Unknown => TransactError::Unknown(error.into()),
        Meaning::Refused => TransactError::Refused(error.into()),
    }
}

enum Meaning {
    Throttled,
    Unknown,
    Refused,
}

/// A call without an answer, with a 5xx or with one that can't be read may have been done.
fn meaning<E>(error: &SdkError<E, HttpResponse>) -> Meaning
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => Meaning::Refused,
        SdkError::ServiceError(service) => {
            let (code, status) = (service.err().code().unwrap_or_default(), service.raw().status().as_u16());
            match status {
                _ if THROTTLED.contains(&code) => Meaning::Throttled,
                429 => Meaning::Throttled,
                400..500 if status != 408 => Meaning::Refused,
                _ => Meaning::Unknown,
            }
        }
        _ => Meaning::Unknown,
    }
}

/// The codes of a cancelled transaction's actions (DynamoDB API Reference, `TransactWriteItems`).
fn reason(code: &str) -> Reason {
    match code {
        "None" => Reason::None,
        "ConditionalCheckFailed" => Reason::Condition,
        "TransactionConflict" => Reason::Conflict,
        code if THROTTLED.contains(&code) || code == "ProvisionedThroughputExceeded" => Reason::Throttled,
        code => Reason::Other(code.to_owned()),
    }
}
