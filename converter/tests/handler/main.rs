//! The converter between a stream and queues in memory.

mod logs;
mod metrics;
mod records;
mod resend;
mod world;
