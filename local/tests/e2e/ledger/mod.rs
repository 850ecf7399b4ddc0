//! What the tests of the ledger share.

mod scene;
mod table;

pub(crate) use scene::{Scene, complete, rounds, those, version};
pub(crate) use table::{GroupStanding, Ledger, PATIENCE, until};
