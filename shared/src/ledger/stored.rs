//! The ledger's items as DynamoDB keeps them, in names and types that an operator reads in the console.
//!
//! By hand, not by serde: an aggregate's key is a DynamoDB value of its own type, a number of up to 38 digits perhaps,
//! which serde's numbers do not hold; and what is damaged is named by its attribute.

#[cfg(any(test, feature = "dynamodb"))]
mod fields;
mod instant;
#[cfg(any(test, feature = "dynamodb"))]
mod restore;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(any(test, feature = "testing"))]
mod size;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::{ClientId, ItemKey, WalkKind};

#[cfg(any(test, feature = "dynamodb"))]
pub(crate) use restore::restore;
#[cfg(any(test, feature = "testing"))]
pub(crate) use size::size;
pub(crate) use store::store;

/// The table's partition key.
pub(crate) const PK: &str = "pk";

/// The table's sort key.
pub(crate) const SK: &str = "sk";

/// A value of one of the types that the ledger uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    S(String),
    N(String),
    B(Vec<u8>),
    Bool(bool),
    M(Attributes),
    L(Vec<Value>),
    Ns(Vec<String>),
}

/// An item without its keys, or a map in it.
pub(crate) type Attributes = BTreeMap<String, Value>;

/// Why an item of the ledger cannot be read.
#[cfg(any(test, feature = "dynamodb"))]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attribute `{attribute}` {fault}")]
pub(crate) struct Damaged {
    /// The way to it: `clients.Billing.state`.
    pub(crate) attribute: String,
    /// What is wrong with it.
    pub(crate) fault: &'static str,
}

/// The key's values of [`PK`] and [`SK`].
pub(crate) fn keys(key: &ItemKey) -> (String, String) {
    let twice = |text: &str| (text.to_owned(), text.to_owned());
    match key {
        ItemKey::Control => twice("control"),
        ItemKey::Group(group) => (format!("group#{group}"), "group".to_owned()),
        ItemKey::Marker(client, group) => (behind(*client), group.as_str().to_owned()),
        ItemKey::Lease(client) => (format!("lease#{}", client.0), "lease".to_owned()),
        ItemKey::Walk(kind) => {
            let kind = match kind {
                WalkKind::History => "history",
                WalkKind::Reconcile => "reconcile",
            };
            (format!("walk#{kind}"), "walk".to_owned())
        }
    }
}

/// The partition of a client's markers.
pub(crate) fn behind(client: ClientId) -> String {
    format!("behind#{}", client.0)
}
