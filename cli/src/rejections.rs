//! Rejections as values: how a message of the rejected queue is read, and how its event is sent again. A message that
//! is not a rejection is a value, never an error about the queue: a stranger may have sent it.

mod choose;
mod indent;
mod resend;
#[cfg(test)]
pub(crate) mod samples;

use aws::operator::items::version_of;
use aws::operator::sqs::ReceivedMessage;
use serde_json::Value;
use serde_json::value::RawValue;
use shared::config::Source;
use shared::control::TypedKey;
use shared::rejection;
use shared::time::Timestamp;

pub use choose::{choose, shortest};
pub use indent::indented;
pub use resend::{item, newer, payload, sent, why_no_event};

/// A message of the rejected queue.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// The message as SQS returned it; [`content`](Self::content) reads its body.
    pub message: ReceivedMessage,
}

impl Rejection {
    /// The rejection that a function wrote.
    ///
    /// # Errors
    ///
    /// The reason why the body is not a rejection of the functions.
    pub fn content(&self) -> Result<rejection::Rejection<'_>, String> {
        // The error's text may quote a value of the event; its position does not.
        serde_json::from_str(&self.message.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            format!("not a rejection of the functions: line {line}, column {column} of its body is not as expected")
        })
    }

    /// The event's group, or `~rejected` if the function could not read it; empty if SQS returned none.
    pub fn group(&self) -> &str {
        self.message.system("MessageGroupId").unwrap_or_default()
    }

    /// The id of the event, or of its stream record.
    pub fn event_id(&self) -> Option<String> {
        self.content().ok()?.event_id
    }

    /// The key of the aggregate, if rejection and config contain it.
    pub fn key(&self, source: Option<&Source>) -> Option<TypedKey> {
        let name = source?.partition_key.as_str();
        self.items().iter().find_map(|item| serde_json::from_value(item.get(name)?.clone()).ok())
    }

    /// The event's number inside its aggregate, if rejection and config contain it.
    pub fn version(&self, source: Option<&Source>) -> Option<i64> {
        let place = &source?.version;
        let of_item = || self.items().iter().find_map(|item| version_of(item, place));
        of_item().or_else(|| self.message_version()).or_else(|| self.content().ok()?.version)
    }

    /// The aggregate as an operator names it: its key, or the group if that is all there is.
    pub fn aggregate(&self, source: Option<&Source>) -> String {
        self.key(source).map_or_else(|| self.group().to_owned(), |key| key.to_string())
    }

    /// What the rejection has of the item, in DynamoDB's JSON: the image, or what could be found in the record; the keys.
    fn items(&self) -> Vec<Value> {
        let Ok(content) = self.content() else { return Vec::new() };
        let parsed = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).ok();
        let record = content.record.and_then(parsed);
        let of_record = |name: &str| record.as_ref()?.get("dynamodb")?.get(name).cloned();
        let items = [
            content.image.and_then(parsed),
            of_record("NewImage"),
            content.keys.and_then(parsed),
            of_record("Keys"),
        ];
        items.into_iter().flatten().collect()
    }

    /// The version that a message of the fan-out queue names, if the rejection is about one.
    fn message_version(&self) -> Option<i64> {
        let record: Value = serde_json::from_str(self.content().ok()?.record?.get()).ok()?;
        record.get("messageAttributes")?.get("version")?.get("stringValue")?.as_str()?.parse().ok()
    }

    /// Why the event was rejected, or why the body can't be read.
    pub fn reason(&self) -> String {
        self.content().map_or_else(|why| why, |content| content.reason)
    }

    /// When the message was sent to the queue.
    pub fn since(&self) -> Option<Timestamp> {
        self.message.system("SentTimestamp")?.parse().ok().map(Timestamp::from_millis)
    }

    /// How often the message was received, this time included. A look counts.
    pub fn receives(&self) -> Option<u64> {
        self.message.system("ApproximateReceiveCount")?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::samples::{foreign, source};
    use super::*;

    fn check(rejection: &Rejection, expected: &Expect) {
        let version = rejection.version(Some(&source())).map(|version| version.to_string());
        expected.assert_eq(&format!(
            "{}: {} version {}: {}",
            rejection.group(),
            rejection.event_id().as_deref().unwrap_or("-"),
            version.as_deref().unwrap_or("-"),
            rejection.reason()
        ));
    }

    #[test]
    fn a_rejection_of_the_functions_is_read() {
        check(
            &samples::rejected("e-3"),
            &expect![
                "AFC%20F5: e-3 version 3: the event lacks `eventId`, its id; `[source]` in `client-queues.toml` says where it is"
            ],
        );
        check(
            &samples::unreadable_record(),
            &expect!["~rejected: - version -: not a stream record: it has no `eventName`"],
        );
    }

    #[test]
    fn a_message_of_a_stranger_is_a_value() {
        let rejected = |body: &str| Rejection { message: foreign(1, "A", body) };
        check(
            &rejected("no JSON, but a secret"),
            &expect![
                "A: - version -: not a rejection of the functions: line 1, column 2 of its body is not as expected"
            ],
        );
        check(
            &rejected("{}"),
            &expect![
                "A: - version -: not a rejection of the functions: line 1, column 2 of its body is not as expected"
            ],
        );
        check(
            &rejected(r#"{"reason":7}"#),
            &expect![
                "A: - version -: not a rejection of the functions: line 1, column 11 of its body is not as expected"
            ],
        );
        check(&rejected(r#"{"reason":"r"}"#), &expect!["A: - version -: r"]);
        check(
            &rejected(r#"{"reason":"r","image":[1],"keys":"k","eventId":"e"}"#),
            &expect!["A: e version -: r"],
        );
        check(
            &Rejection { message: ReceivedMessage::default() },
            &expect![
                ": - version -: not a rejection of the functions: line 1, column 0 of its body is not as expected"
            ],
        );
    }

    #[test]
    fn key_and_version_are_found_wherever_they_stand() {
        let rejected = |body: &str| Rejection { message: foreign(1, "~rejected", body) };
        let check = |body: &str, expected: (&str, Option<i64>)| {
            let (rejection, source) = (rejected(body), source());
            let found = (rejection.aggregate(Some(&source)), rejection.version(Some(&source)));
            assert_eq!((found.0.as_str(), found.1), expected, "{body}");
        };
        let image = r#"{"mark":{"S":"AFC F5"},"RegistrationNumber":{"M":{"version":{"N":"3"}}}}"#;
        check(&format!(r#"{{"reason":"r","image":{image}}}"#), ("AFC F5", Some(3)));
        check(r#"{"reason":"r","keys":{"mark":{"S":"AFC F5"}}}"#, ("AFC F5", None));
        check(
            &format!(r#"{{"reason":"r","record":{{"dynamodb":{{"NewImage":{image}}}}}}}"#),
            ("AFC F5", Some(3)),
        );
        check(r#"{"reason":"r","record":{"dynamodb":{"Keys":{"mark":{"S":"AFC F5"}}}}}"#, ("AFC F5", None));
        let message = r#"{"messageAttributes":{"version":{"stringValue":"7"}}}"#;
        check(&format!(r#"{{"reason":"r","record":{message}}}"#), ("~rejected", Some(7)));
        check(r#"{"reason":"r","keys":{"mark":{"S":"AFC F5"}},"version":9}"#, ("AFC F5", Some(9)));
        check(r#"{"reason":"r","keys":{"mark":7},"image":[1]}"#, ("~rejected", None));
        check("no JSON", ("~rejected", None));
    }

    #[test]
    fn without_a_config_key_and_version_are_unknown() {
        let rejection = samples::rejected("e-3");
        assert_eq!((rejection.version(Some(&source())), rejection.version(None)), (Some(3), None));
        assert_eq!((rejection.key(None), rejection.aggregate(None)), (None, "AFC%20F5".to_owned()));
        assert_eq!(rejection.receives(), Some(2));
    }
}
