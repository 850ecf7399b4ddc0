//! What a queue reads out of a message's part of a request, and what SQS would refuse about it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::ids::{DeduplicationId, Group};
use crate::message::{ATTRIBUTE_LIMIT, Attribute, AttributeValue, Message};

/// A `SendMessageBatchRequestEntry`, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) group: Group,
    pub(super) deduplication_id: DeduplicationId,
    pub(super) body: String,
    pub(super) attributes: Vec<Attribute>,
    pub(super) trace_header: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawEntry {
    message_body: String,
    message_group_id: String,
    message_deduplication_id: String,
    #[serde(default)]
    message_attributes: BTreeMap<String, RawAttribute>,
    #[serde(default)]
    message_system_attributes: BTreeMap<String, RawAttribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawAttribute {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl Entry {
    /// Reads what `message` sends.
    ///
    /// # Errors
    ///
    /// In words, what SQS would refuse.
    pub(super) fn try_of(message: &Message) -> Result<Self, String> {
        let raw: RawEntry = serde_json::from_str(&format!("{{{}}}", message.entry()))
            .map_err(|error| format!("malformed entry: {error}"))?;
        let attributes = raw
            .message_attributes
            .into_iter()
            .map(|(name, raw)| raw.named(name))
            .collect::<Result<_, _>>()?;
        let system = raw.message_system_attributes.into_iter().next();
        let entry = Self {
            group: Group::try_from_sqs(&raw.message_group_id)
                .map_err(|error| format!("`MessageGroupId` is {error}"))?,
            deduplication_id: DeduplicationId::try_from_sqs(&raw.message_deduplication_id)
                .map_err(|error| format!("`MessageDeduplicationId` is {error}"))?,
            body: raw.message_body,
            attributes,
            trace_header: system.and_then(|(_, header)| header.string_value),
        };
        entry.check()?;
        Ok(entry)
    }

    fn check(&self) -> Result<(), String> {
        if self.body.is_empty() {
            return Err("`MessageBody` is empty".to_owned());
        }
        if self.attributes.len() > ATTRIBUTE_LIMIT {
            return Err(format!("{} message attributes, more than {ATTRIBUTE_LIMIT}", self.attributes.len()));
        }
        let texts = self.attributes.iter().map(|attribute| match &attribute.value {
            AttributeValue::Text(text) | AttributeValue::Base64(text) => {
                (attribute.name.as_str(), text.as_str())
            }
        });
        for (name, text) in texts.chain([("MessageBody", self.body.as_str())]) {
            if text.is_empty() {
                return Err(format!("`{name}` is empty"));
            }
            if let Some(illegal) = text.chars().find(|c| !is_allowed(*c)) {
                return Err(format!("`{name}` holds U+{:04X}", u32::from(illegal)));
            }
        }
        Ok(())
    }
}

impl RawAttribute {
    fn named(self, name: String) -> Result<Attribute, String> {
        let value = match (self.string_value, self.binary_value) {
            (Some(text), None) => AttributeValue::Text(text),
            (None, Some(base64)) => AttributeValue::Base64(base64),
            _ => return Err(format!("attribute `{name}` has no value, or two")),
        };
        Ok(Attribute { name, data_type: self.data_type, value })
    }
}

/// Whether SQS takes this character (`SendMessage`: message bodies; attribute values have the same restrictions).
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Body;

    fn check(body: &str, attributes: &[Attribute], expected: Result<(), &str>) {
        let group = Group::try_from_sqs("a").unwrap();
        let id = DeduplicationId::try_from_sqs("a1").unwrap();
        let message = Message::new(group.clone(), id.clone(), Body::Text(body), attributes, Some("Root=1"));
        let entry = Entry {
            group,
            deduplication_id: id,
            body: body.to_owned(),
            attributes: attributes.to_vec(),
            trace_header: Some("Root=1".to_owned()),
        };
        assert_eq!(Entry::try_of(&message), expected.map(|()| entry).map_err(str::to_owned));
    }

    #[test]
    fn an_entry_is_read_back_as_it_was_made() {
        check("{\"a\":\"\u{1F6B2} \\\"\"}\t\r\n", &[], Ok(()));
        let picture = Attribute {
            name: "picture".to_owned(),
            data_type: "Binary.png".to_owned(),
            value: AttributeValue::Base64("AAE=".to_owned()),
        };
        check("b", &[Attribute::string("name", "Zoë"), picture, Attribute::number("version", "1")], Ok(()));
    }

    #[test]
    fn what_sqs_refuses_is_refused() {
        check("", &[], Err("`MessageBody` is empty"));
        check("\u{FFFE}", &[], Err("`MessageBody` holds U+FFFE"));
        check("\u{1}", &[], Err("`MessageBody` holds U+0001"));
        check("b", &[Attribute::string("name", "")], Err("`name` is empty"));
        check("b", &[Attribute::string("name", "\u{FFFF}")], Err("`name` holds U+FFFF"));
        let eleven = (0..11).map(|n| Attribute::string(&format!("n{n:02}"), "v")).collect::<Vec<_>>();
        check("b", &eleven, Err("11 message attributes, more than 10"));
    }
}
