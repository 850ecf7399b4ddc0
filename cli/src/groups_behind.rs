//! The groups that a client is behind in, or that are held for it, read from the ledger.

use shared::control::TypedKey;
use shared::ids::Group;
use shared::ledger::{ClientId, Cursor, GroupItem, Hold, ItemKey, Ledger, LedgerRead, READ_LIMIT, Unread};
use shared::time::Timestamp;

/// A group that a client is behind in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupBehind {
    /// The aggregate's key.
    pub key: TypedKey,
    /// Its `MessageGroupId`.
    pub group: Group,
    /// The version up to which the client has everything.
    pub has: i64,
    /// The version of the group.
    pub version: i64,
    /// Since when it has been behind.
    pub since: Timestamp,
    /// Whether the aggregate was erased, and the client is still to be told.
    pub is_erased: bool,
    /// Why nothing of it is sent until it is released, if that is so.
    pub hold: Option<Hold>,
    /// Until when what the client has is repeated, because an earlier sender may still be at it.
    pub settles_at: Option<Timestamp>,
}

/// Groups that a client is behind in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupsBehind {
    /// In the order of the groups.
    pub groups: Vec<GroupBehind>,
    /// Whether there are more.
    pub is_more: bool,
}

/// The first `limit` groups in which `client` is behind. A group costs a read unit.
///
/// # Errors
///
/// [`Unread`]: the ledger could not be read.
pub async fn groups_behind<L: Ledger>(
    ledger: &L,
    client: ClientId,
    limit: usize,
) -> Result<GroupsBehind, Unread> {
    collect(ledger, client, limit, |_| true).await
}

/// Every group that is held for `client`. All of the client's cursors are read, a page at a time.
///
/// # Errors
///
/// [`Unread`]: the ledger could not be read.
pub async fn held_groups<L: Ledger>(ledger: &L, client: ClientId) -> Result<Vec<GroupBehind>, Unread> {
    Ok(collect(ledger, client, usize::MAX, |cursor| cursor.hold.is_some()).await?.groups)
}

impl GroupBehind {
    /// The group of `item` for a client that it says is behind, whose `cursor` is this.
    pub fn new(client: ClientId, group: &Group, item: &GroupItem, cursor: &Cursor) -> Self {
        Self {
            key: TypedKey::from(&item.key),
            group: group.clone(),
            has: has(client, item, Some(cursor)),
            version: item.version,
            since: cursor.at,
            is_erased: item.closed.is_some(),
            hold: cursor.hold.clone(),
            settles_at: cursor.replay.as_ref().and_then(|repetition| repetition.settles_at),
        }
    }

    /// Whether everything was sent, and the client is behind only until what may come twice has come.
    pub fn is_settling(&self) -> bool {
        self.hold.is_none() && self.settles_at.is_some() && !self.is_erased && self.has >= self.version
    }

    /// The version that is sent first, or the next above it that the client wants.
    pub fn next(&self) -> i64 {
        self.has.saturating_add(1)
    }
}

/// The version up to which `client`, for which `item` accounts, has its group. A cursor of another incarnation has nothing of this one.
pub fn has(client: ClientId, item: &GroupItem, cursor: Option<&Cursor>) -> i64 {
    if !item.behind.contains(&client) {
        return item.version;
    }
    cursor
        .filter(|cursor| cursor.incarnation_number == item.incarnation_number)
        .map_or(item.first.version.saturating_sub(1), |cursor| cursor.position)
}

/// Reads the items of `keys`, all or none.
///
/// # Errors
///
/// [`Unread`]: one of them was not read.
pub async fn read<L: Ledger>(ledger: &L, keys: &[ItemKey]) -> Result<LedgerRead, Unread> {
    let items = ledger.read(keys).await.into_iter().collect::<Result<Vec<_>, Unread>>()?;
    Ok(LedgerRead::new(keys, items.into_iter().map(Ok).collect()))
}

/// The groups of which the client's cursor is one of those that are asked for, at most `limit`.
async fn collect<L: Ledger>(
    ledger: &L,
    client: ClientId,
    limit: usize,
    is_asked_for: impl Fn(&Cursor) -> bool,
) -> Result<GroupsBehind, Unread> {
    let mut found = GroupsBehind::default();
    let mut after = None;
    loop {
        let page = ledger.cursors(client, after.as_ref()).await?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        after = Some(last.clone());
        let mut cursors: Vec<_> = page.into_iter().filter(|(_, cursor)| is_asked_for(cursor)).collect();
        let room = limit - found.groups.len();
        found.is_more = cursors.len() > room;
        cursors.truncate(room);
        for cursors in cursors.chunks(READ_LIMIT) {
            found.groups.extend(with_keys(ledger, client, cursors).await?);
        }
        if found.is_more {
            return Ok(found);
        }
    }
}

/// The groups of up to [`READ_LIMIT`] `cursors`. Only a group's item has its key, and says what the cursor means.
async fn with_keys<L: Ledger>(
    ledger: &L,
    client: ClientId,
    cursors: &[(Group, Cursor)],
) -> Result<Vec<GroupBehind>, Unread> {
    let keys: Vec<ItemKey> = cursors.iter().map(|(group, _)| ItemKey::Group(group.clone())).collect();
    let found = read(ledger, &keys).await?;
    let behind = cursors.iter().filter_map(|(group, cursor)| {
        // Otherwise the client became up to date after its cursors were read.
        let item = found.group(group).present().filter(|item| item.behind.contains(&client))?;
        Some(GroupBehind::new(client, group, item, cursor))
    });
    Ok(behind.collect())
}
