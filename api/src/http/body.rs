//! Bodies of requests: JSON, of at most [`BODY_LIMIT`], with nothing in it that the command does not know.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::BODY_LIMIT;
use super::problem::Problem;
use crate::json::{self, Unreadable};

/// The bytes of a body that has come as a whole.
pub(super) fn bytes(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("the body has more than {BODY_LIMIT} bytes");
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            Problem::new(status, "body-too-large", "The body is too large", detail, "send less")
        }
        _ => {
            let (detail, remedy) = ("the body could not be read to its end", "send it again");
            Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The body is broken", detail, remedy)
        }
    })
}

/// The command in a body.
pub(super) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    is_json(headers)?;
    json::read(body).map_err(problem)
}

/// That the body is JSON by its media type.
pub(super) fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type != "application/json" {
        let (detail, remedy) =
            ("the body is not JSON by its media type", "send `Content-Type: application/json`");
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let title = "The body has another media type";
        return Err(Problem::new(status, "unsupported-media-type", title, detail, remedy).at("Content-Type"));
    }
    Ok(())
}

/// Nothing, or an empty object.
pub(super) fn read_nothing(headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    if body.is_empty() { Ok(()) } else { read::<Nothing>(headers, body).map(|Nothing {}| ()) }
}

fn problem(unreadable: Unreadable) -> Problem {
    let status = StatusCode::BAD_REQUEST;
    match unreadable {
        Unreadable::Array => {
            let (detail, remedy) = ("an array is no command", "send one JSON object");
            Problem::new(status, "invalid-field", "A field is invalid", detail, remedy)
        }
        Unreadable::Malformed(text) => {
            let remedy = "send one JSON object in UTF-8";
            Problem::new(status, "malformed-json", "The body is not JSON", text, remedy)
        }
        Unreadable::Field { path, reason } => {
            let problem =
                Problem::new(status, "invalid-field", "A field is invalid", reason, "correct the field");
            match path {
                Some(path) => problem.at(path),
                None => problem,
            }
        }
    }
}
