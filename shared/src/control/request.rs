//! What is asked of the catch-up function.

use serde::{Deserialize, Serialize};

use super::{InvalidBase64, TablePosition, TypedKey};
use crate::ids::InvalidReplayId;

/// The most keys of one replay: what the function can order in its time.
pub const REPLAY_KEYS_LIMIT: usize = 100;

/// The most bytes of the reason for which a group is held, or an event skipped: it is part of an item of the ledger.
pub const REASON_LIMIT: usize = 500;

/// A request, as the [module](super) says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "camelCase", deny_unknown_fields)]
pub enum ControlRequest {
    /// What is scheduled.
    Maintenance {
        /// Who asks; the schedule leaves it out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<String>,
    },
    /// Bring a client up to date, as far as one invocation's time allows.
    CatchUp {
        /// The client's name.
        client: String,
        /// Who asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<String>,
    },
    /// Send a client nothing more.
    Pause {
        /// The client's name.
        client: String,
        /// Why, in 1 to [`REASON_LIMIT`] bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Who asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<String>,
    },
    /// Send again to a paused client.
    Resume {
        /// The client's name.
        client: String,
        /// Who asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<String>,
    },
    /// Send a client again what it has.
    ///
    /// If the result is unknown, it is asked again under another id only: SQS would swallow what is sent again under
    /// the same one.
    Replay {
        /// The client's name.
        client: String,
        /// The aggregates' keys, 1 to [`REPLAY_KEYS_LIMIT`].
        keys: Vec<TypedKey>,
        /// The first version.
        from: i64,
        /// A [`ReplayId`](crate::ids::ReplayId).
        replay: String,
        /// Whether it closes a gap that the client's consumer saw: then it repeats what may have been sent, too, and not only
        /// what is recorded.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        gap: bool,
        /// Who asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<String>,
    },
    /// Send a client nothing more of some aggregates until they are released, then everything from a version on.
    Hold {
        /// The client's name.
        client: String,
        /// The aggregates' keys, 1 to [`REPLAY_KEYS_LIMIT`].
        keys: Vec<TypedKey>,
        /// The first version that comes after the release; `None`: the first that was not sent yet.
        #[serde(default)]
        from: Option<i64>,
        /// Why, in 1 to [`REASON_LIMIT`] bytes.
        reason: String,
        /// A [`ReplayId`](crate::ids::ReplayId), under which it comes.
        replay: String,
        /// Who asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<String>,
    },
    /// Send a client what it lacks of aggregates that are held.
    Release {
        /// The client's name.
        client: String,
        /// The aggregates' keys, 1 to [`REPLAY_KEYS_LIMIT`].
        keys: Vec<TypedKey>,
        /// Who asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<String>,
    },
    /// Leave out the next event that a client wants of an aggregate that is held.
    Skip {
        /// The client's name.
        client: String,
        /// The aggregate's key.
        key: TypedKey,
        /// The event's version.
        version: i64,
        /// Why, in 1 to [`REASON_LIMIT`] bytes.
        reason: String,
        /// Who asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<String>,
    },
    /// Have the fan-out look whether aggregates are erased: for hints of the stream that were lost.
    LookForErasures {
        /// The aggregates' keys, 1 to [`REPLAY_KEYS_LIMIT`].
        keys: Vec<TypedKey>,
        /// Who asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<String>,
    },
    /// Compare table and ledger, as far as one invocation's time allows.
    Reconcile {
        /// Where the last answer ended; `None`: the table's beginning.
        #[serde(default)]
        after: Option<TablePosition>,
        /// Who asks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caller: Option<String>,
    },
}

/// Why a payload is not a request that can be done.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It is none.
    #[error(
        "not a control request, an object with `request` (`maintenance`, `catchUp`, `pause`, `resume`, `replay`, `hold`, \
         `release`, `skip`, `lookForErasures` or `reconcile`) and what belongs to it: {0}"
    )]
    Payload(#[source] serde_json::Error),
    /// A key is none.
    #[error(transparent)]
    Key(#[from] InvalidBase64),
    /// A replay's id is none.
    #[error("`replay`: {0}")]
    ReplayId(#[from] InvalidReplayId),
    /// There are too many keys, or none.
    #[error("`keys`: {0} of them; name 1 to {REPLAY_KEYS_LIMIT} at a time")]
    Keys(usize),
    /// A reason is missing or too long.
    #[error("`reason`: {0} bytes; say in 1 to {REASON_LIMIT} why")]
    Reason(usize),
}

impl ControlRequest {
    /// The request that `payload`, JSON, is.
    ///
    /// # Errors
    ///
    /// [`RequestError::Payload`] says where it is none.
    pub fn try_from_payload(payload: &str) -> Result<Self, RequestError> {
        serde_json::from_str(payload).map_err(RequestError::Payload)
    }

    /// What the function is invoked with.
    pub fn payload(&self) -> String {
        // Text and numbers only: it does not fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The same request, asked by `who`.
    #[must_use]
    pub fn asked_by(mut self, who: &str) -> Self {
        let (Self::Maintenance { caller }
        | Self::CatchUp { caller, .. }
        | Self::Pause { caller, .. }
        | Self::Resume { caller, .. }
        | Self::Replay { caller, .. }
        | Self::Hold { caller, .. }
        | Self::Release { caller, .. }
        | Self::Skip { caller, .. }
        | Self::LookForErasures { caller, .. }
        | Self::Reconcile { caller, .. }) = &mut self;
        *caller = Some(who.to_owned());
        self
    }
}
