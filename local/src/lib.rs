//! The pipeline on one machine: `template.yml` deployed on MiniStack, events written, every client followed.
//!
//! [`stack::Stack`] is the deployed stack and [`run::run`] the main job; the rest is what they are made of.

pub mod args;
pub mod check;
pub mod command;
pub mod companion;
pub mod connection;
pub mod event;
pub mod follow;
pub mod json;
pub mod marks;
pub mod ministack;
pub mod parameter;
pub mod processes;
pub mod progress;
pub mod python;
pub mod receiver;
pub mod redirect;
pub mod report;
pub mod run;
pub mod stack;
pub mod tables;
pub mod workspace;
pub mod write;
