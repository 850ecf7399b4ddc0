//! What becomes of a consumer's request for a replay: it is carried out, unless it changes nothing or comes too soon.

use std::time::Duration;

use super::attributes::Attributes;
use super::{ClientId, Cursor, GroupItem, WriteCount};
use crate::ids::Key;
use crate::time::Timestamp;

/// How many groups a client may have replayed in a minute, and at once after a quiet one. A replay reads and sends a group
/// from a version on: so many are a purged queue that fills within hours, and leave catch-up time for the other clients.
pub const REQUESTS_A_MINUTE: u32 = 100;

/// How long it takes until one more may be carried out.
const INTERVAL: Duration = Duration::from_millis(60_000 / REQUESTS_A_MINUTE as u64);

/// How many requests of a client may be carried out now. One item for each client that ever asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestAllowance {
    /// A fresh value at each write.
    pub write_count: WriteCount,
    /// So many were left, at most [`REQUESTS_A_MINUTE`].
    pub left: u32,
    /// At this instant.
    pub at: Timestamp,
    /// What another release wrote in this format, and is written back as it was read.
    pub unknown: Attributes,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestVerdict {
    /// It is a replay that [closes a gap](super::replay::close_gap) in the group with this key, once this allowance is
    /// written.
    CarryOut(Key, RequestAllowance),
    /// A replay that is still going on brings it.
    AlreadyOpen,
    /// The client has nothing of this incarnation yet.
    Nothing,
    /// The ledger does not know the group.
    UnknownGroup,
    /// The client has asked for as much as it may for now.
    TooSoon,
}

/// What becomes of `client`'s request for its events of a group from version `from` on. `item`, `cursor` and `allowance`
/// are what the ledger has of them; `fresh` is the write count of the allowance that is written.
pub fn request_verdict(
    item: Option<&GroupItem>,
    client: ClientId,
    cursor: Option<&Cursor>,
    allowance: Option<&RequestAllowance>,
    from: i64,
    now: Timestamp,
    fresh: u64,
) -> RequestVerdict {
    let Some(item) = item else { return RequestVerdict::UnknownGroup };
    let is_open = |cursor: &Cursor| {
        cursor.position < from && cursor.replay.as_ref().is_some_and(|replay| replay.repeats(from, now))
    };
    match cursor.filter(|_| item.behind.contains(&client)) {
        // It has nothing of this incarnation.
        Some(cursor) if cursor.incarnation_number != item.incarnation_number => {
            return RequestVerdict::Nothing;
        }
        Some(cursor) if is_open(cursor) => return RequestVerdict::AlreadyOpen,
        // What was not recorded can be missing, too.
        _ => {}
    }
    match RequestAllowance::now(allowance, now).one_less(fresh) {
        Some(less) => RequestVerdict::CarryOut(item.key.clone(), less),
        None => RequestVerdict::TooSoon,
    }
}

impl RequestAllowance {
    /// What is left `now` of what was left: one more for each [`INTERVAL`], up to a minute's.
    fn now(before: Option<&Self>, now: Timestamp) -> Self {
        let all = |write_count, unknown| Self { write_count, left: REQUESTS_A_MINUTE, at: now, unknown };
        let Some(before) = before else { return all(WriteCount(0), Attributes::new()) };
        let more = now.since(before.at).as_millis() / INTERVAL.as_millis();
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let left = before.left.saturating_add(more);
        if left >= REQUESTS_A_MINUTE {
            return all(before.write_count, before.unknown.clone());
        }
        // A part of an interval counts later.
        Self { left, at: before.at.plus(INTERVAL * more), ..before.clone() }
    }

    /// With one less; `None` if none is left.
    fn one_less(self, fresh: u64) -> Option<Self> {
        Some(Self { left: self.left.checked_sub(1)?, write_count: WriteCount(fresh), ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::RequestVerdict::{AlreadyOpen, CarryOut, Nothing, TooSoon, UnknownGroup};
    use super::*;
    use crate::ids::{IncarnationToken, ReplayId};
    use crate::ledger::{First, LastSent, Repetition};

    const CLIENT: ClientId = ClientId(2);
    const NOW: u64 = 1_000_000;

    /// A group at version 9, in its second incarnation.
    fn item(is_behind: bool) -> GroupItem {
        GroupItem {
            write_count: WriteCount(1),
            version: 9,
            behind: is_behind.then_some(CLIENT).into_iter().collect(),
            sent: LastSent::default(),
            revision: 1,
            incarnation_number: 2,
            token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
            first: First { identity: Key::S("1".to_owned()).into(), version: 1 },
            time: None,
            streamed_at: None,
            closed: None,
            key: Key::S("a".to_owned()),
            holes: Vec::new(),
            pairs: Vec::new(),
            unknown: [].into(),
        }
    }

    fn cursor(incarnation_number: u64, position: i64, replay_until: Option<i64>) -> Cursor {
        let id = ReplayId::try_new("r-1").unwrap();
        Cursor {
            write_count: WriteCount(1),
            epoch: 1,
            incarnation_number,
            position,
            last: None,
            replay: replay_until.map(|until| Repetition { id, until, settles_at: None }),
            at: Timestamp::from_millis(7),
            hold: None,
            unknown: [].into(),
        }
    }

    fn allowance(left: u32, at: u64) -> RequestAllowance {
        RequestAllowance {
            write_count: WriteCount(5),
            left,
            at: Timestamp::from_millis(at),
            unknown: [].into(),
        }
    }

    fn verdict(cursor: Option<&Cursor>, is_behind: bool, left: u32, from: i64) -> RequestVerdict {
        let (item, allowance) = (item(is_behind), allowance(left, NOW));
        let now = Timestamp::from_millis(NOW);
        request_verdict(Some(&item), CLIENT, cursor, Some(&allowance), from, now, 6)
    }

    #[test]
    fn a_request_is_carried_out_if_the_client_had_what_it_asks_for_and_nothing_brings_it() {
        let less = RequestAllowance { write_count: WriteCount(6), ..allowance(2, NOW) };
        let carried = || CarryOut(Key::S("a".to_owned()), less.clone());
        for (cursor, from, expected) in [
            // Up to date: it has all up to 9.
            (None, 1, carried()),
            (None, 9, carried()),
            // What a sender sent before it died is not recorded.
            (None, 10, carried()),
            (None, 110, carried()),
            // Behind: it has all up to 5.
            (Some(cursor(2, 5, None)), 5, carried()),
            (Some(cursor(2, 5, None)), 6, carried()),
            // A replay is at 5 and goes on up to 8.
            (Some(cursor(2, 5, Some(8))), 6, AlreadyOpen),
            (Some(cursor(2, 5, Some(8))), 8, AlreadyOpen),
            (Some(cursor(2, 5, Some(8))), 9, carried()),
            // It has passed 5, so it does not bring it.
            (Some(cursor(2, 5, Some(8))), 5, carried()),
            // It has repeated all that it was to repeat.
            (Some(cursor(2, 5, Some(5))), 6, carried()),
            // It has nothing of this incarnation yet.
            (Some(cursor(1, 5, Some(8))), 1, Nothing),
        ] {
            assert_eq!(
                verdict(cursor.as_ref(), cursor.is_some(), 3, from),
                expected,
                "{cursor:?} from {from}"
            );
        }
        // It is behind, and its cursor is lost: the replay makes another.
        assert_eq!(verdict(None, true, 3, 10), carried());
    }

    #[test]
    fn a_group_that_the_ledger_does_not_know_has_nothing_to_repeat() {
        let now = Timestamp::from_millis(NOW);
        assert_eq!(request_verdict(None, CLIENT, None, None, 1, now, 6), UnknownGroup);
    }

    #[test]
    fn what_changes_nothing_takes_nothing_of_the_allowance() {
        assert_eq!(verdict(Some(&cursor(1, 5, Some(8))), true, 0, 1), Nothing);
        assert_eq!(verdict(Some(&cursor(2, 5, Some(8))), true, 0, 6), AlreadyOpen);
        assert_eq!(verdict(None, false, 0, 9), TooSoon);
    }

    #[test]
    fn a_client_has_so_many_requests_a_minute() {
        // Left before, and for how long; left after one more, and as of when.
        for (before, expected) in [
            (None, Some((99, NOW))),
            (Some((1, 0)), Some((0, NOW))),
            (Some((0, 0)), None),
            (Some((0, 599)), None),
            (Some((0, 600)), Some((0, NOW))),
            (Some((0, 1_500)), Some((1, NOW - 300))),
            (Some((0, 60_000)), Some((99, NOW))),
            (Some((99, 600)), Some((99, NOW))),
            (Some((50, 999_999)), Some((99, NOW))),
        ] {
            let before = before.map(|(left, ago)| allowance(left, NOW - ago));
            let now = Timestamp::from_millis(NOW);
            let found = request_verdict(Some(&item(false)), CLIENT, None, before.as_ref(), 1, now, 6);
            let left = match found {
                CarryOut(_, after) => Some((after.left, after.at.as_millis())),
                TooSoon => None,
                other => panic!("{other:?}"),
            };
            assert_eq!(left, expected, "{before:?}");
        }
        // By a clock that is behind, nothing is gained and nothing lost.
        let ahead = allowance(1, NOW + 5_000);
        let now = Timestamp::from_millis(NOW);
        let found = request_verdict(Some(&item(false)), CLIENT, None, Some(&ahead), 1, now, 6);
        let expected = allowance(0, NOW + 5_000);
        let less = RequestAllowance { write_count: WriteCount(6), ..expected };
        assert_eq!(found, CarryOut(Key::S("a".to_owned()), less));
    }
}
