//! A price, with all of its digits.

use std::fmt;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::values::Violation;

/// How many digits of a number DynamoDB keeps (DynamoDB Developer Guide, "Data types").
const DIGITS: usize = 38;

/// An amount with at most two places, of at most 38 digits. It is never a `f64`: no digit is lost.
///
/// Equal amounts have one text, the one in which DynamoDB gives a number back: `299.90` is `299.9`.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = f64, minimum = 0, multiple_of = 0.01, example = 299.90)]
pub struct Price(String);

impl Price {
    /// Reads an amount as JSON writes it, without sign or exponent.
    ///
    /// # Errors
    ///
    /// [`Violation`].
    pub fn try_new(text: &str) -> Result<Self, Violation> {
        const MUST: Violation = Violation(
            "must be a number from 0 on with at most 38 digits, at most two of them behind the point",
        );
        let (whole, places) =
            text.split_once('.').map_or((text, None), |(whole, places)| (whole, Some(places)));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_whole = is_digits(whole) && (whole == "0" || !whole.starts_with('0'));
        if !is_whole || places.is_some_and(|places| !is_digits(places) || places.len() > 2) {
            return Err(MUST);
        }
        let places = places.unwrap_or_default().trim_end_matches('0');
        if whole.len() + places.len() > DIGITS {
            return Err(MUST);
        }
        Ok(Self(if places.is_empty() { whole.to_owned() } else { format!("{whole}.{places}") }))
    }

    /// The amount as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Price {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.clone()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::try_new(raw.get()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_keeps_its_digits_and_has_one_text() {
        let wide = "9".repeat(36);
        for (text, price) in [
            ("0", Some("0")),
            ("299", Some("299")),
            ("299.90", Some("299.9")),
            ("299.00", Some("299")),
            ("0.05", Some("0.05")),
            (&format!("{wide}.99"), Some(format!("{wide}.99").as_str())),
            (&format!("{wide}9.99"), None),
            ("299.905", None),
            ("-1", None),
            ("1e3", None),
            ("01", None),
            (".5", None),
            ("5.", None),
            ("\"5\"", None),
            ("", None),
        ] {
            let found = Price::try_new(text).ok();
            assert_eq!(found.as_ref().map(Price::as_str), price, "{text}");
            if let Some(found) = found {
                let json = serde_json::to_string(&found).unwrap();
                assert_eq!(Some(json.as_str()), price);
                assert_eq!(serde_json::from_str::<Price>(&json).unwrap(), found);
            }
        }
    }
}
