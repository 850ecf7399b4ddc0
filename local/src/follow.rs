//! Following a client's queue as a consumer does: receive, check, delete.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use tokio::sync::watch;

use crate::check::{Check, Expected, Received, Verdict};

/// A queue could not be read.
#[derive(Debug, thiserror::Error)]
#[error("queue `{queue_url}`: {reason}")]
pub struct FollowError {
    queue_url: String,
    reason: String,
}

/// The consumer of one queue.
#[derive(Debug)]
pub struct Follower<'e> {
    sqs: Client,
    queue_url: String,
    check: Check<'e>,
    /// What was received and maybe not deleted: the same message again is our doing, not a second event.
    message_ids: HashSet<String>,
    /// Of each event (by number), when it was received first.
    arrivals: Vec<(usize, Instant)>,
}

impl<'e> Follower<'e> {
    /// A consumer of `queue_url`, where the events `expected` should arrive.
    pub fn new(sqs: Client, queue_url: String, expected: &'e Expected) -> Self {
        let check = Check::new(expected);
        Self { sqs, queue_url, check, message_ids: HashSet::new(), arrivals: Vec::new() }
    }

    /// Receives until every written event has come, or nothing new has come for `patience`.
    ///
    /// `not_written` is `None` while events are being written, and then the ones that were not (by number).
    /// `on_event` is called for each event that comes for the first time.
    ///
    /// # Errors
    ///
    /// [`FollowError`], at the first request that fails.
    pub async fn until_complete(
        &mut self,
        not_written: &watch::Receiver<Option<HashSet<usize>>>,
        patience: Duration,
        on_event: &(impl Fn() + Sync),
    ) -> Result<(), FollowError> {
        let mut last_news = Instant::now();
        loop {
            let before = self.check.count();
            self.receive(1).await?;
            let news = self.check.count() - before;
            (0..news).for_each(|_| on_event());
            let written = not_written.borrow();
            let Some(not_written) = written.as_ref() else {
                last_news = Instant::now();
                continue;
            };
            if self.check.is_complete(not_written) {
                return Ok(());
            }
            if news > 0 {
                last_news = Instant::now();
            }
            if last_news.elapsed() > patience {
                return Ok(());
            }
        }
    }

    /// Receives what is in the queue now.
    ///
    /// # Errors
    ///
    /// [`FollowError`], at the first request that fails.
    pub async fn drain(&mut self) -> Result<(), FollowError> {
        while self.receive(0).await? > 0 {}
        Ok(())
    }

    /// What came; the events `not_written` (by number) are not expected.
    pub fn verdict(&self, not_written: &HashSet<usize>) -> Verdict {
        self.check.verdict(not_written)
    }

    /// Of each event (by number), when it came first.
    pub fn arrivals(&self) -> &[(usize, Instant)] {
        &self.arrivals
    }

    /// Receives and deletes up to ten messages, waiting at most `seconds` for the first. Returns how many came.
    async fn receive(&mut self, seconds: i32) -> Result<usize, FollowError> {
        let received = self
            .sqs
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(10)
            .wait_time_seconds(seconds)
            .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|error| self.error(DisplayErrorContext(error).to_string()))?;
        let messages = received.messages.unwrap_or_default();
        let now = Instant::now();
        for message in &messages {
            let id = message.message_id.clone().unwrap_or_default();
            if self.message_ids.insert(id)
                && let Some(index) = self.check.take(&read(message))
            {
                self.arrivals.push((index, now));
            }
        }
        self.delete(&messages).await?;
        Ok(messages.len())
    }

    async fn delete(&self, messages: &[Message]) -> Result<(), FollowError> {
        if messages.is_empty() {
            return Ok(());
        }
        let mut request = self.sqs.delete_message_batch().queue_url(&self.queue_url);
        for (number, message) in messages.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder()
                .id(number.to_string())
                .set_receipt_handle(message.receipt_handle.clone())
                .build()
                .map_err(|error| self.error(error.to_string()))?;
            request = request.entries(entry);
        }
        // An entry that was not deleted comes again, and is known by its message id.
        request.send().await.map_err(|error| self.error(DisplayErrorContext(error).to_string()))?;
        Ok(())
    }

    fn error(&self, reason: String) -> FollowError {
        FollowError { queue_url: self.queue_url.clone(), reason }
    }
}

/// How many messages are in a queue, those in flight included.
///
/// # Errors
///
/// [`FollowError`].
pub async fn depth(sqs: &Client, queue_url: &str) -> Result<u64, FollowError> {
    let failed = |reason: String| FollowError { queue_url: queue_url.to_owned(), reason };
    let answer = sqs
        .get_queue_attributes()
        .queue_url(queue_url)
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
        .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
        .send()
        .await
        .map_err(|error| failed(DisplayErrorContext(error).to_string()))?;
    let numbers = answer.attributes.unwrap_or_default();
    let numbers = numbers.values().map(|number| number.parse::<u64>());
    numbers.sum::<Result<u64, _>>().map_err(|error| failed(error.to_string()))
}

/// The message, as a check takes it.
pub fn read(message: &Message) -> Received {
    let attribute = |name: &str| {
        let attributes = message.message_attributes.as_ref()?;
        attributes.get(name)?.string_value.clone()
    };
    let system = message.attributes.as_ref();
    let group = system.and_then(|attributes| attributes.get(&MessageSystemAttributeName::MessageGroupId));
    Received {
        group: group.cloned().unwrap_or_default(),
        event_id: attribute("eventId"),
        version: attribute("version"),
        body: message.body.clone().unwrap_or_default(),
    }
}
