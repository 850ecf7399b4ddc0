//! Versions that two events have. A group's item names the first of them, so that each is counted once. Those that it
//! has no room for are not counted.

use std::collections::BTreeSet;

use super::cursors::transactions;
use super::{GroupItem, PAIRS_LIMIT, Write};
use crate::ids::Group;

/// Of `versions`, which two events have, those that the group's item does not name and has room for; each once, in
/// order.
pub(super) fn new_pairs(item: &GroupItem, versions: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let new: BTreeSet<i64> = versions.into_iter().filter(|version| !item.pairs.contains(version)).collect();
    new.into_iter().take(PAIRS_LIMIT.saturating_sub(item.pairs.len())).collect()
}

/// The writes after which the group's item names `versions`, which two events have, and those that it did not name
/// before; `None` if there are none of these.
pub fn note_pairs(
    group: &Group,
    item: &GroupItem,
    versions: impl IntoIterator<Item = i64>,
) -> Option<(Vec<Vec<Write>>, Vec<i64>)> {
    let new = new_pairs(item, versions);
    if new.is_empty() {
        return None;
    }
    let mut after = item.clone();
    after.pairs.extend(&new);
    let transactions = transactions(group, item, false, after, Vec::new());
    Some((transactions, new))
}
