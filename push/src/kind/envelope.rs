//! An event as one JSON object, for targets without headers of their own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use shared::erasure::key_of;
use shared::ids::{IncarnationToken, Key, ReplayId};

use crate::event::Event;
use crate::outcome::{Failure, FailureKind};

/// What the object has. A member without a value is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'e> {
    event_id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_name: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_time: Option<&'e str>,
    group: &'e str,
    version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incarnation: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<&'e str>,
    /// Of a notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Of an event: the client's view, to the last digit.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'e RawValue>,
}

/// The object.
///
/// # Errors
///
/// The body is no JSON, which none is that a converter made.
pub(super) fn envelope(event: &Event<'_>) -> Result<String, Failure> {
    let failed = |_| Failure::new(FailureKind::Event, "no JSON", "the event is no JSON".to_owned());
    let (key, body) = match event.erased {
        Some(_) => (Some(key_text(event.body)), None),
        None => (None, Some(serde_json::from_str::<&RawValue>(event.body).map_err(failed)?)),
    };
    let envelope = Envelope {
        event_id: event.id,
        event_name: event.name,
        event_time: event.time,
        group: event.group.as_str(),
        version: event.message.version,
        previous_version: event.message.previous_version,
        incarnation: event.message.incarnation.as_ref().map(IncarnationToken::as_str),
        replay: event.message.replay.as_ref().map(ReplayId::as_str),
        erased: event.erased,
        key,
        event: body,
    };
    serde_json::to_string(&envelope).map_err(failed)
}

/// The key that a notice is about, as text: bytes as base64.
pub(super) fn key_text(notice: &str) -> String {
    match key_of(notice) {
        Some(Key::S(text) | Key::N(text)) => text,
        Some(Key::B(bytes)) => STANDARD.encode(bytes),
        None => notice.to_owned(),
    }
}

/// What a notice brings where an event brings the client's view.
pub(super) fn notice(erased: &str, body: &str) -> String {
    #[derive(Serialize)]
    struct Notice<'n> {
        erased: &'n str,
        key: String,
    }
    // Two texts: it does not fail.
    serde_json::to_string(&Notice { erased, key: key_text(body) }).unwrap_or_default()
}
