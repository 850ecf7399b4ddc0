//! Step 3: what the event table has for a client that is behind.

use shared::event::Event;
use shared::ids::Key;
use shared::ledger::catch_up::{Gathered, Plan, Task};
use shared::ledger::{EventTable, Ledger};
use shared::send::Transport;
use shared::time::Timestamp;

use super::work::Work;

/// What was found.
#[derive(Debug)]
pub(super) enum Looked {
    /// The life lasts: this is to be done.
    Lasts(Plan),
    /// The aggregate is erased, or nothing is left of it that can be sent.
    Erased,
    /// The life's first event is gone, and others are there. Only the fan-out, which has the group's lock, begins a new
    /// life; the lowest event makes it look.
    FirstGone(Box<Event>),
    /// The table did not answer, or not before the turn's time was over.
    Unread,
}

impl<T: Transport, L: Ledger, E: EventTable> Work<'_, T, L, E> {
    /// Reads what `task` needs, until the instant after which nothing would be sent.
    pub(super) async fn look_up(&self, task: &Task, bytes_limit: usize, until: Timestamp) -> Looked {
        let mut gathered = Gathered::new(task, bytes_limit);
        if gathered.is_complete() {
            return Looked::Lasts(gathered.plan());
        }
        let mut pages = Pages { before: None, has_more: true };
        while pages.has_more && !gathered.is_complete() {
            if self.page(task, &mut pages, &mut gathered, until).await.is_none() {
                return Looked::Unread;
            }
        }
        // Only now: an event that was read while the first one was still to be found is of this life.
        match self.edge.table.has(&task.item.key, &task.item.first.sort).await {
            Err(_) => return Looked::Unread,
            Ok(true) => return Looked::Lasts(gathered.plan()),
            Ok(false) => {}
        }
        while pages.has_more {
            if self.page(task, &mut pages, &mut gathered, until).await.is_none() {
                return Looked::Unread;
            }
        }
        gathered.into_lowest().map_or(Looked::Erased, |event| Looked::FirstGone(Box::new(event)))
    }

    /// Reads the next page, if there is time.
    async fn page(
        &self,
        task: &Task,
        pages: &mut Pages,
        gathered: &mut Gathered,
        until: Timestamp,
    ) -> Option<()> {
        if self.now() > until {
            return None;
        }
        let page = self.edge.table.page(&task.item.key, pages.before.as_ref()).await.ok()?;
        pages.before = page.rows.last().map(|row| row.sort.clone());
        pages.has_more = page.has_more && pages.before.is_some();
        gathered.take(page.rows);
        Some(())
    }
}

struct Pages {
    before: Option<Key>,
    has_more: bool,
}
