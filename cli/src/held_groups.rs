//! The groups that are held for a client, read from the ledger.

use shared::control::TypedKey;
use shared::ids::Group;
use shared::ledger::{ClientId, Cursor, Hold, ItemKey, Ledger, READ_LIMIT, Unread};

use crate::client_status::{has, read};

/// A group of which a client gets nothing until it is released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldGroup {
    /// The aggregate's key.
    pub key: TypedKey,
    /// Its `MessageGroupId`.
    pub group: Group,
    /// The version that is sent first after the release, or the next above it that the client wants.
    pub next: i64,
    /// Why it is held.
    pub hold: Hold,
}

/// Every group that is held for `client`. All of the client's cursors are read, a page at a time.
///
/// # Errors
///
/// [`Unread`]: the ledger could not be read.
pub async fn held_groups<L: Ledger>(ledger: &L, client: ClientId) -> Result<Vec<HeldGroup>, Unread> {
    let mut groups = Vec::new();
    let mut after = None;
    loop {
        let page = ledger.cursors(client, after.as_ref()).await?;
        let Some((last, _)) = page.last() else { return Ok(groups) };
        after = Some(last.clone());
        let held: Vec<_> = page.into_iter().filter(|(_, cursor)| cursor.hold.is_some()).collect();
        for cursors in held.chunks(READ_LIMIT) {
            groups.extend(with_keys(ledger, client, cursors).await?);
        }
    }
}

/// The held groups of up to [`READ_LIMIT`] `cursors`. Only a group's item has its key, and says what the cursor means.
async fn with_keys<L: Ledger>(
    ledger: &L,
    client: ClientId,
    cursors: &[(Group, Cursor)],
) -> Result<Vec<HeldGroup>, Unread> {
    let keys: Vec<ItemKey> = cursors.iter().map(|(group, _)| ItemKey::Group(group.clone())).collect();
    let found = read(ledger, &keys).await?;
    let held = cursors.iter().filter_map(|(group, cursor)| {
        // Otherwise it was released, and the client caught up, after its cursors were read.
        let item = found.group(group).present().filter(|item| item.behind.contains(&client))?;
        Some(HeldGroup {
            key: TypedKey::from(&item.key),
            group: group.clone(),
            next: has(client, item, Some(cursor)).saturating_add(1),
            hold: cursor.hold.clone()?,
        })
    });
    Ok(held.collect())
}
