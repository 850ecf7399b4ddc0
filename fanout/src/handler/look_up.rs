//! Looking things up for a group: each answer goes where the decision reads it.

use std::collections::BTreeMap;

use shared::clock::{Clock, within};
use shared::ids::{Group, Key};
use shared::ledger::fan_out::{Answers, LookUp, Rows, WantedEvents};
use shared::ledger::{
    ClientId, Cursor, EventTable, ItemKey, Ledger, LedgerRead, READ_LIMIT, RowHead, Unread,
};
use shared::time::Timestamp;

use super::Invocation;

impl<C: Clock, T, L: Ledger, E: EventTable> Invocation<'_, C, T, L, E> {
    /// Takes note of the answer to `asked` in `answers`, if there is one by the instant `until`.
    ///
    /// # Errors
    ///
    /// [`Unread`] if there is none: what was not read is not missing.
    pub(super) async fn look_up(
        &self,
        group: &Group,
        key: &Key,
        asked: LookUp,
        answers: &mut Answers,
        until: Timestamp,
    ) -> Result<(), Unread> {
        let too_long = too_long(&asked);
        let limit = until.since(self.clock.now());
        let answer = within(self.clock, limit, self.looked_up(group, key, asked, answers)).await;
        answer.unwrap_or_else(|| Err(Unread(too_long.into())))
    }

    async fn looked_up(
        &self,
        group: &Group,
        key: &Key,
        asked: LookUp,
        answers: &mut Answers,
    ) -> Result<(), Unread> {
        match asked {
            LookUp::Events(wanted) => {
                // The first event must be asked for after the rows: else they could be of another incarnation.
                answers.first = None;
                answers.rows = Some(self.events(key, wanted).await?);
            }
            LookUp::First(first) => answers.first = Some(self.table.has(key, &first).await?),
            LookUp::Newer(events) => {
                let mut there = Vec::new();
                for event in events {
                    if self.table.has(key, &event).await? {
                        there.push(event);
                    }
                }
                answers.newer = Some(there);
            }
            LookUp::Whole => answers.whole = Some(self.whole(key).await?),
            LookUp::Emptiness => answers.is_empty = Some(self.is_empty(key).await?),
            LookUp::Cursors(clients) => answers.cursors.extend(self.cursors(group, &clients).await?),
        }
        Ok(())
    }

    async fn events(&self, key: &Key, wanted: WantedEvents) -> Result<Rows, Unread> {
        let mut rows = Rows::new(wanted, self.bytes_limit);
        let mut before = None;
        loop {
            // For as long as the page is in memory. The semaphore is never closed.
            let _permit = self.pages.acquire().await;
            let page = self.table.page(key, before.as_ref()).await?;
            before.clone_from(&page.next);
            if !rows.add(page) || before.is_none() {
                return Ok(rows);
            }
        }
    }

    async fn whole(&self, key: &Key) -> Result<Vec<RowHead>, Unread> {
        let mut rows = Vec::new();
        let mut before = None;
        loop {
            let _permit = self.pages.acquire().await;
            let page = self.table.heads(key, before.as_ref()).await?;
            rows.extend(page.rows);
            before = page.next;
            if before.is_none() {
                return Ok(rows);
            }
        }
    }

    /// Whether the table has nothing of the aggregate. A page without a row is not the end.
    async fn is_empty(&self, key: &Key) -> Result<bool, Unread> {
        let mut before = None;
        loop {
            let _permit = self.pages.acquire().await;
            let page = self.table.heads(key, before.as_ref()).await?;
            before = page.next;
            if !page.rows.is_empty() || before.is_none() {
                return Ok(page.rows.is_empty());
            }
        }
    }

    async fn cursors(
        &self,
        group: &Group,
        clients: &[ClientId],
    ) -> Result<BTreeMap<ClientId, Option<Cursor>>, Unread> {
        let mut cursors = BTreeMap::new();
        for clients in clients.chunks(READ_LIMIT) {
            let keys: Vec<ItemKey> =
                clients.iter().map(|client| ItemKey::Cursor(*client, group.clone())).collect();
            let found = LedgerRead::new(&keys, self.ledger.read(&keys).await);
            for client in clients {
                let cursor = found.cursor(*client, group).known(|| {
                    let why = found.unread(&ItemKey::Cursor(*client, group.clone()));
                    let why = why.map_or_else(|| "not asked for".into(), |Unread(why)| why.to_string());
                    Unread(format!("the cursor of client {}: {why}", client.0).into())
                })?;
                cursors.insert(*client, cursor.cloned());
            }
        }
        Ok(cursors)
    }
}

/// What it means that a look-up did not end in its time.
fn too_long(asked: &LookUp) -> String {
    let asked = match asked {
        LookUp::Events(WantedEvents { after, to, .. }) => {
            format!("versions {}-{to}", after.saturating_add(1))
        }
        LookUp::Whole | LookUp::Emptiness => "the whole aggregate".to_owned(),
        LookUp::First(_) | LookUp::Newer(_) => "single events".to_owned(),
        LookUp::Cursors(clients) => format!("the cursors of {} clients", clients.len()),
    };
    format!(
        "looking up {asked} took longer than a group has; it begins anew each time, and nothing of the group is sent \
         before it ends: if that goes on, give the function more memory, with which it reads faster"
    )
}
