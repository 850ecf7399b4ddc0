//! The ledger's table.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::SystemTime;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, KeysAndAttributes, Put, TransactWriteItem};
use shared::ids::Group;
use shared::ledger::stored::{self, Attributes, PK, SK, Value};
use shared::ledger::{
    ClientId, Condition, Cursor, DamagedItem, DeliveryRequest, ErasureReceipt, Item, ItemKey, Ledger,
    ReceiptPlace, Unread, Write, WriteError,
};
use shared::send::Cause;
use tokio::time::{Instant, sleep, timeout_at};

use super::again::{PAUSES, replay_until};
use super::attributes::{self, Keys, TypedItem, keys_of, to_sdk_item};
use super::caller;
use super::fault::{Fault, UnreadItem};
use super::json::{BatchGetItemAnswer, PutItemAnswer, batch_get_item, put_item};
use crate::access::{Access, NoEndpoint};
use crate::connections::CALL_TIMEOUT;
use crate::lean::Caller;

/// What a write is conditional on.
const ABSENT: &str = "attribute_not_exists(#pk)";
const ANY: &str = "attribute_exists(#pk) OR attribute_not_exists(#pk)";
const SAME_WRITE_COUNT: &str = "#write_count = :write_count";

/// How many items a page has at most: of cursors, a quarter of what fits into DynamoDB's own pages (1 MB), so that catch-up
/// begins with the first groups soon.
const PAGE: i32 = 1_000;

/// The ledger in DynamoDB. Clones share their connections.
#[derive(Clone, Debug)]
pub struct LedgerTable {
    client: Client,
    /// For what every batch does: reading items, and writing one. Without it the client does that, too.
    caller: Option<Caller>,
    table: String,
}

/// A condition in the API's own words.
struct Expression {
    text: &'static str,
    names: HashMap<&'static str, &'static str>,
    values: Option<Attributes>,
}

/// What was found of the items that a call asked for.
struct Answer {
    /// `None` if the answer says nothing about the table.
    items: Option<Vec<TypedItem>>,
    /// The keys that were not looked at.
    unprocessed: Vec<TypedItem>,
}

impl LedgerTable {
    /// The ledger in `table`, all by the SDK, whose credentials may come from anywhere. The `client` must not retry:
    /// [`client`](super::client) does not.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, caller: None, table: table.into() }
    }

    /// Makes a connection for the first lean call.
    pub async fn connect(&self) {
        if let Some(caller) = &self.caller {
            caller.connect().await;
        }
    }

    /// The ledger in `table`, for a function: what every batch does is [lean](crate::lean). `client` is that of
    /// `access`.
    ///
    /// # Errors
    ///
    /// [`NoEndpoint`].
    pub fn try_new_lean(
        access: &Access,
        client: Client,
        table: impl Into<String>,
    ) -> Result<Self, NoEndpoint> {
        Ok(Self { caller: Some(caller(access)?), ..Self::new(client, table) })
    }

    async fn ask_for(&self, keys: &[Keys]) -> Result<Answer, Fault> {
        if let Some(caller) = &self.caller {
            let request = batch_get_item(&self.table, keys);
            let answer = caller.call("DynamoDB_20120810.BatchGetItem", request.into()).await;
            let answer: BatchGetItemAnswer = answer.map_err(|error| Fault::of_call(&self.table, error))?;
            let unprocessed = answer.unprocessed_keys.into_iter().flatten();
            return Ok(Answer {
                items: answer.responses.and_then(|mut tables| tables.remove(&self.table)),
                unprocessed: unprocessed.flat_map(|(_, left)| left.keys).collect(),
            });
        }
        let keys = keys.iter().map(|(partition, sort)| {
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
        let unprocessed = answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, left)| left.keys);
        let items = answer.responses.and_then(|mut tables| tables.remove(&self.table));
        Ok(Answer {
            items: items.map(|items| items.into_iter().map(attributes::found).collect()),
            unprocessed: unprocessed.map(attributes::found).collect(),
        })
    }

    /// Reads what is `left` to read, and moves what was read, or is missing, from there to `read`.
    async fn read_some(
        &self,
        left: &mut Vec<Keys>,
        read: &mut HashMap<Keys, Option<TypedItem>>,
    ) -> Result<(), Fault> {
        let Answer { items, unprocessed } = self.ask_for(left).await?;
        let unreadable = |lacks| Fault::of_unreadable(&self.table, lacks);
        let unprocessed = unprocessed.iter().map(keys_of).collect::<Option<Vec<_>>>();
        let unprocessed =
            unprocessed.ok_or_else(|| unreadable("the answer has unprocessed keys of another table"))?;
        let is_answered = |keys: &Keys| !unprocessed.contains(keys);
        // An answer that says nothing about the table is none: its items are not missing.
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
    fn restore(&self, key: &ItemKey, item: TypedItem) -> Result<Item, Unread> {
        attributes::item(key, item).map_err(|damage| Unread(damage.item(&self.table, key).into()))
    }

    async fn write_one(&self, write: &Write) -> Result<(), Fault> {
        let expression = Expression::of(write.condition);
        match (&write.item, &self.caller) {
            (Some(item), Some(caller)) => {
                let item = attributes::with_keys(&write.key, item);
                let Expression { text, names, values } = &expression;
                let request = put_item(&self.table, &item, text, names, values.as_ref());
                let answer = caller.call("DynamoDB_20120810.PutItem", request.into()).await;
                let PutItemAnswer {} = answer.map_err(|error| Fault::of_call(&self.table, error))?;
                Ok(())
            }
            (Some(item), None) => {
                let put = self.client.put_item().table_name(&self.table);
                let put = put.set_item(Some(to_sdk_item(attributes::with_keys(&write.key, item))));
                let put = put.condition_expression(expression.text);
                let put = put.set_expression_attribute_names(Some(expression.sdk_names()));
                let done = put.set_expression_attribute_values(expression.sdk_values()).send().await;
                done.map(drop).map_err(|error| Fault::of_call(&self.table, error))
            }
            (None, _) => {
                let delete = self.client.delete_item().table_name(&self.table);
                let delete = delete.set_key(Some(to_sdk_item(attributes::keys(&write.key))));
                let delete = delete.condition_expression(expression.text);
                let delete = delete.set_expression_attribute_names(Some(expression.sdk_names()));
                let done = delete.set_expression_attribute_values(expression.sdk_values()).send().await;
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
        let expression = Expression::of(write.condition);
        let (names, values) = (expression.sdk_names(), expression.sdk_values());
        let part = TransactWriteItem::builder();
        Ok(match &write.item {
            Some(item) => {
                let put = Put::builder().table_name(&self.table).condition_expression(expression.text);
                let put = put.set_item(Some(to_sdk_item(attributes::with_keys(&write.key, item))));
                let put = put.set_expression_attribute_names(Some(names));
                part.put(put.set_expression_attribute_values(values).build()?).build()
            }
            None => {
                let delete = Delete::builder().table_name(&self.table).condition_expression(expression.text);
                let delete = delete.set_key(Some(to_sdk_item(attributes::keys(&write.key))));
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
        let mut wanted = keys;
        let mut results = Vec::with_capacity(keys.len());
        while let Some((key, rest)) = wanted.split_first() {
            let place = stored::keys(key);
            // An item is long at times, and asked for once as a rule.
            let found = if rest.contains(key) { read.get(&place).cloned() } else { read.remove(&place) };
            results.push(match found {
                Some(Some(item)) => self.restore(key, item).map(Some),
                Some(None) => Ok(None),
                None => Err(Unread(why.clone().into())),
            });
            wanted = rest;
        }
        results
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
        let after = after.map(|after| after.as_str().to_owned());
        let items = self.partition(stored::behind(client), after).await?;
        items.into_iter().map(|item| self.cursor(client, item)).collect()
    }

    async fn receipts(
        &self,
        client: ClientId,
        is_due: bool,
        after: Option<&ReceiptPlace>,
    ) -> Result<Vec<(ReceiptPlace, ErasureReceipt)>, Unread> {
        let after = after.map(stored::receipt_key);
        let items = self.partition(stored::receipts(client, is_due), after).await?;
        items.into_iter().map(|item| self.receipt(client, is_due, item)).collect()
    }

    async fn delivery_requests(
        &self,
        client: ClientId,
        after: Option<&Group>,
    ) -> Result<Vec<(Group, DeliveryRequest)>, Unread> {
        let after = format!("{}{}", stored::REQUEST, after.map_or("", Group::as_str));
        let items = self.partition(stored::push(client), Some(after)).await?;
        // How the target is stands in the same partition, at its end.
        let requests = items.into_iter().filter_map(|item| {
            let (_, sk) = keys_of(&item)?;
            Some((stored::request_group(&sk)?, item))
        });
        let restored = requests.map(|(group, item)| {
            let key = ItemKey::DeliveryRequest(client, group.clone());
            match self.restore(&key, item.clone())? {
                Item::DeliveryRequest(request) => Ok((group, request)),
                _ => Err(self.damaged(&item, "is no request".to_owned())),
            }
        });
        restored.collect()
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
    /// A page of the items of `partition`, in the order of their sort keys, after `after`.
    async fn partition(&self, partition: String, after: Option<String>) -> Result<Vec<TypedItem>, Unread> {
        let condition = if after.is_some() { "#pk = :pk AND #sk > :after" } else { "#pk = :pk" };
        let items = replay_until(&self.table, async || {
            let query = self.client.query().table_name(&self.table).consistent_read(true).limit(PAGE);
            let query = query.key_condition_expression(condition).expression_attribute_names("#pk", PK);
            let partition = AttributeValue::S(partition.clone());
            let mut query = query.expression_attribute_values(":pk", partition);
            if let Some(after) = after.clone() {
                let after = AttributeValue::S(after);
                query =
                    query.expression_attribute_names("#sk", SK).expression_attribute_values(":after", after);
            }
            let answer = query.send().await.map_err(|error| Fault::of_call(&self.table, error))?;
            answer.items.ok_or_else(|| Fault::of_unreadable(&self.table, "the answer has no items"))
        });
        Ok(items.await?.into_iter().map(attributes::found).collect())
    }

    /// That an item of a partition is none that belongs there.
    fn damaged(&self, item: &TypedItem, damage: String) -> Unread {
        let (pk, sk) = keys_of(item).unwrap_or_default();
        Unread(DamagedItem { table: self.table.clone(), pk, sk, damage, remedy: DamagedItem::REMEDY }.into())
    }

    fn receipt(
        &self,
        client: ClientId,
        is_due: bool,
        item: TypedItem,
    ) -> Result<(ReceiptPlace, ErasureReceipt), Unread> {
        let (_, sk) = keys_of(&item).unwrap_or_default();
        let place = stored::receipt_place(&sk)
            .ok_or_else(|| self.damaged(&item, format!("attribute `{SK}` is no place of a receipt")))?;
        let key = if is_due { ItemKey::Due } else { ItemKey::Receipt }(client, place.clone());
        match self.restore(&key, item.clone())? {
            Item::Receipt(receipt) => Ok((place, receipt)),
            _ => Err(self.damaged(&item, "is no receipt".to_owned())),
        }
    }

    fn cursor(&self, client: ClientId, item: TypedItem) -> Result<(Group, Cursor), Unread> {
        let (_, sk) = keys_of(&item).unwrap_or_default();
        let group = Group::try_from_sqs(&sk)
            .map_err(|error| self.damaged(&item, format!("attribute `{SK}` is no group: {error}")))?;
        match self.restore(&ItemKey::Cursor(client, group.clone()), item.clone())? {
            Item::Cursor(cursor) => Ok((group, cursor)),
            _ => Err(self.damaged(&item, "is no cursor".to_owned())),
        }
    }
}

impl Expression {
    fn of(condition: Condition) -> Self {
        match condition {
            Condition::Absent => Self { text: ABSENT, names: HashMap::from([("#pk", PK)]), values: None },
            Condition::Any => Self { text: ANY, names: HashMap::from([("#pk", PK)]), values: None },
            Condition::WriteCount(write_count) => {
                let write_count = Value::N(write_count.0.to_string());
                let values = Some(Attributes::from([(":write_count".to_owned(), write_count)]));
                Self {
                    text: SAME_WRITE_COUNT,
                    names: HashMap::from([("#write_count", "write_count")]),
                    values,
                }
            }
        }
    }

    fn sdk_names(&self) -> HashMap<String, String> {
        self.names.iter().map(|(alias, name)| ((*alias).to_owned(), (*name).to_owned())).collect()
    }

    fn sdk_values(&self) -> Option<HashMap<String, AttributeValue>> {
        self.values.clone().map(to_sdk_item)
    }
}
