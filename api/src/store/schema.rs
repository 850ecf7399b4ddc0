//! How the tables, their attributes and their indexes are called.

use super::memory::Memory;
use super::value::{Map, Value};

/// The key of the table of states.
pub(super) const KEY: &str = "key";
/// What an item of the table of states is.
pub(super) const KIND: &str = "kind";
/// When DynamoDB may remove an item of the table of states: the attribute of its time to live.
pub(super) const EXPIRES: &str = "expires";

/// The names that are a user's own: those of the tables, and those of an event's attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The event table.
    pub events: String,
    /// The table of states, whose key is the text `key` and whose time to live is `expires`.
    pub states: String,
    /// The event table's partition key: the aggregate.
    pub partition: &'static str,
    /// The event table's sort key: the event's time.
    pub sort: &'static str,
    /// The attribute with the event's own id.
    pub id: &'static str,
    /// The attribute with the event's name.
    pub name: &'static str,
    /// Where in the event its version is, from the item inwards.
    pub version: &'static [&'static str],
    /// The event table's index by `id`.
    pub id_index: &'static str,
    /// The event table's index by `name` and `sort`.
    pub name_index: &'static str,
}

/// What the table of states has of an aggregate, or of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The aggregate's state.
    State,
    /// The aggregate is being erased.
    Erasing,
    /// The aggregate was erased. Under the same key as `Erasing`.
    Erased,
    /// The answer to a request.
    Request,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Erasing => "erasing",
            Self::Erased => "erased",
            Self::Request => "request",
        }
    }

    /// The key of the item of this kind that is about `subject`, an aggregate or a request.
    pub(super) fn key(self, subject: &str) -> Value {
        let prefix = if self == Self::Erased { Self::Erasing } else { self };
        Value::Text(format!("{}#{subject}", prefix.as_str()))
    }

    pub(super) fn keys(self, subject: &str) -> Map {
        Map::from([(KEY.to_owned(), self.key(subject))])
    }
}

impl Schema {
    /// The key of an event.
    pub(super) fn event_keys(&self, aggregate: &str, time: &str) -> Map {
        Map::from([
            (self.partition.to_owned(), Value::from(aggregate)),
            (self.sort.to_owned(), Value::from(time)),
        ])
    }

    /// DynamoDB in memory with these tables and indexes, which are empty.
    pub fn in_memory(&self) -> Memory {
        let indexes = [(self.id_index, self.id, None), (self.name_index, self.name, Some(self.sort))];
        Memory::new().with_table(&self.events, self.partition, Some(self.sort), &indexes).with_table(
            &self.states,
            KEY,
            None,
            &[],
        )
    }
}
