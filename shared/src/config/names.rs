//! The forms of what a file names: clients and paths.

use std::fmt;

use super::{ClientName, Path, VERSION_LIMIT, VersionPlace};
use crate::ids::Key;
use crate::quoted::quoted;

/// With it, the longest prefix and what the stack adds, a queue's name is 77 of 80 characters.
const CLIENT_NAME_LIMIT: usize = 40;

/// Text that is not a client's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a client's name; use a letter, then up to 39 letters and digits", quoted(.0))]
pub struct InvalidClientName(String);

impl ClientName {
    /// A client's name from `text`.
    ///
    /// # Errors
    ///
    /// [`InvalidClientName`] unless `text` is a letter and up to 39 letters and digits, all ASCII.
    pub fn try_new(text: &str) -> Result<Self, InvalidClientName> {
        let is_name = text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.len() <= CLIENT_NAME_LIMIT
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_name { Ok(Self(text.to_owned())) } else { Err(InvalidClientName(text.to_owned())) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl VersionPlace {
    /// The version that the value there is: a whole number from [`first`](Self::first) to [`VERSION_LIMIT`], as a
    /// number or as its decimal digits. `None`: it is none.
    pub fn read(&self, value: &Key) -> Option<i64> {
        let digits = match (value, &self.after) {
            (Key::N(number), None) => number,
            (Key::S(text), after) => text.strip_prefix(after.as_deref().unwrap_or_default())?,
            (Key::N(_) | Key::B(_), _) => return None,
        };
        self.parse(digits)
    }

    /// The version that these decimal digits are, as in [`read`](Self::read).
    pub fn parse(&self, digits: &str) -> Option<i64> {
        let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|version| is_whole && (self.first..=VERSION_LIMIT).contains(version))
    }
}

/// A version without anything before its digits, which counts from 1.
impl From<Path> for VersionPlace {
    fn from(path: Path) -> Self {
        Self { path, after: None, first: 1 }
    }
}

/// The path, and what stands before the digits: `sk after EVENT#`.
impl fmt::Display for VersionPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.after {
            Some(after) => write!(formatter, "{} after {after}", self.path),
            None => self.path.fmt(formatter),
        }
    }
}
