//! What is wrong with a pattern: where, what, and the way out.
//!
//! Whoever reads a file of several parts collects these with its own findings.

use std::fmt::{self, Display};

use super::tree::Node;
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

/// What is found in a pattern.
pub(super) type Findings = Vec<PatternFinding>;

/// Reports a value of a wrong kind.
pub(super) fn wrong<T>(key: &str, value: &Node, remedy: &str, findings: &mut Findings) -> Option<T> {
    add(value.at, key, format_args!("is {}", value.tree.kind()), remedy, findings);
    None
}

/// Adds what is found at a place.
pub(super) fn add(
    at: usize,
    key: &str,
    problem: impl Display,
    remedy: impl Display,
    findings: &mut Findings,
) {
    findings.push(PatternFinding::new(at, key, problem, remedy));
}
