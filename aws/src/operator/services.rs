//! Calls of services that no SDK client is built for: signed and sent as the push functions do it. Each is asked once, in the
//! region that it is about.

use std::time::Duration;

use serde_json::Value;
use shared::exchange::{Answer, Exchange as _, NoAnswer, Place, Request};

use super::{CallError, CallFault, Target};
use crate::access::Endpoint;
use crate::connections::Connections;
use crate::signed::{SECRETS, Signed, TARGETS};

/// How long a call may take. It is one of many, and people wait.
const LIMIT: Duration = Duration::from_secs(10);

/// How much of an answer is read, in bytes. A topic's or a bus's policy may have 20 KB or more, with every quotation mark
/// escaped.
const ANSWER_LIMIT: usize = 262_144;

/// Services as a target asks them.
#[derive(Clone, Debug)]
pub struct Services {
    signed: Signed,
}

/// A call.
pub(super) struct ServiceCall<'a> {
    /// The operation.
    pub(super) name: &'static str,
    /// What it is about, for people.
    pub(super) subject: &'a str,
    /// As in signatures.
    pub(super) service: &'static str,
    /// Where it goes.
    pub(super) region: &'a str,
    pub(super) content: Content,
}

/// What a service is sent.
pub(super) enum Content {
    /// JSON, for the operation that `X-Amz-Target` names.
    Json { operation: String, body: Value },
    /// A form, percent-encoded.
    Form(String),
}

impl Services {
    /// The services of `target`, with its credentials. `variable` is the environment, where a service may have a URL of its
    /// own.
    ///
    /// # Errors
    ///
    /// [`CallError`]: there are no credentials any more.
    pub async fn try_new(
        target: &Target,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, CallError> {
        let config = target.sdk_config();
        let credentials = target.credentials("the targets' services").await?;
        let endpoint = |name: &str| {
            let own = variable(name).filter(|url| !url.is_empty());
            match own.or_else(|| config.endpoint_url().map(str::to_owned)) {
                Some(url) => Endpoint::Url(url),
                None => Endpoint::Aws {
                    use_fips: config.use_fips().unwrap_or_default(),
                    use_dual_stack: config.use_dual_stack().unwrap_or_default(),
                },
            }
        };
        let services = TARGETS.iter().chain(SECRETS);
        let endpoints = services.map(|service| (*service, endpoint(service.endpoint_variable))).collect();
        Ok(Self { signed: Signed::new(credentials, endpoints, Connections::waiting()) })
    }

    /// The body of the answer.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub(super) async fn call(&self, call: &ServiceCall<'_>) -> Result<Vec<u8>, CallError> {
        let answer = self.signed.exchange(&call.request(), LIMIT).await;
        match answer {
            Ok(answer) if answer.is_success() => Ok(answer.body),
            Ok(answer) => Err(call.refusal(&answer)),
            Err(error) => Err(call.no_answer(&error)),
        }
    }

    /// The answer's JSON.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub(super) async fn json(&self, call: &ServiceCall<'_>) -> Result<Value, CallError> {
        let body = self.call(call).await?;
        serde_json::from_slice(&body).map_err(|error| call.unreadable(error.to_string()))
    }
}

impl ServiceCall<'_> {
    fn request(&self) -> Request {
        let (headers, body) = match &self.content {
            Content::Json { operation, body } => (
                vec![("content-type", "application/x-amz-json-1.1"), ("x-amz-target", operation.as_str())],
                body.to_string(),
            ),
            Content::Form(body) => {
                (vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8")], body.clone())
            }
        };
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Request {
            method: "POST",
            place: Place::Aws {
                service: self.service,
                region: self.region.to_owned(),
                path_and_query: "/".to_owned(),
            },
            headers: headers.collect(),
            body: body.into_bytes(),
            answer_limit: ANSWER_LIMIT,
        }
    }

    fn refusal(&self, answer: &Answer) -> CallError {
        let text = String::from_utf8_lossy(&answer.body);
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        let member =
            |names: &[&str]| names.iter().find_map(|name| Some(json.get(name)?.as_str()?.to_owned()));
        let code = answer.header("x-amzn-errortype").map(str::to_owned);
        let code =
            code.or_else(|| member(&["__type", "code", "Code"])).or_else(|| elements(&text, "Code").next());
        // `namespace#Code:http://…`
        let code = code.as_deref().and_then(|code| code.split(':').next()?.rsplit('#').next());
        let message =
            member(&["message", "Message"]).or_else(|| elements(&text, "Message").next()).unwrap_or_default();
        let reason = match code {
            Some(code) if message.is_empty() => format!("`{code}`"),
            Some(code) => format!("{message} (`{code}`)"),
            None => format!("HTTP status {}, without a reason", answer.status),
        };
        self.error(CallFault::new(code, Some(answer.status)), reason)
    }

    fn no_answer(&self, error: &NoAnswer) -> CallError {
        let fault = match error {
            NoAnswer::Name(_) | NoAnswer::Connection(_) | NoAnswer::Tls(_) => CallFault::Offline,
            NoAnswer::Timeout(_) | NoAnswer::Broken(_) => CallFault::Unreachable,
            NoAnswer::Address(_) | NoAnswer::Request(_) => CallFault::Refused,
        };
        self.error(fault, error.to_string())
    }

    /// The error of an answer that is none of such a call.
    pub(super) fn unreadable(&self, reason: String) -> CallError {
        self.error(CallFault::Unreachable, format!("its answer can't be read: {reason}"))
    }

    pub(super) fn error(&self, fault: CallFault, reason: String) -> CallError {
        CallError { call: self.name, subject: self.subject.to_owned(), fault, reason }
    }
}

/// A part of an ARN, counted from 0: 3 is the region.
pub(super) fn part_of_arn(arn: &str, part: usize) -> &str {
    arn.split(':').nth(part).unwrap_or_default()
}

/// The texts of the elements `name` of an XML text, which have no attributes, one after the other.
pub(super) fn elements<'x>(xml: &'x str, name: &str) -> impl Iterator<Item = String> + use<'x> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let (_, from) = rest.split_once(open.as_str())?;
        let (text, after) = from.split_once(close.as_str())?;
        rest = after;
        Some(unescaped(text))
    })
}

/// The ampersand's is last: what it makes is no escape any more.
fn unescaped(text: &str) -> String {
    let pairs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&#xD;", "\r"),
        ("&#xA;", "\n"),
        ("&amp;", "&"),
    ];
    pairs.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

#[cfg(test)]
mod tests;
