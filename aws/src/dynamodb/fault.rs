//! What an error of DynamoDB means: the one place where its errors are read.

use std::error::Error;
use std::fmt;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use shared::ledger::{Unread, WriteError};
use shared::send::Cause;
use shared::text::with_sources;

use crate::connections::never_connected;

/// Why a call did not do what it was asked.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) meaning: Meaning,
    cause: Cause,
}

/// What a fault says about the call's effect, and about the next call's chances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A condition did not hold. Nothing was done.
    Lost,
    /// Nothing was done this time: throttled, or another transaction is on the same item.
    Busy,
    /// Nothing was done, and nothing will be until an operator acts.
    Refused,
    /// It is unknown whether it was done.
    Unknown,
}

/// What must be mended before a table can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// There is no such table.
    Missing,
    /// The caller may not read it, or may not use its key.
    NotAllowed,
    /// The caller's credentials are not taken.
    Credentials,
}

/// What must be mended before `unread` can be read; `None` if the same read can go better in a while.
pub fn hindrance(unread: &Unread) -> Option<Hindrance> {
    match unread.0.downcast_ref::<UnreadItem>() {
        Some(item) => item.hindrance,
        None => unread.0.downcast_ref::<Refusal>()?.hindrance(),
    }
}

/// Why one of several items was not read: what became of the last call that asked for it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{why}")]
pub(super) struct UnreadItem {
    why: String,
    hindrance: Option<Hindrance>,
}

impl UnreadItem {
    /// DynamoDB answered each time, and never about this item.
    pub(super) fn unprocessed(table: &str) -> Self {
        Self { why: format!("table `{table}`: left unprocessed each time"), hindrance: None }
    }
}

/// What DynamoDB answered instead.
#[derive(Debug, thiserror::Error)]
struct Refusal {
    table: String,
    code: String,
    message: String,
    status: u16,
    remedy: &'static str,
}

/// There is no answer, or none that can be read.
#[derive(Debug, thiserror::Error)]
#[error("table `{table}`: {}", with_sources(source.as_ref()))]
struct NoAnswer {
    table: String,
    #[source]
    source: Cause,
}

const MISSING: &str = "deploy the stack again, or correct the table's name in the function's environment";
const DENIED: &str = "allow the call to the function's role, in its own policies and in the table's";
const CREDENTIALS: &str = "use credentials that are valid";
const KEY: &str = "let the function's role use the table's KMS key, and see that the key is enabled";

impl Fault {
    /// What an error of a call to `table` means.
    ///
    /// A call without an answer, with a 5xx or with one that cannot be read may have been done; one that never got a
    /// connection was not.
    pub(super) fn of_call<E>(table: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let meaning = match &error {
            SdkError::ConstructionFailure(_) => Meaning::Refused,
            SdkError::DispatchFailure(_) if never_connected(&error) => Meaning::Busy,
            SdkError::ServiceError(service) => {
                let (status, metadata) = (service.raw().status().as_u16(), service.err().meta());
                return Self::of_answer(table, status, metadata.code(), metadata.message());
            }
            _ => Meaning::Unknown,
        };
        Self { meaning, cause: NoAnswer { table: table.to_owned(), source: Box::new(error) }.into() }
    }

    /// Why a transaction was cancelled: the codes of its writes, in order, `None` for one that could have been done.
    pub(super) fn of_cancelled<'c>(table: &str, codes: impl Iterator<Item = Option<&'c str>>) -> Self {
        let mut codes: Vec<_> = codes.flatten().filter(|code| *code != "None").collect();
        codes.sort_unstable();
        codes.dedup();
        let message = match codes.as_slice() {
            [] => "without a reason".to_owned(),
            codes => format!("because of `{}`", codes.join("`, `")),
        };
        let meanings = codes.iter().map(|code| meaning(code, 400).0);
        // One lost condition is enough, whatever else there is: what was planned is out of date.
        let meaning = meanings.clone().find(|meaning| *meaning == Meaning::Lost);
        let meaning = meaning.or_else(|| meanings.max_by_key(|meaning| *meaning == Meaning::Refused));
        let code = "TransactionCanceledException".to_owned();
        let refusal = Refusal { table: table.to_owned(), code, message, status: 400, remedy: "" };
        Self { meaning: meaning.unwrap_or(Meaning::Busy), cause: refusal.into() }
    }

    /// An answer that lacks what it must have.
    pub(super) fn of_unreadable(table: &str, lacks: &'static str) -> Self {
        let cause = NoAnswer { table: table.to_owned(), source: lacks.into() }.into();
        Self { meaning: Meaning::Unknown, cause }
    }

    fn of_answer(table: &str, status: u16, code: Option<&str>, message: Option<&str>) -> Self {
        let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
        let (meaning, remedy) = meaning(code, status);
        let message = message.trim_end_matches('.').to_owned();
        let refusal = Refusal { table: table.to_owned(), code: code.to_owned(), message, status, remedy };
        Self { meaning, cause: refusal.into() }
    }

    /// The same of each item that the call was about.
    pub(super) fn of_items(&self) -> UnreadItem {
        let hindrance = self.cause.downcast_ref::<Refusal>().and_then(Refusal::hindrance);
        UnreadItem { why: with_sources(self.cause.as_ref()), hindrance }
    }

    /// Whether a call without effect of its own may be made again.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self.meaning, Meaning::Busy | Meaning::Unknown)
    }
}

impl From<Fault> for Unread {
    fn from(fault: Fault) -> Self {
        Self(fault.cause)
    }
}

impl From<Fault> for WriteError {
    fn from(fault: Fault) -> Self {
        match fault.meaning {
            Meaning::Lost => Self::Lost,
            Meaning::Busy | Meaning::Refused => Self::Refused(fault.cause),
            Meaning::Unknown => Self::Unknown(fault.cause),
        }
    }
}

/// What a code says, whether about a call or about one write of a transaction; and the way out.
///
/// Sources: DynamoDB Developer Guide, "Error handling with DynamoDB"; API reference, "Errors" of `PutItem` and
/// `TransactWriteItems`, and "Common error types".
fn meaning(code: &str, status: u16) -> (Meaning, &'static str) {
    match code.trim_end_matches("Exception") {
        "ConditionalCheckFailed" => (Meaning::Lost, ""),

        "ProvisionedThroughputExceeded"
        | "Throttling"
        | "ThrottlingError"
        | "RequestLimitExceeded"
        | "TooManyRequests"
        | "TransactionConflict"
        | "ReplicatedWriteConflict" => (Meaning::Busy, ""),

        // 2xx: an answer that cannot be read. 408: the server gave up waiting for what it had begun to read.
        _ if matches!(status, 200..300 | 408 | 500..) => (Meaning::Unknown, ""),
        "TransactionInProgress" => (Meaning::Unknown, ""),
        _ if status == 429 => (Meaning::Busy, ""),

        "ResourceNotFound" => (Meaning::Refused, MISSING),
        "AccessDenied" | "NotAuthorized" | "OptInRequired" => (Meaning::Refused, DENIED),
        "UnrecognizedClient" | "ExpiredToken" => (Meaning::Refused, CREDENTIALS),
        code if code.starts_with("KMS") || code.starts_with("Kms") => (Meaning::Refused, KEY),
        _ => (Meaning::Refused, ""),
    }
}

impl Refusal {
    fn hindrance(&self) -> Option<Hindrance> {
        match self.remedy {
            MISSING => Some(Hindrance::Missing),
            DENIED | KEY => Some(Hindrance::NotAllowed),
            CREDENTIALS => Some(Hindrance::Credentials),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, code, message, status, remedy } = self;
        write!(formatter, "table `{table}`: ")?;
        match code.as_str() {
            "" => write!(formatter, "HTTP status {status} without a code")?,
            code => write!(formatter, "`{code}`")?,
        }
        for (text, before) in [(message.as_str(), ": "), (remedy, "; ")] {
            if !text.is_empty() {
                write!(formatter, "{before}{text}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_mended_before_a_table_is_read_follows_from_the_code() {
        for (status, code, expected) in [
            (400, "AccessDeniedException", Some(Hindrance::NotAllowed)),
            (400, "KMSDisabledException", Some(Hindrance::NotAllowed)),
            (400, "UnrecognizedClientException", Some(Hindrance::Credentials)),
            (400, "ExpiredTokenException", Some(Hindrance::Credentials)),
            (400, "ResourceNotFoundException", Some(Hindrance::Missing)),
            (400, "ThrottlingException", None),
            (500, "InternalServerError", None),
        ] {
            let fault = || Fault::of_answer("L", status, Some(code), None);
            assert_eq!(hindrance(&fault().into()), expected, "{code}");
            let of_item = Unread(fault().of_items().into());
            assert_eq!(hindrance(&of_item), expected, "{code} of an item");
            assert!(with_sources(&of_item).contains(code), "{of_item}");
        }
        assert_eq!(hindrance(&Fault::of_unreadable("L", "no connection").into()), None);
        assert_eq!(hindrance(&Unread(UnreadItem::unprocessed("L").into())), None);
    }
}
