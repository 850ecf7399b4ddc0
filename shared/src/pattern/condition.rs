//! What may stand at a path: one entry of a field's list.
//!
//! A condition looks at one value, never at an object or an array: of an array it is asked for each element.

use std::ops::Bound;

use super::case::Caseless;
use super::cidr::Cidr;
use super::wildcard::Wildcard;
use crate::image::Decimal;

/// What a value must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// This text.
    Text(String),
    /// This number, however it is written.
    Number(Decimal),
    Boolean(bool),
    Null,
    TextIgnoringCase(Caseless),
    Prefix(String),
    PrefixIgnoringCase(Caseless),
    Suffix(String),
    SuffixIgnoringCase(Caseless),
    Wildcard(Wildcard),
    /// A number between these.
    Numeric(Bound<Decimal>, Bound<Decimal>),
    Cidr(Cidr),
    /// Anything for which none of these holds.
    AnythingBut(Vec<Condition>),
    /// Anything.
    Present,
    /// Nothing at all: no value has it.
    Absent,
}

/// A value of an event that is neither an object nor an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'v> {
    Text(&'v str),
    /// None: with an exponent beyond any that DynamoDB has.
    Number(Option<Decimal>),
    Boolean(bool),
    Null,
}

impl Condition {
    /// Whether `value` is as it must be.
    pub(super) fn holds(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Present, _) => true,
            (Self::Absent, _) => false,
            (Self::AnythingBut(conditions), _) => !conditions.iter().any(|condition| condition.holds(value)),
            (Self::Text(wanted), Value::Text(text)) => text == wanted,
            (Self::TextIgnoringCase(wanted), Value::Text(text)) => wanted.is(text),
            (Self::Prefix(prefix), Value::Text(text)) => text.starts_with(prefix.as_str()),
            (Self::PrefixIgnoringCase(prefix), Value::Text(text)) => prefix.begins(text),
            (Self::Suffix(suffix), Value::Text(text)) => text.ends_with(suffix.as_str()),
            (Self::SuffixIgnoringCase(suffix), Value::Text(text)) => suffix.ends(text),
            (Self::Wildcard(wildcard), Value::Text(text)) => wildcard.matches(text),
            (Self::Cidr(block), Value::Text(text)) => block.contains(text),
            (Self::Number(wanted), Value::Number(Some(number))) => number == wanted,
            (Self::Numeric(from, to), Value::Number(Some(number))) => is_between(from, number, to),
            (Self::Boolean(wanted), Value::Boolean(value)) => wanted == value,
            (Self::Null, Value::Null) => true,
            _ => false,
        }
    }
}

fn is_between(from: &Bound<Decimal>, number: &Decimal, to: &Bound<Decimal>) -> bool {
    let is_above = match from {
        Bound::Included(from) => number >= from,
        Bound::Excluded(from) => number > from,
        Bound::Unbounded => true,
    };
    is_above
        && match to {
            Bound::Included(to) => number <= to,
            Bound::Excluded(to) => number < to,
            Bound::Unbounded => true,
        }
}
