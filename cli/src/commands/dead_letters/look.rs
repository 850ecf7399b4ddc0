//! Looking at letters without taking them out of their queues.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_sqs::Client;

use super::held::Held;
use super::places::Places;
use crate::aws::{CallError, sqs};
use crate::letters::{Letter, LetterQueue};

/// What is said if looking takes a while.
pub(super) const LOOKING_SAID: &str = "looking into the queues of letters";

/// What is to be looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glance {
    /// The most letters of each queue.
    pub(super) limit: usize,
    /// For how long nobody else sees them, should this process not come to end that itself.
    pub(super) invisible: Duration,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// The letters, queue by queue, in each in its order.
    pub(super) letters: Vec<Letter>,
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

/// Looks into all three queues at the same time. Letters whose ids `wants` does not want are seen and passed over.
///
/// What is received is put into `held`.
///
/// # Errors
///
/// [`CallError`]: the first queue that can't be looked into.
pub(super) async fn look(
    held: &Held,
    places: &Places,
    glance: Glance,
    wants: impl Fn(&str) -> bool,
) -> Result<Sight, CallError> {
    let [rejected, undelivered, dead_letter] =
        LetterQueue::ALL.map(|queue| look_into(held, queue, places.url(queue), glance, &wants));
    // All to their ends: a receive that is dropped leaves its letters hidden.
    let (rejected, undelivered, dead_letter) = tokio::join!(rejected, undelivered, dead_letter);
    let mut sight = Sight::default();
    for looked in [rejected, undelivered, dead_letter] {
        let (looked, letters) = looked?;
        sight.queues.push(looked);
        sight.letters.extend(letters);
    }
    Ok(sight)
}

async fn look_into(
    held: &Held,
    queue: LetterQueue,
    url: &str,
    glance: Glance,
    wants: impl Fn(&str) -> bool,
) -> Result<(Looked, Vec<Letter>), CallError> {
    let client: &Client = held.client();
    let depth = sqs::depth(client, url).await?;
    let mut seen = BTreeSet::new();
    let mut letters = Vec::new();
    while seen.len() < glance.limit {
        let received = sqs::receive(client, url, glance.limit - seen.len(), glance.invisible).await?;
        let before = seen.len();
        for message in received {
            held.add(&message.id, url, &message.receipt_handle);
            if seen.insert(message.id.clone()) && wants(&message.id) {
                letters.push(Letter::read(queue, message));
            }
        }
        // Either nothing more can be seen, or this took so long that the first letters are back.
        if seen.len() == before {
            break;
        }
    }
    letters.sort_by(|left, right| left.message.place().cmp(&right.message.place()));
    let shown = seen.len();
    let messages = (depth.messages + depth.in_flight).max(shown as u64);
    Ok((Looked { queue, messages, shown }, letters))
}
