//! What can be asked for a mark.

use serde::Deserialize;
use utoipa::ToSchema;

use super::price::Price;
use super::values::{AddressLine, Mark, Name, PostCode, Years};

/// Something that is to happen to a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Keep the mark for somebody.
    CreateEntitlement(Entitle),
    /// The nominee has moved.
    UpdateAddress(Readdress),
    /// Another person may use the mark.
    UpdateNominee(Nominate),
    /// Issue a new certificate.
    UpdateCertificate(OnMark),
    /// Keep the mark for longer.
    Extend(Extend),
    /// Let nothing change.
    Lock(OnMark),
    /// Let it change again.
    Unlock(OnMark),
}

/// An entitlement to create.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entitle {
    /// The mark.
    pub mark: Mark,
    /// What it costs.
    pub price: Price,
    /// The person who may use it.
    pub nominee_name: Name,
    /// Where they live.
    pub address: Address,
}

/// An address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Address {
    /// The first line.
    pub address_line1: AddressLine,
    /// The second line, if there is one.
    #[serde(default)]
    pub address_line2: Option<AddressLine>,
    /// The post code.
    pub post_code: PostCode,
}

/// A new address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Readdress {
    /// The mark.
    pub mark: Mark,
    /// All of the address: what is left out is gone.
    pub address: Address,
}

/// Another nominee.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Nominate {
    /// The mark.
    pub mark: Mark,
    /// The person who may use it.
    pub nominee_name: Name,
}

/// A longer entitlement.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Extend {
    /// The mark.
    pub mark: Mark,
    /// By how much.
    pub years: Years,
}

/// A command that needs nothing but the mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnMark {
    /// The mark.
    pub mark: Mark,
}

impl Command {
    /// The mark that it is about.
    pub fn mark(&self) -> &Mark {
        match self {
            Self::CreateEntitlement(command) => &command.mark,
            Self::UpdateAddress(command) => &command.mark,
            Self::UpdateNominee(command) => &command.mark,
            Self::Extend(command) => &command.mark,
            Self::UpdateCertificate(command) | Self::Lock(command) | Self::Unlock(command) => &command.mark,
        }
    }
}
