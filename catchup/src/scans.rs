//! Scans over the event table, page by page, from one maintenance to the next: for history, and for the comparison of
//! table and ledger.

use futures_util::stream::{self, StreamExt as _};
use shared::clock::Clock;
use shared::control::{Comparison, EventPair, EventVersion, GroupAhead};
use shared::ids::Group;
use shared::ledger::scan::{Aggregate, Grouping, Progress, due};
use shared::ledger::{
    Condition, EventTable, Item, ItemKey, Ledger, LedgerRead, Registry, Scan, ScanKind, ScanPosition, Write,
    WriteCount, WriteError,
};
use shared::panics::{PANICKED, caught};
use shared::send::Transport;
use tracing::{info, warn};

use super::adopting::Adoption;
use super::visits::{AT_ONCE, GROUPS_AT_ONCE, Visit, Visits, item_of};
use super::work::{Work, why_unread};

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Goes on with the scans that there is reason for, as far as there is time.
    pub(super) async fn scans(&self, registry: &Registry) {
        for kind in [ScanKind::History, ScanKind::Reconcile] {
            if let Err(why) = Box::pin(self.scan(kind, registry)).await {
                warn!(
                    scan = name(kind),
                    why, "scan over the event table stands still until the next maintenance"
                );
            }
        }
    }

    async fn scan(&self, kind: ScanKind, registry: &Registry) -> Result<(), String> {
        let keys = [ItemKey::Scan(kind)];
        let found = self.read(&keys).await;
        let before = found.scan(kind).known(|| why_unread(&found, &keys))?;
        let Some(mut scan) = due(kind, before, registry, self.now(), self.fresh_write_count()) else {
            return Ok(());
        };
        let mut condition =
            before.map_or(Condition::Absent, |before| Condition::WriteCount(before.write_count));
        if scan.after.is_none() {
            info!(scan = name(kind), "scan over the event table begins");
        }
        let mut groups = 0;
        let mut progress = Progress::new(scan.after.clone().map(|(key, sort)| ScanPosition { key, sort }));
        let mut scan_position = progress.after().cloned();
        let mut grouping = Grouping::default();
        let mut stopped = None;
        loop {
            if !self.write_scan(kind, condition, &scan).await? {
                return Ok(());
            }
            condition = Condition::WriteCount(scan.write_count);
            if let Some(why) = stopped {
                return Err(why);
            }
            if !scan.is_on {
                info!(scan = name(kind), groups, "scan over the event table has reached the end");
                return Ok(());
            }
            // A page that completes no group changes nothing that would have to be written.
            let completed = loop {
                let page = self.scan_page(scan_position.as_ref()).await.map_err(|error| error.to_string())?;
                let Some(page) = page else { return Ok(()) };
                scan_position = page.next.clone();
                let completed = grouping.take(page);
                if !completed.is_empty() || scan_position.is_none() {
                    break completed;
                }
            };
            groups += completed.len();
            let visited = self.visit(kind, registry, &completed).await;
            log_left(kind, &progress, &visited);
            visited.note(&completed, &mut progress);
            // What is left is come past again, by the next maintenance.
            let is_at_end = scan_position.is_none();
            let is_done = is_at_end && !progress.has_left();
            stopped =
                visited.stopped.or_else(|| (is_at_end && !is_done).then(|| "groups are left".to_owned()));
            let after = progress.after().filter(|_| !is_done);
            scan = Scan {
                write_count: self.fresh_write_count(),
                after: after.map(|after| (after.key.clone(), after.sort.clone())),
                is_on: !is_done,
                ..scan
            };
        }
    }

    /// Returns whether the scan is still this maintenance's: a later one takes it over.
    async fn write_scan(&self, kind: ScanKind, condition: Condition, scan: &Scan) -> Result<bool, String> {
        let write = Write { key: ItemKey::Scan(kind), condition, item: Some(Item::Scan(scan.clone())) };
        match self.ports.ledger.write(&[write]).await {
            Ok(()) => Ok(true),
            Err(WriteError::Lost) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn visit(&self, kind: ScanKind, registry: &Registry, groups: &[Aggregate]) -> Visits {
        match kind {
            ScanKind::History => self.adopt_all(registry, groups).await,
            ScanKind::Reconcile => {
                let (compared, visited) = self.compare(registry, groups).await;
                log_differences(&compared);
                visited
            }
        }
    }

    /// Adopts the groups whose items do not account for who is served.
    async fn adopt_all(&self, registry: &Registry, groups: &[Aggregate]) -> Visits {
        let mut visited = Visits::default();
        for some in groups.chunks(GROUPS_AT_ONCE) {
            let found = match self.read_groups(some).await {
                Ok(found) => found,
                Err(why) => {
                    visited.stopped = Some(why);
                    break;
                }
            };
            let visits = stream::iter(some).map(async |aggregate| {
                let group = Group::of(&aggregate.key);
                let adopted = self.adopt_one(registry, &found, aggregate, &group);
                let visit = caught(adopted, || Visit::passed_over(&group, PANICKED)).await;
                (group, visit)
            });
            visited.extend(visits.buffered(AT_ONCE).collect::<Vec<_>>().await);
        }
        visited
    }

    async fn adopt_one(
        &self,
        registry: &Registry,
        found: &LedgerRead,
        aggregate: &Aggregate,
        group: &Group,
    ) -> Visit {
        let is_newest = match item_of(found, group) {
            Ok(item) => item.is_some_and(|item| item.revision >= registry.revision),
            Err(visit) => return visit,
        };
        if is_newest {
            return Visit::Done;
        }
        match Box::pin(self.adopt(&aggregate.key)).await {
            Adoption::Done | Adoption::Missing => Visit::Done,
            Adoption::HandedOver => Visit::Left(
                "the fan-out has been made to look at it, and waits for what may be missing of it".to_owned(),
            ),
            Adoption::PassedOver(why) => Visit::passed_over(group, &why),
            Adoption::Failed(why) => Visit::Left(why),
        }
    }

    fn fresh_write_count(&self) -> WriteCount {
        WriteCount(self.ports.ledger.fresh())
    }
}

/// Logs the first group that a scan leaves to the next maintenance: one line for each scan.
fn log_left(kind: ScanKind, before: &Progress, visited: &Visits) {
    let Some((group, why)) = visited.first_left().filter(|_| !before.has_left()) else { return };
    warn!(
        scan = name(kind),
        %group, why, "a group is left to the next maintenance, which goes on there; the scan passes it"
    );
}

fn log_differences(compared: &Comparison) {
    for EventVersion { group, version, .. } in &compared.missing {
        warn!(group, version, "event was missing; it is on the fan-out queue now");
    }
    for EventVersion { group, version, .. } in &compared.holes {
        warn!(group, version, "version was given up and is there now; a replay from it sends it");
    }
    for EventPair { group, version, .. } in &compared.pairs {
        warn!(group, version, "two events have this version; `fanoutctl reconcile` shows their sort keys");
    }
    for EventVersion { group, version, .. } in &compared.implausible {
        warn!(group, version, "version is too far above all others of its aggregate; it is not believed");
    }
    for EventVersion { group, version, .. } in &compared.of_unknown_age {
        warn!(
            group,
            version, "no time tells whether these events are older than the ledger; they are not repaired"
        );
    }
    for GroupAhead { group, version, highest, .. } in &compared.ahead {
        warn!(group, version, highest, "more was sent than the event table has");
    }
}

fn name(kind: ScanKind) -> &'static str {
    match kind {
        ScanKind::History => "history",
        ScanKind::Reconcile => "reconcile",
    }
}
