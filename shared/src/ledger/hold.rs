//! A group is held for a client: nothing of it is sent until it is released.
//!
//! A hold from version V is a replay from V that waits. So what lies in the client's queue behind V, and is acknowledged
//! without effect by whatever delivers from there, comes again after the release, in order.

use super::catch_up::Task;
use super::cursors::{behind, progress};
use super::replay::KnownPosition;
use super::{ClientId, Cursor, GroupItem, Hold, SKIPPED_LIMIT, SkippedEvent, Write, WriteCount};
use crate::ids::{Group, ReplayId};

/// One transaction that makes `client` get nothing of `group` until it is released, and then everything from version
/// `from` on, or from what it has not, if that is less or `from` is `None`. `item` must account for the registry's
/// revision, and `cursor` be what was read with it.
///
/// Everything up to what any sender may have sent is a repetition then, under the id of the hold.
#[expect(
    clippy::too_many_arguments,
    reason = "what was read, what is asked for, and what a function cannot make"
)]
pub fn hold(
    group: &Group,
    item: &GroupItem,
    client: ClientId,
    cursor: Option<&Cursor>,
    from: Option<i64>,
    first_version: i64,
    id: &ReplayId,
    hold: Hold,
    fresh: &mut dyn FnMut() -> u64,
) -> Vec<Write> {
    let known = KnownPosition::of(item, client, cursor, first_version);
    let before = from.map_or(known.has, |from| from.max(first_version) - 1);
    let now = hold.since;
    let replay = known.all_that_was_sent(id, now);
    let hold = match cursor.and_then(|cursor| cursor.hold.as_ref()) {
        Some(earlier) => Hold { since: earlier.since, skipped: earlier.skipped.clone(), ..hold },
        None => hold,
    };
    let held = known.back_to(before, Some(replay), Some(hold), now, fresh);
    behind(group, item, client, cursor, held)
}

/// One write after which catch-up sends what the client lacks, from the front.
pub fn release(
    group: &Group,
    client: ClientId,
    cursor: &Cursor,
    fresh: &mut dyn FnMut() -> u64,
) -> Vec<Write> {
    let released = Cursor { write_count: WriteCount(fresh()), hold: None, ..cursor.clone() };
    progress(group, client, cursor, released)
}

/// One write after which the client of a held group is not sent `version`, which must be the next that it wants. `None` if
/// the group is not held.
///
/// What it was sent last stays what it was, so that it takes the event after it.
pub fn skip(task: &Task, version: i64, reason: &str, fresh: &mut dyn FnMut() -> u64) -> Option<Vec<Write>> {
    let mut hold = task.cursor.hold.clone()?;
    hold.skipped.push(SkippedEvent { version, reason: reason.to_owned() });
    let surplus = hold.skipped.len().saturating_sub(SKIPPED_LIMIT);
    drop(hold.skipped.drain(..surplus));
    let skipped = Cursor {
        write_count: WriteCount(fresh()),
        incarnation_number: task.item.incarnation_number,
        position: version,
        last: task.last(),
        replay: task.replay().cloned(),
        hold: Some(hold),
        ..task.cursor.clone()
    };
    Some(progress(&task.group, task.client, &task.cursor, skipped))
}
