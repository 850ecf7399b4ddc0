//! Looking things up for a group: each answer goes where the decision reads it.

use std::collections::BTreeMap;

use shared::ids::{Group, Key};
use shared::ledger::fan_out::{LookUp, Rows, Shown, Wanted};
use shared::ledger::{ClientId, EventTable, Found, ItemKey, Ledger, Marker, READ_LIMIT, Row, Unread};
use shared::send::Transport;

use super::{OVER, Seams};

impl<T: Transport, L: Ledger, E: EventTable> Seams<'_, T, L, E> {
    /// Takes note of the answer to `asked` in `shown`.
    ///
    /// # Errors
    ///
    /// [`Unread`] if there is none: what was not read is not missing.
    pub(super) async fn look_up(
        &self,
        group: &Group,
        key: &Key,
        asked: LookUp,
        shown: &mut Shown,
    ) -> Result<(), Unread> {
        match asked {
            LookUp::Events(wanted) => {
                // The first event must be asked for after the rows: else they could be of another life.
                shown.first = None;
                shown.rows = Some(self.events(key, wanted).await?);
            }
            LookUp::First(sort) => {
                self.check_time()?;
                shown.first = Some(self.table.has(key, &sort).await?);
            }
            LookUp::Whole => shown.whole = Some(self.whole(key).await?),
            LookUp::Markers(clients) => shown.markers.extend(self.markers(group, &clients).await?),
        }
        Ok(())
    }

    async fn events(&self, key: &Key, wanted: Wanted) -> Result<Rows, Unread> {
        let mut rows = Rows::new(wanted);
        let mut before = None;
        loop {
            self.check_time()?;
            let page = self.table.page(key, before.as_ref()).await?;
            before = page.rows.last().map(|row| row.sort.clone());
            if !rows.add(page) || before.is_none() {
                return Ok(rows);
            }
        }
    }

    async fn whole(&self, key: &Key) -> Result<Vec<Row>, Unread> {
        let mut rows: Vec<Row> = Vec::new();
        loop {
            self.check_time()?;
            let page = self.table.page(key, rows.last().map(|row| &row.sort)).await?;
            let is_end = !page.has_more || page.rows.is_empty();
            // An aggregate can be large, and its events are not asked for.
            rows.extend(page.rows.into_iter().map(|row| Row { event: Err(String::new()), ..row }));
            if is_end {
                return Ok(rows);
            }
        }
    }

    async fn markers(
        &self,
        group: &Group,
        clients: &[ClientId],
    ) -> Result<BTreeMap<ClientId, Option<Marker>>, Unread> {
        let mut markers = BTreeMap::new();
        for clients in clients.chunks(READ_LIMIT) {
            self.check_time()?;
            let keys: Vec<ItemKey> =
                clients.iter().map(|client| ItemKey::Marker(*client, group.clone())).collect();
            let found = Found::new(&keys, self.ledger.read(&keys).await);
            for client in clients {
                let Some(marker) = found.marker(*client, group) else {
                    return Err(Unread(format!("the marker of client {}", client.0).into()));
                };
                markers.insert(*client, marker.cloned());
            }
        }
        Ok(markers)
    }

    /// Nothing that a send may follow starts after the last instant for a send.
    fn check_time(&self) -> Result<(), Unread> {
        if self.transport.now() > self.last_start {
            return Err(Unread(OVER.into()));
        }
        Ok(())
    }

    /// Whether nothing may be begun any more.
    pub(super) fn is_over(&self) -> bool {
        self.transport.now() >= self.last_start
    }
}
