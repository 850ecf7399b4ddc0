//! Items as the SDK has them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::store::port::CallError;
use crate::store::value::{Map, Number, Value};

pub(super) type SdkItem = HashMap<String, AttributeValue>;

/// Numbers go over the wire as their digits.
pub(super) fn of_map(map: &Map) -> SdkItem {
    map.iter().map(|(name, value)| (name.clone(), of_value(value))).collect()
}

fn of_value(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(value) => AttributeValue::Bool(*value),
        Value::Number(number) => AttributeValue::N(number.as_str().to_owned()),
        Value::Text(text) => AttributeValue::S(text.clone()),
        Value::List(values) => AttributeValue::L(values.iter().map(of_value).collect()),
        Value::Map(map) => AttributeValue::M(of_map(map)),
    }
}

/// Refuses what the store never writes, rather than guess what it means.
pub(super) fn to_map(item: SdkItem) -> Result<Map, CallError> {
    item.into_iter().map(|(name, value)| Ok((name, to_value(value)?))).collect()
}

fn to_value(value: AttributeValue) -> Result<Value, CallError> {
    Ok(match value {
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Bool(value) => Value::Bool(value),
        AttributeValue::N(digits) => {
            Value::Number(Number::try_new(&digits).map_err(|invalid| CallError::Refused(invalid.into()))?)
        }
        AttributeValue::S(text) => Value::Text(text),
        AttributeValue::L(values) => Value::List(values.into_iter().map(to_value).collect::<Result<_, _>>()?),
        AttributeValue::M(item) => Value::Map(to_map(item)?),
        _ => return Err(CallError::Refused("an item with a set, or with bytes".into())),
    })
}
