//! Parameters of paths and queries, and headers.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::event_time::EventTime;
use crate::events::RequestKey;
use crate::mark::Mark;

/// How many items a page has if nobody says, and at most.
const PAGE: u32 = 50;
const PAGE_LIMIT: u32 = 500;

/// The mark in the path.
pub(super) struct MarkOfPath(pub(super) Mark);

/// On which terms a command is carried out.
pub(super) struct Terms {
    /// The version in `If-Match`.
    pub(super) expected: Option<u64>,
    /// `Idempotency-Key`.
    pub(super) key: Option<RequestKey>,
}

/// The query, of which nothing is unknown.
pub(super) struct Parameters<T>(pub(super) T);

impl<S: Send + Sync> FromRequestParts<S> for MarkOfPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|_| Problem::parameter("mark", "must be percent-encoded UTF-8"))?;
        Mark::try_new(&text).map(Self).map_err(|violation| Problem::parameter("mark", violation))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Terms {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let header = |name: &'static str| {
            let mut values = parts.headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (None, _) => Ok(None),
                (Some(value), None) => Ok(Some(value.as_bytes())),
                _ => Err(Problem::parameter(name, "must be there once")),
            }
        };
        let expected = header("If-Match")?.map(version_of).transpose()?;
        let key = header("Idempotency-Key")?.map(|key| {
            let key = RequestKey::try_new(&String::from_utf8_lossy(key));
            key.map_err(|invalid| Problem::parameter("Idempotency-Key", invalid))
        });
        Ok(Self { expected, key: key.transpose()? })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => {
                let text = rejection.body_text();
                let reason = text.rsplit_once("query string: ").map_or(text.as_str(), |(_, reason)| reason);
                let (name, reason) = reason.split_once(": ").unwrap_or(("query", reason));
                Err(Problem::parameter(name, format_args!("can't be read: {reason}")))
            }
        }
    }
}

/// A version as an entity tag.
pub(super) fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

fn version_of(tag: &[u8]) -> Result<u64, Problem> {
    let text = std::str::from_utf8(tag).ok().map(str::trim);
    let digits = text.and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
    let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let version = digits.and_then(|digits| digits.parse().ok());
    version.ok_or_else(|| Problem::parameter("If-Match", "must be one `ETag`, such as `\"7\"`"))
}

/// How many items a page has.
pub(super) fn page(limit: Option<u32>) -> Result<u32, Problem> {
    let limit = limit.unwrap_or(PAGE);
    if (1..=PAGE_LIMIT).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::parameter("limit", format_args!("must be a whole number from 1 to {PAGE_LIMIT}")))
    }
}

/// A time as people write it.
pub(super) fn time(name: &'static str, text: Option<&str>) -> Result<Option<EventTime>, Problem> {
    let must = "must be a time in RFC 3339, such as `2026-01-05T09:00:00Z`; a `+` in it is written `%2B`";
    let time = text.map(|text| EventTime::try_from_rfc3339(text).map_err(|_| Problem::parameter(name, must)));
    time.transpose()
}

/// Where a page goes on, as text that nobody has to understand.
pub(super) fn cursor(subject: &str, time: Option<EventTime>) -> String {
    let time = time.map(|time| time.to_string()).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(format!("{time} {subject}"))
}

/// What [`cursor`] wrote.
pub(super) fn from_cursor(text: &str) -> Result<(String, Option<EventTime>), Problem> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (time, subject) = text.split_once(' ')?;
        let time = if time.is_empty() { None } else { Some(EventTime::try_from_text(time).ok()?) };
        (!subject.is_empty()).then(|| (subject.to_owned(), time))
    };
    read().ok_or_else(not_a_cursor)
}

pub(super) fn not_a_cursor() -> Problem {
    Problem::parameter("after", "must be `next` of the page before, with the same other parameters")
}
