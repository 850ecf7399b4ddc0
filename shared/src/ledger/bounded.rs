//! Calls of the ledger and the event table that do not outlast the invocation.

use std::future::Future;

use super::{
    ClientId, Cursor, DeliveryRequest, ErasureReceipt, EventTable, Item, ItemKey, Ledger, Page, ReceiptPlace,
    RowHead, ScanPage, ScanPosition, Unread, Write, WriteError,
};
use crate::budget::Budget;
use crate::clock::{Clock, within};
use crate::ids::{EventIdentity, Group, Key};
use crate::send::Cause;

/// A ledger or an event table whose calls are given up after a sixth of the invocation's time, as sends are, but always
/// while half of what is left remains. What was given up was not read, or it is unknown whether it was written.
#[derive(Debug)]
pub struct BoundedPort<'b, C, S> {
    clock: &'b C,
    port: &'b S,
    budget: Budget,
}

impl<'b, C: Clock, S> BoundedPort<'b, C, S> {
    /// For an invocation with this budget.
    pub fn new(clock: &'b C, port: &'b S, budget: Budget) -> Self {
        Self { clock, port, budget }
    }

    async fn within<F: Future>(&self, whose: &str, call: F) -> Result<F::Output, Cause> {
        let limit = self.budget.call().min(self.budget.answer(self.clock.now()));
        let answer = within(self.clock, limit, call).await;
        answer.ok_or_else(|| format!("{whose} did not answer within {} ms", limit.as_millis()).into())
    }

    async fn read_within<R>(
        &self,
        whose: &str,
        call: impl Future<Output = Result<R, Unread>>,
    ) -> Result<R, Unread> {
        self.within(whose, call).await.unwrap_or_else(|why| Err(Unread(why)))
    }
}

const LEDGER: &str = "the ledger";
const TABLE: &str = "the event table";

impl<C: Clock, L: Ledger> Ledger for BoundedPort<'_, C, L> {
    async fn read(&self, keys: &[ItemKey]) -> Vec<Result<Option<Item>, Unread>> {
        match self.within(LEDGER, self.port.read(keys)).await {
            Ok(results) => results,
            Err(why) => {
                let why = why.to_string();
                keys.iter().map(|_| Err(Unread(why.clone().into()))).collect()
            }
        }
    }

    async fn write(&self, writes: &[Write]) -> Result<(), WriteError> {
        let written = self.within(LEDGER, self.port.write(writes)).await;
        written.unwrap_or_else(|why| Err(WriteError::Unknown(why)))
    }

    async fn cursors(&self, client: ClientId, after: Option<&Group>) -> Result<Vec<(Group, Cursor)>, Unread> {
        self.read_within(LEDGER, self.port.cursors(client, after)).await
    }

    async fn receipts(
        &self,
        client: ClientId,
        is_due: bool,
        after: Option<&ReceiptPlace>,
    ) -> Result<Vec<(ReceiptPlace, ErasureReceipt)>, Unread> {
        self.read_within(LEDGER, self.port.receipts(client, is_due, after)).await
    }

    async fn delivery_requests(
        &self,
        client: ClientId,
        after: Option<&Group>,
    ) -> Result<Vec<(Group, DeliveryRequest)>, Unread> {
        self.read_within(LEDGER, self.port.delivery_requests(client, after)).await
    }

    fn fresh(&self) -> u64 {
        self.port.fresh()
    }
}

impl<C: Clock, E: EventTable> EventTable for BoundedPort<'_, C, E> {
    async fn page(&self, key: &Key, before: Option<&Key>) -> Result<Page, Unread> {
        self.read_within(TABLE, self.port.page(key, before)).await
    }

    async fn heads(&self, key: &Key, before: Option<&Key>) -> Result<Page<RowHead>, Unread> {
        self.read_within(TABLE, self.port.heads(key, before)).await
    }

    async fn identity(&self, key: &Key, sort: &Key) -> Result<Option<EventIdentity>, Unread> {
        self.read_within(TABLE, self.port.identity(key, sort)).await
    }

    async fn scan(&self, after: Option<&ScanPosition>, limit: u32) -> Result<ScanPage, Unread> {
        self.read_within(TABLE, self.port.scan(after, limit)).await
    }
}
