//! The event table, as far as the ledger reads it.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use shared::config::{Path, Source};
use shared::event::{EventError, Reader};
use shared::ids::{EventIdentity, Key};
use shared::image;
use shared::ledger::columns::Columns;
use shared::ledger::{EventTable, Page, Row, RowHead, ScanPage, ScanPosition, ScannedRow, Unread};

use super::again::replay_until;
use super::attributes::{SdkItem, of_key};
use super::fault::Fault;

/// How many items the first page of an aggregate has at most. Most look-ups find what they need among the newest
/// events; the later pages are as long as DynamoDB makes them (1 MB).
const FIRST_PAGE: i32 = 100;

/// The event table in DynamoDB. Clones share their connections.
#[derive(Clone, Debug)]
pub struct EventsTable {
    client: Client,
    table: String,
    reader: Reader,
    columns: Columns,
    /// What is read of an item where its event is not needed.
    projection: Projection,
    /// What tells an item's event from others.
    identity: Projection,
}

/// Which attributes are read, in the API's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Projection {
    text: String,
    names: HashMap<String, String>,
}

impl EventsTable {
    /// The event table `table`, whose attributes mean what `source` says. The `client` need not retry.
    pub fn new(client: Client, table: impl Into<String>, source: &Source) -> Self {
        let columns = Columns::new(source);
        let filtered = source.filter.iter().flat_map(|filter| filter.paths());
        // A filter's path can lead through lists, which a projection does not.
        let filtered: Vec<Path> =
            filtered.filter_map(|path| Some(Path(vec![path.0.first()?.clone()]))).collect();
        let own = [&columns.partition, &columns.sort, &columns.version.path];
        let own = own.into_iter().chain(&columns.id).chain(&columns.time);
        let projection = Projection::of(own.chain(&filtered));
        let identity = Projection::of([&columns.sort].into_iter().chain(&columns.id));
        Self { client, table: table.into(), reader: Reader::new(source), columns, projection, identity }
    }

    /// `None`: the filter does not admit the item.
    fn row(&self, item: &SdkItem) -> Result<Option<Row>, Fault> {
        let image = super::convert(item, self.reader.wanted()).map_err(EventError::from);
        if image.as_ref().is_ok_and(|image| !self.reader.admits(image)) {
            return Ok(None);
        }
        let event = image.and_then(|image| self.reader.event(image));
        let row = self.columns.row(event, |path| at(item, path));
        row.map(Some).ok_or_else(|| self.no_keys())
    }

    /// `None`: the filter does not admit the item, of which only the projection is there.
    fn admitted(&self, item: &SdkItem) -> Result<Option<ScannedRow>, Fault> {
        let image = super::convert(item, &image::WantedPaths::default());
        let is_admitted = image.map_or(true, |image| self.reader.admits(&image));
        if is_admitted { self.seen(item).map(Some) } else { Ok(None) }
    }

    fn seen(&self, item: &SdkItem) -> Result<ScannedRow, Fault> {
        self.columns.seen(|path| at(item, path)).ok_or_else(|| self.no_keys())
    }

    fn no_keys(&self) -> Fault {
        Fault::of_unreadable(&self.table, "an item has no keys as `[source]` names them")
    }

    fn keys(&self, key: &Key, sort: &Key) -> SdkItem {
        let Columns { partition, sort: sort_key, .. } = &self.columns;
        HashMap::from([(top(partition), of_key(key)), (top(sort_key), of_key(sort))])
    }

    /// A page of an aggregate's items, each as `row` reads it, which is `None` for one that the filter does not admit.
    async fn query<R>(
        &self,
        key: &Key,
        before: Option<&Key>,
        read: impl FnOnce(QueryFluentBuilder) -> QueryFluentBuilder,
        row: impl Fn(&SdkItem) -> Result<Option<R>, Fault>,
    ) -> Result<Page<R>, Fault> {
        let condition = if before.is_some() { "#key = :key AND #sort < :before" } else { "#key = :key" };
        let query =
            self.client.query().table_name(&self.table).consistent_read(true).scan_index_forward(false);
        let query = query.key_condition_expression(condition);
        let query = query.expression_attribute_names("#key", top(&self.columns.partition));
        let query = query.expression_attribute_values(":key", of_key(key));
        let query = match before {
            None => query,
            Some(before) => query
                .expression_attribute_names("#sort", top(&self.columns.sort))
                .expression_attribute_values(":before", of_key(before)),
        };
        let answer = read(query).send().await.map_err(|error| Fault::of_call(&self.table, error))?;
        // An answer without items is none: the aggregate is not erased.
        let items =
            answer.items.ok_or_else(|| Fault::of_unreadable(&self.table, "the answer has no items"))?;
        let rows = items.iter().filter_map(|item| row(item).transpose()).collect::<Result<_, _>>()?;
        let next = answer.last_evaluated_key.filter(|keys| !keys.is_empty());
        let next = next.map(|keys| self.seen(&keys)).transpose()?;
        Ok(Page { rows, next: next.map(|last| last.head.identity.sort) })
    }
}

impl EventTable for EventsTable {
    async fn page(&self, key: &Key, before: Option<&Key>) -> Result<Page, Unread> {
        let read = |query: QueryFluentBuilder| if before.is_none() { query.limit(FIRST_PAGE) } else { query };
        replay_until(&self.table, async || self.query(key, before, read, |item| self.row(item)).await).await
    }

    async fn heads(&self, key: &Key, before: Option<&Key>) -> Result<Page<RowHead>, Unread> {
        let Projection { text, names } = &self.projection;
        let read = |query: QueryFluentBuilder| {
            let query = query.projection_expression(text);
            names.iter().fold(query, |query, (alias, name)| query.expression_attribute_names(alias, name))
        };
        let head = |item: &SdkItem| Ok(self.admitted(item)?.map(|seen| seen.head));
        replay_until(&self.table, async || self.query(key, before, read, head).await).await
    }

    async fn identity(&self, key: &Key, sort: &Key) -> Result<Option<EventIdentity>, Unread> {
        let get = async || {
            let get = self.client.get_item().table_name(&self.table).consistent_read(true);
            let get = get.set_key(Some(self.keys(key, sort)));
            let get = get.projection_expression(&self.identity.text);
            let get = get.set_expression_attribute_names(Some(self.identity.names.clone()));
            let answer = get.send().await.map_err(|error| Fault::of_call(&self.table, error))?;
            let Some(item) = answer.item else { return Ok(None) };
            let identity = self.columns.identity(|path| at(&item, path));
            identity.map(Some).ok_or_else(|| self.no_keys())
        };
        replay_until(&self.table, get).await
    }

    async fn scan(&self, after: Option<&ScanPosition>, limit: u32) -> Result<ScanPage, Unread> {
        let start = after.map(|scan_position| self.keys(&scan_position.key, &scan_position.sort));
        let scan = async || {
            let scan = self.client.scan().table_name(&self.table).set_exclusive_start_key(start.clone());
            let scan = scan.limit(i32::try_from(limit).unwrap_or(i32::MAX));
            let scan = scan.return_consumed_capacity(ReturnConsumedCapacity::Total);
            let scan = scan.projection_expression(&self.projection.text);
            let scan = scan.set_expression_attribute_names(Some(self.projection.names.clone()));
            let answer = scan.send().await.map_err(|error| Fault::of_call(&self.table, error))?;
            let items =
                answer.items.ok_or_else(|| Fault::of_unreadable(&self.table, "the answer has no items"))?;
            let seen =
                items.iter().filter_map(|item| self.admitted(item).transpose()).collect::<Result<_, _>>()?;
            let next = answer.last_evaluated_key.filter(|key| !key.is_empty());
            let next = next.map(|keys| self.seen(&keys)).transpose()?;
            let next = next.map(|last| ScanPosition { key: last.key, sort: last.head.identity.sort });
            let units = answer.consumed_capacity.and_then(|consumed| consumed.capacity_units);
            Ok(ScanPage { seen, next, units: units.and_then(rounded_up) })
        };
        replay_until(&self.table, scan).await
    }
}

/// Units of which the least part is a half.
fn rounded_up(units: f64) -> Option<u64> {
    format!("{:.0}", units.max(0.0).ceil()).parse().ok()
}

impl Projection {
    /// All of `paths`, but for those that are inside another: DynamoDB refuses paths that overlap.
    fn of<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Self {
        let is_inside = |inner: &Path, outer: &Path| inner.0.starts_with(&outer.0);
        let mut kept = Vec::<&Path>::new();
        for path in paths {
            if !kept.iter().any(|outer| is_inside(path, outer)) {
                kept.retain(|inner| !is_inside(inner, path));
                kept.push(path);
            }
        }
        let mut names = HashMap::new();
        let mut aliases = Vec::with_capacity(kept.len());
        for path in kept {
            let mut steps = Vec::with_capacity(path.0.len());
            for name in &path.0 {
                // Names can be reserved words, and can hold what an expression cannot.
                let alias = format!("#n{}", names.len());
                names.insert(alias.clone(), name.clone());
                steps.push(alias);
            }
            aliases.push(steps.join("."));
        }
        Self { text: aliases.join(", "), names }
    }
}

/// The key that `item` has at `path`.
fn at(item: &SdkItem, path: &Path) -> Option<Key> {
    let (first, rest) = path.0.split_first()?;
    let value = rest.iter().try_fold(item.get(first)?, |value, name| match value {
        AttributeValue::M(entries) => entries.get(name),
        _ => None,
    });
    super::key(value?).ok()
}

/// A key attribute's name.
fn top(path: &Path) -> String {
    path.0.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projection_names_each_attribute_once() {
        let path = |text: &&str| Path(text.split('/').map(str::to_owned).collect());
        let check = |paths: [&str; 4], expected: &str| {
            let [partition, sort, version, time] = paths.each_ref().map(path);
            let projection = Projection::of([&partition, &sort, &version, &time]);
            let mut text = projection.text.clone();
            for (alias, name) in &projection.names {
                text = text.replace(alias, name);
            }
            assert_eq!(text, expected);
        };
        check(["mark", "at", "number", "time"], "mark, at, number, time");
        check(["mark", "at", "of/number", "at"], "mark, at, of.number");
        check(["mark", "at", "of/number", "of"], "mark, at, of");
        check(["mark", "at", "of/number/x", "of"], "mark, at, of");
        check(["mark", "at", "offer/number", "of"], "mark, at, offer.number, of");
        check(["mark", "at", "at", "time"], "mark, at, time");
        check(["a b", "c.d", "size", "#x"], "a b, c.d, size, #x");
    }

    #[test]
    fn keys_are_found_inside_maps() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let inner = AttributeValue::M(HashMap::from([("b".to_owned(), text("x"))]));
        let item = HashMap::from([("a".to_owned(), inner), ("a.b".to_owned(), text("y"))]);
        let at = |names: &[&str]| at(&item, &Path(names.iter().map(|name| (*name).to_owned()).collect()));
        assert_eq!(at(&["a", "b"]), Some(Key::S("x".to_owned())));
        assert_eq!(at(&["a.b"]), Some(Key::S("y".to_owned())));
        for names in [&["a"][..], &["b"], &["a", "c"], &["a.b", "c"], &[]] {
            assert_eq!(at(names), None, "{names:?}");
        }
    }
}
