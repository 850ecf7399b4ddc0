//! One stream record, read by itself: an event, nothing of interest, or something that can never be an event.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::config::Config;
use shared::control::TypedKey;
use shared::erasure::hint;
use shared::event::{Along, Event, EventError, Reader};
use shared::ids::{DeduplicationId, Group, Key};
use shared::image::{Image, Record, WantedPaths};
use shared::ledger::EventTime;
use shared::message::{Attribute, EVENT_LIMIT, Message};
use shared::rejection::Rejection;
use shared::time::Timestamp;

/// Who removes expired items (DynamoDB developer guide, "DynamoDB Streams and Time to Live").
const TIME_TO_LIVE: &str = "dynamodb.amazonaws.com";

/// The `eventSource` of a stream's records (AWS Lambda Developer Guide, "Using AWS Lambda with Amazon DynamoDB").
const DYNAMODB: &str = "aws:dynamodb";

/// No clock is so far ahead: a time that is says nothing.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a stream record comes to.
#[derive(Debug)]
pub enum Reading<'p> {
    /// An event of this group, encoded for the fan-out queue.
    Event(Message),
    /// A change that is not an event.
    Skipped(SkipReason),
    /// That an item of an aggregate was deleted, for the fan-out queue.
    Hint(Message),
    /// A record that can never be sent: a rejection about it, for the rejected queue.
    Rejected(Box<RejectedRecord<'p>>),
    /// The mapping reads something that has no events, so that none of its records can ever be read.
    WrongSource(WrongSource),
}

/// Why a record is not an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SkipReason {
    /// An item was written over: in an append-only table, an event was changed.
    Overwritten,
    /// An item was deleted.
    Removed,
    /// An item was deleted by its time to live.
    Expired,
    /// The source's filter does not admit the item.
    NotAdmitted,
}

/// A record that can never be sent.
#[derive(Debug)]
pub struct RejectedRecord<'p> {
    /// The rejection about it.
    pub rejection: Rejection<'p>,
    /// The aggregate's group, where it could be read.
    pub group: Option<Group>,
    /// What distinguishes this rejection from others.
    pub deduplication_id: DeduplicationId,
}

/// Why what a mapping reads is not a stream of events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongSource {
    /// It is not a stream of a DynamoDB table.
    #[error(
        "the records come from `{}` and not from a DynamoDB stream; delete the event source mapping that brings them",
        .service.escape_debug()
    )]
    Service {
        /// The records' `eventSource`.
        service: String,
    },
    /// The stream shows no new images.
    #[error(
        "the stream's view type is `{view_type}`, which carries no new image; give the event table a stream with \
         `NEW_IMAGE` and set the stack's stream parameter to its ARN"
    )]
    NoImages {
        /// The stream's `StreamViewType`.
        view_type: String,
    },
}

/// How records are read: prepared once, at cold start.
#[derive(Debug)]
pub struct RecordReader {
    events: Reader,
    /// The table's partition key, as the source names it.
    partition_key: String,
    /// Whether a client wants to be told when an aggregate is erased.
    has_hints: bool,
}

impl RecordReader {
    /// Reads what this configuration says.
    pub fn new(config: &Config) -> Self {
        Self {
            events: Reader::new(&config.source),
            partition_key: config.source.partition_key.clone(),
            has_hints: config.clients.iter().any(|client| client.erasures),
        }
    }

    /// Reads one record. Whatever is wrong with it is a value; so is a panic on the way.
    ///
    /// When the stream recorded it is taken from the record, unless that is more than a day after `now`; but an event
    /// of a replay has no such time, since no measure of the pipeline can count how long it lay in a queue.
    pub fn read<'p>(&self, raw: &'p RawValue, along: Along<'_>, now: Timestamp) -> Reading<'p> {
        guarded(raw, || self.read_unguarded(raw, along, now))
    }

    /// Whether the time of an event, which the source has, is missing from its message or can't be read there.
    pub fn lacks_time(&self, message: &Message) -> bool {
        let time = || message.attribute("eventTime").and_then(EventTime::try_from_text);
        self.events.has_times() && time().is_none()
    }

    fn read_unguarded<'p>(&self, raw: &'p RawValue, along: Along<'_>, now: Timestamp) -> Reading<'p> {
        let record = match Record::read(raw.get().as_bytes(), self.events.wanted()) {
            Ok(record) => record,
            Err(error) => return foreign(raw).unwrap_or_else(|| unreadable(raw, &error.to_string())),
        };
        if let Some(service) = record.source.as_deref().filter(|service| *service != DYNAMODB) {
            return Reading::WrongSource(WrongSource::Service { service: service.to_owned() });
        }
        if let Some(view_type @ ("KEYS_ONLY" | "OLD_IMAGE")) = record.view_type.as_deref() {
            return Reading::WrongSource(WrongSource::NoImages { view_type: view_type.to_owned() });
        }
        match &*record.change {
            "INSERT" => self.event(record, along, now),
            "MODIFY" if self.is_no_event(&record) => Reading::Skipped(SkipReason::NotAdmitted),
            "MODIFY" => Reading::Skipped(SkipReason::Overwritten),
            "REMOVE" if self.has_hints => self.hint(&record, along),
            "REMOVE" if record.principal.as_deref() == Some(TIME_TO_LIVE) => {
                Reading::Skipped(SkipReason::Expired)
            }
            "REMOVE" => Reading::Skipped(SkipReason::Removed),
            other => {
                rejected(&record, None, format!("`{}` is not a change of an item", other.escape_debug()))
            }
        }
    }

    /// The hint that an item was deleted: the last one of its aggregate, perhaps. It is one of each record; the fan-out
    /// looks once for all of a batch.
    fn hint<'p>(&self, record: &Record<'_>, along: Along<'_>) -> Reading<'p> {
        let keys =
            record.keys.and_then(|keys| serde_json::from_slice::<BTreeMap<String, TypedKey>>(keys).ok());
        let key = keys.and_then(|mut keys| keys.remove(&self.partition_key));
        let key = key.and_then(|key| Key::try_from(key).ok()).filter(|key| !key.is_empty());
        match (key, record.event_id.as_deref()) {
            (Some(key), Some(event_id)) => Reading::Hint(hint(&key, event_id, along.trace_header)),
            _ => Reading::Skipped(SkipReason::Removed),
        }
    }

    /// Whether the source's filter says that the item is no event.
    fn is_no_event(&self, record: &Record<'_>) -> bool {
        let image = record.image.as_ref().and_then(|image| image.converted.as_ref().ok());
        image.is_some_and(|image| !self.events.admits(image))
    }

    fn event<'p>(&self, mut record: Record<'p>, along: Along<'_>, now: Timestamp) -> Reading<'p> {
        if self.is_no_event(&record) {
            return Reading::Skipped(SkipReason::NotAdmitted);
        }
        let Some(image) = record.image.as_mut() else {
            return rejected(&record, None, "the record has no new image".to_owned());
        };
        let converted = std::mem::replace(&mut image.converted, Ok(Image::default()));
        if record.event_id.as_deref().unwrap_or_default().is_empty() {
            return rejected(&record, None, "the record has no `eventID`".to_owned());
        }
        let event = match converted.map_err(EventError::from).and_then(|image| self.events.event(image)) {
            Ok(event) => event,
            Err(error) => return rejected(&record, None, error.to_string()),
        };
        let is_time = |created: &Timestamp| along.replay.is_none() && created.since(now) <= DAY;
        let along = Along { streamed_at: record.created.filter(is_time), ..along };
        let limit = EVENT_LIMIT + along.replay.map_or(0, |replay| Attribute::replay(replay).size());
        let mut message = event.message(along);
        if message.size() > limit {
            // A measure of ours must not cost a client its event.
            message = event.message(Along { streamed_at: None, ..along });
        }
        if message.size() > limit {
            let reason = format!(
                "the event has {} bytes with its attributes; at most {limit} fit a message",
                message.size()
            );
            return rejected(&record, Some((&event, message.group())), reason);
        }
        Reading::Event(message)
    }
}

impl<'p> RejectedRecord<'p> {
    /// The rejection of a record that was read, but whose message a queue refused for good.
    pub fn of_refused(raw: &'p RawValue, message: &Message, reason: String) -> Self {
        let read = || Record::read(raw.get().as_bytes(), &WantedPaths::default());
        let mut rejected_record = match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Ok(record)) => rejected_record(&record, reason),
            _ => unreadable_rejection(raw, &reason),
        };
        rejected_record.group = Some(message.group().clone());
        rejected_record
    }

    /// The rejection, as a message to the rejected queue.
    pub fn message(&self) -> Message {
        self.rejection.clone().message(self.group.clone(), &self.deduplication_id)
    }
}

/// The place of a record in its stream, if the record says it: enough to ask for it again.
pub fn sequence_number(raw: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct StreamPosition<'p> {
        #[serde(borrow)]
        dynamodb: Option<Position<'p>>,
    }

    #[derive(Deserialize)]
    struct Position<'p> {
        #[serde(rename = "SequenceNumber", borrow)]
        sequence_number: Option<Cow<'p, str>>,
    }

    let position: StreamPosition<'_> = serde_json::from_str(raw.get()).ok()?;
    let number = position.dynamodb?.sequence_number?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| number.into_owned())
}

fn rejected<'p>(record: &Record<'p>, event: Option<(&Event, &Group)>, reason: String) -> Reading<'p> {
    let mut rejected_record = rejected_record(record, reason);
    if let Some((event, group)) = event {
        rejected_record.rejection.event_id = Some(event.id().to_owned());
        rejected_record.group = Some(group.clone());
    }
    Reading::Rejected(Box::new(rejected_record))
}

fn rejected_record<'p>(record: &Record<'p>, reason: String) -> RejectedRecord<'p> {
    let event_id = record.event_id.as_deref().unwrap_or_default();
    let sequence_number = record.sequence_number.as_deref();
    // What could not be carried over as it is written would be no JSON, and then the record was none.
    let written = |text: Option<&'p [u8]>| text.and_then(|text| serde_json::from_slice(text).ok());
    RejectedRecord {
        rejection: Rejection {
            reason,
            event_id: (!event_id.is_empty()).then(|| event_id.to_owned()),
            keys: written(record.keys),
            stream: record.stream.as_deref().map(str::to_owned),
            sequence_number: sequence_number.map(str::to_owned),
            image: written(record.image.as_ref().map(|image| image.raw)),
            ..Rejection::default()
        },
        group: None,
        deduplication_id: match (event_id, sequence_number) {
            ("", None) => {
                let item = [record.keys, record.image.as_ref().map(|image| image.raw)];
                let item = item.map(|text| String::from_utf8_lossy(text.unwrap_or_default()));
                DeduplicationId::of_stream_record(&item.concat())
            }
            ("", Some(number)) => DeduplicationId::of_stream_record(number),
            (id, _) => DeduplicationId::of_stream_record(id),
        },
    }
}

/// What is not a record of a DynamoDB stream, because it is one of another service.
fn foreign(raw: &RawValue) -> Option<Reading<'static>> {
    #[derive(Deserialize)]
    struct Source<'p> {
        #[serde(rename = "eventSource", borrow)]
        service: Option<Cow<'p, str>>,
    }

    // Of a list, serde would take the first member for the first field.
    let object = Some(raw.get()).filter(|text| text.starts_with('{'))?;
    let source: Source<'_> = serde_json::from_str(object).ok()?;
    let service = source.service.filter(|service| service != DYNAMODB)?.into_owned();
    Some(Reading::WrongSource(WrongSource::Service { service }))
}

fn unreadable<'p>(raw: &'p RawValue, reason: &str) -> Reading<'p> {
    Reading::Rejected(Box::new(unreadable_rejection(raw, reason)))
}

fn unreadable_rejection<'p>(raw: &'p RawValue, reason: &str) -> RejectedRecord<'p> {
    RejectedRecord {
        rejection: Rejection {
            reason: reason.to_owned(),
            sequence_number: sequence_number(raw),
            record: Some(raw),
            ..Rejection::default()
        },
        group: None,
        deduplication_id: DeduplicationId::of_stream_record(raw.get()),
    }
}

/// Reads a record so that a panic is that record's rejection.
fn guarded<'p>(raw: &'p RawValue, read: impl FnOnce() -> Reading<'p>) -> Reading<'p> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| unreadable(raw, "reading the record panicked; the log names the place"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_while_reading_a_record_is_that_records_rejection() {
        let raw = r#"{"eventID":"1","eventName":"INSERT","dynamodb":{"SequenceNumber":"42"}}"#;
        let raw = RawValue::from_string(raw.to_owned()).unwrap();
        let Reading::Rejected(rejected_record) = guarded(&raw, || panic!("a secret value")) else {
            panic!("not rejected")
        };
        assert_eq!(rejected_record.rejection.sequence_number.as_deref(), Some("42"));
        assert!(!rejected_record.rejection.reason.contains("secret"));
        assert_eq!(rejected_record.rejection.record.unwrap().get(), raw.get());
    }

    #[test]
    fn a_sequence_number_is_digits() {
        let check = |raw: &str, expected: Option<&str>| {
            let raw = RawValue::from_string(raw.to_owned()).unwrap();
            assert_eq!(sequence_number(&raw).as_deref(), expected, "{}", raw.get());
        };
        check(
            r#"{"dynamodb":{"SequenceNumber":"1405400000000002063282832"}}"#,
            Some("1405400000000002063282832"),
        );
        check(r#"{"dynamodb":{"SequenceNumber":""}}"#, None);
        check(r#"{"dynamodb":{"SequenceNumber":"12a"}}"#, None);
        check(r#"{"dynamodb":{"SequenceNumber":7}}"#, None);
        check(r#"{"dynamodb":{}}"#, None);
        check("{}", None);
        check("[]", None);
    }
}
