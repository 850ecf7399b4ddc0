//! How far behind a client is, read from the ledger.

mod backlog;

use std::collections::BTreeSet;
use std::time::Duration;

use aws::operator::CallError;
use shared::ids::Group;
use shared::ledger::{ClientId, Cursor, ItemKey, Ledger, READ_LIMIT, Unread};
use shared::time::Timestamp;

pub use backlog::Backlog;

use crate::groups_behind::{GroupBehind, read};

/// How long a client may be behind before it needs attention: the threshold of the stack's alarm `BehindLong`.
pub const LONG: Duration = Duration::from_secs(15 * 60);

/// How long a group may be held before that needs attention: the threshold of the stack's alarm `HeldLong`.
pub const HELD_LONG: Duration = Duration::from_secs(60 * 60);

/// How far behind a client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// The groups in which it is behind, and that are not held.
    pub groups: u64,
    /// The versions that it lacks there. Some may be holes, or unwanted by its filter.
    pub events: u64,
    /// Since when it has been behind in the group where it has been so longest.
    pub since: Option<Timestamp>,
    /// What waits for an operator.
    pub held: HeldLag,
    /// The groups of which the client's queue refused an event for good when catch-up tried them last.
    pub refused: u64,
    /// Those of `groups` of which everything was sent, and that only settle ([`GroupBehind::is_settling`]).
    pub settling: u64,
    /// Whether there are more groups than were counted, so that `groups` and `events` are lower bounds.
    pub is_more: bool,
}

/// How far behind a client is in groups that are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldLag {
    /// The groups.
    pub groups: u64,
    /// The versions that it lacks there.
    pub events: u64,
    /// Since when the first of them has been held.
    pub since: Option<Timestamp>,
}

/// How far behind `client` is in the first `limit` groups of its cursors. A group costs a read unit: a client that is
/// behind in a million must not be read to the end for each look.
///
/// # Errors
///
/// [`Unread`]: the ledger could not be read.
pub async fn lag<L: Ledger>(ledger: &L, client: ClientId, limit: usize) -> Result<Lag, Unread> {
    let mut lag = Lag::default();
    let mut page = ledger.cursors(client, None).await?;
    // Most clients are up to date, and cost nothing more.
    let refused = if page.is_empty() { BTreeSet::new() } else { refusals(ledger, client).await? };
    let mut room = limit;
    loop {
        let Some((last, _)) = page.last().cloned() else { return Ok(lag) };
        lag.is_more = page.len() > room;
        page.truncate(room);
        room -= page.len();
        for cursors in page.chunks(READ_LIMIT) {
            count(ledger, client, cursors, &refused, &mut lag).await?;
        }
        if lag.is_more {
            return Ok(lag);
        }
        page = ledger.cursors(client, Some(&last)).await?;
    }
}

/// A client that is not retired, as the ledger knows it.
#[derive(Clone, Debug)]
pub struct ClientStatus {
    /// As client-queues.toml names it.
    pub name: String,
    /// Whether nothing is sent to it until it is resumed.
    pub is_paused: bool,
    /// The first maintenance that did not find it in the deployed config: it is sent nothing, and is retired if it
    /// stays away.
    pub absent_at: Option<Timestamp>,
    /// How far behind it is, or why that can't be read.
    pub lag: Result<Lag, CallError>,
}

impl Lag {
    /// Whether the client has been behind for at least [`LONG`].
    pub fn is_long(&self, now: Timestamp) -> bool {
        self.since.is_some_and(|since| now.since(since) >= LONG)
    }

    /// The groups of which it lacks something, held or not.
    pub fn all_groups(&self) -> u64 {
        self.groups + self.held.groups
    }
}

impl HeldLag {
    /// Whether a group has been held for at least [`HELD_LONG`].
    pub fn is_long(&self, now: Timestamp) -> bool {
        self.since.is_some_and(|since| now.since(since) >= HELD_LONG)
    }
}

/// The groups of which the client's queue refused an event for good when catch-up tried them last.
async fn refusals<L: Ledger>(ledger: &L, client: ClientId) -> Result<BTreeSet<Group>, Unread> {
    let found = read(ledger, &[ItemKey::Lease(client)]).await?;
    let refused = found.lease(client).present().map(|lease| lease.refused.iter());
    Ok(refused.into_iter().flatten().map(|event| event.group.clone()).collect())
}

/// Adds the groups of up to [`READ_LIMIT`] `cursors` to `lag`.
async fn count<L: Ledger>(
    ledger: &L,
    client: ClientId,
    cursors: &[(Group, Cursor)],
    refused: &BTreeSet<Group>,
    lag: &mut Lag,
) -> Result<(), Unread> {
    let keys: Vec<ItemKey> = cursors.iter().map(|(group, _)| ItemKey::Group(group.clone())).collect();
    let found = read(ledger, &keys).await?;
    for (group, cursor) in cursors {
        // Otherwise the client became up to date after its cursors were read.
        let Some(item) = found.group(group).present().filter(|item| item.behind.contains(&client)) else {
            continue;
        };
        let behind = GroupBehind::new(client, group, item, cursor);
        let missing = behind.version.saturating_sub(behind.has);
        let held = &mut lag.held;
        let (groups, events, since, at) = match &cursor.hold {
            Some(hold) => (&mut held.groups, &mut held.events, &mut held.since, hold.since),
            None => (&mut lag.groups, &mut lag.events, &mut lag.since, cursor.at),
        };
        *groups += 1;
        *events += u64::try_from(missing).unwrap_or(0);
        *since = Some(since.map_or(at, |since| since.min(at)));
        lag.refused += u64::from(cursor.hold.is_none() && refused.contains(group));
        lag.settling += u64::from(behind.is_settling());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shared::ids::{IncarnationToken, Key, ReplayId};
    use shared::ledger::{
        First, GroupItem, Hold, Item, LastSent, Lease, RefusedEvent, Repetition, WriteCount,
    };
    use testkit::memory::MemoryLedger;

    use super::*;
    use crate::groups_behind::{groups_behind, held_groups};

    const CLIENT: ClientId = ClientId(2);
    const OTHER: ClientId = ClientId(3);

    /// Stores a group at `version` in its second incarnation, and the cursor of `client`: incarnation, position, time.
    fn put(ledger: &MemoryLedger, name: &str, version: i64, client: ClientId, cursor: (u64, i64, u64)) {
        let (incarnation_number, have, at) = cursor;
        let key = Key::S(name.to_owned());
        let group = Group::of(&key);
        let item = GroupItem {
            write_count: WriteCount(1),
            version,
            behind: BTreeSet::from([client]),
            revision: 1,
            sent: LastSent::default(),
            incarnation_number: 2,
            token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
            first: First { identity: key.clone().into(), version: 1 },
            time: None,
            streamed_at: None,
            key,
            holes: Vec::new(),
            pairs: Vec::new(),
            closed: None,
            unknown: [].into(),
        };
        let at = Timestamp::from_millis(at);
        let cursor = Cursor {
            write_count: WriteCount(1),
            epoch: 1,
            incarnation_number,
            position: have,
            last: None,
            replay: None,
            at,
            hold: None,
            unknown: [].into(),
        };
        ledger.put(ItemKey::Group(group.clone()), Item::Group(Box::new(item)));
        ledger.put(ItemKey::Cursor(client, group), Item::Cursor(cursor));
    }

    /// Holds a group for [`CLIENT`].
    fn hold(ledger: &MemoryLedger, name: &str, since: u64) {
        let key = ItemKey::Cursor(CLIENT, Group::of(&Key::S(name.to_owned())));
        let Some(Item::Cursor(mut cursor)) = ledger.get(&key) else { panic!("{name}") };
        let (reason, by) = ("fails".to_owned(), "Ann".to_owned());
        cursor.hold = Some(Hold { reason, by, since: Timestamp::from_millis(since), skipped: Vec::new() });
        ledger.put(key, Item::Cursor(cursor));
    }

    /// Five groups in which [`CLIENT`] is behind, and one of [`OTHER`].
    fn ledger() -> MemoryLedger {
        let ledger = MemoryLedger::new(0);
        for (name, version, cursor) in
            [("A", 10, (2, 7, 500)), ("B", 4, (1, 3, 300)), ("C", 9, (2, 9, 400)), ("D", 2, (2, 0, 900))]
        {
            put(&ledger, name, version, CLIENT, cursor);
        }
        put(&ledger, "E", 3, CLIENT, (2, 1, 800));
        put(&ledger, "F", 100, OTHER, (2, 0, 1));
        ledger
    }

    async fn check(ledger: &MemoryLedger, limit: usize, expected: (u64, u64, Option<u64>, bool)) {
        let Lag { groups, events, since, held, refused, settling, is_more } =
            lag(ledger, CLIENT, limit).await.unwrap();
        assert_eq!((held, refused, settling), (HeldLag::default(), 0, 0));
        assert_eq!((groups, events, since.map(Timestamp::as_millis), is_more), expected, "limit {limit}");
    }

    #[tokio::test]
    async fn every_cursor_counts_and_one_of_another_incarnation_from_nothing() {
        check(&ledger(), 100, (5, 3 + 4 + 2 + 2, Some(300), false)).await;
        check(&MemoryLedger::new(0), 100, (0, 0, None, false)).await;
    }

    #[tokio::test]
    async fn counting_ends_at_the_limit_and_says_so() {
        let ledger = ledger();
        check(&ledger, 5, (5, 11, Some(300), false)).await;
        check(&ledger, 4, (4, 9, Some(300), true)).await;
        check(&ledger, 3, (3, 7, Some(300), true)).await;
        check(&ledger, 1, (1, 3, Some(500), true)).await;
        ledger.forget_calls();
        check(&ledger, 3, (3, 7, Some(300), true)).await;
        let calls = ledger.calls();
        assert_eq!((calls.queries, calls.reads), (2, 2));
    }

    #[tokio::test]
    async fn a_group_that_became_up_to_date_meanwhile_is_not_counted() {
        let ledger = ledger();
        let group = Group::of(&Key::S("A".to_owned()));
        let Some(Item::Group(mut item)) = ledger.get(&ItemKey::Group(group.clone())) else { panic!() };
        item.behind.clear();
        ledger.put(ItemKey::Group(group), Item::Group(item));
        ledger.remove(&ItemKey::Group(Group::of(&Key::S("B".to_owned()))));
        check(&ledger, 100, (3, 4, Some(400), false)).await;
    }

    #[test]
    fn a_lag_is_long_from_a_quarter_of_an_hour_on() {
        let since = Some(Timestamp::from_millis(5_000));
        let behind = Lag { groups: 1, events: 1, since, ..Lag::default() };
        for (now, expected) in [(0, false), (904_999, false), (905_000, true)] {
            assert_eq!(behind.is_long(Timestamp::from_millis(now)), expected, "{now}");
        }
        assert!(!Lag::default().is_long(Timestamp::from_millis(u64::MAX)));
    }

    #[tokio::test]
    async fn a_held_group_is_counted_apart() {
        let ledger = ledger();
        for (name, since) in [("A", 700), ("C", 600)] {
            hold(&ledger, name, since);
        }
        let held = HeldLag { groups: 2, events: 3, since: Some(Timestamp::from_millis(600)) };
        let since = Some(Timestamp::from_millis(300));
        let expected = Lag { groups: 3, events: 8, since, held, ..Lag::default() };
        assert_eq!(lag(&ledger, CLIENT, 100).await.unwrap(), expected);
        for (now, expected) in [(600, false), (3_600_599, false), (3_600_600, true)] {
            assert_eq!(held.is_long(Timestamp::from_millis(now)), expected, "{now}");
        }
        let found = held_groups(&ledger, CLIENT).await.unwrap();
        let found: Vec<(&str, i64)> = found.iter().map(|held| (held.key.as_text(), held.next())).collect();
        // The cursor of C has everything, and waits.
        assert_eq!(found, [("A", 8), ("C", 10)]);
        assert_eq!(held_groups(&ledger, OTHER).await.unwrap(), []);
        ledger.fail_cursors();
        assert!(held_groups(&ledger, CLIENT).await.is_err());
    }

    #[tokio::test]
    async fn a_group_of_which_everything_was_sent_settles() {
        let ledger = ledger();
        let id = ReplayId::try_new("r-1").unwrap();
        for name in ["A", "C"] {
            let key = ItemKey::Cursor(CLIENT, Group::of(&Key::S(name.to_owned())));
            let Some(Item::Cursor(mut cursor)) = ledger.get(&key) else { panic!("{name}") };
            let settles_at = Some(Timestamp::from_millis(900));
            cursor.replay = Some(Repetition { id: id.clone(), until: 9, settles_at });
            ledger.put(key, Item::Cursor(cursor));
        }
        // Of A, something is still to be sent.
        let lag_before = lag(&ledger, CLIENT, 100).await.unwrap();
        assert_eq!((lag_before.groups, lag_before.settling), (5, 1));
        // A hold ends that.
        hold(&ledger, "C", 600);
        assert_eq!(lag(&ledger, CLIENT, 100).await.unwrap().settling, 0);
    }

    #[tokio::test]
    async fn a_group_that_the_queue_refuses_for_good_counts_as_long_as_it_is_behind() {
        let ledger = ledger();
        hold(&ledger, "A", 700);
        let refused = ["A", "B", "no longer behind"].map(|name| RefusedEvent {
            group: Group::of(&Key::S(name.to_owned())),
            reason: "too long".to_owned(),
        });
        let lease = Lease { refused: refused.into(), ..Lease::unheld() };
        ledger.put(ItemKey::Lease(CLIENT), Item::Lease(lease));
        assert_eq!(lag(&ledger, CLIENT, 100).await.unwrap().refused, 1);
        let behind = groups_behind(&ledger, CLIENT, 2).await.unwrap();
        let groups: Vec<(&str, i64, i64)> =
            behind.groups.iter().map(|of| (of.key.as_text(), of.has, of.version)).collect();
        assert_eq!((groups, behind.is_more), (vec![("A", 7, 10), ("B", 0, 4)], true));
    }

    #[tokio::test]
    async fn a_ledger_that_is_not_read_does_not_count_as_up_to_date() {
        let ledger = ledger();
        ledger.fail_read(ItemKey::Group(Group::of(&Key::S("A".to_owned()))));
        assert!(lag(&ledger, CLIENT, 100).await.is_err());
        ledger.fail_cursors();
        assert!(lag(&ledger, CLIENT, 100).await.is_err());
    }
}
