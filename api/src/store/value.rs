//! Values of items, with every digit of their numbers.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::ser::{Error as _, SerializeMap as _};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// How deep DynamoDB lets lists and maps be nested (DynamoDB Developer Guide, "Quotas").
const DEPTH_LIMIT: usize = 32;

/// How many digits of a number DynamoDB keeps, and the powers of ten between which a number's first digit lies (DynamoDB
/// Developer Guide, "Data types").
const DIGITS: usize = 38;
const LOWEST_POWER: i64 = -130;
const HIGHEST_POWER: i64 = 125;

/// A value as JSON knows it. Sets and bytes, which only DynamoDB has, are not among them: the store writes none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// An object.
    Map(Map),
}

/// The attributes of an item, or the members of an object.
pub type Map = BTreeMap<String, Value>;

/// A number, as its digits: never a `f64`. Equal numbers have one text, without exponent and without zeros that say nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number(String);

/// A text that is no value, or a value that no item can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValue {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// Too many values inside each other.
    #[error("nested deeper than {DEPTH_LIMIT} levels")]
    Depth,
    /// A number with more digits, or larger or smaller, than DynamoDB keeps.
    #[error("a number with more than {DIGITS} digits, or out of DynamoDB's range")]
    Number,
    /// It is not an object.
    #[error("not an object")]
    NotAnObject,
    /// The value is not of the type that is read.
    #[error("{0}")]
    Type(String),
}

impl Value {
    /// Reads JSON. Of a member that is there twice, the last one counts.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`].
    pub fn try_from_json(text: &str) -> Result<Self, InvalidValue> {
        let raw: &RawValue = serde_json::from_str(text).map_err(not_json)?;
        read(raw.get(), DEPTH_LIMIT)
    }

    /// The value as JSON. Members stand in the order of their names.
    pub fn to_json(&self) -> String {
        // What a value consists of can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The text of a string.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// A whole number that fits.
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Number(number) = self { number.as_str().parse().ok() } else { None }
    }
}

/// Any serializable object as attributes. Numbers keep their digits if `value` writes them as JSON.
///
/// # Errors
///
/// [`InvalidValue`] if it isn't an object, or no item could have it.
pub fn to_map(value: &impl Serialize) -> Result<Map, InvalidValue> {
    let json = serde_json::to_string(value).map_err(not_json)?;
    match Value::try_from_json(&json)? {
        Value::Map(map) => Ok(map),
        _ => Err(InvalidValue::NotAnObject),
    }
}

/// Reads attributes as a `T`.
///
/// # Errors
///
/// [`InvalidValue`] if they are not those of a `T`.
pub fn from_map<T: DeserializeOwned>(map: Map) -> Result<T, InvalidValue> {
    let json = Value::Map(map).to_json();
    serde_json::from_str(&json).map_err(|error| InvalidValue::Type(reason(&error)))
}

impl Number {
    /// Reads a number as JSON or DynamoDB writes it.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] if it is none, or DynamoDB could not keep all of it.
    pub fn try_new(text: &str) -> Result<Self, InvalidValue> {
        let (sign, unsigned) = match text.strip_prefix('-') {
            Some(unsigned) => ("-", unsigned),
            None => ("", text),
        };
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, places) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{places}");
        if whole.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidValue::Number);
        }
        let exponent: i64 = exponent.parse().map_err(|_| InvalidValue::Number)?;
        let significant = all.trim_start_matches('0');
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return Ok(Self("0".to_owned()));
        }
        let count = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
        // How many digits stand before the point; below 1, so many zeros stand behind it.
        let before = count(whole).saturating_sub(count(&all) - count(significant)).saturating_add(exponent);
        if digits.len() > DIGITS || !(LOWEST_POWER..=HIGHEST_POWER).contains(&(before - 1)) {
            return Err(InvalidValue::Number);
        }
        let length = usize::try_from(before).unwrap_or(0);
        let zeros = |number: i64| "0".repeat(usize::try_from(number).unwrap_or(0));
        Ok(Self(match digits.split_at_checked(length) {
            Some(("", places)) => format!("{sign}0.{}{places}", zeros(-before)),
            Some((whole, "")) => format!("{sign}{whole}"),
            Some((whole, places)) => format!("{sign}{whole}.{places}"),
            None => format!("{sign}{digits}{}", zeros(before - count(digits))),
        }))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self(number.to_string())
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => {
                RawValue::from_string(number.0.clone()).map_err(S::Error::custom)?.serialize(serializer)
            }
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(values) => serializer.collect_seq(values),
            Self::Map(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

/// Reads the value that is all of `text`, which `serde_json` has found to be JSON, with at most so many levels.
fn read(text: &str, levels: usize) -> Result<Value, InvalidValue> {
    match text.bytes().next() {
        Some(b'{' | b'[') if levels == 0 => Err(InvalidValue::Depth),
        Some(b'{') => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(not_json)?;
            let members = members.into_iter().map(|(name, raw)| Ok((name, read(raw.get(), levels - 1)?)));
            members.collect::<Result<_, _>>().map(Value::Map)
        }
        Some(b'[') => {
            let values: Vec<&RawValue> = serde_json::from_str(text).map_err(not_json)?;
            let values = values.into_iter().map(|raw| read(raw.get(), levels - 1));
            values.collect::<Result<_, _>>().map(Value::List)
        }
        Some(b'"') => serde_json::from_str(text).map(Value::Text).map_err(not_json),
        Some(b't') => Ok(Value::Bool(true)),
        Some(b'f') => Ok(Value::Bool(false)),
        Some(b'n') => Ok(Value::Null),
        _ => Number::try_new(text).map(Value::Number),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn not_json(error: serde_json::Error) -> InvalidValue {
    InvalidValue::Json(reason(&error))
}

/// What is wrong, without the place in a text that the caller does not have.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_has_one_text_with_all_of_its_digits() {
        let wide = "12345678901234567890123456789012345678";
        for (text, number) in [
            ("0", Some("0")),
            ("-0.0", Some("0")),
            ("7", Some("7")),
            ("-7", Some("-7")),
            ("299.90", Some("299.9")),
            ("0.050", Some("0.05")),
            ("5E-2", Some("0.05")),
            ("1.5e1", Some("15")),
            ("1e3", Some("1000")),
            ("1e+3", Some("1000")),
            ("-12.5e2", Some("-1250")),
            (wide, Some(wide)),
            (&format!("{wide}9"), None),
            ("1e126", None),
            ("9e125", Some(format!("9{}", "0".repeat(125)).as_str())),
            ("1e-131", None),
            ("1e99999999999999999999", None),
            ("", None),
            ("-", None),
            (".5", None),
            ("1x", None),
        ] {
            let found = Number::try_new(text).ok();
            assert_eq!(found.as_ref().map(Number::as_str), number, "{text}");
        }
    }

    #[test]
    fn what_no_item_can_have_is_refused() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Value::try_from_json(&nested(DEPTH_LIMIT)).is_ok());
        assert_eq!(Value::try_from_json(&nested(DEPTH_LIMIT + 1)), Err(InvalidValue::Depth));
        assert_eq!(Value::try_from_json(&nested(100_000)), Err(InvalidValue::Depth));
        assert!(matches!(Value::try_from_json("{} {}"), Err(InvalidValue::Json(_))));
        assert_eq!(to_map(&["x"]), Err(InvalidValue::NotAnObject));
    }

    proptest! {
        #[test]
        fn a_number_is_read_as_it_is_written(digits in "[1-9][0-9]{0,37}", point in 0..40_usize) {
            let text = match digits.split_at_checked(point) {
                Some(("", places)) => format!("0.{places}"),
                Some((whole, "")) | Some((whole, "0")) => whole.to_owned(),
                Some((whole, places)) => format!("{whole}.{places}"),
                None => digits,
            };
            let number = Number::try_new(&text).unwrap();
            prop_assert_eq!(&Number::try_new(number.as_str()).unwrap(), &number);
            let without_zeros =
                if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            prop_assert_eq!(number.as_str(), without_zeros);
            let json = format!("{{\"a\":[{number},null,true,\"é\"]}}");
            prop_assert_eq!(Value::try_from_json(&json).unwrap().to_json(), json);
        }
    }
}
