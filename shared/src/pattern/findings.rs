//! What is wrong with a pattern: where, what, and the way out.
//!
//! Whoever reads a file of several parts collects these with its own findings.

use std::fmt;

use crate::quoted::printable;

/// One thing that is wrong with a pattern.
///
/// Printed as `key: problem; remedy`. Whatever the pattern holds, only printable characters come out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternFinding {
    /// The byte of the text where it is.
    pub at: usize,
    /// The way to it: `source.filter.RegistrationNumber.price`.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl PatternFinding {
    pub(super) fn new(at: usize, key: &str, problem: impl fmt::Display, remedy: impl fmt::Display) -> Self {
        Self { at, key: key.to_owned(), problem: problem.to_string(), remedy: remedy.to_string() }
    }
}

impl fmt::Display for PatternFinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}; {}", self.key, self.problem, self.remedy)
    }
}

impl std::error::Error for PatternFinding {}

/// The key of `name` in the section `section`.
pub(super) fn join(section: &str, name: &str) -> String {
    format!("{section}.{}", printable(name))
}
