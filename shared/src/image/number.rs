//! Numbers as text: what JSON can show, and which is greater. No digit is ever rounded.

use std::cmp::Ordering;

/// A number's exact value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// -1, 0 or 1.
    sign: i8,
    /// Ten to this power is just above the number.
    magnitude: i64,
    /// The digits, without zeros at either end.
    digits: Vec<u8>,
}

/// A number as it is written.
struct Parts<'t> {
    negative: bool,
    integer: &'t [u8],
    fraction: &'t [u8],
    exponent: i32,
}

/// Whether `text` is a number as JSON writes it, with an exponent that can be one (DynamoDB's own go to 126).
pub(super) fn is_number(text: &[u8]) -> bool {
    Parts::of(text).is_some()
}

impl Decimal {
    /// The value of `text`, if it is a number as JSON writes it, with an exponent that DynamoDB could have.
    pub fn try_parse(text: &[u8]) -> Option<Self> {
        let Parts { negative, integer, fraction, exponent } = Parts::of(text)?;
        let digits = [integer, fraction].concat();
        let is_significant = |digit: &u8| *digit != b'0';
        let Some(leading_zeros) = digits.iter().position(is_significant) else {
            return Some(Self { sign: 0, magnitude: 0, digits: Vec::new() });
        };
        let end = digits.iter().rposition(is_significant)? + 1;
        let magnitude =
            i64::from(exponent) + i64::try_from(integer.len()).ok()? - i64::try_from(leading_zeros).ok()?;
        let digits = digits.get(leading_zeros..end)?.to_vec();
        Some(Self { sign: if negative { -1 } else { 1 }, magnitude, digits })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sign.cmp(&other.sign).then_with(|| {
            let larger = self.magnitude.cmp(&other.magnitude).then_with(|| self.digits.cmp(&other.digits));
            if self.sign < 0 { larger.reverse() } else { larger }
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'t> Parts<'t> {
    /// RFC 8259, section 6.
    fn of(text: &'t [u8]) -> Option<Self> {
        let (negative, unsigned) = text.strip_prefix(b"-").map_or((false, text), |unsigned| (true, unsigned));
        let (integer, rest) = leading_digits(unsigned);
        if integer.is_empty() || (integer.len() > 1 && integer.starts_with(b"0")) {
            return None;
        }
        let (fraction, rest) = match rest.strip_prefix(b".").map(leading_digits) {
            None => (&[][..], rest),
            Some(([], _)) => return None,
            Some(found) => found,
        };
        let exponent = match rest {
            [] => 0,
            // Rust takes a sign and digits here, as JSON does.
            [b'e' | b'E', exponent @ ..] => std::str::from_utf8(exponent).ok()?.parse().ok()?,
            _ => return None,
        };
        Some(Self { negative, integer, fraction, exponent })
    }
}

#[inline]
fn leading_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at_checked(length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_json_can_show() {
        for number in [
            "0",
            "-0",
            "7",
            "299.90",
            "-0.001",
            "1E+126",
            "1e-130",
            "12345678901234567890123456789012345678",
            "9.9999999999999999999999999999999999999E+125",
        ] {
            assert!(is_number(number.as_bytes()), "{number}");
            assert!(serde_json::from_str::<&serde_json::value::RawValue>(number).is_ok(), "{number}");
        }
        for text in [
            "",
            "-",
            "+1",
            "01",
            "-01",
            "1.",
            ".5",
            "1.e2",
            "1e",
            "1e+",
            "1e+-2",
            "0x10",
            "NaN",
            "Infinity",
            " 1",
            "1 ",
            "1,5",
            "1_000",
            "١",
            "1e99999999999",
            "1\0",
            "--1",
            "1e1.5",
        ] {
            assert!(!is_number(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn order() {
        let ascending = [
            "-1E+126",
            "-12345678901234567890123456789012345678",
            "-12345678901234567890123456789012345677",
            "-10",
            "-9.5",
            "-9.49",
            "-1",
            "-0.1",
            "-1e-130",
            "0",
            "1e-130",
            "0.00099",
            "0.001",
            "9e-3",
            "0.1",
            "1",
            "1.000001",
            "9",
            "10",
            "1e1000",
            "2e1000",
            "1e1001",
        ];
        let values = ascending.map(|text| Decimal::try_parse(text.as_bytes()).unwrap());
        for (i, left) in values.iter().enumerate() {
            for (j, right) in values.iter().enumerate() {
                assert_eq!(left.cmp(right), i.cmp(&j), "{} {}", ascending[i], ascending[j]);
            }
        }
    }

    #[test]
    fn one_value_written_in_several_ways() {
        for spellings in
            [&["0", "-0", "0.00", "0e7"][..], &["1", "1.0", "10e-1", "0.1E+1"], &["-120", "-1.2e2", "-120.0"]]
        {
            let values =
                spellings.iter().map(|text| Decimal::try_parse(text.as_bytes()).unwrap()).collect::<Vec<_>>();
            assert!(values.iter().all(|value| *value == values[0]), "{spellings:?}");
        }
    }

    proptest! {
        #[test]
        fn order_of_scaled_integers(left: i64, right: i64, scale in 0_u8..20) {
            let value = |number: i64| Decimal::try_parse(format!("{number}e-{scale}").as_bytes()).unwrap();
            prop_assert_eq!(value(left).cmp(&value(right)), left.cmp(&right));
        }
    }
}
