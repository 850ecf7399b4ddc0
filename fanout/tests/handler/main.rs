//! The fan-out between queues and tables in memory.

mod fan_out;
mod ledger_world;
mod logs;
mod metrics;
mod world;
