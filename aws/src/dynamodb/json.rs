//! DynamoDB's JSON of the ledger's calls, for those that are [lean](crate::lean).

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use shared::ledger::stored::{Attributes, PK, SK, Value};

use super::attributes::{Keys, TypedItem, TypedValue};

/// The text of a `BatchGetItem` of one table, strongly consistent.
pub(super) fn batch_get_item(table: &str, keys: &[Keys]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Request<'a> {
        request_items: BTreeMap<&'a str, OfTable<'a>>,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct OfTable<'a> {
        consistent_read: bool,
        keys: Vec<BTreeMap<&'static str, BTreeMap<&'static str, &'a str>>>,
    }

    let text = |value| BTreeMap::from([("S", value)]);
    let keys = keys.iter().map(|(pk, sk)| BTreeMap::from([(PK, text(pk.as_str())), (SK, text(sk))]));
    let of_table = OfTable { consistent_read: true, keys: keys.collect() };
    to_text(&Request { request_items: BTreeMap::from([(table, of_table)]) })
}

/// What a `BatchGetItem` answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchGetItemAnswer {
    /// The items that were found, by table.
    pub(super) responses: Option<HashMap<String, Vec<TypedItem>>>,
    /// The keys that were not looked at, by table.
    pub(super) unprocessed_keys: Option<HashMap<String, UnprocessedKeys>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UnprocessedKeys {
    pub(super) keys: Vec<TypedItem>,
}

/// The text of a `PutItem` on a condition.
pub(super) fn put_item(
    table: &str,
    item: &Attributes,
    condition: &str,
    names: &HashMap<&str, &str>,
    values: Option<&Attributes>,
) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Request<'a> {
        table_name: &'a str,
        item: ItemJson<'a>,
        condition_expression: &'a str,
        expression_attribute_names: &'a HashMap<&'a str, &'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        expression_attribute_values: Option<ItemJson<'a>>,
    }

    to_text(&Request {
        table_name: table,
        item: ItemJson(item),
        condition_expression: condition,
        expression_attribute_names: names,
        expression_attribute_values: values.map(ItemJson),
    })
}

/// What a `PutItem` answers: nothing that is needed.
#[derive(Deserialize)]
pub(super) struct PutItemAnswer {}

fn to_text(request: &impl Serialize) -> Vec<u8> {
    // Strings and maps with keys of text can always be written to memory.
    let text = serde_json::to_vec(request);
    debug_assert!(text.is_ok());
    text.unwrap_or_default()
}

/// An item, or a map in it.
struct ItemJson<'a>(&'a Attributes);

struct ValueJson<'a>(&'a Value);

impl Serialize for ItemJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, ValueJson(value))))
    }
}

impl Serialize for ValueJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self.0 {
            Value::S(text) => map.serialize_entry("S", text)?,
            Value::N(number) => map.serialize_entry("N", number)?,
            Value::B(bytes) => map.serialize_entry("B", &STANDARD.encode(bytes))?,
            Value::Bool(value) => map.serialize_entry("BOOL", value)?,
            Value::M(attributes) => map.serialize_entry("M", &ItemJson(attributes))?,
            Value::L(members) => {
                map.serialize_entry("L", &members.iter().map(ValueJson).collect::<Vec<_>>())?;
            }
            Value::Ns(members) => map.serialize_entry("NS", members)?,
        }
        map.end()
    }
}

#[derive(Deserialize)]
enum Type {
    S,
    N,
    B,
    #[serde(rename = "BOOL")]
    Bool,
    M,
    L,
    #[serde(rename = "NS")]
    Ns,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for TypedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneMember;

        impl<'de> Visitor<'de> for OneMember {
            type Value = TypedValue;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a value with its type")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TypedValue, A::Error> {
                let value = match map.next_key()?.ok_or_else(|| A::Error::custom("a value without a type"))? {
                    Type::S => Some(Value::S(map.next_value()?)),
                    Type::N => Some(Value::N(map.next_value()?)),
                    Type::B => {
                        let text: String = map.next_value()?;
                        Some(Value::B(STANDARD.decode(text).map_err(A::Error::custom)?))
                    }
                    Type::Bool => Some(Value::Bool(map.next_value()?)),
                    Type::M => {
                        let members = map.next_value::<TypedItem>()?.into_iter();
                        let members = members.map(|(name, member)| Some((name, member.0?)));
                        members.collect::<Option<_>>().map(Value::M)
                    }
                    Type::L => {
                        let members = map.next_value::<Vec<TypedValue>>()?.into_iter();
                        members.map(|member| member.0).collect::<Option<_>>().map(Value::L)
                    }
                    Type::Ns => Some(Value::Ns(map.next_value()?)),
                    Type::Other => {
                        let IgnoredAny = map.next_value()?;
                        None
                    }
                };
                match map.next_key::<IgnoredAny>()? {
                    Some(_) => Err(A::Error::custom("a value of two types")),
                    None => Ok(TypedValue(value)),
                }
            }
        }

        deserializer.deserialize_map(OneMember)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;
    use testkit::samples::ledger;

    use super::super::attributes;
    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back((key, written) in ledger::item()) {
            let text = serde_json::to_string(&ItemJson(&attributes::with_keys(&key, &written))).unwrap();
            let found: TypedItem = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(attributes::item(&key, found), Ok(written));
        }
    }

    #[test]
    fn requests() {
        let keys = [("a".to_owned(), "b".to_owned()), ("c\"".to_owned(), "d".to_owned())];
        let text = |text: Vec<u8>| String::from_utf8(text).unwrap();
        expect![[r#"{"RequestItems":{"Ledger":{"ConsistentRead":true,"Keys":[{"pk":{"S":"a"},"sk":{"S":"b"}},{"pk":{"S":"c\""},"sk":{"S":"d"}}]}}}"#]].assert_eq(&text(batch_get_item("Ledger", &keys)));
        let item = Attributes::from([
            ("bytes".to_owned(), Value::B(vec![0, 255])),
            ("list".to_owned(), Value::L(vec![Value::Bool(true), Value::N("1.50".to_owned())])),
            ("map".to_owned(), Value::M(Attributes::from([("a".to_owned(), Value::S("é\n".to_owned()))]))),
            ("set".to_owned(), Value::Ns(vec!["1".to_owned(), "2".to_owned()])),
        ]);
        let names = HashMap::from([("#pk", "pk")]);
        expect![[r##"{"TableName":"Ledger","Item":{"bytes":{"B":"AP8="},"list":{"L":[{"BOOL":true},{"N":"1.50"}]},"map":{"M":{"a":{"S":"é\n"}}},"set":{"NS":["1","2"]}},"ConditionExpression":"c","ExpressionAttributeNames":{"#pk":"pk"}}"##]].assert_eq(&text(put_item("Ledger", &item, "c", &names, None)));
        expect![[r##"{"TableName":"Ledger","Item":{},"ConditionExpression":"c","ExpressionAttributeNames":{"#pk":"pk"},"ExpressionAttributeValues":{"bytes":{"B":"AP8="},"list":{"L":[{"BOOL":true},{"N":"1.50"}]},"map":{"M":{"a":{"S":"é\n"}}},"set":{"NS":["1","2"]}}}"##]].assert_eq(&text(put_item("Ledger", &Attributes::new(), "c", &names, Some(&item))));
    }

    #[test]
    fn what_the_ledger_does_not_use_is_of_no_type() {
        let typed = |text: &str| serde_json::from_str::<TypedValue>(text).map(|typed| typed.0);
        for foreign in [
            r#"{"NULL":true}"#,
            r#"{"SS":["a"]}"#,
            r#"{"X":{"S":"a"}}"#,
            r#"{"L":[{"S":"a"},{"NULL":true}]}"#,
            r#"{"M":{"a":{"L":[{"BS":["AA=="]}]}}}"#,
        ] {
            assert_eq!(typed(foreign).unwrap(), None, "{foreign}");
        }
        for damaged in [
            "{}",
            r#"{"S":1}"#,
            r#"{"N":1}"#,
            r#"{"B":"?"}"#,
            r#"{"S":"a","N":"1"}"#,
            r#""a""#,
            r#"{"M":[]}"#,
        ] {
            assert!(typed(damaged).is_err(), "{damaged}");
        }
    }
}
