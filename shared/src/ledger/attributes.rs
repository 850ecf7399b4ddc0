//! The attributes of an item, as the table has them.

use std::collections::BTreeMap;

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
