//! An aggregate was erased: its incarnation is closed, and clients that want to know are told.
//!
//! An erasure is an observed state: a consistent read finds no event in the partition. Closing sends nothing. It makes the
//! clients behind that are due a notice, in the same transaction; catch-up sends the notice in place of what is gone.

use std::collections::BTreeMap;

use super::catch_up::Task;
use super::cursors::{CursorWrite, transactions_with};
use super::{
    ClientId, Condition, Cursor, ErasureReceipt, GroupItem, Item, ItemKey, ReceiptPlace, Registration,
    Registry, Settlement, State, Write, WriteCount,
};
use crate::erasure::Notice;
use crate::filter::FilterDigest;
use crate::ids::{Group, ReplayId};
use crate::time::Timestamp;

/// The clients that want to be told when an aggregate is erased.
pub fn wanting(registry: &Registry) -> impl Iterator<Item = &Registration> {
    let clients = registry.clients.values();
    clients.filter(|client| client.state != State::Retired && client.erasures)
}

/// The transactions that close a group of which the event table has no event. `cursors` holds those of the clients that
/// [want](wanting) a notice and are behind; of one that is missing the client is told.
///
/// A notice is due to each client that was sent something of the incarnation, as far as is recorded, and to each that
/// wants every event.
pub fn close(
    group: &Group,
    item: &GroupItem,
    registry: &Registry,
    cursors: &BTreeMap<ClientId, Option<Cursor>>,
    now: Timestamp,
    fresh: &mut dyn FnMut() -> u64,
) -> Vec<Vec<Write>> {
    let place = ReceiptPlace { group: group.clone(), incarnation_number: item.incarnation_number };
    let wants_all = FilterDigest::of(None);
    let (mut behind, mut due) = (Vec::new(), Vec::new());
    for client in wanting(registry) {
        let is_behind = item.behind.contains(&client.id);
        let was_sent = if is_behind {
            cursors.get(&client.id).and_then(Option::as_ref).is_none_or(|cursor| was_sent(cursor, item))
        } else {
            item.sent.of(client.id).is_some()
        };
        if !was_sent && client.filter != wants_all {
            continue;
        }
        if !is_behind {
            let (number, last) = (item.incarnation_number, item.sent.of(client.id));
            behind.push(CursorWrite::new(client.id, number, item.version, last, now, fresh));
        }
        let receipt = ErasureReceipt {
            write_count: WriteCount(1),
            key: item.key.clone(),
            token: item.token.clone(),
            closed_at: now,
            settled: None,
            unknown: [].into(),
        };
        due.push(Write {
            key: ItemKey::Due(client.id, place.clone()),
            // What a sender left that died between two transactions is written once more.
            condition: Condition::Any,
            item: Some(Item::Receipt(receipt)),
        });
    }
    let closed = GroupItem { closed: Some(now), ..item.clone() };
    transactions_with(group, item, false, closed, behind, due)
}

/// Whether a client that is behind was sent something of the incarnation.
fn was_sent(cursor: &Cursor, item: &GroupItem) -> bool {
    cursor.incarnation_number == item.incarnation_number && (cursor.last.is_some() || cursor.replay.is_some())
}

/// The writes that settle a notice which is due to `client`.
pub fn settle(
    client: ClientId,
    place: &ReceiptPlace,
    receipt: ErasureReceipt,
    settlement: Settlement,
    now: Timestamp,
) -> Vec<Write> {
    let settled = ErasureReceipt { settled: Some((settlement, now)), ..receipt };
    let due = ItemKey::Due(client, place.clone());
    vec![
        Write { key: due, condition: Condition::WriteCount(settled.write_count), item: None },
        Write {
            key: ItemKey::Receipt(client, place.clone()),
            condition: Condition::Any,
            item: Some(Item::Receipt(settled)),
        },
    ]
}

impl Task {
    /// Where the receipt of the notice is that the client may be due.
    pub fn receipt_place(&self) -> ReceiptPlace {
        ReceiptPlace { group: self.group.clone(), incarnation_number: self.item.incarnation_number }
    }

    /// The notice that the aggregate was erased, if the group is closed.
    pub fn notice(&self) -> Option<Notice<'_>> {
        let replay: Option<&ReplayId> = self.replay().map(|repeated| &repeated.id);
        Some(Notice {
            key: &self.item.key,
            incarnation: &self.item.token,
            version: self.item.version.saturating_add(1),
            previous_version: self.last().unwrap_or(self.first_version - 1),
            seen_at: self.item.closed?,
            replay,
        })
    }
}
