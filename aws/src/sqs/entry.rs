//! A message as the SQS JSON protocol writes it.

use shared::message::{Attribute, AttributeValue, Body, Message};

/// The members of a `SendMessageBatchRequestEntry` but for its `Id`, without braces.
pub fn entry(message: &Message) -> Vec<u8> {
    let mut text = Vec::with_capacity(capacity(message));
    push_entry(&mut text, message);
    text
}

/// Room for an entry, its escapes and what stands around it, as a rule.
pub(super) fn capacity(message: &Message) -> usize {
    message.size() + message.size() / 4 + 512
}

/// Writes [`entry`] behind what `text` has. A body that is a JSON literal passes through as it is.
pub(super) fn push_entry(text: &mut Vec<u8>, message: &Message) {
    push(text, "\"MessageBody\":");
    match message.body() {
        Body::Text(body) => push_json(text, body),
        Body::Literal(literal) => push(text, literal.get()),
    }
    push(text, ",\"MessageGroupId\":");
    push_json(text, message.group().as_str());
    push(text, ",\"MessageDeduplicationId\":");
    push_json(text, message.deduplication_id().as_str());
    push_attributes(text, message.attributes());
    if let Some(trace_header) = message.trace_header() {
        push(
            text,
            ",\"MessageSystemAttributes\":{\"AWSTraceHeader\":{\"DataType\":\"String\",\"StringValue\":",
        );
        push_json(text, trace_header);
        push(text, "}}");
    }
}

fn push_attributes(text: &mut Vec<u8>, attributes: &[Attribute]) {
    if attributes.is_empty() {
        return;
    }
    push(text, ",\"MessageAttributes\":{");
    for (index, attribute) in attributes.iter().enumerate() {
        if index > 0 {
            push(text, ",");
        }
        push_json(text, &attribute.name);
        push(text, ":{\"DataType\":");
        push_json(text, &attribute.data_type);
        let (member, value) = match &attribute.value {
            AttributeValue::Text(value) => (",\"StringValue\":", value),
            AttributeValue::Base64(value) => (",\"BinaryValue\":", value),
        };
        push(text, member);
        push_json(text, value);
        push(text, "}");
    }
    push(text, "}");
}

fn push(text: &mut Vec<u8>, raw: &str) {
    text.extend_from_slice(raw.as_bytes());
}

fn push_json(text: &mut Vec<u8>, value: &str) {
    // Writing a string to memory cannot fail.
    let written = serde_json::to_writer(text, value);
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests;
