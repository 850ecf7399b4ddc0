//! Errors of AWS's services: their code, their words, and whose fault each is.

use serde_json::Value;
use shared::exchange::Answer;
use shared::time::Timestamp;

use crate::outcome::{Failure, FailureKind};
use crate::reason::{Hidden, with_words, words};
use crate::retry_after::retry_after;

/// An error as a service names it. It has no `Debug`: its words may be of an event.
pub(crate) struct Fault {
    /// Such as `AccessDeniedException`; empty if there is none.
    pub(crate) code: String,
    message: String,
}

impl Fault {
    /// An error that stands in an entry of an answer.
    pub(crate) fn of_entry(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned() }
    }

    /// The error of an answer, in JSON or XML.
    pub(crate) fn of(answer: &Answer) -> Self {
        let text = String::from_utf8_lossy(&answer.body);
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        let member = |names: &[&str]| {
            names.iter().find_map(|name| json.get(name).and_then(Value::as_str)).map(str::to_owned)
        };
        let code = answer.header("x-amzn-errortype").map(str::to_owned);
        let code = code.or_else(|| member(&["__type", "code", "Code"])).or_else(|| element(&text, "Code"));
        let code = code.unwrap_or_default();
        let code = code.split(':').next().unwrap_or_default();
        let code = code.rsplit('#').next().unwrap_or_default();
        let message = member(&["message", "Message"]).or_else(|| element(&text, "Message"));
        // What is no error of a service is its own words: a proxy's page, perhaps.
        let message =
            message.unwrap_or_else(|| if code.is_empty() { text.to_string() } else { String::new() });
        Self { code: code.to_owned(), message }
    }

    /// What it means for an event. `gone` are the codes that say that the target isn't there.
    pub(crate) fn failure(&self, status: u16, gone: &[&str], hidden: Hidden<'_>) -> Failure {
        let kind = if gone.contains(&self.code.as_str()) { FailureKind::Gone } else { self.kind(status) };
        // A code is a word of the service's; what is none may be anything.
        let is_code = |code: &str| {
            (1..=80).contains(&code.len())
                && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let code = Some(self.code.as_str()).filter(|code| is_code(code));
        let head = code.map_or_else(|| status.to_string(), |code| format!("{status} {code}"));
        let reason = with_words(&head, &words(self.message.as_bytes(), hidden));
        Failure::new(kind, code.map_or_else(|| status.to_string(), str::to_owned), reason)
    }

    fn kind(&self, status: u16) -> FailureKind {
        let code = self.code.as_str();
        if TRANSIENT.contains(&code) || THROTTLING.iter().any(|word| code.contains(word)) {
            return FailureKind::Transient;
        }
        if TARGET.iter().any(|beginning| code.starts_with(beginning)) {
            return FailureKind::Target;
        }
        match status {
            401 | 403 | 404 | 300..=399 => FailureKind::Target,
            408 | 425 | 429 | 500..=599 => FailureKind::Transient,
            _ => FailureKind::Event,
        }
    }
}

/// The failure of an answer that is none of success.
pub(crate) fn failure(answer: &Answer, gone: &[&str], hidden: Hidden<'_>, now: Timestamp) -> Failure {
    let failure = Fault::of(answer).failure(answer.status, gone, hidden);
    Failure { retry_after: retry_after(answer, now), ..failure }
}

/// Words in the codes of throttling.
const THROTTLING: [&str; 6] = [
    "Throttl",
    "TooManyRequests",
    "ThroughputExceeded",
    "RequestLimitExceeded",
    "SlowDown",
    "LimitExceededException",
];

/// Codes that pass by themselves, whatever the status. An expired token is that of this process: the next one has another.
const TRANSIENT: [&str; 13] = [
    "ConditionalRequestConflict",
    "ExpiredToken",
    "ExpiredTokenException",
    "InternalError",
    "InternalException",
    "InternalFailure",
    "OperationAborted",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "ResourceConflictException",
    "ResourceInUseException",
    "ServiceUnavailable",
];

/// The beginnings of codes that don't depend on the event, whatever the status.
const TARGET: [&str; 13] = [
    "AccessDenied",
    "AllAccessDisabled",
    "AuthorizationError",
    "AuthorizationHeaderMalformed",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSecurity",
    // Of Lambda, Kinesis, SNS and S3 alike: a key that is disabled, gone, or not for us.
    "KMS",
    "MissingAuthenticationToken",
    "NotAuthorized",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnrecognizedClient",
];

/// The text of the first element `name` of an XML text.
pub(crate) fn element(xml: &str, name: &str) -> Option<String> {
    elements(xml, name).next()
}

/// The texts of the elements `name` of an XML text, one after the other. One that the text's end cuts is none.
pub(crate) fn elements<'x>(xml: &'x str, name: &str) -> impl Iterator<Item = String> + use<'x> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, from) = rest.split_once(open.as_str())?;
        let (text, after) = from.split_once(close.as_str())?;
        rest = after;
        Some(unescaped(text))
    })
}

fn unescaped(text: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, header: Option<&str>, body: &str, kind: FailureKind, reason: &str) {
        let headers = header.map(|value| ("x-amzn-errortype".to_owned(), value.to_owned()));
        let answer =
            Answer { status, headers: headers.into_iter().collect(), body: body.as_bytes().to_vec() };
        let now = Timestamp::from_millis(0);
        let found = failure(&answer, &["NoSuchBucket", "NotFound"], Hidden::default(), now);
        assert_eq!((found.kind, found.reason.as_str()), (kind, reason));
    }

    #[test]
    fn whose_fault_an_error_is_follows_from_its_code_then_from_the_status() {
        use FailureKind::{Event, Gone, Target, Transient};
        let xml = |code: &str| {
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>No &lt;way&gt;</Message></Error></ErrorResponse>"
            )
        };
        check(404, None, &xml("NotFound"), Gone, "404 NotFound: No <way>");
        check(404, None, &xml("NoSuchBucket"), Gone, "404 NoSuchBucket: No <way>");
        check(403, None, &xml("AuthorizationError"), Target, "403 AuthorizationError: No <way>");
        check(400, None, &xml("KMSDisabled"), Target, "400 KMSDisabled: No <way>");
        check(400, None, &xml("KMS.NotFoundException"), Target, "400 KMS.NotFoundException: No <way>");
        check(400, None, &xml("KMSThrottling"), Transient, "400 KMSThrottling: No <way>");
        check(400, None, &xml("InvalidParameter"), Event, "400 InvalidParameter: No <way>");
        check(301, None, &xml("PermanentRedirect"), Target, "301 PermanentRedirect: No <way>");
        check(
            409,
            None,
            &xml("ConditionalRequestConflict"),
            Transient,
            "409 ConditionalRequestConflict: No <way>",
        );
        check(
            400,
            None,
            r#"{"__type":"com.amazonaws.kinesis#ProvisionedThroughputExceededException","message":"Slow."}"#,
            Transient,
            "400 ProvisionedThroughputExceededException: Slow.",
        );
        check(
            429,
            Some("TooManyRequestsException:http://x"),
            "{}",
            Transient,
            "429 TooManyRequestsException",
        );
        check(403, None, "", Target, "403");
        check(413, None, "no", Event, "413: no");
        check(500, None, "", Transient, "500");
        check(404, None, "<html>", Target, "404: <html>");
        check(400, Some("a b\u{1b}"), "", Event, "400");
    }

    #[test]
    fn elements_are_read_one_by_one_and_a_cut_one_is_none() {
        let found: Vec<_> = elements("<a>1</a><b>x</b><a>2&amp;amp;</a><a>3", "a").collect();
        assert_eq!(found, ["1", "2&amp;"]);
    }
}
