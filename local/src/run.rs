//! The main job: write events, follow every client, judge.

mod journeys;
mod rejected;

use std::collections::HashSet;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use aws::operator::CallError;
use aws::operator::sqs::{self, Depth};
use futures_util::future::try_join_all;
use serde::Serialize;
use shared::ledger::times;
use shared::naming::OwnQueue;
use shared::text::counted;
use tokio::sync::watch;

use self::journeys::Journeys;
use self::rejected::rejections;
use crate::check::{ExpectedEvents, Verdict};
use crate::companion::Companion;
use crate::companion::commands::Command;
use crate::event::Event;
use crate::follow::Follower;
use crate::ministack::ACCOUNT;
use crate::stack::{ClientAddress, Stack};
use crate::write::{self, Pace, RefusedEvent, WriteError};

pub use self::journeys::IN_FLIGHT;
pub use self::rejected::RejectedEvent;

/// How long nothing may move before it is said what is waited for.
const STALL: Duration = Duration::from_secs(10);

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
    /// The first events that were rejected, and why.
    pub rejected: Vec<RejectedEvent>,
    /// What is left in the queues where nothing should be.
    pub left: Left,
    /// Events that reached all of their clients in a second, from the first write to the last receipt.
    pub events_per_second: u64,
}

/// How fast events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// As fast as they can be.
    Burst,
    /// At most [`IN_FLIGHT`] are on their way at the same time.
    Paced,
}

/// What happens in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'s> {
    /// A client has received an event that it did not have.
    Received,
    /// Nothing has come for a while: what is waited for.
    Waiting(&'s str),
}

/// What one client received.
#[derive(Debug, Serialize)]
pub struct ClientOutcome {
    /// The client's name.
    pub name: String,
    /// What it received.
    #[serde(flatten)]
    pub verdict: Verdict,
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
    /// DynamoDB, or the companion, does not answer.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// SQS does not answer.
    #[error(transparent)]
    Follow(#[from] CallError),
}

/// Where the events of a run come from.
#[derive(Debug)]
pub enum Input<'i> {
    /// They are what is expected, and are written straight into the event table.
    Events,
    /// The companion makes one of each of these commands.
    Commands(&'i Companion, &'i [Command]),
}

/// Writes the events `expected` as `input` and `load` say, and follows every client of `stack` until it has them, or nothing
/// new comes. `on_step` is called for each step.
///
/// # Errors
///
/// [`RunError`], when MiniStack does not answer.
pub async fn run(
    stack: &Stack,
    expected: &ExpectedEvents,
    input: Input<'_>,
    load: Load,
    on_step: &(impl Fn(Step<'_>) + Sync),
) -> Result<Outcome, RunError> {
    let start = Instant::now();
    let journeys = Journeys::new(expected.len(), load);
    let (sender, not_expected) = watch::channel(None);
    let target = stack.connection().target(ACCOUNT);
    let write = async {
        let wanted =
            |index| stack.clients().iter().filter(|client| expected.is_wanted(&client.name, index)).count();
        let pace = Pace {
            admit: async || journeys.admit().await,
            on_written: |index| journeys.written(index, wanted(index)),
            on_refused: || journeys.refused(),
        };
        let refused = match input {
            Input::Events => write::write_paced(&target, &expected.events(), &pace).await?,
            Input::Commands(companion, commands) => companion.execute(commands, expected, &pace).await?,
        };
        let indexes: HashSet<usize> = refused.iter().map(|refused| refused.index).collect();
        sender.send_replace(Some(indexes.clone()));
        Ok::<_, RunError>((refused, indexes))
    };
    let on_received = |index| {
        journeys.received(index);
        on_step(Step::Received);
    };
    let mut followers: Vec<_> =
        stack.clients().iter().map(|client| follower(stack, client, expected)).collect();
    let follow = async {
        let each = followers.iter_mut();
        let each = each.map(|follower| follower.until_complete(&not_expected, PATIENCE, &on_received));
        try_join_all(each).await.map_err(RunError::from)
    };
    let both = async { tokio::try_join!(write, follow) };
    let ((refused, not_written), _) = tokio::select! {
        done = both => done?,
        never = watch_stalls(stack, expected, &journeys, &sender, on_step) => match never {},
    };

    // An event that comes twice would be on its way now.
    let left = wait_until_idle(stack).await?;
    try_join_all(followers.iter_mut().map(Follower::drain)).await?;
    let names = stack.clients().iter().zip(&followers);
    let clients = names.map(|(client, follower)| client_outcome(client, follower, &not_written, &journeys));
    let rejected = rejections(stack, expected).await?.into_iter().map(|(_, rejected)| rejected);
    Ok(Outcome {
        clients: clients.collect(),
        refused,
        rejected: rejected.collect(),
        left,
        events_per_second: journeys.rate(start),
    })
}

/// Says what is waited for when nothing moves, and waits no longer for events that were rejected.
async fn watch_stalls(
    stack: &Stack,
    expected: &ExpectedEvents,
    journeys: &Journeys,
    not_expected: &watch::Sender<Option<HashSet<usize>>>,
    on_step: &(impl Fn(Step<'_>) + Sync),
) -> Infallible {
    let (mut received, mut said) = (0, HashSet::new());
    let mut say_once = |what: String| {
        if !said.contains(&what) {
            on_step(Step::Waiting(&what));
            said.insert(what);
        }
    };
    loop {
        tokio::time::sleep(STALL).await;
        let has_news = std::mem::replace(&mut received, journeys.receipts()) != received;
        let Some((count, first)) = journeys.lacking().filter(|_| !has_news) else { continue };
        let Some(event) = expected.event(first) else { continue };
        journeys.let_all_go();
        // A call that fails now is repeated, or the run itself fails.
        let rejected = rejections(stack, expected).await.unwrap_or_default();
        let indexes: HashSet<usize> = rejected.iter().filter_map(|(index, _)| *index).collect();
        for (_, RejectedEvent { event, reason }) in &rejected {
            say_once(format!("{event} is rejected: {reason}"));
        }
        if indexes.is_empty() {
            say_once(waiting(count, event));
        }
        not_expected.send_modify(|not_expected| {
            if let Some(not_expected) = not_expected {
                not_expected.extend(indexes);
            }
        });
    }
}

fn waiting(count: usize, first: &Event) -> String {
    let more = if count > 1 { format!(", and {} more", counted(count - 1, "event")) } else { String::new() };
    format!(
        "nothing new for {} s; waiting for {}{more}, until nothing new has come for {} s",
        STALL.as_secs(),
        name(first),
        PATIENCE.as_secs()
    )
}

/// What an event is called.
fn name(event: &Event) -> String {
    format!("version {} of `{}`", event.version, event.mark)
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

fn follower<'e>(stack: &Stack, client: &ClientAddress, expected: &'e ExpectedEvents) -> Follower<'e> {
    if let Some(inbox) = stack.inbox(&client.name) {
        return Follower::of_inbox(inbox, &client.name, expected);
    }
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
    journeys: &Journeys,
) -> ClientOutcome {
    // A message can overtake the answer to the write that caused it.
    let delay = |(index, at): &(usize, Instant)| {
        journeys.written_at(*index).map(|written| at.saturating_duration_since(written))
    };
    let mut delays: Vec<Duration> = follower.arrivals().iter().filter_map(delay).collect();
    delays.sort_unstable();
    let median = delays.get(delays.len() / 2).copied().unwrap_or_default();
    ClientOutcome {
        name: client.name.clone(),
        verdict: follower.verdict(not_written),
        median_delay_ms: u64::try_from(median.as_millis()).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::marks;

    #[test]
    fn what_is_waited_for_is_named() {
        let events = marks::histories(1, 2, 0);
        let check = |count, expected: expect_test::Expect| expected.assert_eq(&waiting(count, &events[1]));
        check(
            1,
            expect![
                "nothing new for 10 s; waiting for version 2 of `AFC F5`, until nothing new has come for 120 s"
            ],
        );
        check(
            3,
            expect![
                "nothing new for 10 s; waiting for version 2 of `AFC F5`, and 2 events more, until nothing new has come for 120 s"
            ],
        );
    }
}
