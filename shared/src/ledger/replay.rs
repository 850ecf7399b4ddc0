//! A replay of one client in one group.

use super::cursors::behind;
use super::times::UNRECORDED;
use super::{ClientId, Cursor, GroupItem, Hold, LastVersion, Repetition, Write, WriteCount};
use crate::ids::{Group, ReplayId};
use crate::time::Timestamp;

/// One transaction that makes `client` get `group` again, from version `from` up to all that it has: nothing to write
/// if it has less. `item` must account for the registry's revision, and `cursor` be what was read with it.
///
/// It is unknown what a client has that is behind without a cursor: it gets one that says nothing, and all of the
/// group.
///
/// A group that is held stays so.
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
    let known = KnownPosition::of(item, client, cursor, first_version);
    let before = from.max(first_version) - 1;
    if before >= known.has && !known.is_lost {
        return Vec::new();
    }
    let settles_at = known.repeated.and_then(|repeated| repeated.settles_at);
    let replay = (!known.is_lost).then(|| Repetition { id: id.clone(), until: known.until(), settles_at });
    let hold = cursor.and_then(|cursor| cursor.hold.clone());
    behind(group, item, client, cursor, known.back_to(before, replay, hold, now, fresh))
}

/// One transaction that makes `client` get `group` again from version `from` on, because its consumer saw that something is
/// missing there. The same as a [`replay`], but that the consumer has acknowledged without effect what came meanwhile: also
/// what a sender sent that died before it recorded it. So for as long as SQS would swallow that, everything is repeated.
#[expect(
    clippy::too_many_arguments,
    reason = "what was read, what is asked for, and what a function cannot make"
)]
pub fn close_gap(
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
    let known = KnownPosition::of(item, client, cursor, first_version);
    let replay = known.all_that_was_sent(id, now);
    let hold = cursor.and_then(|cursor| cursor.hold.clone());
    let before = from.max(first_version) - 1;
    behind(group, item, client, cursor, known.back_to(before, Some(replay), hold, now, fresh))
}

/// What the ledger knows of how far a client got in a group.
pub(super) struct KnownPosition<'c> {
    incarnation_number: u64,
    cursor: Option<&'c Cursor>,
    /// What is repeated, if something of this incarnation is.
    repeated: Option<&'c Repetition>,
    /// The client has everything up to it, as far as is known.
    pub(super) has: i64,
    /// What it was sent last.
    last: LastVersion,
    /// Whether its cursor is lost, so that it is unknown what it has.
    is_lost: bool,
}

impl<'c> KnownPosition<'c> {
    /// By `item` and the `cursor` that was read with it.
    pub(super) fn of(
        item: &GroupItem,
        client: ClientId,
        cursor: Option<&'c Cursor>,
        first_version: i64,
    ) -> Self {
        let current = cursor.filter(|cursor| cursor.incarnation_number == item.incarnation_number);
        let is_behind = item.behind.contains(&client);
        let (has, last) = if is_behind {
            let has = current.map_or(first_version - 1, |cursor| cursor.position);
            // What a client was sent is unknown if its cursor is lost.
            let last = cursor.map_or(Some(first_version - 1), |_| current.and_then(|cursor| cursor.last));
            (has, last)
        } else {
            (item.version, item.sent.of(client))
        };
        Self {
            incarnation_number: item.incarnation_number,
            cursor,
            repeated: current.and_then(|cursor| cursor.replay.as_ref()),
            has,
            last,
            is_lost: is_behind && cursor.is_none(),
        }
    }

    /// Up to which version the client may have events: what comes of them is a repetition.
    pub(super) fn until(&self) -> i64 {
        self.repeated.map_or(self.has, |repeated| repeated.until.max(self.has))
    }

    /// The repetition, under `id`, of everything that any sender may have sent to the client before `now`, recorded or not.
    pub(super) fn all_that_was_sent(&self, id: &ReplayId, now: Timestamp) -> Repetition {
        Repetition { id: id.clone(), until: self.until(), settles_at: Some(now.plus(UNRECORDED)) }
    }

    /// A cursor that begins another epoch after version `before`, or after what the client has if that is less.
    pub(super) fn back_to(
        &self,
        before: i64,
        replay: Option<Repetition>,
        hold: Option<Hold>,
        now: Timestamp,
        fresh: &mut dyn FnMut() -> u64,
    ) -> Cursor {
        Cursor {
            write_count: WriteCount(fresh()),
            epoch: fresh(),
            incarnation_number: self.incarnation_number,
            position: before.min(self.has),
            // A client that has everything up to `before` takes what comes then.
            last: self.last.min(Some(before)),
            replay,
            at: self.cursor.map_or(now, |cursor| cursor.at),
            hold,
            unknown: self.cursor.map(|cursor| cursor.unknown.clone()).unwrap_or_default(),
        }
    }
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
            closed: None,
            unknown: [].into(),
        }
    }

    fn cursor(incarnation_number: u64, position: i64, until: i64) -> Cursor {
        let id = ReplayId::try_new("before").unwrap();
        let replay = (until > 0).then_some(Repetition { id, until, settles_at: None });
        Cursor {
            write_count: WriteCount(900),
            epoch: 5,
            incarnation_number,
            position,
            last: None,
            replay,
            at: Timestamp::from_millis(1),
            hold: None,
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
        let (at, replay) = (Timestamp::from_millis(at), Some(Repetition { id, until, settles_at: None }));
        let repeated = Cursor {
            write_count: WriteCount(1_001),
            epoch: 1_002,
            incarnation_number: 2,
            position,
            last: None,
            replay,
            at,
            hold: None,
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
            assert_eq!(cursor.last, Some(0), "it may have been sent something");
            assert_eq!(cursor.at, now);
        }
    }

    #[test]
    fn what_was_sent_last_is_before_what_is_repeated_and_nothing_stays_nothing() {
        let last = |sent: LastVersion, from: i64| {
            let (group, id) = (Group::of(&Key::S("a".to_owned())), ReplayId::try_new("r-1").unwrap());
            let item = GroupItem { sent: LastSent::new(sent, []), ..item(9, false) };
            let now = Timestamp::from_millis(9);
            let writes = replay(&group, &item, CLIENT, None, from, 1, &id, now, &mut || 7);
            let Some(Write { item: Some(Item::Cursor(cursor)), .. }) = writes.last() else { panic!() };
            cursor.last
        };
        assert_eq!(
            [last(Some(8), 1), last(Some(8), 4), last(Some(2), 4), last(None, 4)],
            [Some(0), Some(3), Some(2), None]
        );
    }
}
