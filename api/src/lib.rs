//! The companion: an event-sourced API that keeps registration marks by commands and events.
//!
//! - [`mark`] decides: what a command does to a mark, and what an event says. Pure: no I/O, no clock, no randomness.
//! - [`store`] keeps: an event store on DynamoDB that knows nothing about marks.
//! - [`marks`] brings them together, and [`http`] is the way in; [`metrics`] counts what comes that way.

pub mod event_time;
pub mod http;
pub mod mark;
pub mod marks;
pub mod metrics;
pub mod store;
pub mod surroundings;
