//! Letters that nobody else sees for as long as this process looks at them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_sqs::Client;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::aws::sqs;

/// How long the end of an interrupted command may take. What is not changed by then comes back by itself.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// Letters that nobody else sees. Whatever ends the command, dropping this lets everybody see them again.
///
/// SQS shows no message of a group while an earlier one is in flight, so that holding one holds all behind it.
#[derive(Debug)]
pub(super) struct Held {
    client: Client,
    /// By message id, so that a letter that is received again is known by its newest receipt.
    letters: Mutex<BTreeMap<String, Receipt>>,
}

/// A letter's receipt.
#[derive(Clone, Debug)]
struct Receipt {
    url: String,
    handle: String,
}

impl Held {
    /// Nothing yet.
    pub(super) fn new(client: Client) -> Self {
        Self { client, letters: Mutex::default() }
    }

    /// The client that letters are received with.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// A letter was received.
    pub(super) fn add(&self, id: &str, url: &str, handle: &str) {
        let receipt = Receipt { url: url.to_owned(), handle: handle.to_owned() };
        self.letters(|letters| letters.insert(id.to_owned(), receipt));
    }

    /// A letter is in its queue no longer.
    pub(super) fn forget(&self, id: &str) {
        self.letters(|letters| letters.remove(id));
    }

    /// Lets everybody see all of them again. Answers how many were not changed: they come back by themselves.
    pub(super) async fn release(&self) -> usize {
        let mut by_queue: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for receipt in self.letters(std::mem::take).into_values() {
            by_queue.entry(receipt.url).or_default().push(receipt.handle);
        }
        let mut unchanged = 0;
        for (url, receipts) in by_queue {
            unchanged += sqs::show(&self.client, &url, &receipts).await;
        }
        unchanged
    }

    fn letters<R>(&self, with: impl FnOnce(&mut BTreeMap<String, Receipt>) -> R) -> R {
        with(&mut self.letters.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An interrupted command is dropped, not asked: here is the only place that it always passes.
impl Drop for Held {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let can_wait = runtime.runtime_flavor() == RuntimeFlavor::MultiThread;
        if !can_wait || self.letters(|letters| letters.is_empty()) {
            return;
        }
        tokio::task::block_in_place(|| {
            // Both that it took too long and that something was not changed: it comes back by itself.
            let _ = runtime.block_on(tokio::time::timeout(LAST_CALLS, self.release()));
        });
    }
}
