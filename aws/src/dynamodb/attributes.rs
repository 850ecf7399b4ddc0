//! The ledger's items as DynamoDB's clients write and read them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use shared::ids::Key;
use shared::ledger::stored::{self, Attributes, Damage, FORMAT, PK, SK, Value};
use shared::ledger::{Item, ItemKey};

/// An item as the SDK has it.
pub(crate) type SdkItem = HashMap<String, AttributeValue>;

/// An item of the ledger's table, as it was found there.
pub(crate) type TypedItem = HashMap<String, TypedValue>;

/// A value that was found; `None` if it is of a type that the ledger does not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypedValue(pub(crate) Option<Value>);

/// The values of [`PK`] and [`SK`].
pub(crate) type Keys = (String, String);

/// The item with its keys.
pub(super) fn with_keys(key: &ItemKey, item: &Item) -> Attributes {
    let mut attributes = stored::store(item);
    attributes.extend(keys(key));
    attributes
}

/// The item's keys.
pub(super) fn keys(key: &ItemKey) -> Attributes {
    let (partition, sort) = stored::keys(key);
    Attributes::from([(PK.to_owned(), Value::S(partition)), (SK.to_owned(), Value::S(sort))])
}

/// The keys of `item`, if it has them.
pub(crate) fn keys_of(item: &TypedItem) -> Option<Keys> {
    let text = |name| match item.get(name) {
        Some(TypedValue(Some(Value::S(text)))) => Some(text.clone()),
        _ => None,
    };
    Some((text(PK)?, text(SK)?))
}

/// The item under `key`, which was read as `item`.
///
/// # Errors
///
/// [`Damage`] if it is none of the ledger's.
pub(crate) fn item(key: &ItemKey, mut item: TypedItem) -> Result<Item, Damage> {
    item.remove(PK);
    item.remove(SK);
    // First: what another format has can be of any type.
    match item.get(FORMAT) {
        Some(TypedValue(Some(format))) => stored::check_format(Some(format))?,
        // Of a type that no format has, or missing.
        _ => stored::check_format(None)?,
    }
    let mut attributes = Attributes::new();
    for (name, TypedValue(value)) in item {
        let value = value.ok_or_else(|| Damage {
            attribute: name.clone(),
            fault: "is of a type that the ledger does not use".into(),
        })?;
        attributes.insert(name, value);
    }
    stored::restore(key, attributes)
}

/// The item as the SDK has it.
pub(super) fn to_sdk_item(attributes: Attributes) -> SdkItem {
    attributes.into_iter().map(|(name, value)| (name, to_sdk(value))).collect()
}

/// What the SDK has read.
pub(crate) fn found(item: SdkItem) -> TypedItem {
    item.into_iter().map(|(name, value)| (name, TypedValue(from_sdk(value)))).collect()
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
        Value::M(attributes) => AttributeValue::M(to_sdk_item(attributes)),
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
            let found = found(to_sdk_item(stored));
            prop_assert_eq!(keys_of(&found), Some(stored::keys(&key)));
            prop_assert_eq!(item(&key, found), Ok(written));
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
            let mut stored = to_sdk_item(keys(&key));
            stored.insert(FORMAT.to_owned(), AttributeValue::N("2".to_owned()));
            stored.insert("clients".to_owned(), foreign);
            assert_eq!(item(&key, found(stored.clone())).unwrap_err().attribute, "clients");
            // An item of another format may have it.
            stored.insert(FORMAT.to_owned(), AttributeValue::N("3".to_owned()));
            assert_eq!(item(&key, found(stored)).unwrap_err().attribute, FORMAT);
        }
    }
}
