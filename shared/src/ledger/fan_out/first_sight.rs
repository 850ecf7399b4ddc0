//! The fan-out meets a group that the ledger does not know: what of it is older than the ledger.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Arrival, Decision, DroppedVersions, GroupKnowledge, Holes, LookUp, PriorWrite, before_sending, resent,
    shows,
};
use crate::ledger::adopt::{is_old, unseen};
use crate::ledger::{First, GroupItem, Registry, RowHead, adopt, baseline, plausible};
use crate::time::Timestamp;

/// The group's item is written before anything is sent.
pub(super) fn first_sight(
    known: &GroupKnowledge<'_>,
    registry: &Registry,
    fresh: &mut dyn FnMut() -> u64,
) -> Decision {
    let Some(lowest) = known.arrivals.iter().min_by_key(|arrival| arrival.version) else {
        return Decision::Acknowledge(DroppedVersions::default());
    };
    // What the stream shows is new. What reconcile or an operator sends can be older than the ledger.
    let is_new = lowest.time.is_some() && !is_old(lowest.time, registry.start);
    if lowest.version == known.first_version && (lowest.written.is_some() || is_new) {
        let item = unseen(known.key, First { identity: lowest.identity.clone(), version: lowest.version });
        return first_item(known, registry, &item, &[], fresh);
    }
    let Some(rows) = &known.answers.whole else { return Decision::LookUp(LookUp::Whole) };
    let (there, gone): (Vec<&Arrival>, Vec<&Arrival>) =
        known.arrivals.iter().partition(|arrival| shows(rows, arrival));
    let plausible = plausible::highest(rows.iter().filter_map(|row| row.version), &resent(&there));
    let (there, implausible): (Vec<&Arrival>, Vec<&Arrival>) =
        there.into_iter().partition(|arrival| arrival.version <= plausible);
    let Some(top) = there.iter().map(|arrival| arrival.version).max() else {
        return Decision::reject(implausible, plausible)
            .unwrap_or_else(|| Decision::Acknowledge(DroppedVersions::erased(known.arrivals)));
    };
    let holes = Holes::between(known.first_version - 1, top, rows.iter().filter_map(|row| row.version));
    if let Some(young) = holes.young(&there, known.arrivals, known.now) {
        return Decision::ReturnSoon(young);
    }
    let reach = reach(rows, &there, top).min(plausible);
    let covered = rows.iter().filter(|row| row.version.is_some_and(|version| version <= reach));
    let streamed = there.iter().filter(|arrival| arrival.written.is_some());
    let shown = streamed.map(|arrival| arrival.version).min();
    match baseline(known.key, covered, registry.start, shown) {
        Some(item) => {
            let item = below_what_is_streamed(item, shown, &there, registry.start);
            first_item(known, registry, &item, &gone, fresh)
        }
        None => Decision::Acknowledge(DroppedVersions::erased(known.arrivals)),
    }
}

/// The highest version that a first sight may cover: nothing above a hole above `top`, the highest that came, because
/// nothing waited for that one. What an operator sends again can be anywhere in an old group, and covers all of it.
fn reach(rows: &[RowHead], there: &[&Arrival], top: i64) -> i64 {
    if there.iter().any(|arrival| arrival.replay.is_some()) {
        return i64::MAX;
    }
    let above: BTreeSet<i64> =
        rows.iter().filter_map(|row| row.version).filter(|version| *version > top).collect();
    let next = above.into_iter().zip(top.saturating_add(1)..);
    next.take_while(|(version, next)| version == next).last().map_or(top, |(version, _)| version)
}

/// A baseline that covers nothing that the stream shows, of which `shown` is the lowest version. Where an event was
/// written after `start` and has an older time, times do not tell what is old (an import, say): nothing is then.
fn below_what_is_streamed(
    item: GroupItem,
    shown: Option<i64>,
    there: &[&Arrival],
    start: Timestamp,
) -> GroupItem {
    let Some(lowest) = shown else { return item };
    let is_back_dated = |arrival: &&&Arrival| {
        arrival.written.is_some_and(|written| written >= start) && is_old(arrival.time, start)
    };
    let below = if there.iter().any(|arrival| is_back_dated(&arrival)) { item.first.version } else { lowest };
    if item.version < below {
        return item;
    }
    GroupItem { version: below.saturating_sub(1), time: None, streamed_at: None, ..item }
}

/// The item at first sight, which accounts for the registry from the beginning. The events of `gone` are erased.
fn first_item(
    known: &GroupKnowledge<'_>,
    registry: &Registry,
    item: &GroupItem,
    gone: &[&Arrival],
    fresh: &mut dyn FnMut() -> u64,
) -> Decision {
    let transactions =
        adopt(known.group, item, true, registry, known.first_version, &BTreeMap::new(), known.now, fresh);
    let settled = gone.iter().map(|arrival| arrival.number).collect();
    let dropped = DroppedVersions::erased(gone.iter().copied());
    Decision::Write(PriorWrite { settled, dropped, ..before_sending(transactions, "first sight") })
}
