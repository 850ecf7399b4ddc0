//! The companion, from outside: its store, over DynamoDB in memory and on a scripted wire, and its routes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

mod command;
mod http;
mod lambda;
mod metrics;
mod page;
mod store;
mod template;
