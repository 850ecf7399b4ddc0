//! What a call of an operator's failed with, by what its caller can do about it: one classification for all services.
//!
//! The functions' own calls have finer ones, because they decide what is done with a message.

use std::error::Error;

use aws_sdk_s3::primitives::ByteStreamError;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use shared::text::with_sources;

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
    /// The caller may not, or the key that the call needs may not be used: mend rights.
    NotAllowed,
    /// The caller's credentials have expired.
    Expired,
    /// The caller's credentials are not known there, or are wrong.
    Unrecognized,
    /// What the call is about isn't there.
    Missing,
    /// No answer for now: the same call can go better in a while.
    Unreachable,
    /// No connection: where the call went, nothing answers.
    Offline,
    /// Another refusal.
    Refused,
}

impl CallError {
    /// The error of an SDK's `call` about `subject`.
    pub(super) fn new<E>(call: &'static str, subject: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let reason = match (error.code(), error.message(), error) {
            (Some(code), Some(message), _) => format!("{message} (`{code}`)"),
            (Some(code), None, _) => format!("`{code}`"),
            // An answer without a body: to a HEAD, or from something between here and AWS.
            (None, _, SdkError::ServiceError(answer)) if !answer.raw().status().is_success() => {
                format!("HTTP status {}, without a reason", answer.raw().status().as_u16())
            }
            _ => with_sources(error),
        };
        let fault = match error {
            SdkError::DispatchFailure(_) => CallFault::Offline,
            _ => CallFault::new(error.code(), status),
        };
        Self { call, subject: subject.to_owned(), fault, reason }
    }

    /// The error of an object that broke off while it was read.
    pub(super) fn of_body(subject: &str, error: &ByteStreamError) -> Self {
        let reason = with_sources(error);
        Self { call: "GetObject", subject: subject.to_owned(), fault: CallFault::Unreachable, reason }
    }
}

impl CallFault {
    /// Whether the same call can go better in a while.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Unreachable | Self::Offline)
    }

    /// By the code of the service's error, or else by the status of its answer. Neither: there was no answer.
    pub(super) fn new(code: Option<&str>, status: Option<u16>) -> Self {
        let of_code = code.and_then(Self::of_code);
        of_code.or_else(|| status.map(Self::of_status)).unwrap_or(Self::Unreachable)
    }

    /// `None` for codes that say less than the answer's status. Sources: the "Common error types" of the API references
    /// of SQS, Lambda and CloudFormation, and the S3 API reference, "Error responses". SQS still answers with codes of
    /// its old protocol in some regions and emulators.
    fn of_code(code: &str) -> Option<Self> {
        let code = code.trim_start_matches("AWS.SimpleQueueService.").trim_end_matches("Exception");
        let fault = match code {
            _ if code.contains("Throttl") => Self::Unreachable,
            "ProvisionedThroughputExceeded"
            | "RequestLimitExceeded"
            | "TooManyRequests"
            | "SlowDown"
            | "ServiceUnavailable"
            | "InternalError"
            | "InternalFailure"
            | "InternalServerError"
            | "RequestTimeout" => Self::Unreachable,

            "AccessDenied"
            | "AllAccessDisabled"
            | "NotAuthorized"
            | "OptInRequired"
            | "RequestExpired"
            | "RequestTimeTooSkewed"
            | "UnauthorizedOperation" => Self::NotAllowed,
            "ExpiredToken" | "TokenRefreshRequired" => Self::Expired,
            "AuthFailure"
            | "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "InvalidSignature"
            | "InvalidToken"
            | "MissingAuthenticationToken"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClient" => Self::Unrecognized,
            // What a service says about a key that it needs. A key that is missing is no missing queue.
            _ if code.starts_with("KMS") || code.starts_with("Kms") => Self::NotAllowed,

            // The second is Systems Manager's.
            "NonExistentQueue" | "InvalidResourceId" => Self::Missing,
            _ if code.starts_with("NoSuch") || code.contains("NotFound") || code.contains("DoesNotExist") => {
                Self::Missing
            }
            _ => return None,
        };
        Some(fault)
    }

    fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::NotAllowed,
            404 => Self::Missing,
            // 2xx: an answer that can't be read.
            200..300 | 408 | 429 | 500.. => Self::Unreachable,
            _ => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::SdkBody;
    use aws_sdk_sqs::config::http::HttpResponse;
    use aws_sdk_sqs::error::{ConnectorError, ErrorMetadata};
    use aws_sdk_sqs::types::error::QueueDoesNotExist;

    use super::*;

    #[test]
    fn an_answer_decides_what_can_be_done() {
        use CallFault::{Expired, Missing, NotAllowed, Refused, Unreachable, Unrecognized};
        for (code, status, expected) in [
            ("AccessDenied", 403, NotAllowed),
            ("AccessDeniedException", 400, NotAllowed),
            ("AuthFailure", 401, Unrecognized),
            ("ExpiredToken", 403, Expired),
            ("ExpiredTokenException", 400, Expired),
            ("InvalidAccessKeyId", 403, Unrecognized),
            ("InvalidClientTokenId", 403, Unrecognized),
            ("InvalidSignatureException", 400, Unrecognized),
            ("OptInRequired", 403, NotAllowed),
            ("RequestExpired", 400, NotAllowed),
            ("SignatureDoesNotMatch", 403, Unrecognized),
            ("UnrecognizedClientException", 400, Unrecognized),
            ("KMS.AccessDeniedException", 400, NotAllowed),
            ("KMS.DisabledException", 400, NotAllowed),
            ("KMS.InvalidStateException", 400, NotAllowed),
            ("KMS.NotFoundException", 400, NotAllowed),
            ("KMS.OptInRequired", 403, NotAllowed),
            ("KmsAccessDenied", 400, NotAllowed),
            ("KMSAccessDeniedException", 502, NotAllowed),
            ("AWS.SimpleQueueService.NonExistentQueue", 400, Missing),
            ("QueueDoesNotExist", 400, Missing),
            ("NotFoundException", 400, Missing),
            ("ResourceNotFoundException", 400, Missing),
            ("NoSuchBucket", 404, Missing),
            ("NoSuchKey", 404, Missing),
            ("NotFound", 404, Missing),
            ("InvalidResourceId", 400, Missing),
            ("AuthorizationError", 403, NotAllowed),
            ("Throttling", 400, Unreachable),
            ("ThrottlingException", 400, Unreachable),
            ("RequestThrottled", 403, Unreachable),
            ("KMS.ThrottlingException", 400, Unreachable),
            ("ProvisionedThroughputExceededException", 400, Unreachable),
            ("RequestLimitExceeded", 400, Unreachable),
            ("TooManyRequestsException", 429, Unreachable),
            ("SlowDown", 503, Unreachable),
            ("ServiceUnavailable", 503, Unreachable),
            ("InternalFailure", 500, Unreachable),
            ("ValidationError", 400, Refused),
            ("InvalidParameterValue", 400, Refused),
            ("BucketAlreadyExists", 409, Refused),
            // Codes that the classification does not list.
            ("SomethingNew", 403, NotAllowed),
            ("SomethingNew", 503, Unreachable),
        ] {
            assert_eq!(CallFault::new(Some(code), Some(status)), expected, "{code} {status}");
        }
        for (status, expected) in [
            (200, Unreachable),
            (301, Refused),
            (400, Refused),
            (401, NotAllowed),
            (403, NotAllowed),
            (404, Missing),
            (429, Unreachable),
            (500, Unreachable),
            (503, Unreachable),
        ] {
            assert_eq!(CallFault::new(None, Some(status)), expected, "{status}");
        }
        assert_eq!(CallFault::new(None, None), Unreachable);
    }

    #[test]
    fn an_error_holds_what_the_service_says_or_else_what_happened() {
        let answer = |status: u16, code: Option<&str>, message: Option<&str>| {
            let mut metadata = ErrorMetadata::builder();
            if let Some(code) = code {
                metadata = metadata.code(code);
            }
            if let Some(message) = message {
                metadata = metadata.message(message);
            }
            let error = QueueDoesNotExist::builder().meta(metadata.build()).build();
            SdkError::service_error(error, HttpResponse::new(status.try_into().unwrap(), SdkBody::empty()))
        };
        let no_listener = || SdkError::dispatch_failure(ConnectorError::io("connection refused".into()));
        for (error, fault, expected) in [
            (
                answer(400, Some("KMS.AccessDeniedException"), Some("no")),
                CallFault::NotAllowed,
                "no (`KMS.AccessDeniedException`)",
            ),
            (answer(400, Some("Throttling"), None), CallFault::Unreachable, "`Throttling`"),
            (answer(403, None, None), CallFault::NotAllowed, "HTTP status 403, without a reason"),
            (no_listener(), CallFault::Offline, "dispatch failure: io error: connection refused"),
        ] {
            let error = CallError::new("HeadObject", "packages/1.zip", &error);
            assert_eq!(error.fault, fault, "{expected}");
            assert_eq!(error.to_string(), format!("`HeadObject` of `packages/1.zip`: {expected}"));
        }
    }
}
