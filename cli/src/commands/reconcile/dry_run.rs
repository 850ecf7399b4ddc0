//! The comparison that only looks: the command reads table and ledger by itself, as the catch-up function does.

use aws::clock::SystemClock;
use aws::operator::ledger::unread;
use shared::control::Comparison;
use shared::event::Event;
use shared::ids::{Group, Key};
use shared::ledger::pace::Pace;
use shared::ledger::reconcile::{self, Ends, plausible_limit};
use shared::ledger::scan::{Aggregate, Grouping};
use shared::ledger::{EventTable, GroupItem, ItemKey, READ_LIMIT, RowHead, Unread};
use shared::text::counted;
use shared::time::Timestamp;

use super::Report;
use crate::commands::event_rows::EventSource;
use crate::commands::operator::{Operator, now};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::progress::Progress;

/// Compares the whole table with the ledger, and adds to `report` where they differ.
///
/// # Errors
///
/// [`Failure`]: table, ledger or config can't be read.
pub(super) async fn compare(
    context: &Context,
    operator: &Operator,
    clients: &[String],
    progress: &Progress,
    report: &mut Report,
) -> Result<(), Failure> {
    let source = EventSource::of_stack(context, operator).await;
    let source =
        source.map_err(|why| Exit::Config.because(format!("the event table can't be read: {why}")))?;
    let of_table = |error: Unread| Failure::from(unread(&source.name, &error));
    let mut pace = Pace::new(source.scan_read_units);
    let (mut grouping, mut after) = (Grouping::default(), None);
    while !report.is_complete {
        progress.spin(&format!("{} compared", counted(report.groups, "group")));
        let page = pace.page(&SystemClock, &source.table, after.as_ref()).await.map_err(of_table)?;
        after = page.next.clone();
        for some in grouping.take(page).chunks(READ_LIMIT) {
            let keys: Vec<ItemKey> = some.iter().map(|seen| ItemKey::Group(Group::of(&seen.key))).collect();
            let items = operator.ledger.read(&keys).await?;
            for Aggregate { key, seen } in some {
                let item = items.group(&Group::of(key)).present();
                let start = operator.registry.start;
                let mut comparison = Comparison { groups: 1, ..Comparison::default() };
                let hint = reconcile::compare(seen.iter().map(|seen| &seen.head), item, start, now());
                if !hint.is_none() {
                    let looked = look_closer(&source.table, key, item, start, now(), &mut comparison).await;
                    looked.map_err(of_table)?;
                }
                report.add(comparison, clients);
            }
        }
        report.is_complete = after.is_none();
    }
    Ok(())
}

/// Compares again by consistent reads: what a scan shows is a hint.
async fn look_closer<E: EventTable>(
    table: &E,
    key: &Key,
    item: Option<&GroupItem>,
    start: Timestamp,
    now: Timestamp,
    comparison: &mut Comparison,
) -> Result<(), Unread> {
    let (mut heads, mut before) = (Vec::<RowHead>::new(), None);
    loop {
        let page = table.heads(key, before.as_ref()).await?;
        heads.extend(page.rows);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let difference = reconcile::compare(&heads, item, start, now);
    let sent = item.map(|item| item.version);
    let mut ends = Ends::default();
    if difference.lowest || difference.highest {
        let limit = plausible_limit(&heads, sent.as_slice());
        loop {
            let page = table.page(key, before.as_ref()).await?;
            page.rows.into_iter().for_each(|row| ends.take(row, limit));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
    }
    let missing = difference.missing(ends, sent);
    difference.note(key, sent, missing.iter().map(Event::version), comparison);
    Ok(())
}

#[cfg(test)]
mod tests {
    use shared::control::EventVersion;
    use shared::ids::{EventIdentity, IncarnationToken};
    use shared::ledger::{First, LastSent, WriteCount};
    use shared::time::Timestamp;

    use super::*;
    use crate::commands::event_rows::tests::table;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn key() -> Key {
        Key::S("AFC F5".to_owned())
    }

    /// The ledger's group at a version, with its first event.
    fn item(version: i64, first: &EventIdentity, holes: &[i64]) -> GroupItem {
        GroupItem {
            write_count: WriteCount(1),
            version,
            behind: [].into(),
            revision: 1,
            sent: LastSent::default(),
            incarnation_number: 1,
            token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
            first: First { identity: first.clone(), version: 1 },
            time: None,
            streamed_at: None,
            key: key(),
            holes: holes.to_vec(),
            pairs: Vec::new(),
            closed: None,
            unknown: [].into(),
        }
    }

    /// The table has versions 1 to 9, of which 9 can't be sent.
    #[tokio::test]
    async fn a_hint_is_followed_by_reading_the_whole_aggregate() {
        let table = table(1..=9);
        let first = table.rows(&key()).pop().unwrap().head.identity;
        let another = Key::S("2025-01-05".to_owned()).into();
        let cases: [(Option<GroupItem>, &[i64], &[i64]); 6] = [
            (None, &[8], &[]),
            (Some(item(7, &first, &[])), &[8], &[]),
            (Some(item(8, &first, &[])), &[], &[]),
            (Some(item(9, &first, &[3])), &[], &[3]),
            // Its first event was another one: it began anew.
            (Some(item(9, &another, &[])), &[1], &[]),
            (Some(item(7, &another, &[])), &[1, 8], &[]),
        ];
        for (item, missing, holes) in cases {
            for items in [1, 2, 100] {
                table.set_items_in_page(items);
                let mut found = Comparison::default();
                let start = Timestamp::from_millis(0);
                look_closer(&table, &key(), item.as_ref(), start, NOW, &mut found).await.unwrap();
                let versions =
                    |all: &[EventVersion]| all.iter().map(|event| event.version).collect::<Vec<_>>();
                assert_eq!(versions(&found.missing), missing, "{item:?}");
                assert_eq!(versions(&found.holes), holes, "{item:?}");
            }
        }
        table.fail();
        let mut found = Comparison::default();
        let unread = look_closer(&table, &key(), None, NOW, NOW, &mut found).await;
        assert!(unread.is_err() && found == Comparison::default());
    }
}
