//! One item of a page, read as the converter reads it.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::toml_key::dotted;
use crate::config::{Path, Source};
use crate::control::TypedKey;
use crate::event::{Event, EventError, Reader};
use crate::ids::Key;
use crate::image::{self, Image};
use crate::ledger::columns::Columns;
use crate::ledger::{RowHead, ScannedRow};
use crate::pattern::{Pattern, PatternSet, Refusal};
use crate::quoted::quoted;

/// How deep values are looked for that could be a version, a time or an id.
const DEPTH: usize = 3;

/// `[source]`, prepared for the items of a page.
pub(super) struct ItemReader {
    reader: Reader,
    columns: Columns,
    filter: Option<Pattern>,
    paths: Option<PatternSet<()>>,
}

/// An item, and what would become of it.
pub(super) struct SampledItem {
    /// Its strings, numbers and bytes, by their paths through maps.
    pub(super) scalars: BTreeMap<Vec<String>, Key>,
    /// Its aggregate's key.
    pub(super) key: Option<Key>,
    /// What is known of it without its event; none if it has no keys.
    pub(super) head: Option<RowHead>,
    /// For each path of the filter, whether the item has a value there.
    pub(super) present: Vec<bool>,
    pub(super) outcome: ItemOutcome,
}

/// What would become of an item that is new in the table.
pub(super) enum ItemOutcome {
    Event(Event),
    /// The filter passes it over, and why.
    Skipped(String),
    Rejected(Unsendable),
}

/// Why an item that the filter admits is no event that can be sent.
pub(super) enum Unsendable {
    Error(EventError),
    TooLarge(String),
}

impl ItemReader {
    pub(super) fn new(source: &Source) -> Self {
        let filter = source.filter.clone();
        let paths = filter.as_ref().map(|filter| PatternSet::new([((), filter)]));
        Self { reader: Reader::new(source), columns: Columns::new(source), filter, paths }
    }

    /// The paths of the filter, in the order of [`SampledItem::present`].
    pub(super) fn filter_paths(&self) -> Vec<Path> {
        self.paths.as_ref().map(PatternSet::paths).unwrap_or_default()
    }

    pub(super) fn item(&self, text: &str) -> SampledItem {
        let scalars = scalars(text);
        let at = |path: &Path| scalars.get(&path.0).cloned();
        let image = image::convert(text, self.reader.wanted());
        let present = image.as_ref().map_or_else(|_| Vec::new(), |image| self.present(image));
        let outcome = match image {
            Err(error) => ItemOutcome::Rejected(Unsendable::Error(error.into())),
            Ok(image) if !self.reader.admits(&image) => ItemOutcome::Skipped(self.why_skipped(&image)),
            Ok(image) => match self.reader.event(image) {
                Err(error) => ItemOutcome::Rejected(Unsendable::Error(error)),
                Ok(event) => self.fitting(event, at),
            },
        };
        let (key, head) = match self.columns.seen(at) {
            Some(ScannedRow { key, head }) => (Some(key), Some(head)),
            None => (None, None),
        };
        SampledItem { key, head, present, outcome, scalars }
    }

    /// The event, if a message holds it.
    fn fitting(&self, event: Event, at: impl Fn(&Path) -> Option<Key>) -> ItemOutcome {
        match self.columns.row(Ok(event), at).map(|row| row.event) {
            Some(Ok(event)) => ItemOutcome::Event(event),
            Some(Err(reason)) => ItemOutcome::Rejected(Unsendable::TooLarge(reason)),
            None => ItemOutcome::Rejected(Unsendable::TooLarge("the item has no sort key".to_owned())),
        }
    }

    fn present(&self, image: &Image<'_>) -> Vec<bool> {
        let present = self.paths.as_ref().and_then(|paths| paths.present_paths(&image.json).ok());
        present.unwrap_or_default()
    }

    fn why_skipped(&self, image: &Image<'_>) -> String {
        let refusals = self.filter.as_ref().and_then(|filter| filter.explain(&image.json).ok());
        refusals.as_deref().map(shown).unwrap_or_default()
    }
}

/// The fields that say no, each as TOML writes it, and why.
pub(super) fn shown(refusals: &[Refusal]) -> String {
    let shown = |Refusal { path, reason }: &Refusal| format!("{} {reason}", quoted(&dotted(&path.0)));
    refusals.iter().map(shown).collect::<Vec<_>>().join(", ")
}

impl SampledItem {
    pub(super) fn event(&self) -> Option<&Event> {
        match &self.outcome {
            ItemOutcome::Event(event) => Some(event),
            ItemOutcome::Skipped(_) | ItemOutcome::Rejected(_) => None,
        }
    }

    pub(super) fn is_skipped(&self) -> bool {
        matches!(self.outcome, ItemOutcome::Skipped(_))
    }

    /// Its sort key.
    pub(super) fn sort(&self) -> Option<&Key> {
        self.head.as_ref().map(|head| &head.identity.sort)
    }

    pub(super) fn at(&self, path: &Path) -> Option<&Key> {
        self.scalars.get(&path.0)
    }
}

impl fmt::Display for Unsendable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(formatter),
            Self::TooLarge(reason) => formatter.write_str(reason),
        }
    }
}

/// The strings, numbers and bytes of an item in DynamoDB's JSON.
fn scalars(text: &str) -> BTreeMap<Vec<String>, Key> {
    let mut scalars = BTreeMap::new();
    if let Ok(Value::Object(attributes)) = serde_json::from_str(text) {
        collect(attributes, &[], &mut scalars);
    }
    scalars
}

fn collect(
    attributes: serde_json::Map<String, Value>,
    above: &[String],
    scalars: &mut BTreeMap<Vec<String>, Key>,
) {
    for (name, mut typed) in attributes {
        let path: Vec<String> = above.iter().cloned().chain([name]).collect();
        if let Some(Value::Object(inner)) = typed.get_mut("M").map(Value::take) {
            if path.len() < DEPTH {
                collect(inner, &path, scalars);
            }
        } else if let Ok(typed) = serde_json::from_value::<TypedKey>(typed)
            && let Ok(key) = Key::try_from(typed)
        {
            scalars.insert(path, key);
        }
    }
}
