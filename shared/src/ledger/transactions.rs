//! A group's item and the markers of its clients, written together.

use super::{ClientId, Condition, GroupItem, Item, ItemKey, Marker, Rev, WRITE_LIMIT, Write};
use crate::ids::Group;

/// A marker that is written with its group's item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MarkerWrite {
    pub(super) client: ClientId,
    pub(super) condition: Condition,
    /// `None` deletes it, and the client leaves [`GroupItem::behind`].
    pub(super) marker: Option<Marker>,
}

impl MarkerWrite {
    /// Of a client that becomes behind.
    pub(super) fn new(client: ClientId, marker: Marker) -> Self {
        Self { client, condition: Condition::Absent, marker: Some(marker) }
    }

    /// Of a client that stays behind.
    pub(super) fn change(client: ClientId, before: &Marker, after: Marker) -> Self {
        Self { client, condition: Condition::Rev(before.rev), marker: Some(after) }
    }

    /// Of a client that is served no more.
    pub(super) fn delete(client: ClientId, before: &Marker) -> Self {
        Self { client, condition: Condition::Rev(before.rev), marker: None }
    }

    pub(super) fn write(self, group: &Group) -> Write {
        let key = ItemKey::Marker(self.client, group.clone());
        Write { key, condition: self.condition, item: self.marker.map(Item::Marker) }
    }
}

/// The transactions, in order, that make `after` of `before` and write `markers`. `after.behind` follows from the
/// markers.
///
/// Usually it is one. If there are too many markers, all but the last transaction change nothing but `behind` and `rev`:
/// `version` is raised when everybody who has less is named.
pub(super) fn transactions(
    group: &Group,
    before: &GroupItem,
    is_new: bool,
    mut after: GroupItem,
    markers: Vec<MarkerWrite>,
) -> Vec<Vec<Write>> {
    let mut condition = if is_new { Condition::Absent } else { Condition::Rev(before.rev) };
    let mut so_far = before.clone();
    let mut transactions = Vec::new();
    let mut rest = markers.into_iter().peekable();
    loop {
        let mut writes = Vec::new();
        for marker in rest.by_ref().take(WRITE_LIMIT - 1) {
            for item in [&mut so_far, &mut after] {
                if marker.marker.is_some() {
                    item.behind.insert(marker.client);
                } else {
                    item.behind.remove(&marker.client);
                }
            }
            writes.push(marker.write(group));
        }
        so_far.rev = Rev(so_far.rev.0 + 1);
        after.rev = so_far.rev;
        let is_last = rest.peek().is_none();
        let item = if is_last { after.clone() } else { so_far.clone() };
        let key = ItemKey::Group(group.clone());
        writes.insert(0, Write { key, condition, item: Some(Item::Group(Box::new(item))) });
        transactions.push(writes);
        if is_last {
            return transactions;
        }
        condition = Condition::Rev(so_far.rev);
    }
}
