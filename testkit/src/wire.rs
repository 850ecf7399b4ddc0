//! Doubles on the wire: a local SQS and DynamoDB, and drivers for the binaries.
//!
//! Everything listens on loopback, on a free port, and ends with the value that started it.

mod binaries;
mod child;
pub mod dynamodb;
mod http;
pub mod lambda;
pub mod rie;
pub mod scripted;
pub mod sqs;
pub mod tables;

pub use self::binaries::{Functions, consumer, example, fanoutctl, functions, shipped_functions};
