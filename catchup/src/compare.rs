//! Table and ledger compared, page by page of the table.

use futures_util::stream::{self, StreamExt as _};
use shared::clock::Clock;
use shared::control::{Comparison, TablePosition};
use shared::event::Event;
use shared::ids::{Group, Key};
use shared::ledger::reconcile::{Difference, Ends, VersionPair, compare};
use shared::ledger::scan::{Aggregate, Grouping, Progress};
use shared::ledger::{EventTable, GroupItem, ItemKey, Ledger, Reading, Registry, ScanPosition, note_pairs};
use shared::panics::{PANICKED, caught};
use shared::send::Transport;

use super::payload::ControlError;
use super::visits::{AT_ONCE, GROUPS_AT_ONCE, Visit, Visits, item_of};
use super::work::{AfterFailure, SurveyError, Update, Work, why_unread};

/// The most findings of one answer, and so its size: each has a key of up to 2 KB, and Lambda takes 6 MB.
const FINDINGS_LIMIT: usize = 1_000;

const NO_TIME: &str = "no time was left to read one group";

/// What differs in a group, by a consistent read of the table.
struct GroupDifference {
    key: Key,
    difference: Difference,
    /// The group's version; `None` of a group that the ledger does not know.
    sent: Option<i64>,
    /// To be put on the fan-out queue, the lowest first.
    missing: Vec<Event>,
}

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Compares by request, as far as there is time.
    pub(super) async fn reconcile(&self, after: Option<TablePosition>) -> Result<Comparison, ControlError> {
        let registry = self.registry().await?;
        let mut progress = Progress::new(after.map(ScanPosition::try_from).transpose()?);
        let mut scan_position = progress.after().cloned();
        let mut grouping = Grouping::default();
        let mut compared = Comparison::default();
        let why = loop {
            let page = match self.scan_page(scan_position.as_ref()).await {
                Ok(Some(page)) => page,
                Ok(None) => break NO_TIME.to_owned(),
                Err(error) => break error.to_string(),
            };
            scan_position = page.next.clone();
            let groups = grouping.take(page);
            let (more, visited) = Box::pin(self.compare(&registry, &groups)).await;
            compared.add(more);
            visited.note(&groups, &mut progress);
            let is_done = scan_position.is_none() && visited.why_not_all().is_none();
            compared.after = progress.after().filter(|_| !is_done).map(TablePosition::from);
            if is_done {
                return Ok(compared);
            }
            if let Some(why) = visited.why_not_all() {
                break why.to_owned();
            }
            if self.is_over() || compared.findings() >= FINDINGS_LIMIT {
                break NO_TIME.to_owned();
            }
        };
        // What was compared stands, if there is a place to go on from.
        if compared.groups > 0 && compared.after.is_some() {
            return Ok(compared);
        }
        Err(ControlError::Failed { what: "the comparison", why })
    }

    /// Compares groups, and puts what is missing on the fan-out queue.
    pub(super) async fn compare(&self, registry: &Registry, groups: &[Aggregate]) -> (Comparison, Visits) {
        let (mut compared, mut visited) = (Comparison::default(), Visits::default());
        for some in groups.chunks(GROUPS_AT_ONCE) {
            match self.compare_some(registry, some).await {
                Ok((found, visits)) => {
                    for GroupDifference { key, difference, sent, missing } in found {
                        difference.note(&key, sent, missing.iter().map(Event::version), &mut compared);
                    }
                    visited.extend(visits);
                }
                Err(why) => {
                    visited.stopped = Some(why);
                    break;
                }
            }
        }
        compared.groups = visited.done();
        (compared, visited)
    }

    async fn compare_some(
        &self,
        registry: &Registry,
        groups: &[Aggregate],
    ) -> Result<(Vec<GroupDifference>, Vec<(Group, Visit)>), String> {
        let read = self.read_groups(groups).await?;
        let looked = stream::iter(groups).map(async |Aggregate { key, seen }| {
            let group = Group::of(key);
            let looked = Box::pin(async {
                let item = item_of(&read, &group)?;
                let rows = seen.iter().map(|seen| &seen.head);
                if compare(rows, item, registry.start, self.now()).is_none() {
                    return Ok(None);
                }
                self.look_closer(registry, key, item).await.map(Some)
            });
            let looked = caught(looked, || Err(Visit::passed_over(&group, PANICKED))).await;
            (group, looked)
        });
        let looked: Vec<(Group, Result<Option<GroupDifference>, Visit>)> =
            looked.buffered(AT_ONCE).collect().await;
        let (mut found, mut visits) = (Vec::new(), Vec::new());
        for (group, looked) in looked {
            match looked {
                Ok(differs) => {
                    found.extend(differs);
                    visits.push((group, Visit::Done));
                }
                Err(visit) => visits.push((group, visit)),
            }
        }
        self.put_missing(&found).await?;
        for GroupDifference { key, difference, .. } in &found {
            if !difference.pairs.is_empty() {
                self.count_pairs(&Group::of(key), &difference.pairs).await?;
            }
        }
        Ok((found, visits))
    }

    /// Compares again by a consistent read: what a scan shows is a hint.
    async fn look_closer(
        &self,
        registry: &Registry,
        key: &Key,
        item: Option<&GroupItem>,
    ) -> Result<GroupDifference, Visit> {
        let sent: Vec<i64> = item.iter().map(|item| item.version).collect();
        let not_read = |error: SurveyError| match error {
            SurveyError::TooLong => Visit::passed_over(&Group::of(key), &error.to_string()),
            SurveyError::Unread(unread) => Visit::Left(unread.to_string()),
        };
        let heads = self.heads(key).await.map_err(not_read)?;
        let difference = compare(&heads, item, registry.start, self.now());
        let ends = if difference.lowest || difference.highest {
            self.ends(key, &heads, &sent).await.map_err(not_read)?
        } else {
            Ends::default()
        };
        let sent = item.map(|item| item.version);
        let missing = difference.missing(ends, sent);
        Ok(GroupDifference { key: key.clone(), difference, sent, missing })
    }

    /// Counts the versions of a group that two events have. The ledger remembers them, so that each is counted once.
    async fn count_pairs(&self, group: &Group, pairs: &[VersionPair]) -> Result<(), String> {
        let keys = [ItemKey::Group(group.clone())];
        let count = self.update(&keys, AfterFailure::ReadAgain, async |found| match found.group(group) {
            Reading::Present(item) => match note_pairs(group, item, pairs.iter().map(|pair| pair.version)) {
                Some((transactions, new)) => Update::Write(transactions, new.len()),
                None => Update::Done(0),
            },
            // A group that the ledger does not know is looked at again when it does.
            Reading::Missing => Update::Done(0),
            Reading::Unread => Update::ReadAgain(why_unread(found, &keys)),
        });
        self.pairs.set(self.pairs.get() + count.await?);
        Ok(())
    }

    async fn put_missing(&self, found: &[GroupDifference]) -> Result<(), String> {
        let missing = found.iter().flat_map(|found| &found.missing);
        let put = self.put_repairs(missing, self.last_start()).await;
        put.map_err(|stop| format!("the fan-out queue: {}", stop.why))
    }
}
