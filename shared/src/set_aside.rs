//! Sending past refusals: what a queue refuses for good is set aside, and its group goes on.

use futures_util::stream::{self, StreamExt as _};

use crate::clock::Clock;
use crate::naming::QueueUrl;
use crate::send::{Carrier, Limits, Outcome, Remainder, Run, Stop, StopReason, Transport, send_runs};

/// What became of the items of some runs. Each item is in it once.
#[derive(Debug)]
pub struct SendResults<T> {
    /// The queue has these.
    pub accepted: Vec<T>,
    /// The queue refused these for good, and they are set aside.
    pub set_aside: Vec<T>,
    /// Neither; each with what stopped its run.
    pub unsent: Vec<(T, Stop)>,
}

/// Sends `runs` to `queue` as [`send_runs`] does, but hands each item that the queue refuses for good to `set_aside`,
/// and goes on after it. `set_aside` returns `Ok` if the item is in a safe place, else why it is not; then its run
/// stops there. No more of its calls are in flight at once than [`Limits::requests_in_flight`].
pub async fn send_past_refusals<T: Carrier>(
    clock: &impl Clock,
    transport: &impl Transport,
    queue: &QueueUrl,
    mut runs: Vec<Run<(), T>>,
    limits: &Limits,
    set_aside: impl AsyncFn(&T, &Stop) -> Result<(), Stop>,
) -> SendResults<T> {
    let mut sent = SendResults { accepted: Vec::new(), set_aside: Vec::new(), unsent: Vec::new() };
    // Each time around, every run is shorter by the item that was refused.
    while !runs.is_empty() {
        let mut refused = Vec::new();
        for Outcome { accepted, stopped, .. } in send_runs(clock, transport, queue, runs, limits).await {
            sent.accepted.extend(accepted);
            match stopped {
                Some(stopped) if stopped.stop.reason == StopReason::Message => refused.push(stopped),
                Some(stopped) => sent.leave(stopped),
                None => {}
            }
        }
        let results = stream::iter(refused).map(async |stopped| {
            let result = match stopped.items.first() {
                Some(item) => set_aside(item, &stopped.stop).await,
                None => Ok(()),
            };
            (stopped, result)
        });
        runs = Vec::new();
        let results = results.buffered(limits.requests_in_flight.max(1));
        for (mut stopped, result) in results.collect::<Vec<_>>().await {
            match result {
                Ok(()) => {
                    let rest = stopped.items.split_off(stopped.items.len().min(1));
                    sent.set_aside.extend(stopped.items);
                    if !rest.is_empty() {
                        runs.push(Run { tag: (), items: rest });
                    }
                }
                Err(stop) => sent.leave(Remainder { stop, ..stopped }),
            }
        }
    }
    sent
}

impl<T> SendResults<T> {
    fn leave(&mut self, stopped: Remainder<T>) {
        let Remainder { stop, items } = stopped;
        self.unsent.extend(items.into_iter().map(|item| (item, stop.clone())));
    }
}
