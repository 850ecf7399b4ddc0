//! Looking at letters without taking them out of their queues.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_sqs::Client;
use shared::config::Source;

use super::held::Held;
use super::places::Places;
use crate::aws::{CallError, sqs};
use crate::letters::{Letter, LetterQueue, Seen};

/// What is said if looking takes a while.
pub(super) const LOOKING_SAID: &str = "looking into the queues of letters";

/// What is to be looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glance<'s> {
    /// The most letters of each queue.
    pub(super) limit: usize,
    /// For how long nobody else sees them, should this process not come to end that itself.
    pub(super) invisible: Duration,
    /// Where events have their versions, if that is known.
    pub(super) source: Option<&'s Source>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// The letters that were wanted, queue by queue, in each in its order.
    pub(super) letters: Vec<Letter>,
    /// All letters, in the same order.
    pub(super) seen: Vec<Seen>,
    /// The queues, in the same order.
    pub(super) queues: Vec<Looked>,
}

/// A queue that was looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Looked {
    /// Which.
    pub(super) queue: LetterQueue,
    /// How many letters it holds, those in flight included.
    pub(super) messages: u64,
    /// How many of them were seen.
    pub(super) shown: usize,
}

/// Looks into all three queues at the same time. Of letters whose ids `wants` does not want little is kept.
///
/// What is received is put into `held`.
///
/// # Errors
///
/// [`CallError`]: the first queue that can't be looked into.
pub(super) async fn look(
    held: &Held,
    places: &Places,
    glance: Glance<'_>,
    wants: impl Fn(&str) -> bool,
) -> Result<Sight, CallError> {
    let [rejected, undelivered, dead_letter] =
        LetterQueue::ALL.map(|queue| look_into(held, queue, places.url(queue), glance, &wants));
    // All to their ends: a receive that is dropped leaves its letters hidden.
    let (rejected, undelivered, dead_letter) = tokio::join!(rejected, undelivered, dead_letter);
    let mut sight = Sight::default();
    for looked in [rejected, undelivered, dead_letter] {
        let OneQueue { looked, letters, seen } = looked?;
        sight.queues.push(looked);
        sight.letters.extend(letters);
        sight.seen.extend(seen);
    }
    Ok(sight)
}

/// What was seen in one queue.
struct OneQueue {
    looked: Looked,
    letters: Vec<Letter>,
    seen: Vec<Seen>,
}

async fn look_into(
    held: &Held,
    queue: LetterQueue,
    url: &str,
    glance: Glance<'_>,
    wants: impl Fn(&str) -> bool,
) -> Result<OneQueue, CallError> {
    let client: &Client = held.client();
    let depth = sqs::depth(client, url).await?;
    let (mut ids, mut seen, mut letters) = (BTreeSet::new(), Vec::new(), Vec::new());
    while ids.len() < glance.limit {
        let received = sqs::receive(client, url, glance.limit - ids.len(), glance.invisible).await?;
        let before = ids.len();
        for message in received {
            held.add(&message.id, url, &message.receipt_handle);
            if !ids.insert(message.id.clone()) {
                continue;
            }
            let letter = Letter::read(queue, message);
            let (digits, number) = letter.message.place();
            seen.push(((digits, number.to_owned()), Seen::of(&letter, glance.source)));
            if wants(&letter.message.id) {
                letters.push(letter);
            }
        }
        // Either nothing more can be seen, or this took so long that the first letters are back.
        if ids.len() == before {
            break;
        }
    }
    letters.sort_by(|left, right| left.message.place().cmp(&right.message.place()));
    seen.sort_by(|(left, _), (right, _)| left.cmp(right));
    let shown = ids.len();
    let messages = (depth.messages + depth.in_flight).max(shown as u64);
    let seen = seen.into_iter().map(|(_, seen)| seen).collect();
    Ok(OneQueue { looked: Looked { queue, messages, shown }, letters, seen })
}
