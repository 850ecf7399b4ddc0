//! What look-ups and scans read of an item, whether or not it can be an event.

use super::{EventTime, Row, RowHead, ScannedRow};
use crate::config::{Path, Source, VersionPlace};
use crate::event::{Event, EventError, TEXT_LIMIT, own_id};
use crate::ids::{EventIdentity, Key};
use crate::message::EVENT_LIMIT;

/// The places of an item's keys, id, version and time: `[source]`, prepared once.
#[derive(Clone, Debug)]
pub struct Columns {
    /// Of the partition key.
    pub partition: Path,
    /// Of the sort key.
    pub sort: Path,
    /// Of the event's own id, if the source has any.
    pub id: Option<Path>,
    /// Of the version.
    pub version: VersionPlace,
    /// Of the time, if the source has any.
    pub time: Option<Path>,
}

impl Columns {
    /// As `source` says.
    pub fn new(source: &Source) -> Self {
        let attribute = |name: &String| Path(vec![name.clone()]);
        Self {
            partition: attribute(&source.partition_key),
            sort: attribute(&source.sort_key),
            id: source.id.clone(),
            version: source.version.clone(),
            time: source.time.clone(),
        }
    }

    /// The row of an item that was read as `event`, which is none if its message would be larger than any queue takes;
    /// `at` returns the key that the item has at a path. `None` if it has no sort key, which no item lacks.
    pub fn row(&self, event: Result<Event, EventError>, at: impl Fn(&Path) -> Option<Key>) -> Option<Row> {
        let event = event.map_err(|error| error.to_string()).and_then(that_fits);
        Some(Row { head: self.head(at)?, event })
    }

    /// The same of an item that only its keys, id, version and time were read of. `None` if it has no keys.
    pub fn seen(&self, at: impl Fn(&Path) -> Option<Key>) -> Option<ScannedRow> {
        Some(ScannedRow { key: at(&self.partition)?, head: self.head(at)? })
    }

    /// What tells the item's event from others. `None` if it has no sort key.
    pub fn identity(&self, at: impl Fn(&Path) -> Option<Key>) -> Option<EventIdentity> {
        let id = self.id.as_ref().and_then(&at).as_ref().and_then(own_id);
        Some(EventIdentity { sort: at(&self.sort)?, id })
    }

    fn head(&self, at: impl Fn(&Path) -> Option<Key>) -> Option<RowHead> {
        let version = at(&self.version.path).and_then(|value| self.version.read(&value));
        let time = self.time.as_ref().and_then(&at).and_then(time);
        Some(RowHead { identity: self.identity(at)?, version, time })
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
fn time(value: Key) -> Option<EventTime> {
    match value {
        Key::S(text) | Key::N(text) if text.len() <= TEXT_LIMIT => EventTime::try_from_text(&text),
        _ => None,
    }
}
