//! What operators' tools ask of AWS: one file for each service, or part of one. Values go in and come out; what is made
//! of them is the tools' affair. Behind the feature `operator`: the functions link nothing of it.

mod call;
pub mod cloudformation;
pub mod cloudwatch;
pub mod items;
pub mod kms;
pub mod lambda;
pub mod ledger;
mod origin;
pub mod s3;
pub mod sqs;
pub mod table;
pub mod target;

pub use self::call::{CallError, CallFault};
pub use self::origin::Origin;
pub use self::target::Target;
