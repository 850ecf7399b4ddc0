//! Ordered sending: runs for one queue go out so that nothing overtakes an earlier message of its group.

mod schedule;
mod why;

use std::error::Error;
use std::future::Future;
use std::iter;
use std::time::Duration;

use futures_util::future::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use crate::budget::Budget;
use crate::clock::{Clock, within};
use crate::message::Message;
use crate::naming::QueueUrl;
use crate::time::Timestamp;

use self::schedule::{Answer, Request, Schedule, Step};

/// The most entries of one `SendMessageBatch` (SQS quotas).
pub const BATCH_LIMIT: usize = 10;

/// A port to queues: it sends one batch.
///
/// An implementation never retries and never reorders; both are decided here.
pub trait Transport {
    /// Sends one `SendMessageBatch` of 1 to [`BATCH_LIMIT`] messages, no two of one group, together at most
    /// [`SQS_LIMIT`](crate::message::SQS_LIMIT) bytes.
    ///
    /// `Ok` holds one result per message, in the order of `batch`: SQS reports every entry by itself inside a 200.
    /// `Err` is about the whole call. After [`SendError::Unknown`] any of the messages may have been accepted;
    /// the caller repeats the identical entries.
    fn send(
        &self,
        queue: &QueueUrl,
        batch: &[&Message],
    ) -> impl Future<Output = Result<Vec<Result<(), SendError>>, SendError>>;
}

/// Why SQS did not acknowledge a message or a batch, by what the sender does about it.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// SQS asks for fewer requests. Try the same entry again, later.
    #[error("throttled: {0}")]
    Throttled(#[source] Cause),
    /// It was not accepted, and a later attempt may be (a 5xx inside a batch's entries). Try the same entry again.
    #[error("failed for now: {0}")]
    Transient(#[source] Cause),
    /// It is unknown whether it was accepted (time-out, connection reset, 5xx of the call). Repeat the identical entry.
    #[error("result unknown: {0}")]
    Unknown(#[source] Cause),
    /// The queue takes nothing from us until an operator acts: missing, access denied, encryption key unusable.
    #[error("queue unusable: {cause}; {remedy}")]
    Queue {
        /// What SQS said.
        #[source]
        cause: Cause,
        /// What the queue's operator should do.
        remedy: &'static str,
    },
    /// This message will never be accepted by this queue: too long, or with characters that SQS refuses.
    #[error("message refused: {0}")]
    Message(#[source] Cause),
}

/// What lies behind a [`SendError`].
pub type Cause = Box<dyn Error + Send + Sync>;

/// What a run is made of: something that carries a message.
pub trait Carrier {
    /// The message.
    fn message(&self) -> &Message;
}

impl Carrier for Message {
    fn message(&self) -> &Message {
        self
    }
}

impl<T: Carrier> Carrier for &T {
    fn message(&self) -> &Message {
        (*self).message()
    }
}

/// Consecutive messages of one group on their way to one queue, in order.
#[derive(Clone, Debug)]
pub struct Run<K, T> {
    /// What the caller knows the run by.
    pub tag: K,
    /// All of one group, the next to be sent first. May be empty.
    pub items: Vec<T>,
}

/// How far a run got. Each item of the run is in it once: accepted, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome<K, T> {
    /// The run's.
    pub tag: K,
    /// The items that were accepted, from the run's start.
    pub accepted: Vec<T>,
    /// Why the run stopped there; `None` if all of it was accepted.
    pub stopped: Option<Remainder<T>>,
}

/// The end of a run that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remainder<T> {
    /// Why.
    pub stop: Stop,
    /// The items that were not accepted: at least one. None but the first was tried, and the result of that may be
    /// unknown.
    pub items: Vec<T>,
}

/// Why a run stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// By what the caller can do about it.
    pub reason: StopReason,
    /// In words for an operator: what SQS said last, sizes and limits where they matter, and what to do.
    pub why: String,
}

/// Why a run stopped, by what the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// Passing faults did not end before the deadline, or an earlier run of the group was stopped. Later it may work.
    OutOfTime,
    /// The deadline came before the first message that was not accepted was tried. Nothing speaks against the queue.
    Untried,
    /// The queue takes nothing until an operator acts.
    Queue,
    /// The first message that was not accepted never will be, by this queue. The ones after it were not tried.
    Message,
}

/// The bounds of one call of [`send_runs`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many requests may be in flight at once; 0 counts as 1.
    pub requests_in_flight: usize,
    /// No request starts after this instant.
    pub deadline: Timestamp,
    /// No entry is sent again after this instant; if it is in the past, there is one attempt.
    pub retry_deadline: Timestamp,
    /// A request without an answer for this long is given up; its result is unknown.
    pub call_limit: Duration,
}

impl Limits {
    /// Within an invocation: nothing starts after `until`.
    pub fn new(budget: &Budget, until: Timestamp, requests_in_flight: usize) -> Self {
        Self { requests_in_flight, deadline: until, retry_deadline: until, call_limit: budget.call() }
    }
}

/// Returns `Ok` if all of the runs were accepted.
///
/// # Errors
///
/// What stopped the first that was not.
pub fn all_accepted<K, T>(outcomes: impl IntoIterator<Item = Outcome<K, T>>) -> Result<(), Stop> {
    let stopped = outcomes.into_iter().find_map(|outcome| outcome.stopped);
    stopped.map_or(Ok(()), |stopped| Err(stopped.stop))
}

/// Splits the items that were accepted from those that were not, each of which has what stopped its run.
pub fn split<K, T>(outcomes: impl IntoIterator<Item = Outcome<K, T>>) -> (Vec<T>, Vec<(T, Stop)>) {
    let (mut accepted, mut unsent) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        accepted.extend(outcome.accepted);
        if let Some(Remainder { stop, items }) = outcome.stopped {
            unsent.extend(items.into_iter().map(|item| (item, stop.clone())));
        }
    }
    (accepted, unsent)
}

/// Sends `runs` to one queue and returns how far each one got, in the order of `runs`.
///
/// - No message is accepted before an earlier one of its group, and none after one that was not acknowledged is
///   tried. Runs of the same group follow each other in the order of `runs`; what stops the first stops the others,
///   which are [`OutOfTime`](StopReason::OutOfTime) if a message was refused that is not theirs.
/// - Groups do not wait for each other: a group's next message leaves when its last one is acknowledged and a
///   request is free, the groups with the most messages left first. A request that could hold more leaves at once
///   all the same.
/// - [`Throttled`](SendError::Throttled), [`Transient`](SendError::Transient) and [`Unknown`](SendError::Unknown) make
///   the same entry leave again, 25 ms later at first and twice as late each time, up to 1 s.
/// - Nothing starts after the deadline, and nothing waits beyond it. A request that has started is awaited for as long
///   as a call may take: this returns with none in flight.
///
/// Nothing is spawned: dropping the future aborts the requests in flight, whose results are unknown then.
pub async fn send_runs<K, T: Carrier>(
    clock: &impl Clock,
    transport: &impl Transport,
    queue: &QueueUrl,
    runs: Vec<Run<K, T>>,
    limits: &Limits,
) -> Vec<Outcome<K, T>> {
    let mut schedule = Schedule::new(runs, limits);
    let mut in_flight = FuturesUnordered::new();
    let mut now = clock.now();
    loop {
        match schedule.next(now) {
            Step::Send(request) => in_flight.push(attempt(clock, transport, queue, request, limits)),
            Step::Wait(until) => {
                let first = next_answer(clock, &mut in_flight, until).await;
                now = clock.now();
                // Whatever else has been answered by now can share the next requests.
                let others = iter::from_fn(|| in_flight.next().now_or_never().flatten());
                for (request, answer) in first.into_iter().chain(others) {
                    schedule.answered(request, answer, now);
                }
            }
            Step::Done(outcomes) => return outcomes,
        }
    }
}

/// Sends one request, unless time has run out since it was planned: then the answer is `None`.
async fn attempt<T: Carrier>(
    clock: &impl Clock,
    transport: &impl Transport,
    queue: &QueueUrl,
    request: Request<T>,
    limits: &Limits,
) -> (Request<T>, Option<Answer>) {
    // The last thing before the call: a process may be frozen anywhere between plan and call.
    if clock.now() > limits.deadline {
        return (request, None);
    }
    let answer = within(clock, limits.call_limit, transport.send(queue, &request.messages())).await;
    let answer = answer.unwrap_or_else(|| {
        let told = format!("no answer within {} ms", limits.call_limit.as_millis());
        Err(SendError::Unknown(told.into()))
    });
    (request, Some(answer))
}

/// The next answer, or `None` at `until` if that is earlier.
async fn next_answer<F: Future>(
    clock: &impl Clock,
    in_flight: &mut FuturesUnordered<F>,
    until: Option<Timestamp>,
) -> Option<F::Output> {
    let Some(until) = until else { return in_flight.next().await };
    let rest = until.since(clock.now());
    if in_flight.is_empty() {
        clock.sleep(rest).await;
        return None;
    }
    within(clock, rest, in_flight.next()).await.flatten()
}
