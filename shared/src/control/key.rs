//! Keys and places in the event table, in DynamoDB's JSON.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::ids::{Group, Key};
use crate::ledger::ScanPosition;

/// A key as DynamoDB writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TypedKey {
    /// A string.
    S(String),
    /// A number.
    N(String),
    /// Bytes, as standard base64.
    B(String),
}

/// A place in the event table: behind this item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TablePosition {
    /// The item's partition key.
    pub key: TypedKey,
    /// The item's sort key.
    pub sort: TypedKey,
}

/// Text that is to be the bytes of a key, and is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not standard base64 with padding")]
pub struct InvalidBase64(pub String);

impl TypedKey {
    /// The `MessageGroupId` of the aggregate with this key; `None` if it is no base64.
    pub fn group(&self) -> Option<Group> {
        Key::try_from(self.clone()).ok().map(|key| Group::of(&key))
    }

    /// The key without its type, as people type it.
    pub fn as_text(&self) -> &str {
        let (Self::S(text) | Self::N(text) | Self::B(text)) = self;
        text
    }
}

impl fmt::Display for TypedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_text())
    }
}

impl From<&Key> for TypedKey {
    fn from(key: &Key) -> Self {
        match key {
            Key::S(text) => Self::S(text.clone()),
            Key::N(number) => Self::N(number.clone()),
            Key::B(bytes) => Self::B(STANDARD.encode(bytes)),
        }
    }
}

impl TryFrom<TypedKey> for Key {
    type Error = InvalidBase64;

    fn try_from(key: TypedKey) -> Result<Self, InvalidBase64> {
        match key {
            TypedKey::S(text) => Ok(Self::S(text)),
            TypedKey::N(number) => Ok(Self::N(number)),
            TypedKey::B(text) => STANDARD.decode(&text).map(Self::B).map_err(|_| InvalidBase64(text)),
        }
    }
}

impl From<&ScanPosition> for TablePosition {
    fn from(scan_position: &ScanPosition) -> Self {
        Self { key: (&scan_position.key).into(), sort: (&scan_position.sort).into() }
    }
}

impl TryFrom<TablePosition> for ScanPosition {
    type Error = InvalidBase64;

    fn try_from(position: TablePosition) -> Result<Self, InvalidBase64> {
        Ok(Self { key: position.key.try_into()?, sort: position.sort.try_into()? })
    }
}
