//! DynamoDB stream → fan-out queue: each record becomes an event's message, a letter, or is skipped.
//!
//! Data flows one way: payload → records ([`record`]) → messages and letters → outcomes → response ([`handler`]).

pub mod handler;
pub mod record;
pub mod replay;
