//! What was sent although its record was lost.

use std::collections::BTreeMap;

use super::{Reached, RunPlan};
use crate::ledger::{ClientId, Cursor, GroupItem, WriteCount};

/// What clients got of a group by sends of this invocation whose record was lost, or whose record's result is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnrecordedSends(BTreeMap<ClientId, UnrecordedRange>);

/// A client has every event after `after`, up to `up_to`: when they were sent, it had everything up to `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct UnrecordedRange {
    incarnation_number: u64,
    after: i64,
    up_to: i64,
}

/// What becomes of a cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Merge {
    Same,
    Changed(Cursor),
}

impl UnrecordedSends {
    /// Keeps what was sent by `plan`, which brought clients as far as `reached`.
    pub fn keep(&mut self, plan: &RunPlan, reached: &Reached) {
        let incarnation_number = plan.item.incarnation_number;
        for start in &plan.tried {
            let up_to = start.reached(reached);
            if up_to <= start.has {
                continue;
            }
            let sent = UnrecordedRange { incarnation_number, after: plan.item.version, up_to };
            let kept = self.0.entry(start.client).or_insert(sent);
            // What was known and joins on was where this run began.
            let joins = kept.incarnation_number == incarnation_number
                && kept.after <= sent.after
                && kept.up_to >= sent.after;
            *kept = if joins { UnrecordedRange { up_to: kept.up_to.max(sent.up_to), ..*kept } } else { sent };
        }
    }

    /// Up to which version a client has everything that is up to date in `item`.
    pub(super) fn has(&self, client: ClientId, item: &GroupItem) -> i64 {
        let joins = |sent: &&UnrecordedRange| {
            sent.incarnation_number == item.incarnation_number && sent.after <= item.version
        };
        self.0.get(&client).filter(joins).map_or(item.version, |sent| sent.up_to.max(item.version))
    }

    /// The clients of which something is known in the incarnation of `item`.
    pub(super) fn of(&self, item: &GroupItem) -> impl Iterator<Item = ClientId> {
        let of_incarnation =
            self.0.iter().filter(|(_, sent)| sent.incarnation_number == item.incarnation_number);
        of_incarnation.map(|(client, _)| *client)
    }

    /// What the cursor of a client that is behind now becomes by what is known of it.
    ///
    /// Where the cursor is still repeating, what was sent counts as a repetition too; else the client has it.
    pub(super) fn merge(
        &self,
        client: ClientId,
        item: &GroupItem,
        cursor: &Cursor,
        fresh: &mut dyn FnMut() -> u64,
    ) -> Merge {
        let Some(sent) = self.0.get(&client) else { return Merge::Same };
        if cursor.incarnation_number != item.incarnation_number
            || sent.incarnation_number != item.incarnation_number
        {
            return Merge::Same;
        }
        let mut merged = cursor.clone();
        match merged.replay.as_mut().filter(|repeated| cursor.position < repeated.until) {
            Some(repeated) if repeated.until >= sent.after => repeated.until = repeated.until.max(sent.up_to),
            None if cursor.position >= sent.after => merged.position = cursor.position.max(sent.up_to),
            _ => {}
        }
        if merged == *cursor {
            return Merge::Same;
        }
        Merge::Changed(Cursor { write_count: WriteCount(fresh()), ..merged })
    }
}
