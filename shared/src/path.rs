//! The way to an attribute of an item.

use std::fmt;

use crate::quoted::quoted;

/// The way to an attribute, from the item inwards: `RegistrationNumber.version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub Vec<String>);

/// Text that is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`", quoted(.0))]
pub struct InvalidPath(String);

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
