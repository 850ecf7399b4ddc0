//! The size of an item as DynamoDB counts it, by which it charges requests (DynamoDB Developer Guide, "DynamoDB item
//! sizes and formats").

use shared::ledger::stored::{Attributes, PK, SK, Value, keys, store};
use shared::ledger::{Item, ItemKey};

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

#[cfg(test)]
mod tests {
    use shared::ids::{Group, IncarnationToken, Key};
    use shared::ledger::{ClientId, Cursor, First, GroupItem, LastSent, WriteCount};
    use shared::time::Timestamp;

    use super::*;

    /// The figures by hand, from the rules of "DynamoDB item sizes and formats".
    #[test]
    fn sizes() {
        let group = Group::of(&Key::S("AFC F5".to_owned()));
        let cursor = Item::Cursor(Cursor {
            write_count: WriteCount(1),
            epoch: 2,
            incarnation_number: 1,
            position: 3,
            last: None,
            replay: None,
            at: Timestamp::from_millis(1_763_632_800_000),
            hold: None,
            unknown: [].into(),
        });
        // Keys: 2 + 8 + 2 + 8; six numbers of a digit, 2 bytes each; `at` of 20 characters; the names.
        let names = "format".len()
            + "write_count".len()
            + "epoch".len()
            + "incarnation_number".len()
            + "position".len()
            + "replay_until".len()
            + "replay".len()
            + "at".len();
        assert_eq!(size(&ItemKey::Cursor(ClientId(2), group), &cursor), 20 + 6 * 2 + 20 + names);
        let item = |behind: u32| {
            let behind = (0..behind).map(|id| ClientId(1_000 + id)).collect();
            Item::Group(Box::new(GroupItem {
                write_count: WriteCount(9),
                version: 7,
                behind,
                revision: 3,
                sent: LastSent::default(),
                incarnation_number: 1,
                token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
                first: First { identity: Key::S("2025-03-01T09:30:00Z".to_owned()).into(), version: 1 },
                time: None,
                streamed_at: None,
                key: Key::S("AFC F5".to_owned()),
                holes: Vec::new(),
                pairs: Vec::new(),
                closed: None,
                unknown: [].into(),
            }))
        };
        let key = ItemKey::Group(Group::of(&Key::S("AFC F5".to_owned())));
        // `behind` has four digits each: three bytes.
        assert_eq!(size(&key, &item(1_000)) - size(&key, &item(1)), 999 * 3);
        assert!(size(&key, &item(1_000)) < 5_000);
    }
}
