//! The converter between a stream and queues in memory.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

mod logs;
mod metrics;
mod records;
mod resend;
mod world;
