//! Reading a letter. Whoever wrote it: what does not fit is a value, never an error about the queue.

use std::time::Duration;

use aws_sdk_sqs::primitives::{DateTime, DateTimeFormat};
use serde_json::Value;
use serde_json::value::RawValue;
use shared::config::{ClientName, Path, Source};
use shared::message::AttributeValue;
use shared::time::Timestamp;

use super::{Content, Letter, LetterQueue, Received, Rejected};

impl Received {
    /// What SQS says of the message under this name.
    pub fn system(&self, name: &str) -> Option<&str> {
        self.system.get(name).map(String::as_str)
    }

    /// The text of the message's own attribute called `name`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let attribute = self.attributes.iter().find(|attribute| attribute.name == name)?;
        match &attribute.value {
            AttributeValue::Text(text) => Some(text),
            AttributeValue::Base64(_) => None,
        }
    }

    /// The message's place in its queue: numbers of twenty digits, compared as such.
    pub fn place(&self) -> (usize, &str) {
        let number = self.system("SequenceNumber").unwrap_or_default().trim_start_matches('0');
        (number.len(), number)
    }
}

impl Letter {
    /// Reads what stands in `queue`.
    pub fn read(queue: LetterQueue, message: Received) -> Self {
        let content = match queue {
            LetterQueue::Rejected => rejected(&message.body),
            LetterQueue::Undelivered => undelivered(&message),
            LetterQueue::DeadLetter => Content::DeadLetter,
        };
        Self { queue, message, content }
    }

    /// The group that the letter stands in: the event's, or `~rejected` if the converter could not read that.
    pub fn group(&self) -> &str {
        self.message.system("MessageGroupId").unwrap_or_default()
    }

    /// The event's id, or its stream record's.
    pub fn event_id(&self) -> Option<&str> {
        match &self.content {
            Content::Rejected(rejected) => rejected.event_id.as_deref(),
            _ => self.message.attribute("eventId"),
        }
    }

    /// The client that could not take the event; `None` if it is about all of them.
    pub fn client(&self) -> Option<&ClientName> {
        match &self.content {
            Content::Undelivered { client, .. } => Some(client),
            _ => None,
        }
    }

    /// The event's number inside its aggregate, where letter and config tell it.
    pub fn version(&self, source: Option<&Source>) -> Option<u64> {
        match &self.content {
            Content::Rejected(rejected) => version(rejected.image.as_deref()?, source?),
            _ => self.message.attribute("version")?.parse().ok(),
        }
    }

    /// Why it is there.
    pub fn reason(&self) -> &str {
        match &self.content {
            Content::Rejected(rejected) => &rejected.reason,
            Content::Undelivered { reason, .. } => reason,
            Content::DeadLetter => "the fan-out could not process the message; its log says why",
            Content::Unreadable(why) => why,
        }
    }

    /// Since when it is there.
    pub fn since(&self) -> Option<Timestamp> {
        self.message.system("SentTimestamp")?.parse().ok().map(Timestamp::from_millis)
    }

    /// How often it was received, this time included. Looking counts.
    pub fn receives(&self) -> Option<u64> {
        self.message.system("ApproximateReceiveCount")?.parse().ok()
    }
}

/// The number inside its aggregate that an item in DynamoDB's JSON has.
pub fn version(item: &RawValue, source: &Source) -> Option<u64> {
    let item: Value = serde_json::from_str(item.get()).ok()?;
    let version = at(&item, source.version.as_ref()?)?.get("N")?.as_str()?;
    version.parse().ok().filter(|version| *version > 0)
}

/// The typed value at `path` of an item in DynamoDB's JSON. Numbers are texts there, so that none is changed.
fn at<'v>(item: &'v Value, path: &Path) -> Option<&'v Value> {
    let (first, rest) = path.0.split_first()?;
    rest.iter().try_fold(item.get(first)?, |value, name| value.get("M")?.get(name))
}

/// An instant as people read it, in UTC, to the second.
pub fn instant(timestamp: Timestamp) -> String {
    let seconds = Duration::from_millis(timestamp.as_millis()).as_secs();
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    // It fails only for years that have more than four digits.
    DateTime::from_secs(seconds).fmt(DateTimeFormat::DateTime).unwrap_or_default()
}

fn rejected(body: &str) -> Content {
    match serde_json::from_str::<Rejected>(body) {
        Ok(rejected) => Content::Rejected(Box::new(rejected)),
        // What the error tells beyond the place can be a value of the event.
        Err(error) => Content::Unreadable(format!(
            "not a letter of the converter: line {}, column {} of its body is not as expected",
            error.line(),
            error.column()
        )),
    }
}

fn undelivered(message: &Received) -> Content {
    let unreadable = |why: &str| Content::Unreadable(format!("not a message of the fan-out: {why}"));
    let Some(client) = message.attribute("client") else {
        return unreadable("it has no attribute `client`");
    };
    match ClientName::try_new(client) {
        Ok(client) => {
            let reason = message.attribute("reason").unwrap_or("the fan-out gave no reason").to_owned();
            Content::Undelivered { client, reason }
        }
        Err(error) => unreadable(&format!("attribute `client`: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use shared::message::Attribute;

    use super::*;
    use crate::letters::samples::{self, foreign, source};

    fn check(letter: &Letter, expected: &Expect) {
        let source = source("");
        let or_none = |text: Option<&str>| text.unwrap_or("-").to_owned();
        let version = letter.version(Some(&source)).map(|version| version.to_string());
        expected.assert_eq(&format!(
            "{} {}: {} version {} for {}: {}",
            letter.queue,
            letter.group(),
            or_none(letter.event_id()),
            or_none(version.as_deref()),
            or_none(letter.client().map(ClientName::as_str)),
            letter.reason()
        ));
    }

    #[test]
    fn what_the_functions_write_is_read() {
        check(
            &samples::rejected("e-3"),
            &expect![
                "rejected queue AFC%20F5: e-3 version 3 for -: the event lacks `eventId`, its id; `[source]` in `client-queues.toml` says where it is"
            ],
        );
        check(
            &samples::unreadable_record(),
            &expect![
                "rejected queue ~rejected: - version - for -: not a stream record: it has no `eventName`"
            ],
        );
        check(
            &samples::undelivered("Billing", "AFC%20F5", Some("2"), "{}"),
            &expect![
                "undelivered queue AFC%20F5: e-2 version 2 for Billing: the queue does not exist (`QueueDoesNotExist`)"
            ],
        );
        check(
            &samples::dead_letter("AFC%20F5", "{}"),
            &expect![
                "dead-letter queue AFC%20F5: e-9 version 9 for -: the fan-out could not process the message; its log says why"
            ],
        );
    }

    #[test]
    fn what_a_stranger_writes_is_a_value() {
        let rejected = |body: &str| Letter::read(LetterQueue::Rejected, foreign(1, "A", body));
        check(
            &rejected("no JSON, but a secret"),
            &expect![
                "rejected queue A: - version - for -: not a letter of the converter: line 1, column 2 of its body is not as expected"
            ],
        );
        check(
            &rejected("{}"),
            &expect![
                "rejected queue A: - version - for -: not a letter of the converter: line 1, column 2 of its body is not as expected"
            ],
        );
        check(
            &rejected(r#"{"reason":7}"#),
            &expect![
                "rejected queue A: - version - for -: not a letter of the converter: line 1, column 11 of its body is not as expected"
            ],
        );
        check(&rejected(r#"{"reason":"r"}"#), &expect!["rejected queue A: - version - for -: r"]);
        check(
            &rejected(r#"{"reason":"r","image":[1],"keys":"k","eventId":"e"}"#),
            &expect!["rejected queue A: e version - for -: r"],
        );

        let undelivered = |attributes: Vec<Attribute>| {
            Letter::read(LetterQueue::Undelivered, Received { attributes, ..foreign(1, "A", "{}") })
        };
        let of = |client: &str| Attribute::string("client", client);
        check(
            &undelivered(vec![of("Billing")]),
            &expect!["undelivered queue A: - version - for Billing: the fan-out gave no reason"],
        );
        check(
            &undelivered(Vec::new()),
            &expect![
                "undelivered queue A: - version - for -: not a message of the fan-out: it has no attribute `client`"
            ],
        );
        check(
            &undelivered(vec![of("../Billing\n")]),
            &expect![[
                r#"undelivered queue A: - version - for -: not a message of the fan-out: attribute `client`: `../Billing\n` is not a client's name; use a letter, then up to 39 letters and digits"#
            ]],
        );
        let binary = AttributeValue::Base64("AQI=".to_owned());
        check(
            &undelivered(vec![Attribute { value: binary, ..of("") }]),
            &expect![
                "undelivered queue A: - version - for -: not a message of the fan-out: it has no attribute `client`"
            ],
        );
        check(
            &undelivered(vec![of("Billing"), Attribute::number("version", "-1.5")]),
            &expect!["undelivered queue A: - version - for Billing: the fan-out gave no reason"],
        );
        check(
            &Letter::read(LetterQueue::DeadLetter, Received::default()),
            &expect![
                "dead-letter queue : - version - for -: the fan-out could not process the message; its log says why"
            ],
        );
    }

    #[test]
    fn letters_are_ordered_by_their_numbers() {
        let place = |number: &str| {
            let mut message = foreign(1, "A", "{}");
            message.system.insert("SequenceNumber".to_owned(), number.to_owned());
            message
        };
        let in_order = ["", "7", "0018850000000000000001", "18850000000000000002", "118850000000000000000"];
        for pair in in_order.windows(2) {
            assert!(place(pair[0]).place() < place(pair[1]).place(), "{pair:?}");
        }
    }

    #[test]
    fn instants_are_whole_seconds() {
        assert_eq!(instant(Timestamp::from_millis(1_767_603_600_999)), "2026-01-05T09:00:00Z");
        assert_eq!(instant(Timestamp::from_millis(u64::MAX)), "");
    }
}
