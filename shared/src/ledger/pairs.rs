//! Versions that two events have. A group's item names the last of them, so that each is counted once.

use std::collections::BTreeSet;

use super::cursors::transactions;
use super::items::keep_latest;
use super::{GroupItem, Write};
use crate::ids::Group;

/// Of `versions`, which two events have, those that the group's item does not name; each once, in order.
pub(super) fn new_pairs(item: &GroupItem, versions: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let new: BTreeSet<i64> = versions.into_iter().filter(|version| !item.pairs.contains(version)).collect();
    new.into_iter().collect()
}

/// The writes after which the group's item names `versions`, which two events have, and those that it did not name before;
/// `None` if there are none of these.
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
    keep_latest(&mut after.pairs, new.iter().copied());
    let transactions = transactions(group, item, false, after, Vec::new());
    Some((transactions, new))
}
