//! The values that commands are made of. Each is checked once, where it is made.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// Why a value is refused: what it must be. It never repeats the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub &'static str);

/// A registration mark, such as `AFC F5`: the key of the aggregate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, max_length = 16, example = "AFC F5")]
pub struct Mark(String);

/// Who a mark is kept for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 100, example = "Ada Example")]
pub struct Name(String);

/// One line of an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 100, example = "1 Mill Lane")]
pub struct AddressLine(String);

/// A post code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 12, example = "AA9 9AA")]
pub struct PostCode(String);

/// By how many years an entitlement is extended: 1 to 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = u8, minimum = 1, maximum = 10)]
pub struct Years(u8);

impl Mark {
    /// A mark of capital letters and digits with single spaces between them, at most 16 characters.
    ///
    /// Accents are part of their letter (`Ö` as one character): two texts that look alike would be two marks.
    ///
    /// # Errors
    ///
    /// [`Violation`].
    pub fn try_new(text: &str) -> Result<Self, Violation> {
        const MUST: Violation = Violation(
            "must be 1 to 16 capital letters and digits, with single spaces between them, such as `AFC F5`",
        );
        let is_valid = |c: char| c == ' ' || c.is_ascii_digit() || (c.is_alphabetic() && !c.is_lowercase());
        let is_spaced = text.split(' ').all(|part| !part.is_empty());
        if (1..=16).contains(&text.chars().count()) && is_spaced && text.chars().all(is_valid) {
            Ok(Self(text.to_owned()))
        } else {
            Err(MUST)
        }
    }

    /// The mark as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Name {
    /// 1 to 100 characters.
    ///
    /// # Errors
    ///
    /// [`Violation`].
    pub fn try_new(text: &str) -> Result<Self, Violation> {
        line(text, 100).map(Self).ok_or(Violation(
            "must be 1 to 100 characters, without control characters and without white space at either end",
        ))
    }
}

impl AddressLine {
    /// 1 to 100 characters.
    ///
    /// # Errors
    ///
    /// [`Violation`].
    pub fn try_new(text: &str) -> Result<Self, Violation> {
        line(text, 100).map(Self).ok_or(Violation(
            "must be 1 to 100 characters, without control characters and without white space at either end",
        ))
    }
}

impl PostCode {
    /// 1 to 12 characters.
    ///
    /// # Errors
    ///
    /// [`Violation`].
    pub fn try_new(text: &str) -> Result<Self, Violation> {
        line(text, 12).map(Self).ok_or(Violation(
            "must be 1 to 12 characters, without control characters and without white space at either end",
        ))
    }
}

impl Years {
    /// 1 to 10.
    ///
    /// # Errors
    ///
    /// [`Violation`].
    pub fn try_new(years: u8) -> Result<Self, Violation> {
        if (1..=10).contains(&years) {
            Ok(Self(years))
        } else {
            Err(Violation("must be a whole number from 1 to 10"))
        }
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// One line of text with at most so many characters.
fn line(text: &str, limit: usize) -> Option<String> {
    let is_valid = !text.is_empty()
        && text.chars().count() <= limit
        && text.trim() == text
        && !text.chars().any(char::is_control);
    is_valid.then(|| text.to_owned())
}

macro_rules! read_from_text {
    ($($value:ident)*) => {$(
        impl<'de> Deserialize<'de> for $value {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::try_new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }
    )*};
}

read_from_text!(Mark Name AddressLine PostCode);

impl<'de> Deserialize<'de> for Years {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_new(u8::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_have_one_spelling() {
        for (text, is_mark) in [
            ("AFC F5", true),
            ("X1 ABC", true),
            ("LÖ AB 4", true),
            ("東京 12", true),
            ("A", true),
            ("ABCDEFGHIJKLMNOP", true),
            ("ABCDEFGHIJKLMNOPQ", false),
            ("", false),
            (" ", false),
            ("AFC  F5", false),
            (" AFC F5", false),
            ("AFC F5 ", false),
            ("afc f5", false),
            ("AFC-F5", false),
            ("AFC\u{a0}F5", false),
            ("AFC\nF5", false),
            // `Ö` as two characters.
            ("LO\u{308} 4", false),
        ] {
            assert_eq!(Mark::try_new(text).is_ok(), is_mark, "{text:?}");
        }
    }

    #[test]
    fn lines_are_neither_empty_nor_padded() {
        let (longest, long) = ("x".repeat(100), "x".repeat(101));
        for (text, is_line) in [
            ("“Old Mill” Lane", true),
            ("Pen Llŷn", true),
            (&longest, true),
            (&long, false),
            ("", false),
            (" x", false),
            ("x\t", false),
            ("a\u{0}b", false),
            ("a\nb", false),
        ] {
            assert_eq!(AddressLine::try_new(text).is_ok(), is_line, "{text:?}");
            assert_eq!(Name::try_new(text).is_ok(), is_line, "{text:?}");
        }
        assert!(PostCode::try_new("AA9 9AA").is_ok());
        assert!(PostCode::try_new("1234567890123").is_err());
        assert_eq!([0, 1, 10, 11].map(|years| Years::try_new(years).is_ok()), [false, true, true, false]);
    }
}
