//! Ordered sending: runs for one queue go out so that nothing overtakes an earlier message of its group.

mod schedule;
mod why;

use std::error::Error;
use std::future::Future;
use std::iter;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, FutureExt as _, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use crate::message::Message;
use crate::naming::QueueUrl;
use crate::time::Timestamp;

use self::schedule::{Answer, Request, Schedule, Step};

/// The most entries of one `SendMessageBatch` (SQS quotas).
pub const BATCH_LIMIT: usize = 10;

/// What ordered sending needs of the world: to send one batch, to wait, and to know the time.
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

    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()>;

    /// The wall clock.
    fn now(&self) -> Timestamp;
}

/// What `call` answers, or `None` if it has not after the time `limit`: it is given up then.
pub async fn within<T: Transport, F: Future>(clock: &T, limit: Duration, call: F) -> Option<F::Output> {
    match select(pin!(call), pin!(clock.sleep(limit))).await {
        Either::Left((answer, _)) => Some(answer),
        Either::Right(((), _)) => None,
    }
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
    /// Nobody knows whether it was accepted (time-out, connection reset, 5xx of the call). Repeat the identical entry.
    #[error("result unknown: {0}")]
    Unknown(#[source] Cause),
    /// The queue takes nothing from us until somebody acts: missing, access denied, encryption key unusable.
    #[error("queue unusable: {cause}; {remedy}")]
    Queue {
        /// What SQS said.
        #[source]
        cause: Cause,
        /// What whoever runs the queue should do.
        remedy: &'static str,
    },
    /// This message will never be accepted by this queue: too long, or with characters that SQS refuses.
    #[error("message refused: {0}")]
    Message(#[source] Cause),
}

/// What lies behind a [`SendError`].
pub type Cause = Box<dyn Error + Send + Sync>;

/// Consecutive messages of one group on their way to one queue, in order.
#[derive(Clone, Debug)]
pub struct Run<'m> {
    /// All of one group, the next to be sent first. May be empty.
    pub messages: Vec<&'m Message>,
}

/// How far a run got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How many messages of the run were accepted, counted from its start. None after them was tried,
    /// but for the first, whose result may be unknown.
    pub accepted: usize,
    /// Why the run stopped there; `None` if all of it was accepted.
    pub stopped: Option<Stop>,
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
    /// The queue takes nothing until somebody acts.
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
    /// Within an invocation that begins `now` and is ended at `deadline`: nothing starts after `last_start`, and a call
    /// takes up to a sixth of the time, so that the function can still answer after the last one.
    pub fn of_invocation(
        now: Timestamp,
        deadline: Timestamp,
        last_start: Timestamp,
        requests_in_flight: usize,
    ) -> Self {
        Self {
            requests_in_flight,
            deadline: last_start,
            retry_deadline: last_start,
            call_limit: deadline.since(now) / 6,
        }
    }
}

/// Sends `runs` to one queue and tells how far each one got, in the order of `runs`.
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
pub async fn send_runs<T: Transport>(
    transport: &T,
    queue: &QueueUrl,
    runs: &[Run<'_>],
    limits: &Limits,
) -> Vec<Outcome> {
    let mut schedule = Schedule::new(runs, limits);
    let mut in_flight = FuturesUnordered::new();
    let mut now = transport.now();
    loop {
        match schedule.next(now) {
            Step::Send(request) => in_flight.push(attempt(transport, queue, request, limits)),
            Step::Wait(until) => {
                let first = next_answer(transport, &mut in_flight, until).await;
                now = transport.now();
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
async fn attempt<'m, T: Transport>(
    transport: &T,
    queue: &QueueUrl,
    request: Request<'m>,
    limits: &Limits,
) -> (Request<'m>, Option<Answer>) {
    let batch = request.messages();
    // The last thing before the call: a process may be frozen anywhere between plan and call.
    if transport.now() > limits.deadline {
        return (request, None);
    }
    let answer = within(transport, limits.call_limit, transport.send(queue, &batch)).await;
    let answer = answer.unwrap_or_else(|| {
        let told = format!("no answer within {} ms", limits.call_limit.as_millis());
        Err(SendError::Unknown(told.into()))
    });
    (request, Some(answer))
}

/// The next answer, or `None` at `until` if that is earlier.
async fn next_answer<T: Transport, F: Future>(
    transport: &T,
    in_flight: &mut FuturesUnordered<F>,
    until: Option<Timestamp>,
) -> Option<F::Output> {
    let Some(until) = until else { return in_flight.next().await };
    let rest = until.since(transport.now());
    if in_flight.is_empty() {
        transport.sleep(rest).await;
        return None;
    }
    within(transport, rest, in_flight.next()).await.flatten()
}
