//! Items of the event table, in DynamoDB's JSON: numbers stay the texts that they are there.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use shared::config::VersionPlace;
use shared::control::TypedKey;
use shared::ids::Key;

use super::{CallError, CallFault, Target};
use crate::dynamodb::of_key;

/// An item of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The table's name.
    pub table: String,
    /// Its keys, by their names.
    pub keys: BTreeMap<String, TypedKey>,
}

/// What the event table has under an item's keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// This item, in DynamoDB's JSON.
    Item(Value),
    /// Nothing.
    Nothing,
    /// They are no keys of this table, and why.
    NotItsKeys(String),
}

/// Which events of the table are newer than another: those of its partition with a higher version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newer {
    /// The partition key's attribute, and the aggregate's value of it.
    pub partition: (String, TypedKey),
    /// Where events have their version.
    pub place: VersionPlace,
    /// The version that newer ones exceed.
    pub version: i64,
}

/// The first items of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstPage {
    /// Each in DynamoDB's JSON, in the order of a scan: partition by partition.
    pub items: Vec<String>,
    /// Whether the table has no others.
    pub is_whole: bool,
}

/// What the table has under the item's keys, read consistently. Keys that it refuses are those of no item of it: their
/// writer must not be able to end the whole command.
///
/// # Errors
///
/// [`CallError`].
pub async fn get_item(target: &Target, item: &Item) -> Result<Lookup, CallError> {
    let keys = item.keys.iter().filter_map(|(name, value)| Some((name.clone(), key(value)?)));
    let call = target.dynamodb.get_item().table_name(&item.table).set_key(Some(keys.collect()));
    match call.consistent_read(true).send().await {
        Ok(answer) => Ok(answer.item.map_or(Lookup::Nothing, |item| Lookup::Item(map(&item)))),
        Err(error) if error.code() == Some("ValidationException") => {
            let why = error.message().unwrap_or("`ValidationException`");
            Ok(Lookup::NotItsKeys(why.to_owned()))
        }
        Err(error) => Err(CallError::new("GetItem", &item.table, &error)),
    }
}

/// The first items of `table`, from at most `pages` of a scan, each of at most `limit` items and 1 MB (DynamoDB API
/// Reference, `Scan`).
///
/// # Errors
///
/// [`CallError`].
pub async fn first_items(
    target: &Target,
    table: &str,
    limit: i32,
    pages: usize,
) -> Result<FirstPage, CallError> {
    let mut first = FirstPage::default();
    let mut start = None;
    for _ in 0..pages {
        let call = target.dynamodb.scan().table_name(table).limit(limit).set_exclusive_start_key(start);
        let answer = call.send().await.map_err(|error| CallError::new("Scan", table, &error))?;
        first.items.extend(answer.items().iter().map(|item| map(item).to_string()));
        start = answer.last_evaluated_key.filter(|key| !key.is_empty());
        if start.is_none() {
            first.is_whole = true;
            break;
        }
    }
    Ok(first)
}

/// How many items of `table` are newer, as of a consistent read.
///
/// # Errors
///
/// [`CallError`].
pub async fn count_newer(target: &Target, table: &str, newer: &Newer) -> Result<u64, CallError> {
    let Newer { partition: (name, value), place, version } = newer;
    // DynamoDB compares text by its bytes, so that versions in text are compared here.
    let steps: Vec<String> = (0..place.path.0.len()).map(|step| format!("#v{step}")).collect();
    let projection = steps.join(".");
    let mut names: HashMap<_, _> = steps.into_iter().zip(place.path.0.iter().cloned()).collect();
    names.insert("#partition".to_owned(), name.clone());
    let mut count = 0;
    let mut start: Option<HashMap<String, AttributeValue>> = None;
    loop {
        let call = target
            .dynamodb
            .query()
            .table_name(table)
            .consistent_read(true)
            .key_condition_expression("#partition = :partition")
            .projection_expression(&projection)
            .set_expression_attribute_names(Some(names.clone()))
            .set_expression_attribute_values(
                key(value).map(|value| [(":partition".to_owned(), value)].into()),
            )
            .set_exclusive_start_key(start);
        let page = call.send().await.map_err(|error| CallError::new("Query", table, &error))?;
        let versions = page.items().iter().filter_map(|item| version_of(&map(item), place));
        count += versions.filter(|other| other > version).fold(0, |count, _| count + 1);
        start = page.last_evaluated_key.filter(|key| !key.is_empty());
        if start.is_none() {
            return Ok(count);
        }
    }
}

/// Whether `table` has an item under `value` of its partition key, which is called `name`, as of a consistent read.
/// Whatever it is, an event or not: no more than one item is read.
///
/// # Errors
///
/// [`CallError`].
pub async fn has_item(target: &Target, table: &str, name: &str, value: &Key) -> Result<bool, CallError> {
    let query = target.dynamodb.query().table_name(table).consistent_read(true).limit(1);
    let query = query.key_condition_expression("#partition = :partition").projection_expression("#partition");
    let query = query.expression_attribute_names("#partition", name);
    let query = query.expression_attribute_values(":partition", of_key(value));
    let answer = query.send().await.map_err(|error| CallError::new("Query", table, &error))?;
    // Without a filter, only the partition's end makes a page without an item.
    Ok(!answer.items().is_empty())
}

/// The version at `place` of an item in DynamoDB's JSON, where numbers are texts and lose no digit.
pub fn version_of(item: &Value, place: &VersionPlace) -> Option<i64> {
    let (first, rest) = place.path.0.split_first()?;
    let value = rest.iter().try_fold(item.get(first)?, |value, name| value.get("M")?.get(name))?;
    let typed: TypedKey = serde_json::from_value(value.clone()).ok()?;
    place.read(&Key::try_from(typed).ok()?)
}

/// Puts an item, whose attributes are DynamoDB's JSON, if `table` has none with its keys; `partition_key` is the name of one.
/// What the table refuses is the inner error, in its words: nothing if it has one.
///
/// # Errors
///
/// [`CallError`]: the item is in no form that can be put, or there is no answer; whether it was put is then unknown.
pub async fn put_new(
    target: &Target,
    table: &str,
    item: &Map<String, Value>,
    partition_key: &str,
) -> Result<Result<(), Option<String>>, CallError> {
    let call = "PutItem";
    let Some(AttributeValue::M(item)) = attribute(&json!({ "M": item })) else {
        let reason = "an item is not DynamoDB's JSON, or has a set".to_owned();
        return Err(CallError { call, subject: table.to_owned(), fault: CallFault::Refused, reason });
    };
    let put = target.dynamodb_once.put_item().table_name(table).set_item(Some(item));
    let put = put.condition_expression("attribute_not_exists(#key)");
    let Err(error) = put.expression_attribute_names("#key", partition_key).send().await else {
        return Ok(Ok(()));
    };
    let told = CallError::new(call, table, &error);
    match error.as_service_error() {
        None => Err(told),
        Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(Err(None)),
        Some(_) => Ok(Err(Some(told.reason))),
    }
}

/// A key's value; nothing if it is no base64.
fn key(typed: &TypedKey) -> Option<AttributeValue> {
    Some(of_key(&Key::try_from(typed.clone()).ok()?))
}

/// A value from DynamoDB's JSON; nothing if it is of another form, or a set.
fn attribute(typed: &Value) -> Option<AttributeValue> {
    let (tag, value) = typed.as_object()?.iter().next()?;
    Some(match tag.as_str() {
        "BOOL" => AttributeValue::Bool(value.as_bool()?),
        "NULL" => AttributeValue::Null(value.as_bool()?),
        "M" => {
            let entries = value.as_object()?.iter();
            AttributeValue::M(
                entries
                    .map(|(name, value)| Some((name.clone(), attribute(value)?)))
                    .collect::<Option<_>>()?,
            )
        }
        "L" => AttributeValue::L(value.as_array()?.iter().map(attribute).collect::<Option<_>>()?),
        _ => key(&serde_json::from_value(typed.clone()).ok()?)?,
    })
}

fn map(attributes: &HashMap<String, AttributeValue>) -> Value {
    let sorted: BTreeMap<_, _> = attributes.iter().collect();
    Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), typed(value))).collect())
}

fn typed(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        AttributeValue::Bool(value) => json!({ "BOOL": value }),
        AttributeValue::Null(value) => json!({ "NULL": value }),
        AttributeValue::M(attributes) => json!({ "M": map(attributes) }),
        AttributeValue::L(values) => json!({ "L": values.iter().map(typed).collect::<Vec<_>>() }),
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        AttributeValue::Ns(numbers) => json!({ "NS": numbers }),
        AttributeValue::Bs(all) => {
            json!({ "BS": all.iter().map(|bytes| STANDARD.encode(bytes)).collect::<Vec<_>>() })
        }
        // Of a type that did not exist when this was written: the converter rejects it by its name.
        _ => Value::Object(Map::from_iter([("unknown".to_owned(), Value::Null)])),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;
    use expect_test::expect;
    use shared::config::Path;
    use shared::image::{WantedPaths, convert};

    use super::*;

    /// A value of every type, in DynamoDB's JSON.
    fn every_type() -> HashMap<String, AttributeValue> {
        let bytes = |bytes: &[u8]| Blob::new(bytes.to_vec());
        let nested = HashMap::from([("n".to_owned(), AttributeValue::N("1.10".to_owned()))]);
        let entries = [
            ("s", AttributeValue::S("AFC F5 \"ß\u{1}".to_owned())),
            ("n", AttributeValue::N("12345678901234567890123456789012345678".to_owned())),
            ("b", AttributeValue::B(bytes(&[0, 255]))),
            ("bool", AttributeValue::Bool(true)),
            ("null", AttributeValue::Null(true)),
            ("m", AttributeValue::M(nested)),
            ("l", AttributeValue::L(vec![AttributeValue::N("-0.50".to_owned()), AttributeValue::Null(true)])),
            ("ss", AttributeValue::Ss(vec!["b".to_owned(), "a".to_owned()])),
            ("ns", AttributeValue::Ns(vec!["2".to_owned(), "1.0".to_owned()])),
            ("bs", AttributeValue::Bs(vec![bytes(b"x")])),
        ];
        entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The converter reads the text, and makes the same event of it as of the item in the table.
    #[test]
    fn an_item_is_written_as_its_stream_writes_it() {
        let written = map(&every_type()).to_string();
        expect![[r#"{"b":{"B":"AP8="},"bool":{"BOOL":true},"bs":{"BS":["eA=="]},"l":{"L":[{"N":"-0.50"},{"NULL":true}]},"m":{"M":{"n":{"N":"1.10"}}},"n":{"N":"12345678901234567890123456789012345678"},"ns":{"NS":["2","1.0"]},"null":{"NULL":true},"s":{"S":"AFC F5 \"ß\u0001"},"ss":{"SS":["b","a"]}}"#]]
            .assert_eq(&written);
        let of_table = crate::dynamodb::convert(&every_type(), &WantedPaths::default()).unwrap().json;
        assert_eq!(convert(&written, &WantedPaths::default()).unwrap().json, of_table);
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for (name, value) in every_type() {
            let is_set = matches!(name.as_str(), "ss" | "ns" | "bs");
            assert_eq!(attribute(&typed(&value)), (!is_set).then_some(value), "{name}");
        }
        for wrong in
            [json!({"S": 1}), json!({"B": "?"}), json!({"M": []}), json!({}), json!("S"), json!(null)]
        {
            assert_eq!(attribute(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_version_is_read_where_and_as_the_config_says() {
        let check = |value: Value, after: Option<&str>, expected: Option<i64>| {
            let path = Path::try_new("RegistrationNumber.version").unwrap();
            let place = VersionPlace { after: after.map(str::to_owned), ..path.into() };
            let item = json!({ "RegistrationNumber": { "M": { "version": value } } });
            assert_eq!(version_of(&item, &place), expected, "{item}");
        };
        check(json!({ "N": "3" }), None, Some(3));
        check(json!({ "S": "0000000010" }), None, Some(10));
        check(json!({ "S": "EVENT#0002" }), Some("EVENT#"), Some(2));
        check(json!({ "N": "3" }), Some("EVENT#"), None);
        check(json!({ "S": "EVENT#" }), Some("EVENT#"), None);
        check(json!({ "S": "+3" }), None, None);
        check(json!({ "B": "Aw==" }), None, None);
        check(json!({ "SS": ["3"] }), None, None);
    }
}
