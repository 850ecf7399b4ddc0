//! What an event of another aggregate is called by. Each value is checked once, where it is made.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// How many bytes a request or a message has at most. What is stored of it fits an item of DynamoDB.
pub(super) const EVENT_LIMIT: usize = 64 * 1024;

/// The most characters of an aggregate's key, and of what a request is known by.
const LIMIT: usize = 128;

/// The most characters of an event's name.
const NAME_LIMIT: usize = 64;

/// The key of an aggregate, such as `order-17`. Characters that are not ASCII have look-alikes, and are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 128, pattern = "^[!-~]{1,128}$", example = "order-17")]
pub struct Aggregate(String);

/// The name of an event, such as `OrderPlaced`. It is also that of the file with its schema, so it is no path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventName(String);

/// What tells one request from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey(String);

/// Why a value is refused: what it must be. It never repeats the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(&'static str);

impl Aggregate {
    /// 1 to 128 visible ASCII characters.
    ///
    /// # Errors
    ///
    /// [`Invalid`].
    pub fn try_new(text: &str) -> Result<Self, Invalid> {
        const MUST: Invalid =
            Invalid("must be 1 to 128 visible ASCII characters without a space, such as `order-17`");
        if is_visible(text) { Ok(Self(text.to_owned())) } else { Err(MUST) }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EventName {
    /// 1 to 64 letters, digits, `_` and `-`, a letter first.
    ///
    /// # Errors
    ///
    /// [`Invalid`].
    pub fn try_new(text: &str) -> Result<Self, Invalid> {
        const MUST: Invalid = Invalid(
            "must be 1 to 64 ASCII letters, digits, `_` and `-`, a letter first, such as `OrderPlaced`",
        );
        let is_name = text.len() <= NAME_LIMIT
            && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if is_name { Ok(Self(text.to_owned())) } else { Err(MUST) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RequestKey {
    /// 1 to 128 visible ASCII characters.
    ///
    /// # Errors
    ///
    /// [`Invalid`].
    pub fn try_new(text: &str) -> Result<Self, Invalid> {
        const MUST: Invalid = Invalid("must be 1 to 128 visible ASCII characters, such as a UUID");
        if is_visible(text) { Ok(Self(text.to_owned())) } else { Err(MUST) }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_visible(text: &str) -> bool {
    (1..=LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
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

read_from_text!(Aggregate EventName RequestKey);

impl fmt::Display for EventName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        let (longest, long) = ("x".repeat(64), "x".repeat(65));
        for (text, is_name) in [
            ("OrderPlaced", true),
            ("order_placed-2", true),
            ("x", true),
            (&longest, true),
            (&long, false),
            ("", false),
            ("2Orders", false),
            ("-x", false),
            ("..", false),
            ("../client-queues", false),
            ("a/b", false),
            ("a.b", false),
            ("a b", false),
            ("Bestellt\n", false),
            ("Größe", false),
        ] {
            assert_eq!(EventName::try_new(text).is_ok(), is_name, "{text:?}");
        }
    }

    #[test]
    fn aggregates_and_ids_have_one_spelling() {
        let (longest, long) = ("x".repeat(128), "x".repeat(129));
        for (text, is_key) in [
            ("order-17", true),
            ("urn:orders:17#~%", true),
            (&longest, true),
            (&long, false),
            ("", false),
            ("AFC F5", false),
            ("order\u{a0}17", false),
            ("о", false),
            ("a\n", false),
        ] {
            assert_eq!(Aggregate::try_new(text).is_ok(), is_key, "{text:?}");
            assert_eq!(RequestKey::try_new(text).is_ok(), is_key, "{text:?}");
        }
    }
}
