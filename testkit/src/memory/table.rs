//! The event table in memory.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::contract::events::Writable;
use shared::config::{Path, Source};
use shared::event::Reader;
use shared::ids::{EventIdentity, Key};
use shared::image::{Decimal, WantedPaths, convert};
use shared::ledger::columns::Columns;
use shared::ledger::{EventTable, Page, Row, RowHead, ScanPage, ScanPosition, ScannedRow, Unread};

/// How many items a page has, unless a test says otherwise: few, so that there is more than one page.
const ITEMS: usize = 4;

/// The event table, as DynamoDB keeps it: partitions in an order without meaning, each sorted by the sort key. Rows are
/// made by the real conversion. No latency. Clones share the table.
///
/// As with DynamoDB, a page that ends with the last item does not know that it is the last.
///
/// # Panics
///
/// A use that breaks the contract of [`EventTable`] panics, and so does a put of something that is no item of this
/// table.
#[derive(Clone)]
pub struct MemoryTable {
    reader: Arc<Reader>,
    columns: Arc<Columns>,
    state: Arc<Mutex<State>>,
}

/// The calls of an event table so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableCalls {
    /// Calls of [`EventTable::page`].
    pub pages: u64,
    /// Calls of [`EventTable::heads`].
    pub heads: u64,
    /// Calls of [`EventTable::identity`].
    pub gets: u64,
    /// Calls of [`EventTable::scan`].
    pub scans: u64,
}

struct State {
    partitions: BTreeMap<Partition, BTreeMap<Sorted, Stored>>,
    items_in_page: usize,
    unread: usize,
    calls: TableCalls,
}

/// An item, and whether the source's filter admits it.
#[derive(Clone, Debug)]
struct Stored {
    row: Row,
    is_admitted: bool,
}

impl Stored {
    fn admitted(&self) -> Option<&Row> {
        self.is_admitted.then_some(&self.row)
    }
}

/// A partition key in the table's order: by a hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Partition(u64, Sorted);

/// A key in DynamoDB's order: numbers by value, everything else by bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sorted {
    key: Key,
    number: Option<Decimal>,
}

impl MemoryTable {
    /// An empty table, whose attributes mean what `source` says.
    pub fn new(source: &Source) -> Self {
        let state = State {
            partitions: BTreeMap::new(),
            items_in_page: ITEMS,
            unread: 0,
            calls: TableCalls::default(),
        };
        Self {
            reader: Arc::new(Reader::new(source)),
            columns: Arc::new(Columns::new(source)),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Puts an item, in DynamoDB's JSON, in place of one with the same keys: `{"mark": {"S": "AFC F5"}, …}`. Returns
    /// its row.
    #[expect(clippy::expect_used, reason = "a test that puts what is no item has failed")]
    pub fn put(&self, item: &str) -> Row {
        let attributes: Value = serde_json::from_str(item).expect("an item in DynamoDB's JSON");
        let at = |path: &Path| lookup(&attributes, path);
        let image = convert(item, &WantedPaths::default());
        let is_admitted = image.map_or(true, |image| self.reader.admits(&image));
        let event = self.reader.read(item);
        let row = self.columns.row(event, at).expect("an item with a sort key");
        let key = at(&self.columns.partition).expect("an item with a partition key");
        let mut state = self.state();
        let partition = state.partitions.entry(Partition::of(&key)).or_default();
        partition.insert(Sorted::of(&row.head.identity.sort), Stored { row: row.clone(), is_admitted });
        row
    }

    /// Deletes an item, and returns whether it was there.
    pub fn delete(&self, key: &Key, sort: &Key) -> bool {
        let mut state = self.state();
        let partition = Partition::of(key);
        let Some(rows) = state.partitions.get_mut(&partition) else { return false };
        let was_there = rows.remove(&Sorted::of(sort)).is_some();
        if rows.is_empty() {
            state.partitions.remove(&partition);
        }
        was_there
    }

    /// Deletes all items of an aggregate.
    pub fn erase(&self, key: &Key) {
        self.state().partitions.remove(&Partition::of(key));
    }

    /// All admitted rows of an aggregate, newest first, whatever faults there are.
    pub fn rows(&self, key: &Key) -> Vec<Row> {
        let state = self.state();
        let rows = state.partitions.get(&Partition::of(key));
        rows.into_iter().flat_map(|rows| rows.values().rev().filter_map(Stored::admitted).cloned()).collect()
    }

    /// The keys of all aggregates that have an item, in the table's order.
    pub fn keys(&self) -> Vec<Key> {
        self.state().partitions.keys().map(|partition| partition.1.key.clone()).collect()
    }

    /// How many items a page has from now on; at least 1.
    pub fn set_items_in_page(&self, items: usize) {
        self.state().items_in_page = items.max(1);
    }

    /// The next call, of any kind, fails; several of these fail one call each.
    pub fn fail(&self) {
        self.state().unread += 1;
    }

    /// The calls so far.
    pub fn calls(&self) -> TableCalls {
        self.state().calls
    }

    /// Counts from zero again.
    pub fn forget_calls(&self) {
        self.state().calls = TableCalls::default();
    }

    fn read_page<R>(
        &self,
        key: &Key,
        before: Option<&Key>,
        count: impl FnOnce(&mut State) -> &mut u64,
        row: impl Fn(&Row) -> R,
    ) -> Result<Page<R>, Unread> {
        let mut state = self.state();
        *count(&mut state) += 1;
        state.answer()?;
        let limit = state.items_in_page;
        let Some(partition) = state.partitions.get(&Partition::of(key)) else { return Ok(Page::default()) };
        let before = before.map(Sorted::of);
        let older = partition.iter().rev().filter(|(sort, _)| before.as_ref().is_none_or(|end| *sort < end));
        let items: Vec<_> = older.take(limit).collect();
        let next = items.last().filter(|_| items.len() == limit).map(|(sort, _)| sort.key.clone());
        Ok(Page { rows: items.into_iter().filter_map(|(_, item)| item.admitted().map(&row)).collect(), next })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventTable for MemoryTable {
    async fn page(&self, key: &Key, before: Option<&Key>) -> Result<Page, Unread> {
        self.read_page(key, before, |state| &mut state.calls.pages, Row::clone)
    }

    async fn heads(&self, key: &Key, before: Option<&Key>) -> Result<Page<RowHead>, Unread> {
        self.read_page(key, before, |state| &mut state.calls.heads, |row| row.head.clone())
    }

    async fn identity(&self, key: &Key, sort: &Key) -> Result<Option<EventIdentity>, Unread> {
        let mut state = self.state();
        state.calls.gets += 1;
        state.answer()?;
        let item = state.partitions.get(&Partition::of(key)).and_then(|rows| rows.get(&Sorted::of(sort)));
        Ok(item.map(|item| item.row.head.identity.clone()))
    }

    async fn scan(&self, after: Option<&ScanPosition>, limit: u32) -> Result<ScanPage, Unread> {
        let mut state = self.state();
        state.calls.scans += 1;
        state.answer()?;
        let limit = state.items_in_page.min(limit as usize);
        let after =
            after.map(|scan_position| (Partition::of(&scan_position.key), Sorted::of(&scan_position.sort)));
        let start = after.as_ref().map_or(Bound::Unbounded, |(partition, _)| Bound::Included(partition));
        let partitions = state.partitions.range((start, Bound::Unbounded));
        let all = partitions.flat_map(|(key, rows)| rows.iter().map(move |row| (key, row)));
        let later = all.filter(|(partition, (sort, _))| {
            after.as_ref().is_none_or(|(after, last)| (*partition, *sort) > (after, last))
        });
        let items: Vec<_> = later.take(limit).collect();
        let position = |(partition, (sort, _)): &(&Partition, (&Sorted, &Stored))| ScanPosition {
            key: partition.1.key.clone(),
            sort: sort.key.clone(),
        };
        let next = items.last().filter(|_| items.len() == limit).map(position);
        // Items of 4 KB, of which a unit reads two.
        let units = Some(items.len().div_ceil(2) as u64);
        let admitted =
            items.into_iter().filter_map(|(partition, (_, item))| Some((partition, item.admitted()?)));
        let seen = admitted.map(|(partition, row)| seen(&partition.1.key, row)).collect();
        Ok(ScanPage { seen, next, units })
    }
}

impl State {
    fn answer(&mut self) -> Result<(), Unread> {
        if self.unread == 0 {
            return Ok(());
        }
        self.unread -= 1;
        Err(Unread("a scripted fault".into()))
    }
}

impl Partition {
    fn of(key: &Key) -> Self {
        // It has fixed keys, so that the order is the same in each run.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Self(hasher.finish(), Sorted::of(key))
    }
}

impl Sorted {
    fn of(key: &Key) -> Self {
        let number = if let Key::N(number) = key { Decimal::try_parse(number.as_bytes()) } else { None };
        Self { key: key.clone(), number }
    }
}

impl Ord for Sorted {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.key, &other.key) {
            (Key::S(own), Key::S(other)) => own.cmp(other),
            (Key::B(own), Key::B(other)) => own.cmp(other),
            (Key::N(_), Key::N(_)) => self.number.cmp(&other.number),
            // Keys of one table are of one type.
            (own, other) => rank(own).cmp(&rank(other)),
        }
    }
}

impl PartialOrd for Sorted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn rank(key: &Key) -> u8 {
    match key {
        Key::S(_) => 0,
        Key::N(_) => 1,
        Key::B(_) => 2,
    }
}

fn seen(key: &Key, row: &Row) -> ScannedRow {
    ScannedRow { key: key.clone(), head: row.head.clone() }
}

/// The key that an item in DynamoDB's JSON has at a path.
fn lookup(item: &Value, path: &Path) -> Option<Key> {
    let (last, maps) = path.0.split_last()?;
    let map = maps.iter().try_fold(item, |map, name| map.get(name)?.get("M"))?;
    let (tag, value) = map.get(last)?.as_object()?.iter().next()?;
    let text = value.as_str()?;
    match tag.as_str() {
        "S" => Some(Key::S(text.to_owned())),
        "N" => Some(Key::N(text.to_owned())),
        "B" => STANDARD.decode(text).ok().map(Key::B),
        _ => None,
    }
}

impl Writable for MemoryTable {
    async fn put(&self, item: &str) {
        drop(Self::put(self, item));
    }

    async fn delete(&self, key: &Key, sort: &Key) {
        Self::delete(self, key, sort);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::events::{check_filtered, check_numbers, check_texts, filtered, numbers, texts};
    use crate::memory::now_or_never;

    #[test]
    fn the_double_keeps_the_contract() {
        for items in [1, 2, 4, 7, 100] {
            let table = MemoryTable::new(&texts());
            table.set_items_in_page(items);
            now_or_never(check_texts(&table, 0));
            let table = MemoryTable::new(&numbers());
            table.set_items_in_page(items);
            now_or_never(check_numbers(&table));
            let table = MemoryTable::new(&filtered());
            table.set_items_in_page(items);
            now_or_never(check_filtered(&table));
        }
    }

    #[test]
    fn a_scripted_fault_befalls_one_call() {
        let table = MemoryTable::new(&texts());
        let (key, sort) = (Key::S("a".to_owned()), Key::S("b".to_owned()));
        table.fail();
        assert!(now_or_never(table.page(&key, None)).is_err());
        assert!(now_or_never(table.page(&key, None)).is_ok());
        assert!(now_or_never(table.heads(&key, None)).is_ok());
        table.fail();
        table.fail();
        assert!(now_or_never(table.identity(&key, &sort)).is_err());
        assert!(now_or_never(table.scan(None, 100)).is_err());
        assert!(now_or_never(table.scan(None, 100)).is_ok());
        assert_eq!(table.calls(), TableCalls { pages: 2, heads: 1, gets: 1, scans: 2 });
    }
}
