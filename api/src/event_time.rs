//! The time of an event: always with nine digits of a fraction and `Z`, so that times sort as their texts do.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::well_known::Rfc3339;
use time::{Date, Duration, OffsetDateTime, UtcOffset};
use utoipa::ToSchema;

/// An instant in UTC, to the nanosecond, from year 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-05T09:00:00.250000000Z")]
pub struct EventTime(OffsetDateTime);

/// A text that is no time with nine digits of a fraction and `Z`, or an instant that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time such as `2026-01-05T09:00:00.250000000Z`")]
pub struct InvalidTime;

impl EventTime {
    /// The instant so many nanoseconds after the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`InvalidTime`] before year 0 and after year 9999.
    pub fn try_from_nanos(nanos: i128) -> Result<Self, InvalidTime> {
        let utc = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|_| InvalidTime)?;
        if (0..=9999).contains(&utc.year()) { Ok(Self(utc)) } else { Err(InvalidTime) }
    }

    /// Reads what [`Display`](fmt::Display) writes, and nothing else: one instant has one text.
    ///
    /// # Errors
    ///
    /// [`InvalidTime`].
    pub fn try_from_text(text: &str) -> Result<Self, InvalidTime> {
        let read = Self::try_from_rfc3339(text)?;
        if read.to_string() == text { Ok(read) } else { Err(InvalidTime) }
    }

    /// Reads a time in RFC 3339 with any fraction and any offset, as people write it.
    ///
    /// # Errors
    ///
    /// [`InvalidTime`].
    pub fn try_from_rfc3339(text: &str) -> Result<Self, InvalidTime> {
        let read = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidTime)?;
        Self::try_from_nanos(read.to_offset(UtcOffset::UTC).unix_timestamp_nanos())
    }

    /// The seconds since the Unix epoch, without the fraction.
    pub fn unix_seconds(self) -> i64 {
        self.0.unix_timestamp()
    }

    /// The day in UTC.
    pub fn date(self) -> Date {
        self.0.date()
    }

    /// The next instant after `last` that is not before `self`: the clock's, or a nanosecond above `last` when the clock
    /// stands still or goes back. `None` at the end of year 9999.
    pub fn above(self, last: Option<Self>) -> Option<Self> {
        match last {
            Some(last) if last >= self => {
                Self::try_from_nanos(last.0.checked_add(Duration::NANOSECOND)?.unix_timestamp_nanos()).ok()
            }
            _ => Some(self),
        }
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, (hour, minute, second, nanos)) = (self.0.date(), self.0.to_hms_nano());
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
    }
}

impl Serialize for EventTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::try_from_text(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 9999-12-31T23:59:59.999999999Z.
    const LAST: i128 = 253_402_300_799_999_999_999;

    #[test]
    fn one_instant_has_one_text() {
        for (text, is_time) in [
            ("2026-01-05T09:00:00.250000000Z", true),
            ("1970-01-01T00:00:00.000000000Z", true),
            ("2026-01-05T09:00:00.25Z", false),
            ("2026-01-05T09:00:00Z", false),
            ("2026-01-05T09:00:00.250000000+00:00", false),
            ("2026-01-05 09:00:00.250000000Z", false),
            ("2026-02-30T09:00:00.250000000Z", false),
            ("", false),
        ] {
            assert_eq!(EventTime::try_from_text(text).is_ok(), is_time, "{text}");
        }
        let written = EventTime::try_from_rfc3339("2026-01-05T10:30:00.5+01:30").map(|time| time.to_string());
        assert_eq!(written.as_deref(), Ok("2026-01-05T09:00:00.500000000Z"));
        assert_eq!(EventTime::try_from_nanos(LAST + 1), Err(InvalidTime));
    }

    #[test]
    fn the_next_time_is_above_the_last_one_whatever_the_clock_does() {
        let at = |nanos| EventTime::try_from_nanos(nanos).unwrap();
        for (now, last, next) in [
            (5, None, Some(5)),
            (5, Some(4), Some(5)),
            (5, Some(5), Some(6)),
            (5, Some(9), Some(10)),
            (5, Some(LAST), None),
        ] {
            assert_eq!(at(now).above(last.map(at)), next.map(at), "{now} after {last:?}");
        }
    }

    proptest! {
        #[test]
        fn times_sort_as_their_texts_do(one in 0..=LAST, other in 0..=LAST) {
            let [one, other] = [one, other].map(|nanos| EventTime::try_from_nanos(nanos).unwrap());
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
            prop_assert_eq!(EventTime::try_from_text(&one.to_string()), Ok(one));
        }
    }
}
