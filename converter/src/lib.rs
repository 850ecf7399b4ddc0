//! DynamoDB stream → fan-out queue: each record becomes an event's message, a rejection, or is skipped.
//!
//! Data flows one way: payload → records ([`record`]) → messages and rejections → outcomes → response ([`handler`]).

pub mod handler;
pub mod payload;
pub mod record;
pub mod replay;
