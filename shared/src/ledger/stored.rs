//! The ledger's items as DynamoDB keeps them, in names and types that an operator reads in the console.
//!
//! By hand, not by serde: an aggregate's key is a DynamoDB value of its own type, a number of up to 38 digits perhaps,
//! which serde's numbers do not hold; and what is damaged is named by its attribute.
//!
//! Each item says the format that it is written in. One of another format is not read: a guess at what its attributes
//! mean would write back less than there was. What a later release adds to a format is kept, so that its items are
//! whole again when that release is deployed again.

mod fields;
mod instant;
mod packed;
mod restore;
mod store;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_push;

use std::borrow::Cow;

use super::DamagedItem;
use super::push_writes::LEADING;
use super::{ClientId, ItemKey, ReceiptPlace, ScanKind};
use crate::ids::Group;

pub use super::attributes::{Attributes, Value};
pub use restore::restore;
pub use store::store;

/// The table's partition key.
pub const PK: &str = "pk";

/// The table's sort key.
pub const SK: &str = "sk";

/// The attribute that says an item's format.
pub const FORMAT: &str = "format";

/// The attribute with the item's `write_count` when it was written what clients were sent last. A release that doesn't know
/// that writes the item and leaves this: then what was sent last is not known.
const LAST_WRITTEN: &str = "last_write_count";

/// The format that is written, and the only one that is read.
pub const FORMAT_WRITTEN: u64 = 2;

/// Why an item of the ledger cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attribute `{attribute}` {fault}")]
pub struct Damage {
    /// The way to it: `clients.Billing.state`.
    pub attribute: String,
    /// What is wrong with it.
    pub fault: Cow<'static, str>,
}

impl Damage {
    /// As an error about the item under `key` of the ledger's table.
    pub fn item(&self, table: &str, key: &ItemKey) -> DamagedItem {
        let (pk, sk) = keys(key);
        let remedy = if self.attribute == FORMAT { FORMAT_REMEDY } else { DamagedItem::REMEDY };
        DamagedItem { table: table.to_owned(), pk, sk, damage: self.to_string(), remedy }
    }
}

/// Makes sure that an item with this attribute [`FORMAT`] can be read.
///
/// # Errors
///
/// [`Damage`] says what it is instead.
pub fn check_format(format: Option<&Value>) -> Result<(), Damage> {
    let found: Cow<'static, str> = match format {
        Some(Value::N(number)) if *number == FORMAT_WRITTEN.to_string() => return Ok(()),
        Some(Value::N(number)) => format!("is {number}").into(),
        Some(_) => "is no number".into(),
        None => "is missing".into(),
    };
    let fault = format!("{found}, and this release reads {FORMAT_WRITTEN}").into();
    Err(Damage { attribute: FORMAT.to_owned(), fault })
}

/// What helps with an item of another format.
const FORMAT_REMEDY: &str = "deploy the release that wrote it, or one that reads its format; if the item was changed by \
                             hand, correct it, or restore the table to a point in time";

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
        ItemKey::Due(client, place) => (receipts(*client, true), receipt_key(place)),
        ItemKey::Receipt(client, place) => (receipts(*client, false), receipt_key(place)),
        ItemKey::Requests(client) => (format!("requests#{}", client.0), "requests".to_owned()),
        // A partition for each group: a target's events are written as fast as they come.
        ItemKey::Delivery(client, group) => (format!("{}#{group}", push(*client)), "delivery".to_owned()),
        ItemKey::DeliveryRequest(client, group) => (push(*client), format!("{REQUEST}{group}")),
        ItemKey::Target(client) => (push(*client), "target".to_owned()),
    }
}

/// The partition of a client's erasure receipts, of those that are due or of the settled ones.
pub fn receipts(client: ClientId, is_due: bool) -> String {
    format!("{}#{}", if is_due { "due" } else { "receipt" }, client.0)
}

/// The partition of what push functions ask for a client, and of how its target is.
pub fn push(client: ClientId) -> String {
    format!("{LEADING}{}", client.0)
}

/// The beginning of the sort keys of what push functions ask.
pub const REQUEST: &str = "request#";

/// The group of the request that has this sort key; `None` if it is none of a request.
pub fn request_group(key: &str) -> Option<Group> {
    Group::try_from_sqs(key.strip_prefix(REQUEST)?).ok()
}

/// The sort key of a receipt.
pub fn receipt_key(place: &ReceiptPlace) -> String {
    format!("{}#{}", place.group, place.incarnation_number)
}

/// The place of the receipt that has this sort key; `None` if it is none of a receipt.
pub fn receipt_place(key: &str) -> Option<ReceiptPlace> {
    let (group, number) = key.rsplit_once('#')?;
    Some(ReceiptPlace { group: Group::try_from_sqs(group).ok()?, incarnation_number: number.parse().ok()? })
}

/// The partition of a client's cursors.
pub fn behind(client: ClientId) -> String {
    format!("behind#{}", client.0)
}
