//! What was sent although its record was lost.

use std::collections::BTreeMap;

use super::{ClientPosition, ClientRun, Reached};
use crate::config::ClientName;
use crate::ledger::{ClientId, Cursor, GroupItem, LastVersion, WriteCount};

/// What clients got of a group by sends of this invocation whose record was lost, or whose record's result is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnrecordedSends(BTreeMap<ClientId, UnrecordedRange>);

/// A client has every event after `after`, up to `up_to`: when they were sent, it had everything up to `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct UnrecordedRange {
    incarnation_number: u64,
    after: i64,
    up_to: i64,
    /// The last version that was sent.
    last: LastVersion,
}

impl UnrecordedSends {
    /// Whether nothing was sent that the ledger doesn't have.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps what was sent by these `runs` of the group of `item`, which end with version `end`, and brought clients as far as
    /// `reached`.
    pub fn keep(&mut self, item: &GroupItem, end: i64, runs: &[ClientRun], reached: &Reached) {
        let incarnation_number = item.incarnation_number;
        for run in runs.iter().filter(|run| !run.events.is_empty()) {
            let client = run.after(reached);
            let is_all = client.has == end;
            let Some(up_to) = (if is_all { Some(client.has) } else { client.last }) else { continue };
            if up_to <= run.position.has {
                continue;
            }
            let sent = UnrecordedRange { incarnation_number, after: item.version, up_to, last: client.last };
            let kept = self.0.entry(client.client).or_insert(sent);
            // What was known and joins on was where this run began.
            let joins = kept.incarnation_number == incarnation_number
                && kept.after <= sent.after
                && kept.up_to >= sent.after;
            *kept = if joins {
                UnrecordedRange { up_to: kept.up_to.max(sent.up_to), last: kept.last.max(sent.last), ..*kept }
            } else {
                sent
            };
        }
    }

    /// What a client has that is up to date in `item`.
    pub(super) fn position(&self, name: &ClientName, client: ClientId, item: &GroupItem) -> ClientPosition {
        let joins = |sent: &&UnrecordedRange| {
            sent.incarnation_number == item.incarnation_number && sent.after <= item.version
        };
        let (has, last) = (item.version, item.sent.of(client));
        let (has, last) = match self.0.get(&client).filter(joins) {
            Some(sent) => (sent.up_to.max(has), sent.last.max(last)),
            None => (has, last),
        };
        ClientPosition { name: name.clone(), client, has, last }
    }

    /// The clients of which something is known in the incarnation of `item`.
    pub(in crate::ledger) fn of(&self, item: &GroupItem) -> impl Iterator<Item = ClientId> {
        let of_incarnation =
            self.0.iter().filter(|(_, sent)| sent.incarnation_number == item.incarnation_number);
        of_incarnation.map(|(client, _)| *client)
    }

    /// What the cursor of a client that is behind now becomes by what is known of it; `None` if it stays
    /// as it is.
    ///
    /// Where the cursor is of a replay, what was sent counts as a repetition, too: a client to which something before it
    /// was missing has acknowledged it without effect. Else the client has it.
    pub(super) fn merge(
        &self,
        client: ClientId,
        item: &GroupItem,
        cursor: &Cursor,
        fresh: &mut dyn FnMut() -> u64,
    ) -> Option<Cursor> {
        let sent = self.0.get(&client)?;
        if cursor.incarnation_number != item.incarnation_number
            || sent.incarnation_number != item.incarnation_number
        {
            return None;
        }
        let mut merged = cursor.clone();
        match merged.replay.as_mut() {
            Some(repeated) if repeated.until >= sent.after => repeated.until = repeated.until.max(sent.up_to),
            _ if cursor.position >= sent.after => {
                merged.position = cursor.position.max(sent.up_to);
                merged.last = cursor.last.max(sent.last);
            }
            _ => {}
        }
        if merged == *cursor {
            return None;
        }
        Some(Cursor { write_count: WriteCount(fresh()), ..merged })
    }
}
