//! Scans over the event table: when there is reason for one, and which of its items are of one aggregate.

use std::time::Duration;

use super::times::RECONCILE;
use super::{
    EventTime, Registration, Registry, Scan, ScanKind, ScanPage, ScanPosition, ScannedRow, State, WriteCount,
};
use crate::ids::Key;
use crate::time::Timestamp;

/// All that a scan came past of one aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregate {
    /// Its key.
    pub key: Key,
    /// Its items, at least one.
    pub seen: Vec<ScannedRow>,
}

/// Puts the items of an aggregate together, also across pages.
#[derive(Debug, Default)]
pub struct Grouping {
    open: Option<Aggregate>,
}

/// How far a scan got: up to a place everything is done, and behind it something may be left.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    after: Option<ScanPosition>,
    has_left: bool,
}

/// The scan to go on with, to be written under `write_count`: the one that is on, or one that begins because there is
/// reason.
///
/// A scan for history begins when a client has joined that wants it, anew if it is on since before that. Table and
/// ledger are compared every [`RECONCILE`].
pub fn due(
    kind: ScanKind,
    scan: Option<&Scan>,
    registry: &Registry,
    now: Timestamp,
    write_count: WriteCount,
) -> Option<Scan> {
    let wants = |client: &&Registration| client.history && client.state != State::Retired;
    let joined = registry.clients.values().filter(wants).map(|client| client.since).max();
    let has_reason = match (kind, scan) {
        (ScanKind::History, None) => joined.is_some(),
        (ScanKind::History, Some(scan)) => joined.is_some_and(|joined| joined > scan.revision),
        (ScanKind::Reconcile, None) => true,
        (ScanKind::Reconcile, Some(scan)) => !scan.is_on && now.since(scan.at) >= RECONCILE,
    };
    if has_reason {
        return Some(Scan {
            write_count,
            revision: registry.revision,
            at: now,
            after: None,
            is_on: true,
            unknown: [].into(),
        });
    }
    // A maintenance that read the registry before the scan's clients joined would adopt no client, and end it.
    scan.filter(|scan| scan.is_on && scan.revision <= registry.revision)
        .map(|scan| Scan { write_count, ..scan.clone() })
}

/// Whether an event of this time was written less than `age` ago, as far as its time says. A time that lies ahead by as
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
    pub fn new(after: Option<ScanPosition>) -> Self {
        Self { after, has_left: false }
    }

    /// The scan came past the next aggregate; unless it `is_done`, a later scan has to come there again.
    pub fn pass(&mut self, aggregate: &Aggregate, is_done: bool) {
        self.has_left |= !is_done;
        if let Some(last) = aggregate.seen.last().filter(|_| !self.has_left) {
            self.after = Some(ScanPosition { key: last.key.clone(), sort: last.head.identity.sort.clone() });
        }
    }

    /// After which item a later scan goes on: what lies before it is done.
    pub fn after(&self) -> Option<&ScanPosition> {
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
    use crate::filter::FilterDigest;
    use crate::ledger::{ClientId, RowHead};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn head(sort: Key) -> RowHead {
        RowHead { identity: sort.into(), version: None, time: None }
    }

    /// A registry with clients that joined at these revisions; a negative one is of a retired client.
    fn registry(with_history: &[i64]) -> Registry {
        let client = |(id, since): (u32, &i64)| {
            let registration = Registration {
                id: ClientId(id),
                state: if *since < 0 { State::Retired } else { State::Paused },
                pause: None,
                history: true,
                filter: FilterDigest::of(None),
                erasures: false,
                since: since.unsigned_abs(),
                absent_at: None,
                retired_at: None,
                unknown: [].into(),
            };
            (ClientName::try_new(&format!("C{id}")).unwrap(), registration)
        };
        let mut clients: BTreeMap<_, _> = (1..).zip(with_history).map(client).collect();
        let without = Registration { history: false, state: State::Live, ..client((0, &9)).1 };
        clients.insert(ClientName::try_new("Without").unwrap(), without);
        Registry { write_count: WriteCount(1), revision: 9, start: NOW, clients, unknown: [].into() }
    }

    fn scan(revision: u64, age: Duration, is_on: bool) -> Scan {
        let after = is_on.then(|| (Key::S("a".to_owned()), Key::S("1".to_owned())));
        let age = u64::try_from(age.as_millis()).unwrap();
        Scan {
            write_count: WriteCount(5),
            revision,
            at: Timestamp::from_millis(NOW.as_millis() - age),
            after,
            is_on,
            unknown: [].into(),
        }
    }

    #[test]
    fn a_scan_goes_on_or_begins_when_there_is_reason() {
        let check = |kind, scan: Option<&Scan>, with_history: &[i64], expected: &str| {
            let due = due(kind, scan, &registry(with_history), NOW, WriteCount(77));
            let shown = match &due {
                None => "nothing",
                Some(due) if due.after.is_none() && due.at == NOW && due.revision == 9 => "anew",
                Some(due) => {
                    assert_eq!(Some(Scan { write_count: WriteCount(5), ..due.clone() }), scan.cloned());
                    "on"
                }
            };
            assert_eq!(shown, expected, "{kind:?} {scan:?} {with_history:?}");
            assert!(due.is_none_or(|due| due.write_count == WriteCount(77) && due.is_on));
        };
        let day = Duration::from_secs(24 * 3_600);
        let second = Duration::from_secs(1);

        check(ScanKind::History, None, &[], "nothing");
        check(ScanKind::History, None, &[-3], "nothing");
        check(ScanKind::History, None, &[1], "anew");
        check(ScanKind::History, Some(&scan(4, day * 9, false)), &[1, 4], "nothing");
        check(ScanKind::History, Some(&scan(4, second, false)), &[1, 5], "anew");
        check(ScanKind::History, Some(&scan(4, second, true)), &[1, 4], "on");
        check(ScanKind::History, Some(&scan(4, second, true)), &[5], "anew");
        check(ScanKind::History, Some(&scan(4, second, true)), &[-5], "on");
        // A maintenance that read the registry before the scan began.
        check(ScanKind::History, Some(&scan(9, second, true)), &[9], "on");
        check(ScanKind::History, Some(&scan(10, second, true)), &[9], "nothing");

        check(ScanKind::Reconcile, None, &[], "anew");
        check(ScanKind::Reconcile, Some(&scan(9, day - second, false)), &[], "nothing");
        check(ScanKind::Reconcile, Some(&scan(9, day, false)), &[], "anew");
        check(ScanKind::Reconcile, Some(&scan(1, day * 9, true)), &[], "on");
    }

    #[test]
    fn a_later_scan_goes_on_before_the_first_group_that_is_left() {
        let check = |visits: &[bool], expected: Option<usize>| {
            let key = |number: usize| Key::N(number.to_string());
            let mut progress = Progress::default();
            for (number, is_done) in visits.iter().enumerate() {
                let seen = |sort| ScannedRow { key: key(number), head: head(sort) };
                let seen = vec![seen(key(1)), seen(key(2))];
                progress.pass(&Aggregate { key: key(number), seen }, *is_done);
            }
            let expected = expected.map(|number| ScanPosition { key: key(number), sort: key(2) });
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
            let seen: Vec<ScannedRow> = (0..).zip(&sizes).flat_map(|(group, size)| {
                (0..*size).map(move |item| ScannedRow {
                    key: Key::N(format!("{group}")),
                    head: head(Key::N(item.to_string())),
                })
            }).collect();
            let page = |from: usize| {
                let page = seen.iter().skip(from).take(in_page).cloned().collect::<Vec<_>>();
                let last = page.last().filter(|_| page.len() == in_page);
                let next = last.map(|last| ScanPosition { key: last.key.clone(), sort: last.head.identity.sort.clone() });
                ScanPage { seen: page, next, units: None }
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
                // A scan that stops here and begins again leaves nothing out.
                let done: usize = sums.iter().sum();
                let last = done.checked_sub(1).map(|last| &seen[last]);
                let after = last.map(|last| ScanPosition { key: last.key.clone(), sort: last.head.identity.sort.clone() });
                prop_assert_eq!(progress.after(), after.as_ref());
                if is_last {
                    break;
                }
            }
            prop_assert_eq!(sums, sizes);
        }
    }
}
