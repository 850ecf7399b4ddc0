//! The pure core of the pipeline: what an event is, how it becomes JSON, who gets it, and how it is sent in order.
//!
//! Nothing here knows AWS, a runtime, a clock or the environment: `.ci/checks/tree.sh` proves it.

pub mod batch;
pub mod budget;
pub mod clock;
pub mod config;
pub mod consumer;
pub mod control;
pub mod erasure;
pub mod event;
pub mod exchange;
pub mod file_clients;
pub mod filter;
pub mod ids;
pub mod image;
pub mod ledger;
pub mod message;
pub mod metrics;
pub mod naming;
pub mod nearest;
pub mod panics;
pub mod path;
pub mod pattern;
pub mod public_address;
mod quoted;
pub mod rejection;
pub mod route;
pub mod sample;
pub mod send;
pub mod set_aside;
pub mod text;
pub mod time;
pub mod view;
pub mod visibility;
