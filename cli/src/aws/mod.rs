//! The edge: one file per service, and what a command ends with when a call fails.

mod call;
pub mod cloudwatch;
pub mod dynamodb;
pub mod kms;
pub mod lambda;
pub mod ledger;
pub mod sqs;
mod stack;
pub mod sts;
pub mod table;

pub use deploy::call::{CallError, CallFault};
