//! A message on its way to FIFO queues: data, and the size that SQS counts. How it is written for SQS is the adapter's
//! business.

use std::borrow::Cow;
use std::sync::{Arc, Weak};

use serde_json::value::RawValue;

use crate::ids::{DeduplicationId, Group, IncarnationToken, ReplayId};

/// The most that SQS takes for one message and for one batch, attributes included, in bytes
/// (SQS quotas: message size; `SendMessageBatch`).
pub const SQS_LIMIT: usize = 1_048_576;

/// What is kept free in the message of every event, in bytes, for what travels with it and is not the event's own: the
/// incarnation, the predecessor, the mark of a replay or of a repair.
///
/// So whatever was sent once can be sent again. It is more than these marks need, because an event that fits once must
/// fit always: a limit that falls would reject events that clients have.
pub const RESERVE: usize = 1_024;

/// The largest event that goes out, its own attributes included, in bytes: what SQS takes, less [`RESERVE`]. The limit
/// is the same for an event from the stream and from the table.
pub const EVENT_LIMIT: usize = SQS_LIMIT - RESERVE;

/// The most message attributes that SQS takes (SQS: message attributes).
pub const ATTRIBUTE_LIMIT: usize = 10;

/// The name of the attribute that marks a message as sent again, and names the replay.
pub const REPLAY: &str = "replay";

/// The name of the attribute of every message to a client that says of which incarnation of its aggregate the event is.
pub const INCARNATION: &str = "incarnation";

/// The name of the attribute of every message to a client that says which version of this incarnation the client was sent
/// before it (a Number); one below the first version if none was.
pub const PREVIOUS_VERSION: &str = "previousVersion";

/// The name of the attribute of a message to the fan-out queue that has a deduplication id of its own because the one
/// of its event may be remembered: it holds the event's. It is not passed on.
pub const REPAIR: &str = "repair";

/// The name of the attribute of a message to the fan-out queue that brings no event, but says that an item of an aggregate
/// was deleted. It is not passed on.
pub const HINT: &str = "hint";

/// The name of the attribute of a message to a client that brings no event, but says that the aggregate was erased: when
/// that was seen.
pub const ERASED: &str = "erased";

/// A message ready to be sent to any number of FIFO queues. Clones share what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message(Arc<Content>);

#[derive(Debug, PartialEq, Eq)]
struct Content {
    group: Group,
    deduplication_id: DeduplicationId,
    body: Arc<BodyContent>,
    attributes: Vec<Attribute>,
    trace_header: Option<String>,
    size: usize,
}

/// A body as a message keeps it.
#[derive(Debug)]
enum BodyContent {
    Text(String),
    Literal(Box<RawValue>),
}

/// Which message something was made of. It keeps the message's address taken, but not what the message holds: no other
/// message ever has it.
#[derive(Clone, Debug)]
pub struct Identity(Weak<Content>);

/// A message's body: text, or the JSON string literal of a text, so that it need not be unescaped and escaped again on
/// its way from a function's payload to a request.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// Plain text.
    Text(&'a str),
    /// A JSON string literal, quotes included, as Lambda's payload holds it.
    Literal(&'a RawValue),
}

/// Where a message stands among those that a client gets of an aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainLink<'a> {
    /// The incarnation that its event is of. The deduplication id has it.
    pub incarnation: &'a IncarnationToken,
    /// The version of the event of this incarnation that the client was sent before; one below the first version if none
    /// was.
    pub previous_version: i64,
}

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name: letters, digits, `_`, `-` and `.`.
    pub name: String,
    /// `String`, `Number` or `Binary`, perhaps with a custom suffix (`Number.int`).
    pub data_type: String,
    /// Its value.
    pub value: AttributeValue,
}

/// The value of a message attribute, as the SQS JSON protocol writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    /// Of the types `String` and `Number`.
    Text(String),
    /// Of the type `Binary`, as standard base64.
    Base64(String),
}

impl Message {
    /// A message. Attributes keep their order; `trace_header` is `AWSTraceHeader`, which does not count as an attribute
    /// nor towards the size, and is none if it is empty: SQS refuses empty values.
    pub fn new<'a>(
        group: Group,
        deduplication_id: DeduplicationId,
        body: Body<'_>,
        attributes: impl Into<Cow<'a, [Attribute]>>,
        trace_header: Option<&str>,
    ) -> Self {
        let attributes = attributes.into().into_owned();
        Self(Arc::new(Content {
            group,
            deduplication_id,
            size: body.size() + attributes.iter().map(Attribute::size).sum::<usize>(),
            body: Arc::new(match body {
                Body::Text(text) => BodyContent::Text(text.to_owned()),
                Body::Literal(literal) => BodyContent::Literal(literal.to_owned()),
            }),
            attributes,
            trace_header: trace_header.filter(|header| !header.is_empty()).map(str::to_owned),
        }))
    }

    /// This message as a client gets it: the two share their body.
    pub fn chained(&self, link: ChainLink<'_>) -> Self {
        let Content { group, deduplication_id, body, attributes, trace_header, size } = &*self.0;
        let link_attributes = link.attributes();
        Self(Arc::new(Content {
            group: group.clone(),
            deduplication_id: deduplication_id.in_incarnation(link.incarnation),
            body: Arc::clone(body),
            size: size + link_attributes.iter().map(Attribute::size).sum::<usize>(),
            attributes: attributes.iter().cloned().chain(link_attributes).collect(),
            trace_header: trace_header.clone(),
        }))
    }

    /// This message with another body: ids, attributes and trace header stay.
    pub fn with_body(&self, body: String) -> Self {
        let Content { group, deduplication_id, body: before, attributes, trace_header, size } = &*self.0;
        Self(Arc::new(Content {
            group: group.clone(),
            deduplication_id: deduplication_id.clone(),
            size: size - before.as_body().size() + body.len(),
            body: Arc::new(BodyContent::Text(body)),
            attributes: attributes.clone(),
            trace_header: trace_header.clone(),
        }))
    }

    /// The `MessageGroupId`.
    pub fn group(&self) -> &Group {
        &self.0.group
    }

    /// The `MessageDeduplicationId`.
    pub fn deduplication_id(&self) -> &DeduplicationId {
        &self.0.deduplication_id
    }

    /// The body.
    pub fn body(&self) -> Body<'_> {
        self.0.body.as_body()
    }

    /// The message attributes.
    pub fn attributes(&self) -> &[Attribute] {
        &self.0.attributes
    }

    /// The value of the attribute `name`, if that is of the types `String` or `Number`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        match &self.attributes().iter().find(|attribute| attribute.name == name)?.value {
            AttributeValue::Text(text) => Some(text),
            AttributeValue::Base64(_) => None,
        }
    }

    /// `AWSTraceHeader`; never empty.
    pub fn trace_header(&self) -> Option<&str> {
        self.0.trace_header.as_deref()
    }

    /// The size that SQS counts: body, and names, types and values of the attributes, in bytes.
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// What distinguishes this message, and its clones, from all others, those with the same content among them.
    pub fn identity(&self) -> Identity {
        Identity(Arc::downgrade(&self.0))
    }
}

impl ChainLink<'_> {
    /// The attributes that say it.
    pub fn attributes(self) -> [Attribute; 2] {
        [
            Attribute::string(INCARNATION, self.incarnation.as_str()),
            Attribute::number(PREVIOUS_VERSION, self.previous_version.to_string()),
        ]
    }
}

impl Identity {
    /// Whether it is the identity of `message`.
    pub fn is_of(&self, message: &Message) -> bool {
        self.0.as_ptr() == Arc::as_ptr(&message.0)
    }
}

impl BodyContent {
    fn as_body(&self) -> Body<'_> {
        match self {
            Self::Text(text) => Body::Text(text),
            Self::Literal(literal) => Body::Literal(literal),
        }
    }
}

impl PartialEq for BodyContent {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(text), Self::Text(other)) => text == other,
            (Self::Literal(literal), Self::Literal(other)) => literal.get() == other.get(),
            _ => false,
        }
    }
}

impl Eq for BodyContent {}

impl<'a> Body<'a> {
    /// The text; `None` if a literal stands for none, as one with half a surrogate pair.
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Body::Text(text) => Some(Cow::Borrowed(text)),
            Body::Literal(literal) => serde_json::from_str(literal.get()).ok().map(Cow::Owned),
        }
    }

    /// The bytes that SQS counts.
    fn size(self) -> usize {
        match self {
            Body::Text(text) => text.len(),
            Body::Literal(literal) => literal_size(literal.get()),
        }
    }
}

impl Attribute {
    /// A `String` attribute.
    pub fn string(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            data_type: "String".to_owned(),
            value: AttributeValue::Text(value.into()),
        }
    }

    /// A `Number` attribute.
    pub fn number(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            data_type: "Number".to_owned(),
            value: AttributeValue::Text(value.into()),
        }
    }

    /// The attribute of a message that is sent again in this replay.
    pub fn replay(id: &ReplayId) -> Self {
        Self::string(REPLAY, id.as_str())
    }

    /// The attribute of a message that has another deduplication id than its event, `id`.
    pub fn repair(id: &DeduplicationId) -> Self {
        Self::string(REPAIR, id.as_str())
    }

    /// The bytes that SQS counts: name, type and value.
    pub fn size(&self) -> usize {
        let value = match &self.value {
            AttributeValue::Text(text) => text.len(),
            AttributeValue::Base64(text) => text.trim_end_matches('=').len() * 3 / 4,
        };
        self.name.len() + self.data_type.len() + value
    }
}

/// The length in UTF-8 bytes of what the JSON string literal `literal` stands for.
fn literal_size(literal: &str) -> usize {
    let quotes = "\"\"".len();
    // As a rule: nothing but escapes of two bytes for one.
    if !literal.contains("\\u") && !literal.contains("\\\\") {
        let escapes = literal.bytes().filter(|byte| *byte == b'\\').count();
        return literal.len().saturating_sub(escapes + quotes);
    }
    let mut size = 0_usize;
    let mut bytes = literal.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            size += 1;
            continue;
        }
        if bytes.next() != Some(b'u') {
            size += 1;
            continue;
        }
        let unit = bytes
            .by_ref()
            .take(4)
            .fold(0_u32, |unit, digit| unit * 16 + char::from(digit).to_digit(16).unwrap_or(0));
        size += match unit {
            0..0x80 => 1,
            0x80..0x800 => 2,
            // Each half of a surrogate pair stands for two of the character's four bytes.
            0xD800..0xE000 => 2,
            _ => 3,
        };
    }
    size.saturating_sub(quotes)
}

#[cfg(test)]
mod tests;
