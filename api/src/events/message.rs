//! One message of the queue, as Lambda delivers it, read by itself.

use aws_lambda_events::sqs::SqsMessage;
use serde_json::value::RawValue;
use shared::ids::{DeduplicationId, Group, Key};
use shared::message::Message;
use shared::rejection::Rejection;

use super::refusal::Refusal;
use super::request::QueuedEvent;
use super::values::RequestKey;

/// A message, and what of it could be read.
#[derive(Debug)]
pub(super) struct Record<'r> {
    raw: &'r RawValue,
    /// Which message it is, for Lambda; one without can only be returned with its whole batch.
    pub(super) id: Option<String>,
    /// In which group it stands, of a FIFO queue: behind what is returned of that, it is returned, too.
    pub(super) group: Option<String>,
    /// What its event is known by, if that has no id of its own.
    pub(super) key: Option<RequestKey>,
    /// What it asks for, or why that can't be read.
    pub(super) event: Result<QueuedEvent, Refusal>,
}

impl<'r> Record<'r> {
    pub(super) fn read(raw: &'r RawValue) -> Self {
        let Ok(message) = serde_json::from_str::<SqsMessage>(raw.get()) else {
            let event = Err(Refusal::unreadable("not a record of SQS"));
            return Self { raw, id: None, group: None, key: None, event };
        };
        let system = |name: &str| message.attributes.get(name).map(String::as_str);
        // Messages of a standard queue can have a group, too, and no order.
        let is_standard = message.event_source_arn.as_deref().is_some_and(|arn| !arn.ends_with(".fifo"));
        let id = message.message_id.filter(|id| !id.is_empty());
        let key = system("MessageDeduplicationId").or(id.as_deref());
        let event = match &message.body {
            Some(body) => QueuedEvent::try_from_text(body),
            None => Err(Refusal::unreadable("a message without a body")),
        };
        Self {
            raw,
            group: system("MessageGroupId").filter(|_| !is_standard).map(str::to_owned),
            key: key.and_then(|key| RequestKey::try_new(key).ok()),
            id,
            event,
        }
    }

    /// The rejection about it, of its `aggregate` and its event's `id`, where they could be read. It has the whole
    /// message, so that nothing is lost.
    pub(super) fn rejection(&self, aggregate: Option<&str>, id: Option<&str>, reason: &str) -> Message {
        let group = aggregate.map(|aggregate| Group::of(&Key::S(aggregate.to_owned())));
        let message = DeduplicationId::of_stream_record(self.id.as_deref().unwrap_or_else(|| self.raw.get()));
        let rejection = Rejection {
            reason: reason.to_owned(),
            event_id: id.map(str::to_owned),
            record: Some(self.raw),
            ..Rejection::default()
        };
        rejection.message(group, &message)
    }
}
