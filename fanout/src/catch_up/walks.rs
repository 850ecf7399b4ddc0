//! Walks over the event table, page by page, from one care to the next: for history, and for the comparison of table and
//! ledger.

use futures_util::stream::{self, StreamExt as _};
use shared::ids::{Group, Key};
use shared::ledger::walk::{Aggregate, Grouping, due};
use shared::ledger::{
    Condition, Control, Cursor, EventTable, Item, ItemKey, Ledger, READ_LIMIT, Rev, Walk, WalkKind, Write,
    WriteError,
};
use shared::send::Transport;
use tracing::{info, warn};

use super::adopting::Adopted;
use super::payload::{Ahead, Version};
use super::work::Work;

/// How many groups are adopted at the same time.
const AT_ONCE: usize = 8;

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
        let found = self.read(&[ItemKey::Walk(kind)]).await;
        let before = found.walk(kind).ok_or("the ledger did not answer")?;
        let Some(mut walk) = due(kind, before, control, self.now(), self.fresh_rev()) else { return Ok(()) };
        let mut condition = before.map_or(Condition::Absent, |before| Condition::Rev(before.rev));
        if walk.after.is_none() {
            info!(walk = name(kind), "walk over the event table begins");
        }
        let mut groups = 0;
        let mut grouping = Grouping::new(walk.after.clone().map(|(key, sort)| Cursor { key, sort }));
        let mut cursor = grouping.after().cloned();
        loop {
            if !self.write_walk(kind, condition, &walk).await? {
                return Ok(());
            }
            condition = Condition::Rev(walk.rev);
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
            self.visit(kind, control, completed).await?;
            let after = grouping.after().filter(|_| cursor.is_some());
            walk = Walk {
                rev: self.fresh_rev(),
                after: after.map(|after| (after.key.clone(), after.sort.clone())),
                is_on: cursor.is_some(),
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

    async fn visit(&self, kind: WalkKind, control: &Control, groups: Vec<Aggregate>) -> Result<(), String> {
        match kind {
            WalkKind::History => self.adopt_all(control, &groups).await,
            WalkKind::Reconcile => {
                let compared = self.compare(control, groups).await?;
                for Version { group, version, .. } in &compared.missing {
                    warn!(group, version, "event was missing; it is on the fan-out queue now");
                }
                for Version { group, version, .. } in &compared.holes {
                    warn!(group, version, "version was given up and is there now; a replay from it sends it");
                }
                for Ahead { group, version, highest, .. } in &compared.ahead {
                    warn!(group, version, highest, "more was sent than the event table has");
                }
                Ok(())
            }
        }
    }

    /// Adopts the groups whose items do not account for who is served.
    async fn adopt_all(&self, control: &Control, groups: &[Aggregate]) -> Result<(), String> {
        for some in groups.chunks(READ_LIMIT) {
            let keys: Vec<ItemKey> =
                some.iter().map(|aggregate| ItemKey::Group(Group::of(&aggregate.key))).collect();
            let found = self.read(&keys).await;
            let mut older = Vec::new();
            for Aggregate { key, .. } in some {
                let item = found.group(&Group::of(key)).ok_or("the ledger did not answer")?;
                if item.is_none_or(|item| item.edition < control.edition) {
                    older.push(key);
                }
            }
            let adopted = stream::iter(older).map(|key| self.adopt_one(key)).buffer_unordered(AT_ONCE);
            let adopted: Vec<Result<(), String>> = adopted.collect().await;
            adopted.into_iter().collect::<Result<(), String>>()?;
        }
        Ok(())
    }

    async fn adopt_one(&self, key: &Key) -> Result<(), String> {
        match Box::pin(self.adopt(key)).await {
            Adopted::Done | Adopted::Missing => Ok(()),
            Adopted::Unsettled => {
                Err(format!("the events of group `{}` are being written", Group::of(key).as_str()))
            }
            Adopted::Failed(why) => Err(why),
        }
    }

    fn fresh_rev(&self) -> Rev {
        Rev(self.edge.ledger.fresh())
    }
}

fn name(kind: WalkKind) -> &'static str {
    match kind {
        WalkKind::History => "history",
        WalkKind::Reconcile => "reconcile",
    }
}
