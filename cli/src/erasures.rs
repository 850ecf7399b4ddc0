//! Which clients were told of which erasures, read from the ledger.

use std::cmp::Reverse;
use std::time::Duration;

use shared::ledger::{ClientId, ErasureReceipt, Ledger, ReceiptPlace, Unread};
use shared::time::Timestamp;

/// How long a notice may be due before that needs attention: the threshold of the stack's alarm `ErasureLate`.
pub const ERASURE_LATE: Duration = Duration::from_secs(24 * 60 * 60);

/// A client's receipts of notices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipts {
    /// Those that are due, the oldest first.
    pub due: Vec<(ReceiptPlace, ErasureReceipt)>,
    /// Those that are settled, the last first.
    pub settled: Vec<(ReceiptPlace, ErasureReceipt)>,
    /// How many older ones are settled, too.
    pub left_out: usize,
}

/// The notices that a client is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DueNotices {
    /// How many.
    pub count: usize,
    /// Since when the oldest is due.
    pub since: Option<Timestamp>,
    /// Whether there are more than were counted, so that both figures are lower bounds.
    pub is_more: bool,
}

/// The receipts of `client`: all that are due, and at most `limit` of the others. All of them are read, a page at a
/// time.
///
/// # Errors
///
/// [`Unread`]: the ledger could not be read.
pub async fn receipts<L: Ledger>(ledger: &L, client: ClientId, limit: usize) -> Result<Receipts, Unread> {
    // A notice is settled while this reads: it is shown twice rather than not at all.
    let mut receipts = Receipts::default();
    let mut after = None;
    loop {
        let page = ledger.receipts(client, true, after.as_ref()).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        receipts.due.extend(page);
    }
    receipts.due.sort_by_key(|(_, receipt)| receipt.closed_at);
    after = None;
    loop {
        let page = ledger.receipts(client, false, after.as_ref()).await?;
        let Some((last, _)) = page.last() else { return Ok(receipts) };
        after = Some(last.clone());
        receipts.settled.extend(page);
        receipts.limit_to(limit);
    }
}

/// The notices that `client` is due, of which about `limit` are counted.
///
/// # Errors
///
/// [`Unread`]: the ledger could not be read.
pub async fn due_notices<L: Ledger>(
    ledger: &L,
    client: ClientId,
    limit: usize,
) -> Result<DueNotices, Unread> {
    let mut due = DueNotices::default();
    let mut after = None;
    loop {
        let page = ledger.receipts(client, true, after.as_ref()).await?;
        let Some((last, _)) = page.last() else { return Ok(due) };
        if due.count >= limit {
            due.is_more = true;
            return Ok(due);
        }
        after = Some(last.clone());
        due.count += page.len();
        let oldest = page.iter().map(|(_, receipt)| receipt.closed_at).min();
        due.since = due.since.into_iter().chain(oldest).min();
    }
}

impl Receipts {
    /// Sorts the settled ones, and leaves out those above `limit`.
    fn limit_to(&mut self, limit: usize) {
        self.settled.sort_by_key(|(_, receipt)| Reverse(settled_at(receipt)));
        self.left_out += self.settled.len().saturating_sub(limit);
        self.settled.truncate(limit);
    }
}

impl DueNotices {
    /// Whether a notice has been due for at least [`ERASURE_LATE`].
    pub fn is_late(&self, now: Timestamp) -> bool {
        self.since.is_some_and(|since| now.since(since) >= ERASURE_LATE)
    }
}

/// When the notice was settled; `None` if it is due.
pub fn settled_at(receipt: &ErasureReceipt) -> Option<Timestamp> {
    receipt.settled.map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use shared::ids::{Group, IncarnationToken, Key};
    use shared::ledger::{Item, ItemKey, Settlement, WriteCount};
    use testkit::memory::MemoryLedger;

    use super::*;

    const CLIENT: ClientId = ClientId(2);

    /// A ledger with a receipt for each of these: the aggregate, when it was erased, and when that was settled.
    fn ledger(receipts: &[(&str, u64, Option<u64>)]) -> MemoryLedger {
        let ledger = MemoryLedger::new(0);
        for (name, closed_at, settled_at) in receipts {
            let key = Key::S((*name).to_owned());
            let place = ReceiptPlace { group: Group::of(&key), incarnation_number: 1 };
            let receipt = ErasureReceipt {
                write_count: WriteCount(1),
                key,
                token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
                closed_at: Timestamp::from_millis(*closed_at),
                settled: settled_at.map(|at| (Settlement::Told, Timestamp::from_millis(at))),
                unknown: [].into(),
            };
            let item_key = if receipt.settled.is_some() { ItemKey::Receipt } else { ItemKey::Due };
            ledger.put(item_key(CLIENT, place), Item::Receipt(receipt));
        }
        ledger
    }

    #[tokio::test]
    async fn due_ones_come_oldest_first_and_settled_ones_newest_first_up_to_a_limit() {
        let ledger = ledger(&[
            ("A", 300, None),
            ("B", 100, None),
            ("C", 50, Some(60)),
            ("D", 10, Some(90)),
            ("E", 20, Some(70)),
        ]);
        let check = async |client, limit, due: &str, settled: &str, left_out| {
            let found = receipts(&ledger, client, limit).await.unwrap();
            let groups = |receipts: &[(ReceiptPlace, ErasureReceipt)]| {
                let groups: Vec<&str> = receipts.iter().map(|(place, _)| place.group.as_str()).collect();
                groups.join(" ")
            };
            assert_eq!((groups(&found.due), groups(&found.settled)), (due.to_owned(), settled.to_owned()));
            assert_eq!(found.left_out, left_out);
        };
        check(CLIENT, 3, "B A", "D E C", 0).await;
        check(CLIENT, 2, "B A", "D E", 1).await;
        check(CLIENT, 0, "B A", "", 3).await;
        check(ClientId(3), 2, "", "", 0).await;
    }

    #[tokio::test]
    async fn due_notices_are_counted_and_late_from_a_day_on() {
        let receipts = [("A", 300, None), ("B", 100, None), ("C", 50, Some(60))];
        let due = due_notices(&ledger(&receipts), CLIENT, 10).await.unwrap();
        assert_eq!(due, DueNotices { count: 2, since: Some(Timestamp::from_millis(100)), is_more: false });
        let day = 24 * 60 * 60 * 1_000;
        for (now, expected) in [(100, false), (day + 99, false), (day + 100, true)] {
            assert_eq!(due.is_late(Timestamp::from_millis(now)), expected, "{now}");
        }
        let none = due_notices(&ledger(&[("C", 50, Some(60))]), CLIENT, 10).await.unwrap();
        assert!(none == DueNotices::default() && !none.is_late(Timestamp::from_millis(u64::MAX)));
    }
}
