//! The forms of what a file names: clients and paths.

use std::fmt;

use super::{ClientName, Path};
use crate::quoted::quoted;

/// With it, the longest prefix and what the stack adds, a queue's name is 77 of 80 characters.
const CLIENT_NAME_LIMIT: usize = 40;

/// Text that is not a client's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a client's name; use a letter, then up to 39 letters and digits", quoted(.0))]
pub struct InvalidClientName(String);

/// Text that is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`", quoted(.0))]
pub struct InvalidPath(String);

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

impl Path {
    /// A path from its dotted form.
    ///
    /// # Errors
    ///
    /// [`InvalidPath`] if a name in it is empty.
    pub fn try_new(text: &str) -> Result<Self, InvalidPath> {
        let names: Vec<String> = text.split('.').map(str::to_owned).collect();
        if names.iter().any(String::is_empty) { Err(InvalidPath(text.to_owned())) } else { Ok(Self(names)) }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("."))
    }
}
