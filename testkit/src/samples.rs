//! Generated values, for property tests.

pub mod image;
pub mod ledger;
