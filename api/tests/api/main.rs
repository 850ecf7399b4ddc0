//! The companion, from outside: its store, over DynamoDB in memory and on a scripted wire, its routes, and events of other aggregates.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

mod command;
mod events;
mod http;
mod lambda;
mod metrics;
mod page;
mod store;
mod template;
