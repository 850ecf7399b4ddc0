//! When a client's queue has the test event, by the ledger.

use std::time::Duration;

use serde::Serialize;
use shared::config::ClientName;
use shared::ledger::{Attestation, GroupItem, Registration, State, attestation};

use crate::output::Tone;

/// A client, and whether its queue has the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Arrival {
    /// As client-queues.toml names it.
    pub(super) client: String,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
    #[serde(skip)]
    registration: Option<Registration>,
}

/// Whether a client's queue has the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub(super) enum Outcome {
    Arrived {
        /// How long after it was written into the table.
        milliseconds: u64,
    },
    /// Its filter refuses it.
    Unwanted {
        /// The first field that says no.
        reason: String,
    },
    Paused,
    /// The ledger does not know the client yet, or no more.
    Unknown,
    /// It has not arrived so far.
    Waiting,
}

impl Arrival {
    pub(super) fn new(
        client: &ClientName,
        registration: Option<&Registration>,
        unwanted: Option<String>,
    ) -> Self {
        let outcome = match (unwanted, registration.map(|registration| registration.state)) {
            (Some(reason), _) => Outcome::Unwanted { reason },
            (None, Some(State::Live)) => Outcome::Waiting,
            (None, Some(State::Paused)) => Outcome::Paused,
            (None, _) => Outcome::Unknown,
        };
        Self { client: client.to_string(), outcome, registration: registration.cloned() }
    }
}

/// Notes which of `clients` have `version` of the group of `item`, of those that were waited for.
pub(super) fn note(clients: &mut [Arrival], item: &GroupItem, version: i64, passed: Duration) {
    for client in clients.iter_mut().filter(|client| client.outcome == Outcome::Waiting) {
        // Without the cursor of a client that is behind, the item says nothing of it.
        let found = client.registration.as_ref().and_then(|client| attestation(item, client, None));
        let has_it = matches!(found, Some(Attestation::UpToDate { version: last }) if last >= Some(version));
        if has_it {
            let milliseconds = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
            client.outcome = Outcome::Arrived { milliseconds };
        }
    }
}

impl Outcome {
    /// Whether nothing is amiss.
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Self::Arrived { .. } | Self::Unwanted { .. })
    }

    /// In words for people.
    pub(super) fn cell(&self, client: &str, stack: &str) -> (String, Tone) {
        match self {
            Self::Arrived { milliseconds } => (format!("after {milliseconds} ms"), Tone::Good),
            Self::Unwanted { reason } => (format!("no: its filter refuses it: {reason}"), Tone::Neutral),
            Self::Paused => {
                (format!("no: it is paused; `fanoutctl resume {client}{stack}` brings it"), Tone::Bad)
            }
            Self::Unknown => {
                (format!("no: the ledger does not serve it; see `fanoutctl status{stack}`"), Tone::Bad)
            }
            Self::Waiting => (
                format!(
                    "not within 30 s; see `fanoutctl check{stack}` and `fanoutctl status {client}{stack}`"
                ),
                Tone::Bad,
            ),
        }
    }
}
