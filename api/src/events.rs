//! Events of other aggregates, of producers who have no store of their own: by HTTP and by a queue, through the same
//! [store](crate::store) as marks.
//!
//! They have tables of their own. So no producer can append to a mark or stand in its way, whatever name it gives its
//! aggregate: the tables of marks are out of its reach, and a right to the ones is none to the others. A pipeline reads
//! their stream with a plain `[source]`, as docs/event-source/producers.md has it.
//!
//! - [`NewEvent`] is what a producer asks for, read and checked, whichever way it came; a [`Refusal`] says why not.
//! - [`Schemas`] are what bodies are held against: one JSON Schema for each name of an event, or none.
//! - [`OtherEvents`] appends; [`intake`] does so for the messages of a queue, and `http` for requests.

pub mod intake;
mod message;
mod refusal;
mod request;
mod schemas;
mod values;

use std::convert::Infallible;

use crate::store::port::DynamoDb;
use crate::store::value::{Map, Value};
use crate::store::{Append, AppendError, Before, Decision, Receipt, Schema, Store, StoreError, Surroundings};

pub use self::refusal::{Refusal, RefusalKind};
pub use self::request::{NewEvent, PostedEvent};
pub use self::schemas::{InvalidSchema, SchemaViolation, Schemas};
pub use self::values::{Aggregate, EventName, RequestKey};

/// The attribute of an event that has its number in its aggregate.
const VERSION: &str = "version";

/// The attribute of an event that has what its producer says.
const BODY: &str = "body";

/// Events of other aggregates, in a store.
#[derive(Debug)]
pub struct OtherEvents<D, S> {
    store: Store<D, S>,
    schemas: Schemas,
}

/// Why an event is not appended.
#[derive(Debug, thiserror::Error)]
pub enum NotAppended {
    /// It never will be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store can't, this time.
    #[error(transparent)]
    Store(StoreError),
}

/// The tables as `api/template.yml` has them.
pub fn schema(events: impl Into<String>, states: impl Into<String>) -> Schema {
    Schema {
        events: events.into(),
        states: states.into(),
        partition: "aggregate",
        sort: "createTime",
        id: "eventId",
        name: "eventName",
        version: &[VERSION],
        id_index: "EventId",
        name_index: "EventName",
    }
}

impl<D: DynamoDb, S: Surroundings> OtherEvents<D, S> {
    /// The events in `store`, which has the tables of [`schema`]; bodies are held against `schemas`.
    pub fn new(store: Store<D, S>, schemas: Schemas) -> Self {
        Self { store, schemas }
    }

    /// What bodies are held against.
    pub fn schemas(&self) -> &Schemas {
        &self.schemas
    }

    /// Appends `event`, on the terms that it names. The same event under the same id is answered again and not appended
    /// again, for a day.
    ///
    /// # Errors
    ///
    /// [`NotAppended`]. Nothing was appended, but for [`StoreError::Unknown`].
    pub async fn append(&self, event: &NewEvent) -> Result<Receipt, NotAppended> {
        let request = event.request_id();
        let append = Append {
            aggregate: event.aggregate.as_str(),
            expected: event.expected,
            request: request.as_ref(),
        };
        let appended =
            self.store.append(append, |before| Ok::<_, Infallible>(decision(event, &before))).await;
        appended.map_err(not_appended)
    }
}

/// The event as an item. Nothing is known of an aggregate but what the store knows: its last version, time and id.
fn decision(event: &NewEvent, before: &Before<'_>) -> Decision {
    let body = Map::from([
        (VERSION.to_owned(), before.version.into()),
        (BODY.to_owned(), Value::Map(event.body.clone())),
    ]);
    Decision { name: event.name.as_str().to_owned(), body, state: Map::new() }
}

/// What never changes is a refusal; what may pass is the store's.
fn not_appended(error: AppendError<Infallible>) -> NotAppended {
    match error {
        AppendError::Refused(never) => match never {},
        AppendError::Version { expected, found } => Refusal::version(expected, found).into(),
        AppendError::RequestReused => Refusal::reused().into(),
        AppendError::Store(error) => NotAppended::Store(error),
    }
}
