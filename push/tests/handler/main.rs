//! The push functions between queues, targets and a catch-up in memory.

mod stories;
mod trial;
mod world;
