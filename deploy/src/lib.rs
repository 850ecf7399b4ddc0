//! Packages the functions and deploys the stack, to AWS or to an emulator of it.
//!
//! Nothing here prints: progress goes to the caller's callback, and a failure is a value.

mod binary;
mod bucket;
mod client_queue;
pub mod clients;
pub mod companion;
mod deployed;
mod error;
mod follow;
pub mod functions;
pub mod invoke;
mod kept;
mod kept_queue;
pub mod package;
mod parameters;
mod push_clients;
mod push_targets;
pub mod settings;
pub mod stack;
mod steps;
pub mod template;
