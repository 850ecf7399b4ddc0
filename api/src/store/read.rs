//! What is read: an aggregate's state, its events, one event, events by name, and which aggregates there are.

use super::error::StoreError;
use super::items::{EventItem, StateItem};
use super::port::{Bounds, DynamoDb, Page, Query, Scan};
use super::schema::{KEY, KIND, Kind};
use super::value::{Map, Value};
use super::{Store, Surroundings};
use crate::event_time::EventTime;

/// Events, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// The events.
    pub events: Vec<EventItem>,
    /// The aggregate and the time of the last event that was read. If there is one, there may be no more events.
    pub next: Option<(String, EventTime)>,
}

/// Aggregates, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregates {
    /// The aggregates' states.
    pub states: Vec<StateItem>,
    /// Where to go on. If there is something, there may be no more aggregates.
    pub next: Option<String>,
}

/// Which events to read, over all aggregates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsByName<'q> {
    /// The events' name.
    pub name: &'q str,
    /// The least time.
    pub from: Option<EventTime>,
    /// The greatest time.
    pub to: Option<EventTime>,
    /// Whether the oldest come first.
    pub is_ascending: bool,
    /// How many at most.
    pub limit: u32,
    /// Where to go on: a page's `next`.
    pub after: Option<(String, EventTime)>,
}

impl<D: DynamoDb, S: Surroundings> Store<D, S> {
    /// The state, after all events that were appended before; `None` if the aggregate is not there. An aggregate that is being
    /// erased has its state until it is gone.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn state(&self, aggregate: &str) -> Result<Option<StateItem>, StoreError> {
        let keys = Kind::State.keys(aggregate);
        let item = self.reading(|| self.db.get(&self.schema.states, &keys)).await?;
        Ok(item.map(StateItem::try_from_item).transpose()?)
    }

    /// An aggregate's events in their order, after that with the time `after`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn events(
        &self,
        aggregate: &str,
        after: Option<EventTime>,
        limit: u32,
    ) -> Result<EventPage, StoreError> {
        self.events_within(aggregate, None, after, true, limit).await
    }

    /// The event with this id. An event that was just appended may not be found yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn event_by_id(&self, id: &str) -> Result<Option<EventItem>, StoreError> {
        let query = Query {
            table: &self.schema.events,
            index: Some(self.schema.id_index),
            partition: (self.schema.id, id),
            sort: None,
            is_ascending: true,
            limit: 1,
            start: None,
        };
        let page = self.reading(|| self.db.query(&query)).await?;
        let event = page.items.into_iter().next();
        Ok(event.map(|event| EventItem::try_from_item(event, &self.schema)).transpose()?)
    }

    /// Events of all aggregates with one name, by their times. Events that were just appended may not be among them yet.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn events_by_name(&self, wanted: &EventsByName<'_>) -> Result<EventPage, StoreError> {
        let (from, to) = (wanted.from.map(|time| time.to_string()), wanted.to.map(|time| time.to_string()));
        let start = wanted.after.as_ref().map(|(aggregate, time)| {
            let mut keys = self.schema.event_keys(aggregate, &time.to_string());
            keys.insert(self.schema.name.to_owned(), wanted.name.into());
            keys
        });
        let bounds = Bounds { from: from.as_deref(), to: to.as_deref() };
        let query = Query {
            table: &self.schema.events,
            index: Some(self.schema.name_index),
            partition: (self.schema.name, wanted.name),
            sort: Some((self.schema.sort, bounds)),
            is_ascending: wanted.is_ascending,
            limit: wanted.limit,
            start,
        };
        let page = self.reading(|| self.db.query(&query)).await?;
        self.event_page(page)
    }

    /// The aggregates that there are, in no particular order. It looks at `limit` items of the table at most, so that a page
    /// can have fewer, or none, and not be the last one.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn aggregates(&self, after: Option<&str>, limit: u32) -> Result<Aggregates, StoreError> {
        let start = after.map(|key| Map::from([(KEY.to_owned(), Value::from(key))]));
        let scan = Scan { table: &self.schema.states, filter: (KIND, Kind::State.as_str()), limit, start };
        let Page { items, next } = self.reading(|| self.db.scan(&scan)).await?;
        let states = items.into_iter().map(StateItem::try_from_item).collect::<Result<_, _>>()?;
        let next = next.and_then(|keys| keys.get(KEY)?.as_text().map(str::to_owned));
        Ok(Aggregates { states, next })
    }

    /// An aggregate's events up to the time `to`, after that with the time `after`, in the order of their times or the reverse.
    pub(super) async fn events_within(
        &self,
        aggregate: &str,
        to: Option<EventTime>,
        after: Option<EventTime>,
        is_ascending: bool,
        limit: u32,
    ) -> Result<EventPage, StoreError> {
        let to = to.map(|time| time.to_string());
        let query = Query {
            table: &self.schema.events,
            index: None,
            partition: (self.schema.partition, aggregate),
            sort: to.as_deref().map(|to| (self.schema.sort, Bounds { from: None, to: Some(to) })),
            is_ascending,
            limit,
            start: after.map(|time| self.schema.event_keys(aggregate, &time.to_string())),
        };
        let page = self.reading(|| self.db.query(&query)).await?;
        self.event_page(page)
    }

    fn event_page(&self, page: Page) -> Result<EventPage, StoreError> {
        let next = page.next.and_then(|keys| {
            let aggregate = keys.get(self.schema.partition)?.as_text()?.to_owned();
            let time = EventTime::try_from_text(keys.get(self.schema.sort)?.as_text()?).ok()?;
            Some((aggregate, time))
        });
        let events = page.items.into_iter().map(|item| EventItem::try_from_item(item, &self.schema));
        Ok(EventPage { events: events.collect::<Result<_, _>>()?, next })
    }
}
