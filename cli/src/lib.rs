//! `fanoutctl`, the operator's tool.
//!
//! A command ([`commands`]) collects facts at the edge ([`aws`]), decides on values, and tells what it found
//! ([`output`]). [`exit`] maps every outcome to a documented exit status.

pub mod access;
pub mod args;
pub mod aws;
pub mod commands;
pub mod context;
pub mod exit;
pub mod orders;
pub mod output;
pub mod plan;
pub mod policy;
pub mod progress;
pub mod rejections;
pub mod replay;
pub mod standing;
