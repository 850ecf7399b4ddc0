//! Calls of the ledger and the event table that do not outlast the invocation.

use std::future::Future;
use std::time::Duration;

use super::{
    ClientId, Cursor, EventTable, Item, ItemKey, Ledger, Page, ScanPage, ScanPosition, Unread, Write,
    WriteError,
};
use crate::ids::{Group, Key};
use crate::send::{Cause, Transport, within};
use crate::time::Timestamp;

/// A ledger or an event table whose calls are given up after a sixth of the invocation's time, as sends are, but always
/// while half of what is left remains. What was given up was not read, or nobody knows whether it was written.
#[derive(Debug)]
pub struct Bounded<'b, T, S> {
    clock: &'b T,
    port: &'b S,
    limit: Duration,
    deadline: Timestamp,
}

impl<'b, T: Transport, S> Bounded<'b, T, S> {
    /// For an invocation that begins now and is ended at `deadline`.
    pub fn new(clock: &'b T, port: &'b S, deadline: Timestamp) -> Self {
        Self { clock, port, limit: deadline.since(clock.now()) / 6, deadline }
    }

    async fn within<F: Future>(&self, whose: &str, call: F) -> Result<F::Output, Cause> {
        let limit = self.limit.min(self.deadline.since(self.clock.now()) / 2);
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

impl<T: Transport, L: Ledger> Ledger for Bounded<'_, T, L> {
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

    fn fresh(&self) -> u64 {
        self.port.fresh()
    }
}

impl<T: Transport, E: EventTable> EventTable for Bounded<'_, T, E> {
    async fn page(&self, key: &Key, before: Option<&Key>) -> Result<Page, Unread> {
        self.read_within(TABLE, self.port.page(key, before)).await
    }

    async fn has(&self, key: &Key, sort: &Key) -> Result<bool, Unread> {
        self.read_within(TABLE, self.port.has(key, sort)).await
    }

    async fn scan(&self, after: Option<&ScanPosition>) -> Result<ScanPage, Unread> {
        self.read_within(TABLE, self.port.scan(after)).await
    }
}
