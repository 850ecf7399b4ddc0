//! `fanoutctl`, the operator's tool.
//!
//! A command ([`commands`]) collects facts at the edge (`aws::operator`), decides on values, and prints what it found
//! ([`output`]). [`exit`] maps every outcome and every error to a documented exit status.

pub mod access;
pub mod args;
pub mod client_status;
pub mod commands;
pub mod config_edit;
pub mod context;
pub mod cost;
pub mod erasures;
pub mod event_table;
pub mod exit;
pub mod finding;
pub mod groups_behind;
pub mod key;
pub mod output;
pub mod page;
pub mod plan;
pub mod policy;
pub mod prices;
pub mod progress;
pub mod rejections;
pub mod targets;
pub mod test_events;
pub mod unsettled;
pub mod views;
