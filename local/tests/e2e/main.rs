//! What needs a local stack or the release binaries: from the command lines that people type to the messages that clients
//! get. Each test has a MiniStack of its own.

// The longest, and so the first.
mod all_targets;
mod command;
mod companion;
mod consumer_trial;
mod consumers;
mod deployed;
mod emulator;
mod erasures;
mod event_store;
mod expanded;
mod fifo_contract;
mod ledger;
mod ledger_contract;
mod ledger_scenarios;
mod operator_check;
mod operator_config;
mod operator_deploy;
mod operator_drill;
mod operator_ledger;
mod operator_rejected;
mod operator_story;
mod patterns;
mod pipeline;
mod push_check;
mod support;
mod views;
