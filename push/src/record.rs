//! One message of a client's queue, as Lambda delivers it, read by itself.

use aws_lambda_events::sqs::SqsMessage;
use serde_json::value::RawValue;
use shared::config::VERSION_LIMIT;
use shared::consumer::ReceivedMessage;
use shared::ids::Group;
use shared::ledger::QueuePlace;
use shared::message::ERASED;
use shared::text::with_sources;
use shared::time::Timestamp;

use crate::event::Event;

/// A message, and what of it could be read.
#[derive(Debug)]
pub(crate) struct Record {
    /// Which message it is, for Lambda; one without can only be returned with its whole batch.
    pub(crate) id: Option<String>,
    /// Which delivery it is, for SQS.
    pub(crate) receipt_handle: Option<String>,
    /// The ARN of its queue.
    pub(crate) queue: Option<String>,
    /// Its group.
    pub(crate) group: Option<Group>,
    /// How often it was received, this time included; 1 if SQS does not say.
    pub(crate) receive_count: u32,
    /// When it was sent to the queue; `None` if SQS does not say.
    pub(crate) sent_at: Option<Timestamp>,
    /// Where it stands in the queue; `None` if SQS does not say.
    pub(crate) place: Option<QueuePlace>,
    /// What it brings, or why it is none of the pipeline's.
    content: Result<Content, String>,
}

/// What a message brings.
struct Content {
    message: ReceivedMessage,
    id: String,
    name: Option<String>,
    time: Option<String>,
    erased: Option<String>,
    body: String,
}

impl Record {
    pub(crate) fn read(raw: &RawValue) -> Self {
        // The error names no place: it is Lambda's own text.
        let Ok(message) = serde_json::from_str::<SqsMessage>(raw.get()) else {
            return Self::unreadable("not a record of SQS");
        };
        let system = |name: &str| message.attributes.get(name).map(String::as_str);
        let group = system("MessageGroupId").and_then(|group| Group::try_from_sqs(group).ok());
        let count = system("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        let sent_at = system("SentTimestamp").and_then(|sent| sent.parse().ok()).map(Timestamp::from_millis);
        let sequence_number = system("SequenceNumber").and_then(|number| number.parse().ok());
        let place = |sent_at| Some(QueuePlace { sequence_number: sequence_number?, sent_at });
        Self {
            content: Content::of(&message),
            group,
            receive_count: count.unwrap_or(1),
            sent_at,
            place: sent_at.and_then(place),
            id: message.message_id,
            receipt_handle: message.receipt_handle,
            queue: message.event_source_arn,
        }
    }

    fn unreadable(why: &str) -> Self {
        Self {
            id: None,
            receipt_handle: None,
            queue: None,
            group: None,
            receive_count: 1,
            sent_at: None,
            place: None,
            content: Err(why.to_owned()),
        }
    }

    /// The event of `group`, this record's own.
    ///
    /// # Errors
    ///
    /// Why it is no message of the pipeline.
    pub(crate) fn event<'r>(&'r self, group: &'r Group) -> Result<Event<'r>, &'r str> {
        let content = self.content.as_ref().map_err(String::as_str)?;
        Ok(Event {
            group,
            message: content.message.clone(),
            id: &content.id,
            name: content.name.as_deref(),
            time: content.time.as_deref(),
            erased: content.erased.as_deref(),
            body: &content.body,
        })
    }
}

impl Content {
    fn of(message: &SqsMessage) -> Result<Self, String> {
        let attribute = |name: &str| message.message_attributes.get(name)?.string_value.as_deref();
        let received =
            ReceivedMessage::try_from_attributes(attribute).map_err(|error| with_sources(&error))?;
        let text = |name: &str| attribute(name).map(str::to_owned);
        // What the ledger keeps of a version.
        if !(-1..=VERSION_LIMIT).contains(&received.version) {
            return Err("the attribute `version` is out of range: no message of the pipeline".to_owned());
        }
        Ok(Self {
            message: received,
            id: text("eventId").ok_or("the attribute `eventId` is missing: no message of the pipeline")?,
            name: text("eventName"),
            time: text("eventTime"),
            erased: text(ERASED),
            body: message.body.clone().ok_or("it has no body")?,
        })
    }
}

// Neither bodies nor values of events belong in a log.
impl std::fmt::Debug for Content {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Content").field("id", &self.id).finish_non_exhaustive()
    }
}
