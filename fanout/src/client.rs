//! Serving one client: send it its runs, and bring what it cannot take to the undelivered queue.

use std::cell::RefCell;

use shared::config::ClientName;
use shared::message::Message;
use shared::place::QueueUrl;
use shared::route::{Routed, route};
use shared::send::{Limits, Stop, StopReason, Transport, send_runs};
use shared::set_aside::{Refusal, send_past_refusals};

use crate::message::Delivery;
use crate::patience::{Standing, is_over};

/// Where a client's events go.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The client.
    pub client: ClientName,
    /// Its queue.
    pub queue: QueueUrl,
}

/// A batch on its way to every client.
#[derive(Debug)]
pub struct Batch<'b, 'p> {
    /// What Lambda delivered.
    pub deliveries: &'b [Delivery<'p>],
    /// The messages that can be copied, in runs; the same for every client.
    pub routed: Routed<'b>,
}

/// How a batch is sent to one client.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'t> {
    /// Where a message goes that the client cannot take.
    pub undelivered: &'t QueueUrl,
    /// The bounds of sending to the client.
    pub limits: Limits,
    /// The bounds of sending to the undelivered queue.
    pub undelivered_limits: Limits,
    /// What is expected of the client.
    pub standing: Standing,
}

/// What became of a batch for one client.
#[derive(Debug, Default)]
pub struct Served {
    /// For each run, how many of its messages are done: accepted by the client's queue, or undelivered.
    pub done: Vec<usize>,
    /// How many messages went to the undelivered queue.
    pub undelivered: usize,
    /// Whether messages went there because the client was waited for long enough, or was given up before.
    pub gave_up: bool,
    /// Whether messages are left that are neither accepted nor undelivered.
    pub is_returned: bool,
    /// Why the client's queue did not take something.
    pub failure: Option<Stop>,
    /// Why the undelivered queue did not take something.
    pub undelivered_failure: Option<Stop>,
}

/// Sends every run of `batch` to one client. Runs stop independently of each other.
pub async fn serve<T: Transport>(
    transport: &T,
    destination: &Destination,
    batch: &Batch<'_, '_>,
    terms: &Terms<'_>,
) -> Served {
    let aside = Aside { transport, client: &destination.client, batch, terms, tally: RefCell::default() };
    let runs = &batch.routed.runs;
    let outcomes = send_past_refusals(transport, &destination.queue, runs, &terms.limits, async |refusals| {
        let position =
            |refusal: &Refusal<'_>| batch.routed.positions.get(refusal.run)?.get(refusal.message).copied();
        aside
            .take(refusals.iter().filter_map(|refusal| Some((position(refusal)?, refusal.stop))).collect())
            .await
    })
    .await;
    let mut done: Vec<usize> = outcomes.iter().map(|outcome| outcome.accepted).collect();

    // What is left of the runs whose time is over, in order.
    let mut overdue = Vec::new();
    for (run, (outcome, positions)) in outcomes.iter().zip(&batch.routed.positions).enumerate() {
        let Some(stop) = &outcome.stopped else { continue };
        let rest = positions.get(outcome.accepted..).unwrap_or_default();
        let first = rest.first().and_then(|position| batch.deliveries.get(*position));
        let is_over = first.is_some_and(|first| is_over(first.first_received, transport.now()));
        let has_failed = stop.reason != StopReason::Untried;
        if is_over || (terms.standing == Standing::GivenUp && has_failed) {
            overdue.extend(rest.iter().map(|position| (run, (*position, stop))));
        }
    }
    let (overdue_runs, overdue): (Vec<usize>, Vec<_>) = overdue.into_iter().unzip();
    let mut gave_up = false;
    let results = aside.take(overdue).await;
    for (run, result) in overdue_runs.into_iter().zip(results) {
        // In order per group: after the first that the undelivered queue did not take, none of its run was taken.
        if let (Some(done), Ok(())) = (done.get_mut(run), result) {
            *done += 1;
            gave_up = true;
        }
    }

    let Tally { undelivered, failure, undelivered_failure } = aside.tally.into_inner();
    let stopped = outcomes.into_iter().find_map(|outcome| outcome.stopped);
    let is_returned = done.iter().zip(runs).any(|(done, run)| *done < run.messages.len());
    Served { done, undelivered, gave_up, is_returned, failure: failure.or(stopped), undelivered_failure }
}

/// The way to the undelivered queue, for one client.
struct Aside<'a, T> {
    transport: &'a T,
    client: &'a ClientName,
    batch: &'a Batch<'a, 'a>,
    terms: &'a Terms<'a>,
    tally: RefCell<Tally>,
}

#[derive(Default)]
struct Tally {
    undelivered: usize,
    failure: Option<Stop>,
    undelivered_failure: Option<Stop>,
}

impl<T: Transport> Aside<'_, T> {
    /// Sends the messages at these positions of the batch to the undelivered queue, in order per group. One result
    /// per item, in order.
    async fn take(&self, items: Vec<(usize, &Stop)>) -> Vec<Result<(), Stop>> {
        let message = |(position, stop): &(usize, &Stop)| {
            let incoming = self.batch.deliveries.get(*position)?.message.as_ref().ok()?;
            Some(incoming.undelivered(self.client, stop))
        };
        let messages: Vec<Message> = items.iter().filter_map(message).collect();
        let routed = route(messages.iter().enumerate());
        let limits = &self.terms.undelivered_limits;
        let outcomes = send_runs(self.transport, self.terms.undelivered, &routed.runs, limits).await;
        let results = routed.results(&outcomes, messages.len());

        let mut tally = self.tally.borrow_mut();
        tally.undelivered += results.iter().filter(|result| result.is_ok()).count();
        if tally.failure.is_none() {
            tally.failure = items.first().map(|(_, stop)| (*stop).clone());
        }
        if tally.undelivered_failure.is_none() {
            tally.undelivered_failure = results.iter().find_map(|result| result.as_ref().err().cloned());
        }
        results
    }
}
