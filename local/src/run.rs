//! The main job: write events, follow every client, judge.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws::operator::CallError;
use aws::operator::sqs::{self, Depth};
use futures_util::future::try_join_all;
use serde::Serialize;
use shared::ledger::times;
use shared::naming::OwnQueue;
use tokio::sync::watch;

use crate::check::{ExpectedEvents, Verdict};
use crate::follow::Follower;
use crate::ministack::ACCOUNT;
use crate::stack::{ClientAddress, Stack};
use crate::write::{self, RefusedEvent, WriteError};

/// How long a client may get nothing new, after everything was written, before it is given up. Longer than a missing
/// version is waited for, and than a killed function's messages take to be delivered again.
const PATIENCE: Duration = Duration::from_secs(2 * times::YOUNG.as_secs());
/// How often the fan-out queue is looked at when every client has everything.
const POLL: Duration = Duration::from_millis(50);

/// The outcome of a run.
#[derive(Debug)]
pub struct Outcome {
    /// One for each client, in the order of the stack's clients.
    pub clients: Vec<ClientOutcome>,
    /// The events that the tables refused; no client is expected to have them.
    pub refused: Vec<RefusedEvent>,
    /// What is left in the queues where nothing should be.
    pub left: Left,
}

/// What one client received.
#[derive(Debug, Serialize)]
pub struct ClientOutcome {
    /// The client's name.
    pub name: String,
    /// What it received.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Events received in a second, from the first write to the last receipt.
    pub events_per_second: f64,
    /// The median time from an event's write to its receipt, in milliseconds.
    pub median_delay_ms: u64,
}

/// How many messages are in each queue where none should be after a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The fan-out queue.
    pub fan_out: u64,
    /// The rejected queue.
    pub rejected: u64,
}

/// Why a run has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// DynamoDB does not answer.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// SQS does not answer.
    #[error(transparent)]
    Follow(#[from] CallError),
}

/// Writes the events `expected` and follows every client of `stack` until it has them, or nothing new comes.
/// `on_received` is called each time that a client receives an event that it did not have.
///
/// # Errors
///
/// [`RunError`], when MiniStack does not answer.
pub async fn run(
    stack: &Stack,
    expected: &ExpectedEvents,
    on_received: &(impl Fn() + Sync),
) -> Result<Outcome, RunError> {
    let start = Instant::now();
    let times = Times::new(expected.events().len());
    let (sender, not_written) = watch::channel(None);
    let target = stack.connection().target(ACCOUNT);
    let write = async {
        let refused = write::write_all(&target, expected.events(), &|index| times.set(index)).await?;
        let indexes: HashSet<usize> = refused.iter().map(|refused| refused.index).collect();
        sender.send_replace(Some(indexes.clone()));
        Ok::<_, RunError>((refused, indexes))
    };
    let mut followers: Vec<_> =
        stack.clients().iter().map(|client| follower(stack, client, expected)).collect();
    let follow = async {
        let each = followers.iter_mut();
        let each = each.map(|follower| follower.until_complete(&not_written, PATIENCE, on_received));
        try_join_all(each).await.map_err(RunError::from)
    };
    let ((refused, not_written), _) = tokio::try_join!(write, follow)?;

    // An event that comes twice would be on its way now.
    let left = wait_until_idle(stack).await?;
    try_join_all(followers.iter_mut().map(Follower::drain)).await?;
    let names = stack.clients().iter().zip(&followers);
    let clients =
        names.map(|(client, follower)| client_outcome(client, follower, &not_written, &times, start));
    Ok(Outcome { clients: clients.collect(), refused, left })
}

impl Outcome {
    /// Whether every client has every event that it wants, in order, once and unchanged.
    pub fn is_good(&self) -> bool {
        self.clients.iter().all(|client| client.verdict.is_good())
    }
}

impl Left {
    /// Whether both queues are empty.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// When each event was written.
struct Times(Mutex<Vec<Option<Instant>>>);

impl Times {
    fn new(count: usize) -> Self {
        Self(Mutex::new(vec![None; count]))
    }

    fn set(&self, index: usize) {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(time) = times.get_mut(index) {
            *time = Some(Instant::now());
        }
    }

    fn get(&self, index: usize) -> Option<Instant> {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        times.get(index).copied().flatten()
    }
}

fn follower<'e>(stack: &Stack, client: &ClientAddress, expected: &'e ExpectedEvents) -> Follower<'e> {
    let target = stack.connection().target(&client.account);
    Follower::of_client(target, client, expected)
}

/// Waits until the fan-out queue is empty, or has kept the same number of messages for [`PATIENCE`].
async fn wait_until_idle(stack: &Stack) -> Result<Left, CallError> {
    let target = stack.connection().target(ACCOUNT);
    let depth = async |queue| {
        let depth = sqs::depth(&target, &stack.own_queue_url(queue)).await;
        depth.map(Depth::total)
    };
    let mut fan_out = depth(OwnQueue::FanOut).await?;
    let mut last_news = Instant::now();
    while fan_out > 0 && last_news.elapsed() < PATIENCE {
        tokio::time::sleep(POLL).await;
        let now = depth(OwnQueue::FanOut).await?;
        if now != fan_out {
            (fan_out, last_news) = (now, Instant::now());
        }
    }
    Ok(Left { fan_out, rejected: depth(OwnQueue::Rejected).await? })
}

fn client_outcome(
    client: &ClientAddress,
    follower: &Follower<'_>,
    not_written: &HashSet<usize>,
    times: &Times,
    start: Instant,
) -> ClientOutcome {
    let arrivals = follower.arrivals();
    // A message can overtake the answer to the write that caused it.
    let delay = |(index, at): &(usize, Instant)| {
        times.get(*index).map(|written| at.saturating_duration_since(written))
    };
    let mut delays: Vec<Duration> = arrivals.iter().filter_map(delay).collect();
    delays.sort_unstable();
    let median = delays.get(delays.len() / 2).copied().unwrap_or_default();
    let seconds = arrivals.last().map_or(0.0, |(_, at)| at.duration_since(start).as_secs_f64());
    let verdict = follower.verdict(not_written);
    let count = u32::try_from(verdict.events).unwrap_or(u32::MAX);
    ClientOutcome {
        name: client.name.clone(),
        verdict,
        events_per_second: if seconds > 0.0 { f64::from(count) / seconds } else { 0.0 },
        median_delay_ms: u64::try_from(median.as_millis()).unwrap_or(u64::MAX),
    }
}
