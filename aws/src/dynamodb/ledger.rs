//! The ledger's table.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::SystemTime;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, KeysAndAttributes, Put, TransactWriteItem};
use shared::ids::Group;
use shared::ledger::stored::{self, PK, SK};
use shared::ledger::{
    ClientId, Condition, Cursor, DamagedItem, Item, ItemKey, Ledger, Unread, Write, WriteError,
};
use shared::send::Cause;
use tokio::time::{Instant, sleep, timeout_at};

use super::again::{PAUSES, replay_until};
use super::attributes::{self, SdkItem};
use super::fault::{Fault, UnreadItem};
use crate::sdk::CALL_TIMEOUT;

/// What a write is conditional on.
const ABSENT: &str = "attribute_not_exists(#pk)";
const SAME_WRITE_COUNT: &str = "#rev = :rev";

/// How many cursors a page has at most: a quarter of what fits into DynamoDB's own pages (1 MB), so that catch-up
/// begins with the first groups soon.
const CURSORS: i32 = 1_000;

/// The ledger in DynamoDB. Clones share their connections.
#[derive(Clone, Debug)]
pub struct LedgerTable {
    client: Client,
    table: String,
}

/// A condition in the API's own words.
struct Expression {
    text: &'static str,
    names: HashMap<String, String>,
    values: Option<SdkItem>,
}

impl LedgerTable {
    /// The ledger in `table`. The `client` must not retry: [`client`](super::client) does not.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Reads what is `left` to read, and moves what was read, or is missing, from there to `read`.
    async fn read_some(
        &self,
        left: &mut Vec<Keys>,
        read: &mut HashMap<Keys, Option<SdkItem>>,
    ) -> Result<(), Fault> {
        let keys = left.iter().map(|(partition, sort)| {
            HashMap::from([
                (PK.to_owned(), AttributeValue::S(partition.clone())),
                (SK.to_owned(), AttributeValue::S(sort.clone())),
            ])
        });
        let request =
            KeysAndAttributes::builder().set_keys(Some(keys.collect())).consistent_read(true).build();
        let request = request.map_err(|_| Fault::of_unreadable(&self.table, "no keys"))?;
        let call = self.client.batch_get_item().request_items(&self.table, request);
        let answer = call.send().await.map_err(|error| Fault::of_call(&self.table, error))?;
        let unreadable = |lacks| Fault::of_unreadable(&self.table, lacks);
        let unprocessed = answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, left)| left.keys);
        let unprocessed = unprocessed.map(|item| keys_of(&item)).collect::<Option<Vec<_>>>();
        let unprocessed =
            unprocessed.ok_or_else(|| unreadable("the answer has unprocessed keys of another table"))?;
        let is_answered = |keys: &Keys| !unprocessed.contains(keys);
        // An answer that says nothing about the table is none: its items are not missing.
        let items = answer.responses.and_then(|mut tables| tables.remove(&self.table));
        if items.is_none() && left.iter().any(is_answered) {
            return Err(unreadable("the answer does not name the table"));
        }
        let found = items.into_iter().flatten().map(|item| Some((keys_of(&item)?, item)));
        let found = found.collect::<Option<HashMap<_, _>>>();
        let mut found = found.ok_or_else(|| unreadable("the answer has items without keys"))?;
        left.retain(|keys| {
            let item = found.remove(keys);
            if item.is_none() && !is_answered(keys) {
                return true;
            }
            read.insert(keys.clone(), item);
            false
        });
        Ok(())
    }

    /// The item under `key`, which was read as `item`.
    fn restore(&self, key: &ItemKey, item: SdkItem) -> Result<Item, Unread> {
        attributes::item(key, item).map_err(|damage| Unread(damage.item(&self.table, key).into()))
    }

    async fn write_one(&self, write: &Write) -> Result<(), Fault> {
        let Expression { text, names, values } = Expression::of(write.condition);
        match &write.item {
            Some(item) => {
                let put = self.client.put_item().table_name(&self.table);
                let put = put.set_item(Some(attributes::with_keys(&write.key, item)));
                let put = put.condition_expression(text).set_expression_attribute_names(Some(names));
                let done = put.set_expression_attribute_values(values).send().await;
                done.map(drop).map_err(|error| Fault::of_call(&self.table, error))
            }
            None => {
                let delete = self.client.delete_item().table_name(&self.table);
                let delete = delete.set_key(Some(attributes::keys(&write.key)));
                let delete = delete.condition_expression(text).set_expression_attribute_names(Some(names));
                let done = delete.set_expression_attribute_values(values).send().await;
                done.map(drop).map_err(|error| Fault::of_call(&self.table, error))
            }
        }
    }

    async fn write_all(&self, writes: Vec<TransactWriteItem>) -> Result<(), Fault> {
        let answer = self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        let Err(error) = answer else { return Ok(()) };
        if let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.as_service_error()
        {
            let codes = cancelled.cancellation_reasons().iter().map(|reason| reason.code());
            return Err(Fault::of_cancelled(&self.table, codes));
        }
        Err(Fault::of_call(&self.table, error))
    }

    fn part(&self, write: &Write) -> Result<TransactWriteItem, Cause> {
        let Expression { text, names, values } = Expression::of(write.condition);
        let part = TransactWriteItem::builder();
        Ok(match &write.item {
            Some(item) => {
                let put = Put::builder().table_name(&self.table).condition_expression(text);
                let put = put.set_item(Some(attributes::with_keys(&write.key, item)));
                let put = put.set_expression_attribute_names(Some(names));
                part.put(put.set_expression_attribute_values(values).build()?).build()
            }
            None => {
                let delete = Delete::builder().table_name(&self.table).condition_expression(text);
                let delete = delete.set_key(Some(attributes::keys(&write.key)));
                let delete = delete.set_expression_attribute_names(Some(names));
                part.delete(delete.set_expression_attribute_values(values).build()?).build()
            }
        })
    }
}

impl Ledger for LedgerTable {
    async fn read(&self, keys: &[ItemKey]) -> Vec<Result<Option<Item>, Unread>> {
        let mut left: Vec<Keys> = keys.iter().map(stored::keys).collect();
        // DynamoDB refuses a request that names a key twice.
        left.sort_unstable();
        left.dedup();
        let mut read = HashMap::new();
        let mut why = UnreadItem::unprocessed(&self.table);
        let end = Instant::now() + CALL_TIMEOUT;
        let mut pauses = PAUSES.into_iter();
        while let Ok(answer) = timeout_at(end, self.read_some(&mut left, &mut read)).await {
            let mut may_pass = true;
            if let Err(fault) = answer {
                (may_pass, why) = (fault.may_pass(), fault.of_items());
            }
            match pauses.next() {
                Some(pause) if may_pass && !left.is_empty() => sleep(pause).await,
                _ => break,
            }
        }
        keys.iter()
            .map(|key| match read.get(&stored::keys(key)) {
                Some(Some(item)) => self.restore(key, item.clone()).map(Some),
                Some(None) => Ok(None),
                None => Err(Unread(why.clone().into())),
            })
            .collect()
    }

    async fn write(&self, writes: &[Write]) -> Result<(), WriteError> {
        let stray = |write: &&Write| write.item.as_ref().is_some_and(|item| !item.belongs_to(&write.key));
        if let Some(write) = writes.iter().find(stray) {
            let (pk, sk) = stored::keys(&write.key);
            return Err(WriteError::Refused(format!("an item of another kind than `{pk}` / `{sk}`").into()));
        }
        let done = match writes {
            [write] => self.write_one(write).await,
            writes => {
                let parts = writes.iter().map(|write| self.part(write)).collect::<Result<_, _>>();
                self.write_all(parts.map_err(WriteError::Refused)?).await
            }
        };
        Ok(done?)
    }

    async fn cursors(&self, client: ClientId, after: Option<&Group>) -> Result<Vec<(Group, Cursor)>, Unread> {
        let condition = if after.is_some() { "#pk = :pk AND #sk > :after" } else { "#pk = :pk" };
        let items = replay_until(&self.table, async || {
            let query = self.client.query().table_name(&self.table).consistent_read(true).limit(CURSORS);
            let query = query.key_condition_expression(condition).expression_attribute_names("#pk", PK);
            let partition = AttributeValue::S(stored::behind(client));
            let mut query = query.expression_attribute_values(":pk", partition);
            if let Some(after) = after {
                let after = AttributeValue::S(after.as_str().to_owned());
                query =
                    query.expression_attribute_names("#sk", SK).expression_attribute_values(":after", after);
            }
            let answer = query.send().await.map_err(|error| Fault::of_call(&self.table, error))?;
            answer.items.ok_or_else(|| Fault::of_unreadable(&self.table, "the answer has no items"))
        });
        items.await?.into_iter().map(|item| self.cursor(client, item)).collect()
    }

    fn fresh(&self) -> u64 {
        // Of keys that are random for each thread and others for each call. The time keeps two copies of one memory
        // apart.
        let mut hasher = RandomState::new().build_hasher();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        hasher.write_u128(now.as_nanos());
        hasher.finish()
    }
}

impl LedgerTable {
    fn cursor(&self, client: ClientId, item: SdkItem) -> Result<(Group, Cursor), Unread> {
        let (pk, sk) = keys_of(&item).unwrap_or_default();
        let damaged = |damage: String| {
            let (table, remedy) = (self.table.clone(), DamagedItem::REMEDY);
            Unread(DamagedItem { table, pk: pk.clone(), sk: sk.clone(), damage, remedy }.into())
        };
        let group = Group::try_from_sqs(&sk)
            .map_err(|error| damaged(format!("attribute `{SK}` is no group: {error}")))?;
        match self.restore(&ItemKey::Cursor(client, group.clone()), item)? {
            Item::Cursor(cursor) => Ok((group, cursor)),
            _ => Err(damaged("is no cursor".to_owned())),
        }
    }
}

impl Expression {
    fn of(condition: Condition) -> Self {
        let names = |alias: &str, name: &str| HashMap::from([(alias.to_owned(), name.to_owned())]);
        match condition {
            Condition::Absent => Self { text: ABSENT, names: names("#pk", PK), values: None },
            Condition::WriteCount(write_count) => {
                let write_count = AttributeValue::N(write_count.0.to_string());
                let values = Some(HashMap::from([(":rev".to_owned(), write_count)]));
                Self { text: SAME_WRITE_COUNT, names: names("#rev", "write_count"), values }
            }
        }
    }
}

/// The values of [`PK`] and [`SK`].
type Keys = (String, String);

fn keys_of(item: &SdkItem) -> Option<Keys> {
    let text = |name| item.get(name)?.as_s().ok().cloned();
    Some((text(PK)?, text(SK)?))
}
