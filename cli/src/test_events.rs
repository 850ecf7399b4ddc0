//! Events that only try something out, of aggregates of their own, whose keys say so.

use std::time::Duration;

use aws::operator::table::{KeyType, Table};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use shared::config::{Config, Path, Source};
use shared::control::TypedKey;
use shared::sample::{MatchedItem, match_items};
use shared::time::Timestamp;

/// The name of a test event, where the source says where names are.
const NAME: &str = "FanoutctlTest";

/// The digits of a version in a text: texts are then in the order of the versions.
const DIGITS: usize = 10;

/// How the items of a run's test events are made.
#[derive(Clone, Debug)]
pub struct TestEvents<'s> {
    /// Where events have what.
    pub source: &'s Source,
    /// The types of the event table's partition and sort key.
    pub key_types: [KeyType; 2],
    /// What an item has besides, in DynamoDB's JSON.
    pub like: Map<String, Value>,
    /// When the run began. No other run has aggregates of this time.
    pub at: Timestamp,
}

/// An aggregate of a run.
#[derive(Clone, Copy, Debug)]
pub struct TestAggregate<'n> {
    /// What it is for.
    pub name: &'n str,
    /// Its number in the run, below 100: what tells it from others where keys are numbers.
    pub number: u8,
}

/// The types of the keys of `table`. A type that DynamoDB does not name is taken for text.
pub fn key_types(table: &Table) -> [KeyType; 2] {
    [table.partition_type, table.sort_type].map(|of| of.unwrap_or(KeyType::S))
}

/// The first of `items`, which are in DynamoDB's JSON, that is an event by `config`, for test events to look like; none if
/// no item is.
pub fn first_event(config: &Config, items: &[String]) -> Option<Map<String, Value>> {
    let mut matched = items.iter().zip(match_items(config, items));
    let (item, _) = matched.find(|(_, item)| matches!(item, MatchedItem::Event { .. }))?;
    serde_json::from_str(item).ok()
}

impl TestEvents<'_> {
    /// The aggregate's key.
    pub fn key(&self, aggregate: TestAggregate<'_>) -> TypedKey {
        let text = format!("test-{}-{}", self.at.to_text(), aggregate.name);
        match self.key_types {
            [KeyType::S, _] => TypedKey::S(text),
            [KeyType::N, _] => TypedKey::N(format!("-{}{:02}", self.at.as_millis(), aggregate.number)),
            [KeyType::B, _] => TypedKey::B(STANDARD.encode(text)),
        }
    }

    /// The item of the aggregate's event with this version, in DynamoDB's JSON.
    pub fn item(&self, aggregate: TestAggregate<'_>, version: i64) -> Map<String, Value> {
        let key = self.key(aggregate);
        let since = Duration::from_millis(version.unsigned_abs());
        let (time, source) = (self.at.plus(since), self.source);
        let mut item = self.like.clone();
        let texts = [
            (&source.name, NAME.to_owned()),
            (&source.id, format!("{key}-{version}")),
            (&source.time, time.to_text()),
        ];
        for (path, text) in texts {
            if let Some(Path(path)) = path {
                set(&mut item, path, json!({ "S": text }));
            }
        }
        let sort = match self.key_types {
            [_, KeyType::S] => json!({ "S": time.to_text() }),
            [_, KeyType::N] => json!({ "N": time.as_millis().to_string() }),
            [_, KeyType::B] => json!({ "B": STANDARD.encode(time.to_text()) }),
        };
        set(&mut item, std::slice::from_ref(&source.sort_key), sort);
        set(&mut item, std::slice::from_ref(&source.partition_key), json!(key));
        // It may be in the sort key.
        let Path(place) = &source.version.path;
        let is_sort_key = *place == [source.sort_key.clone()];
        let is_text =
            source.version.after.is_some() || (is_sort_key && self.key_types.last() == Some(&KeyType::S));
        let after = source.version.after.as_deref().unwrap_or_default();
        let version = if is_text {
            json!({ "S": format!("{after}{version:0DIGITS$}") })
        } else {
            json!({ "N": version.to_string() })
        };
        set(&mut item, place, version);
        item
    }
}

/// Gives the item `value` at `path`. What is on the way and no map becomes one.
fn set(item: &mut Map<String, Value>, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        item.insert(first.clone(), value);
        return;
    }
    let mut inner = match item.get_mut(first).and_then(|found| found.get_mut("M")) {
        Some(Value::Object(found)) => std::mem::take(found),
        _ => Map::new(),
    };
    set(&mut inner, rest, value);
    item.insert(first.clone(), json!({ "M": inner }));
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use shared::event::Reader;

    use super::*;

    fn check(source: &str, key_types: [KeyType; 2], like: Value, expected: &Expect) {
        let text = format!("[source]\n{source}\n[[client]]\nname = 'A'\n");
        let source = Config::try_from_toml("client-queues.toml", &text, None).unwrap().source;
        let like = like.as_object().unwrap().clone();
        let events =
            TestEvents { source: &source, key_types, like, at: Timestamp::from_millis(1_767_603_600_007) };
        let item = events.item(TestAggregate { name: "gap", number: 3 }, 2);
        let event = Reader::new(&source).read(&json!(item).to_string()).unwrap();
        assert_eq!(
            (TypedKey::from(event.key()), event.version()),
            (events.key(TestAggregate { name: "gap", number: 3 }), 2)
        );
        expected.assert_eq(&format!("{}\n{} {:?} {:?}", json!(item), event.id(), event.name(), event.time()));
    }

    #[test]
    fn a_test_event_is_one_of_the_configs_source_and_looks_like_another() {
        check(
            "partition_key = 'mark'\nsort_key = 'createTime'\nid = 'eventId'\nname = 'eventName'\ntime = 'createTime'\nversion = 'RegistrationNumber.version'",
            [KeyType::S, KeyType::S],
            json!({ "mark": { "S": "AFC F5" }, "RegistrationNumber": { "M": { "price": { "N": "1.10" } } } }),
            &expect![[r#"
                {"RegistrationNumber":{"M":{"price":{"N":"1.10"},"version":{"N":"2"}}},"createTime":{"S":"2026-01-05T09:00:00.009Z"},"eventId":{"S":"test-2026-01-05T09:00:00.007Z-gap-2"},"eventName":{"S":"FanoutctlTest"},"mark":{"S":"test-2026-01-05T09:00:00.007Z-gap"}}
                test-2026-01-05T09:00:00.007Z-gap-2 Some("FanoutctlTest") Some("2026-01-05T09:00:00.009Z")"#]],
        );
    }

    #[test]
    fn a_version_can_be_in_the_sort_key() {
        let source = |version: &str| {
            format!("partition_key = 'pk'\nsort_key = 'sk'\ntime = 'at'\nversion = {version}")
        };
        check(
            &source("{ path = 'sk', after = 'EVENT#' }"),
            [KeyType::B, KeyType::S],
            json!({ "at": { "N": "7" } }),
            &expect![[r#"
                {"at":{"S":"2026-01-05T09:00:00.009Z"},"pk":{"B":"dGVzdC0yMDI2LTAxLTA1VDA5OjAwOjAwLjAwN1otZ2Fw"},"sk":{"S":"EVENT#0000000002"}}
                06f10ec4f4291c9b58502aa0a4ee244c6a648eb6da88e6f261c57dc89e1fe2d9 None Some("2026-01-05T09:00:00.009Z")"#]],
        );
        check(
            &source("'sk'"),
            [KeyType::N, KeyType::N],
            json!({}),
            &expect![[r#"
            {"at":{"S":"2026-01-05T09:00:00.009Z"},"pk":{"N":"-176760360000703"},"sk":{"N":"2"}}
            82d8b5380086d39771772325f4ef10397fa346f40387085ce15cb1ed0a833166 None Some("2026-01-05T09:00:00.009Z")"#]],
        );
    }
}
