//! Wall-clock instants. The core never reads a clock: it is handed instants.

use std::time::Duration;

use time::OffsetDateTime;

/// An instant of the wall clock, in milliseconds since the Unix epoch.
///
/// The wall clock, not a monotonic one: a monotonic clock may stand still while a Lambda sandbox is frozen,
/// and Lambda's own deadline is a wall-clock instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `milliseconds` after the Unix epoch.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// `duration` later, to the millisecond; saturates at the end of time.
    pub fn plus(self, duration: Duration) -> Self {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(milliseconds))
    }

    /// The instant in RFC 3339; after the year 9999, its milliseconds.
    pub fn to_text(self) -> String {
        let utc = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000);
        utc.map_or_else(|_| self.0.to_string(), rfc3339)
    }
}

/// `2026-11-20T10:00:00.125Z`, with as many digits as it needs.
pub(crate) fn rfc3339(utc: OffsetDateTime) -> String {
    let (date, (hour, minute, second, nanos)) = (utc.date(), utc.to_hms_nano());
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let fraction = match nanos {
        0 => String::new(),
        _ if nanos % 1_000_000 == 0 => format!(".{:03}", nanos / 1_000_000),
        _ => format!(".{nanos:09}"),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}
