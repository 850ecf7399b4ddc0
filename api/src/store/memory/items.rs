//! A table in memory: keys, conditions, pages.

use std::collections::BTreeMap;

use crate::store::port::{Bounds, Condition, Page, Query, Scan};
use crate::store::value::{Map, Number, Value};

/// How many bytes of items a page has at most, before a filter (DynamoDB API Reference, `Query`).
const PAGE_LIMIT: usize = 1024 * 1024;

/// Partition key and sort key; the latter is empty in a table that has none.
pub(super) type Key = (String, String);

#[derive(Debug)]
pub(super) struct Table {
    pub(super) partition: &'static str,
    pub(super) sort: Option<&'static str>,
    pub(super) indexes: Vec<Index>,
    pub(super) items: BTreeMap<Key, Map>,
}

#[derive(Debug)]
pub(super) struct Index {
    pub(super) name: &'static str,
    pub(super) partition: &'static str,
    pub(super) sort: Option<&'static str>,
}

impl Table {
    /// The key among an item's attributes.
    pub(super) fn key_of(&self, map: &Map) -> Result<Key, String> {
        let text = |name: &str| match map.get(name) {
            Some(Value::Text(text)) if !text.is_empty() => Ok(text.clone()),
            _ => Err(format!("the key `{name}` is no text with something in it")),
        };
        Ok((text(self.partition)?, self.sort.map(text).transpose()?.unwrap_or_default()))
    }

    /// The key that a map is, without other attributes.
    pub(super) fn exact_key(&self, map: &Map) -> Result<Key, String> {
        if map.len() == 1 + usize::from(self.sort.is_some()) {
            self.key_of(map)
        } else {
            Err("a key with other attributes than the table's keys".to_owned())
        }
    }

    pub(super) fn query(&self, query: &Query<'_>) -> Result<Page, String> {
        let (partition, sort) = match query.index {
            None => (self.partition, self.sort),
            Some(name) => {
                let index = self.indexes.iter().find(|index| index.name == name);
                let index = index.ok_or_else(|| format!("there is no index `{name}`"))?;
                (index.partition, index.sort)
            }
        };
        let is_keyed = query.partition.0 == partition;
        if !is_keyed || query.sort.is_some_and(|(name, _)| Some(name) != sort) {
            return Err("a query by other keys than there are".to_owned());
        }
        let is_wanted = |item: &Map| {
            let bounds = query.sort.map_or(Bounds::default(), |(_, bounds)| bounds);
            text(item, Some(partition)) == query.partition.1
                && item.contains_key(sort.unwrap_or(partition))
                && bounds.from.is_none_or(|from| text(item, sort) >= from)
                && bounds.to.is_none_or(|to| text(item, sort) <= to)
        };
        // Items with the same keys in an index stand in the order of the table's keys.
        let place = |item: &Map| {
            let own = [Some(self.partition), self.sort].map(|name| text(item, name).to_owned());
            (text(item, sort).to_owned(), own)
        };
        let mut items: Vec<&Map> = self.items.values().filter(|item| is_wanted(item)).collect();
        items.sort_by_key(|item| place(item));
        if !query.is_ascending {
            items.reverse();
        }
        if let Some(start) = &query.start {
            let start = place(start);
            items.retain(|item| if query.is_ascending { place(item) > start } else { place(item) < start });
        }
        let names = [Some(partition), sort, Some(self.partition), self.sort];
        Ok(page(items, query.limit, &names, |_| true))
    }

    pub(super) fn scan(&self, scan: &Scan<'_>) -> Result<Page, String> {
        let start = scan.start.as_ref().map(|start| self.exact_key(start)).transpose()?;
        let items = self.items.iter().filter(|(key, _)| start.as_ref().is_none_or(|start| *key > start));
        let items = items.map(|(_, item)| item).collect();
        let is_wanted = |item: &Map| text(item, Some(scan.filter.0)) == scan.filter.1;
        Ok(page(items, scan.limit, &[Some(self.partition), self.sort], is_wanted))
    }
}

/// As DynamoDB does it, a page that is full has a `next`, whether there are more items or not.
fn page(
    items: Vec<&Map>,
    limit: u32,
    names: &[Option<&'static str>],
    is_wanted: impl Fn(&Map) -> bool,
) -> Page {
    let mut page = Page::default();
    let (mut bytes, mut seen) = (0, 0);
    for item in items {
        (bytes, seen) = (bytes + size(item), seen + 1);
        if is_wanted(item) {
            page.items.push(item.clone());
        }
        if seen == limit || bytes > PAGE_LIMIT {
            let keys = names.iter().flatten();
            let keys = keys.filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone())));
            page.next = Some(keys.collect());
            break;
        }
    }
    page
}

/// Whether the condition holds of the item that is there, or isn't.
pub(super) fn holds(condition: &Condition, item: Option<&Map>) -> bool {
    let value = |name: &str| item.and_then(|item| item.get(name));
    match condition {
        Condition::Absent(name) => value(name).is_none(),
        Condition::Present(name) => value(name).is_some(),
        Condition::Equals(name, expected) => value(name) == Some(expected),
        Condition::AtMost(name, limit) => match value(name) {
            Some(Value::Number(number)) => {
                number.as_str().parse::<i64>().is_ok_and(|number| number <= *limit)
            }
            _ => false,
        },
        Condition::Any(conditions) => conditions.iter().any(|condition| holds(condition, item)),
        Condition::All(conditions) => conditions.iter().all(|condition| holds(condition, item)),
    }
}

/// About what DynamoDB counts: names, texts and digits.
pub(super) fn size(map: &Map) -> usize {
    map.iter().map(|(name, value)| name.len() + size_of(value)).sum()
}

fn size_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(number) => Number::as_str(number).len().div_ceil(2) + 1,
        Value::Text(text) => text.len(),
        Value::List(values) => 3 + values.iter().map(|value| size_of(value) + 1).sum::<usize>(),
        Value::Map(map) => 3 + size(map) + map.len(),
    }
}

fn text<'m>(item: &'m Map, name: Option<&str>) -> &'m str {
    name.and_then(|name| item.get(name)).and_then(Value::as_text).unwrap_or_default()
}
