//! Lines for `client-queues.toml`, and the names that they can hold.

use super::ConfigLine;
use super::item::SampledItem;
use super::toml_key::dotted;
use crate::config::{Path, VersionPlace};
use crate::nearest::nearest;
use crate::text::toml_literal;

impl ConfigLine {
    /// `key = "value"` in `[source]`.
    pub(super) fn of_source(key: &str, value: &str) -> Self {
        Self { section: "source", text: toml_line(key, value) }
    }

    /// The line that names the version of an aggregate's first event.
    pub(super) fn of_first_version(first: i64) -> Self {
        Self { section: "source", text: format!("first_version = {first}") }
    }

    /// The line that names where versions are.
    pub(super) fn of_version(place: &VersionPlace) -> Self {
        let path = place.path.to_string();
        match &place.after {
            None => Self::of_source("version", &path),
            Some(after) => Self {
                section: "source",
                text: format!(
                    "version = {{ path = {}, after = {} }}",
                    toml_literal(&path),
                    toml_literal(after)
                ),
            },
        }
    }

    /// A condition on the value at `path`.
    pub(super) fn of_filter(path: &[String], condition: &str) -> Self {
        Self { section: "source.filter", text: format!("{} = {condition}", dotted(path)) }
    }
}

/// `key = "value"`.
pub(super) fn toml_line(key: &str, value: &str) -> String {
    format!("{key} = {}", toml_literal(value))
}

/// Whether `[source]` can name this path: a name that holds a dot can't be part of one.
pub(super) fn is_nameable(path: &[String]) -> bool {
    path.iter().all(|name| !name.is_empty() && !name.contains('.'))
}

/// The path that `text` was probably meant to be, of those that `items` have values at.
pub(super) fn nearest_path<'i>(text: &str, items: impl Iterator<Item = &'i SampledItem>) -> Option<String> {
    let mut known: Vec<String> = items
        .flat_map(|item| item.scalars.keys())
        .filter(|path| is_nameable(path))
        .map(|path| Path(path.clone()).to_string())
        .collect();
    known.sort_unstable();
    known.dedup();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    nearest(text, &known).map(str::to_owned)
}
