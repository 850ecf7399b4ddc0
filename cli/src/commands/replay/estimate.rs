//! The estimate of a replay: its aggregates and their events, counted in the event table.

use aws::clock::SystemClock;
use shared::control::TypedKey;
use shared::ids::Key;
use shared::ledger::pace::Pace;
use shared::ledger::{EventTable, Unread};

/// The aggregates of a replay, in the event table's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ReplayEstimate(pub(super) Vec<AggregateEvents>);

/// An aggregate with events to send again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AggregateEvents {
    pub(super) key: TypedKey,
    pub(super) events: u64,
}

/// The events of an aggregate, by their versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EventCount {
    /// How many have one of the wanted versions.
    pub(super) events: u64,
    /// The highest version, if an event has one.
    pub(super) highest: Option<i64>,
}

/// Scans the whole table, at `pace`, for the aggregates with events from version `from` on. Calls `say` after each
/// page, with the estimate so far.
///
/// # Errors
///
/// [`Unread`]: a page could not be read.
pub(super) async fn scan<E: EventTable>(
    table: &E,
    mut pace: Pace,
    from: i64,
    mut say: impl FnMut(&ReplayEstimate),
) -> Result<ReplayEstimate, Unread> {
    let mut estimate = ReplayEstimate::default();
    // The aggregate that the scan is in: its items stand together.
    let mut current: Option<Key> = None;
    let mut after = None;
    loop {
        let page = pace.page(&SystemClock, table, after.as_ref()).await?;
        for seen in page.seen {
            if seen.head.version.is_none_or(|version| version < from) {
                continue;
            }
            match estimate.0.last_mut().filter(|_| current.as_ref() == Some(&seen.key)) {
                Some(aggregate) => aggregate.events += 1,
                None => {
                    estimate.0.push(AggregateEvents { key: TypedKey::from(&seen.key), events: 1 });
                    current = Some(seen.key);
                }
            }
        }
        say(&estimate);
        after = page.next;
        if after.is_none() {
            return Ok(estimate);
        }
    }
}

/// Counts the events of an aggregate with versions from `from` to `to`; none if it has no event at all.
///
/// # Errors
///
/// [`Unread`]: a page could not be read.
pub(super) async fn events_of_group<E: EventTable>(
    table: &E,
    key: &Key,
    from: i64,
    to: i64,
) -> Result<Option<EventCount>, Unread> {
    let (mut count, mut is_there) = (EventCount { events: 0, highest: None }, false);
    let mut before = None;
    loop {
        let page = table.heads(key, before.as_ref()).await?;
        is_there |= !page.rows.is_empty();
        for version in page.rows.iter().filter_map(|head| head.version) {
            count.events += u64::from((from..=to).contains(&version));
            count.highest = count.highest.max(Some(version));
        }
        before = page.next;
        if before.is_none() {
            return Ok(is_there.then_some(count));
        }
    }
}

impl ReplayEstimate {
    pub(super) fn events(&self) -> u64 {
        self.0.iter().map(|aggregate| aggregate.events).sum()
    }

    /// The events of the aggregate that has most.
    pub(super) fn largest(&self) -> u64 {
        self.0.iter().map(|aggregate| aggregate.events).max().unwrap_or_default()
    }

    /// The part after the aggregate `key`, with which an interrupted replay goes on; none if `key` is not in it.
    pub(super) fn after(mut self, key: &TypedKey) -> Option<Self> {
        let at = self.0.iter().position(|aggregate| aggregate.key == *key)?;
        self.0.drain(..=at);
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use testkit::memory::MemoryTable;

    use super::*;
    use crate::commands::replay::tests::source;

    /// A table of aggregates with so many events, and of one whose only item has no version.
    fn table(aggregates: &[(&str, u64)]) -> MemoryTable {
        let table = MemoryTable::new(&source());
        let put = |mark: &str, number: u64, version: &str| {
            let time = format!("2026-01-05T09:{number:02}:00Z");
            table.put(&format!(
                r#"{{"mark":{{"S":"{mark}"}},"createTime":{{"S":"{time}"}},"version":{version}}}"#
            ));
        };
        for (mark, events) in aggregates {
            (1..=*events).for_each(|version| put(mark, version, &format!(r#"{{"N":"{version}"}}"#)));
        }
        put("unreadable", 1, r#"{"S":"first"}"#);
        table
    }

    /// A pace without pauses.
    fn unhurried() -> Pace {
        Pace::new(u32::MAX)
    }

    async fn check(from: i64, aggregates: &[&str], events: u64, largest: u64) {
        let table = table(&[("AFC F5", 6), ("B", 3), ("C", 11), ("D", 1)]);
        for items in [1, 2, 5, 100] {
            table.set_items_in_page(items);
            let mut last = ReplayEstimate::default();
            let estimate = scan(&table, unhurried(), from, |estimate| last = estimate.clone()).await.unwrap();
            assert_eq!(last, estimate, "what was said last");
            let mut keys: Vec<&str> = estimate.0.iter().map(|aggregate| aggregate.key.as_text()).collect();
            keys.sort_unstable();
            assert_eq!(
                (keys.as_slice(), estimate.events(), estimate.largest()),
                (aggregates, events, largest)
            );
        }
    }

    #[tokio::test]
    async fn events_from_a_version_on_are_counted() {
        check(1, &["AFC F5", "B", "C", "D"], 21, 11).await;
        check(3, &["AFC F5", "B", "C"], 4 + 1 + 9, 9).await;
        check(4, &["AFC F5", "C"], 3 + 8, 8).await;
        check(12, &[], 0, 0).await;
    }

    #[tokio::test]
    async fn a_page_that_is_not_read_ends_the_scan() {
        let table = table(&[("A", 1)]);
        table.fail();
        assert!(scan(&table, unhurried(), 1, |_| ()).await.is_err());
        table.fail();
        assert!(events_of_group(&table, &Key::S("A".to_owned()), 1, 9).await.is_err());
    }

    #[tokio::test]
    async fn events_of_one_aggregate_are_counted_between_versions() {
        let table = table(&[("A", 9), ("B", 2)]);
        let key = Key::S("A".to_owned());
        for items in [1, 2, 3, 100] {
            table.set_items_in_page(items);
            for (from, to, expected) in [(1, 9, 9), (1, 100, 9), (3, 5, 3), (9, 9, 1), (10, 20, 0)] {
                let counted = events_of_group(&table, &key, from, to).await.unwrap();
                let expected = Some(EventCount { events: expected, highest: Some(9) });
                assert_eq!(counted, expected, "{from} to {to}, {items} items in a page");
            }
            assert_eq!(events_of_group(&table, &Key::S("Z".to_owned()), 1, 9).await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn a_replay_goes_on_after_an_aggregate() {
        let all =
            scan(&table(&[("A", 2), ("B", 2), ("C", 2), ("D", 2)]), unhurried(), 1, |_| ()).await.unwrap();
        for (at, aggregate) in all.0.iter().enumerate() {
            let rest = all.clone().after(&aggregate.key).unwrap();
            assert_eq!(rest.0, all.0[at + 1..]);
        }
        assert_eq!(all.after(&TypedKey::S("gone".to_owned())), None);
    }
}
