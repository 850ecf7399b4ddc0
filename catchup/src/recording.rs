//! What was sent is recorded in the ledger, whatever happens meanwhile.

use shared::clock::Clock;
use shared::ledger::catch_up::{Begin, ProgressWrite, SentRange, Task, begin};
use shared::ledger::cursors::up_to_date;
use shared::ledger::times::RECORD_LIMIT;
use shared::ledger::{EventTable, ItemKey, Ledger, WriteError};
use shared::send::Transport;
use tracing::warn;

use super::work::{TRIES, Work, why_unread};

/// What the ledger knows at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordOutcome {
    /// The client is up to date.
    UpToDate,
    /// The client is behind, and has what it was sent.
    Behind,
    /// Not what was sent: a later holder of the lease repeats it first.
    Unrecorded,
}

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// The client is up to date though nothing was sent, because there is nothing.
    pub(super) async fn record_erased(&self, task: &Task) -> RecordOutcome {
        let writes = up_to_date(&task.group, &task.item, task.client, &task.cursor, task.last());
        let Err(error) = self.ports.ledger.write(&writes).await else {
            return RecordOutcome::UpToDate;
        };
        if !matches!(error, WriteError::Lost) {
            let group = task.group.as_str();
            warn!(group, why = %error, "an erased group is not noted as up to date; a later pass does");
        }
        RecordOutcome::Behind
    }

    /// Writes what was `sent` since `task` was read.
    pub(super) async fn record(&self, task: Task, sent: &SentRange) -> RecordOutcome {
        let now = self.now();
        let until = now.plus(RECORD_LIMIT.min(self.budget.writes(now)));
        let (client, group) = (task.client, task.group.clone());
        let keys = [ItemKey::Group(group.clone()), ItemKey::Cursor(client, group.clone())];
        let mut items = Begin::Behind(Box::new(task));
        let mut why = String::new();
        for number in 0..TRIES {
            let written = match sent.write(&items, self.now(), &mut || self.ports.ledger.fresh()) {
                ProgressWrite::Nothing { is_up_to_date: true } => return RecordOutcome::UpToDate,
                ProgressWrite::Nothing { is_up_to_date: false } => return RecordOutcome::Behind,
                ProgressWrite::UpToDate(writes) => {
                    Some((self.ports.ledger.write(&writes).await, RecordOutcome::UpToDate))
                }
                ProgressWrite::Behind(writes) => {
                    Some((self.ports.ledger.write(&writes).await, RecordOutcome::Behind))
                }
                ProgressWrite::Unread => None,
            };
            match written {
                Some((Ok(()), outcome)) => return outcome,
                // Nothing was sent, so nothing is lost if it is not recorded.
                Some((Err(_), _)) if sent.is_nothing() => return RecordOutcome::Behind,
                Some((Err(WriteError::Lost), _)) => {}
                Some((Err(error), _)) => {
                    why = error.to_string();
                    self.back_off(number).await;
                }
                None => self.back_off(number).await,
            }
            if self.now() > until {
                break;
            }
            let read = self.read(&keys).await;
            items = begin(&read, client, &group, self.first_version());
            if items == Begin::Unread {
                why = why_unread(&read, &keys);
            }
        }
        warn!(
            group = group.as_str(),
            why, "what was sent could not be recorded in the ledger; it is sent again"
        );
        RecordOutcome::Unrecorded
    }
}
