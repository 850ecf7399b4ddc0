//! Ordered sending against a queue that answers after 5 ms: how near it comes to the least time there can be.
//!
//! The bound is the longest group, or the fewest calls that can carry everything divided by those in flight, times
//! one call, measured alone in the same round: timers overshoot, and a call is what the timer makes of it.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};
use std::{cell::Cell, io};

use aws::clock::SystemClock;
use shared::clock::Clock as _;
use shared::ids::{DeduplicationId, Group};
use shared::message::{Body, Message};
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::send::{BATCH_LIMIT, Limits, Run, SendError, Transport, send_runs};

const LATENCY: Duration = Duration::from_millis(5);
const REQUESTS_IN_FLIGHT: usize = 6;
const BODY: usize = 2_048;
const ROUNDS: usize = 9;
const CALLS_ALONE: u32 = 20;

/// Answers after [`LATENCY`] that everything was accepted.
#[derive(Default)]
struct Queue {
    calls: Cell<usize>,
}

/// How many messages each group has.
struct Shape {
    name: &'static str,
    lengths: Vec<usize>,
}

struct Round {
    elapsed: Duration,
    call: Duration,
    calls: usize,
}

impl Transport for Queue {
    async fn send(&self, _: &QueueUrl, batch: &[&Message]) -> Result<Vec<Result<(), SendError>>, SendError> {
        self.calls.set(self.calls.get() + 1);
        black_box(batch);
        tokio::time::sleep(LATENCY).await;
        Ok(batch.iter().map(|_| Ok(())).collect())
    }
}

impl Shape {
    /// The calls that must follow each other.
    fn bound(&self) -> usize {
        let longest = self.lengths.iter().copied().max().unwrap_or(0);
        longest.max(self.fewest_calls().div_ceil(REQUESTS_IN_FLIGHT))
    }

    fn fewest_calls(&self) -> usize {
        let messages = self.lengths.iter().sum::<usize>();
        let longest = self.lengths.iter().copied().max().unwrap_or(0);
        longest.max(messages.div_ceil(BATCH_LIMIT))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let shapes = [
        Shape { name: "10 groups", lengths: vec![100; 10] },
        Shape {
            name: "300 groups",
            lengths: (0..300).map(|group| if group < 100 { 4 } else { 3 }).collect(),
        },
        Shape { name: "300, unequal", lengths: unequal(300, 1_000) },
        Shape { name: "40, unequal", lengths: unequal(40, 1_000) },
    ];
    println!(
        "ordered sending: messages of {BODY} bytes, {REQUESTS_IN_FLIGHT} requests in flight, median of {ROUNDS}"
    );
    println!("shape         messages  longest  calls  fewest  one call    bound  elapsed  ratio");
    for shape in shapes {
        let rounds = (0..ROUNDS).map(|_| runtime.block_on(round(&shape))).collect::<Result<Vec<_>, _>>()?;
        report(&shape, rounds);
    }
    Ok(())
}

/// `messages` over `groups`: an eighth of what is left to each next group, down to one.
fn unequal(groups: usize, messages: usize) -> Vec<usize> {
    let mut rest = messages;
    let mut lengths = Vec::new();
    for left in (0..groups).rev() {
        let length = ((rest - left) / 8).max(1);
        rest -= length;
        lengths.push(length);
    }
    if let Some(last) = lengths.last_mut() {
        *last += rest;
    }
    lengths
}

async fn round(shape: &Shape) -> Result<Round, Box<dyn Error>> {
    let queue = Queue::default();
    let url = Naming::try_new("aws", "eu-west-2", "123456789012", "")?.own_queue(OwnQueue::FanOut);
    let messages = messages(shape)?;
    let runs =
        messages.iter().map(|group| Run { tag: (), items: group.iter().collect() }).collect::<Vec<_>>();
    let deadline = SystemClock.now().plus(Duration::from_secs(60));
    let limits = Limits {
        requests_in_flight: REQUESTS_IN_FLIGHT,
        deadline,
        retry_deadline: deadline,
        call_limit: Duration::from_secs(5),
    };

    let alone = messages.iter().flatten().take(1).collect::<Vec<_>>();
    let start = Instant::now();
    for _ in 0..CALLS_ALONE {
        queue.send(&url, &alone).await?;
    }
    let call = start.elapsed() / CALLS_ALONE;

    queue.calls.set(0);
    let start = Instant::now();
    let outcomes = send_runs(&SystemClock, &queue, &url, runs, &limits).await;
    let elapsed = start.elapsed();
    if outcomes.iter().any(|outcome| outcome.stopped.is_some()) {
        return Err(io::Error::other("a run stopped").into());
    }
    Ok(Round { elapsed, call, calls: queue.calls.get() })
}

fn messages(shape: &Shape) -> Result<Vec<Vec<Message>>, Box<dyn Error>> {
    let body = "x".repeat(BODY);
    let mut groups = Vec::new();
    for (group, length) in shape.lengths.iter().enumerate() {
        let mut messages = Vec::new();
        for number in 0..*length {
            let id = DeduplicationId::try_from_sqs(&format!("{group}.{number}"))?;
            let group = Group::try_from_sqs(&group.to_string())?;
            messages.push(Message::new(group, id, Body::Text(&body), &[], None));
        }
        groups.push(messages);
    }
    Ok(groups)
}

fn report(shape: &Shape, mut rounds: Vec<Round>) {
    let ratio = |round: &Round| round.elapsed.as_secs_f64() / bound(shape, round);
    rounds.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
    let Some(median) = rounds.get(rounds.len() / 2) else { return };
    println!(
        "{:<13} {:>8} {:>8} {:>6} {:>7} {:>6.2} ms {:>5.0} ms {:>5.0} ms {:>6.2}",
        shape.name,
        shape.lengths.iter().sum::<usize>(),
        shape.lengths.iter().max().unwrap_or(&0),
        median.calls,
        shape.fewest_calls(),
        median.call.as_secs_f64() * 1e3,
        bound(shape, median) * 1e3,
        median.elapsed.as_secs_f64() * 1e3,
        ratio(median),
    );
}

/// In seconds.
fn bound(shape: &Shape, round: &Round) -> f64 {
    round.call.as_secs_f64() * shape.bound() as f64
}
