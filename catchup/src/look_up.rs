//! What the event table has for a client that is behind.

use shared::clock::{Clock, within};
use shared::event::Event;
use shared::file_clients::FileClient;
use shared::ids::Key;
use shared::ledger::catch_up::{NeededEvents, Plan, Task};
use shared::ledger::{EventTable, Ledger, Unread};
use shared::panics::caught;
use shared::send::Transport;
use shared::time::Timestamp;

use super::work::Work;

/// What was found.
#[derive(Debug)]
pub(super) enum TableAnswer {
    /// The incarnation lasts: this is to be done.
    Lasts(Plan),
    /// The aggregate is erased, or nothing is left of it up to the group's version that can be sent.
    Erased,
    /// The incarnation's first event is gone, and others are there. Only the fan-out, which has the group's lock,
    /// begins a new incarnation; the lowest event makes it look.
    FirstGone(Box<Event>),
}

/// Why nothing was found.
#[derive(Debug)]
pub(super) enum LookUpError {
    /// The time that was given was not enough.
    OutOfTime,
    /// The table did not answer.
    Unread(Unread),
    /// What it answered made the function panic.
    Panicked,
}

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Reads what `client` needs in `task`, for as long as `until`.
    pub(super) async fn look_up(
        &self,
        client: FileClient<'_>,
        task: &Task,
        bytes_limit: usize,
        until: Timestamp,
    ) -> Result<TableAnswer, LookUpError> {
        let limit = until.since(self.now());
        let looked_up =
            async { self.look_up_all(client, task, bytes_limit).await.map_err(LookUpError::Unread) };
        let looked_up = caught(looked_up, || Err(LookUpError::Panicked));
        within(self.ports.clock, limit, looked_up).await.unwrap_or(Err(LookUpError::OutOfTime))
    }

    async fn look_up_all(
        &self,
        client: FileClient<'_>,
        task: &Task,
        bytes_limit: usize,
    ) -> Result<TableAnswer, Unread> {
        let mut gathered = NeededEvents::new(task, client, bytes_limit);
        if gathered.is_complete() {
            return Ok(TableAnswer::Lasts(gathered.plan()));
        }
        let mut pages = Pages { before: None, has_more: true };
        while pages.has_more && !gathered.is_complete() {
            self.page(task, &mut pages, &mut gathered).await?;
        }
        // Only now: an event that was read while the first one was still to be found is of this incarnation.
        if self.ports.table.has(&task.item.key, &task.item.first.identity).await? {
            return Ok(TableAnswer::Lasts(gathered.plan()));
        }
        while pages.has_more {
            self.page(task, &mut pages, &mut gathered).await?;
        }
        Ok(gathered
            .into_lowest()
            .map_or(TableAnswer::Erased, |event| TableAnswer::FirstGone(Box::new(event))))
    }

    /// Reads the next page.
    async fn page(
        &self,
        task: &Task,
        pages: &mut Pages,
        gathered: &mut NeededEvents<'_>,
    ) -> Result<(), Unread> {
        let page = self.ports.table.page(&task.item.key, pages.before.as_ref()).await?;
        pages.before = page.next.clone();
        pages.has_more = pages.before.is_some();
        gathered.take(page.rows);
        Ok(())
    }
}

struct Pages {
    before: Option<Key>,
    has_more: bool,
}
