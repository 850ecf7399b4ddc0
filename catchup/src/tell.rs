//! Steps 5 and 6: what was sent is told to the ledger, whatever happens meanwhile.

use shared::clock::Clock;
use shared::ledger::catch_up::{Begin, Known, Task, Telling, begin, up_to_date};
use shared::ledger::times::RECORD_LIMIT;
use shared::ledger::{EventTable, ItemKey, Ledger, WriteError};
use shared::send::Transport;
use tracing::warn;

use super::work::{TRIES, Work, why_unread};

/// What the ledger knows at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The client is up to date.
    UpToDate,
    /// The client is behind, and has what it was sent.
    Behind,
    /// Not what was sent: a later holder of the lease repeats it first.
    Unrecorded,
}

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// The client is up to date though nothing was sent, because there is nothing.
    pub(super) async fn tell_erased(&self, task: &Task) -> Told {
        let Err(error) = self.ports.ledger.write(&up_to_date(task)).await else { return Told::UpToDate };
        if !matches!(error, WriteError::Lost) {
            let group = task.group.as_str();
            warn!(group, why = %error, "an erased group is not noted as level; a later pass does");
        }
        Told::Behind
    }

    /// Writes what is `known` since `task` was read.
    pub(super) async fn tell(&self, task: Task, known: &Known) -> Told {
        let now = self.now();
        let until = now.plus(RECORD_LIMIT.min(self.budget.writes(now)));
        let (client, group) = (task.client, task.group.clone());
        let keys = [ItemKey::Group(group.clone()), ItemKey::Cursor(client, group.clone())];
        let mut items = Begin::Behind(Box::new(task));
        let (mut why, mut unread) = (String::new(), String::new());
        for number in 0..TRIES {
            let (writes, told) = match known.telling(&items, &mut || self.ports.ledger.fresh()) {
                Telling::Nothing { is_up_to_date: true } => return Told::UpToDate,
                Telling::Nothing { is_up_to_date: false } => return Told::Behind,
                Telling::UpToDate(writes) => (writes, Told::UpToDate),
                Telling::Progress(writes) => (writes, Told::Behind),
                Telling::Unread => (Vec::new(), Told::Unrecorded),
            };
            let written = if writes.is_empty() { None } else { Some(self.ports.ledger.write(&writes).await) };
            let is_lost = match written {
                Some(Ok(())) => return told,
                // Nothing was sent, so nothing is lost if it is not told.
                Some(Err(_)) if known.is_nothing() => return Told::Behind,
                Some(Err(WriteError::Lost)) => true,
                Some(Err(error)) => {
                    why = error.to_string();
                    false
                }
                None => {
                    why.clone_from(&unread);
                    false
                }
            };
            if !is_lost {
                self.back_off(number).await;
            }
            if self.now() > until {
                break;
            }
            let found = self.read(&keys).await;
            items = begin(&found, client, &group);
            unread = why_unread(&found, &keys);
        }
        warn!(group = group.as_str(), why, "what was sent could not be told to the ledger; it is sent again");
        Told::Unrecorded
    }
}
