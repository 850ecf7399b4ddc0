//! Fan-out queue → client queues: each message is copied to every client's queue, in order per group.
//!
//! Data flows one way: payload → messages ([`message`]) → runs per client ([`client`]) → what is returned
//! ([`handler`]). [`patience`] decides how long a client that does not take its messages is waited for.
//!
//! With versions, [`ledger`] takes the place of [`client`] and [`handler`]: a client that does not take its messages
//! becomes behind, and [`catch_up`] brings it what it misses.

mod bounded;
pub mod catch_up;
pub mod client;
pub mod handler;
pub mod ledger;
mod letters;
pub mod message;
pub mod patience;
pub mod replay;
mod returned;
