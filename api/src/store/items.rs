//! The items of both tables, written and read.

use serde::Serialize;

use super::error::Damage;
use super::schema::{EXPIRES, KEY, KIND, Kind, Schema};
use super::value::{Map, Value};
use crate::event_time::EventTime;

/// An event as the event table has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventItem {
    /// What it is about.
    pub aggregate: String,
    /// When it happened; no two events of an aggregate have the same time.
    pub time: EventTime,
    /// Its own id.
    pub id: String,
    /// What happened.
    pub name: String,
    /// Its number in the aggregate: 1, 2, 3 ….
    pub version: u64,
    /// All other attributes, the one that the version is in included.
    pub body: Map,
}

/// The state of an aggregate after its last event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateItem {
    /// What it is about.
    pub aggregate: String,
    /// The last event's number.
    pub version: u64,
    /// The last event's time.
    pub time: EventTime,
    /// The last event's id.
    pub event_id: String,
    /// What the events made of the aggregate.
    pub state: Map,
}

/// That an aggregate is being erased, or was. It has no version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ErasureItem {
    pub(super) aggregate: String,
    /// Which erasure: another one of the same aggregate has another id.
    pub(super) id: String,
    /// The time of the aggregate's last event: who takes its name begins later.
    pub(super) last_time: EventTime,
    /// When DynamoDB may forget it; `None` while the aggregate is being erased.
    pub(super) expires: Option<i64>,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestItem {
    pub(super) key: String,
    /// What was asked for.
    pub(super) digest: String,
    pub(super) version: u64,
    pub(super) time: EventTime,
    pub(super) event_id: String,
    pub(super) expires: i64,
}

const AGGREGATE: &str = "aggregate";
const DIGEST: &str = "digest";
const ERASURE: &str = "erasure";
const EVENT_ID: &str = "eventId";
const STATE: &str = "state";
const TIME: &str = "time";
const VERSION: &str = "version";

impl EventItem {
    pub(super) fn to_item(&self, schema: &Schema) -> Result<Map, Damage> {
        let own = [schema.partition, schema.sort, schema.id, schema.name];
        if let Some(own) = own.into_iter().find(|own| self.body.contains_key(*own)) {
            return Err(Damage(format!(
                "an event is decided on whose body has `{own}`, which the store writes"
            )));
        }
        let mut item = self.body.clone();
        item.extend(schema.event_keys(&self.aggregate, &self.time.to_string()));
        item.insert(schema.id.to_owned(), self.id.as_str().into());
        item.insert(schema.name.to_owned(), self.name.as_str().into());
        if version_of(&item, schema) == Some(self.version) {
            Ok(item)
        } else {
            Err(Damage(format!(
                "an event is decided on whose `{}` is not {}",
                schema.version.join("."),
                self.version
            )))
        }
    }

    pub(super) fn try_from_item(mut item: Map, schema: &Schema) -> Result<Self, Damage> {
        let version = version_of(&item, schema);
        let version =
            version.ok_or_else(|| Damage(format!("an event without `{}`", schema.version.join("."))))?;
        let aggregate = take_text(&mut item, schema.partition)?;
        let time = take_time(&mut item, schema.sort)?;
        let (id, name) = (take_text(&mut item, schema.id)?, take_text(&mut item, schema.name)?);
        Ok(Self { aggregate, time, id, name, version, body: item })
    }
}

impl StateItem {
    pub(super) fn to_item(&self) -> Map {
        let mut item = item(Kind::State, &self.aggregate);
        item.insert(VERSION.to_owned(), self.version.into());
        item.insert(TIME.to_owned(), self.time.to_string().into());
        item.insert(EVENT_ID.to_owned(), self.event_id.as_str().into());
        item.insert(STATE.to_owned(), Value::Map(self.state.clone()));
        item
    }

    pub(super) fn try_from_item(mut item: Map) -> Result<Self, Damage> {
        let (aggregate, event_id) = (take_text(&mut item, AGGREGATE)?, take_text(&mut item, EVENT_ID)?);
        let (version, time) = (take_number(&mut item, VERSION)?, take_time(&mut item, TIME)?);
        match item.remove(STATE) {
            Some(Value::Map(state)) => Ok(Self { aggregate, version, time, event_id, state }),
            _ => Err(lacks(STATE)),
        }
    }

    /// What holds as long as the item is this one. The id tells the version from the same one of an aggregate that was
    /// erased and created anew.
    pub(super) fn is_unchanged(&self) -> [(&'static str, Value); 2] {
        [(VERSION, self.version.into()), (EVENT_ID, self.event_id.as_str().into())]
    }
}

impl ErasureItem {
    pub(super) fn kind(&self) -> Kind {
        if self.expires.is_some() { Kind::Erased } else { Kind::Erasing }
    }

    pub(super) fn to_item(&self) -> Map {
        let mut item = item(self.kind(), &self.aggregate);
        item.insert(ERASURE.to_owned(), self.id.as_str().into());
        item.insert(TIME.to_owned(), self.last_time.to_string().into());
        item.extend(self.expires.map(|expires| (EXPIRES.to_owned(), expires.into())));
        item
    }

    pub(super) fn try_from_item(mut item: Map) -> Result<Self, Damage> {
        let (aggregate, id) = (take_text(&mut item, AGGREGATE)?, take_text(&mut item, ERASURE)?);
        let last_time = take_time(&mut item, TIME)?;
        let expires = match take_text(&mut item, KIND)?.as_str() {
            "erased" => Some(take_seconds(&mut item)?),
            _ => None,
        };
        Ok(Self { aggregate, id, last_time, expires })
    }

    /// What holds as long as the item is this one.
    pub(super) fn is_unchanged(&self) -> [(&'static str, Value); 2] {
        [(ERASURE, self.id.as_str().into()), (KIND, self.kind().as_str().into())]
    }
}

impl RequestItem {
    pub(super) fn to_item(&self) -> Map {
        let mut item = item(Kind::Request, &self.key);
        item.insert(DIGEST.to_owned(), self.digest.as_str().into());
        item.insert(VERSION.to_owned(), self.version.into());
        item.insert(TIME.to_owned(), self.time.to_string().into());
        item.insert(EVENT_ID.to_owned(), self.event_id.as_str().into());
        item.insert(EXPIRES.to_owned(), self.expires.into());
        item
    }

    pub(super) fn try_from_item(mut item: Map) -> Result<Self, Damage> {
        Ok(Self {
            key: take_text(&mut item, AGGREGATE)?,
            digest: take_text(&mut item, DIGEST)?,
            version: take_number(&mut item, VERSION)?,
            time: take_time(&mut item, TIME)?,
            event_id: take_text(&mut item, EVENT_ID)?,
            expires: take_seconds(&mut item)?,
        })
    }
}

/// An item of the table of states that is about `subject`.
fn item(kind: Kind, subject: &str) -> Map {
    Map::from([
        (KEY.to_owned(), kind.key(subject)),
        (KIND.to_owned(), kind.as_str().into()),
        (AGGREGATE.to_owned(), subject.into()),
    ])
}

fn version_of(item: &Map, schema: &Schema) -> Option<u64> {
    let (first, rest) = schema.version.split_first()?;
    let value = rest.iter().try_fold(item.get(*first)?, |value, name| match value {
        Value::Map(members) => members.get(*name),
        _ => None,
    });
    value?.as_u64()
}

fn take_text(item: &mut Map, name: &'static str) -> Result<String, Damage> {
    match item.remove(name) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(lacks(name)),
    }
}

fn take_time(item: &mut Map, name: &'static str) -> Result<EventTime, Damage> {
    EventTime::try_from_text(&take_text(item, name)?).map_err(|_| lacks(name))
}

fn take_number(item: &mut Map, name: &'static str) -> Result<u64, Damage> {
    item.remove(name).and_then(|value| value.as_u64()).ok_or_else(|| lacks(name))
}

fn take_seconds(item: &mut Map) -> Result<i64, Damage> {
    take_number(item, EXPIRES)?.try_into().map_err(|_| lacks(EXPIRES))
}

fn lacks(name: &str) -> Damage {
    Damage(format!("an item without a usable `{name}`"))
}
