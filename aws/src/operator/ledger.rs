//! The ledger and the event table, as the functions read them. Nothing is written here.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use shared::config::Source;
use shared::ids::Group;
use shared::ledger::stored::{Damage, PK, SK};
use shared::ledger::{DamagedItem, GroupItem, Item, ItemKey, Unread};
use shared::text::with_sources;

use super::{CallError, CallFault, Target};
use crate::dynamodb::{self, EventsTable, Hindrance, LedgerTable, hindrance};

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

/// Some of the ledger's groups.
#[derive(Debug, Default)]
pub struct GroupsPage {
    /// In the table's own order. A group that can't be read is one of its own.
    pub groups: Vec<Result<(Group, GroupItem), DamagedItem>>,
    /// Where the next page begins; `None` at the table's end.
    pub next: Option<ScanPosition>,
}

/// A place in the ledger's table: after the item with these keys.
#[derive(Clone, Debug)]
pub struct ScanPosition(HashMap<String, AttributeValue>);

/// A page of the groups in the ledger called `name`, after `after`, strongly consistent. It reads all items of up to 1 MB,
/// and returns those that are groups (DynamoDB API Reference, `Scan`).
///
/// # Errors
///
/// [`CallError`].
pub async fn groups(
    target: &Target,
    name: &str,
    after: Option<ScanPosition>,
) -> Result<GroupsPage, CallError> {
    let scan = target.dynamodb.scan().table_name(name).consistent_read(true);
    let scan = scan.filter_expression("#sk = :group").expression_attribute_names("#sk", SK);
    let scan = scan.expression_attribute_values(":group", AttributeValue::S("group".to_owned()));
    let scan = scan.set_exclusive_start_key(after.map(|ScanPosition(keys)| keys));
    let answer = scan.send().await.map_err(|error| CallError::new("Scan", name, &error))?;
    let next = answer.last_evaluated_key.filter(|keys| !keys.is_empty()).map(ScanPosition);
    let groups = answer.items.into_iter().flatten().map(|item| group(name, item)).collect();
    Ok(GroupsPage { groups, next })
}

/// The group of an item whose sort key says that it is one.
fn group(table: &str, item: HashMap<String, AttributeValue>) -> Result<(Group, GroupItem), DamagedItem> {
    let item = dynamodb::found(item);
    let (pk, sk) = dynamodb::keys_of(&item).unwrap_or_default();
    let Some(group) = pk.strip_prefix("group#").and_then(|group| Group::try_from_sqs(group).ok()) else {
        let (table, damage) =
            (table.to_owned(), format!("attribute `{PK}` is no `group#` with a group behind it"));
        return Err(DamagedItem { table, pk, sk, damage, remedy: DamagedItem::REMEDY });
    };
    let key = ItemKey::Group(group.clone());
    let damaged = |damage: Damage| damage.item(table, &key);
    match dynamodb::item(&key, item).map_err(damaged)? {
        Item::Group(item) => Ok((group, *item)),
        // What is under a group's key is restored as one.
        _ => Err(damaged(Damage { attribute: SK.to_owned(), fault: "is not that of a group".into() })),
    }
}

/// That the table called `name` could not be read.
pub fn unread(name: &str, error: &Unread) -> CallError {
    let fault = match hindrance(error) {
        Some(Hindrance::Missing) => CallFault::Missing,
        Some(Hindrance::NotAllowed) => CallFault::NotAllowed,
        Some(Hindrance::Credentials) => CallFault::Unrecognized,
        None => CallFault::Unreachable,
    };
    CallError { call: "Read", subject: name.to_owned(), fault, reason: with_sources(error) }
}
