//! A message as a queue stores it, and the messages that SQS would refuse.

use shared::ids::{DeduplicationId, Group};
use shared::message::{ATTRIBUTE_LIMIT, Attribute, AttributeValue, Message};

/// A `SendMessageBatchRequestEntry`, as SQS reads it: its attributes by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) group: Group,
    pub(super) deduplication_id: DeduplicationId,
    pub(super) body: String,
    pub(super) attributes: Vec<Attribute>,
    pub(super) trace_header: Option<String>,
}

impl Entry {
    /// The entry that `message` sends.
    ///
    /// # Errors
    ///
    /// Why SQS would refuse it, in words.
    pub(super) fn try_of(message: &Message) -> Result<Self, String> {
        let body = message.body().text().ok_or("`MessageBody` is no text")?;
        let mut attributes = message.attributes().to_vec();
        attributes.sort_by(|one, other| one.name.cmp(&other.name));
        let entry = Self {
            group: message.group().clone(),
            deduplication_id: message.deduplication_id().clone(),
            body: body.into_owned(),
            attributes,
            trace_header: message.trace_header().map(str::to_owned),
        };
        entry.check()?;
        Ok(entry)
    }

    fn check(&self) -> Result<(), String> {
        if self.body.is_empty() {
            return Err("`MessageBody` is empty".to_owned());
        }
        let names = self.attributes.iter().zip(self.attributes.iter().skip(1));
        if let Some((twice, _)) = names.into_iter().find(|(one, next)| one.name == next.name) {
            return Err(format!("`{}` is there twice", twice.name));
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

/// Whether SQS takes this character (`SendMessage`: message bodies; attribute values have the same restrictions).
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::message::Body;

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
        let twice = [("b", "v"), ("a", "v"), ("b", "w")].map(|(name, value)| Attribute::string(name, value));
        check("b", &twice, Err("`b` is there twice"));
        let eleven = (0..11).map(|n| Attribute::string(&format!("n{n:02}"), "v")).collect::<Vec<_>>();
        check("b", &eleven, Err("11 message attributes, more than 10"));
    }
}
