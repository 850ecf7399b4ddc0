//! The queues of `status`.

use std::collections::BTreeMap;

use aws::operator::{CallError, CallFault};
use deploy::stack::Whose;
use serde::Serialize;
use shared::naming::OwnQueue;

use super::collect::Queue;
use super::figure;
use crate::output::{self, Row, attention, row, time};

/// The state of a queue. A figure that isn't known is null, and `unknown` says why, by the figure's name.
#[derive(Debug, Serialize)]
pub(super) struct QueueRow {
    /// `fan-out queue`, `rejected queue` or `client`.
    kind: String,
    pub(super) client: Option<String>,
    name: String,
    account: String,
    pub(super) messages: Option<u64>,
    pub(super) in_flight: Option<u64>,
    delayed: Option<u64>,
    pub(super) oldest_message_seconds: Option<u64>,
    /// The fault and the command that shows more, if the queue needs attention.
    pub(super) attention: Option<String>,
    unknown: BTreeMap<&'static str, String>,
}

impl QueueRow {
    /// `stack` is the option that names the stack.
    pub(super) fn new(queue: &Queue, stack: &str) -> Self {
        let mut unknown = BTreeMap::new();
        let mut count = |name: &'static str, attribute: &str| {
            let attributes = queue.attributes.as_ref().ok();
            let value = attributes.and_then(|attributes| attributes.get(attribute)?.parse::<u64>().ok());
            if value.is_none() {
                let why = queue.attributes.as_ref().err().map(ToString::to_string);
                unknown.insert(name, why.unwrap_or_else(|| format!("SQS returned no `{attribute}`")));
            }
            value
        };
        let messages = count("messages", "ApproximateNumberOfMessages");
        let in_flight = count("in_flight", "ApproximateNumberOfMessagesNotVisible");
        let delayed = count("delayed", "ApproximateNumberOfMessagesDelayed");
        let is_empty = [messages, in_flight, delayed].iter().all(|count| *count == Some(0));
        let (kind, client) = match &queue.whose {
            Whose::Stack(queue) => (queue.to_string(), None),
            Whose::Client(name) => ("client".to_owned(), Some(name.clone())),
        };
        Self {
            kind,
            client,
            name: queue.arn.name.clone(),
            account: queue.arn.account.clone(),
            messages,
            in_flight,
            delayed,
            oldest_message_seconds: figure("oldest_message_seconds", &queue.oldest, &mut unknown),
            attention: needs(&queue.whose, queue.attributes.as_ref().err(), is_empty)
                .map(|(what, command)| format!("{what}see `fanoutctl {command}{stack}`")),
            unknown,
        }
    }

    pub(super) fn cells(&self) -> Row<7> {
        let name = self.client.as_ref().unwrap_or(&self.kind).clone();
        let oldest = output::figure(self.oldest_message_seconds.map(time));
        let (attention, tone) = attention(self.attention.as_deref());
        let [messages, in_flight, delayed] =
            [self.messages, self.in_flight, self.delayed].map(output::figure);
        row([name, self.account.clone(), messages, in_flight, delayed, oldest, attention], tone)
    }
}

/// Why a queue needs attention, because it holds rejections or does not exist, and the command that shows more.
fn needs(whose: &Whose, error: Option<&CallError>, is_empty: bool) -> Option<(&'static str, &'static str)> {
    match (whose, error) {
        (_, Some(error)) if error.fault == CallFault::Missing => Some(("the queue doesn't exist: ", "check")),
        (Whose::Stack(OwnQueue::Rejected), None) if !is_empty => Some(("", "rejected list")),
        _ => None,
    }
}
