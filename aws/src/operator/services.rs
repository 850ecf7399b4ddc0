//! Services that no SDK client is built for: where they are, what a call sends, and what an answer means.

use aws_credential_types::Credentials;
use serde_json::Value;
use shared::exchange::{Answer, NoAnswer, Place, Request};
use tokio::sync::Mutex;

use super::{CallError, CallFault};
use crate::access::Endpoint;
use crate::connections::Connections;
use crate::signed::{SECRETS, SignedService, TARGETS};

/// How much of an answer is read, in bytes: no function answers with more (Lambda quotas, invocation payload).
const ANSWER_LIMIT: usize = 6 * 1024 * 1024;

/// The services that only an operator asks.
const WATCHED: &[SignedService] = &[
    SignedService { name: "kms", endpoint_variable: "AWS_ENDPOINT_URL_KMS" },
    SignedService { name: "monitoring", endpoint_variable: "AWS_ENDPOINT_URL_CLOUDWATCH" },
];

/// Where services are, and who asks them.
#[derive(Debug)]
pub(super) struct Services {
    pub(super) endpoints: Vec<(SignedService, Endpoint)>,
    pub(super) connections: Connections,
    /// Those that were asked for last: to get some can take a program or a call.
    pub(super) credentials: Mutex<Option<Credentials>>,
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
    /// JSON, for the operation that `X-Amz-Target` names, with what the service puts before it.
    Json { prefix: &'static str, body: Value },
    /// A form, percent-encoded.
    Form(String),
    /// Nothing; the path says all, percent-encoded.
    Path(String),
    /// A function is invoked with a payload, and waited for. The path is percent-encoded.
    Invocation { path: String, payload: String },
}

impl Services {
    /// As the tools of AWS find them: `endpoint` is where all are, `variable` the environment, where one may have a URL of its
    /// own.
    pub(super) fn new(endpoint: &Endpoint, variable: impl Fn(&str) -> Option<String>) -> Self {
        let endpoint = |name: &str| {
            let own = variable(name).filter(|url| !url.is_empty());
            own.map_or_else(|| endpoint.clone(), Endpoint::Url)
        };
        let services = [TARGETS, SECRETS, WATCHED].concat().into_iter();
        let endpoints = services.map(|service| (service, endpoint(service.endpoint_variable)));
        Self {
            endpoints: endpoints.collect(),
            connections: Connections::waiting(),
            credentials: Mutex::default(),
        }
    }
}

impl ServiceCall<'_> {
    pub(super) fn request(&self) -> Request {
        let (method, path_and_query, headers, body) = match &self.content {
            Content::Json { prefix, body } => {
                let operation = format!("{prefix}.{}", self.name);
                let headers =
                    vec![("content-type", json_type(self.service).to_owned()), ("x-amz-target", operation)];
                ("POST", "/", headers, body.to_string())
            }
            Content::Form(body) => {
                let kind = "application/x-www-form-urlencoded; charset=utf-8".to_owned();
                ("POST", "/", vec![("content-type", kind)], body.clone())
            }
            Content::Path(path) => ("GET", path.as_str(), Vec::new(), String::new()),
            Content::Invocation { path, payload } => {
                let headers = vec![("x-amz-invocation-type", "RequestResponse".to_owned())];
                ("POST", path.as_str(), headers, payload.clone())
            }
        };
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value));
        Request {
            method,
            place: Place::Aws {
                service: self.service,
                region: self.region.to_owned(),
                path_and_query: path_and_query.to_owned(),
            },
            headers: headers.collect(),
            body: body.into_bytes(),
            answer_limit: ANSWER_LIMIT,
        }
    }

    pub(super) fn refusal(&self, answer: &Answer) -> CallError {
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

    pub(super) fn no_answer(&self, error: &NoAnswer) -> CallError {
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

/// The media type of a service's JSON (`jsonVersion` in botocore's `service-2.json` of each).
fn json_type(service: &str) -> &'static str {
    if service == "monitoring" { "application/x-amz-json-1.0" } else { "application/x-amz-json-1.1" }
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
