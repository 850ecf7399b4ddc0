//! An event store on DynamoDB, for any kind of aggregate: append, read, rebuild, erase, query.
//!
//! It knows nothing about what events mean, and nothing of this crate but [`EventTime`](crate::event_time::EventTime): both can
//! be lifted into another service. What it promises:
//!
//! - **One transaction for each event**: the event, on condition that its key is new; the aggregate's state, on condition that it
//!   still is what was decided on; and the answer to the request, so that a repeated request is answered and not carried out
//!   again.
//! - **Versions are 1, 2, 3 …**, without a hole and none twice; **times grow with them**, whatever the clock does, also
//!   from an aggregate that was erased to the one that takes its name.
//! - **An aggregate is erased as a whole**, however many events it has, from its last event to its first, and whoever
//!   dies meanwhile can be replaced.
//!
//! Two tables: events, of which each item is one, so that a stream of the table shows nothing else; and states, with what
//! else the store remembers.

mod append;
mod dynamodb;
mod erase;
mod error;
mod items;
pub mod memory;
pub mod port;
mod read;
mod rebuild;
mod retry;
mod schema;
pub mod value;

use std::future::Future;
use std::time::Duration;

use crate::event_time::EventTime;

pub use self::append::{Append, AppendError, Before, Decision, Receipt, RequestId};
pub use self::dynamodb::SdkDynamoDb;
pub use self::erase::{EraseError, Erasure};
pub use self::error::{Damage, StoreError};
pub use self::items::{EventItem, StateItem};
pub use self::read::{Aggregates, EventPage, EventsByName};
pub use self::rebuild::{RebuildError, Until};
pub use self::retry::ATTEMPTS;
pub use self::schema::Schema;

/// What a store can't know by itself.
pub trait Surroundings: Sync {
    /// The time, as far as this machine knows it.
    fn now(&self) -> EventTime;

    /// A number that nobody had before, and nobody can guess.
    fn random(&self) -> u128;

    /// Waits for as long as `duration`.
    fn pause(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}

/// The store: a port to DynamoDB, what it can't know by itself, and how its tables and attributes are called.
#[derive(Debug)]
pub struct Store<D, S> {
    db: D,
    surroundings: S,
    schema: Schema,
}

impl<D: port::DynamoDb, S: Surroundings> Store<D, S> {
    /// A store whose tables are there.
    pub fn new(db: D, surroundings: S, schema: Schema) -> Self {
        Self { db, surroundings, schema }
    }

    /// A version 4 UUID.
    fn uuid(&self) -> String {
        let random = self.surroundings.random();
        let part = |shift: u32, mask: u128| random >> shift & mask;
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            part(96, 0xFFFF_FFFF),
            part(80, 0xFFFF),
            part(64, 0xFFF),
            0x8000 | part(48, 0x3FFF),
            part(0, 0xFFFF_FFFF_FFFF)
        )
    }
}
