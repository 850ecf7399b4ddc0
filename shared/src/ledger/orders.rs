//! What operators order: a replay of one client in one group.

use super::{ClientId, Condition, GroupItem, Item, ItemKey, Marker, Rev, Write};
use crate::ids::{Group, ReplayId};
use crate::time::Timestamp;

/// One transaction that makes `client` get `group` again, from version `from` up to all that it has: nothing to write
/// if it has less. `item` must account for the control item's edition, and `marker` be what was read with it.
///
/// Nobody knows what a client has that is behind without a marker: it gets one that says nothing, and all of the group.
///
/// If nobody knows whether it was written, it is ordered again under another id: the first may have run, and SQS would
/// swallow what is sent again under its id.
#[expect(
    clippy::too_many_arguments,
    reason = "what was read, what is ordered, and what a function cannot make"
)]
pub fn replay(
    group: &Group,
    item: &GroupItem,
    client: ClientId,
    marker: Option<&Marker>,
    from: u64,
    id: &ReplayId,
    now: Timestamp,
    fresh: &mut dyn FnMut() -> u64,
) -> Vec<Write> {
    let of_this_life = marker.filter(|marker| marker.life == item.life);
    let is_lost = marker.is_none() && item.behind.contains(&client);
    let (has, again, at) = if item.behind.contains(&client) {
        let (has, again) = of_this_life.map_or((0, 0), |marker| (marker.have, marker.again));
        (has, again, marker.map_or(now, |marker| marker.at))
    } else {
        (item.version, 0, now)
    };
    let before = from.saturating_sub(1);
    if before >= has && !is_lost {
        return Vec::new();
    }

    let mut behind = item.clone();
    behind.rev = Rev(item.rev.0.wrapping_add(1));
    behind.behind.insert(client);
    let repeated = Marker {
        rev: Rev(fresh()),
        spell: fresh(),
        life: item.life,
        have: before.min(has),
        again: again.max(has),
        replay: (!is_lost).then(|| id.clone()),
        at,
    };
    vec![
        Write {
            key: ItemKey::Group(group.clone()),
            condition: Condition::Rev(item.rev),
            item: Some(Item::Group(Box::new(behind))),
        },
        Write {
            key: ItemKey::Marker(client, group.clone()),
            condition: marker.map_or(Condition::Absent, |marker| Condition::Rev(marker.rev)),
            item: Some(Item::Marker(repeated)),
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ids::Key;
    use crate::ledger::First;

    const CLIENT: ClientId = ClientId(7);

    fn item(version: u64, is_behind: bool) -> GroupItem {
        GroupItem {
            rev: Rev(40),
            version,
            behind: BTreeSet::from_iter([ClientId(3)].into_iter().chain(is_behind.then_some(CLIENT))),
            edition: 2,
            life: 2,
            first: First { sort: Key::S("1".to_owned()), version: 1 },
            time: None,
            key: Key::S("a".to_owned()),
            holes: vec![4],
        }
    }

    fn marker(life: u64, have: u64, again: u64) -> Marker {
        let replay = (again > 0).then(|| ReplayId::try_new("before").unwrap());
        Marker { rev: Rev(900), spell: 5, life, have, again, replay, at: Timestamp::from_millis(1) }
    }

    /// The marker that is written, as `have`, `again`, and when it became behind; `None` if nothing is.
    fn check(version: u64, marker: Option<Marker>, from: u64, expected: Option<(u64, u64, u64)>) {
        let (group, id) = (Group::of(&Key::S("a".to_owned())), ReplayId::try_new("r-1").unwrap());
        let item = item(version, marker.is_some());
        let mut given = 1_000;
        let mut fresh = || {
            given += 1;
            given
        };
        let now = Timestamp::from_millis(9);
        let writes = replay(&group, &item, CLIENT, marker.as_ref(), from, &id, now, &mut fresh);
        let Some((have, again, at)) = expected else { return assert_eq!(writes, []) };

        let mut behind = item.clone();
        behind.rev = Rev(41);
        behind.behind.insert(CLIENT);
        let (at, replay) = (Timestamp::from_millis(at), Some(id));
        let repeated = Marker { rev: Rev(1_001), spell: 1_002, life: 2, have, again, replay, at };
        let expected = [
            Write {
                key: ItemKey::Group(group.clone()),
                condition: Condition::Rev(Rev(40)),
                item: Some(Item::Group(Box::new(behind))),
            },
            Write {
                key: ItemKey::Marker(CLIENT, group),
                condition: marker.map_or(Condition::Absent, |marker| Condition::Rev(marker.rev)),
                item: Some(Item::Marker(repeated)),
            },
        ];
        assert_eq!(writes, expected);
    }

    #[test]
    fn a_level_client_gets_all_up_to_the_version_again() {
        check(9, None, 1, Some((0, 9, 9)));
        check(9, None, 0, Some((0, 9, 9)));
        check(9, None, 9, Some((8, 9, 9)));
        check(9, None, 10, None);
        check(9, None, u64::MAX, None);
        check(0, None, 1, None);
    }

    #[test]
    fn a_client_that_is_behind_gets_what_it_has_again_and_then_goes_on() {
        check(9, Some(marker(2, 5, 0)), 3, Some((2, 5, 1)));
        check(9, Some(marker(2, 5, 0)), 5, Some((4, 5, 1)));
        check(9, Some(marker(2, 5, 0)), 6, None);
        check(9, Some(marker(2, 0, 0)), 1, None);
    }

    #[test]
    fn a_replay_within_a_replay_repeats_what_the_first_had_still_to_repeat() {
        check(9, Some(marker(2, 5, 8)), 3, Some((2, 8, 1)));
        // What is left of the first brings these anyway.
        check(9, Some(marker(2, 5, 8)), 7, None);
    }

    #[test]
    fn of_an_older_life_the_client_has_nothing() {
        check(9, Some(marker(1, 5, 8)), 1, None);
    }

    #[test]
    fn a_client_that_is_behind_without_a_marker_gets_one_and_everything() {
        for from in [1, 5, 9, 10] {
            let (group, id) = (Group::of(&Key::S("a".to_owned())), ReplayId::try_new("r-1").unwrap());
            let now = Timestamp::from_millis(9);
            let item = item(9, true);
            let writes = replay(&group, &item, CLIENT, None, from, &id, now, &mut || 7);
            let [raised, Write { key, condition, item: Some(Item::Marker(marker)) }] = writes.as_slice()
            else {
                panic!("{writes:?}")
            };
            assert_eq!(raised.condition, Condition::Rev(Rev(40)));
            assert_eq!(key, &ItemKey::Marker(CLIENT, group));
            assert_eq!(*condition, Condition::Absent);
            assert_eq!((marker.life, marker.have, marker.again, &marker.replay), (2, 0, 0, &None));
            assert_eq!(marker.at, now);
        }
    }
}
