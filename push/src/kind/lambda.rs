//! A function: it is invoked with an event, or with a run of them, and waited for.

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::clock::Clock;
use shared::config::LambdaTarget;
use shared::exchange::{ANSWER_LIMIT, Answer, Exchange, Place, Request};
use shared::time::Timestamp;

use super::envelope::envelope;
use super::{Target, of_no_answer, too_large};
use crate::deadline::Deadline;
use crate::encoding::percent_encoded;
use crate::event::Event;
use crate::fault;
use crate::outcome::{Delivered, Failure, FailureKind};
use crate::reason::{Hidden, with_words, words};

/// The most bytes that a function is invoked with (Lambda quotas: invocation payload, synchronous).
const PAYLOAD_LIMIT: usize = 6_291_456;

/// What a list has before its events, and behind them.
const OPEN: &str = "{\"events\":[";
const CLOSE: &str = "]}";

impl<X: Exchange, C: Clock> Target<X, C> {
    /// Delivers a run of events, in as few invocations as it takes.
    pub(super) async fn lambda(
        &self,
        target: &LambdaTarget,
        events: &[Event<'_>],
        deadline: Deadline,
    ) -> Delivered {
        let mut taken = 0;
        while let Some(rest) = events.get(taken..).filter(|rest| !rest.is_empty()) {
            let (payload, part) = match payload(target, rest) {
                Ok(payload) => payload,
                Err(failure) => return Delivered { taken, ..Delivered::none(failure) },
            };
            let failed = match self.ask(&request(target, payload), deadline).await {
                Ok(answer) => outcome(target, &answer, part, self.clock.now()),
                Err(error) => Err((0, of_no_answer(&error))),
            };
            match failed {
                Ok(()) => taken += part.len(),
                Err((first, failure)) => {
                    return Delivered { taken: taken + first, ..Delivered::none(failure) };
                }
            }
        }
        Delivered::all(taken)
    }
}

/// What the function is invoked with, and the events that this brings: the first ones, as many as fit.
fn payload<'p, 'm>(
    target: &LambdaTarget,
    events: &'p [Event<'m>],
) -> Result<(String, &'p [Event<'m>]), Failure> {
    let mut payload = String::new();
    let mut count = 0;
    for event in events {
        let event = match envelope(event) {
            Ok(event) => event,
            // Those before it go first.
            Err(_) if count > 0 => break,
            Err(failure) => return Err(failure),
        };
        let size = OPEN.len() + payload.len() + 1 + event.len() + CLOSE.len();
        if size > PAYLOAD_LIMIT {
            if count > 0 {
                break;
            }
            return Err(too_large(event.len(), PAYLOAD_LIMIT, "a function"));
        }
        if count > 0 {
            payload.push(',');
        }
        payload.push_str(&event);
        count += 1;
        if !target.batch {
            return Ok((payload, events.get(..1).unwrap_or_default()));
        }
    }
    Ok((format!("{OPEN}{payload}{CLOSE}"), events.get(..count).unwrap_or_default()))
}

fn request(target: &LambdaTarget, payload: String) -> Request {
    let function = percent_encoded(&target.function.text, b"");
    Request {
        method: "POST",
        place: Place::Aws {
            service: "lambda",
            region: target.function.region.clone(),
            path_and_query: format!("/2015-03-31/functions/{function}/invocations"),
        },
        headers: vec![
            ("content-type".to_owned(), "application/octet-stream".to_owned()),
            ("x-amz-invocation-type".to_owned(), "RequestResponse".to_owned()),
        ],
        body: payload.into_bytes(),
        answer_limit: ANSWER_LIMIT,
    }
}

/// Which of `events` the function didn't take first, and why; `Ok` if it took all.
fn outcome(
    target: &LambdaTarget,
    answer: &Answer,
    events: &[Event<'_>],
    now: Timestamp,
) -> Result<(), (usize, Failure)> {
    let bodies: Vec<&str> = events.iter().map(|event| event.body).collect();
    let hidden = Hidden { secrets: &[], bodies: &bodies };
    if !answer.is_success() {
        return Err((0, fault::failure(answer, &["ResourceNotFoundException"], hidden, now)));
    }
    // The function's own error comes inside a 200: `Handled` or `Unhandled`.
    if answer.header("x-amz-function-error").is_some() {
        let reason = with_words("the function failed", &words(&answer.body, hidden));
        return Err((0, Failure::new(FailureKind::Event, "FunctionError", reason)));
    }
    if !target.batch {
        return Ok(());
    }
    let ids: Vec<&str> = events.iter().map(|event| event.id).collect();
    match first_returned(&answer.body, &ids) {
        Ok(None) => Ok(()),
        Ok(Some(first)) => {
            let reason = "the function returned it in `batchItemFailures`".to_owned();
            Err((first, Failure::new(FailureKind::Event, "batchItemFailures", reason)))
        }
        Err(reason) => Err((0, Failure::new(FailureKind::Event, "batchItemFailures", reason.to_owned()))),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchAnswer {
    batch_item_failures: Option<Vec<BatchItemFailure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemFailure {
    item_identifier: Option<String>,
}

/// The first of `ids` that a function returned: it and all later ones are not taken. As Lambda reads it of a queue's
/// function: an empty answer or list is none; an identifier that is empty, or of no event, returns all; so does what is no
/// answer of this form.
fn first_returned(answer: &[u8], ids: &[&str]) -> Result<Option<usize>, &'static str> {
    if answer.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let unreadable =
        |_| "the function's answer is no JSON of 4,096 bytes or less with `batchItemFailures` as a list";
    let raw: &RawValue = serde_json::from_slice(answer).map_err(unreadable)?;
    if raw.get() == "null" {
        return Ok(None);
    }
    let answer: BatchAnswer = serde_json::from_str(raw.get()).map_err(unreadable)?;
    let mut first = None;
    for returned in answer.batch_item_failures.into_iter().flatten() {
        let id = returned.item_identifier.unwrap_or_default();
        let at = ids.iter().position(|other| *other == id);
        let at = at.ok_or("the function returned an `itemIdentifier` that no event has")?;
        first = Some(first.map_or(at, |first: usize| first.min(at)));
    }
    Ok(first)
}

#[cfg(test)]
mod tests;
