//! Walks over the event table: when there is reason for one, and which of its items are of one aggregate.

use std::time::Duration;

use super::times::RECONCILE;
use super::{Control, Cursor, EventTime, Registration, Rev, ScanPage, Seen, State, Walk, WalkKind};
use crate::ids::Key;
use crate::time::Timestamp;

/// All that a walk came past of one aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// Its key.
    pub key: Key,
    /// Its items, at least one.
    pub seen: Vec<Seen>,
}

/// Puts the items of an aggregate together, also across pages.
#[derive(Debug, Default)]
pub struct Grouping {
    open: Option<Aggregate>,
}

/// How far a walk got: up to a place everything is done, and behind it something may be left.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    after: Option<Cursor>,
    has_left: bool,
}

/// The walk to go on with, to be written under `rev`: the one that is on, or one that begins because there is reason.
///
/// A walk for history begins when a client has joined that wants it, anew if it is on since before that. Table and
/// ledger are compared every [`RECONCILE`].
pub fn due(kind: WalkKind, walk: Option<&Walk>, control: &Control, now: Timestamp, rev: Rev) -> Option<Walk> {
    let wants = |client: &&Registration| client.history && client.state != State::Retired;
    let joined = control.clients.values().filter(wants).map(|client| client.since).max();
    let has_reason = match (kind, walk) {
        (WalkKind::History, None) => joined.is_some(),
        (WalkKind::History, Some(walk)) => joined.is_some_and(|joined| joined > walk.edition),
        (WalkKind::Reconcile, None) => true,
        (WalkKind::Reconcile, Some(walk)) => !walk.is_on && now.since(walk.at) >= RECONCILE,
    };
    if has_reason {
        return Some(Walk { rev, edition: control.edition, at: now, after: None, is_on: true });
    }
    // Whoever read the control item before the walk's clients joined would adopt nobody, and end it.
    walk.filter(|walk| walk.is_on && walk.edition <= control.edition).map(|walk| Walk { rev, ..walk.clone() })
}

/// Whether an event of this time was written less than `age` ago, as far as its time tells. A time that lies ahead by as
/// much is no writer's clock that is a little fast: it says nothing.
pub(super) fn is_young(time: EventTime, age: Duration, now: Timestamp) -> bool {
    time.as_nanos().abs_diff(EventTime::from(now).as_nanos()) < age.as_nanos()
}

impl Grouping {
    /// The aggregates that `page` completes, in order. The last of a page goes on with the next page, unless there is
    /// none.
    pub fn take(&mut self, page: ScanPage) -> Vec<Aggregate> {
        let mut complete = Vec::new();
        for seen in page.seen {
            match &mut self.open {
                Some(open) if open.key == seen.key => open.seen.push(seen),
                open => {
                    let key = seen.key.clone();
                    complete.extend(open.replace(Aggregate { key, seen: vec![seen] }));
                }
            }
        }
        if page.next.is_none() {
            complete.extend(self.open.take());
        }
        complete
    }
}

impl Progress {
    /// All is done up to `after`, the last item of an aggregate.
    pub fn new(after: Option<Cursor>) -> Self {
        Self { after, has_left: false }
    }

    /// The walk came past the next aggregate; unless it `is_done`, a later walk has to come there again.
    pub fn pass(&mut self, aggregate: &Aggregate, is_done: bool) {
        self.has_left |= !is_done;
        if let Some(last) = aggregate.seen.last().filter(|_| !self.has_left) {
            self.after = Some(Cursor { key: last.key.clone(), sort: last.sort.clone() });
        }
    }

    /// After which item a later walk goes on: what lies before it is done.
    pub fn after(&self) -> Option<&Cursor> {
        self.after.as_ref()
    }

    /// Whether an aggregate behind that place is not done.
    pub fn has_left(&self) -> bool {
        self.has_left
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::config::ClientName;
    use crate::ledger::ClientId;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    /// A control item with clients that joined at these editions; a negative one is of a retired client.
    fn control(with_history: &[i64]) -> Control {
        let client = |(id, since): (u32, &i64)| {
            let registration = Registration {
                id: ClientId(id),
                state: if *since < 0 { State::Retired } else { State::Paused },
                history: true,
                since: since.unsigned_abs(),
                absent_at: None,
                retired_at: None,
            };
            (ClientName::try_new(&format!("C{id}")).unwrap(), registration)
        };
        let mut clients: BTreeMap<_, _> = (1..).zip(with_history).map(client).collect();
        let without = Registration { history: false, state: State::Live, ..client((0, &9)).1 };
        clients.insert(ClientName::try_new("Without").unwrap(), without);
        Control { rev: Rev(1), edition: 9, start: NOW, clients }
    }

    fn walk(edition: u64, age: Duration, is_on: bool) -> Walk {
        let after = is_on.then(|| (Key::S("a".to_owned()), Key::S("1".to_owned())));
        let age = u64::try_from(age.as_millis()).unwrap();
        Walk { rev: Rev(5), edition, at: Timestamp::from_millis(NOW.as_millis() - age), after, is_on }
    }

    #[test]
    fn a_walk_goes_on_or_begins_when_there_is_reason() {
        let check = |kind, walk: Option<&Walk>, with_history: &[i64], expected: &str| {
            let due = due(kind, walk, &control(with_history), NOW, Rev(77));
            let shown = match &due {
                None => "nothing",
                Some(due) if due.after.is_none() && due.at == NOW && due.edition == 9 => "anew",
                Some(due) => {
                    assert_eq!(Some(Walk { rev: Rev(5), ..due.clone() }), walk.cloned());
                    "on"
                }
            };
            assert_eq!(shown, expected, "{kind:?} {walk:?} {with_history:?}");
            assert!(due.is_none_or(|due| due.rev == Rev(77) && due.is_on));
        };
        let day = Duration::from_secs(24 * 3_600);
        let second = Duration::from_secs(1);

        check(WalkKind::History, None, &[], "nothing");
        check(WalkKind::History, None, &[-3], "nothing");
        check(WalkKind::History, None, &[1], "anew");
        check(WalkKind::History, Some(&walk(4, day * 9, false)), &[1, 4], "nothing");
        check(WalkKind::History, Some(&walk(4, second, false)), &[1, 5], "anew");
        check(WalkKind::History, Some(&walk(4, second, true)), &[1, 4], "on");
        check(WalkKind::History, Some(&walk(4, second, true)), &[5], "anew");
        check(WalkKind::History, Some(&walk(4, second, true)), &[-5], "on");
        // A care that read the control item before the walk began.
        check(WalkKind::History, Some(&walk(9, second, true)), &[9], "on");
        check(WalkKind::History, Some(&walk(10, second, true)), &[9], "nothing");

        check(WalkKind::Reconcile, None, &[], "anew");
        check(WalkKind::Reconcile, Some(&walk(9, day - second, false)), &[], "nothing");
        check(WalkKind::Reconcile, Some(&walk(9, day, false)), &[], "anew");
        check(WalkKind::Reconcile, Some(&walk(1, day * 9, true)), &[], "on");
    }

    #[test]
    fn a_later_walk_goes_on_before_the_first_that_is_left() {
        let check = |visits: &[bool], expected: Option<usize>| {
            let key = |number: usize| Key::N(number.to_string());
            let mut progress = Progress::default();
            for (number, is_done) in visits.iter().enumerate() {
                let seen = |sort| Seen { key: key(number), sort, version: None, time: None };
                let seen = vec![seen(key(1)), seen(key(2))];
                progress.pass(&Aggregate { key: key(number), seen }, *is_done);
            }
            let expected = expected.map(|number| Cursor { key: key(number), sort: key(2) });
            assert_eq!(progress.after(), expected.as_ref(), "{visits:?}");
            assert_eq!(progress.has_left(), visits.contains(&false));
        };
        check(&[], None);
        check(&[true, true], Some(1));
        check(&[false, true], None);
        check(&[true, true, false, true, false, true], Some(1));
    }

    proptest! {
        #[test]
        fn aggregates_come_whole_whatever_the_pages(
            sizes in prop::collection::vec(1_usize..6, 0..8),
            in_page in 1_usize..7,
        ) {
            let seen: Vec<Seen> = (0..).zip(&sizes).flat_map(|(group, size)| {
                (0..*size).map(move |item| Seen {
                    key: Key::N(format!("{group}")),
                    sort: Key::N(item.to_string()),
                    version: None,
                    time: None,
                })
            }).collect();
            let page = |from: usize| {
                let page = seen.iter().skip(from).take(in_page).cloned().collect::<Vec<_>>();
                let last = page.last().filter(|_| page.len() == in_page);
                let next = last.map(|last| Cursor { key: last.key.clone(), sort: last.sort.clone() });
                ScanPage { seen: page, next }
            };
            let (mut grouping, mut progress) = (Grouping::default(), Progress::default());
            let (mut from, mut sums) = (0, Vec::new());
            loop {
                let page = page(from);
                from += page.seen.len();
                let is_last = page.next.is_none();
                let complete = grouping.take(page);
                complete.iter().for_each(|aggregate| progress.pass(aggregate, true));
                sums.extend(complete.iter().map(|aggregate| aggregate.seen.len()));
                // A walk that stops here and begins again leaves nothing out.
                let done: usize = sums.iter().sum();
                let last = done.checked_sub(1).map(|last| &seen[last]);
                let after = last.map(|last| Cursor { key: last.key.clone(), sort: last.sort.clone() });
                prop_assert_eq!(progress.after(), after.as_ref());
                if is_last {
                    break;
                }
            }
            prop_assert_eq!(sums, sizes);
        }
    }
}
