//! What goes wrong, as `application/problem+json` (RFC 9457): with a type that never changes, the field, and the remedy.

use std::error::Error;
use std::fmt::Display;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::{error, warn};
use utoipa::ToSchema;

use crate::events::SchemaViolation;
use crate::mark::{Kind, Refusal};
use crate::marks::Denial;
use crate::store::{AppendError, EraseError, RebuildError, StoreError};

/// What all types begin with.
const TYPES: &str = "urn:mark-event-queue:problem:";

/// After how many seconds it is worth trying again what may pass.
const RETRY_SECONDS: &str = "1";

/// A problem, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// What it is. It never changes.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "urn:mark-event-queue:problem:mark-unknown")]
    kind: Box<str>,
    /// The same for people.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong this time.
    detail: String,
    /// The field, parameter or header that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What to do.
    #[schema(value_type = String)]
    remedy: Box<str>,
    /// What a schema does not allow.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Option<Vec<SchemaViolation>>)]
    violations: Box<[SchemaViolation]>,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        kind: &str,
        title: &'static str,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (kind, status) = (format!("{TYPES}{kind}").into_boxed_str(), status.as_u16());
        let (detail, remedy) = (detail.into(), remedy.into().into_boxed_str());
        Self { kind, title, status, detail, field: None, remedy, violations: Box::default() }
    }

    pub(super) fn at(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    pub(super) fn for_violations(self, violations: Vec<SchemaViolation>) -> Self {
        Self { violations: violations.into(), ..self }
    }

    /// The same problem with other words, where those of marks don't fit.
    pub(super) fn saying(self, detail: &str, remedy: &str) -> Self {
        Self { detail: detail.to_owned(), remedy: remedy.into(), ..self }
    }

    /// A parameter of the path or the query, or a header, that is not what it `must` be.
    pub(super) fn parameter(name: &str, must: impl Display) -> Self {
        let (detail, remedy) = (format!("`{name}` {must}"), format!("correct `{name}`"));
        Self::new(StatusCode::BAD_REQUEST, "invalid-parameter", "A parameter is invalid", detail, remedy)
            .at(name)
    }

    pub(super) fn no_route() -> Self {
        let remedy = "see /openapi.json for the routes that there are";
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-route",
            "There is no such route",
            "no route has this path",
            remedy,
        )
    }

    pub(super) fn no_method() -> Self {
        let (status, remedy) = (StatusCode::METHOD_NOT_ALLOWED, "see /openapi.json for the route's methods");
        Self::new(
            status,
            "method-not-allowed",
            "The route has no such method",
            "the route has other methods",
            remedy,
        )
    }

    pub(super) fn no_mark() -> Self {
        let remedy = "check its spelling, or create its entitlement first";
        Self::new(
            StatusCode::NOT_FOUND,
            Kind::MarkUnknown.as_str(),
            "There is no such mark",
            "there is no such mark",
            remedy,
        )
        .at("mark")
    }

    fn version(expected: u64, found: u64) -> Self {
        let detail =
            format!("version {expected} is expected, and {found} found; 0 is a mark that is not there");
        let remedy = "read the mark, decide again, and send its `ETag` as `If-Match`";
        let status = StatusCode::PRECONDITION_FAILED;
        Self::new(status, "version-mismatch", "The mark has another version", detail, remedy).at("If-Match")
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, title) = match refusal.kind {
            Kind::MarkUnknown => (StatusCode::NOT_FOUND, "There is no such mark"),
            Kind::MarkExists => (StatusCode::CONFLICT, "The mark is there already"),
            Kind::MarkLocked => (StatusCode::CONFLICT, "The mark is locked"),
            Kind::MarkNotLocked => (StatusCode::CONFLICT, "The mark is not locked"),
            Kind::TermTooLong => (StatusCode::CONFLICT, "The entitlement would end too late"),
        };
        Self::new(status, refusal.kind.as_str(), title, refusal.problem, refusal.remedy).at(refusal.field)
    }
}

impl From<AppendError<Denial>> for Problem {
    fn from(error: AppendError<Denial>) -> Self {
        match error {
            AppendError::Refused(Denial::Refusal(refusal)) => refusal.into(),
            AppendError::Refused(Denial::Damage(what)) => damaged(&what),
            AppendError::Version { expected, found } => Self::version(expected, found),
            AppendError::RequestReused => {
                let detail = "another request had the same key within a day";
                let remedy = "give each request a key of its own, and repeat a request as it was";
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Self::new(status, "request-reused", "The idempotency key is used", detail, remedy)
                    .at("Idempotency-Key")
            }
            AppendError::Store(error) => error.into(),
        }
    }
}

impl From<EraseError> for Problem {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::NotThere => Self::no_mark(),
            EraseError::Version { expected, found } => Self::version(expected, found),
            EraseError::Store(error) => error.into(),
        }
    }
}

impl From<RebuildError<String>> for Problem {
    fn from(error: RebuildError<String>) -> Self {
        match error {
            RebuildError::Misfit(what) => damaged(&what),
            RebuildError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => {
                let detail = "others changed the mark at the same time, each time it was tried";
                let remedy = "send the request again";
                Self::new(StatusCode::CONFLICT, "conflict", "Others were quicker", detail, remedy)
            }
            StoreError::Erasing => {
                let detail = "the mark is being erased";
                let remedy = "wait until that is done; if it does not end, erase the mark again";
                Self::new(StatusCode::CONFLICT, "erasing", "The mark is being erased", detail, remedy)
                    .at("mark")
            }
            StoreError::Throttled => {
                let (detail, remedy) =
                    ("too much at the same time", "send the request again after `Retry-After`");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "throttled", "Too much at once", detail, remedy)
            }
            StoreError::Unknown(cause) => {
                warn!(error = chain(&*cause), "a call has no answer");
                let detail = "it is unknown whether the request was carried out";
                let remedy =
                    "send it again after `Retry-After`, with the same `Idempotency-Key`, or read the mark";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unknown", "There is no answer", detail, remedy)
            }
            StoreError::Refused(cause) => {
                error!(error = chain(&*cause), "the tables refuse a call");
                internal("unavailable")
            }
            StoreError::Damaged(damage) => damaged(&damage.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A problem consists of texts and a number.
        let text = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
        }
        response
    }
}

fn damaged(what: &str) -> Problem {
    error!(what, "the tables are damaged");
    internal("damaged")
}

fn internal(kind: &str) -> Problem {
    let (detail, remedy) = ("the service can't do it", "tell who runs it; its log says what is wrong");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, kind, "The service is in trouble", detail, remedy)
}

/// An error with all that caused it.
fn chain(error: &dyn Error) -> String {
    let chain = std::iter::successors(Some(error), |error: &&dyn Error| (*error).source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
