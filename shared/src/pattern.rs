//! EventBridge's event patterns on an event's JSON: which items are events, and which events a client gets.
//!
//! A [`Pattern`] is read with all findings at once. A [`PatternSet`] reads a body once for all of its patterns.

mod case;
mod cidr;
mod condition;
mod contradiction;
mod decide;
mod draft;
mod explain;
mod findings;
mod formula;
mod json;
mod literal;
mod message;
mod numeric;
mod observe;
mod operator;
mod parse;
mod set;
mod subject;
#[cfg(test)]
mod tests;
mod tree;
mod trie;
mod wildcard;

use std::fmt;

use crate::path::Path;
use condition::Condition;
use formula::Formula;

pub use explain::{Refusal, RefusalReason};
pub use findings::PatternFinding;
pub use json::BodyError;
pub(crate) use json::{Reader, Shape};
pub(crate) use literal::Literal;
pub use message::{MESSAGE, MessageFields};
pub use set::PatternSet;
pub use subject::Subject;

/// The version of the language: another one if a pattern that stays as it is written could match other events than
/// before. What is remembered about a pattern's matches is remembered together with it.
pub const PATTERN_VERSION: u32 = 1;

/// How many levels deep a field may lie, each `$or` counted too. DynamoDB stores 32 ("Quotas: nested attribute depth").
pub const DEPTH_LIMIT: usize = 32;

/// How many alternatives the `$or`s of a pattern may make, each branch combined with each of the others. Where arrays
/// of objects are looked at, each alternative is decided for itself.
pub const ALTERNATIVES_LIMIT: usize = 1_000;

/// A condition on the JSON of an event.
///
/// Fields are joined by "and", the values of a field by "or". docs/decisions/0019-event-patterns.md says where AWS's
/// documentation leaves something open, and what holds here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// As JSON.
    text: String,
    /// In the order in which they are written.
    fields: Vec<Field>,
    /// Over the places of `fields`.
    formula: Formula,
}

/// A path and what may stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    path: Path,
    /// At least one.
    conditions: Vec<Condition>,
}

/// The pattern as JSON; its keys are sorted.
impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Pattern {
    /// Reads a pattern from a section of a TOML file. `root` is what findings call the section: `source.filter`.
    ///
    /// Numbers count as they are written, to the last digit. TOML has no null: `{ null = true }` in a list stands for
    /// it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, in the order of the text; at least one finding.
    pub fn try_from_toml(
        root: &str,
        section: &toml::Spanned<toml::de::DeValue<'_>>,
    ) -> Result<Self, Vec<PatternFinding>> {
        parse::parse(root, &tree::from_toml(section))
    }

    /// Reads a pattern from JSON, as EventBridge takes it. `root` is what findings call the pattern.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, in the order of the text; at least one finding. Where the text is not JSON, only that.
    pub fn try_from_json(root: &str, text: &str) -> Result<Self, Vec<PatternFinding>> {
        let tree = tree::from_json(text).map_err(|error| {
            let at = if let BodyError::NotJson { at } = error { at } else { 0 };
            vec![PatternFinding::new(at, root, error, "write one JSON object")]
        })?;
        parse::parse(root, &tree)
    }

    /// The paths that the pattern names, each once, sorted.
    pub fn paths(&self) -> Vec<&Path> {
        let mut paths: Vec<&Path> = self.fields.iter().map(|field| &field.path).collect();
        paths.sort_by_key(|path| &path.0);
        paths.dedup();
        paths
    }

    /// The texts that stand in fields' lists as they are, each with its field's path.
    pub fn listed_texts(&self) -> impl Iterator<Item = (&Path, &str)> {
        let listed =
            self.fields.iter().flat_map(|field| field.conditions.iter().map(move |it| (&field.path, it)));
        listed.filter_map(|(path, condition)| match condition {
            Condition::Text(text) => Some((path, text.as_str())),
            _ => None,
        })
    }

    /// Whether it asks about the message, beside the body.
    pub fn names_message(&self) -> bool {
        self.fields.iter().any(|field| field.path.0.first().is_some_and(|name| name == MESSAGE))
    }

    /// Those of [`paths`](Self::paths) at which an event must have a value, in one alternative at least.
    pub fn paths_of_values(&self) -> Vec<&Path> {
        let wanting = self.fields.iter().filter(|field| !field.admits_absence());
        let mut paths: Vec<&Path> = wanting.map(|field| &field.path).collect();
        paths.sort_by_key(|path| &path.0);
        paths.dedup();
        paths
    }
}

impl Field {
    /// Whether an event can match that has nothing at the path.
    fn admits_absence(&self) -> bool {
        self.conditions.contains(&Condition::Absent)
    }

    /// Whether an event can match that has something at the path.
    fn admits_presence(&self) -> bool {
        self.conditions.iter().any(|condition| *condition != Condition::Absent)
    }
}
