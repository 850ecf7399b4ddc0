//! The push functions between queues, targets and a catch-up in memory.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "in tests a panic is the report"
)]

mod stories;
mod trial;
mod world;
