//! Rejections to the rejected queue: about records that can never be converted or sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::config::Source;
use crate::ids::{DeduplicationId, EventIdentity, Group, Key};
use crate::message::{Attribute, Body, Message, SQS_LIMIT};

/// The most of a reason that a rejection carries, in bytes.
const REASON_LIMIT: usize = 2_048;

/// What is known of a record that can never be converted or sent. What is not known is `None`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejection<'a> {
    /// Why, for the operator who repairs it; no values of the event.
    pub reason: String,
    /// The event's own id, or its stream record's.
    pub event_id: Option<String>,
    /// The item's keys, in DynamoDB's JSON.
    #[serde(borrow)]
    pub keys: Option<&'a RawValue>,
    /// The ARN of the stream.
    pub stream: Option<String>,
    /// The record's place in the stream; over 64 bits, hence text.
    pub sequence_number: Option<String>,
    /// The item as the stream showed it, in DynamoDB's JSON; left out if the rejection would not fit a message.
    #[serde(borrow)]
    pub image: Option<&'a RawValue>,
    /// The whole record, if nothing of the above could be read of it; left out if it would not fit.
    #[serde(borrow)]
    pub record: Option<&'a RawValue>,
    /// The event's number in its aggregate, where nothing of the above has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

impl Rejection<'_> {
    /// The message about an item of the event table that can never be sent, of which this version was read.
    pub fn of_item(source: &Source, key: &Key, identity: &EventIdentity, version: i64, why: &str) -> Message {
        let mut keys = Map::new();
        keys.insert(source.partition_key.clone(), in_json(key));
        keys.insert(source.sort_key.clone(), in_json(&identity.sort));
        let keys = to_raw_value(&keys).ok();
        let rejection = Rejection {
            reason: why.to_owned(),
            keys: keys.as_deref(),
            version: Some(version),
            ..Rejection::default()
        };
        rejection.message(Some(Group::of(key)), &DeduplicationId::of_event(key, identity))
    }

    /// The message about a message of the fan-out queue that can't be processed. `record` is as Lambda's payload has
    /// it, `id` is its `messageId`.
    pub fn of_record(record: &RawValue, group: Option<Group>, id: Option<&str>, why: &str) -> Message {
        let id = DeduplicationId::of_stream_record(id.unwrap_or_else(|| record.get()));
        Rejection { reason: why.to_owned(), record: Some(record), ..Rejection::default() }.message(group, &id)
    }

    /// The rejection as a message to the rejected queue, its body JSON.
    ///
    /// `group` is the event's; rejections about records without one share the group `~rejected`, which no
    /// aggregate has.
    pub fn message(mut self, group: Option<Group>, deduplication_id: &DeduplicationId) -> Message {
        if self.reason.len() > REASON_LIMIT {
            self.reason.truncate(self.reason.floor_char_boundary(REASON_LIMIT));
        }
        let group = group.unwrap_or_else(Group::of_the_unreadable);
        let deduplication_id = deduplication_id.derived("rejection");
        let attributes: Vec<Attribute> = self
            .event_id
            .iter()
            .filter(|id| is_plain(id))
            .map(|id| Attribute::string("eventId", id))
            .collect();
        let whole = self.encode(&group, &deduplication_id, &attributes);
        if whole.size() <= SQS_LIMIT {
            return whole;
        }
        self.image = None;
        self.record = None;
        self.encode(&group, &deduplication_id, &attributes)
    }

    fn encode(&self, group: &Group, deduplication_id: &DeduplicationId, attributes: &[Attribute]) -> Message {
        let body = serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned());
        // The two characters that JSON allows raw and SQS does not; in JSON they stand in strings only.
        let body = body.replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff");
        Message::new(group.clone(), deduplication_id.clone(), Body::Text(&body), attributes, None)
    }
}

/// A key in DynamoDB's JSON.
fn in_json(key: &Key) -> Value {
    match key {
        Key::S(text) => json!({ "S": text }),
        Key::N(number) => json!({ "N": number }),
        Key::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
    }
}

/// Whether SQS takes `text` as an attribute's value as it is.
fn is_plain(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && !text
            .chars()
            .any(|character| character.is_control() || matches!(character, '\u{FFFE}' | '\u{FFFF}'))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn rejection(image: &str) -> Message {
        let keys = RawValue::from_string(r#"{"mark":{"S":"AFC F5"}}"#.to_owned()).unwrap();
        let image = RawValue::from_string(image.to_owned()).unwrap();
        let rejection = Rejection {
            reason: "attribute `price`: `N` is not a number".to_owned(),
            event_id: Some("e-1".to_owned()),
            keys: Some(&keys),
            stream: Some("arn:aws:dynamodb:eu-west-2:111122223333:table/T/stream/S".to_owned()),
            sequence_number: Some("4421584500000000017450439091".to_owned()),
            image: Some(&image),
            ..Rejection::default()
        };
        rejection.message(None, &DeduplicationId::of_stream_record("r-1"))
    }

    #[test]
    fn rejection_holds_reason_keys_position_and_image() {
        let rejection = rejection(r#"{"price":{"N":"x"}}"#);
        expect![[r#"{"reason":"attribute `price`: `N` is not a number","eventId":"e-1","keys":{"mark":{"S":"AFC F5"}},"stream":"arn:aws:dynamodb:eu-west-2:111122223333:table/T/stream/S","sequenceNumber":"4421584500000000017450439091","image":{"price":{"N":"x"}},"record":null}"#]]
            .assert_eq(&rejection.body().text().unwrap());
        assert_eq!(rejection.group().as_str(), "~rejected");
        assert_eq!(
            rejection.deduplication_id().as_str(),
            "a3abbbf1b479caf93dc2234de719dd1f2be3a1798da83d783c39537877e640bb"
        );
        assert_eq!(rejection.attributes(), [Attribute::string("eventId", "e-1")]);
        assert_eq!(rejection.trace_header(), None);
    }

    #[test]
    fn image_that_does_not_fit_is_left_out() {
        let large = rejection(&format!(r#"{{"text":{{"S":"{}"}}}}"#, "x".repeat(SQS_LIMIT)));
        assert!(large.size() < 1_000);
        let body = large.body().text().unwrap();
        assert!(body.contains(r#""image":null"#));
        assert!(body.contains("4421584500000000017450439091"));
    }

    #[test]
    fn characters_that_sqs_refuses_are_escaped() {
        let rejection = rejection("{\"text\":{\"S\":\"a\u{FFFF}b\"}}");
        let body = rejection.body().text().unwrap();
        assert!(!body.contains('\u{FFFF}'));
        assert!(body.contains(r"a\uffffb"));
    }
}
