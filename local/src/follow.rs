//! Following a client: its queue as a consumer does (receive, check, delete), or what a receiver of webhooks takes for it.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use aws::operator::{CallError, Target, sqs};
use shared::message::AttributeValue;
use tokio::sync::watch;

use crate::check::{Check, ExpectedEvents, ReceivedEvent, Verdict};
use crate::receiver::Inbox;
use crate::stack::ClientAddress;

/// Who follows one client.
#[derive(Debug)]
pub struct Follower<'e> {
    place: Place,
    expected: &'e ExpectedEvents,
    check: Check<'e>,
    /// What has come and is not checked yet, in its order: a message can overtake the answer to the write that caused it.
    waiting: VecDeque<(ReceivedEvent, Instant)>,
    /// The ids of the received messages. A message that could not be deleted comes again, and is no second event.
    message_ids: HashSet<String>,
    /// When each event (by number) was received first.
    arrivals: Vec<(usize, Instant)>,
}

/// Where a client's events arrive.
#[derive(Debug)]
enum Place {
    Queue { target: Box<Target>, url: String },
    Receiver(Inbox),
}

impl<'e> Follower<'e> {
    /// A consumer of `queue_url`, where the events `expected` should arrive as they are.
    pub fn new(target: Target, queue_url: String, expected: &'e ExpectedEvents) -> Self {
        Self::with_check(
            Place::Queue { target: Box::new(target), url: queue_url },
            expected,
            Check::new(expected),
        )
    }

    /// The consumer of the client at `address`, where what is `expected` of it should arrive.
    pub fn of_client(target: Target, address: &ClientAddress, expected: &'e ExpectedEvents) -> Self {
        let place = Place::Queue { target: Box::new(target), url: address.queue_url.clone() };
        Self::with_check(place, expected, Check::of_client(expected, &address.name))
    }

    /// Who looks at what a receiver takes for the client called `name`, where what is `expected` of it should arrive.
    pub fn of_inbox(inbox: Inbox, name: &str, expected: &'e ExpectedEvents) -> Self {
        Self::with_check(Place::Receiver(inbox), expected, Check::of_client(expected, name))
    }

    fn with_check(place: Place, expected: &'e ExpectedEvents, check: Check<'e>) -> Self {
        let (waiting, message_ids, arrivals) = (VecDeque::new(), HashSet::new(), Vec::new());
        Self { place, expected, check, waiting, message_ids, arrivals }
    }

    /// Receives until every written event that is wanted has come, or nothing new has come for `patience`.
    ///
    /// `not_expected` is `None` while events are being written; after that it has the events (by number) that will not
    /// come. `on_event` is called with the number of each event that comes for the first time.
    ///
    /// # Errors
    ///
    /// [`CallError`], at the first request that fails.
    pub async fn until_complete(
        &mut self,
        not_expected: &watch::Receiver<Option<HashSet<usize>>>,
        patience: Duration,
        on_event: &(impl Fn(usize) + Sync),
    ) -> Result<(), CallError> {
        let mut last_news = Instant::now();
        loop {
            let before = self.arrivals.len();
            self.receive(sqs::SHORT_WAIT).await?;
            let is_written = not_expected.borrow().is_some();
            self.check_waiting(is_written);
            let news = self.arrivals.get(before..).unwrap_or_default();
            news.iter().for_each(|(index, _)| on_event(*index));
            let has_news = !news.is_empty();
            let written = not_expected.borrow();
            let Some(not_expected) = written.as_ref() else {
                last_news = Instant::now();
                continue;
            };
            if self.check.is_complete(not_expected) {
                return Ok(());
            }
            if has_news {
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
    /// [`CallError`], at the first request that fails.
    pub async fn drain(&mut self) -> Result<(), CallError> {
        while self.receive(Duration::ZERO).await? > 0 {}
        self.check_waiting(true);
        Ok(())
    }

    /// Checks what is waiting: up to the first event that is not written yet, unless all are.
    fn check_waiting(&mut self, is_written: bool) {
        let is_known = |received: &ReceivedEvent| {
            is_written || received.event_id.as_deref().is_none_or(|id| self.expected.is_known(id))
        };
        while let Some((received, at)) = self.waiting.pop_front_if(|(received, _)| is_known(received)) {
            self.arrivals.extend(self.check.take(&received).map(|index| (index, at)));
        }
    }

    /// What came; the events `not_written` (by number) are not expected.
    pub fn verdict(&self, not_written: &HashSet<usize>) -> Verdict {
        self.check.verdict(not_written)
    }

    /// When each event (by number) came first.
    pub fn arrivals(&self) -> &[(usize, Instant)] {
        &self.arrivals
    }

    /// Receives and deletes up to ten messages, or takes what a receiver has; waits up to `wait` for the first. Returns how many
    /// came.
    async fn receive(&mut self, wait: Duration) -> Result<usize, CallError> {
        let (target, queue_url) = match &mut self.place {
            Place::Queue { target, url } => (&**target, &*url),
            Place::Receiver(inbox) => {
                let events = inbox.take(wait).await;
                let (now, count) = (Instant::now(), events.len());
                self.waiting.extend(events.into_iter().map(|event| (event, now)));
                return Ok(count);
            }
        };
        let messages = sqs::receive(target, queue_url, sqs::BATCH_LIMIT, wait, None).await?;
        let now = Instant::now();
        for message in &messages {
            if self.message_ids.insert(message.id.clone()) {
                self.waiting.push_back((read(message), now));
            }
        }
        if !messages.is_empty() {
            let receipts: Vec<String> =
                messages.iter().map(|message| message.receipt_handle.clone()).collect();
            // A message that is not deleted comes again, and is recognised by its id.
            sqs::delete_all(target, queue_url, &receipts).await?;
        }
        Ok(messages.len())
    }
}

/// The message, as a check takes it.
pub fn read(message: &sqs::ReceivedMessage) -> ReceivedEvent {
    let attribute = |name: &str| {
        let found = message.attributes.iter().find(|attribute| attribute.name == name)?;
        match &found.value {
            AttributeValue::Text(text) => Some(text.clone()),
            AttributeValue::Base64(_) => None,
        }
    };
    ReceivedEvent {
        group: message.system("MessageGroupId").unwrap_or_default().to_owned(),
        event_id: attribute("eventId"),
        version: attribute("version"),
        body: message.body.clone(),
    }
}
