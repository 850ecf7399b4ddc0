//! A group of which no message came gets an item that accounts for who is served, as the fan-out makes it.
//!
//! Of a group that the ledger does not know, and whose events do not tell by themselves what is old and that nothing is
//! missing, the fan-out makes the item: it holds the group's lock, and can wait.

use std::collections::BTreeMap;

use shared::clock::Clock;
use shared::event::Event;
use shared::ids::{Group, Key};
use shared::ledger::{
    ClientId, Cursor, EventTable, GroupItem, ItemKey, Ledger, READ_LIMIT, Reading, Registry, adopt, baseline,
    is_whole, leaving,
};
use shared::send::{StopReason, Transport};

use super::payload::ControlError;
use super::work::{AfterFailure, SurveyError, Update, Work, why_unread};

/// What became of a group.
#[derive(Debug)]
pub(super) enum Adoption {
    /// Its item accounts for the registry's revision.
    Done,
    /// The table has no event of it that can be sent.
    Missing,
    /// Its highest event is on the fan-out queue, and makes the fan-out look: that makes the item, when it has waited
    /// for what may be missing.
    HandedOver,
    /// No later try can do more, unless an operator acts; this says why.
    PassedOver(String),
    /// Not done.
    Failed(String),
}

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Adopts the group of the aggregate with this key, if that is needed.
    pub(super) async fn adopt(&self, key: &Key) -> Adoption {
        let group = Group::of(key);
        let keys = [ItemKey::Registry, ItemKey::Group(group.clone())];
        let adoption = self.update(&keys, AfterFailure::ReadAgain, async |found| {
            let failed = |why| Update::Done(Adoption::Failed(why));
            let registry = match found.registry() {
                Reading::Present(registry) => registry,
                Reading::Missing => return failed(ControlError::NoRegistry.to_string()),
                Reading::Unread => return failed(why_unread(found, &keys)),
            };
            let (item, is_new) = match found.group(&group) {
                Reading::Present(item) if item.revision >= registry.revision => {
                    return Update::Done(Adoption::Done);
                }
                Reading::Present(item) => (item.clone(), false),
                Reading::Missing => match self.first_sight(key, registry).await {
                    Ok(item) => (item, true),
                    Err(adoption) => return Update::Done(adoption),
                },
                Reading::Unread => return failed(why_unread(found, &keys)),
            };
            let retired = self.leaving(&group, &item, registry).await;
            let fresh = &mut || self.ports.ledger.fresh();
            let first_version = self.first_version();
            let transactions =
                adopt(&group, &item, is_new, registry, first_version, &retired, self.now(), fresh);
            Update::Write(transactions, Adoption::Done)
        });
        adoption.await.unwrap_or_else(Adoption::Failed)
    }

    /// The first item of a group; or why there is none.
    async fn first_sight(&self, key: &Key, registry: &Registry) -> Result<GroupItem, Adoption> {
        let not_read = |error: SurveyError| match error {
            SurveyError::TooLong => Adoption::PassedOver(error.to_string()),
            SurveyError::Unread(unread) => Adoption::Failed(unread.to_string()),
        };
        let heads = self.heads(key).await.map_err(not_read)?;
        if is_whole(&heads, self.first_version()) {
            return baseline(key, &heads, registry.start, None).ok_or(Adoption::Missing);
        }
        Err(match self.ends(key, &heads, &[]).await.map_err(not_read)?.highest {
            Some(event) => self.hand_over(&event).await,
            None => Adoption::Missing,
        })
    }

    /// Makes the fan-out look at a group, by its highest `event`.
    async fn hand_over(&self, event: &Event) -> Adoption {
        match self.put_repairs([event], self.last_start()).await {
            Ok(()) => Adoption::HandedOver,
            Err(stop) => {
                let why = format!("the fan-out queue does not take its highest event: {}", stop.why);
                if stop.reason == StopReason::Message {
                    Adoption::PassedOver(why)
                } else {
                    Adoption::Failed(why)
                }
            }
        }
    }

    /// The cursors of clients that are served no more. Of those that are not read, the entries stay.
    async fn leaving(
        &self,
        group: &Group,
        item: &GroupItem,
        registry: &Registry,
    ) -> BTreeMap<ClientId, Option<Cursor>> {
        let mut retired = BTreeMap::new();
        for clients in leaving(item, registry).chunks(READ_LIMIT) {
            let keys: Vec<ItemKey> =
                clients.iter().map(|client| ItemKey::Cursor(*client, group.clone())).collect();
            let found = self.read(&keys).await;
            for client in clients {
                match found.cursor(*client, group) {
                    Reading::Present(cursor) => drop(retired.insert(*client, Some(cursor.clone()))),
                    Reading::Missing => drop(retired.insert(*client, None)),
                    Reading::Unread => {}
                }
            }
        }
        retired
    }
}
