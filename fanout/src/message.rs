//! One message of the fan-out queue, read by itself and re-encoded byte for byte.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use shared::event::STREAMED_AT;
use shared::ids::{DeduplicationId, Group};
use shared::message::{Attribute, AttributeValue, Body, INCARNATION, Message, REPAIR, REPLAY};
use shared::time::Timestamp;

/// A message as Lambda delivered it, or why the function cannot process it.
#[derive(Debug)]
pub struct Delivery<'p> {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// The whole message, as Lambda's payload has it.
    pub record: &'p RawValue,
    /// Which message it is, for Lambda; a message without one can only be returned with its whole batch.
    pub id: Option<String>,
    /// Which delivery it is, for SQS.
    pub receipt_handle: Option<String>,
    /// The group, where it could be read.
    pub group: Option<Group>,
    /// How often the message was received, this time included; 1 if SQS does not say.
    pub receive_count: u32,
    /// When it was received first; `None` if SQS does not say.
    pub first_received: Option<Timestamp>,
    /// When it was sent to the queue; `None` if SQS does not say.
    pub sent: Option<Timestamp>,
    /// The message for the client queues.
    pub message: Result<IncomingMessage<'p>, String>,
}

/// A message that can be copied.
#[derive(Debug)]
pub struct IncomingMessage<'p> {
    /// The same message, ready for the client queues.
    pub copy: Message,
    /// When the stream recorded its event; `None` if the message does not say.
    pub streamed_at: Option<Timestamp>,
    body: &'p RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'p> {
    #[serde(borrow)]
    message_id: Option<Cow<'p, str>>,
    #[serde(borrow)]
    receipt_handle: Option<Cow<'p, str>>,
    #[serde(borrow)]
    attributes: Option<&'p RawValue>,
    #[serde(borrow)]
    body: Option<&'p RawValue>,
    #[serde(borrow)]
    message_attributes: Option<&'p RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SystemAttributes<'p> {
    #[serde(borrow)]
    message_group_id: Option<Cow<'p, str>>,
    #[serde(borrow)]
    message_deduplication_id: Option<Cow<'p, str>>,
    #[serde(borrow)]
    approximate_receive_count: Option<Cow<'p, str>>,
    #[serde(borrow)]
    approximate_first_receive_timestamp: Option<Cow<'p, str>>,
    #[serde(borrow)]
    sent_timestamp: Option<Cow<'p, str>>,
    #[serde(rename = "AWSTraceHeader", borrow)]
    trace_header: Option<Cow<'p, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageAttribute {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl<'p> Delivery<'p> {
    /// Reads one message. Whatever is wrong with it is a value; so is a panic on the way.
    pub fn read(index: usize, raw: &'p RawValue) -> Self {
        Self { index, ..Self::guarded(raw, || Self::read_unguarded(raw)) }
    }

    fn guarded(raw: &'p RawValue, read: impl FnOnce() -> Self) -> Self {
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
            Self::unreadable(raw, "reading the message panicked; the log names the place".to_owned())
        })
    }

    fn read_unguarded(raw: &'p RawValue) -> Self {
        let envelope: Envelope<'p> = match serde_json::from_str(raw.get()) {
            Ok(envelope) => envelope,
            Err(error) => {
                return Self::unreadable(raw, format!("not a message of an SQS mapping: {}", place(&error)));
            }
        };
        let system = envelope.attributes.map_or("{}", RawValue::get);
        let (system, unreadable) = match serde_json::from_str::<SystemAttributes<'p>>(system) {
            Ok(system) => (system, None),
            Err(error) => (
                SystemAttributes::default(),
                Some(format!("`attributes` are not readable: {}", place(&error))),
            ),
        };
        let group = system.message_group_id.as_deref().and_then(|group| Group::try_from_sqs(group).ok());
        let number = |text: &Option<Cow<'_, str>>| text.as_deref().and_then(|text| text.parse::<u64>().ok());
        let receive_count = number(&system.approximate_receive_count).unwrap_or(1);
        Self {
            index: 0,
            record: raw,
            id: envelope.message_id.as_deref().filter(|id| !id.is_empty()).map(str::to_owned),
            receipt_handle: envelope.receipt_handle.as_deref().map(str::to_owned),
            group: group.clone(),
            receive_count: u32::try_from(receive_count).unwrap_or(u32::MAX),
            first_received: number(&system.approximate_first_receive_timestamp).map(Timestamp::from_millis),
            sent: number(&system.sent_timestamp).map(Timestamp::from_millis),
            message: match unreadable {
                Some(why) => Err(why),
                None => IncomingMessage::read(&envelope, system, group),
            },
        }
    }

    fn unreadable(raw: &'p RawValue, why: String) -> Self {
        #[derive(Deserialize)]
        struct Id<'p> {
            #[serde(rename = "messageId", borrow)]
            id: Option<Cow<'p, str>>,
        }

        let id = serde_json::from_str::<Id<'_>>(raw.get()).ok().and_then(|envelope| envelope.id);
        Self {
            index: 0,
            record: raw,
            id: id.as_deref().filter(|id| !id.is_empty()).map(str::to_owned),
            receipt_handle: None,
            group: None,
            receive_count: 1,
            first_received: None,
            sent: None,
            message: Err(why),
        }
    }
}

impl<'p> IncomingMessage<'p> {
    fn read(
        envelope: &Envelope<'p>,
        system: SystemAttributes<'p>,
        group: Option<Group>,
    ) -> Result<Self, String> {
        let group = group.ok_or("`MessageGroupId` is missing or illegal; is the source a FIFO queue?")?;
        let id = system.message_deduplication_id.as_deref().ok_or("`MessageDeduplicationId` is missing")?;
        let id = DeduplicationId::try_from_sqs(id)
            .map_err(|error| format!("`MessageDeduplicationId`: {error}"))?;
        let body =
            envelope.body.filter(|body| body.get().starts_with('"')).ok_or("`body` is missing or no text")?;
        let attributes = match envelope.message_attributes {
            None => Vec::new(),
            Some(attributes) => {
                serde_json::from_str::<Attributes>(attributes.get())
                    .map_err(|error| format!("`messageAttributes` are not readable: {}", place(&error)))?
                    .0
            }
        };
        let copy = Message::new(group, id, Body::Literal(body), attributes, system.trace_header.as_deref());
        let streamed_at = copy.attribute(STREAMED_AT).and_then(|milliseconds| milliseconds.parse().ok());
        Ok(Self { copy, streamed_at: streamed_at.map(Timestamp::from_millis), body })
    }

    /// The event under its own id, without what says how it came here and without what only a client's message has.
    pub fn of_event(&self, id: &DeduplicationId) -> Message {
        let tells_the_way = |own: &Attribute| [REPAIR, REPLAY, INCARNATION].contains(&own.name.as_str());
        if self.copy.deduplication_id() == id && !self.copy.attributes().iter().any(tells_the_way) {
            return self.copy.clone();
        }
        let own = self.copy.attributes().iter().filter(|own| !tells_the_way(own)).cloned();
        let own: Vec<Attribute> = own.collect();
        let group = self.copy.group().clone();
        Message::new(group, id.clone(), self.copy.body(), own, self.copy.trace_header())
    }

    /// The body, as a JSON string literal.
    pub fn body(&self) -> &'p RawValue {
        self.body
    }
}

/// Where an error is, and not what is there: that can be a value.
fn place(error: &serde_json::Error) -> String {
    format!("byte {} is not as expected", error.column())
}

/// Message attributes in the order of the payload.
struct Attributes(Vec<Attribute>);

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AttributesVisitor)
    }
}

struct AttributesVisitor;

impl<'de> Visitor<'de> for AttributesVisitor {
    type Value = Attributes;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("message attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
        let mut attributes = Vec::new();
        while let Some((name, attribute)) = map.next_entry::<String, MessageAttribute>()? {
            let value = match (attribute.string_value, attribute.binary_value) {
                (Some(text), None) => AttributeValue::Text(text),
                (None, Some(base64)) => AttributeValue::Base64(base64),
                _ => return Err(serde::de::Error::custom(format!("`{name}` has not exactly one value"))),
            };
            attributes.push(Attribute { name, data_type: attribute.data_type, value });
        }
        Ok(Attributes(attributes))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::{Value, json};

    use super::*;

    const EXAMPLE: &str = include_str!("../tests/fixtures/aws-fifo-example.json");

    /// The record of the example with one member changed; `null` removes it.
    fn example(pointer: &str, value: Value) -> Box<RawValue> {
        let mut payload: Value = serde_json::from_str(EXAMPLE).unwrap();
        let record = &mut payload["Records"][0];
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        let parent = record.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        let _ = parent.remove(member);
        if !value.is_null() {
            parent.insert(member.to_owned(), value);
        }
        serde_json::value::to_raw_value(record).unwrap()
    }

    fn check(pointer: &str, value: Value, expected: &Expect) {
        let raw = example(pointer, value);
        let delivery = Delivery::read(0, &raw);
        let message = match &delivery.message {
            Ok(incoming) => {
                format!("{{{}}}", String::from_utf8(aws::sqs::entry(&incoming.copy)).unwrap())
            }
            Err(why) => why.clone(),
        };
        let id = delivery.id.as_deref().unwrap_or("-");
        let group = delivery.group.as_ref().map_or("-", Group::as_str);
        let first = delivery.first_received.map(Timestamp::as_millis);
        expected.assert_eq(&format!(
            "id {id}, group {group}, received {} since {first:?}: {message}",
            delivery.receive_count
        ));
    }

    #[test]
    fn a_message_of_a_fifo_queue_is_read() {
        check(
            "/awsRegion",
            json!("us-east-2"),
            &expect![[
                r#"id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group 1, received 1 since Some(1573251510774): {"MessageBody":"Test message.","MessageGroupId":"1","MessageDeduplicationId":"1"}"#
            ]],
        );
    }

    #[test]
    fn what_is_missing_or_malformed_is_a_value() {
        check(
            "/messageId",
            Value::Null,
            &expect![[
                r#"id -, group 1, received 1 since Some(1573251510774): {"MessageBody":"Test message.","MessageGroupId":"1","MessageDeduplicationId":"1"}"#
            ]],
        );
        check(
            "/messageId",
            json!(""),
            &expect![[
                r#"id -, group 1, received 1 since Some(1573251510774): {"MessageBody":"Test message.","MessageGroupId":"1","MessageDeduplicationId":"1"}"#
            ]],
        );
        check(
            "/body",
            Value::Null,
            &expect![
                "id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group 1, received 1 since Some(1573251510774): `body` is missing or no text"
            ],
        );
        check(
            "/body",
            json!({ "a": 1 }),
            &expect![
                "id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group 1, received 1 since Some(1573251510774): `body` is missing or no text"
            ],
        );
        check(
            "/attributes",
            Value::Null,
            &expect![
                "id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group -, received 1 since None: `MessageGroupId` is missing or illegal; is the source a FIFO queue?"
            ],
        );
        check(
            "/attributes",
            json!([]),
            &expect![
                "id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group -, received 1 since None: `MessageGroupId` is missing or illegal; is the source a FIFO queue?"
            ],
        );
        check(
            "/attributes/MessageGroupId",
            Value::Null,
            &expect![
                "id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group -, received 1 since Some(1573251510774): `MessageGroupId` is missing or illegal; is the source a FIFO queue?"
            ],
        );
        check(
            "/attributes/MessageGroupId",
            json!("a b"),
            &expect![
                "id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group -, received 1 since Some(1573251510774): `MessageGroupId` is missing or illegal; is the source a FIFO queue?"
            ],
        );
        check(
            "/attributes/MessageDeduplicationId",
            Value::Null,
            &expect![
                "id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group 1, received 1 since Some(1573251510774): `MessageDeduplicationId` is missing"
            ],
        );
        check(
            "/attributes/MessageDeduplicationId",
            json!("x".repeat(129)),
            &expect![
                "id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group 1, received 1 since Some(1573251510774): `MessageDeduplicationId`: not 1 to 128 letters, digits and ASCII punctuation, but 129 bytes"
            ],
        );
        check(
            "/attributes/ApproximateReceiveCount",
            json!("many"),
            &expect![[
                r#"id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group 1, received 1 since Some(1573251510774): {"MessageBody":"Test message.","MessageGroupId":"1","MessageDeduplicationId":"1"}"#
            ]],
        );
        check(
            "/attributes/ApproximateFirstReceiveTimestamp",
            Value::Null,
            &expect![[
                r#"id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group 1, received 1 since None: {"MessageBody":"Test message.","MessageGroupId":"1","MessageDeduplicationId":"1"}"#
            ]],
        );
        check(
            "/messageAttributes",
            Value::Null,
            &expect![[
                r#"id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group 1, received 1 since Some(1573251510774): {"MessageBody":"Test message.","MessageGroupId":"1","MessageDeduplicationId":"1"}"#
            ]],
        );
        check(
            "/messageAttributes",
            json!({ "a": { "dataType": "String" } }),
            &expect![
                "id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group 1, received 1 since Some(1573251510774): `messageAttributes` are not readable: byte 27 is not as expected"
            ],
        );
        check(
            "/messageAttributes",
            json!({ "a": { "stringValue": "x" } }),
            &expect![
                "id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group 1, received 1 since Some(1573251510774): `messageAttributes` are not readable: byte 24 is not as expected"
            ],
        );
        check(
            "/messageAttributes",
            json!({ "a": { "dataType": "String", "stringValue": "x", "binaryValue": "eA==" } }),
            &expect![
                "id 11d6ee51-4cc7-4302-9e22-7cd8afdaadf5, group 1, received 1 since Some(1573251510774): `messageAttributes` are not readable: byte 66 is not as expected"
            ],
        );
    }

    #[test]
    fn what_is_no_record_at_all_is_a_value() {
        for raw in ["7", "[]", "null", r#"{"messageId":7}"#, r#"{"messageId":"m","body":"b","attributes":7}"#]
        {
            let raw = RawValue::from_string(raw.to_owned()).unwrap();
            assert!(Delivery::read(0, &raw).message.is_err());
        }
    }

    #[test]
    fn a_panic_while_reading_a_message_is_that_messages_own() {
        let raw = example("/awsRegion", json!("us-east-2"));
        let delivery = Delivery::guarded(&raw, || panic!("a secret value"));
        assert_eq!(delivery.id.as_deref(), Some("11d6ee51-4cc7-4302-9e22-7cd8afdaadf5"));
        assert!(!delivery.message.unwrap_err().contains("secret"));
    }

    #[test]
    fn an_error_holds_no_value() {
        let secrets = [
            ("/messageAttributes", json!({ "a": { "dataType": "String", "stringValue": 271828182 } })),
            ("/messageAttributes", json!("a secret 271828182")),
            ("/attributes", json!({ "MessageGroupId": 271828182 })),
        ];
        for (pointer, value) in secrets {
            let why = Delivery::read(0, &example(pointer, value)).message.unwrap_err();
            assert!(!why.contains("271828182"), "{why}");
        }
    }

    #[test]
    fn list_values_of_lambda_payloads_are_ignored() {
        // Lambda adds these two to every attribute; SQS does not support them.
        let attribute = json!({
            "a": { "dataType": "String", "stringValue": "x", "stringListValues": [], "binaryListValues": [] }
        });
        let raw = example("/messageAttributes", attribute);
        assert!(Delivery::read(0, &raw).message.is_ok());
    }
}
