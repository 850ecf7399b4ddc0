//! Walks over the event table, page by page, from one care to the next: for history, and for the comparison of table and
//! ledger.

use futures_util::stream::{self, StreamExt as _};
use shared::ids::Group;
use shared::ledger::walk::{Aggregate, Grouping, Progress, due};
use shared::ledger::{
    Condition, Control, Cursor, EventTable, Found, Item, ItemKey, Ledger, Rev, Walk, WalkKind, Write,
    WriteError,
};
use shared::send::Transport;
use tracing::{info, warn};

use super::adopting::Adopted;
use super::payload::{Ahead, Compared, Version};
use super::visits::{AT_ONCE, GROUPS_AT_ONCE, Visit, Visited, item_of};
use super::work::{Work, why_unread};

impl<T: Transport, L: Ledger, E: EventTable> Work<'_, T, L, E> {
    /// Goes on with the walks that there is reason for, as far as there is time.
    pub(super) async fn walks(&self, control: &Control) {
        for kind in [WalkKind::History, WalkKind::Reconcile] {
            if let Err(why) = Box::pin(self.walk(kind, control)).await {
                warn!(walk = name(kind), why, "walk over the event table stands still until the next care");
            }
        }
    }

    async fn walk(&self, kind: WalkKind, control: &Control) -> Result<(), String> {
        let keys = [ItemKey::Walk(kind)];
        let found = self.read(&keys).await;
        let before = found.walk(kind).ok_or_else(|| why_unread(&found, &keys))?;
        let Some(mut walk) = due(kind, before, control, self.now(), self.fresh_rev()) else { return Ok(()) };
        let mut condition = before.map_or(Condition::Absent, |before| Condition::Rev(before.rev));
        if walk.after.is_none() {
            info!(walk = name(kind), "walk over the event table begins");
        }
        let mut groups = 0;
        let mut progress = Progress::new(walk.after.clone().map(|(key, sort)| Cursor { key, sort }));
        let mut cursor = progress.after().cloned();
        let mut grouping = Grouping::default();
        let mut stopped = None;
        loop {
            if !self.write_walk(kind, condition, &walk).await? {
                return Ok(());
            }
            condition = Condition::Rev(walk.rev);
            if let Some(why) = stopped {
                return Err(why);
            }
            if !walk.is_on {
                info!(walk = name(kind), groups, "walk over the event table has reached the end");
                return Ok(());
            }
            // A page that completes no group changes nothing that would have to be written.
            let completed = loop {
                if self.is_over() {
                    return Ok(());
                }
                let page = self.edge.table.scan(cursor.as_ref()).await.map_err(|error| error.to_string())?;
                cursor = page.next.clone();
                let completed = grouping.take(page);
                if !completed.is_empty() || cursor.is_none() {
                    break completed;
                }
            };
            groups += completed.len();
            let visited = self.visit(kind, control, &completed).await;
            log_left(kind, &progress, &completed, &visited);
            visited.note(&completed, &mut progress);
            // What is left is come past again, by the next care.
            let is_at_end = cursor.is_none();
            let is_done = is_at_end && !progress.has_left();
            stopped =
                visited.stopped.or_else(|| (is_at_end && !is_done).then(|| "groups are left".to_owned()));
            let after = progress.after().filter(|_| !is_done);
            walk = Walk {
                rev: self.fresh_rev(),
                after: after.map(|after| (after.key.clone(), after.sort.clone())),
                is_on: !is_done,
                ..walk
            };
        }
    }

    /// Answers whether the walk is still this care's: a later one takes it over.
    async fn write_walk(&self, kind: WalkKind, condition: Condition, walk: &Walk) -> Result<bool, String> {
        let write = Write { key: ItemKey::Walk(kind), condition, item: Some(Item::Walk(walk.clone())) };
        match self.edge.ledger.write(&[write]).await {
            Ok(()) => Ok(true),
            Err(WriteError::Lost) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn visit(&self, kind: WalkKind, control: &Control, groups: &[Aggregate]) -> Visited {
        match kind {
            WalkKind::History => self.adopt_all(control, groups).await,
            WalkKind::Reconcile => {
                let (compared, visited) = self.compare(control, groups).await;
                log_differences(&compared);
                visited
            }
        }
    }

    /// Adopts the groups whose items do not account for who is served.
    async fn adopt_all(&self, control: &Control, groups: &[Aggregate]) -> Visited {
        let mut visited = Visited::default();
        for some in groups.chunks(GROUPS_AT_ONCE) {
            let found = match self.read_groups(some).await {
                Ok(found) => found,
                Err(why) => {
                    visited.stopped = Some(why);
                    break;
                }
            };
            let visits = stream::iter(some).map(|aggregate| self.adopt_one(control, &found, aggregate));
            let visits: Vec<Visit> = visits.buffered(AT_ONCE).collect().await;
            visited.extend(visits);
        }
        visited
    }

    async fn adopt_one(&self, control: &Control, found: &Found, aggregate: &Aggregate) -> Visit {
        let group = Group::of(&aggregate.key);
        let is_newest = match item_of(found, &group) {
            Ok(item) => item.is_some_and(|item| item.edition >= control.edition),
            Err(visit) => return visit,
        };
        if is_newest {
            return Visit::Done;
        }
        match Box::pin(self.adopt(&aggregate.key)).await {
            Adopted::Done | Adopted::Missing => Visit::Done,
            Adopted::HandedOver => Visit::Left(
                "the fan-out has been made to look at it, and waits for what may be missing of it".to_owned(),
            ),
            Adopted::PassedOver(why) => Visit::passed_over(&group, &why),
            Adopted::Failed(why) => Visit::Left(why),
        }
    }

    fn fresh_rev(&self) -> Rev {
        Rev(self.edge.ledger.fresh())
    }
}

/// Logs the first group that a walk leaves to the next care: one line for each walk.
fn log_left(kind: WalkKind, before: &Progress, groups: &[Aggregate], visited: &Visited) {
    let Some((place, why)) = visited.first_left().filter(|_| !before.has_left()) else { return };
    let Some(aggregate) = groups.get(place) else { return };
    let group = Group::of(&aggregate.key);
    warn!(
        walk = name(kind),
        %group, why, "a group is left to the next care, which goes on there; the walk passes it"
    );
}

fn log_differences(compared: &Compared) {
    for Version { group, version, .. } in &compared.missing {
        warn!(group, version, "event was missing; it is on the fan-out queue now");
    }
    for Version { group, version, .. } in &compared.holes {
        warn!(group, version, "version was given up and is there now; a replay from it sends it");
    }
    for Ahead { group, version, highest, .. } in &compared.ahead {
        warn!(group, version, highest, "more was sent than the event table has");
    }
}

fn name(kind: WalkKind) -> &'static str {
    match kind {
        WalkKind::History => "history",
        WalkKind::Reconcile => "reconcile",
    }
}
