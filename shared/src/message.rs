//! A message on its way to a FIFO queue, encoded once however many queues it goes to.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::ids::{DeduplicationId, Group, ReplayId};

/// The most that SQS takes for one message and for one batch, attributes included, in bytes
/// (SQS quotas: message size; `SendMessageBatch`).
pub const SQS_LIMIT: usize = 1_048_576;

/// What is kept free in the message of every event, in bytes, for what travels with it and is not the event's own: the
/// mark of a replay or of a repair.
///
/// So whatever was sent once can be sent again. It is more than these marks need, because an event that fits once must
/// fit always: a limit that falls would reject events that clients have.
pub const RESERVE: usize = 1_024;

/// The largest event that goes out, its own attributes included, in bytes: what SQS takes, less [`RESERVE`]. The limit
/// is the same for an event from the stream and from the table.
pub const EVENT_LIMIT: usize = SQS_LIMIT - RESERVE;

/// The most message attributes that SQS takes (SQS: message attributes).
pub const ATTRIBUTE_LIMIT: usize = 10;

/// The name of the attribute that marks a message as sent again, and tells in which replay.
pub const REPLAY: &str = "replay";

/// The name of the attribute of a message to the fan-out queue that has a deduplication id of its own because the one
/// of its event may be remembered: it tells the event's. It is not passed on.
pub const REPAIR: &str = "repair";

/// A message ready to be sent to any number of FIFO queues.
///
/// It holds its part of the request's text, so that escaping is paid once and not once per queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    group: Group,
    deduplication_id: DeduplicationId,
    size: usize,
    entry: String,
}

/// A message's body: text to be escaped, or a JSON string literal that passes through as it is.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// Plain text.
    Text(&'a str),
    /// A JSON string literal, quotes included, as Lambda's payload holds it.
    Literal(&'a RawValue),
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
    /// Encodes a message. Attributes are written in the order given; `trace_header` is `AWSTraceHeader`,
    /// which does not count as an attribute nor towards the size.
    pub fn new(
        group: Group,
        deduplication_id: DeduplicationId,
        body: Body<'_>,
        attributes: &[Attribute],
        trace_header: Option<&str>,
    ) -> Self {
        let size = body.size() + attributes.iter().map(Attribute::size).sum::<usize>();
        let mut entry = String::with_capacity(size + size / 4 + 256);
        entry.push_str("\"MessageBody\":");
        match body {
            Body::Text(text) => push_json(&mut entry, text),
            Body::Literal(literal) => entry.push_str(literal.get()),
        }
        entry.push_str(",\"MessageGroupId\":");
        push_json(&mut entry, group.as_str());
        entry.push_str(",\"MessageDeduplicationId\":");
        push_json(&mut entry, deduplication_id.as_str());
        push_attributes(&mut entry, attributes);
        // SQS refuses empty values.
        if let Some(trace_header) = trace_header.filter(|header| !header.is_empty()) {
            entry.push_str(
                ",\"MessageSystemAttributes\":{\"AWSTraceHeader\":{\"DataType\":\"String\",\"StringValue\":",
            );
            push_json(&mut entry, trace_header);
            entry.push_str("}}");
        }
        Self { group, deduplication_id, size, entry }
    }

    /// The `MessageGroupId`.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// The `MessageDeduplicationId`.
    pub fn deduplication_id(&self) -> &DeduplicationId {
        &self.deduplication_id
    }

    /// The size that SQS counts: body, and names, types and values of the attributes, in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The members of a `SendMessageBatchRequestEntry` but for its `Id`, without braces, in the SQS JSON protocol.
    pub fn entry(&self) -> &str {
        &self.entry
    }
}

impl Body<'_> {
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

fn push_attributes(entry: &mut String, attributes: &[Attribute]) {
    if attributes.is_empty() {
        return;
    }
    entry.push_str(",\"MessageAttributes\":{");
    for (index, attribute) in attributes.iter().enumerate() {
        if index > 0 {
            entry.push(',');
        }
        push_json(entry, &attribute.name);
        entry.push_str(":{\"DataType\":");
        push_json(entry, &attribute.data_type);
        let (member, value) = match &attribute.value {
            AttributeValue::Text(text) => (",\"StringValue\":", text),
            AttributeValue::Base64(text) => (",\"BinaryValue\":", text),
        };
        entry.push_str(member);
        push_json(entry, value);
        entry.push('}');
    }
    entry.push('}');
}

fn push_json(entry: &mut String, text: &(impl Serialize + ?Sized)) {
    struct Utf8<'a>(&'a mut String);

    impl std::io::Write for Utf8<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let text = std::str::from_utf8(bytes).map_err(std::io::Error::other)?;
            self.0.push_str(text);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    // Writing a string to a string cannot fail: `serde_json` writes whole UTF-8 fragments.
    let written = serde_json::to_writer(Utf8(entry), text);
    debug_assert!(written.is_ok());
}

/// The length in UTF-8 bytes of what the JSON string literal `literal` stands for.
fn literal_size(literal: &str) -> usize {
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
    size.saturating_sub("\"\"".len())
}

#[cfg(test)]
mod tests;
