//! The ledger's items as the DynamoDB client writes and reads them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use shared::ids::Key;
use shared::ledger::stored::{self, Attributes, Damaged, FORMAT, PK, SK, Value};
use shared::ledger::{Item, ItemKey};

/// An item as the SDK has it.
pub(super) type SdkItem = HashMap<String, AttributeValue>;

/// The item with its keys.
pub(super) fn with_keys(key: &ItemKey, item: &Item) -> SdkItem {
    let attributes = stored::store(item).into_iter();
    let mut stored: SdkItem = attributes.map(|(name, value)| (name, to_sdk(value))).collect();
    stored.extend(keys(key));
    stored
}

/// The item's keys.
pub(super) fn keys(key: &ItemKey) -> SdkItem {
    let (partition, sort) = stored::keys(key);
    HashMap::from([(PK.to_owned(), AttributeValue::S(partition)), (SK.to_owned(), AttributeValue::S(sort))])
}

/// The item under `key`, which was read as `item`.
///
/// # Errors
///
/// [`Damaged`] if it is none of the ledger's.
pub(super) fn item(key: &ItemKey, mut item: SdkItem) -> Result<Item, Damaged> {
    item.remove(PK);
    item.remove(SK);
    // First: what another format has can be of any type.
    stored::check_format(item.get(FORMAT).cloned().and_then(from_sdk).as_ref())?;
    let mut attributes = Attributes::new();
    for (name, value) in item {
        let value = from_sdk(value).ok_or_else(|| Damaged {
            attribute: name.clone(),
            fault: "is of a type that the ledger does not use".into(),
        })?;
        attributes.insert(name, value);
    }
    stored::restore(key, attributes)
}

/// A key attribute's value.
pub(crate) fn of_key(key: &Key) -> AttributeValue {
    match key {
        Key::S(text) => AttributeValue::S(text.clone()),
        Key::N(number) => AttributeValue::N(number.clone()),
        Key::B(bytes) => AttributeValue::B(bytes.clone().into()),
    }
}

fn to_sdk(value: Value) -> AttributeValue {
    match value {
        Value::S(text) => AttributeValue::S(text),
        Value::N(number) => AttributeValue::N(number),
        Value::B(bytes) => AttributeValue::B(bytes.into()),
        Value::Bool(value) => AttributeValue::Bool(value),
        Value::M(attributes) => {
            AttributeValue::M(attributes.into_iter().map(|(name, value)| (name, to_sdk(value))).collect())
        }
        Value::L(members) => AttributeValue::L(members.into_iter().map(to_sdk).collect()),
        Value::Ns(members) => AttributeValue::Ns(members),
    }
}

fn from_sdk(value: AttributeValue) -> Option<Value> {
    Some(match value {
        AttributeValue::S(text) => Value::S(text),
        AttributeValue::N(number) => Value::N(number),
        AttributeValue::B(bytes) => Value::B(bytes.into_inner()),
        AttributeValue::Bool(value) => Value::Bool(value),
        AttributeValue::M(entries) => {
            let entries = entries.into_iter().map(|(name, value)| Some((name, from_sdk(value)?)));
            Value::M(entries.collect::<Option<_>>()?)
        }
        AttributeValue::L(members) => Value::L(members.into_iter().map(from_sdk).collect::<Option<_>>()?),
        AttributeValue::Ns(members) => Value::Ns(members),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use testkit::samples::ledger;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back((key, written) in ledger::item()) {
            let stored = with_keys(&key, &written);
            for (name, value) in keys(&key) {
                prop_assert_eq!(stored.get(&name), Some(&value));
            }
            prop_assert_eq!(item(&key, stored), Ok(written));
        }
    }

    #[test]
    fn what_the_ledger_does_not_write_is_named() {
        let key = ItemKey::Registry;
        for foreign in [
            AttributeValue::Null(true),
            AttributeValue::Ss(vec!["a".to_owned()]),
            AttributeValue::L(vec![AttributeValue::Null(true)]),
            AttributeValue::M(HashMap::from([("a".to_owned(), AttributeValue::Null(true))])),
        ] {
            let mut stored = keys(&key);
            stored.insert(FORMAT.to_owned(), AttributeValue::N("2".to_owned()));
            stored.insert("clients".to_owned(), foreign);
            assert_eq!(item(&key, stored.clone()).unwrap_err().attribute, "clients");
            // An item of another format may have it.
            stored.insert(FORMAT.to_owned(), AttributeValue::N("3".to_owned()));
            assert_eq!(item(&key, stored).unwrap_err().attribute, FORMAT);
        }
    }
}
