//! The ledger's items as DynamoDB keeps them, in names and types that an operator reads in the console.
//!
//! By hand, not by serde: an aggregate's key is a DynamoDB value of its own type, a number of up to 38 digits perhaps,
//! which serde's numbers do not hold; and what is damaged is named by its attribute.

mod fields;
mod instant;
mod restore;
#[cfg(any(test, feature = "testing"))]
pub mod samples;
#[cfg(any(test, feature = "testing"))]
mod size;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::{ClientId, ItemKey, ScanKind};

pub use restore::restore;
#[cfg(any(test, feature = "testing"))]
pub(crate) use size::size;
pub use store::store;

/// The table's partition key.
pub const PK: &str = "pk";

/// The table's sort key.
pub const SK: &str = "sk";

/// A value of one of the types that the ledger uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A string.
    S(String),
    /// A number.
    N(String),
    /// Bytes.
    B(Vec<u8>),
    /// True or false.
    Bool(bool),
    /// A map.
    M(Attributes),
    /// A list.
    L(Vec<Value>),
    /// A set of numbers.
    Ns(Vec<String>),
}

/// An item without its keys, or a map in it.
pub type Attributes = BTreeMap<String, Value>;

/// Why an item of the ledger cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attribute `{attribute}` {fault}")]
pub struct Damaged {
    /// The way to it: `clients.Billing.state`.
    pub attribute: String,
    /// What is wrong with it.
    pub fault: &'static str,
}

/// The key's values of [`PK`] and [`SK`].
pub fn keys(key: &ItemKey) -> (String, String) {
    let twice = |text: &str| (text.to_owned(), text.to_owned());
    match key {
        ItemKey::Registry => twice("registry"),
        ItemKey::Group(group) => (format!("group#{group}"), "group".to_owned()),
        ItemKey::Cursor(client, group) => (behind(*client), group.as_str().to_owned()),
        ItemKey::Lease(client) => (format!("lease#{}", client.0), "lease".to_owned()),
        ItemKey::Scan(kind) => {
            let kind = match kind {
                ScanKind::History => "history",
                ScanKind::Reconcile => "reconcile",
            };
            (format!("scan#{kind}"), "scan".to_owned())
        }
    }
}

/// The partition of a client's cursors.
pub fn behind(client: ClientId) -> String {
    format!("behind#{}", client.0)
}
