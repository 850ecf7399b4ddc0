//! What every ledger and every event table must do. The same checks run against the doubles and against DynamoDB.
//!
//! Each check panics with what is wrong.

#![expect(clippy::expect_used, clippy::panic, reason = "a check reports by panicking")]

pub mod events;
pub mod ledger;
