//! Clients that are served no more: their cursors go, with their entries; and what push asked for them.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use shared::clock::Clock;
use shared::config::ClientName;
use shared::ids::Group;
use shared::ledger::cursors::leave;
use shared::ledger::{
    ClientId, Condition, Cursor, EventTable, ItemKey, Ledger, READ_LIMIT, Registry, State, WRITE_LIMIT,
    Write, WriteError,
};
use shared::send::Transport;
use tracing::{info, warn};

use super::work::{Work, why_unread};

/// How many clients, and of each how many groups, are cleared at the same time.
const AT_ONCE: usize = 8;

/// How long after a client's retirement it is looked for what push functions wrote: its mapping went with the deploy that
/// took it out of the file, an hour before that.
const PUSH_WRITES: Duration = Duration::from_secs(24 * 3_600);

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Clears all retired clients, as long as there is time. Each time: a fan-out that did not know yet may have added
    /// one.
    pub(super) async fn clear_retired(&self, registry: &Registry) {
        let retired = registry.clients.iter().filter(|(_, client)| client.state == State::Retired);
        stream::iter(retired)
            .for_each_concurrent(AT_ONCE, |(name, registration)| async move {
                let cleared = self.clear(name, registration.id).await;
                if cleared > 0 {
                    info!(client = name.as_str(), groups = cleared, "cursors of a retired client removed");
                }
                let is_new = registration.retired_at.is_some_and(|at| self.now().since(at) < PUSH_WRITES);
                if is_new && let Err(why) = self.clear_push(registration.id).await {
                    warn!(client = name.as_str(), why, "what push asked for a retired client stays for now");
                }
            })
            .await;
    }

    /// Clears one client. Returns in how many groups.
    async fn clear(&self, name: &ClientName, client: ClientId) -> usize {
        let mut cleared = 0;
        let mut last: Option<Group> = None;
        while !self.is_over() {
            let page = match self.ports.ledger.cursors(client, last.as_ref()).await {
                Ok(page) => page,
                Err(error) => {
                    warn!(client = name.as_str(), why = %error, "cursors of a retired client stay for now");
                    break;
                }
            };
            let Some((group, _)) = page.last() else { break };
            last = Some(group.clone());
            for some in page.chunks(READ_LIMIT) {
                cleared += self.clear_some(name, client, some).await;
            }
        }
        cleared
    }

    /// Deletes what push functions asked for a client, and how its target was. What the target has of each group stays
    /// (`docs/ledger.md`): it is found by a group's name alone, and no other client ever gets this one's number.
    async fn clear_push(&self, client: ClientId) -> Result<(), String> {
        let delete = |key| Write { key, condition: Condition::Any, item: None };
        while !self.is_over() {
            let page = self.ports.ledger.delivery_requests(client, None).await;
            let page = page.map_err(|error| error.to_string())?;
            if page.is_empty() {
                break;
            }
            for some in page.chunks(WRITE_LIMIT) {
                let keys = some.iter().map(|(group, _)| ItemKey::DeliveryRequest(client, group.clone()));
                let deletes: Vec<Write> = keys.map(delete).collect();
                self.ports.ledger.write(&deletes).await.map_err(|error| error.to_string())?;
            }
        }
        let keys = [ItemKey::Target(client)];
        let found = self.read(&keys).await;
        let target = found.target(client).known(|| why_unread(&found, &keys))?;
        if target.is_some() {
            let deleted = self.ports.ledger.write(&keys.map(delete)).await;
            deleted.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn clear_some(&self, name: &ClientName, client: ClientId, cursors: &[(Group, Cursor)]) -> usize {
        let keys: Vec<ItemKey> = cursors.iter().map(|(group, _)| ItemKey::Group(group.clone())).collect();
        let found = &self.read(&keys).await;
        let clear = async |(group, cursor): &(Group, Cursor)| {
            let item = found.group(group).known(|| why_unread(found, &keys))?;
            match self.ports.ledger.write(&leave(group, item, client, cursor)).await {
                Ok(()) => Ok(1),
                // It is done next time.
                Err(WriteError::Lost) => Ok(0),
                Err(error) => Err(error.to_string()),
            }
        };
        let cleared: Vec<Result<usize, String>> =
            stream::iter(cursors).map(clear).buffer_unordered(AT_ONCE).collect().await;
        if let Some(why) = cleared.iter().find_map(|cleared| cleared.as_ref().err()) {
            warn!(client = name.as_str(), why, "cursors of a retired client stay for now");
        }
        cleared.into_iter().flatten().sum()
    }
}
