//! Instants, as text that an operator reads: `2026-11-20T10:00:00.125Z`.

use time::OffsetDateTime;

use super::Value;
use crate::ledger::EventTime;

/// An instant in RFC 3339, with as many digits as it needs. What has no such text (before the year 0, after 9999) is a
/// number of nanoseconds since 1970.
pub(super) fn store(instant: EventTime) -> Value {
    let nanos = instant.as_nanos();
    match OffsetDateTime::from_unix_timestamp_nanos(nanos) {
        Ok(utc) if (0..=9999).contains(&utc.year()) => Value::S(text(utc)),
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

fn text(utc: OffsetDateTime) -> String {
    let (date, (hour, minute, second, nanos)) = (utc.date(), utc.to_hms_nano());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let fraction = match nanos {
        0 => String::new(),
        _ if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000),
        _ => format!(".{nanos:09}"),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}
