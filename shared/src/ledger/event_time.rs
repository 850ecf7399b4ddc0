//! When an event happened, by its own account: comparable, whatever its writer's format.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::time::Timestamp;

/// An instant that an event names, in nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(i128);

const NANOS_PER_MILLI: i128 = 1_000_000;

impl EventTime {
    /// The instant that `text` names: as RFC 3339 (`2026-11-20T10:00:00Z`, with or without a fraction), or a number of
    /// seconds, milliseconds, microseconds or nanoseconds since the Unix epoch, told apart by their size (11 digits and
    /// fewer are seconds). `None` if it is neither.
    pub fn try_from_text(text: &str) -> Option<Self> {
        if let Ok(instant) = OffsetDateTime::parse(text, &Rfc3339) {
            return Some(Self(instant.unix_timestamp_nanos()));
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 19 || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
        let billionths = whole.parse::<i128>().ok()? * 1_000_000_000 + fraction.parse::<i128>().ok()?;
        let per_second = match whole.len() {
            0..=11 => 1,
            12..=14 => 1_000,
            15..=17 => 1_000_000,
            _ => 1_000_000_000,
        };
        Some(Self(billionths / per_second))
    }

    /// The instant `nanoseconds` after the Unix epoch.
    pub const fn from_nanos(nanoseconds: i128) -> Self {
        Self(nanoseconds)
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i128 {
        self.0
    }
}

impl From<Timestamp> for EventTime {
    fn from(instant: Timestamp) -> Self {
        Self(i128::from(instant.as_millis()) * NANOS_PER_MILLI)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_that_name_the_same_instant_are_equal() {
        let second = Some(EventTime(1_800_000_000_000_000_000));
        for text in [
            "2027-01-15T08:00:00Z",
            "2027-01-15T08:00:00.000000000Z",
            "2027-01-15T09:00:00+01:00",
            "1800000000",
            "1800000000.000",
            "1800000000000",
            "1800000000000000",
            "1800000000000000000",
        ] {
            assert_eq!(EventTime::try_from_text(text), second, "{text}");
        }
        assert_eq!(EventTime::try_from_text("0"), Some(EventTime(0)));
        assert_eq!(EventTime::try_from_text("1.5"), Some(EventTime(1_500_000_000)));
    }

    #[test]
    fn a_dropped_fraction_sorts_as_zero() {
        let time = |text| EventTime::try_from_text(text).unwrap();
        assert!(time("2026-11-20T10:00:00Z") < time("2026-11-20T10:00:00.001Z"));
        assert!(time("2026-11-20T10:00:00.1Z") > time("2026-11-20T10:00:00.099999999Z"));
    }

    #[test]
    fn what_is_no_instant_is_none() {
        for text in ["", ".", ".5", "yesterday", "2026-11-20", "-5", "1e9", "12345678901234567890", "1.2.3"] {
            assert_eq!(EventTime::try_from_text(text), None, "{text}");
        }
    }
}
