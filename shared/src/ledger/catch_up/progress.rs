//! What was sent is recorded, whatever happened to the items meanwhile.

use super::{Begin, Task};
use crate::ledger::cursors::{progress, up_to_date};
use crate::ledger::erasures::settle;
use crate::ledger::{
    Condition, Cursor, ErasureReceipt, LastVersion, Repetition, Settlement, Write, WriteCount,
};
use crate::time::Timestamp;

/// What was sent to a client of a group and is not recorded yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRange {
    /// In which incarnation.
    pub incarnation_number: u64,
    /// In which epoch of the cursor.
    pub epoch: u64,
    /// After which version.
    pub after: i64,
    /// Up to which version.
    pub up_to: i64,
    /// The version of the event that was sent last, if any was.
    pub last: LastVersion,
    /// The receipt of the notice that was sent, if it was due.
    pub due: Option<ErasureReceipt>,
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgressWrite {
    /// The items must be read again first.
    Unread,
    /// Nothing: the ledger knows.
    Nothing {
        /// Whether the client is up to date.
        is_up_to_date: bool,
    },
    /// One transaction: the client is up to date then.
    UpToDate(Vec<Write>),
    /// The cursor: the client stays behind.
    Behind(Vec<Write>),
}

impl SentRange {
    /// Nothing yet of what this task sends.
    pub fn nothing(task: &Task) -> Self {
        let position = task.position();
        Self {
            incarnation_number: task.item.incarnation_number,
            epoch: task.cursor.epoch,
            after: position,
            up_to: position,
            last: None,
            due: None,
        }
    }

    /// Whether nothing was sent.
    pub fn is_nothing(&self) -> bool {
        self.up_to <= self.after
    }

    /// What to write, given the `items` that the ledger has now.
    ///
    /// In the same epoch, the client has the more of the two. In another epoch that began with a replay, what was sent
    /// meanwhile counts as a repetition, if the replay's repetitions reach that far. Of another incarnation nothing is
    /// left to record.
    pub fn write(&self, items: &Begin, now: Timestamp, fresh: &mut dyn FnMut() -> u64) -> ProgressWrite {
        let task = match items {
            Begin::Unread => return ProgressWrite::Unread,
            Begin::UpToDate => return ProgressWrite::Nothing { is_up_to_date: true },
            Begin::Behind(task) => task,
        };
        let nothing = ProgressWrite::Nothing { is_up_to_date: false };
        if task.item.incarnation_number != self.incarnation_number {
            return nothing;
        }
        let cursor = &task.cursor;
        let (position, repeated) = (task.position(), task.replay());
        let last = task.last().max(self.last);
        if cursor.epoch == self.epoch {
            let up_to = self.up_to.max(position);
            if up_to >= task.end() && task.is_settled(now) {
                let mut writes = up_to_date(&task.group, &task.item, task.client, cursor, last);
                if let Some(receipt) = self.due.clone() {
                    let place = task.receipt_place();
                    writes.extend(settle(
                        task.client,
                        &place,
                        receipt,
                        Settlement::Told,
                        Condition::Any,
                        now,
                    ));
                }
                return ProgressWrite::UpToDate(writes);
            }
            if up_to == position {
                return nothing;
            }
            let told = Cursor {
                incarnation_number: self.incarnation_number,
                position: up_to,
                last,
                replay: repeated.cloned(),
                ..cursor.clone()
            };
            return behind(task, told, fresh);
        }
        match repeated {
            Some(repeated) if repeated.until >= self.after && self.up_to > repeated.until => {
                let replay = Repetition { until: self.up_to, ..repeated.clone() };
                behind(task, Cursor { replay: Some(replay), ..cursor.clone() }, fresh)
            }
            _ => nothing,
        }
    }
}

fn behind(task: &Task, cursor: Cursor, fresh: &mut dyn FnMut() -> u64) -> ProgressWrite {
    let cursor = Cursor { write_count: WriteCount(fresh()), ..cursor };
    ProgressWrite::Behind(progress(&task.group, task.client, &task.cursor, cursor))
}
