//! The edge: one file per service.

pub mod cloudwatch;
pub mod dynamodb;
pub mod kms;
pub mod lambda;
pub mod ledger;
pub mod sqs;
pub mod sts;
pub mod table;

pub use deploy::call::{CallError, CallFault};
