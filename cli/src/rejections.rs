//! Rejections as values: how a message of the rejected queue is read, and how its event is sent again. A message that
//! is not a rejection is a value, never an error about the queue: a stranger may have sent it.

mod choose;
mod indent;
mod resend;
#[cfg(test)]
pub(crate) mod samples;

use aws::operator::items::version_of;
use aws::operator::sqs::ReceivedMessage;
use shared::config::Source;
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

    /// The event's number inside its aggregate, if rejection and config contain it.
    pub fn version(&self, source: Option<&Source>) -> Option<i64> {
        let image = self.content().ok()?.image?;
        version_of(&serde_json::from_str(image.get()).ok()?, &source?.version)
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
    fn without_a_config_only_the_version_is_unknown() {
        let rejection = samples::rejected("e-3");
        assert_eq!((rejection.version(Some(&source())), rejection.version(None)), (Some(3), None));
        assert_eq!(rejection.receives(), Some(2));
    }
}
