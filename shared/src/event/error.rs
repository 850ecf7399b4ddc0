//! What keeps an item from being an event, and the parts that its attributes play.

use std::fmt;

use super::TEXT_LIMIT;
use crate::config::{VERSION_LIMIT, VersionPlace};
use crate::image::{ImageError, Type};

/// Why an item is not an event that can be sent. No later attempt can change that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The item cannot be written as JSON.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The item lacks what the config names.
    #[error("the event lacks `{path}`, its {role}; `[source]` in `client-queues.toml` says where it is")]
    Lacks {
        /// What is missing.
        role: Role,
        /// Where it should be.
        path: String,
    },
    /// The value has a type that cannot serve.
    #[error("`{path}`, the event's {role}, is of type `{found}`; it must be {}", role.types())]
    WrongType {
        /// What the value should be.
        role: Role,
        /// Where it is.
        path: String,
        /// What it is.
        found: Type,
    },
    /// The value is an empty string, or no bytes.
    #[error("`{path}`, the event's {role}, is empty")]
    Empty {
        /// What is empty.
        role: Role,
        /// Where it is.
        path: String,
    },
    /// The version cannot count events.
    #[error("`{}`, the event's version, is not a whole number from {} to {VERSION_LIMIT}{}", .place.path, .place.first, behind(.place))]
    Version {
        /// Where it is, and what should stand before it.
        place: VersionPlace,
    },
    /// The id is too long for a message attribute of ours.
    #[error("`{path}`, the event's id, has {length} bytes; at most {TEXT_LIMIT} are sent")]
    IdTooLong {
        /// Where it is.
        path: String,
        /// Its length in bytes.
        length: usize,
    },
}

/// What an attribute is to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The table's partition key, which is the aggregate's.
    PartitionKey,
    /// The table's sort key.
    SortKey,
    /// The event's id.
    Id,
    /// The event's name.
    Name,
    /// The event's time.
    Time,
    /// The event's number inside its aggregate.
    Version,
}

impl Role {
    /// The types that may fill this role, in words.
    fn types(self) -> &'static str {
        match self {
            Self::PartitionKey | Self::SortKey | Self::Id => "a string, a number or bytes",
            Self::Name | Self::Time => "a string or a number",
            Self::Version => "a number, or text of digits",
        }
    }
}

fn behind(place: &VersionPlace) -> String {
    place.after.as_ref().map(|after| format!(" behind `{after}`")).unwrap_or_default()
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::PartitionKey => "partition key",
            Self::SortKey => "sort key",
            Self::Id => "id",
            Self::Name => "name",
            Self::Time => "time",
            Self::Version => "version",
        })
    }
}
