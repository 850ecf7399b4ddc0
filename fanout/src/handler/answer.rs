//! What an invocation comes to: what is counted, and what is delivered again.

use std::time::Duration;

use shared::config::ClientName;
use shared::ids::Group;
use shared::ledger::fan_out::Run;
use shared::metrics::{
    BECAME_BEHIND, HOLES, Latencies, REJECTED, REPAIRED, RETURNED, SENT, Tally, WAITING_AGE,
};
use shared::time::Timestamp;
use tracing::warn;

use super::group::{Verdict, Work};
use crate::message::Delivery;
use crate::returned::backoff;

/// What is counted.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) sent: usize,
    pub(super) latencies: Latencies,
    pub(super) repaired: usize,
    pub(super) holes: usize,
    pub(super) rejected: usize,
    pub(super) became_behind: Vec<ClientName>,
}

impl Counts {
    /// Counts a run that was recorded.
    pub(super) fn recorded(&mut self, group: &Group, run: &Run) {
        self.repaired += run.from_table();
        self.rejected += run.rejected.len();
        if !run.holes.is_empty() {
            let holes = usize::try_from(run.holes.count()).unwrap_or(usize::MAX);
            self.holes = self.holes.saturating_add(holes);
            warn!(%group, versions = %run.holes, "holes: versions that no message and no item had; passed over");
        }
    }

    pub(super) fn note(self, tally: &mut Tally) {
        tally.count(SENT, self.sent);
        tally.count(REPAIRED, self.repaired);
        tally.count(HOLES, self.holes);
        tally.count(REJECTED, self.rejected);
        tally.count(BECAME_BEHIND, self.became_behind.len());
        let mut clients = self.became_behind;
        clients.sort_unstable();
        for of_client in clients.chunk_by(|one, next| one == next) {
            if let Some(client) = of_client.first() {
                tally.count_of(client, BECAME_BEHIND, of_client.len());
            }
        }
        tally.latencies(self.latencies);
    }
}

/// What is delivered again.
pub(super) struct Returned<'d> {
    /// By index, in order.
    pub(super) indexes: Vec<usize>,
    /// By receipt handle, after how long.
    pub(super) changes: Vec<(&'d str, Duration)>,
    /// For how long the oldest of them has been in the queue; `None` if there is none, or SQS does not say.
    age: Option<Duration>,
}

impl<'d> Returned<'d> {
    /// What was given back of `works`, and the messages `unlettered`, which neither can be processed nor got a rejection.
    pub(super) fn of(
        works: &[Work<'_>],
        unsent_rejections: &[usize],
        deliveries: &'d [Delivery<'_>],
        now: Timestamp,
    ) -> Self {
        let of_index = |index: &usize, after: Option<Duration>| {
            let receive_count = deliveries.get(*index).map_or(1, |delivery| delivery.receive_count);
            (*index, after.unwrap_or_else(|| backoff(receive_count)))
        };
        let mut returned: Vec<(usize, Duration)> =
            unsent_rejections.iter().map(|index| of_index(index, None)).collect();
        for work in works {
            let (Some(Verdict::Returned(after)), Some(first)) = (work.verdict, work.indexes.first()) else {
                continue;
            };
            // All of a group become visible at the same time.
            let (_, after) = of_index(first, after);
            returned.extend(work.indexes.iter().map(|index| (*index, after)));
        }
        returned.sort_unstable();
        let delivery = |index: usize| deliveries.get(index);
        let handle = |index: usize| delivery(index)?.receipt_handle.as_deref();
        let sent = |index: usize| {
            let delivery = delivery(index)?;
            delivery.sent.or(delivery.first_received)
        };
        Self {
            indexes: returned.iter().map(|(index, _)| *index).collect(),
            changes: returned.iter().filter_map(|(index, after)| Some((handle(*index)?, *after))).collect(),
            age: returned.iter().filter_map(|(index, _)| sent(*index)).min().map(|sent| now.since(sent)),
        }
    }

    pub(super) fn note(&self, tally: &mut Tally) {
        tally.count(RETURNED, self.indexes.len());
        if let Some(age) = self.age {
            tally.count(WAITING_AGE, usize::try_from(age.as_millis()).unwrap_or(usize::MAX));
        }
    }
}
