//! Packages the two functions and deploys the stack, to AWS or to an emulator of it.
//!
//! Nothing here prints: what happens goes to the caller's progress callback, what fails is a value.

mod bucket;
mod error;
mod follow;
pub mod functions;
pub mod package;
pub mod settings;
pub mod stack;
pub mod target;
pub mod template;
