//! Catch-up over queues, ledger and event table in memory: clients that are behind, control requests, maintenance.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test reports by panicking"
)]

mod asked;
mod clients;
#[path = "../../../fanout/tests/handler/world/mod.rs"]
#[allow(dead_code, reason = "the fan-out's own world; only its wire and its payloads are used here")]
mod deliveries;
mod erasures;
mod faults;
mod first_sight;
mod holds;
mod logs;
mod long;
mod maintenance;
mod passes;
mod push;
mod rebuild;
mod requests;
mod scans;
mod world;
