//! What the tests of the ledger share.

#![allow(dead_code, unused_imports, reason = "each test program uses a part")]

mod scene;
mod table;

pub(crate) use scene::{Scene, complete, rounds, those, version};
pub(crate) use table::{GroupStanding, Ledger, PATIENCE, until};
