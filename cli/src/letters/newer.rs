//! Which events of the table are newer than a letter's: the question, as a value.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::config::{Path, Source};
use shared::ids::{Group, Key};

use super::read::version;
use super::{Content, Letter, Rejected};

/// Which events of the table are newer than a letter's. Values are in DynamoDB's JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newer {
    /// The partition key's attribute, and the aggregate's value of it.
    pub partition: (String, Value),
    /// What newer ones have.
    pub after: After,
}

/// What an event has that is newer than another of its aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// A higher version.
    Version {
        /// Where it is.
        path: Path,
        /// The letter's event's.
        version: u64,
    },
    /// A greater sort key.
    SortKey {
        /// The attribute.
        name: String,
        /// The letter's event's.
        value: Value,
    },
}

/// Which events are newer than the letter's. `item` is its item, in DynamoDB's JSON, if the letter is about one.
///
/// # Errors
///
/// Why that can't be asked.
pub fn newer(letter: &Letter, item: Option<&RawValue>, source: &Source) -> Result<Newer, String> {
    if source.group != source.partition_key {
        return Err("events of one group are in several partitions of the event table".to_owned());
    }
    match &letter.content {
        Content::Rejected(rejected) => of_item(rejected, item, source),
        _ => of_message(letter, source),
    }
}

fn of_item(rejected: &Rejected, item: Option<&RawValue>, source: &Source) -> Result<Newer, String> {
    let keys = rejected.keys.as_deref().map_or("null", RawValue::get);
    let keys: Value = serde_json::from_str(keys).unwrap_or_default();
    let key = |name: &String| Some((name.clone(), keys.get(name)?.clone()));
    let partition = key(&source.partition_key)
        .ok_or_else(|| format!("the letter has no key `{}`", source.partition_key))?;
    let version = item.and_then(|item| version(item, source));
    let sort_key = source.sort_key.as_ref().and_then(key);
    Ok(Newer { partition, after: after(version, sort_key, source)? })
}

fn of_message(letter: &Letter, source: &Source) -> Result<Newer, String> {
    let body: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&letter.message.body)
        .map_err(|_| "the message's body is not an event's JSON".to_owned())?;
    let name = &source.partition_key;
    let value = body.get(name).and_then(|value| typed(value, Some(letter.group())));
    let partition = value
        .map(|value| (name.clone(), value))
        .ok_or_else(|| format!("the message's `{name}` is not the key of its group"))?;
    let sort_key =
        source.sort_key.as_ref().and_then(|name| Some((name.clone(), typed(body.get(name)?, None)?)));
    Ok(Newer { partition, after: after(letter.version(Some(source)), sort_key, source)? })
}

fn after(version: Option<u64>, sort_key: Option<(String, Value)>, source: &Source) -> Result<After, String> {
    match (&source.version, version, sort_key) {
        (Some(path), Some(version), _) => Ok(After::Version { path: path.clone(), version }),
        (_, _, Some((name, value))) => Ok(After::SortKey { name, value }),
        (..) => Err("the event has neither a version nor a sort key".to_owned()),
    }
}

/// A key of the event's plain JSON in DynamoDB's JSON. Bytes are text there, and only the `group` that they make tells
/// them from text; without it, text is taken for text.
pub(super) fn typed(value: &RawValue, group: Option<&str>) -> Option<Value> {
    let is_it = |key: Key| group.is_none_or(|group| Group::of(&key).as_str() == group);
    let Ok(text) = serde_json::from_str::<String>(value.get()) else {
        let number = value.get();
        let is_number = number.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        return (is_number && is_it(Key::N(number.to_owned()))).then(|| json!({ "N": number }));
    };
    if is_it(Key::S(text.clone())) {
        return Some(json!({ "S": text }));
    }
    let bytes = STANDARD.decode(&text).ok()?;
    is_it(Key::B(bytes)).then(|| json!({ "B": text }))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::letters::samples::{self, source};

    fn check(letter: &Letter, item: Option<&str>, source: &Source, expected: &Expect) {
        let item = item.map(|item| RawValue::from_string(item.to_owned()).unwrap());
        let found = match newer(letter, item.as_deref(), source) {
            Err(why) => why,
            Ok(Newer { partition: (name, value), after }) => match after {
                After::Version { path, version } => format!("{name} = {value}, {path} > {version}"),
                After::SortKey { name: sort, value: least } => {
                    format!("{name} = {value}, {sort} > {least}")
                }
            },
        };
        expected.assert_eq(&found);
    }

    #[test]
    fn of_an_item_by_version_else_by_sort_key() {
        let letter = samples::rejected("e-3");
        let item = r#"{"mark":{"S":"AFC F5"},"RegistrationNumber":{"M":{"version":{"N":"3"}}}}"#;
        check(
            &letter,
            Some(item),
            &source(""),
            &expect![[r#"mark = {"S":"AFC F5"}, RegistrationNumber.version > 3"#]],
        );
        for no_version in [
            r#"{"RegistrationNumber":{"M":{"version":{"N":"0"}}}}"#,
            r#"{"RegistrationNumber":{"M":{"version":{"S":"3"}}}}"#,
            r#"{"RegistrationNumber":{"version":{"N":"3"}}}"#,
            "[]",
        ] {
            check(
                &letter,
                Some(no_version),
                &source(""),
                &expect![[r#"mark = {"S":"AFC F5"}, createTime > {"S":"2026-01-05T09:00:03Z"}"#]],
            );
        }
        check(
            &letter,
            None,
            &source("version sort_key"),
            &expect!["the event has neither a version nor a sort key"],
        );
        check(
            &letter,
            Some(item),
            &source("version group"),
            &expect!["events of one group are in several partitions of the event table"],
        );
        check(&samples::unreadable_record(), None, &source(""), &expect!["the letter has no key `mark`"]);
    }

    #[test]
    fn of_a_message_by_the_key_that_makes_its_group() {
        let check = |group: &str, body: &str, version: Option<&str>, expected: &Expect| {
            check(&samples::undelivered("Billing", group, version, body), None, &source(""), expected);
        };
        check(
            "AFC%20F5",
            r#"{"mark":"AFC F5","createTime":"t"}"#,
            Some("3"),
            &expect![[r#"mark = {"S":"AFC F5"}, RegistrationNumber.version > 3"#]],
        );
        check(
            "~n12345678901234567890.5",
            r#"{"mark":12345678901234567890.5}"#,
            Some("3"),
            &expect![[r#"mark = {"N":"12345678901234567890.5"}, RegistrationNumber.version > 3"#]],
        );
        check(
            "~bAQI",
            r#"{"mark":"AQI="}"#,
            Some("3"),
            &expect![[r#"mark = {"B":"AQI="}, RegistrationNumber.version > 3"#]],
        );
        check(
            "AFC%20F5",
            r#"{"mark":"AFC F5","createTime":17.50}"#,
            None,
            &expect![[r#"mark = {"S":"AFC F5"}, createTime > {"N":"17.50"}"#]],
        );
        for body in [r#"{"mark":"OTHER"}"#, "{}", r#"{"mark":null}"#, r#"{"mark":true}"#, r#"{"mark":["a"]}"#]
        {
            check("AFC%20F5", body, Some("3"), &expect!["the message's `mark` is not the key of its group"]);
        }
        for body in ["", "[]", "no JSON"] {
            check("AFC%20F5", body, Some("3"), &expect!["the message's body is not an event's JSON"]);
        }
        check(
            "AFC%20F5",
            r#"{"mark":"AFC F5","createTime":{}}"#,
            Some("many"),
            &expect!["the event has neither a version nor a sort key"],
        );
    }
}
