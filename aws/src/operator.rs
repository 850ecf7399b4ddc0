//! What operators' tools ask of AWS: one file for each service, or part of one. Values go in and come out; what is made
//! of them is the tools' affair. Behind the feature `operator`: the functions link nothing of it.

mod asking;
pub mod bus;
mod call;
mod certificate;
pub mod cloudformation;
pub mod cloudwatch;
pub mod host;
pub mod http_api;
pub mod items;
pub mod kms;
pub mod lambda;
pub mod ledger;
mod origin;
pub mod s3;
pub mod secret;
mod services;
pub mod sqs;
pub mod stream;
pub mod table;
pub mod target;
pub mod topic;

pub use self::call::{CallError, CallFault};
pub use self::origin::Origin;
pub use self::target::Target;
