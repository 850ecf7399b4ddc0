//! Step 10: what was sent although its record was lost.

use std::collections::BTreeMap;

use super::Plan;
use crate::ledger::{ClientId, GroupItem, Marker, Rev};

/// What clients got of a group by sends of this invocation whose record was lost, or whose record's result is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known(BTreeMap<ClientId, Sent>);

/// A client has every event after `after`, up to `up_to`: when they were sent, it had everything up to `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    life: u64,
    after: u64,
    up_to: u64,
}

/// What becomes of a marker.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Merge {
    Same,
    Changed(Marker),
}

impl Known {
    /// Keeps what was sent by `plan`: each tried client has everything up to the version in `reached`.
    pub fn keep(&mut self, plan: &Plan, reached: &[u64]) {
        let life = plan.item.life;
        for (start, up_to) in plan.tried.iter().zip(reached) {
            if *up_to <= start.has {
                continue;
            }
            let sent = Sent { life, after: plan.item.version, up_to: *up_to };
            let kept = self.0.entry(start.client).or_insert(sent);
            // What was known and joins on was where this run began.
            let joins = kept.life == life && kept.after <= sent.after && kept.up_to >= sent.after;
            *kept = if joins { Sent { up_to: kept.up_to.max(sent.up_to), ..*kept } } else { sent };
        }
    }

    /// Up to which version a client has everything that is level in `item`.
    pub(super) fn has(&self, client: ClientId, item: &GroupItem) -> u64 {
        let joins = |sent: &&Sent| sent.life == item.life && sent.after <= item.version;
        self.0.get(&client).filter(joins).map_or(item.version, |sent| sent.up_to.max(item.version))
    }

    /// The clients of which something is known in the life of `item`.
    pub(super) fn of(&self, item: &GroupItem) -> impl Iterator<Item = ClientId> {
        let of_life = self.0.iter().filter(|(_, sent)| sent.life == item.life);
        of_life.map(|(client, _)| *client)
    }

    /// What the marker of a client that is behind now becomes by what is known of it.
    ///
    /// Where the marker is still repeating, what was sent counts as a repetition too; else the client has it.
    pub(super) fn merge(
        &self,
        client: ClientId,
        item: &GroupItem,
        marker: &Marker,
        fresh: &mut dyn FnMut() -> u64,
    ) -> Merge {
        let Some(sent) = self.0.get(&client) else { return Merge::Same };
        if marker.life != item.life || sent.life != item.life {
            return Merge::Same;
        }
        let mut merged = marker.clone();
        let repeats = marker.have < marker.again;
        if repeats && marker.again >= sent.after {
            merged.again = marker.again.max(sent.up_to);
        } else if !repeats && marker.have >= sent.after {
            merged.have = marker.have.max(sent.up_to);
        }
        if merged == *marker {
            return Merge::Same;
        }
        Merge::Changed(Marker { rev: Rev(fresh()), ..merged })
    }
}
