//! Marks in a store: the domain decides, the store keeps.

use crate::event_time::EventTime;
use crate::mark::{Command, Event, EventName, Ids, Mark, Refusal, RegistrationNumber, decide, evolve};
use crate::store::port::DynamoDb;
use crate::store::value::{InvalidValue, Map, Value, from_map, to_map};
use crate::store::{
    Aggregates, Append, AppendError, Before, Decision, EraseError, Erasure, EventItem, EventPage,
    EventsByName, RebuildError, Receipt, RequestId, Schema, StateItem, Store, StoreError, Surroundings,
    Until,
};

/// The attribute of an event that has the mark's state after it.
const STATE: &str = "RegistrationNumber";

/// How many chunks of an erasure one request does: about 10,000 events, in seconds.
const CHUNKS: u32 = 100;

/// The marks of a store.
#[derive(Debug)]
pub struct Marks<D, S> {
    store: Store<D, S>,
}

/// Why a command has no event.
#[derive(Debug, thiserror::Error)]
pub enum Denial {
    /// The mark does not allow it.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// What the store has of the mark is not what this service writes.
    #[error("the mark's state is damaged: {0}")]
    Damage(String),
}

/// The tables as `client-queues.toml` and `api/template.yml` have them.
pub fn schema(events: impl Into<String>, states: impl Into<String>) -> Schema {
    Schema {
        events: events.into(),
        states: states.into(),
        partition: "mark",
        sort: "createTime",
        id: "eventId",
        name: "eventName",
        version: &[STATE, "version"],
        id_index: "EventId",
        name_index: "EventName",
    }
}

impl<D: DynamoDb, S: Surroundings> Marks<D, S> {
    /// The marks in `store`, which has the tables of [`schema`].
    pub fn new(store: Store<D, S>) -> Self {
        Self { store }
    }

    /// Carries out a command, on the terms that the store knows.
    ///
    /// # Errors
    ///
    /// [`AppendError`].
    pub async fn execute(
        &self,
        command: &Command,
        expected: Option<u64>,
        request: Option<&RequestId>,
    ) -> Result<Receipt, AppendError<Denial>> {
        let append = Append { aggregate: command.mark().as_str(), expected, request };
        self.store.append(append, |before| decision(command, &before)).await
    }

    /// The mark as it is.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn state(&self, mark: &Mark) -> Result<Option<StateItem>, StoreError> {
        self.store.state(mark.as_str()).await
    }

    /// The mark as it was, from its events.
    ///
    /// # Errors
    ///
    /// [`RebuildError`].
    pub async fn rebuild(
        &self,
        mark: &Mark,
        until: Until,
    ) -> Result<Option<RegistrationNumber>, RebuildError<String>> {
        let evolve = |state, item| {
            let event = event(item).map_err(|invalid| invalid.to_string())?;
            evolve(state, &event).map_err(|misfit| misfit.to_string())
        };
        self.store.rebuild(mark.as_str(), until, evolve).await
    }

    /// The mark's events after that with the time `after`.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn events(
        &self,
        mark: &Mark,
        after: Option<EventTime>,
        limit: u32,
    ) -> Result<EventPage, StoreError> {
        self.store.events(mark.as_str(), after, limit).await
    }

    /// One event.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn event(&self, id: &str) -> Result<Option<EventItem>, StoreError> {
        self.store.event_by_id(id).await
    }

    /// Events of all marks.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn events_by_name(&self, wanted: &EventsByName<'_>) -> Result<EventPage, StoreError> {
        self.store.events_by_name(wanted).await
    }

    /// The marks that there are.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn marks(&self, after: Option<&str>, limit: u32) -> Result<Aggregates, StoreError> {
        self.store.aggregates(after, limit).await
    }

    /// Forgets the mark, or a part of a long one.
    ///
    /// # Errors
    ///
    /// [`EraseError`].
    pub async fn erase(&self, mark: &Mark, expected: Option<u64>) -> Result<Erasure, EraseError> {
        self.store.erase(mark.as_str(), expected, CHUNKS).await
    }
}

/// The event as JSON, as the pipeline's messages have it.
pub fn event_json(event: &EventItem) -> Map {
    let schema = schema("", "");
    let mut json = event.body.clone();
    json.extend(
        [
            (schema.partition, event.aggregate.clone()),
            (schema.sort, event.time.to_string()),
            (schema.id, event.id.clone()),
            (schema.name, event.name.clone()),
        ]
        .map(|(name, text)| (name.to_owned(), Value::Text(text))),
    );
    json
}

fn decision(command: &Command, before: &Before<'_>) -> Result<Decision, Denial> {
    let damage = |invalid: InvalidValue| Denial::Damage(invalid.to_string());
    let state = before.state.map(|item| from_map::<RegistrationNumber>(item.state.clone()));
    let state = state.transpose().map_err(damage)?;
    let certificate_no = format!("{:010}", before.random % 10_000_000_000);
    let ids = Ids { event_id: before.event_id.to_owned(), certificate_no };
    let event = decide(state.as_ref(), command, before.time, ids)?;
    let after = evolve(state, &event).map_err(|misfit| Denial::Damage(misfit.to_string()))?;
    let state = to_map(&after).map_err(damage)?;
    let body = Map::from([(STATE.to_owned(), Value::Map(state.clone()))]);
    Ok(Decision { name: event.name.as_str().to_owned(), body, state })
}

fn event(item: EventItem) -> Result<Event, InvalidValue> {
    let EventItem { time, id, name, mut body, .. } = item;
    let name = EventName::from_text(&name)
        .ok_or_else(|| InvalidValue::Type(format!("no event of a mark is called `{name}`")))?;
    match body.remove(STATE) {
        Some(Value::Map(state)) => Ok(Event { id, name, time, registration_number: from_map(state)? }),
        _ => Err(InvalidValue::NotAnObject),
    }
}
