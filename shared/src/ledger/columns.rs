//! What look-ups and scans read of an item, whether or not it can be an event.

use super::{EventTime, Row, ScannedRow};
use crate::config::{Path, Source, VersionPlace};
use crate::event::{Event, EventError, TEXT_LIMIT};
use crate::ids::Key;
use crate::message::EVENT_LIMIT;

/// The places of an item's keys, version and time: `[source]`, prepared once.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Of the partition key.
    pub partition: Path,
    /// Of the sort key.
    pub sort: Path,
    /// Of the version.
    pub version: VersionPlace,
    /// Of the time.
    pub time: Path,
}

impl Columns {
    /// As `source` says.
    pub fn new(source: &Source) -> Self {
        let attribute = |name: &String| Path(vec![name.clone()]);
        Self {
            partition: attribute(&source.partition_key),
            sort: attribute(&source.sort_key),
            version: source.version.clone(),
            time: attribute(&source.time),
        }
    }

    /// The row of an item that was read as `event`, which is none if its message would be larger than any queue takes;
    /// `at` returns the key that the item has at a path. `None` if it has no sort key, which no item lacks.
    pub fn row(&self, event: Result<Event, EventError>, at: impl Fn(&Path) -> Option<Key>) -> Option<Row> {
        let sort = at(&self.sort)?;
        let time = time(at(&self.time));
        Some(Row {
            sort,
            version: self.version(at),
            time,
            event: event.map_err(|error| error.to_string()).and_then(that_fits),
        })
    }

    /// The same of an item that only its keys, version and time were read of. `None` if it has no keys.
    pub fn seen(&self, at: impl Fn(&Path) -> Option<Key>) -> Option<ScannedRow> {
        let (key, sort) = (at(&self.partition)?, at(&self.sort)?);
        Some(ScannedRow { key, sort, version: self.version(&at), time: time(at(&self.time)) })
    }

    fn version(&self, at: impl Fn(&Path) -> Option<Key>) -> Option<u64> {
        at(&self.version.path).and_then(|value| self.version.read(&value))
    }
}

/// The event, if it fits a message: the converter lets no other through.
fn that_fits(event: Event) -> Result<Event, String> {
    let size = event.size();
    if size <= EVENT_LIMIT {
        return Ok(event);
    }
    Err(format!("the event has {size} bytes with its attributes; at most {EVENT_LIMIT} fit a message"))
}

/// A time that an event's message can carry.
fn time(value: Option<Key>) -> Option<EventTime> {
    match value {
        Some(Key::S(text) | Key::N(text)) if text.len() <= TEXT_LIMIT => EventTime::try_from_text(&text),
        _ => None,
    }
}
