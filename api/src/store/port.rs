//! The port to DynamoDB: what the store asks of it, and nothing else.

use std::future::Future;

use super::value::{Map, Value};

/// How many actions a transaction has at most (DynamoDB API Reference, `TransactWriteItems`).
pub const ACTIONS_LIMIT: usize = 100;

/// Why a service does what it does, for logs.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// DynamoDB, or something that behaves as it does. One call is one request: who calls repeats it.
pub trait DynamoDb: Sync {
    /// The item with this key, read consistently.
    fn get(&self, table: &str, key: &Map) -> impl Future<Output = Result<Option<Map>, CallError>> + Send;

    /// Items with one partition key, in the order of their sort keys. A table is read consistently; an index may lag.
    fn query(&self, query: &Query<'_>) -> impl Future<Output = Result<Page, CallError>> + Send;

    /// Items of a table, in no particular order. A page can be empty and not be the last.
    fn scan(&self, scan: &Scan<'_>) -> impl Future<Output = Result<Page, CallError>> + Send;

    /// All of `actions`, or none: at most [`ACTIONS_LIMIT`], no two on one item. A call with the same `token` (1 to 36
    /// characters) and the same actions as one that was done before, within ten minutes, succeeds and does nothing.
    fn transact(
        &self,
        token: &str,
        actions: &[Action],
    ) -> impl Future<Output = Result<(), TransactError>> + Send;
}

impl<D: DynamoDb> DynamoDb for &D {
    async fn get(&self, table: &str, key: &Map) -> Result<Option<Map>, CallError> {
        D::get(self, table, key).await
    }

    async fn query(&self, query: &Query<'_>) -> Result<Page, CallError> {
        D::query(self, query).await
    }

    async fn scan(&self, scan: &Scan<'_>) -> Result<Page, CallError> {
        D::scan(self, scan).await
    }

    async fn transact(&self, token: &str, actions: &[Action]) -> Result<(), TransactError> {
        D::transact(self, token, actions).await
    }
}

/// One action of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The table's name.
    pub table: String,
    /// What is to be done.
    pub write: Write,
    /// What must hold of the item that is there now.
    pub condition: Option<Condition>,
}

/// What an action does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// The item takes the place of the one with its key.
    Put(Map),
    /// The item with this key goes, if it is there.
    Delete(Map),
    /// Nothing: the condition is all.
    Check(Map),
}

/// What must hold of an item; none of it but `Absent` holds of an item that isn't there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It has no attribute of this name. For a key's attribute: there is no such item.
    Absent(&'static str),
    /// It has an attribute of this name.
    Present(&'static str),
    /// The attribute has this value.
    Equals(&'static str, Value),
    /// The attribute is a number, and not above this one.
    AtMost(&'static str, i64),
    /// One of these holds.
    Any(Vec<Condition>),
    /// All of these hold.
    All(Vec<Condition>),
}

/// Which items to read: those with one partition key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query<'q> {
    /// The table's name.
    pub table: &'q str,
    /// The index's name; `None` reads the table.
    pub index: Option<&'q str>,
    /// Name and value of the partition key.
    pub partition: (&'q str, &'q str),
    /// Name of the sort key, and the least and greatest value that is wanted.
    pub sort: Option<(&'q str, Bounds<'q>)>,
    /// Whether lower sort keys come first.
    pub is_ascending: bool,
    /// How many items a page has at most.
    pub limit: u32,
    /// Where to go on: a page's `next`.
    pub start: Option<Map>,
}

/// The least and the greatest sort key that is wanted, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds<'q> {
    /// The least.
    pub from: Option<&'q str>,
    /// The greatest.
    pub to: Option<&'q str>,
}

/// Which items to read: those of a whole table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan<'q> {
    /// The table's name.
    pub table: &'q str,
    /// Name and value of an attribute that items must have.
    pub filter: (&'q str, &'q str),
    /// How many items are looked at at most.
    pub limit: u32,
    /// Where to go on: a page's `next`.
    pub start: Option<Map>,
}

/// A part of what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The items.
    pub items: Vec<Map>,
    /// Where to go on. If there is one, there may be no more items.
    pub next: Option<Map>,
}

/// Why a read has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Too much at the same time: the same call can go well in a while.
    #[error("throttled")]
    Throttled,
    /// No answer, or none that says anything: the same call can go well.
    #[error("no usable answer")]
    Unknown(#[source] Cause),
    /// DynamoDB refuses it, and will until somebody acts.
    #[error("refused")]
    Refused(#[source] Cause),
}

/// Why a transaction was not done, as far as that is known.
#[derive(Debug, thiserror::Error)]
pub enum TransactError {
    /// Nothing was done, because of the actions whose reason is not [`Reason::None`]; in the actions' order.
    #[error("cancelled: {0:?}")]
    Cancelled(Vec<Reason>),
    /// Nothing was done: too much at the same time.
    #[error("throttled")]
    Throttled,
    /// It is unknown whether it was done. The same call with the same token does it once.
    #[error("no usable answer")]
    Unknown(#[source] Cause),
    /// Nothing was done, and nothing will be until somebody acts.
    #[error("refused")]
    Refused(#[source] Cause),
}

/// What one action did to its transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing against it.
    None,
    /// Its condition does not hold.
    Condition,
    /// Another transaction is on its item.
    Conflict,
    /// Too much at the same time on its item.
    Throttled,
    /// Something that will be so each time: the code.
    Other(String),
}
