//! What an operator asks of a push function: to bring one sample event to a client's target.

use serde::{Deserialize, Serialize};

/// The payload: `{"test": {"client": …, "id": …}}`. There are no other members: what is meant by one is not guessed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushTestRequest {
    /// What is asked.
    pub test: PushTest,
}

/// A sample event for a client's target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushTest {
    /// The client.
    pub client: String,
    /// What makes this event another one than that of every other test: 1 to 40 letters, digits and `-`.
    pub id: String,
    /// Who asks, for the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
}

/// What the target did with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushTestAnswer {
    /// The client.
    pub client: String,
    /// The word for the kind of its target, as the config has it.
    pub kind: String,
    /// The `eventId` of the event that the target got.
    pub event_id: String,
    /// How long the target took.
    pub milliseconds: u64,
    /// Why the target did not take it, if it did not.
    pub failure: Option<PushTestFailure>,
}

/// Why a target did not take a sample event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushTestFailure {
    /// What push does about it.
    pub kind: PushFailureKind,
    /// The status, and a bounded, escaped piece of the target's words.
    pub reason: String,
}

/// What push does about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PushFailureKind {
    /// It tries again.
    Transient,
    /// It opens the circuit breaker: the target refuses this sender.
    Target,
    /// It holds the group: the target refuses this event.
    Event,
    /// It has the client paused: there is no such target.
    Gone,
}

impl PushTestRequest {
    /// The request that `payload` is; `None` if it is another one, such as a batch of a queue.
    pub fn try_from_payload(payload: &str) -> Option<Self> {
        serde_json::from_str(payload).ok()
    }

    /// The payload.
    pub fn payload(&self) -> String {
        // Text only: it does not fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written_and_nothing_else_is_one() {
        let (client, id) = ("Billing".to_owned(), "t-1".to_owned());
        let request = PushTestRequest { test: PushTest { client, id, caller: Some("arn:op".to_owned()) } };
        assert_eq!(request.payload(), r#"{"test":{"client":"Billing","id":"t-1","caller":"arn:op"}}"#);
        assert_eq!(PushTestRequest::try_from_payload(&request.payload()), Some(request));
        for payload in [
            "",
            "{}",
            r#"{"Records":[]}"#,
            r#"{"test":{"client":"A"}}"#,
            r#"{"test":{"client":"A","id":"t","to":1}}"#,
        ] {
            assert_eq!(PushTestRequest::try_from_payload(payload), None, "{payload}");
        }
    }
}
