//! The fan-out between queues and tables in memory.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

mod fan_out;
mod ledger_world;
mod logs;
mod metrics;
mod world;
