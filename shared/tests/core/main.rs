//! Tests that need doubles or samples: ordered sending, the ledger's decisions over an event table, stored items.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test reports by panicking"
)]

mod catch_up;
mod columns;
mod consumer;
mod consumer_streams;
mod metrics;
mod send;
mod stored;
