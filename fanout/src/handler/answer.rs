//! What an invocation comes to: what is counted, and what is delivered again.

use std::time::Duration;

use shared::config::ClientName;
use shared::ids::Group;
use shared::ledger::fan_out::EventRun;
use shared::metrics::{
    BECAME_BEHIND, END_TO_END_LATENCY, HOLES, Latencies, REJECTED, REPAIRED, RETURNED, SENT, Tally,
    VERSIONS_USED_TWICE, WAITING_AGE,
};
use shared::time::Timestamp;
use tracing::warn;

use super::group::{DoneGroup, Verdict};
use crate::message::Delivery;
use crate::returned::backoff;

/// What is counted.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) sent: usize,
    pub(super) latencies: Latencies,
    pub(super) repaired: usize,
    pub(super) holes: usize,
    pub(super) pairs: usize,
    pub(super) rejected: usize,
    pub(super) became_behind: Vec<ClientName>,
}

impl Counts {
    /// Counts a run that was recorded.
    pub(super) fn recorded(&mut self, group: &Group, run: &EventRun) {
        self.repaired += run.from_table();
        self.rejected += run.rejected.len();
        self.pairs += run.pairs.len();
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
        tally.count(VERSIONS_USED_TWICE, self.pairs);
        tally.count(REJECTED, self.rejected);
        tally.count(BECAME_BEHIND, self.became_behind.len());
        let mut clients = self.became_behind;
        clients.sort_unstable();
        for of_client in clients.chunk_by(|one, next| one == next) {
            if let Some(client) = of_client.first() {
                tally.count_of(client, BECAME_BEHIND, of_client.len());
            }
        }
        tally.latencies(END_TO_END_LATENCY, self.latencies);
    }
}

/// A message that is delivered again.
struct ReturnedMessage<'b> {
    delivery: &'b Delivery<'b>,
    /// After this time.
    after: Duration,
}

/// What is delivered again.
pub(super) struct ReturnedMessages<'b>(Vec<ReturnedMessage<'b>>);

impl<'b> ReturnedMessages<'b> {
    /// What was given back of `done`, and the messages `unrejected`, which neither can be processed nor got a
    /// rejection.
    pub(super) fn of(done: &[DoneGroup<'b>], unrejected: &[&'b Delivery<'b>]) -> Self {
        let mut returned = Vec::new();
        for delivery in unrejected {
            returned.push(ReturnedMessage { delivery, after: backoff(delivery.receive_count) });
        }
        for DoneGroup { deliveries, verdict, .. } in done {
            // All of a group become visible at the same time.
            let receive_count = deliveries.first().map_or(1, |first| first.receive_count);
            let after = match verdict {
                Verdict::Acknowledged { .. } => continue,
                Verdict::ReturnedForAMoment(after) => *after,
                Verdict::Returned(_) => backoff(receive_count),
            };
            returned.extend(deliveries.iter().map(|delivery| ReturnedMessage { delivery, after }));
        }
        // In the order of the batch.
        returned.sort_by_key(|returned| returned.delivery.index);
        Self(returned)
    }

    /// The messages.
    pub(super) fn deliveries(&self) -> impl Iterator<Item = &'b Delivery<'b>> {
        self.0.iter().map(|returned| returned.delivery)
    }

    /// By receipt handle, after how long they become visible again.
    pub(super) fn visibilities(&self) -> Vec<(&'b str, Duration)> {
        let handle = |returned: &ReturnedMessage<'b>| {
            Some((returned.delivery.receipt_handle.as_deref()?, returned.after))
        };
        self.0.iter().filter_map(handle).collect()
    }

    /// Counts them, and how long the oldest has been in the queue by `now`, if SQS says when it came.
    pub(super) fn note(&self, now: Timestamp, tally: &mut Tally) {
        tally.count(RETURNED, self.0.len());
        let sent = self.deliveries().filter_map(|delivery| delivery.sent.or(delivery.first_received));
        if let Some(oldest) = sent.min() {
            tally.count(WAITING_AGE, usize::try_from(now.since(oldest).as_millis()).unwrap_or(usize::MAX));
        }
    }
}
