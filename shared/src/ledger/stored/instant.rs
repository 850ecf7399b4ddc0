//! Instants, as text that an operator reads: `2026-11-20T10:00:00.125Z`.

use time::OffsetDateTime;

use super::Value;
use crate::ledger::EventTime;
use crate::time::rfc3339;

/// An instant in RFC 3339, with as many digits as it needs. What has no such text (before the year 0, after 9999) is a
/// number of nanoseconds since 1970.
pub(super) fn store(instant: EventTime) -> Value {
    let nanos = instant.as_nanos();
    match OffsetDateTime::from_unix_timestamp_nanos(nanos) {
        Ok(utc) if (0..=9999).contains(&utc.year()) => Value::S(rfc3339(utc)),
        _ => Value::N(nanos.to_string()),
    }
}

/// What [`store`] made.
pub(super) fn restore(value: &Value) -> Option<EventTime> {
    match value {
        Value::S(text) if text.contains('T') => EventTime::try_from_text(text),
        Value::N(nanos) => nanos.parse().ok().map(EventTime::from_nanos),
        _ => None,
    }
}
