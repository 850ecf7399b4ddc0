//! Sending past refusals: what a queue refuses for good is set aside, and its group goes on.

use crate::message::Message;
use crate::naming::QueueUrl;
use crate::send::{Limits, Outcome, Run, Stop, StopReason, Transport, send_runs};

/// A message that a queue refused for good.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'o> {
    /// The index of its run among the runs given.
    pub run: usize,
    /// Its index in that run.
    pub message: usize,
    /// What was refused, and why.
    pub stop: &'o Stop,
}

/// Sends `runs` to `queue` as [`send_runs`] does, but hands each message that the queue refuses for good to
/// `set_aside` and goes on after it. `set_aside` answers one result per refusal, in order: `Ok` if the message
/// is in a safe place, else why not; then its run stops there.
///
/// An outcome's prefix counts what was accepted or set aside.
pub async fn send_past_refusals<'m, T: Transport>(
    transport: &T,
    queue: &QueueUrl,
    runs: &[Run<'m>],
    limits: &Limits,
    set_aside: impl AsyncFn(&[Refusal<'_>]) -> Vec<Result<(), Stop>>,
) -> Vec<Outcome> {
    let mut outcomes = send_runs(transport, queue, runs, limits).await;
    // A run whose refused message could not be set aside must not be offered again.
    let mut stuck = vec![false; runs.len()];
    loop {
        let refusals = refusals(&outcomes, &stuck);
        if refusals.is_empty() {
            return outcomes;
        }
        let refused: Vec<usize> = refusals.iter().map(|refusal| refusal.run).collect();
        let results = set_aside(&refusals).await;

        let mut is_open = Vec::new();
        for (index, result) in refused.into_iter().zip(results) {
            let (Some(outcome), Some(run)) = (outcomes.get_mut(index), runs.get(index)) else { continue };
            match result {
                Ok(()) => {
                    outcome.accepted += 1;
                    outcome.stopped = None;
                    is_open.push((index, Run { messages: rest(run, outcome.accepted) }));
                }
                Err(stop) => {
                    outcome.stopped = Some(stop);
                    if let Some(stuck) = stuck.get_mut(index) {
                        *stuck = true;
                    }
                }
            }
        }

        let (indexes, is_open): (Vec<usize>, Vec<Run<'m>>) = is_open.into_iter().unzip();
        let more = send_runs(transport, queue, &is_open, limits).await;
        for (index, more) in indexes.into_iter().zip(more) {
            if let Some(outcome) = outcomes.get_mut(index) {
                outcome.accepted += more.accepted;
                outcome.stopped = more.stopped;
            }
        }
    }
}

fn refusals<'o>(outcomes: &'o [Outcome], stuck: &[bool]) -> Vec<Refusal<'o>> {
    let mut refusals = Vec::new();
    for (run, (outcome, stuck)) in outcomes.iter().zip(stuck).enumerate() {
        match &outcome.stopped {
            Some(stop) if stop.reason == StopReason::Message && !stuck => {
                refusals.push(Refusal { run, message: outcome.accepted, stop });
            }
            _ => {}
        }
    }
    refusals
}

fn rest<'m>(run: &Run<'m>, done: usize) -> Vec<&'m Message> {
    run.messages.get(done..).unwrap_or_default().to_vec()
}
