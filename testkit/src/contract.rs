//! What every ledger, every event table and every FIFO queue must do. The same checks run against the doubles, and
//! against the real adapters.
//!
//! Each check panics with what is wrong.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a check reports by panicking"
)]

pub mod events;
pub mod fifo;
pub mod ledger;
pub mod push;
