//! Doubles of the ports: a clock that only moves when every task waits; SQS FIFO queues, the ledger and the event table
//! in memory.
//!
//! Together they run the real code of the pipeline deterministically: no runtime, no network, no real time.

mod clock;
mod entry;
mod faults;
mod fifo;
mod ledger;
mod payload;
mod queues;
mod size;
mod table;

pub use self::clock::VirtualClock;
pub use self::faults::{CallFault, EntryFault, Fault, Faults};
pub use self::fifo::{Accepted, ReceiptExpired, Received, Settings};
pub use self::ledger::{LedgerCalls, MemoryLedger, WriteFault};
pub use self::payload::payload;
pub use self::queues::{FifoQueues, SeenRequest};
pub use self::table::{MemoryTable, TableCalls};

/// The result of a future that never waits, such as one of the ledger's double.
#[cfg(test)]
pub(crate) fn now_or_never<F: Future>(future: F) -> F::Output {
    futures_util::FutureExt::now_or_never(future).expect("a future that never waits")
}
