//! What a consumer asks for on the queue of requests.

use serde::{Deserialize, Serialize};

use crate::ids::Group;

/// The body of a request: the client gets its events of a group again, from a version on. Which client, the message's
/// `MessageGroupId` says. There are no other members: what is meant by one is not guessed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// The `MessageGroupId` of the aggregate's events.
    pub group: String,
    /// The first version; 0 or above.
    pub from: i64,
}

/// Text that is no [`ReplayRequest`]. It is not repeated: it can be anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not `{{\"group\": …, \"from\": …}}`, with a group of the pipeline and a version")]
pub struct InvalidReplayRequest;

impl ReplayRequest {
    /// The request that `body` is, and its group.
    ///
    /// # Errors
    ///
    /// [`InvalidReplayRequest`].
    pub fn try_from_body(body: &str) -> Result<(Self, Group), InvalidReplayRequest> {
        let request: Self = serde_json::from_str(body).map_err(|_| InvalidReplayRequest)?;
        match Group::try_from_sqs(&request.group) {
            Ok(group) if request.from >= 0 => Ok((request, group)),
            _ => Err(InvalidReplayRequest),
        }
    }

    /// The message's body.
    pub fn body(&self) -> String {
        // Text and a number only: it does not fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written_and_nothing_else_is_one() {
        let request = ReplayRequest { group: "AFC%20F5".to_owned(), from: 6 };
        assert_eq!(request.body(), r#"{"group":"AFC%20F5","from":6}"#);
        assert_eq!(ReplayRequest::try_from_body(&request.body()).map(|(read, _)| read), Ok(request));
        for body in [
            "",
            "{}",
            r#"{"group":"A"}"#,
            r#"{"group":"","from":6}"#,
            r#"{"group":"AFC F5","from":6}"#,
            r#"{"group":"A","from":-1}"#,
            r#"{"group":"A","from":1.5}"#,
            r#"{"group":"A","from":"6"}"#,
            r#"{"group":"A","from":6,"client":"Tax"}"#,
            r#"[{"group":"A","from":6}]"#,
        ] {
            assert_eq!(ReplayRequest::try_from_body(body), Err(InvalidReplayRequest), "{body}");
        }
    }
}
