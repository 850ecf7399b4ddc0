//! Notices that an aggregate was erased: which are due for long, which never will be sent, and hints where one may be
//! missing.

use std::time::Duration;

use shared::clock::Clock;
use shared::control::{ErasureHints, TypedKey};
use shared::erasure::hint;
use shared::ledger::erasures::settle;
use shared::ledger::{
    Condition, Cursor, ErasureReceipt, EventTable, GroupItem, ItemKey, Ledger, READ_LIMIT, ReceiptPlace,
    Registration, Registry, Settlement, State, WriteError,
};
use shared::metrics::{ERASURE_AGE, ERASURES_DUE, Tally};
use shared::route::route;
use shared::send::{Transport, all_accepted};
use tracing::{info, warn};

use super::payload::ControlError;
use super::requests::keys_of;
use super::work::{Work, why_unread};

/// The notices that are due.
#[derive(Debug, Default)]
pub(super) struct DueNotices {
    count: usize,
    /// Since when the oldest is.
    age: Duration,
}

impl DueNotices {
    /// Puts it into the metrics.
    pub(super) fn tally(&self, tally: &mut Tally) {
        tally.count(ERASURES_DUE, self.count);
        tally.count(ERASURE_AGE, usize::try_from(self.age.as_millis()).unwrap_or(usize::MAX));
    }
}

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Settles the notices that are due to nobody any more, and counts the others: those that it sees in the time that
    /// there is.
    pub(super) async fn notices(&self, registry: &Registry) -> Option<DueNotices> {
        // It saves a query for each client. When the last client wants none any more, those that are due are still sent, but
        // not counted; those of a retired client are settled all the same.
        let are_wanted = registry.clients.values().any(|client| client.erasures);
        let mut due = DueNotices::default();
        let looked_at =
            registry.clients.iter().filter(|(_, client)| are_wanted || client.state == State::Retired);
        for (name, registration) in looked_at {
            if let Err(why) = self.notices_of(registration, &mut due).await {
                warn!(client = name.as_str(), why, "notices of erasures are not looked at now");
            }
        }
        are_wanted.then_some(due)
    }

    /// Puts a hint on the fan-out queue for each aggregate, as if the stream had shown that an item was deleted. A hint
    /// is harmless where the aggregate lasts: the fan-out looks.
    pub(super) async fn look_for_erasures(&self, keys: Vec<TypedKey>) -> Result<ErasureHints, ControlError> {
        let keys = keys_of(keys)?;
        // SQS must not swallow it, whatever was asked before.
        let cause = format!("request {}", self.ports.ledger.fresh());
        let hints = route(keys.iter().map(|key| hint(key, &cause, None)));
        let put = all_accepted(self.put(&self.own.fan_out, hints, self.last_start()).await);
        put.map_err(|stop| ControlError::Failed { what: "the fan-out queue", why: stop.why })?;
        Ok(ErasureHints { hints: keys.len() })
    }

    async fn notices_of(&self, registration: &Registration, due: &mut DueNotices) -> Result<(), String> {
        let mut last: Option<ReceiptPlace> = None;
        while !self.is_over() {
            let page = self.ports.ledger.receipts(registration.id, true, last.as_ref()).await;
            let page = page.map_err(|error| error.to_string())?;
            let Some((place, _)) = page.last() else { break };
            last = Some(place.clone());
            for some in page.chunks(READ_LIMIT / 2) {
                self.settle_some(registration, some, due).await?;
            }
        }
        Ok(())
    }

    async fn settle_some(
        &self,
        registration: &Registration,
        receipts: &[(ReceiptPlace, ErasureReceipt)],
        due: &mut DueNotices,
    ) -> Result<(), String> {
        let mut keys: Vec<ItemKey> =
            receipts.iter().map(|(place, _)| ItemKey::Group(place.group.clone())).collect();
        keys.dedup();
        let cursor_key = |place: &ReceiptPlace| ItemKey::Cursor(registration.id, place.group.clone());
        keys.extend(receipts.iter().map(|(place, _)| cursor_key(place)));
        let found = self.read(&keys).await;
        for (place, receipt) in receipts {
            let item = found.group(&place.group).known(|| why_unread(&found, &keys))?;
            let cursor = found.cursor(registration.id, &place.group).known(|| why_unread(&found, &keys))?;
            let Some(settlement) = settlement(registration, item, cursor, place) else {
                due.count += 1;
                due.age = due.age.max(self.now().since(receipt.closed_at));
                continue;
            };
            let condition = Condition::WriteCount(receipt.write_count);
            let writes = settle(registration.id, place, receipt.clone(), settlement, condition, self.now());
            match self.ports.ledger.write(&writes).await {
                Ok(()) => info!(group = %place.group, ?settlement, "a notice of an erasure is settled"),
                // It was told meanwhile.
                Err(WriteError::Lost) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }
}

/// Why the client will not be told any more, if that is so.
fn settlement(
    registration: &Registration,
    item: Option<&GroupItem>,
    cursor: Option<&Cursor>,
    place: &ReceiptPlace,
) -> Option<Settlement> {
    if registration.state == State::Retired {
        return Some(Settlement::Retired);
    }
    let lasts =
        item.is_some_and(|item| item.closed.is_some() && item.incarnation_number == place.incarnation_number);
    // Catch-up tells a client that has not begun with a later incarnation.
    let is_to_be_told =
        lasts || cursor.is_some_and(|cursor| cursor.incarnation_number <= place.incarnation_number);
    (!is_to_be_told).then_some(Settlement::Superseded)
}
