//! Why a control request is not followed, and what is logged of one.

use shared::control::{ControlRequest, InvalidBase64, RequestError};
use shared::ids::InvalidReplayId;
use tracing::info;

/// Why a request is not followed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The payload is no request that can be done.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// No client of this name is served.
    #[error("client `{0}` is not served; `client-queues.toml` as it was deployed last names who is")]
    UnknownClient(String),
    /// The client was retired.
    #[error("client `{0}` is retired; put it back into `client-queues.toml` and deploy")]
    Retired(String),
    /// The ledger has no registry yet.
    #[error(
        "the ledger is empty; the first maintenance makes it, within a minute, or the request `maintenance` now"
    )]
    NoRegistry,
    /// The ledger was in use, and its list of clients is missing.
    #[error(
        "the item `registry` of the ledger is gone: nothing is sent, and events wait; copy it back from a point-in-time copy of \
         the table (docs/operations.md#catch-up-errors)"
    )]
    RegistryGone,
    /// The ledger, the event table or a queue failed.
    #[error("{what}: {why}; try again")]
    Failed {
        /// What was to be done.
        what: &'static str,
        /// Why it was not.
        why: String,
    },
}

impl From<InvalidBase64> for ControlError {
    fn from(error: InvalidBase64) -> Self {
        Self::Request(error.into())
    }
}

impl From<InvalidReplayId> for ControlError {
    fn from(error: InvalidReplayId) -> Self {
        Self::Request(error.into())
    }
}

/// Logs a request with its caller.
pub(super) fn log(request: &ControlRequest) {
    let (name, client, caller) = match request {
        ControlRequest::Maintenance { caller } => ("maintenance", None, caller),
        ControlRequest::CatchUp { client, caller } => ("catchUp", Some(client), caller),
        ControlRequest::Pause { client, reason, caller } => {
            info!(request = "pause", client, reason, caller, "control request");
            return;
        }
        ControlRequest::Resume { client, caller } => ("resume", Some(client), caller),
        ControlRequest::Replay { client, keys, from, replay, caller, .. } => {
            let (client, keys) = (client.as_str(), keys.len());
            info!(request = "replay", client, keys, from, replay, caller, "control request");
            return;
        }
        ControlRequest::Hold { client, keys, from, reason, caller, .. } => {
            let (client, keys) = (client.as_str(), keys.len());
            info!(request = "hold", client, keys, from, reason, caller, "control request");
            return;
        }
        ControlRequest::Release { client, caller, .. } => ("release", Some(client), caller),
        ControlRequest::Skip { client, version, reason, caller, .. } => {
            info!(request = "skip", client, version, reason, caller, "control request");
            return;
        }
        ControlRequest::LookForErasures { keys, caller } => {
            info!(request = "lookForErasures", keys = keys.len(), caller, "control request");
            return;
        }
        ControlRequest::Reconcile { caller, .. } => ("reconcile", None, caller),
    };
    // The schedule is no caller, and calls every minute.
    if name != "maintenance" || caller.is_some() {
        info!(request = name, client, caller, "control request");
    }
}
