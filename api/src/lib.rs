//! The companion: an event-sourced API that keeps registration marks by commands and events.
//!
//! - [`mark`] decides: what a command does to a mark, and what an event says. Pure: no I/O, no clock, no randomness.
//! - [`store`] keeps: an event store on DynamoDB that knows nothing about marks.
//! - [`marks`] brings them together, and [`http`] is the way in; [`metrics`] counts what comes that way.
//! - [`events`] keeps events of other aggregates, in tables of their own, for producers who bring no code.

pub mod event_time;
pub mod events;
pub mod http;
mod json;
pub mod mark;
pub mod marks;
pub mod metrics;
pub mod store;
pub mod surroundings;
