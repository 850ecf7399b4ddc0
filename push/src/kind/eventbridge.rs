//! A classic event bus: an entry for each event. Order ends there.

use serde::{Deserialize, Serialize};
use shared::clock::Clock;
use shared::config::EventBridgeTarget;
use shared::exchange::{ANSWER_LIMIT, Answer, Exchange, Place, Request};
use shared::time::Timestamp;

use super::envelope::envelope;
use super::{Target, of_no_answer, too_large};
use crate::deadline::Deadline;
use crate::event::Event;
use crate::fault::{self, Fault};
use crate::outcome::{Failure, FailureKind};
use crate::reason::Hidden;

/// An entry has fewer bytes: source, type and detail (EventBridge user guide, "Calculating PutEvents event entry size").
const ENTRY_LIMIT: usize = 262_144;

/// The type of an entry whose event has no name.
const UNNAMED: &str = "event";

/// The type of an entry about an erasure, where the types of the others are their events' names.
const ERASED: &str = "erased";

/// What says that there is no such bus.
const GONE: &[&str] = &["ResourceNotFoundException"];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutEvents<'e> {
    entries: [Entry<'e>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'e> {
    source: &'e str,
    detail_type: &'e str,
    detail: &'e str,
    event_bus_name: &'e str,
}

impl<X: Exchange, C: Clock> Target<X, C> {
    pub(super) async fn eventbridge(
        &self,
        target: &EventBridgeTarget,
        event: &Event<'_>,
        deadline: Deadline,
    ) -> Result<Option<String>, Failure> {
        let answer = self.ask(&request(target, event)?, deadline).await;
        let answer = answer.map_err(|error| of_no_answer(&error))?;
        outcome(&answer, event, self.clock.now()).map_or(Ok(None), Err)
    }
}

/// # Errors
///
/// The entry is larger than a bus takes.
fn request(target: &EventBridgeTarget, event: &Event<'_>) -> Result<Request, Failure> {
    let detail = envelope(event)?;
    let detail_type = target.detail_type.as_deref().unwrap_or(match event.erased {
        Some(_) => ERASED,
        None => event.name.unwrap_or(UNNAMED),
    });
    let size = target.source.len() + detail_type.len() + detail.len();
    if size >= ENTRY_LIMIT {
        return Err(too_large(size, ENTRY_LIMIT, "an event bus"));
    }
    let entry =
        Entry { source: &target.source, detail_type, detail: &detail, event_bus_name: &target.bus.text };
    // Texts: it does not fail.
    let body = serde_json::to_vec(&PutEvents { entries: [entry] }).unwrap_or_default();
    Ok(Request {
        method: "POST",
        place: Place::Aws {
            service: "events",
            region: target.bus.region.clone(),
            path_and_query: "/".to_owned(),
        },
        headers: vec![
            ("content-type".to_owned(), "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target".to_owned(), "AWSEvents.PutEvents".to_owned()),
        ],
        body,
        answer_limit: ANSWER_LIMIT,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutEventsAnswer {
    entries: Option<Vec<EntryAnswer>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EntryAnswer {
    event_id: Option<String>,
    error_code: Option<String>,
    error_message: Option<String>,
}

/// A 200 says nothing yet: the entry's own answer does.
fn outcome(answer: &Answer, event: &Event<'_>, now: Timestamp) -> Option<Failure> {
    let hidden = Hidden { secrets: &[], bodies: &[event.body] };
    if !answer.is_success() {
        return Some(fault::failure(answer, GONE, hidden, now));
    }
    let unknown = || {
        let reason = format!("{}, and an answer without the entry", answer.status);
        Some(Failure::new(FailureKind::Transient, "no entry", reason))
    };
    let Ok(found) = serde_json::from_slice::<PutEventsAnswer>(&answer.body) else { return unknown() };
    match found.entries.unwrap_or_default().into_iter().next() {
        Some(EntryAnswer { error_code: Some(code), error_message, .. }) => {
            let fault = Fault::of_entry(&code, &error_message.unwrap_or_default());
            Some(fault.failure(answer.status, GONE, hidden))
        }
        Some(EntryAnswer { event_id: Some(_), .. }) => None,
        _ => unknown(),
    }
}

#[cfg(test)]
mod tests;
