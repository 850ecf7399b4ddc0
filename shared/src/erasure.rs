//! What is said of an aggregate that was erased: to the fan-out, a hint that it may be; to clients, the notice that it is.
//!
//! Both have the aggregate's key as their body, as DynamoDB writes it: `{"S":"AFC F5"}`.

use crate::control::TypedKey;
use crate::ids::{DeduplicationId, Group, IncarnationToken, Key, ReplayId};
use crate::message::{Attribute, Body, ChainLink, ERASED, HINT, Message};
use crate::time::Timestamp;

/// What a client is told of an aggregate that was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice<'n> {
    /// The aggregate's key.
    pub key: &'n Key,
    /// Which incarnation was erased.
    pub incarnation: &'n IncarnationToken,
    /// The version above all that were sent of it.
    pub version: i64,
    /// The version that the client was sent before; one below the first if none was.
    pub previous_version: i64,
    /// When the erasure was seen.
    pub seen_at: Timestamp,
    /// The replay in which the notice is sent again.
    pub replay: Option<&'n ReplayId>,
}

/// A message to the fan-out queue that an item of the aggregate with this key was deleted. `cause` tells one hint about an
/// aggregate from another: SQS swallows what has the same one within five minutes.
pub fn hint(key: &Key, cause: &str, trace_header: Option<&str>) -> Message {
    let attributes = vec![Attribute::string(HINT, "removal")];
    let id = DeduplicationId::of_hint(key, cause);
    Message::new(Group::of(key), id, Body::Text(&body(key)), attributes, trace_header)
}

/// The key that a hint or a notice with this body is about; `None` if it is none.
pub fn key_of(body: &str) -> Option<Key> {
    Key::try_from(serde_json::from_str::<TypedKey>(body).ok()?).ok()
}

impl Notice<'_> {
    /// The message to the client. It is the same whenever it is sent, but for what a replay adds.
    pub fn message(self) -> Message {
        let id = DeduplicationId::of_erasure(self.key, self.incarnation);
        let link = ChainLink { incarnation: self.incarnation, previous_version: self.previous_version };
        let mut attributes = vec![
            Attribute::string("eventId", id.as_str()),
            Attribute::number("version", self.version.to_string()),
            Attribute::string(ERASED, self.seen_at.to_text()),
        ];
        attributes.extend(link.attributes());
        attributes.extend(self.replay.map(Attribute::replay));
        let id = self.replay.map_or(id.clone(), |replay| id.replayed(replay));
        Message::new(Group::of(self.key), id, Body::Text(&body(self.key)), attributes, None)
    }
}

fn body(key: &Key) -> String {
    // Text in one member: it does not fail.
    serde_json::to_string(&TypedKey::from(key)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_notice_names_aggregate_and_incarnation_and_fits_the_chain() {
        let key = Key::S("AFC F5".to_owned());
        let incarnation = &IncarnationToken::try_new("0123456789abcdef").unwrap();
        let notice = Notice {
            key: &key,
            incarnation,
            version: 8,
            previous_version: 6,
            seen_at: Timestamp::from_millis(1_800_000_000_000),
            replay: None,
        };
        let (first, again) = (notice.message(), notice.message());
        assert_eq!(first, again);
        let replay = &ReplayId::try_new("r-1").unwrap();
        let replayed = Notice { replay: Some(replay), ..notice }.message();
        assert_ne!(first.deduplication_id(), replayed.deduplication_id());
        let shown = |message: &Message| {
            let attributes = message.attributes().iter();
            let attributes: Vec<String> = attributes
                .map(|own| format!("{} {}", own.name, message.attribute(&own.name).unwrap()))
                .collect();
            format!("{} {} [{}]", message.group(), message.body().text().unwrap(), attributes.join(", "))
        };
        expect![[r#"AFC%20F5 {"S":"AFC F5"} [eventId bf44ab7ed6831e4449ed3405a08d9ecba0d53b0e2c7e572359907658f6aa04c9, version 8, erased 2027-01-15T08:00:00Z, incarnation 0123456789abcdef, previousVersion 6, replay r-1]"#]]
            .assert_eq(&shown(&replayed));
    }

    #[test]
    fn a_hint_says_whose_item_was_deleted() {
        for key in [Key::S("AFC F5".to_owned()), Key::N("7".to_owned()), Key::B(vec![0, 255])] {
            let message = hint(&key, "e-1", None);
            assert_eq!(key_of(&message.body().text().unwrap()), Some(key.clone()));
            assert_eq!(*message.group(), Group::of(&key));
            assert_ne!(message.deduplication_id(), hint(&key, "e-2", None).deduplication_id());
        }
        assert_eq!(key_of("{}"), None);
        assert_eq!(key_of(r#"{"B":"?"}"#), None);
    }
}
