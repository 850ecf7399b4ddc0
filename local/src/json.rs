//! JSON with every digit of its numbers, read independently of the converter that it is used to check.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;
use serde_json::{Value, json};

/// How deep DynamoDB lets lists and maps be nested (DynamoDB quotas).
const DEPTH_LIMIT: usize = 32;

/// How many digits of a number DynamoDB stores (DynamoDB Developer Guide, "Data types").
const DIGITS: usize = 38;

/// A JSON value. Numbers are equal if their values are: DynamoDB stores `299.90` as `299.9`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Map(Map),
}

/// The members of a JSON object.
pub type Map = BTreeMap<String, Json>;

/// A number as it was written.
#[derive(Clone, Debug)]
pub struct Number(String);

impl Json {
    /// Reads one value.
    ///
    /// # Errors
    ///
    /// What is wrong with `text`, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_within(text, DEPTH_LIMIT)
    }

    /// Reads the body of a message: an event, perhaps in an envelope.
    ///
    /// # Errors
    ///
    /// As [`Json::parse`].
    pub fn parse_body(text: &str) -> Result<Self, String> {
        Self::parse_within(text, DEPTH_LIMIT + 1)
    }

    fn parse_within(text: &str, levels: usize) -> Result<Self, String> {
        let raw: &RawValue = serde_json::from_str(text)
            .map_err(|error| format!("is not JSON: {}, column {}", reason(&error), error.column()))?;
        read(raw.get(), levels)
    }

    /// A number, as its text.
    pub fn number(text: impl Into<String>) -> Self {
        Self::Number(Number::new(text))
    }

    /// The value in DynamoDB's JSON, in which a number is a text.
    pub fn to_attribute(&self) -> Value {
        match self {
            Self::Null => json!({ "NULL": true }),
            Self::Bool(value) => json!({ "BOOL": value }),
            Self::Number(number) => json!({ "N": number.stored() }),
            Self::Text(text) => json!({ "S": text }),
            Self::List(values) => json!({ "L": values.iter().map(Self::to_attribute).collect::<Vec<_>>() }),
            Self::Map(_) => json!({ "M": self.to_attributes() }),
        }
    }

    /// The members of an object, in DynamoDB's JSON; none of another value.
    pub fn to_attributes(&self) -> serde_json::Map<String, Value> {
        let Self::Map(members) = self else { return serde_json::Map::new() };
        members.iter().map(|(name, value)| (name.clone(), value.to_attribute())).collect()
    }

    /// The value that DynamoDB's JSON has as `typed`; nothing if it is a set, bytes, or none.
    pub fn of_attribute(typed: &Value) -> Option<Self> {
        let (tag, value) = typed.as_object()?.iter().next()?;
        Some(match tag.as_str() {
            "NULL" => Self::Null,
            "BOOL" => Self::Bool(value.as_bool()?),
            "N" => Self::number(value.as_str()?),
            "S" => Self::from(value.as_str()?),
            "L" => Self::List(value.as_array()?.iter().map(Self::of_attribute).collect::<Option<_>>()?),
            "M" => Self::Map(Self::of_attributes(value)?),
            _ => return None,
        })
    }

    /// The members of an item, in DynamoDB's JSON; nothing if one of them is nothing to [`Json::of_attribute`].
    pub fn of_attributes(item: &Value) -> Option<Map> {
        let members = item.as_object()?.iter();
        members.map(|(name, value)| Some((name.clone(), Self::of_attribute(value)?))).collect()
    }

    /// The value at the end of `path`, from the object inwards.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |value, name| match value {
            Self::Map(members) => members.get(*name),
            _ => None,
        })
    }

    /// The text of a string.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Where the two first differ, as a dotted path; `None` if they are equal.
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        if self == other {
            return None;
        }
        if let (Self::Map(ours), Self::Map(theirs)) = (self, other) {
            for name in ours.keys().chain(theirs.keys()) {
                let below = match (ours.get(name), theirs.get(name)) {
                    (Some(our), Some(their)) => our.first_difference(their),
                    _ => Some(String::new()),
                };
                if let Some(below) = below {
                    let dot = if below.is_empty() { "" } else { "." };
                    return Some(format!("{name}{dot}{below}"));
                }
            }
        }
        Some(String::new())
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Number {
    /// A number, as its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The number as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number as DynamoDB stores it, if it is whole: without a fraction or an exponent. Else as it was written.
    fn stored(&self) -> String {
        let (is_negative, mut digits, length) = self.canonical();
        let length = usize::try_from(length).unwrap_or(0);
        if digits.is_empty() {
            return "0".to_owned();
        }
        if !(digits.len()..=DIGITS).contains(&length) {
            return self.0.clone();
        }
        digits.extend(std::iter::repeat_n('0', length - digits.len()));
        if is_negative { format!("-{digits}") } else { digits }
    }

    /// Sign, digits without zeros at either end, and the power of ten of the first digit: one form for one value.
    fn canonical(&self) -> (bool, String, i64) {
        let (is_negative, text) = match self.0.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, self.0.as_str()),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i64 = exponent.parse().unwrap_or(0);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let leading_zeros = all.len() - significant.len();
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            return (false, String::new(), 0);
        }
        let position = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        (
            is_negative,
            digits.to_owned(),
            exponent.saturating_add(position(whole.len()) - position(leading_zeros)),
        )
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for Number {}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Reads the value that is all of `text`, which `serde_json` has found to be JSON, with at most so many levels.
fn read(text: &str, levels: usize) -> Result<Json, String> {
    let wrong = |error: serde_json::Error| reason(&error);
    match text.bytes().next() {
        Some(b'{' | b'[') if levels == 0 => Err(format!("nested deeper than {DEPTH_LIMIT} levels")),
        Some(b'{') => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(wrong)?;
            let members = members.into_iter().map(|(name, raw)| Ok((name, read(raw.get(), levels - 1)?)));
            members.collect::<Result<_, _>>().map(Json::Map)
        }
        Some(b'[') => {
            let values: Vec<&RawValue> = serde_json::from_str(text).map_err(wrong)?;
            values
                .into_iter()
                .map(|raw| read(raw.get(), levels - 1))
                .collect::<Result<_, _>>()
                .map(Json::List)
        }
        Some(b'"') => serde_json::from_str(text).map(Json::Text).map_err(wrong),
        Some(b't') => Ok(Json::Bool(true)),
        Some(b'f') => Ok(Json::Bool(false)),
        Some(b'n') => Ok(Json::Null),
        _ => Ok(Json::number(text)),
    }
}

/// What is wrong, without the place: the caller knows a better one.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_written_as_it_is_stored() {
        for (written, stored) in [
            ("1", "1"),
            ("1.0", "1"),
            ("-2E3", "-2000"),
            ("0.00", "0"),
            ("1.5", "1.5"),
            ("299.90", "299.90"),
            ("1e38", "1e38"),
            ("1e-400", "1e-400"),
        ] {
            assert_eq!(Number::new(written).stored(), stored);
        }
    }

    fn check_difference(ours: &str, theirs: &str, expected: Option<&str>) {
        let difference = Json::parse(ours).unwrap().first_difference(&Json::parse(theirs).unwrap());
        assert_eq!(difference.as_deref(), expected, "{ours} / {theirs}");
    }

    #[test]
    fn values_are_compared_to_the_last_digit() {
        check_difference(r#"{"a":1,"b":[true,null]}"#, r#"{ "b": [true, null], "a": 1 }"#, None);
        check_difference(r#"{"a":299.90}"#, r#"{"a":299.9}"#, None);
        check_difference(r#"{"a":1e3}"#, r#"{"a":1000}"#, None);
        check_difference(r#"{"a":-0.0}"#, r#"{"a":0}"#, None);
        check_difference(r#"{"a":0.05}"#, r#"{"a":5E-2}"#, None);
        check_difference(r#"{"a":0.05}"#, r#"{"a":0.5}"#, Some("a"));
        check_difference(r#"{"a":-1}"#, r#"{"a":1}"#, Some("a"));
        check_difference(r#"{"a":10}"#, r#"{"a":1}"#, Some("a"));
        check_difference(
            r#"{"a":12345678901234567890123456789012345678}"#,
            r#"{"a":12345678901234567890123456789012345679}"#,
            Some("a"),
        );
        check_difference(r#"{"a":{"b":"x"}}"#, r#"{"a":{"b":"y"}}"#, Some("a.b"));
        check_difference(r#"{"a":{"b":"1"}}"#, r#"{"a":{"b":1}}"#, Some("a.b"));
        check_difference(r#"{"a":{}}"#, r#"{"a":{"b":1}}"#, Some("a.b"));
        check_difference(r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, Some("a"));
    }

    #[test]
    fn attributes_keep_the_digits_of_numbers() {
        let wide = "12345678901234567890123456789012345678";
        let parsed = Json::parse(&format!(r#"{{"n":{wide},"s":"é","l":[null,false]}}"#)).unwrap();
        let members = parsed.to_attributes();
        assert_eq!(members["n"], json!({ "N": wide }));
        assert_eq!(members["s"], json!({ "S": "é" }));
        assert_eq!(members["l"], json!({ "L": [{ "NULL": true }, { "BOOL": false }] }));
    }

    #[test]
    fn what_is_no_json_or_too_deep_is_refused() {
        assert!(Json::parse("{\"a\":").is_err());
        assert!(Json::parse("{} {}").is_err());
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(&nested(DEPTH_LIMIT)).is_ok());
        assert_eq!(Json::parse(&nested(DEPTH_LIMIT + 1)), Err("nested deeper than 32 levels".to_owned()));
        assert!(Json::parse(&nested(200_000)).is_err());
    }
}
