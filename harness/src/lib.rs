//! Test support, in no release: a local SQS, and drivers for the binaries.
//!
//! Everything listens on loopback, on a free port, and ends with the value that started it.

mod binaries;
mod child;
pub mod dynamodb;
mod http;
pub mod lambda;
pub mod rie;
pub mod sqs;
pub mod tables;

pub use binaries::{Functions, consumer, example, fanoutctl, functions, shipped_functions};
