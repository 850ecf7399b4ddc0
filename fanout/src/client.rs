//! Serving one client: send it its runs, and bring what it cannot take to the undelivered queue.

use std::cell::RefCell;

use shared::config::ClientName;
use shared::message::Message;
use shared::place::QueueUrl;
use shared::route::{Routed, route};
use shared::send::{Limits, Stop, StopReason, Transport, send_runs};
use shared::set_aside::{Refusal, send_past_refusals};
use shared::time::Timestamp;

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
#[derive(Debug)]
pub struct Served {
    /// For each run, how many of its messages are done: accepted by the client's queue, or undelivered.
    pub done: Vec<usize>,
    /// The positions in the batch of the messages that went to the undelivered queue.
    pub undelivered: Vec<usize>,
    /// How many of them its queue had refused for good. For the others the client was waited for long enough, or it
    /// was given up before.
    pub refused: usize,
    /// When the last answer of the client's queue was in.
    pub at: Timestamp,
    /// Why the client's queue refused a message for good.
    pub refusal: Option<Stop>,
    /// Why the client's queue left a message untaken that it may take later.
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
        let refused: Vec<(usize, &Stop)> =
            refusals.iter().filter_map(|refusal| Some((position(refusal)?, refusal.stop))).collect();
        aside.refused(&refused).await
    })
    .await;
    let at = transport.now();
    let mut done: Vec<usize> = outcomes.iter().map(|outcome| outcome.accepted).collect();

    // What is left of the runs whose time is over, in order.
    let mut overdue = Vec::new();
    let mut failure: Option<&Stop> = None;
    for (run, (outcome, positions)) in outcomes.iter().zip(&batch.routed.positions).enumerate() {
        let Some(stop) = &outcome.stopped else { continue };
        let rest = positions.get(outcome.accepted..).unwrap_or_default();
        let Some(first) = rest.first() else { continue };
        if aside.is_stuck(*first) {
            // It was refused, and it is the undelivered queue that did not take it.
            continue;
        }
        let has_failed = stop.reason != StopReason::Untried;
        if failure.is_none_or(|failure| failure.reason == StopReason::Untried && has_failed) {
            failure = Some(stop);
        }
        let first_received = batch.deliveries.get(*first).and_then(|first| first.first_received);
        if is_over(first_received, at) || (terms.standing == Standing::GivenUp && has_failed) {
            overdue.extend(rest.iter().map(|position| (run, (*position, stop))));
        }
    }
    let (overdue_runs, overdue): (Vec<usize>, Vec<_>) = overdue.into_iter().unzip();
    let results = aside.take(&overdue).await;
    for (run, result) in overdue_runs.into_iter().zip(results) {
        // In order per group: after the first that the undelivered queue did not take, none of its run was taken.
        if let (Some(done), Ok(())) = (done.get_mut(run), result) {
            *done += 1;
        }
    }

    let failure = failure.cloned();
    let Tally { undelivered, refused, refusal, stuck: _, undelivered_failure } = aside.tally.into_inner();
    Served { done, undelivered, refused, at, refusal, failure, undelivered_failure }
}

impl Served {
    /// The messages that the client's queue accepted, by their positions in the batch.
    pub fn accepted<'s>(&'s self, routed: &'s Routed<'_>) -> impl Iterator<Item = usize> + 's {
        let done = routed.positions.iter().zip(&self.done);
        done.flat_map(|(positions, done)| positions.iter().take(*done))
            .copied()
            .filter(|position| !self.undelivered.contains(position))
    }

    /// How many messages are left that are neither accepted nor undelivered.
    pub fn returned(&self, routed: &Routed<'_>) -> usize {
        routed.positions.iter().map(Vec::len).sum::<usize>() - self.done.iter().sum::<usize>()
    }
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
    /// Positions in the batch.
    undelivered: Vec<usize>,
    refused: usize,
    refusal: Option<Stop>,
    /// The positions of what the client's queue refused and the undelivered queue did not take either.
    stuck: Vec<usize>,
    undelivered_failure: Option<Stop>,
}

impl<T: Transport> Aside<'_, T> {
    /// Takes what the client's queue refused for good, each with its position and why.
    async fn refused(&self, items: &[(usize, &Stop)]) -> Vec<Result<(), Stop>> {
        let results = self.take(items).await;
        let mut tally = self.tally.borrow_mut();
        tally.refused += results.iter().filter(|result| result.is_ok()).count();
        if tally.refusal.is_none() {
            tally.refusal = items.first().map(|(_, stop)| (*stop).clone());
        }
        let stuck = items.iter().zip(&results).filter(|(_, result)| result.is_err());
        tally.stuck.extend(stuck.map(|((position, _), _)| *position));
        results
    }

    fn is_stuck(&self, position: usize) -> bool {
        self.tally.borrow().stuck.contains(&position)
    }

    /// Sends the messages at these positions of the batch to the undelivered queue, in order per group. One result
    /// per item, in order.
    async fn take(&self, items: &[(usize, &Stop)]) -> Vec<Result<(), Stop>> {
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
        let taken = items.iter().zip(&results).filter(|(_, result)| result.is_ok());
        tally.undelivered.extend(taken.map(|((position, _), _)| *position));
        if tally.undelivered_failure.is_none() {
            tally.undelivered_failure = results.iter().find_map(|result| result.as_ref().err().cloned());
        }
        results
    }
}
