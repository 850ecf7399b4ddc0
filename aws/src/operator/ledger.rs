//! The ledger and the event table, as the functions read them. Nothing is written here.

use aws_sdk_dynamodb::types::AttributeValue;
use shared::config::Source;
use shared::ledger::Unread;
use shared::text::with_sources;

use super::{CallError, CallFault, Target};
use crate::dynamodb::{EventsTable, Hindrance, LedgerTable, hindrance};

/// The ledger in the table called `name`.
pub fn ledger(target: &Target, name: &str) -> LedgerTable {
    LedgerTable::new(target.dynamodb_once.clone(), name)
}

/// The event table called `name`.
pub fn events(target: &Target, name: &str, source: &Source) -> EventsTable {
    EventsTable::new(target.dynamodb_once.clone(), name, source)
}

/// The keys of the registry's item, in this version and in older ones.
const REGISTRY: [&str; 2] = ["registry", "control"];

/// The formats that the registry's item of the ledger called `name` names, in DynamoDB's digits; an older item names
/// none. Empty if there is no such item: the ledger is empty, or its table is gone.
///
/// # Errors
///
/// [`CallError`].
pub async fn formats(target: &Target, name: &str) -> Result<Vec<Option<String>>, CallError> {
    let mut formats = Vec::new();
    for key in REGISTRY {
        let key = || AttributeValue::S(key.to_owned());
        let call = target.dynamodb.get_item().table_name(name).key("pk", key()).key("sk", key());
        let call = call.consistent_read(true);
        let item = match call.send().await.map_err(|error| CallError::new("GetItem", name, &error)) {
            Ok(answer) => answer.item,
            Err(error) if error.fault == CallFault::Missing => None,
            Err(error) => return Err(error),
        };
        formats.extend(item.map(|item| item.get("format").and_then(|format| format.as_n().ok()).cloned()));
    }
    Ok(formats)
}

/// That the table called `name` could not be read.
pub fn unread(name: &str, error: &Unread) -> CallError {
    let fault = match hindrance(error) {
        Some(Hindrance::Missing) => CallFault::Missing,
        Some(Hindrance::NotAllowed) => CallFault::NotAllowed,
        None => CallFault::Unreachable,
    };
    CallError { call: "Read", subject: name.to_owned(), fault, reason: with_sources(error) }
}
