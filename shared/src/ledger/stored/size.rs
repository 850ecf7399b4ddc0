//! How large DynamoDB counts an item, which is what its requests are charged by (DynamoDB Developer Guide, "DynamoDB
//! item sizes and formats").

use super::{Attributes, PK, SK, Value, keys, store};
use crate::ledger::{Item, ItemKey};

/// The item's size in bytes, with its keys.
pub(crate) fn size(key: &ItemKey, item: &Item) -> usize {
    let (partition, sort) = keys(key);
    PK.len() + partition.len() + SK.len() + sort.len() + of_attributes(&store(item))
}

fn of_attributes(attributes: &Attributes) -> usize {
    attributes.iter().map(|(name, value)| name.len() + of_value(value)).sum()
}

fn of_value(value: &Value) -> usize {
    match value {
        Value::S(text) => text.len(),
        Value::N(number) => of_number(number),
        Value::B(bytes) => bytes.len(),
        Value::Bool(_) => 1,
        // Three bytes for a list or map, and one for each member.
        Value::M(attributes) => 3 + attributes.len() + of_attributes(attributes),
        Value::L(members) => 3 + members.len() + members.iter().map(of_value).sum::<usize>(),
        Value::Ns(members) => members.iter().map(|member| of_number(member)).sum(),
    }
}

/// A byte for each two digits, and one more.
fn of_number(number: &str) -> usize {
    number.bytes().filter(u8::is_ascii_digit).count().div_ceil(2) + 1
}
