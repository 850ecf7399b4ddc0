//! The requests that leave through the seam.

use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use crate::message::Message;
use crate::place::QueueUrl;
use crate::send::{BATCH_LIMIT, SendError, Transport};
use crate::time::Timestamp;

/// A transport that counts what goes through it, whatever comes back: SQS charges a request that fails, too.
#[derive(Debug)]
pub struct Counted<'t, T> {
    transport: &'t T,
    requests: Cell<u64>,
    /// How many requests sent one message, two messages, and so on.
    by_entries: Cell<[u64; BATCH_LIMIT]>,
}

impl<'t, T> Counted<'t, T> {
    /// Nothing is counted yet.
    pub fn new(transport: &'t T) -> Self {
        Self { transport, requests: Cell::new(0), by_entries: Cell::default() }
    }

    /// The transport, for one request, which is counted with that.
    pub fn for_request(&self) -> &'t T {
        self.requests.set(self.requests.get().saturating_add(1));
        self.transport
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

impl<T: Transport> Transport for Counted<'_, T> {
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

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> {
        self.transport.sleep(duration)
    }

    fn now(&self) -> Timestamp {
        self.transport.now()
    }
}
