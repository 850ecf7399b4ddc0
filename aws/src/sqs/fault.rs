//! What an error of SQS means for the sender: the one place where errors of the SDK are read.

use std::error::Error;
use std::fmt;

use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::BatchResultErrorEntry;
use serde::Deserialize;
use shared::send::{Cause, SendError};

use crate::connections::never_connected;

/// What SQS answered instead of accepting.
///
/// Its text never holds a message's body. SQS quotes short values in its messages; a body is a JSON object, so
/// nothing from the first brace on is kept.
#[derive(Debug, thiserror::Error)]
struct Refusal {
    code: String,
    message: String,
    /// `None` for an entry inside a 200.
    status: Option<u16>,
}

/// An entry's error inside a 200.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EntryFault {
    /// The entry's place in the batch.
    pub(super) id: String,
    #[serde(default)]
    pub(super) sender_fault: bool,
    #[serde(default)]
    pub(super) code: String,
    pub(super) message: Option<String>,
}

/// An answer that says nothing about an entry.
#[derive(Debug, thiserror::Error)]
#[error("the answer does not name the entry")]
struct MissingEntry;

/// What a code of SQS says, whether about a call or about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Throttled,
    /// Not accepted, and neither queue nor message is to blame.
    Transient,
    Queue(&'static str),
    Message,
}

const MISSING: &str = "create the queue, or correct its client in `client-queues.toml`";
const DENIED: &str =
    "allow `sqs:SendMessage` to the function's role, in the queue's policy and in the role's own";
const KEY: &str = "let the function's role use the queue's KMS key (`kms:GenerateDataKey` and `kms:Decrypt`, of an \
                   enabled key), or encrypt the queue with SSE-SQS";
const INSECURE: &str = "the queue takes only HTTPS requests signed by SigV4; remove the endpoint override";
const NOT_FIFO: &str = "register a FIFO queue; its name ends in `.fifo`";
const UNFORESEEN: &str = "see the code in the SQS API reference, \"Common error types\"";

/// What an error of a whole call means.
///
/// A call without an answer, with a 5xx or with one that cannot be read may have been accepted; one that never got
/// a connection was not.
pub(super) fn of_call<E>(error: SdkError<E, HttpResponse>) -> SendError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match &error {
        // The request was not even made: a fault of this process, not of the queue.
        SdkError::ConstructionFailure(_) => SendError::Transient(Box::new(error)),
        SdkError::DispatchFailure(_) if never_connected(&error) => SendError::Transient(Box::new(error)),
        SdkError::ServiceError(service) => {
            let metadata = service.err().meta();
            of_answer(service.raw().status().as_u16(), metadata.code(), metadata.message())
        }
        _ => SendError::Unknown(Box::new(error)),
    }
}

impl EntryFault {
    /// What it means.
    pub(super) fn error(&self) -> SendError {
        let refusal = Refusal::new(Some(&self.code), self.message.as_deref(), None);
        let unlisted = if self.sender_fault { Meaning::Message } else { Meaning::Transient };
        let meaning = meaning(&refusal).unwrap_or(unlisted);
        refusal.into_error(meaning)
    }
}

impl From<&BatchResultErrorEntry> for EntryFault {
    fn from(entry: &BatchResultErrorEntry) -> Self {
        Self {
            id: entry.id().to_owned(),
            sender_fault: entry.sender_fault(),
            code: entry.code().to_owned(),
            message: entry.message().map(str::to_owned),
        }
    }
}

/// What it means that an entry is in neither list of an answer.
pub(super) fn of_missing_entry() -> SendError {
    SendError::Unknown(Box::new(MissingEntry))
}

fn of_answer(status: u16, code: Option<&str>, message: Option<&str>) -> SendError {
    let refusal = Refusal::new(code, message, Some(status));
    let meaning = meaning(&refusal);
    match status {
        _ if meaning == Some(Meaning::Throttled) => refusal.into_error(Meaning::Throttled),
        429 => refusal.into_error(Meaning::Throttled),
        413 => refusal.into_error(Meaning::Message),
        // 2xx: an answer that cannot be read. 408: the server gave up waiting for what it had begun to read.
        200..300 | 408 | 500.. => SendError::Unknown(refusal.into()),
        _ => refusal.into_error(meaning.unwrap_or(Meaning::Queue(UNFORESEEN))),
    }
}

/// What a refusal's code means wherever it stands; `None` for codes that are not listed.
///
/// Sources: SQS API reference, "Errors" of `SendMessageBatch` and "Common error types"; the query protocol's
/// names, which SQS sends in `x-amzn-query-error`, are those of the JSON protocol with a prefix.
fn meaning(refusal: &Refusal) -> Option<Meaning> {
    let code = refusal.code.trim_start_matches("AWS.SimpleQueueService.");
    Some(match code.trim_end_matches("Exception") {
        "Throttling"
        | "ThrottledRequest"
        | "RequestThrottled"
        | "RequestLimitExceeded"
        | "TooManyRequests"
        | "SlowDown"
        | "KMS.Throttling"
        | "KmsThrottled" => Meaning::Throttled,

        // Lambda's credentials outlive their execution environment, and its clock is kept. Where they do fail, that is
        // not the queue's fault, and another environment has others.
        "ExpiredToken"
        | "InvalidClientTokenId"
        | "UnrecognizedClient"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "InvalidSignature"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "RequestTimeTooSkewed" => Meaning::Transient,
        "InternalError" | "InternalFailure" | "ServiceUnavailable" => Meaning::Transient,

        "QueueDoesNotExist" | "NonExistentQueue" | "InvalidAddress" | "QueueDeletedRecently" => {
            Meaning::Queue(MISSING)
        }
        "AccessDenied" | "NotAuthorized" | "OptInRequired" => Meaning::Queue(DENIED),
        "InvalidSecurity" => Meaning::Queue(INSECURE),
        "UnsupportedOperation" => Meaning::Queue(NOT_FIFO),
        code if code.starts_with("Kms") || code.starts_with("KMS.") => Meaning::Queue(KEY),

        // SQS has no code of its own for these two (its texts, by experience); they are the queue's.
        "InvalidParameterValue" if refusal.message.contains("queue type") => Meaning::Queue(NOT_FIFO),
        "InvalidParameterValue" if refusal.message.contains("QueueUrl") => Meaning::Queue(MISSING),
        "InvalidParameterValue"
        | "InvalidParameterCombination"
        | "MissingParameter"
        | "InvalidMessageContents"
        | "BatchRequestTooLong"
        | "Serialization"
        | "ReceiptHandleIsInvalid"
        | "MessageNotInflight" => Meaning::Message,
        _ => return None,
    })
}

impl Refusal {
    fn new(code: Option<&str>, message: Option<&str>, status: Option<u16>) -> Self {
        let before_brace = |text: Option<&str>| {
            let text = text.and_then(|text| text.split('{').next()).unwrap_or_default();
            text.trim_end().trim_end_matches('.').to_owned()
        };
        Self { code: before_brace(code), message: before_brace(message), status }
    }

    fn into_error(self, meaning: Meaning) -> SendError {
        let cause: Cause = self.into();
        match meaning {
            Meaning::Throttled => SendError::Throttled(cause),
            Meaning::Transient => SendError::Transient(cause),
            Meaning::Queue(remedy) => SendError::Queue { cause, remedy },
            Meaning::Message => SendError::Message(cause),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.code, self.status) {
            ("", Some(status)) => write!(formatter, "HTTP status {status} without a code")?,
            ("", None) => write!(formatter, "no code")?,
            (code, _) => write!(formatter, "`{code}`")?,
        }
        if self.message.is_empty() { Ok(()) } else { write!(formatter, ": {}", self.message) }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::error::{ConnectorError, ErrorMetadata};
    use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError;
    use expect_test::{Expect, expect};

    use super::*;

    fn kind(error: &SendError) -> &'static str {
        match error {
            SendError::Throttled(_) => "throttled",
            SendError::Transient(_) => "transient",
            SendError::Unknown(_) => "unknown",
            SendError::Queue { .. } => "queue",
            SendError::Message(_) => "message",
        }
    }

    fn entry(code: &str, sender_fault: bool) -> SendError {
        let entry = BatchResultErrorEntry::builder().id("0").code(code).sender_fault(sender_fault);
        EntryFault::from(&entry.build().unwrap()).error()
    }

    /// What a code means in a call's 400, and in an entry.
    fn check(code: &str, in_call: &str, in_entry: &str) {
        for code in [code.to_owned(), format!("{code}Exception"), format!("AWS.SimpleQueueService.{code}")] {
            assert_eq!(kind(&of_answer(400, Some(&code), None)), in_call, "call: {code}");
            for sender_fault in [true, false] {
                assert_eq!(kind(&entry(&code, sender_fault)), in_entry, "entry: {code}, {sender_fault}");
            }
        }
    }

    fn check_answer(status: u16, code: &str, message: &str, expected: Expect) {
        let error = of_answer(status, Some(code), Some(message));
        expected.assert_eq(&format!("{}: {error}", kind(&error)));
    }

    #[test]
    fn a_listed_code_means_the_same_everywhere() {
        for code in ["Throttling", "RequestThrottled", "TooManyRequests", "KMS.Throttling", "KmsThrottled"] {
            check(code, "throttled", "throttled");
        }
        for code in [
            "ExpiredToken",
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
            "RequestExpired",
            "InternalError",
        ] {
            check(code, "transient", "transient");
        }
        for code in [
            "QueueDoesNotExist",
            "NonExistentQueue",
            "InvalidAddress",
            "AccessDenied",
            "InvalidSecurity",
            "UnsupportedOperation",
            "KMS.AccessDenied",
            "KmsAccessDenied",
            "KMS.Disabled",
            "KmsDisabled",
            "KMS.NotFound",
            "KmsNotFound",
            "KMS.InvalidState",
            "KmsInvalidState",
            "KMS.InvalidKeyUsage",
            "KmsInvalidKeyUsage",
            "KMS.OptInRequired",
            "KmsOptInRequired",
        ] {
            check(code, "queue", "queue");
        }
        for code in
            ["InvalidMessageContents", "BatchRequestTooLong", "InvalidParameterValue", "Serialization"]
        {
            check(code, "message", "message");
        }
    }

    #[test]
    fn an_unlisted_code_is_the_callers_fault_if_sqs_says_so() {
        assert_eq!(kind(&of_answer(400, Some("Unheard"), None)), "queue");
        assert_eq!(kind(&of_answer(403, None, None)), "queue");
        assert_eq!(kind(&entry("Unheard", true)), "message");
        assert_eq!(kind(&entry("Unheard", false)), "transient");
    }

    #[test]
    fn a_status_decides_where_the_code_does_not() {
        for (status, code, expected) in [
            (200, "", "unknown"),
            (400, "AccessDenied", "queue"),
            (408, "", "unknown"),
            (413, "", "message"),
            (429, "", "throttled"),
            (500, "InternalFailure", "unknown"),
            (502, "", "unknown"),
            (503, "ServiceUnavailable", "unknown"),
            (503, "Throttling", "throttled"),
            (504, "AccessDenied", "unknown"),
        ] {
            assert_eq!(kind(&of_answer(status, Some(code), None)), expected, "{status} {code}");
        }
    }

    #[test]
    fn texts_name_the_way_out_and_never_a_body() {
        check_answer(
            400,
            "AWS.SimpleQueueService.NonExistentQueue",
            "The specified queue does not exist.",
            expect![
                "queue: queue unusable: `AWS.SimpleQueueService.NonExistentQueue`: The specified queue does not exist; create the queue, or correct its client in `client-queues.toml`"
            ],
        );
        check_answer(
            400,
            "InvalidParameterValue",
            "Value a for parameter MessageGroupId is invalid. Reason: The request include parameter that is not valid for this queue type.",
            expect![
                "queue: queue unusable: `InvalidParameterValue`: Value a for parameter MessageGroupId is invalid. Reason: The request include parameter that is not valid for this queue type; register a FIFO queue; its name ends in `.fifo`"
            ],
        );
        check_answer(
            400,
            "InvalidParameterValue",
            "Value x for parameter QueueUrl is invalid.",
            expect![
                "queue: queue unusable: `InvalidParameterValue`: Value x for parameter QueueUrl is invalid; create the queue, or correct its client in `client-queues.toml`"
            ],
        );
        check_answer(
            400,
            "InvalidParameterValue",
            "One or more parameters are invalid. Reason: Message must be shorter than 262144 bytes.",
            expect![
                "message: message refused: `InvalidParameterValue`: One or more parameters are invalid. Reason: Message must be shorter than 262144 bytes"
            ],
        );
        check_answer(
            400,
            "KMS.DisabledException",
            "",
            expect![
                "queue: queue unusable: `KMS.DisabledException`; let the function's role use the queue's KMS key (`kms:GenerateDataKey` and `kms:Decrypt`, of an enabled key), or encrypt the queue with SSE-SQS"
            ],
        );
        check_answer(
            400,
            "Odd{\"mark\"",
            "Body is {\"mark\":\"AFC F5\"}",
            expect![[
                r#"queue: queue unusable: `Odd`: Body is; see the code in the SQS API reference, "Common error types""#
            ]],
        );
        check_answer(502, "", "", expect!["unknown: result unknown: HTTP status 502 without a code"]);
    }

    #[test]
    fn a_call_without_an_answer_is_unknown() {
        let metadata = ErrorMetadata::builder().build();
        let errors: [SdkError<SendMessageBatchError, HttpResponse>; 4] = [
            SdkError::timeout_error("operation timeout"),
            SdkError::dispatch_failure(ConnectorError::io("connection reset".into())),
            SdkError::response_error("truncated", HttpResponse::new(200.try_into().unwrap(), "".into())),
            SdkError::service_error(
                SendMessageBatchError::generic(metadata),
                HttpResponse::new(200.try_into().unwrap(), "<html>".into()),
            ),
        ];
        for error in errors {
            let error = of_call(error);
            assert_eq!(kind(&error), "unknown", "{error}");
        }
        assert_eq!(kind(&of_missing_entry()), "unknown");
    }

    #[test]
    fn a_call_that_was_not_made_was_not_accepted() {
        let error: SdkError<SendMessageBatchError, HttpResponse> =
            SdkError::construction_failure("no endpoint");
        assert_eq!(kind(&of_call(error)), "transient");
    }
}
