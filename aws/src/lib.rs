//! The adapters: what the pure core asks for at its ports, and what operators' tools ask, done by AWS.

pub mod clock;
pub mod dynamodb;
pub mod lambda;
#[cfg(feature = "operator")]
pub mod operator;
mod sdk;
pub mod sqs;
