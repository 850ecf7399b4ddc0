//! Who is behind: a group's item names a client in `behind` exactly if the client has a cursor there.
//!
//! This is the only module that plans writes of `behind` and of cursors, for the fan-out, catch-up and control
//! requests. They are written in one transaction. What a client was sent last is in its cursor, else in the item.

use super::{
    ClientId, Condition, Cursor, GroupItem, Item, ItemKey, LastVersion, WRITE_LIMIT, Write, WriteCount,
};
use crate::ids::Group;
use crate::time::Timestamp;

/// A cursor that is written with its group's item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CursorWrite {
    pub(super) client: ClientId,
    pub(super) condition: Condition,
    pub(super) standing: Standing,
}

/// What is written besides a group's item.
enum Part {
    Cursor(CursorWrite),
    Other(Write),
}

/// What a client is in a group from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has less than the group's version.
    Behind(Cursor),
    /// It has everything, and was sent this version last. The cursor is deleted.
    UpToDate(LastVersion),
    /// It is served no more. The cursor is deleted.
    Retired,
}

impl CursorWrite {
    /// Of a client that becomes behind, has everything of this incarnation up to `position`, and was sent `last` last.
    pub(super) fn new(
        client: ClientId,
        incarnation_number: u64,
        position: i64,
        last: LastVersion,
        now: Timestamp,
        fresh: &mut dyn FnMut() -> u64,
    ) -> Self {
        let cursor = Cursor {
            write_count: WriteCount(fresh()),
            epoch: fresh(),
            incarnation_number,
            position,
            last,
            replay: None,
            at: now,
            hold: None,
            unknown: [].into(),
        };
        Self { client, condition: Condition::Absent, standing: Standing::Behind(cursor) }
    }

    /// Of a client that stays behind.
    pub(super) fn change(client: ClientId, before: &Cursor, after: Cursor) -> Self {
        Self::over(client, before, Standing::Behind(after))
    }

    /// Of a client that is served no more.
    pub(super) fn retire(client: ClientId, before: &Cursor) -> Self {
        Self::over(client, before, Standing::Retired)
    }

    fn over(client: ClientId, before: &Cursor, standing: Standing) -> Self {
        Self { client, condition: Condition::WriteCount(before.write_count), standing }
    }

    pub(super) fn write(self, group: &Group) -> Write {
        let key = ItemKey::Cursor(self.client, group.clone());
        let item = match self.standing {
            Standing::Behind(cursor) => Some(Item::Cursor(cursor)),
            Standing::UpToDate(_) | Standing::Retired => None,
        };
        Write { key, condition: self.condition, item }
    }

    /// Notes in a group's item what the client is.
    fn apply(&self, item: &mut GroupItem) {
        match self.standing {
            Standing::Behind(_) => {
                item.behind.insert(self.client);
                item.sent.leave(self.client);
            }
            Standing::UpToDate(last) => {
                item.behind.remove(&self.client);
                item.sent.note(self.client, last);
            }
            Standing::Retired => forget(item, self.client),
        }
    }
}

/// One transaction that takes a client out of `behind`, and its cursor away: it is up to date, and was sent `last` last.
pub fn up_to_date(
    group: &Group,
    item: &GroupItem,
    client: ClientId,
    cursor: &Cursor,
    last: LastVersion,
) -> Vec<Write> {
    transaction(group, item, CursorWrite::over(client, cursor, Standing::UpToDate(last)))
}

/// One transaction that takes away the cursor of a client that is served no more, and its entry in `behind`, if the
/// group has an item.
pub fn leave(group: &Group, item: Option<&GroupItem>, client: ClientId, cursor: &Cursor) -> Vec<Write> {
    match item {
        Some(item) => transaction(group, item, CursorWrite::retire(client, cursor)),
        None => vec![CursorWrite::retire(client, cursor).write(group)],
    }
}

/// Notes in a group's item that a client is served no more, of whom there is no cursor: the ledger is damaged.
pub(super) fn forget(item: &mut GroupItem, client: ClientId) {
    item.behind.remove(&client);
    item.sent.leave(client);
}

/// One write that changes the cursor of a client that stays behind.
pub(super) fn progress(group: &Group, client: ClientId, before: &Cursor, after: Cursor) -> Vec<Write> {
    vec![CursorWrite::change(client, before, after).write(group)]
}

/// One transaction that puts a client behind, or changes its cursor, `before`, and begins another epoch.
pub(super) fn behind(
    group: &Group,
    item: &GroupItem,
    client: ClientId,
    before: Option<&Cursor>,
    after: Cursor,
) -> Vec<Write> {
    let condition = before.map_or(Condition::Absent, |before| Condition::WriteCount(before.write_count));
    transaction(group, item, CursorWrite { client, condition, standing: Standing::Behind(after) })
}

fn transaction(group: &Group, item: &GroupItem, cursor: CursorWrite) -> Vec<Write> {
    transactions(group, item, false, item.clone(), vec![cursor]).into_iter().flatten().collect()
}

/// The transactions, in order, that make `after` of `before` and write `cursors`. `after.behind`, and what `after.sent`
/// says of these clients, follow from the cursors.
///
/// Usually it is one. If there are too many cursors, all but the last transaction change nothing but `behind` and
/// `write_count`: `version` is raised when every client that has less is named.
pub(super) fn transactions(
    group: &Group,
    before: &GroupItem,
    is_new: bool,
    after: GroupItem,
    cursors: Vec<CursorWrite>,
) -> Vec<Vec<Write>> {
    transactions_with(group, before, is_new, after, cursors, Vec::new())
}

/// The same, with `other` writes that belong to `after`.
pub(super) fn transactions_with(
    group: &Group,
    before: &GroupItem,
    is_new: bool,
    mut after: GroupItem,
    cursors: Vec<CursorWrite>,
    other: Vec<Write>,
) -> Vec<Vec<Write>> {
    let mut condition = if is_new { Condition::Absent } else { Condition::WriteCount(before.write_count) };
    let mut so_far = before.clone();
    let mut transactions = Vec::new();
    let cursors = cursors.into_iter().map(Part::Cursor);
    let mut rest = cursors.chain(other.into_iter().map(Part::Other)).peekable();
    loop {
        let mut writes = Vec::new();
        for part in rest.by_ref().take(WRITE_LIMIT - 1) {
            writes.push(match part {
                Part::Cursor(cursor) => {
                    cursor.apply(&mut so_far);
                    cursor.apply(&mut after);
                    cursor.write(group)
                }
                Part::Other(write) => write,
            });
        }
        so_far.write_count = WriteCount(so_far.write_count.0 + 1);
        after.write_count = so_far.write_count;
        let is_last = rest.peek().is_none();
        let item = if is_last { after.clone() } else { so_far.clone() };
        let key = ItemKey::Group(group.clone());
        writes.insert(0, Write { key, condition, item: Some(Item::Group(Box::new(item))) });
        transactions.push(writes);
        if is_last {
            return transactions;
        }
        condition = Condition::WriteCount(so_far.write_count);
    }
}
