//! Who is served is settled in a group before anything of it is sent.

use std::collections::BTreeMap;

use super::cursors::{CursorWrite, forget, transactions};
use super::{
    ClientId, Cursor, EventTime, First, GroupItem, LastSent, Registration, Registry, RowHead, State, Write,
    WriteCount, lowest_event,
};
use crate::ids::{Group, IncarnationToken, Key};
use crate::time::Timestamp;

/// What must be written so that `item` accounts for the revision of `registry`; empty if it does.
///
/// Every client that joined since and wants history gets behind from the first version, the other new ones are up to
/// date from here; clients that retired leave `behind` with their cursors. `retired` holds the cursors of those, `None`
/// for one that is missing; a client that is not in it stays. With `is_new` there is no item yet and `item` is the
/// first one.
///
/// The transactions are written in order, each on condition that the one before it was.
#[expect(
    clippy::too_many_arguments,
    reason = "what was read, what the source says, and what a function cannot make"
)]
pub fn adopt(
    group: &Group,
    item: &GroupItem,
    is_new: bool,
    registry: &Registry,
    first_version: i64,
    retired: &BTreeMap<ClientId, Option<Cursor>>,
    now: Timestamp,
    fresh: &mut dyn FnMut() -> u64,
) -> Vec<Vec<Write>> {
    if !is_new && item.revision >= registry.revision {
        return Vec::new();
    }
    let mut after = GroupItem { revision: registry.revision, ..item.clone() };
    let mut cursors = Vec::new();
    for client in leaving(item, registry) {
        match retired.get(&client) {
            Some(Some(cursor)) => cursors.push(CursorWrite::retire(client, cursor)),
            Some(None) => forget(&mut after, client),
            None => {}
        }
    }
    for client in joining(item, registry, first_version) {
        cursors.push(CursorWrite::new(client, item.incarnation_number, first_version - 1, None, now, fresh));
    }
    after.sent = sent_to_served(item, registry);
    transactions(group, item, is_new, after, cursors)
}

/// What was sent last to those that are served: nothing to whoever joined since.
fn sent_to_served(item: &GroupItem, registry: &Registry) -> LastSent {
    let served = registry.clients.values().filter(|client| client.state != State::Retired);
    let up_to_date = served.filter(|client| !item.behind.contains(&client.id));
    let own = up_to_date
        .map(|client| (client.id, if client.since > item.revision { None } else { item.sent.of(client.id) }));
    LastSent::new(item.sent.last(), own)
}

/// The clients in `behind` that are served no more: their cursors go when the group is adopted.
pub fn leaving(item: &GroupItem, registry: &Registry) -> Vec<ClientId> {
    let is_served = |client| {
        registry.client(client).is_some_and(|(_, registration)| registration.state != State::Retired)
    };
    item.behind.iter().copied().filter(|client| !is_served(*client)).collect()
}

/// Whether a scan can answer for a group that the ledger does not know, of which the table has these `rows`: every
/// event's time can be read, and no version is missing from `first_version` up to the highest.
///
/// Only the fan-out, under the group's lock, makes an item of any other. It waits for what is missing, which may become
/// readable in a moment, whatever the events' own times say.
pub fn is_whole(rows: &[RowHead], first_version: i64) -> bool {
    let mut versions: Vec<i64> = rows.iter().filter_map(|row| row.version).collect();
    versions.sort_unstable();
    versions.dedup();
    let has_hole = versions.iter().zip(first_version..).any(|(version, expected)| *version != expected);
    let has_times = rows.iter().filter(|row| row.version.is_some()).all(|row| row.time.is_some());
    has_times && !has_hole
}

/// How many versions a stream may be behind with, as far as that matters where events have no times.
const REVERSED_LIMIT: i64 = 10;

/// The item of a group at first sight, from the table's `rows`, newest first; `None` if they have no event of it.
///
/// `version` is below the lowest event whose time is not before `start`; if all are older, it is the highest. An event
/// whose time cannot be read is old, unless its version is above `shown`, the lowest that the stream has shown, or at
/// most `REVERSED_LIMIT` below: a stream can show so many events later. The item's revision is 0, so that [`adopt`]
/// then applies the registry.
pub fn baseline<'r>(
    key: &Key,
    rows: impl IntoIterator<Item = &'r RowHead>,
    start: Timestamp,
    shown: Option<i64>,
) -> Option<GroupItem> {
    let mut events: Vec<(i64, &RowHead)> =
        rows.into_iter().filter_map(|row| Some((row.version?, row))).collect();
    let (lowest, first) = lowest_event(events.iter().map(|(_, row)| *row))?;
    events.sort_by_key(|(version, _)| *version);
    let (highest, _) = *events.last()?;
    let is_young = |version: i64, time: Option<EventTime>| match time {
        Some(_) => !is_old(time, start),
        None => shown.is_some_and(|shown| version.saturating_add(REVERSED_LIMIT) >= shown),
    };
    let young = events.iter().find(|(version, row)| is_young(*version, row.time));
    let version = young.map_or(highest, |(young, _)| young.saturating_sub(1));
    let covered = events.iter().take_while(|(covered, _)| *covered <= version);
    Some(GroupItem {
        version,
        time: covered.filter_map(|(_, row)| row.time).max(),
        ..unseen(key, First { identity: first.identity.clone(), version: lowest })
    })
}

/// Whether an event of this time was there before the ledger; if that is unknown, it was not.
pub(super) fn is_old(time: Option<EventTime>, start: Timestamp) -> bool {
    time.is_some_and(|time| time < EventTime::from(start))
}

/// A group of which nothing was sent yet, before anything about it is written.
pub(super) fn unseen(key: &Key, first: First) -> GroupItem {
    GroupItem {
        write_count: WriteCount(0),
        version: first.version.saturating_sub(1),
        behind: [].into(),
        sent: LastSent::default(),
        revision: 0,
        incarnation_number: 1,
        token: IncarnationToken::new(key, &first.identity, 1, None),
        first,
        time: None,
        streamed_at: None,
        key: key.clone(),
        holes: Vec::new(),
        pairs: Vec::new(),
        closed: None,
        unknown: [].into(),
    }
}

/// The clients that are behind from the first version because they joined since and want everything.
fn joining(item: &GroupItem, registry: &Registry, first_version: i64) -> Vec<ClientId> {
    // Of an erased aggregate there is nothing to send.
    if item.version < first_version || item.closed.is_some() {
        return Vec::new();
    }
    let joins = |client: &&Registration| {
        client.state != State::Retired
            && client.history
            && client.since > item.revision
            && !item.behind.contains(&client.id)
    };
    registry.clients.values().filter(joins).map(|client| client.id).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::ids::EventIdentity;

    fn identity(sort: &str) -> EventIdentity {
        Key::S(sort.to_owned()).into()
    }

    /// `3@5` is version 3 at second 5; `3` is at second 3; the time of `3?` cannot be read; `?` has no version. The
    /// ledger starts at second 3.
    fn check_baseline(rows: &str, shown: Option<i64>, expected: &Expect) {
        let second = |text: &str| {
            let second = Timestamp::from_millis(text.parse::<u64>().unwrap() * 1_000);
            EventTime::from(second)
        };
        let row = |(number, text): (usize, &str)| {
            let (version, time) = text.split_once('@').unwrap_or((text, text));
            let time = (!text.ends_with('?')).then(|| second(time));
            let version = version.trim_end_matches('?').parse().ok();
            RowHead { identity: identity(&format!("#{number}")), version, time }
        };
        let mut rows: Vec<RowHead> = rows.split_whitespace().enumerate().map(row).collect();
        rows.reverse();
        let item = baseline(&Key::S("a".to_owned()), &rows, Timestamp::from_millis(3_000), shown);
        let shown = item.map(|item| {
            let Key::S(first) = &item.first.identity.sort else { panic!() };
            let seconds = item.time.map(|time| time.as_nanos() / 1_000_000_000);
            format!("v{} at {seconds:?}, first {} {first}", item.version, item.first.version)
        });
        expected.assert_eq(&shown.unwrap_or("no event".to_owned()));
    }

    /// `3` is an event, `3?` is one whose time cannot be read, `?` is no event.
    fn check_whole(rows: &str, expected: bool) {
        let row = |text: &str| {
            let time = (!text.ends_with('?')).then(|| EventTime::from(Timestamp::from_millis(1)));
            let version = text.trim_end_matches('?').parse().ok();
            RowHead { identity: identity("1"), version, time }
        };
        let mut rows: Vec<RowHead> = rows.split_whitespace().map(row).collect();
        assert_eq!(is_whole(&rows, 1), expected, "{rows:?}");
        rows.reverse();
        assert_eq!(is_whole(&rows, 1), expected, "{rows:?}");
    }

    #[test]
    fn a_scan_answers_for_a_group_without_a_hole_and_with_times() {
        check_whole("", true);
        check_whole("?", true);
        check_whole("1 2 3", true);
        check_whole("1 2 2 3 ?", true);
        check_whole("2", false);
        check_whole("2 3", false);
        check_whole("1 3", false);
        check_whole("1 3 3", false);
        check_whole("1 2?", false);
        check_whole("1? 2", false);
    }

    #[test]
    fn the_baseline_is_below_the_lowest_event_that_is_not_old() {
        check_baseline("", None, &expect!["no event"]);
        check_baseline("?", None, &expect!["no event"]);
        check_baseline("1 2 3 4", None, &expect!["v2 at Some(2), first 1 #0"]);
        check_baseline("1 2", None, &expect!["v2 at Some(2), first 1 #0"]);
        check_baseline("5 6", None, &expect!["v4 at None, first 5 #0"]);
        check_baseline("1@1 2@4 3@2 4@5", None, &expect!["v1 at Some(1), first 1 #0"]);
        // Of an event without a time, only the stream shows that it is new.
        check_baseline("1 2? 3", None, &expect!["v2 at Some(1), first 1 #0"]);
        check_baseline("1? 2? 3?", None, &expect!["v3 at None, first 1 #0"]);
        check_baseline("1? 2? 3?", Some(3), &expect!["v0 at None, first 1 #0"]);
        check_baseline("11? 12? 13? 21? 22? 23? 24?", Some(23), &expect!["v12 at None, first 11 #0"]);
        check_baseline("11? 12? 13? 21? 22? 23@1 24@1", Some(23), &expect!["v12 at None, first 11 #0"]);
        check_baseline("11? 12? 13? 14@4 15@4", Some(90), &expect!["v13 at None, first 11 #0"]);
        check_baseline("1@1 5@2 9@4", None, &expect!["v8 at Some(2), first 1 #0"]);
        check_baseline("2@1 1@2 3@3", None, &expect!["v2 at Some(2), first 1 #1"]);
    }
}
