//! A replay of one client in one group.

use super::cursors::behind;
use super::{ClientId, Cursor, GroupItem, Repetition, Write, WriteCount};
use crate::ids::{Group, ReplayId};
use crate::time::Timestamp;

/// One transaction that makes `client` get `group` again, from version `from` up to all that it has: nothing to write
/// if it has less. `item` must account for the registry's revision, and `cursor` be what was read with it.
///
/// It is unknown what a client has that is behind without a cursor: it gets one that says nothing, and all of the
/// group.
///
/// If it is unknown whether it was written, it is asked for again under another id: the first may have run, and SQS
/// would swallow what is sent again under its id.
#[expect(
    clippy::too_many_arguments,
    reason = "what was read, what is asked for, and what a function cannot make"
)]
pub fn replay(
    group: &Group,
    item: &GroupItem,
    client: ClientId,
    cursor: Option<&Cursor>,
    from: i64,
    first_version: i64,
    id: &ReplayId,
    now: Timestamp,
    fresh: &mut dyn FnMut() -> u64,
) -> Vec<Write> {
    let of_this_incarnation = cursor.filter(|cursor| cursor.incarnation_number == item.incarnation_number);
    let is_lost = cursor.is_none() && item.behind.contains(&client);
    let (has, last, at) = if item.behind.contains(&client) {
        let has = of_this_incarnation.map_or(first_version - 1, |cursor| cursor.position);
        let last = of_this_incarnation.and_then(|cursor| cursor.last);
        (has, last, cursor.map_or(now, |cursor| cursor.at))
    } else {
        (item.version, item.sent.of(client), now)
    };
    let repeated = of_this_incarnation.and_then(|cursor| cursor.replay.as_ref());
    let until = repeated.map_or(has, |repeated| repeated.until.max(has));
    let before = from.max(first_version) - 1;
    if before >= has && !is_lost {
        return Vec::new();
    }

    // Whoever has everything before `from` takes what comes then.
    let repeated = Cursor {
        write_count: WriteCount(fresh()),
        epoch: fresh(),
        incarnation_number: item.incarnation_number,
        position: before.min(has),
        last: last.min((before >= first_version).then_some(before)),
        replay: (!is_lost).then(|| Repetition { id: id.clone(), until }),
        at,
        unknown: cursor.map(|cursor| cursor.unknown.clone()).unwrap_or_default(),
    };
    behind(group, item, client, cursor, repeated)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ids::{IncarnationToken, Key};
    use crate::ledger::{Condition, First, Item, ItemKey, LastSent};

    const CLIENT: ClientId = ClientId(7);

    fn item(version: i64, is_behind: bool) -> GroupItem {
        GroupItem {
            write_count: WriteCount(40),
            version,
            behind: BTreeSet::from_iter([ClientId(3)].into_iter().chain(is_behind.then_some(CLIENT))),
            revision: 2,
            sent: LastSent::default(),
            incarnation_number: 2,
            token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
            first: First { identity: Key::S("1".to_owned()).into(), version: 1 },
            time: None,
            streamed_at: None,
            key: Key::S("a".to_owned()),
            holes: vec![4],
            pairs: Vec::new(),
            unknown: [].into(),
        }
    }

    fn cursor(incarnation_number: u64, position: i64, until: i64) -> Cursor {
        let id = ReplayId::try_new("before").unwrap();
        let replay = (until > 0).then_some(Repetition { id, until });
        Cursor {
            write_count: WriteCount(900),
            epoch: 5,
            incarnation_number,
            position,
            last: None,
            replay,
            at: Timestamp::from_millis(1),
            unknown: [].into(),
        }
    }

    /// The cursor that is written, as `position`, `replay_until`, and when it became behind; `None` if none is written.
    fn check(version: i64, cursor: Option<Cursor>, from: i64, expected: Option<(i64, i64, u64)>) {
        let (group, id) = (Group::of(&Key::S("a".to_owned())), ReplayId::try_new("r-1").unwrap());
        let item = item(version, cursor.is_some());
        let mut last = 1_000;
        let mut fresh = || {
            last += 1;
            last
        };
        let now = Timestamp::from_millis(9);
        let writes = replay(&group, &item, CLIENT, cursor.as_ref(), from, 1, &id, now, &mut fresh);
        let Some((position, until, at)) = expected else { return assert_eq!(writes, []) };

        let mut behind = item.clone();
        behind.write_count = WriteCount(41);
        behind.behind.insert(CLIENT);
        let (at, replay) = (Timestamp::from_millis(at), Some(Repetition { id, until }));
        let repeated = Cursor {
            write_count: WriteCount(1_001),
            epoch: 1_002,
            incarnation_number: 2,
            position,
            last: None,
            replay,
            at,
            unknown: [].into(),
        };
        let expected = [
            Write {
                key: ItemKey::Group(group.clone()),
                condition: Condition::WriteCount(WriteCount(40)),
                item: Some(Item::Group(Box::new(behind))),
            },
            Write {
                key: ItemKey::Cursor(CLIENT, group),
                condition: cursor
                    .map_or(Condition::Absent, |cursor| Condition::WriteCount(cursor.write_count)),
                item: Some(Item::Cursor(repeated)),
            },
        ];
        assert_eq!(writes, expected);
    }

    #[test]
    fn an_up_to_date_client_gets_everything_up_to_the_version_again() {
        check(9, None, 1, Some((0, 9, 9)));
        check(9, None, 0, Some((0, 9, 9)));
        check(9, None, 9, Some((8, 9, 9)));
        check(9, None, 10, None);
        check(9, None, i64::MAX, None);
        check(0, None, 1, None);
    }

    #[test]
    fn a_client_that_is_behind_gets_what_it_has_again_and_then_goes_on() {
        check(9, Some(cursor(2, 5, 0)), 3, Some((2, 5, 1)));
        check(9, Some(cursor(2, 5, 0)), 5, Some((4, 5, 1)));
        check(9, Some(cursor(2, 5, 0)), 6, None);
        check(9, Some(cursor(2, 0, 0)), 1, None);
    }

    #[test]
    fn a_replay_within_a_replay_repeats_what_the_first_had_still_to_repeat() {
        check(9, Some(cursor(2, 5, 8)), 3, Some((2, 8, 1)));
        // The first replay still brings these.
        check(9, Some(cursor(2, 5, 8)), 7, None);
    }

    #[test]
    fn of_an_older_incarnation_the_client_has_nothing() {
        check(9, Some(cursor(1, 5, 8)), 1, None);
    }

    #[test]
    fn a_client_that_is_behind_without_a_cursor_gets_one_and_everything() {
        for from in [1, 5, 9, 10] {
            let (group, id) = (Group::of(&Key::S("a".to_owned())), ReplayId::try_new("r-1").unwrap());
            let now = Timestamp::from_millis(9);
            let item = item(9, true);
            let writes = replay(&group, &item, CLIENT, None, from, 1, &id, now, &mut || 7);
            let [raised, Write { key, condition, item: Some(Item::Cursor(cursor)) }] = writes.as_slice()
            else {
                panic!("{writes:?}")
            };
            assert_eq!(raised.condition, Condition::WriteCount(WriteCount(40)));
            assert_eq!(key, &ItemKey::Cursor(CLIENT, group));
            assert_eq!(*condition, Condition::Absent);
            assert_eq!((cursor.incarnation_number, cursor.position, &cursor.replay), (2, 0, &None));
            assert_eq!(cursor.at, now);
        }
    }
}
