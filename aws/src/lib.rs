//! The adapters: what the pure core asks for at its ports, and what operators' tools ask, done by AWS.

pub mod access;
pub mod clock;
pub mod connections;
pub mod dynamodb;
mod host_name;
pub mod lambda;
mod lean;
#[cfg(feature = "operator")]
pub mod operator;
mod round_trip;
pub mod signed;
pub mod sqs;
pub mod web;
