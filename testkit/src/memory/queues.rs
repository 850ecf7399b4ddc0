//! The queues of a pipeline in memory, behind the port that ordered sending knows.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::clock::VirtualClock;
use super::faults::{CallFault, EntryFault, Fault, Faults};
use super::fifo::{Accepted, Fifo, ReceiptExpired, Received, Settings};
use shared::ids::DeduplicationId;
use shared::message::{Message, SQS_LIMIT};
use shared::naming::QueueUrl;
use shared::send::{BATCH_LIMIT, SendError, Transport};
use shared::time::Timestamp;
use shared::visibility::Visibility;

/// SQS FIFO queues in virtual time. Clones share the same queues.
///
/// # Panics
///
/// A use that breaks the contract of [`Transport::send`] panics, and so does one of a queue that does not exist. Only a
/// sender gets an error instead: that the queue is missing.
#[derive(Clone)]
pub struct FifoQueues {
    clock: VirtualClock,
    queues: Arc<Mutex<BTreeMap<String, Watched>>>,
}

/// A request that came to a queue, whatever its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRequest {
    /// When it started.
    pub at: Timestamp,
    /// Its messages' ids, in order.
    pub ids: Vec<DeduplicationId>,
    /// Its messages' size, in bytes.
    pub size: usize,
    /// How many requests to this queue were in flight, this one included.
    pub in_flight: usize,
}

struct Watched {
    fifo: Fifo,
    faults: Faults,
    requests: Vec<SeenRequest>,
    in_flight: usize,
}

/// Counts a request as in flight until it is answered or dropped.
struct InFlight<'q> {
    queues: &'q FifoQueues,
    queue: &'q QueueUrl,
}

impl FifoQueues {
    /// No queues yet.
    pub fn new(clock: &VirtualClock) -> Self {
        Self { clock: clock.clone(), queues: Arc::default() }
    }

    /// Makes a queue. Nothing goes wrong with it.
    pub fn create(&self, queue: &QueueUrl, settings: Settings) {
        let watched =
            Watched { fifo: Fifo::new(settings), faults: Faults::none(), requests: Vec::new(), in_flight: 0 };
        let before = self.all().insert(queue.as_str().to_owned(), watched);
        assert!(before.is_none(), "`{queue}` exists");
    }

    /// Deletes a queue with everything in it.
    pub fn delete_queue(&self, queue: &QueueUrl) {
        assert!(self.all().remove(queue.as_str()).is_some(), "`{queue}` does not exist");
    }

    /// Deletes all messages of a queue.
    pub fn purge(&self, queue: &QueueUrl) {
        self.with(queue, |watched| watched.fifo.purge());
    }

    /// A message arrives at a queue now, without latency and whatever faults there are. Returns whether it is new: a
    /// duplicate is accepted, too, and dropped.
    ///
    /// # Errors
    ///
    /// The error of a sender: the queue is missing, denies access, or never takes such a message.
    pub fn put(&self, queue: &QueueUrl, message: &Message) -> Result<bool, SendError> {
        let mut all = self.all();
        let watched = all.get_mut(queue.as_str()).ok_or_else(|| missing(queue))?;
        if watched.fifo.settings.denied {
            return Err(CallFault::Denied.error(queue));
        }
        watched.fifo.accept(message, self.clock.now())
    }

    /// Whether there is such a queue.
    pub fn exists(&self, queue: &QueueUrl) -> bool {
        self.all().contains_key(queue.as_str())
    }

    /// Changes how a queue behaves, from now on.
    pub fn change(&self, queue: &QueueUrl, change: impl FnOnce(&mut Settings)) {
        self.with(queue, |watched| change(&mut watched.fifo.settings));
    }

    /// Decides what goes wrong from now on; the next request is number 0.
    pub fn set_faults(&self, queue: &QueueUrl, faults: Faults) {
        self.with(queue, |watched| watched.faults = faults);
    }

    /// Everything that a queue ever accepted, in order, duplicates not included.
    pub fn accepted(&self, queue: &QueueUrl) -> Vec<Accepted> {
        self.with(queue, |watched| watched.fifo.accepted().to_vec())
    }

    /// Every request that was ever sent to a queue, in order of their starts.
    pub fn requests(&self, queue: &QueueUrl) -> Vec<SeenRequest> {
        self.with(queue, |watched| watched.requests.clone())
    }

    /// How many requests to a queue are not answered yet.
    pub fn in_flight(&self, queue: &QueueUrl) -> usize {
        self.with(queue, |watched| watched.in_flight)
    }

    /// How many messages of a queue are not deleted yet, visible or not.
    pub fn held(&self, queue: &QueueUrl) -> usize {
        self.with(queue, |watched| watched.fifo.held())
    }

    /// Receives up to `limit` messages, at most ten: each group in order, and none of a group of which a message is
    /// in flight. They are in flight for the queue's visibility timeout.
    pub fn receive(&self, queue: &QueueUrl, limit: usize) -> Vec<Received> {
        self.with(queue, |watched| watched.fifo.receive(limit, self.clock.now()))
    }

    /// When there will be something to receive, if nothing is sent or deleted meanwhile. `None` if the queue is empty.
    pub fn next_receivable(&self, queue: &QueueUrl) -> Option<Timestamp> {
        self.with(queue, |watched| watched.fifo.next_receivable(self.clock.now()))
    }

    /// Deletes a received message.
    ///
    /// # Errors
    ///
    /// [`ReceiptExpired`] if it is not in flight under this receipt.
    pub fn delete(&self, queue: &QueueUrl, receipt: u64) -> Result<(), ReceiptExpired> {
        self.with(queue, |watched| watched.fifo.delete(receipt, self.clock.now()))
    }

    /// Makes a received message visible `visibility` from now; at once if that is zero.
    ///
    /// # Errors
    ///
    /// [`ReceiptExpired`] if it is not in flight under this receipt.
    pub fn change_visibility(
        &self,
        queue: &QueueUrl,
        receipt: u64,
        visibility: Duration,
    ) -> Result<(), ReceiptExpired> {
        self.with(queue, |watched| watched.fifo.change_visibility(receipt, visibility, self.clock.now()))
    }

    /// Notes the start of a request. Returns how long it will take, and its faults.
    fn start(&self, queue: &QueueUrl, batch: &[&Message]) -> Result<(Duration, Vec<Fault>), SendError> {
        let mut all = self.all();
        let watched = all.get_mut(queue.as_str()).ok_or_else(|| missing(queue))?;
        watched.in_flight += 1;
        watched.requests.push(SeenRequest {
            at: self.clock.now(),
            ids: batch.iter().map(|message| message.deduplication_id().clone()).collect(),
            size: batch.iter().map(|message| message.size()).sum(),
            in_flight: watched.in_flight,
        });
        let faults = watched.faults.next(batch.len());
        let delays = faults
            .iter()
            .filter_map(|fault| if let Fault::Delay(delay) = fault { Some(delay) } else { None });
        Ok((watched.fifo.settings.latency + delays.sum::<Duration>(), faults))
    }

    /// The queue's answer to a request that reached it.
    fn arrive(
        &self,
        queue: &QueueUrl,
        batch: &[&Message],
        faults: &[Fault],
    ) -> Result<Vec<Result<(), SendError>>, SendError> {
        let mut all = self.all();
        let watched = all.get_mut(queue.as_str()).ok_or_else(|| missing(queue))?;
        if watched.fifo.settings.denied {
            return Err(CallFault::Denied.error(queue));
        }
        let call =
            faults.iter().find_map(|fault| if let Fault::Call(call) = fault { Some(*call) } else { None });
        if let Some(call) = call.filter(|call| !call.accepts()) {
            return Err(call.error(queue));
        }
        let now = self.clock.now();
        let entries = batch.iter().enumerate();
        let mut results = entries
            .map(|(number, message)| match entry_fault(faults, number) {
                Some(fault) if !fault.accepts() => Err(fault.error(queue)),
                fault => {
                    let _is_new = watched.fifo.accept(message, now)?;
                    fault.map_or(Ok(()), |fault| Err(fault.error(queue)))
                }
            })
            .collect::<Vec<_>>();
        match call {
            Some(CallFault::Miscounted) => drop(results.pop()),
            Some(call) => return Err(call.error(queue)),
            None => {}
        }
        Ok(results)
    }

    #[expect(clippy::panic, reason = "a test that names a queue which does not exist has failed")]
    fn with<R>(&self, queue: &QueueUrl, act: impl FnOnce(&mut Watched) -> R) -> R {
        match self.all().get_mut(queue.as_str()) {
            Some(watched) => act(watched),
            None => panic!("`{queue}` does not exist"),
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Watched>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for FifoQueues {
    async fn send(
        &self,
        queue: &QueueUrl,
        batch: &[&Message],
    ) -> Result<Vec<Result<(), SendError>>, SendError> {
        check_contract(batch);
        let started = self.clock.now();
        let (latency, faults) = self.start(queue, batch)?;
        let _in_flight = InFlight { queues: self, queue };
        self.clock.sleep_until(started.plus(latency / 2)).await;
        let answer = self.arrive(queue, batch, &faults);
        self.clock.sleep_until(started.plus(latency)).await;
        answer
    }
}

impl Visibility for FifoQueues {
    async fn change_visibility(
        &self,
        queue: &QueueUrl,
        changes: &[(&str, Duration)],
    ) -> Result<usize, SendError> {
        assert!((1..=BATCH_LIMIT).contains(&changes.len()), "{} changes of visibility", changes.len());
        let changed = changes.iter().filter(|(handle, visibility)| {
            let receipt = handle.parse();
            receipt.is_ok_and(|receipt| Self::change_visibility(self, queue, receipt, *visibility).is_ok())
        });
        Ok(changes.len() - changed.count())
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(watched) = self.queues.all().get_mut(self.queue.as_str()) {
            watched.in_flight = watched.in_flight.saturating_sub(1);
        }
    }
}

fn check_contract(batch: &[&Message]) {
    assert!((1..=BATCH_LIMIT).contains(&batch.len()), "a batch of {} messages", batch.len());
    let groups = batch.iter().map(|message| message.group()).collect::<HashSet<_>>();
    assert_eq!(groups.len(), batch.len(), "two messages of one group in a batch");
    let size = batch.iter().map(|message| message.size()).sum::<usize>();
    assert!(size <= SQS_LIMIT, "a batch of {size} bytes");
}

fn entry_fault(faults: &[Fault], number: usize) -> Option<EntryFault> {
    faults.iter().find_map(|fault| match fault {
        Fault::Entry(entry, fault) if *entry == number => Some(*fault),
        _ => None,
    })
}

fn missing(queue: &QueueUrl) -> SendError {
    SendError::Queue {
        cause: format!("`QueueDoesNotExist`: `{queue}`").into(),
        remedy: "create the queue, or correct its address",
    }
}

#[cfg(test)]
mod tests;
