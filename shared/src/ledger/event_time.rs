//! When an event happened, by its own account: comparable, whatever its writer's format.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::times::CLOCK_SKEW;
use crate::time::Timestamp;

/// An instant that an event names, in nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(i128);

const NANOS_PER_MILLI: i128 = 1_000_000;

impl EventTime {
    /// The instant that `text` names, or `None`. Read is what leaves no doubt:
    ///
    /// - date and time as ISO 8601 and RFC 3339 write them, with hyphens and colons or without, `T` or a space between
    ///   them, with or without seconds and a fraction (`2026-11-20T10:00:00Z`, `2026-11-20 10:00`, `20261120T100000Z`);
    ///   an offset as `Z`, `UTC`, `+01:00`, `+0100` or `+01`, without one UTC; a zone's name in brackets after an
    ///   offset;
    /// - a number of seconds, milliseconds, microseconds or nanoseconds since the Unix epoch: its size says which (11
    ///   digits and fewer are seconds).
    pub fn try_from_text(text: &str) -> Option<Self> {
        if let Some(number) = since_epoch(text) {
            return Some(number);
        }
        let instant = OffsetDateTime::parse(&as_rfc_3339(text)?, &Rfc3339).ok()?;
        Some(Self(instant.unix_timestamp_nanos()))
    }

    /// The instant `nanoseconds` after the Unix epoch.
    pub const fn from_nanos(nanoseconds: i128) -> Self {
        Self(nanoseconds)
    }

    /// Whether it lies ahead by more than clocks differ: then it says nothing about what came before what.
    pub fn is_ahead(self, now: Timestamp) -> bool {
        self >= Self::from(now.plus(CLOCK_SKEW))
    }

    /// The instant as RFC 3339 writes it, in UTC: `2026-11-20T10:00:00.5Z`. `None` outside of the years 0 to 9999, for
    /// which that has no digits.
    pub fn to_rfc_3339(self) -> Option<String> {
        let instant = OffsetDateTime::from_unix_timestamp_nanos(self.0).ok()?;
        let (year, month, day) = instant.to_calendar_date();
        let (hour, minute, second, nanosecond) = instant.to_hms_nano();
        let month = u8::from(month);
        let fraction = format!(".{nanosecond:09}");
        let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
        (0..=9_999)
            .contains(&year)
            .then(|| format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"))
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

fn since_epoch(text: &str) -> Option<EventTime> {
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
    Some(EventTime(billionths / per_second))
}

/// `text` in the one form that RFC 3339 has. Whether there is such a day and hour is not looked at.
fn as_rfc_3339(text: &str) -> Option<String> {
    let mut text = Rest(text);
    let (year, month, day) = text.triple(4, "-")?;
    text.one_of("Tt ")?;
    let (hour, minute, second) = text.clock()?;
    let fraction = match text.one_of(".,") {
        Some(()) => text.digits_up_to_end()?,
        None => "0",
    };
    let offset = text.offset()?;
    text.0.is_empty().then(|| format!("{year}-{month}-{day}T{hour}:{minute}:{second}.{fraction}{offset}"))
}

/// What of a text is not read yet.
struct Rest<'t>(&'t str);

impl<'t> Rest<'t> {
    /// Takes exactly so many digits.
    fn digits(&mut self, count: usize) -> Option<&'t str> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        self.0 = if is_number { rest } else { return None };
        Some(digits)
    }

    /// Takes all digits that follow, at least one.
    fn digits_up_to_end(&mut self) -> Option<&'t str> {
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 { None } else { self.digits(count) }
    }

    /// Takes one character, if it is one of these.
    fn one_of(&mut self, characters: &str) -> Option<()> {
        let first = self.0.chars().next().filter(|first| characters.contains(*first))?;
        self.0 = self.0.strip_prefix(first)?;
        Some(())
    }

    /// Takes three numbers, all with the separator between them, or all without.
    fn triple(&mut self, first: usize, separator: &str) -> Option<(&'t str, &'t str, &'t str)> {
        let first = self.digits(first)?;
        let is_separated = self.one_of(separator).is_some();
        let second = self.digits(2)?;
        if is_separated {
            self.one_of(separator)?;
        }
        Some((first, second, self.digits(2)?))
    }

    /// Takes hours and minutes, and seconds if they follow.
    fn clock(&mut self) -> Option<(&'t str, &'t str, &'t str)> {
        let hour = self.digits(2)?;
        let is_separated = self.one_of(":").is_some();
        let minute = self.digits(2)?;
        let has_seconds = if is_separated {
            self.one_of(":").is_some()
        } else {
            self.0.starts_with(|next: char| next.is_ascii_digit())
        };
        let second = if has_seconds { self.digits(2)? } else { "00" };
        Some((hour, minute, second))
    }

    /// Takes an offset and a zone's name in brackets, as RFC 3339 writes the offset; without one, UTC.
    fn offset(&mut self) -> Option<String> {
        let is_set_off = self.one_of(" ").is_some();
        let mut offset = "Z".to_owned();
        if let Some(rest) = self.0.strip_prefix("UTC").or_else(|| self.0.strip_prefix("GMT")) {
            self.0 = rest;
        } else if self.one_of("Zz").is_none() {
            let sign = self.0.chars().next().filter(|sign| "+-".contains(*sign));
            let Some(sign) = sign else {
                return (!is_set_off).then_some(offset);
            };
            self.one_of("+-")?;
            let hours = self.digits(2)?;
            let is_separated = self.one_of(":").is_some();
            let minutes = if is_separated || !self.0.is_empty() && !self.0.starts_with('[') {
                self.digits(2)?
            } else {
                "00"
            };
            offset = format!("{sign}{hours}:{minutes}");
        }
        if let Some(zone) = self.0.strip_prefix('[') {
            let name =
                zone.strip_suffix(']').filter(|name| !name.is_empty() && !name.contains(['[', ']']))?;
            let is_name = name.bytes().all(|byte| byte.is_ascii_graphic());
            self.0 = if is_name { "" } else { return None };
        }
        Some(offset)
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
            "2027-01-15 08:00:00Z",
            "2027-01-15t08:00:00z",
            "2027-01-15T08:00:00",
            "2027-01-15T08:00:00.000000",
            "2027-01-15 08:00:00,000",
            "2027-01-15T08:00",
            "2027-01-15 08:00",
            "2027-01-15T08:00:00+0000",
            "2027-01-15T08:00:00.000+0000",
            "2027-01-15T08:00:00-00:00",
            "2027-01-15 08:00:00 +0000",
            "2027-01-15 08:00:00 UTC",
            "2027-01-15T13:30:00+05:30",
            "2027-01-15T09:00+01",
            "2027-01-15T09:00:00+01:00[Europe/Paris]",
            "2027-01-15T08:00:00Z[UTC]",
            "20270115T080000Z",
            "20270115T080000.000Z",
            "20270115T0800",
            "20270115T090000+0100",
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
    fn an_instant_is_written_in_utc() {
        for (text, expected) in [
            ("2027-01-15T09:00:00+01:00", "2027-01-15T08:00:00Z"),
            ("2027-01-15 08:00:00,120", "2027-01-15T08:00:00.12Z"),
            ("20270101T0030+0100", "2026-12-31T23:30:00Z"),
            ("1800000000000000001", "2027-01-15T08:00:00.000000001Z"),
            ("0", "1970-01-01T00:00:00Z"),
        ] {
            let time = EventTime::try_from_text(text).unwrap();
            assert_eq!(time.to_rfc_3339().as_deref(), Some(expected), "{text}");
            assert_eq!(EventTime::try_from_text(expected), Some(time));
        }
        // Year 10,000, and year 0.
        let ends = [253_402_300_800, -62_167_219_200, -62_167_219_201];
        let ends = ends.map(|second| EventTime::from_nanos(second * 1_000_000_000).to_rfc_3339());
        assert_eq!(ends, [None, Some("0000-01-01T00:00:00Z".to_owned()), None]);
        assert_eq!(EventTime::from_nanos(i128::MAX).to_rfc_3339(), None);
    }

    #[test]
    fn a_dropped_fraction_sorts_as_zero() {
        let time = |text| EventTime::try_from_text(text).unwrap();
        assert!(time("2026-11-20T10:00:00Z") < time("2026-11-20T10:00:00.001Z"));
        assert!(time("2026-11-20T10:00:00.1Z") > time("2026-11-20T10:00:00.099999999Z"));
    }

    #[test]
    fn what_is_no_instant_is_none() {
        for text in [
            "",
            ".",
            ".5",
            "yesterday",
            "-5",
            "1e9",
            "12345678901234567890",
            "1.2.3",
            // A day has no instant.
            "2026-11-20",
            // Which offset a zone has at that time is not known here.
            "2026-11-20T10:00:00[Europe/Paris]",
            "2026-11-20T10:00:00 CET",
            "11/20/2026 10:00",
            "20/11/2026 10:00",
            "Fri, 20 Nov 2026 10:00:00 GMT",
            "2026-11-20T10:00:00.",
            "2026-11-20T10:00:00Z ",
            "2026-11-20T10:00:00 ",
            "2026-11-20T10:00:00Z[",
            "2026-11-20T10:00:00Z[a]b]",
            "2026-1120T10:00:00Z",
            "2026-11-20T10:0000Z",
            "2026-11-20T25:00:00Z",
            "2026-02-30T10:00:00Z",
            "2026-11-20T10:00:00+1:00",
            "20\u{661}6-11-20T10:00:00Z",
        ] {
            assert_eq!(EventTime::try_from_text(text), None, "{text}");
        }
    }
}
