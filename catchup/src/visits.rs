//! What a scan does in groups, and what it has to do again: one group that cannot be dealt with stops no scan.

use std::collections::BTreeSet;

use shared::clock::Clock;
use shared::ids::Group;
use shared::ledger::scan::{Aggregate, Progress};
use shared::ledger::{EventTable, GroupItem, ItemKey, Ledger, LedgerRead, READ_LIMIT, Reading};
use shared::send::Transport;
use tracing::error;

use super::work::{Work, why_unread};

/// How many groups' items are read at once: besides them the registry, by which it is known that the ledger answers.
pub(super) const GROUPS_AT_ONCE: usize = READ_LIMIT - 1;

/// How many groups are looked at more closely, or adopted, at the same time.
pub(super) const AT_ONCE: usize = 8;

/// What became of a group.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Visit {
    /// The scan need not come again.
    Done,
    /// It has to; this is why.
    Left(String),
}

/// What became of groups, in order. Those that are not in it were not visited.
#[derive(Debug, Default)]
pub(super) struct Visits {
    visits: Vec<(Group, Visit)>,
    /// Why no more were visited: the ledger, or the fan-out queue, does not answer.
    pub(super) stopped: Option<String>,
}

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Reads the items of at most [`GROUPS_AT_ONCE`] groups; or says why the ledger does not answer.
    pub(super) async fn read_groups(&self, groups: &[Aggregate]) -> Result<LedgerRead, String> {
        let mut keys = vec![ItemKey::Registry];
        keys.extend(groups.iter().map(|aggregate| ItemKey::Group(Group::of(&aggregate.key))));
        let found = self.read(&keys).await;
        match found.registry() {
            Reading::Unread => Err(why_unread(&found, &keys)),
            _ => Ok(found),
        }
    }
}

/// The group's item as it was read; or what becomes of the group because it was not.
pub(super) fn item_of<'f>(found: &'f LedgerRead, group: &Group) -> Result<Option<&'f GroupItem>, Visit> {
    let key = ItemKey::Group(group.clone());
    match found.unread(&key) {
        Some(unread) if unread.is_damage() => Err(Visit::passed_over(group, &unread.to_string())),
        _ => found.group(group).known(|| Visit::Left(why_unread(found, &[key]))),
    }
}

impl Visit {
    /// Of a group that no later maintenance can do more about: an operator must act.
    pub(super) fn passed_over(group: &Group, why: &str) -> Self {
        error!(%group, why, "scan over the event table passes over a group; it is not adopted or compared");
        Self::Done
    }
}

impl Visits {
    pub(super) fn extend(&mut self, visits: impl IntoIterator<Item = (Group, Visit)>) {
        self.visits.extend(visits);
    }

    /// Notes how far the scan over `groups` got: one that was not visited is left.
    pub(super) fn note(&self, groups: &[Aggregate], progress: &mut Progress) {
        let done = self.visits.iter().filter(|(_, visit)| *visit == Visit::Done);
        let done: BTreeSet<&Group> = done.map(|(group, _)| group).collect();
        for aggregate in groups {
            progress.pass(aggregate, done.contains(&Group::of(&aggregate.key)));
        }
    }

    /// The first group that is left, and why.
    pub(super) fn first_left(&self) -> Option<(&Group, &str)> {
        self.visits.iter().find_map(|(group, visit)| match visit {
            Visit::Done => None,
            Visit::Left(why) => Some((group, why.as_str())),
        })
    }

    /// Why not all is done, if that is so.
    pub(super) fn why_not_all(&self) -> Option<&str> {
        self.first_left().map(|(_, why)| why).or(self.stopped.as_deref())
    }

    /// How many groups are done before the first that is not.
    pub(super) fn done(&self) -> usize {
        self.visits.iter().take_while(|(_, visit)| *visit == Visit::Done).count()
    }
}
