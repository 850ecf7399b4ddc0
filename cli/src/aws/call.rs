//! What a call to AWS failed with, by what the operator can do about it.

use std::error::Error;
use std::fmt::Debug;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use shared::text::with_sources;

use crate::exit::{Exit, Failure};

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{call}` of `{subject}`: {reason}")]
pub struct CallError {
    /// The operation.
    pub call: &'static str,
    /// What it was about.
    pub subject: String,
    /// What kind of failure it is.
    pub fault: CallFault,
    /// What the service says, or else why it could not be reached.
    pub reason: String,
}

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallFault {
    /// The caller may not.
    NotAllowed,
    /// What the call is about isn't there.
    Missing,
    /// No answer.
    Unreachable,
    /// Another refusal.
    Refused,
}

impl CallError {
    /// The error of an SDK's `call` about `subject`.
    pub fn new<E, R>(call: &'static str, subject: &str, error: &SdkError<E, R>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
        R: Debug + Send + Sync + 'static,
    {
        let (code, message) = (error.code(), error.message());
        let reason = match (code, message) {
            (Some(code), Some(message)) => format!("{message} (`{code}`)"),
            (Some(code), None) => format!("`{code}`"),
            _ => with_sources(error),
        };
        Self { call, subject: subject.to_owned(), fault: CallFault::of_code(code), reason }
    }
}

impl CallFault {
    /// The kind of a failure with this code; without one, there was no answer.
    pub fn of_code(code: Option<&str>) -> Self {
        code.map_or(Self::Unreachable, fault)
    }

    /// How a command ends that can do nothing without the call.
    pub fn exit(self) -> Exit {
        match self {
            Self::NotAllowed => Exit::NotAllowed,
            Self::Missing | Self::Unreachable => Exit::Unreachable,
            Self::Refused => Exit::Fault,
        }
    }
}

/// By the code of the service's error. SQS still answers with codes of its old protocol in some regions and emulators.
fn fault(code: &str) -> CallFault {
    const NOT_ALLOWED: [&str; 8] = [
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "UnauthorizedOperation",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
    ];
    if NOT_ALLOWED.contains(&code) || code.contains("SignatureDoesNotMatch") {
        CallFault::NotAllowed
    } else if code.contains("NonExistentQueue")
        || code.contains("NotFound")
        || code.contains("DoesNotExist")
        || code == "NoSuchKey"
    {
        CallFault::Missing
    } else {
        CallFault::Refused
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Failure::new(error.fault.exit(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_tell_what_can_be_done() {
        for (code, expected) in [
            ("AccessDenied", CallFault::NotAllowed),
            ("AccessDeniedException", CallFault::NotAllowed),
            ("ExpiredToken", CallFault::NotAllowed),
            ("AWS.SimpleQueueService.NonExistentQueue", CallFault::Missing),
            ("QueueDoesNotExist", CallFault::Missing),
            ("ResourceNotFoundException", CallFault::Missing),
            ("ValidationError", CallFault::Refused),
            ("ThrottlingException", CallFault::Refused),
        ] {
            assert_eq!(fault(code), expected, "{code}");
        }
    }
}
