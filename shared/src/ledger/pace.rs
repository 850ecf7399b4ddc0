//! How fast scans read the event table: an API serves its users from the same table.

use std::time::Duration;

use super::{EventTable, ScanPage, ScanPosition, Unread};
use crate::clock::Clock;
use crate::time::Timestamp;

/// Items in a read unit until a page has shown how many there are: of a kilobyte each, read eventually consistent
/// (DynamoDB Developer Guide, "Read consistency": 8 KB).
const ITEMS_IN_A_UNIT: u64 = 8;

/// The read units of a page whose table doesn't say: those of a full page, 1 MB.
const FULL_PAGE: u64 = 128;

/// The pace of all scans of an invocation: so many read units a second.
#[derive(Clone, Debug)]
pub struct Pace {
    units_per_second: u64,
    /// When the next page may be read.
    next: Timestamp,
    /// The size of the next page, so that it takes a second.
    limit: u64,
}

impl Pace {
    /// A pace of `units_per_second`, at least 1. The first page may be read at once.
    pub fn new(units_per_second: u32) -> Self {
        let units_per_second = u64::from(units_per_second.max(1));
        Self { units_per_second, next: Timestamp::from_millis(0), limit: units_per_second * ITEMS_IN_A_UNIT }
    }

    /// How long to wait before the next page.
    pub fn wait(&self, now: Timestamp) -> Duration {
        self.next.since(now)
    }

    /// How many items the next page should have at most.
    pub fn limit(&self) -> u32 {
        u32::try_from(self.limit.max(1)).unwrap_or(u32::MAX)
    }

    /// Reads the page after `after`, as soon as it may be.
    ///
    /// # Errors
    ///
    /// [`Unread`], of the table.
    pub async fn page(
        &mut self,
        clock: &impl Clock,
        table: &impl EventTable,
        after: Option<&ScanPosition>,
    ) -> Result<ScanPage, Unread> {
        clock.sleep(self.wait(clock.now())).await;
        let page = table.scan(after, self.limit()).await?;
        self.count(&page, clock.now());
        Ok(page)
    }

    /// Takes into account a page that was read at `now`.
    pub fn count(&mut self, page: &ScanPage, now: Timestamp) {
        let units = page.units.unwrap_or(FULL_PAGE);
        let milliseconds = units.saturating_mul(1_000) / self.units_per_second;
        self.next = self.next.max(now).plus(Duration::from_millis(milliseconds));
        if let Some(items) = u64::try_from(page.seen.len()).ok().filter(|items| *items > 0) {
            self.limit = items.saturating_mul(self.units_per_second) / units.max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::Key;
    use crate::ledger::{RowHead, ScannedRow};

    fn page(items: usize, units: Option<u64>) -> ScanPage {
        let key = Key::S("a".to_owned());
        let head = RowHead { identity: key.clone().into(), version: None, time: None };
        let row = ScannedRow { key, head };
        ScanPage { seen: vec![row; items], next: None, units }
    }

    #[test]
    fn a_page_is_paid_for_before_the_next() {
        let now = Timestamp::from_millis(5_000);
        let mut pace = Pace::new(25);
        assert_eq!((pace.wait(now), pace.limit()), (Duration::ZERO, 200));
        // Items of 4 KB: half a unit each.
        pace.count(&page(200, Some(100)), now);
        assert_eq!((pace.wait(now), pace.limit()), (Duration::from_secs(4), 50));
        let later = now.plus(Duration::from_secs(4));
        assert_eq!(pace.wait(later), Duration::ZERO);
        pace.count(&page(50, Some(25)), later);
        assert_eq!((pace.wait(later), pace.limit()), (Duration::from_secs(1), 50));
        // Items that take more than a second are read one by one; a table that doesn't say is read as if each page were
        // full.
        pace.count(&page(1, Some(50)), later);
        assert_eq!((pace.wait(later), pace.limit()), (Duration::from_secs(3), 1));
        let mut pace = Pace::new(128);
        pace.count(&page(0, None), now);
        assert_eq!((pace.wait(now), pace.limit()), (Duration::from_secs(1), 1_024));
    }

    proptest! {
        /// With the waits that it asks for.
        #[test]
        fn in_any_time_no_more_is_read_than_the_pace_and_a_page(
            units_per_second in 1..1_000_u32,
            pages in prop::collection::vec((0..300_usize, 0..=128_u64, 0..2_000_u64), 1..50),
        ) {
            let mut pace = Pace::new(units_per_second);
            let start = Timestamp::from_millis(1_000_000);
            let (mut now, mut read) = (start, 0);
            for (items, units, pause) in pages {
                now = now.plus(pace.wait(now)).plus(Duration::from_millis(pause));
                pace.count(&page(items, Some(units)), now);
                let before = read;
                read += units;
                let allowed = u128::from(units_per_second) * (now.since(start).as_millis() + 50) / 1_000;
                prop_assert!(u128::from(before) <= allowed + 1, "{read} units by {now:?}");
            }
        }
    }
}
