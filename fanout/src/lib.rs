//! Fan-out queue → client queues: each message is copied to every client's queue, in order per group.
//!
//! Data flows one way: payload → messages ([`message`]) → events by group → runs per client → the ledger and what is
//! returned ([`handler`]). A client that does not take its messages becomes behind; the catch-up function brings it
//! what it misses.

pub mod handler;
pub mod message;
mod returned;
