//! When a target wants to be asked again: `Retry-After` (RFC 9110, 10.2.3).

use std::time::Duration;

use shared::exchange::Answer;
use shared::ledger::EventTime;
use shared::time::Timestamp;

/// The time from `now` on that the answer asks for; `None` if it doesn't, or not in a form that is known.
pub(crate) fn retry_after(answer: &Answer, now: Timestamp) -> Option<Duration> {
    let value = answer.header("retry-after")?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits without end are a long time.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    Some(http_date(value)?.since(now))
}

/// An instant such as `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that is still sent (RFC 9110, 5.6.7).
fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, date) = text.split_once(", ")?;
    let mut parts = date.split(' ');
    let (day, month, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if parts.next() != Some("GMT") || parts.next().is_some() {
        return None;
    }
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let nanos = EventTime::try_from_text(&format!("{year}-{month:02}-{day}T{time}Z"))?.as_nanos();
    Some(Timestamp::from_millis(u64::try_from(nanos / 1_000_000).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        // Sunday, 6 November 1994, 08:49:37 UTC.
        let now = Timestamp::from_millis(784_111_777_000);
        for (value, expected) in [
            ("0", Some(0)),
            ("120", Some(120)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Tue, 15 Nov 1994 08:49:37 GMT", Some(9 * 86_400)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ] {
            let headers = vec![("retry-after".to_owned(), value.to_owned())];
            let answer = Answer { status: 503, headers, body: Vec::new() };
            assert_eq!(retry_after(&answer, now), expected.map(Duration::from_secs), "{value}");
        }
        let answer = Answer { status: 503, headers: Vec::new(), body: Vec::new() };
        assert_eq!(retry_after(&answer, now), None);
    }
}
