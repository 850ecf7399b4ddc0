//! An event of a run, and how far a run brought its clients.

use std::collections::BTreeMap;

use crate::ledger::{ClientId, EventTime};
use crate::message::Message;
use crate::time::Timestamp;

/// An event of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvent {
    /// Its version.
    pub version: i64,
    /// Its time, if it can be read.
    pub time: Option<EventTime>,
    /// Its message, without what stands for each client by itself.
    pub message: Message,
    /// When the stream recorded it, if that is known.
    pub streamed_at: Option<Timestamp>,
    /// The number of the arrival that brought it; `None` if it was read from the table.
    pub arrival: Option<usize>,
}

/// How far a run brought those of its clients that took something: they have everything up to this version.
pub type Reached = BTreeMap<ClientId, i64>;
