//! What the event table has for a client that is behind.

use shared::clock::{Clock, within};
use shared::event::Event;
use shared::file_clients::FileClient;
use shared::ids::{Group, Key};
use shared::ledger::catch_up::{NeededEvents, Plan, Task};
use shared::ledger::erasures::{earlier_receipt_place, was_sent};
use shared::ledger::{
    ClientId, Cursor, ErasureReceipt, EventTable, GroupItem, ItemKey, Ledger, ReceiptPlace, Unread,
};
use shared::panics::caught;
use shared::send::Transport;
use shared::time::Timestamp;

use super::work::{Work, why_unread};

/// What was found.
#[derive(Debug)]
pub(super) enum TableAnswer {
    /// The incarnation lasts: this is to be done.
    Lasts(Plan),
    /// The aggregate is erased, or nothing is left of it up to the group's version that can be sent.
    Erased,
    /// Nothing is left of the aggregate, and its clients are to be told: the fan-out closes the group before.
    Unclosed,
    /// The client was not told yet of the erasure of the incarnation that its cursor is of.
    EarlierNotice { place: ReceiptPlace, due: ErasureReceipt },
    /// The aggregate is erased, and the client is told.
    Closed {
        /// The receipt, if the notice is due; else it is told again.
        due: Option<ErasureReceipt>,
    },
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
        wants_notices: bool,
        bytes_limit: usize,
        until: Timestamp,
    ) -> Result<TableAnswer, LookUpError> {
        let limit = until.since(self.now());
        let looked_up = async {
            self.look_up_all(client, task, wants_notices, bytes_limit).await.map_err(LookUpError::Unread)
        };
        let looked_up = caught(looked_up, || Err(LookUpError::Panicked));
        within(self.ports.clock, limit, looked_up).await.unwrap_or(Err(LookUpError::OutOfTime))
    }

    async fn look_up_all(
        &self,
        client: FileClient<'_>,
        task: &Task,
        wants_notices: bool,
        bytes_limit: usize,
    ) -> Result<TableAnswer, Unread> {
        if let Some(place) = earlier_receipt_place(&task.group, &task.item, &task.cursor) {
            let key = ItemKey::Due(task.client, place.clone());
            if let Some(due) = self.receipt(&key).await? {
                return Ok(TableAnswer::EarlierNotice { place, due });
            }
        }
        if task.item.closed.is_some() {
            return self.look_up_closed(task, wants_notices).await;
        }
        let mut gathered = NeededEvents::new(task, client, bytes_limit);
        if gathered.is_complete() {
            return Ok(TableAnswer::Lasts(gathered.plan(self.now())));
        }
        let mut pages = Pages { before: None, has_more: true };
        while pages.has_more && !gathered.is_complete() {
            self.page(task, &mut pages, &mut gathered).await?;
        }
        // Only now: an event that was read while the first one was still to be found is of this incarnation.
        if self.ports.table.has(&task.item.key, &task.item.first.identity).await? {
            return Ok(TableAnswer::Lasts(gathered.plan(self.now())));
        }
        while pages.has_more {
            self.page(task, &mut pages, &mut gathered).await?;
        }
        // A group of which the table still has something is not closed, whatever asks for that.
        if !gathered.has_seen_any() && wants_notices && was_sent(&task.cursor) {
            return Ok(TableAnswer::Unclosed);
        }
        Ok(gathered
            .into_lowest()
            .map_or(TableAnswer::Erased, |event| TableAnswer::FirstGone(Box::new(event))))
    }

    /// What there is to do in a closed group. The table is not asked: whatever it has is of a new incarnation, which the
    /// fan-out begins.
    async fn look_up_closed(&self, task: &Task, wants_notices: bool) -> Result<TableAnswer, Unread> {
        let place = task.receipt_place();
        let due = self.receipt(&ItemKey::Due(task.client, place.clone())).await?;
        if due.is_some() || self.receipt(&ItemKey::Receipt(task.client, place)).await?.is_some() {
            return Ok(TableAnswer::Closed { due });
        }
        // A pass was under way when the group was closed, and has recorded since what it sent.
        let closed_at = task.item.closed.filter(|_| wants_notices && was_sent(&task.cursor));
        Ok(match closed_at {
            Some(at) => TableAnswer::Closed { due: Some(ErasureReceipt::due(&task.item, at)) },
            None => TableAnswer::Erased,
        })
    }

    /// Whether the client has yet to be told that the incarnation of its `cursor` was erased. Whatever writes the cursor for the
    /// incarnation of `item` would forget that.
    pub(super) async fn is_to_be_told(
        &self,
        group: &Group,
        client: ClientId,
        item: &GroupItem,
        cursor: Option<&Cursor>,
    ) -> Result<bool, Unread> {
        let place = cursor.and_then(|cursor| earlier_receipt_place(group, item, cursor));
        let Some(place) = place else { return Ok(false) };
        Ok(self.receipt(&ItemKey::Due(client, place)).await?.is_some())
    }

    async fn receipt(&self, key: &ItemKey) -> Result<Option<ErasureReceipt>, Unread> {
        let keys = std::slice::from_ref(key);
        let found = self.read(keys).await;
        Ok(found.receipt(key).known(|| Unread(why_unread(&found, keys).into()))?.cloned())
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
