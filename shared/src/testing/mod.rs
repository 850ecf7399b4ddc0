//! Doubles of the seams: a clock that only moves when everybody waits, and SQS FIFO queues in memory.
//!
//! Together they run the real code of the pipeline deterministically: no runtime, no network, no real time.

mod clock;
mod entry;
mod faults;
mod fifo;
mod queues;

pub use self::clock::VirtualClock;
pub use self::faults::{CallFault, EntryFault, Fault, Faults};
pub use self::fifo::{Accepted, ReceiptExpired, Received, Settings};
pub use self::queues::{FifoQueues, SeenRequest};
