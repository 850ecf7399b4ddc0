//! When a certificate ends: the one field of X.509 that operators are told. The certificate has been verified before.

use shared::time::Timestamp;
use time::{Date, Month, PrimitiveDateTime, Time};

/// The tags of DER that lie on the way (ITU-T X.690, 8; RFC 5280, 4.1).
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The `notAfter` of a certificate in DER; `None` if it is none.
pub(super) fn end(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = value_of(der, SEQUENCE)?;
    let (mut fields, _) = value_of(certificate, SEQUENCE)?;
    if let Some((_, rest)) = value_of(fields, VERSION) {
        fields = rest;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        (_, _, fields) = element(fields)?;
    }
    let (validity, _) = value_of(fields, SEQUENCE)?;
    let (_, _, not_after) = element(validity)?;
    let (tag, text, _) = element(not_after)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// The value of the first element, which has this tag, and what follows it.
fn value_of(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, value, rest) = element(der)?;
    (found == tag).then_some((value, rest))
}

/// The first element: its tag, its value, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // At most four bytes of length.
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280, 4.1.2.5).
fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i32 = year.parse().ok()?;
            (if year < 50 { 2_000 + year } else { 1_900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let mut pairs = rest.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok()?.parse::<u8>().ok());
    let mut next = || pairs.next().flatten();
    let date = Date::from_calendar_date(year, Month::try_from(next()?).ok()?, next()?).ok()?;
    let time = Time::from_hms(next()?, next()?, next()?).ok()?;
    let seconds = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp();
    Some(Timestamp::from_millis(u64::try_from(seconds).ok()?.checked_mul(1_000)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checked(tag: u8, text: &str) -> Option<String> {
        time(tag, text).map(Timestamp::to_text)
    }

    #[test]
    fn a_time_has_two_forms() {
        for (tag, text, expected) in [
            (UTC_TIME, "261130150212Z", Some("2026-11-30T15:02:12Z")),
            (UTC_TIME, "491231235959Z", Some("2049-12-31T23:59:59Z")),
            (UTC_TIME, "700101000000Z", Some("1970-01-01T00:00:00Z")),
            (UTC_TIME, "280229000000Z", Some("2028-02-29T00:00:00Z")),
            (UTC_TIME, "280301000000Z", Some("2028-03-01T00:00:00Z")),
            (UTC_TIME, "270229000000Z", None),
            (UTC_TIME, "500101000000Z", None),
            (GENERALIZED_TIME, "20500101000000Z", Some("2050-01-01T00:00:00Z")),
            (GENERALIZED_TIME, "21000301000000Z", Some("2100-03-01T00:00:00Z")),
            (GENERALIZED_TIME, "99991231235959Z", Some("9999-12-31T23:59:59Z")),
            (GENERALIZED_TIME, "20501301000000Z", None),
            (GENERALIZED_TIME, "2050010100000Z", None),
            (GENERALIZED_TIME, "20500101000000+0100", None),
            (SEQUENCE, "20500101000000Z", None),
            (UTC_TIME, "", None),
            (UTC_TIME, "Z", None),
            (UTC_TIME, "2é1130150212Z", None),
        ] {
            assert_eq!(checked(tag, text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_certificate_says_when_it_ends() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["hooks.example.com".to_owned()]).unwrap();
        for (year, expected) in [(2027, "2027-03-01T00:00:00Z"), (2055, "2055-03-01T00:00:00Z")] {
            params.not_after = rcgen::date_time_ymd(year, 3, 1);
            let certificate = params.self_signed(&key).unwrap();
            let der = certificate.der();
            assert_eq!(end(der).map(Timestamp::to_text).as_deref(), Some(expected));
            // Wherever it breaks off, it is none.
            for length in 0..der.len() {
                assert_eq!(end(&der[..length]), None, "{length}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_no_certificate_ends_never_or_some_time(der: Vec<u8>) {
            let _ = end(&der);
        }
    }
}
