//! Rejections as the functions write them, and as a stranger would.

use std::collections::BTreeMap;

use aws::operator::sqs::ReceivedMessage;
use serde_json::value::RawValue;
use shared::config::{Config, Source};
use shared::ids::{DeduplicationId, Group, Key};
use shared::message::Message;
use shared::rejection;

use super::Rejection;

pub(crate) const STREAM: &str =
    "arn:aws:dynamodb:eu-west-2:111122223333:table/RegistrationNumberEvent/stream/2026-01-05T09:00:00.000";

/// The `[source]` of the companion's table.
pub(crate) fn source() -> Source {
    let toml = include_str!("../../../client-queues.toml");
    Config::try_from_toml("client-queues.toml", toml, None).unwrap().source
}

/// A message that the functions sent, as SQS returns it.
fn received(number: u32, message: &Message) -> ReceivedMessage {
    let mut attributes = message.attributes().to_vec();
    attributes.sort_by(|one, other| one.name.cmp(&other.name));
    let body = message.body().text().unwrap();
    ReceivedMessage { attributes, ..foreign(number, message.group().as_str(), &body) }
}

/// A message of any sender, as SQS returns it.
pub(crate) fn foreign(number: u32, group: &str, body: &str) -> ReceivedMessage {
    let system = [
        ("MessageGroupId", group),
        ("MessageDeduplicationId", "d-1"),
        ("SequenceNumber", &format!("{:020}", 18_850_000_000_000_u64 + u64::from(number))),
        ("SentTimestamp", "1767603600250"),
        ("ApproximateReceiveCount", "2"),
    ];
    ReceivedMessage {
        id: format!("{number:08x}-0000-4000-8000-000000000000"),
        receipt_handle: format!("receipt-{number}"),
        body: body.to_owned(),
        system: BTreeMap::from(system.map(|(name, value)| (name.to_owned(), value.to_owned()))),
        attributes: Vec::new(),
    }
}

/// The third event of `AFC F5`, which lacks its id or has a malformed price.
pub(crate) fn rejected(event_id: &str) -> Rejection {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let keys = raw(r#"{"mark":{"S":"AFC F5"},"createTime":{"S":"2026-01-05T09:00:03Z"}}"#);
    let image = raw(
        r#"{"mark":{"S":"AFC F5"},"createTime":{"S":"2026-01-05T09:00:03Z"},"price":{"N":"299.90"},"RegistrationNumber":{"M":{"version":{"N":"3"}}}}"#,
    );
    let rejection = rejection::Rejection {
        reason: "the event lacks `eventId`, its id; `[source]` in `client-queues.toml` says where it is"
            .to_owned(),
        event_id: Some(event_id.to_owned()),
        keys: Some(&keys),
        stream: Some(STREAM.to_owned()),
        sequence_number: Some("4421584500000000017450439091".to_owned()),
        image: Some(&image),
        ..rejection::Rejection::default()
    };
    let group = Group::of(&Key::S("AFC F5".to_owned()));
    let message = rejection.message(Some(group), &DeduplicationId::of_stream_record("r-3"));
    Rejection { message: received(3, &message) }
}

/// A record of which only its position could be read.
pub(crate) fn unreadable_record() -> Rejection {
    let record =
        RawValue::from_string(r#"{"dynamodb":{"SequenceNumber":"42","Keys":7}}"#.to_owned()).unwrap();
    let rejection = rejection::Rejection {
        reason: "not a stream record: it has no `eventName`".to_owned(),
        sequence_number: Some("42".to_owned()),
        record: Some(&record),
        ..rejection::Rejection::default()
    };
    let message = rejection.message(None, &DeduplicationId::of_stream_record("r-4"));
    Rejection { message: received(4, &message) }
}
