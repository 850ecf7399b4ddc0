//! The edge: one file per service, and one place that classifies what calls fail with.

mod call;
pub mod cloudwatch;
pub mod dynamodb;
pub mod invoke;
pub mod kms;
pub mod lambda;
pub mod sqs;
mod stack;
pub mod table;

pub use call::{CallError, CallFault};
