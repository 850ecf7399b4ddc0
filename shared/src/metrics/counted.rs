//! The requests that leave through a port.

use std::cell::Cell;
use std::future::Future;

use crate::ids::{EventIdentity, Group, Key};
use crate::ledger::{
    ClientId, Cursor, DeliveryRequest, ErasureReceipt, EventTable, Item, ItemKey, Ledger, Page, ReceiptPlace,
    RowHead, ScanPage, ScanPosition, Unread, Write, WriteError,
};
use crate::message::Message;
use crate::naming::QueueUrl;
use crate::send::{BATCH_LIMIT, SendError, Transport};

/// A transport, a ledger or an event table that counts what goes through it, whatever comes back: AWS charges a request
/// that fails, too.
#[derive(Debug)]
pub struct CountingPort<'t, T> {
    port: &'t T,
    requests: Cell<u64>,
    /// How many requests sent one message, two messages, and so on.
    by_entries: Cell<[u64; BATCH_LIMIT]>,
}

impl<'t, T> CountingPort<'t, T> {
    /// Nothing is counted yet.
    pub fn new(port: &'t T) -> Self {
        Self { port, requests: Cell::new(0), by_entries: Cell::default() }
    }

    /// The port, for one request, which is counted with that.
    pub fn for_request(&self) -> &'t T {
        self.requests.set(self.requests.get().saturating_add(1));
        self.port
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// By the number of messages in it, how many requests sent so many.
    pub fn entries_per_request(&self) -> Vec<(u64, u64)> {
        (1..).zip(self.by_entries.get()).filter(|(_, requests)| *requests > 0).collect()
    }
}

impl<T: Transport> Transport for CountingPort<'_, T> {
    fn send(
        &self,
        queue: &QueueUrl,
        batch: &[&Message],
    ) -> impl Future<Output = Result<Vec<Result<(), SendError>>, SendError>> {
        let mut by_entries = self.by_entries.get();
        if let Some(requests) = batch.len().checked_sub(1).and_then(|index| by_entries.get_mut(index)) {
            *requests = requests.saturating_add(1);
        }
        self.by_entries.set(by_entries);
        self.for_request().send(queue, batch)
    }
}

impl<L: Ledger> Ledger for CountingPort<'_, L> {
    fn read(&self, keys: &[ItemKey]) -> impl Future<Output = Vec<Result<Option<Item>, Unread>>> {
        self.for_request().read(keys)
    }

    fn write(&self, writes: &[Write]) -> impl Future<Output = Result<(), WriteError>> {
        self.for_request().write(writes)
    }

    fn cursors(
        &self,
        client: ClientId,
        after: Option<&Group>,
    ) -> impl Future<Output = Result<Vec<(Group, Cursor)>, Unread>> {
        self.for_request().cursors(client, after)
    }

    fn receipts(
        &self,
        client: ClientId,
        is_due: bool,
        after: Option<&ReceiptPlace>,
    ) -> impl Future<Output = Result<Vec<(ReceiptPlace, ErasureReceipt)>, Unread>> {
        self.for_request().receipts(client, is_due, after)
    }

    fn delivery_requests(
        &self,
        client: ClientId,
        after: Option<&Group>,
    ) -> impl Future<Output = Result<Vec<(Group, DeliveryRequest)>, Unread>> {
        self.for_request().delivery_requests(client, after)
    }

    fn fresh(&self) -> u64 {
        self.port.fresh()
    }
}

impl<E: EventTable> EventTable for CountingPort<'_, E> {
    fn page(&self, key: &Key, before: Option<&Key>) -> impl Future<Output = Result<Page, Unread>> {
        self.for_request().page(key, before)
    }

    fn heads(&self, key: &Key, before: Option<&Key>) -> impl Future<Output = Result<Page<RowHead>, Unread>> {
        self.for_request().heads(key, before)
    }

    fn identity(&self, key: &Key, sort: &Key) -> impl Future<Output = Result<Option<EventIdentity>, Unread>> {
        self.for_request().identity(key, sort)
    }

    fn scan(
        &self,
        after: Option<&ScanPosition>,
        limit: u32,
    ) -> impl Future<Output = Result<ScanPage, Unread>> {
        self.for_request().scan(after, limit)
    }
}
