//! An aggregate was erased: its incarnation is closed, and clients that want to know are told.
//!
//! An erasure is an observed state: a consistent read finds no event in the partition. Closing sends nothing. It makes the
//! clients behind that are due a notice, in the same transaction; catch-up sends the notice in place of what is gone.

use std::collections::BTreeMap;

use super::catch_up::Task;
use super::cursors::{CursorWrite, progress, transactions_with};
use super::fan_out::UnrecordedSends;
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

/// What makes clients behind that are due a notice, because the incarnation of `item` was erased.
#[derive(Default)]
pub(super) struct DueNotices {
    /// Of those that were up to date.
    pub(super) cursors: Vec<CursorWrite>,
    /// The receipts.
    pub(super) receipts: Vec<Write>,
}

impl DueNotices {
    /// A notice is due to each client that was sent something of the aggregate, as far as is recorded, and to each that wants
    /// every event. `cursors` holds those of the clients that [want](wanting) a notice and are behind; one that is missing
    /// counts as sent.
    pub(super) fn of(
        group: &Group,
        item: &GroupItem,
        registry: &Registry,
        cursors: &BTreeMap<ClientId, Option<Cursor>>,
        unrecorded: &UnrecordedSends,
        now: Timestamp,
        fresh: &mut dyn FnMut() -> u64,
    ) -> Self {
        let number = item.incarnation_number;
        let wants_all = FilterDigest::of(None);
        let mut due = Self::default();
        for client in wanting(registry) {
            let is_behind = item.behind.contains(&client.id);
            let last = item.sent.of(client.id);
            let was_sent = if is_behind {
                cursors.get(&client.id).and_then(Option::as_ref).is_none_or(was_sent)
            } else {
                last.is_some() || unrecorded.of(item).any(|sent| sent == client.id)
            };
            if !was_sent && client.filter != wants_all {
                continue;
            }
            if !is_behind {
                due.cursors.push(CursorWrite::new(client.id, number, item.version, last, now, fresh));
            }
            let place = ReceiptPlace { group: group.clone(), incarnation_number: number };
            due.receipts.push(Write {
                key: ItemKey::Due(client.id, place),
                // What a sender left that died between two transactions is written once more.
                condition: Condition::Any,
                item: Some(Item::Receipt(ErasureReceipt::due(item, now))),
            });
        }
        due
    }
}

/// The transactions that close a group of which the event table has no event.
pub(super) fn close(group: &Group, item: &GroupItem, due: DueNotices, now: Timestamp) -> Vec<Vec<Write>> {
    let closed = GroupItem { closed: Some(now), ..item.clone() };
    transactions_with(group, item, false, closed, due.cursors, due.receipts)
}

/// Whether a client that is behind was sent something of the aggregate: of the incarnation, or of one before it, of whose end
/// it may not have been told.
pub fn was_sent(cursor: &Cursor) -> bool {
    cursor.last.is_some() || cursor.replay.is_some()
}

/// The writes that settle a notice which is due to `client`, if its receipt fulfils `condition`.
pub fn settle(
    client: ClientId,
    place: &ReceiptPlace,
    receipt: ErasureReceipt,
    settlement: Settlement,
    condition: Condition,
    now: Timestamp,
) -> Vec<Write> {
    let settled = ErasureReceipt { settled: Some((settlement, now)), ..receipt };
    let due = ItemKey::Due(client, place.clone());
    vec![
        Write { key: due, condition, item: None },
        Write {
            key: ItemKey::Receipt(client, place.clone()),
            condition: Condition::Any,
            item: Some(Item::Receipt(settled)),
        },
    ]
}

impl ErasureReceipt {
    /// Of a client that is due a notice, because the group of `item` was closed at this instant.
    pub fn due(item: &GroupItem, closed_at: Timestamp) -> Self {
        Self {
            write_count: WriteCount(1),
            key: item.key.clone(),
            token: item.token.clone(),
            closed_at,
            settled: None,
            unknown: [].into(),
        }
    }
}

/// Where the receipt of the notice is that a client with this `cursor` may still be due of the incarnation that the cursor is
/// of, if that is not the one of `item`.
pub fn earlier_receipt_place(group: &Group, item: &GroupItem, cursor: &Cursor) -> Option<ReceiptPlace> {
    let incarnation_number = cursor.incarnation_number;
    let is_earlier = incarnation_number < item.incarnation_number;
    is_earlier.then(|| ReceiptPlace { group: group.clone(), incarnation_number })
}

impl Task {
    /// The notice of that incarnation.
    pub fn earlier_notice<'r>(&self, receipt: &'r ErasureReceipt) -> Notice<'r> {
        let none_yet = self.first_version - 1;
        let last = self.cursor.last.unwrap_or(none_yet);
        Notice {
            key: &receipt.key,
            incarnation: &receipt.token,
            version: self.cursor.position.max(last).max(none_yet).saturating_add(1),
            previous_version: last,
            seen_at: receipt.closed_at,
            replay: None,
        }
    }

    /// The transaction after which the client has been told of that, and has nothing of the group's incarnation.
    pub fn told_of_earlier(
        &self,
        place: &ReceiptPlace,
        receipt: ErasureReceipt,
        now: Timestamp,
        fresh: &mut dyn FnMut() -> u64,
    ) -> Vec<Write> {
        let cursor = Cursor {
            write_count: WriteCount(fresh()),
            incarnation_number: self.item.incarnation_number,
            position: self.first_version - 1,
            last: None,
            replay: None,
            ..self.cursor.clone()
        };
        let mut writes = progress(&self.group, self.client, &self.cursor, cursor);
        let condition = Condition::WriteCount(receipt.write_count);
        writes.extend(settle(self.client, place, receipt, Settlement::Told, condition, now));
        writes
    }

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
