//! The rejected queue, looked at.

use std::time::Duration;

use aws::operator::{CallError, sqs};
use serde::Serialize;
use shared::naming::OwnQueue;
use shared::rejection::Rejection;

use super::name;
use crate::check::ExpectedEvents;
use crate::event::Event;
use crate::json::Json;
use crate::ministack::ACCOUNT;
use crate::stack::Stack;

/// An event on the rejected queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RejectedEvent {
    /// The event's mark and version, as far as they are known.
    pub event: String,
    /// Why it can never be converted or sent.
    pub reason: String,
}

/// The first messages of the rejected queue, with the number of each one's event if it is one of those `expected`.
pub(super) async fn rejections(
    stack: &Stack,
    expected: &ExpectedEvents,
) -> Result<Vec<(Option<usize>, RejectedEvent)>, CallError> {
    let (target, url) = (stack.connection().target(ACCOUNT), stack.own_queue_url(OwnQueue::Rejected));
    // A look: they stay visible for others.
    let invisible = Some(Duration::ZERO);
    let messages = sqs::receive(&target, &url, sqs::BATCH_LIMIT, Duration::ZERO, invisible).await?;
    let mut rejections: Vec<_> = messages.iter().map(|message| rejection(&message.body, expected)).collect();
    // Stream and catch-up can each have found an event too large.
    rejections.dedup();
    Ok(rejections)
}

fn rejection(body: &str, expected: &ExpectedEvents) -> (Option<usize>, RejectedEvent) {
    let Ok(rejection) = serde_json::from_str::<Rejection<'_>>(body) else {
        let reason = "not a rejection of the functions".to_owned();
        return (None, RejectedEvent { event: "a message".to_owned(), reason });
    };
    let keys = rejection.keys.and_then(|keys| Json::parse(keys.get()).ok());
    let key = |name| keys.as_ref()?.at(&[name, "S"])?.as_text();
    let is_it =
        |event: &Event| key("mark") == Some(&event.mark) && key("createTime") == Some(&event.create_time);
    let found = (0..expected.len())
        .find_map(|index| Some((index, expected.event(index).filter(|event| is_it(event))?)));
    let (index, event) = found.unzip();
    let event = event.map(name);
    (index, RejectedEvent { event: event.unwrap_or_else(|| "an event".to_owned()), reason: rejection.reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks;

    #[test]
    fn a_rejection_names_its_event_if_it_was_written_here() {
        let events = marks::histories(1, 2, 1_767_603_600_000);
        let expected = ExpectedEvents::new(events);
        let body = |time: &str| {
            format!(r#"{{"reason":"why","keys":{{"mark":{{"S":"AFC F5"}},"createTime":{{"S":"{time}"}}}}}}"#)
        };
        let rejected =
            |event: &str, reason: &str| RejectedEvent { event: event.to_owned(), reason: reason.to_owned() };
        assert_eq!(
            rejection(&body("2026-01-05T09:00:00.250Z"), &expected),
            (Some(1), rejected("version 2 of `AFC F5`", "why"))
        );
        assert_eq!(rejection(&body("2020-01-01T00:00:00Z"), &expected), (None, rejected("an event", "why")));
        let strange = rejected("a message", "not a rejection of the functions");
        assert_eq!(rejection("{", &expected), (None, strange));
    }
}
