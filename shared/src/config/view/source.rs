//! CloudEvents' `source`: a URI-reference (RFC 3986), by which consumers tell where an event comes from.

use std::fmt;

use crate::quoted::quoted;

/// So that an envelope has a bounded size.
const LENGTH_LIMIT: usize = 256;

/// A URI-reference that is not empty, of at most 256 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CloudEventsSource(String);

/// Text that is not such a reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a URI; write one of up to {LENGTH_LIMIT} characters, as in `urn:example:marks` or `https://example.com/marks`", quoted(.0))]
pub struct InvalidSource(String);

impl CloudEventsSource {
    /// A source from its text.
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] if `text` is empty, too long, or not a URI-reference as RFC 3986 has it.
    pub fn try_new(text: &str) -> Result<Self, InvalidSource> {
        let is_right = (1..=LENGTH_LIMIT).contains(&text.len()) && is_reference(text);
        if is_right { Ok(Self(text.to_owned())) } else { Err(InvalidSource(text.to_owned())) }
    }

    /// The text: printable ASCII, without quotation marks and backslashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CloudEventsSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whether `text` is a URI-reference (RFC 3986, sections 3 and 4.1), looked at by its characters: whether an address in
/// an authority is one is not.
fn is_reference(text: &str) -> bool {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    // What stands before the first colon is a scheme, unless there is a slash before it.
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if !scheme.contains('/') => (Some(scheme), rest),
        _ => (None, text),
    };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    scheme.is_none_or(is_scheme)
        && consists_of(authority, "@:[]")
        && consists_of(path, "/@:")
        && [query, fragment].iter().all(|part| consists_of(part, "/@:?"))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Whether there is nothing in `text` but unreserved characters, "sub-delims", `%` with two digits, and `others`.
fn consists_of(text: &str, others: &str) -> bool {
    let mut parts = text.split('%');
    let is_plain = |character: char| {
        character.is_ascii_alphanumeric()
            || "-._~!$&'()*+,;=".contains(character)
            || others.contains(character)
    };
    let begins_with_digits = |part: &str| {
        part.split_at_checked(2)
            .is_some_and(|(digits, _)| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
    };
    text.chars().all(|character| character == '%' || is_plain(character))
        && parts.next().is_some()
        && parts.all(begins_with_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_uri_reference() {
        for text in [
            "urn:example:marks",
            "https://example.com/marks",
            "https://user@[2001:db8::1]:8443/a%20b;c=d?e=f/?#g",
            "/marks/events",
            "//example.com",
            "marks",
            "?a",
            "#a",
            "mailto:a@example.com",
            "./a:b",
            &"x".repeat(256),
        ] {
            assert_eq!(CloudEventsSource::try_new(text).map(|source| source.0), Ok(text.to_owned()));
        }
        for text in [
            "",
            " ",
            "two words",
            "1a:b",
            ":a",
            "a%2",
            "a%zz",
            "%",
            "a\"b",
            "a\\b",
            "a\u{e9}",
            "a\n",
            "a#b#c",
            "a[b]",
            "<a>",
            &"x".repeat(257),
        ] {
            assert!(CloudEventsSource::try_new(text).is_err(), "{text}");
        }
    }
}
