//! The adapters of the functions: what the pure core asks for at its ports, done by AWS.

pub mod clock;
pub mod dynamodb;
pub mod lambda;
mod sdk;
pub mod sqs;
