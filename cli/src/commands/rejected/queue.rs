//! The rejected queue. Looking into it takes no message out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws::operator::cloudformation::DeployedStack;
use aws::operator::sqs::{self, ReceivedMessage};
use aws::operator::{CallError, Target};
use shared::naming::{Naming, QueueArn, QueueUrl};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::context::output;
use crate::exit::{Exit, Failure};
use crate::rejections::Rejection;

/// How long the end of an interrupted command may take. Messages that are still hidden then come back by themselves.
const LAST_CALLS: Duration = Duration::from_secs(5);

/// The rejected queue. Messages that are received are hidden from others until they are released; the drop releases
/// them, so that an interrupted command does, too.
///
/// SQS shows no message of a group while an earlier one is in flight: a message that is held holds all behind it.
#[derive(Debug)]
pub(super) struct Queue {
    target: Target,
    url: String,
    /// The newest receipt handle of each message that is held, by the message's id.
    held: Mutex<BTreeMap<String, String>>,
}

/// The result of a look into the queue.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// The rejections that were wanted, in the queue's order.
    pub(super) rejections: Vec<Rejection>,
    /// How many were seen, wanted or not.
    pub(super) seen: usize,
    /// How many the queue holds, those in flight included; SQS calls the figure approximate.
    pub(super) messages: u64,
}

impl Queue {
    /// The queue of `stack`, with no message held.
    ///
    /// # Errors
    ///
    /// [`Failure::Call`], [`Exit::Unreachable`]: no output of the stack names the queue.
    pub(super) fn of_stack(target: &Target, stack: &DeployedStack) -> Result<Self, Failure> {
        let url = url(output(stack, "RejectedQueueARN")?)
            .map_err(|why| Exit::Unreachable.because(format!("stack `{}`: {why}", stack.name)))?;
        Ok(Self { target: target.clone(), url: url.to_string(), held: Mutex::default() })
    }

    /// Looks at up to `limit` rejections, and hides them for `invisible`. A rejection whose id `wants` refuses is only
    /// counted.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the queue can't be looked into.
    pub(super) async fn look(
        &self,
        limit: usize,
        invisible: Duration,
        wants: impl Fn(&str) -> bool,
    ) -> Result<Sight, CallError> {
        let depth = sqs::depth(&self.target, &self.url).await?;
        let (mut ids, mut rejections) = (BTreeSet::new(), Vec::new());
        while ids.len() < limit {
            let received =
                sqs::receive(&self.target, &self.url, limit - ids.len(), sqs::SHORT_WAIT, Some(invisible))
                    .await?;
            let before = ids.len();
            for message in received {
                self.held(|held| held.insert(message.id.clone(), message.receipt_handle.clone()));
                if ids.insert(message.id.clone()) && wants(&message.id) {
                    rejections.push(Rejection { message });
                }
            }
            // Either no more can be seen, or the look took so long that the first ones are back.
            if ids.len() == before {
                break;
            }
        }
        rejections.sort_by(|left, right| left.message.sequence().cmp(&right.message.sequence()));
        let seen = ids.len();
        let messages = depth.total().max(seen as u64);
        Ok(Sight { rejections, seen, messages })
    }

    /// Hides `message` for `invisible` from now on.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the message is no longer held, and others may have received it.
    pub(super) async fn hide(&self, message: &ReceivedMessage, invisible: Duration) -> Result<(), CallError> {
        let hidden = sqs::hide(&self.target, &self.url, &message.receipt_handle, invisible).await;
        if hidden.is_err() {
            self.held(|held| held.remove(&message.id));
        }
        hidden
    }

    /// Deletes `message`.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the message stays, and is still held.
    pub(super) async fn delete(&self, message: &ReceivedMessage) -> Result<(), CallError> {
        sqs::delete(&self.target, &self.url, &message.receipt_handle).await?;
        self.held(|held| held.remove(&message.id));
        Ok(())
    }

    /// Shows all messages that are held to others again. A message that can't be changed comes back by itself.
    pub(super) async fn release(&self) {
        let receipts: Vec<String> = self.held(std::mem::take).into_values().collect();
        sqs::show(&self.target, &self.url, &receipts).await;
    }

    fn held<R>(&self, with: impl FnOnce(&mut BTreeMap<String, String>) -> R) -> R {
        with(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sight {
    /// About how many rejections were not seen.
    pub(super) fn unseen(&self) -> u64 {
        self.messages.saturating_sub(self.seen as u64)
    }
}

fn url(arn: &str) -> Result<QueueUrl, String> {
    let arn = QueueArn::try_new(arn).map_err(|error| error.to_string())?;
    let naming = Naming::try_new(&arn.partition, &arn.region, &arn.account, "");
    Ok(naming.map_err(|error| error.to_string())?.queue(&arn.account, &arn.name))
}

/// An interrupted command is dropped: this is the only code of it that still runs.
impl Drop for Queue {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let can_wait = runtime.runtime_flavor() == RuntimeFlavor::MultiThread;
        if !can_wait || self.held(|held| held.is_empty()) {
            return;
        }
        tokio::task::block_in_place(|| {
            // After the limit, the messages come back by themselves.
            let _ = runtime.block_on(tokio::time::timeout(LAST_CALLS, self.release()));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_follows_from_the_arn() {
        let found = url("arn:aws:sqs:eu-west-2:111122223333:test-MarkFanOutRejected.fifo").unwrap();
        assert_eq!(
            found.as_str(),
            "https://sqs.eu-west-2.amazonaws.com/111122223333/test-MarkFanOutRejected.fifo"
        );
        assert!(url("MarkFanOutRejected").unwrap_err().contains("`MarkFanOutRejected`"));
    }
}
