//! DynamoDB in memory: for tests, and for a server without AWS. It behaves as DynamoDB in what the store depends on.

mod items;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use self::items::{Index, Key, Table, holds, size};
use super::port::{
    ACTIONS_LIMIT, Action, CallError, DynamoDb, Page, Query, Reason, Scan, TransactError, Write,
};
use super::value::Map;

/// What an item has at most, with its names (DynamoDB Developer Guide, "Quotas"); and a transaction.
const ITEM_LIMIT: usize = 400 * 1024;
const TRANSACTION_LIMIT: usize = 4 * 1024 * 1024;

/// DynamoDB's tables. A transaction is done in two steps, so that others can come between: one on the same item is
/// cancelled then, because of a conflict.
#[derive(Debug, Default)]
pub struct Memory {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    tables: BTreeMap<String, Table>,
    /// The items that transactions are on now.
    busy: BTreeSet<(String, Key)>,
    /// The transactions that were done, by their tokens.
    done: HashMap<String, Vec<Action>>,
}

/// What DynamoDB would refuse.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Invalid(String);

impl Memory {
    /// Without tables.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one table more, whose keys are texts. An index has a name, a partition key and perhaps a sort key.
    #[must_use]
    pub fn with_table(
        self,
        name: &str,
        partition: &'static str,
        sort: Option<&'static str>,
        indexes: &[(&'static str, &'static str, Option<&'static str>)],
    ) -> Self {
        let indexes = indexes.iter().map(|(name, partition, sort)| Index { name, partition, sort: *sort });
        let table = Table { partition, sort, indexes: indexes.collect(), items: BTreeMap::new() };
        self.lock().tables.insert(name.to_owned(), table);
        self
    }

    /// All items of a table, in the order of their keys.
    pub fn items(&self, table: &str) -> Vec<Map> {
        let inner = self.lock();
        inner.tables.get(table).map(|table| table.items.values().cloned().collect()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn table(&self, name: &str) -> Result<&Table, Invalid> {
        self.tables.get(name).ok_or_else(|| Invalid(format!("there is no table `{name}`")))
    }

    /// The item that each action is on; checks what DynamoDB checks before anything else.
    fn keys(&self, actions: &[Action]) -> Result<Vec<(String, Key)>, Invalid> {
        if !(1..=ACTIONS_LIMIT).contains(&actions.len()) {
            return Err(Invalid(format!("a transaction of {} actions", actions.len())));
        }
        let (mut keys, mut total) = (Vec::with_capacity(actions.len()), 0);
        for action in actions {
            let (Write::Put(map) | Write::Delete(map) | Write::Check(map)) = &action.write;
            let table = self.table(&action.table)?;
            let is_item = matches!(action.write, Write::Put(_));
            let key = if is_item { table.key_of(map) } else { table.exact_key(map) };
            let key = (action.table.clone(), key.map_err(Invalid)?);
            if keys.contains(&key) {
                return Err(Invalid("a transaction with two actions on one item".to_owned()));
            }
            if matches!(action.write, Write::Check(_)) && action.condition.is_none() {
                return Err(Invalid("a check without a condition".to_owned()));
            }
            let size = size(map);
            if is_item && size > ITEM_LIMIT {
                return Err(Invalid(format!("an item of {size} bytes")));
            }
            total += size;
            keys.push(key);
        }
        if total > TRANSACTION_LIMIT { Err(Invalid(format!("{total} bytes"))) } else { Ok(keys) }
    }

    /// What each action has against the transaction.
    fn reasons(&self, actions: &[Action], keys: &[(String, Key)]) -> Vec<Reason> {
        let reason = |(action, key): (&Action, &(String, Key))| {
            if self.busy.contains(key) {
                return Reason::Conflict;
            }
            let item = self.tables.get(&key.0).and_then(|table| table.items.get(&key.1));
            match &action.condition {
                Some(condition) if !holds(condition, item) => Reason::Condition,
                _ => Reason::None,
            }
        };
        actions.iter().zip(keys).map(reason).collect()
    }

    fn write(&mut self, actions: &[Action], keys: &[(String, Key)]) {
        for (action, (table, key)) in actions.iter().zip(keys) {
            let Some(table) = self.tables.get_mut(table) else { continue };
            match &action.write {
                Write::Put(item) => {
                    table.items.insert(key.clone(), item.clone());
                }
                Write::Delete(_) => {
                    table.items.remove(key);
                }
                Write::Check(_) => {}
            }
        }
    }
}

/// The items of a transaction, while it is on them: also one that is given up frees them.
struct Busy<'m> {
    memory: &'m Memory,
    keys: &'m [(String, Key)],
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut inner = self.memory.lock();
        for key in self.keys {
            inner.busy.remove(key);
        }
    }
}

impl DynamoDb for Memory {
    async fn get(&self, table: &str, key: &Map) -> Result<Option<Map>, CallError> {
        give_way().await;
        let inner = self.lock();
        let table = inner.table(table)?;
        let key = table.exact_key(key).map_err(Invalid)?;
        Ok(table.items.get(&key).cloned())
    }

    async fn query(&self, query: &Query<'_>) -> Result<Page, CallError> {
        give_way().await;
        let inner = self.lock();
        Ok(inner.table(query.table)?.query(query).map_err(Invalid)?)
    }

    async fn scan(&self, scan: &Scan<'_>) -> Result<Page, CallError> {
        give_way().await;
        let inner = self.lock();
        Ok(inner.table(scan.table)?.scan(scan).map_err(Invalid)?)
    }

    async fn transact(&self, token: &str, actions: &[Action]) -> Result<(), TransactError> {
        give_way().await;
        let keys = {
            let mut inner = self.lock();
            let keys = inner.keys(actions)?;
            if !(1..=36).contains(&token.len()) {
                return Err(Invalid("a token of another length than 1 to 36".to_owned()).into());
            }
            match inner.done.get(token) {
                Some(done) if done == actions => return Ok(()),
                Some(_) => return Err(Invalid("another transaction had the same token".to_owned()).into()),
                None => {}
            }
            let reasons = inner.reasons(actions, &keys);
            if reasons.iter().any(|reason| *reason != Reason::None) {
                return Err(TransactError::Cancelled(reasons));
            }
            inner.busy.extend(keys.iter().cloned());
            keys
        };
        let _busy = Busy { memory: self, keys: &keys };
        give_way().await;
        let mut inner = self.lock();
        inner.write(actions, &keys);
        inner.done.insert(token.to_owned(), actions.to_vec());
        drop(inner);
        Ok(())
    }
}

impl From<Invalid> for CallError {
    fn from(invalid: Invalid) -> Self {
        Self::Refused(invalid.into())
    }
}

impl From<Invalid> for TransactError {
    fn from(invalid: Invalid) -> Self {
        Self::Refused(invalid.into())
    }
}

/// Lets other tasks go on, as a call over a network does.
async fn give_way() {
    let mut is_first = true;
    std::future::poll_fn(move |context| {
        if std::mem::take(&mut is_first) {
            context.waker().wake_by_ref();
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}
