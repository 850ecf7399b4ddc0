//! What is ordered, and what is answered: JSON.
//!
//! | `order` | members | answer |
//! | --- | --- | --- |
//! | `maintenance` | | `clients`: one object per client that was behind, as for `catchUp` |
//! | `catchUp` | `client` | `client`, `groups` (brought up to date), `sent` (events), `behind` (groups left), `stopped` (why, or null: all is done, or the time was over); `elsewhere` (true if another invocation serves it); `refused`: per group `group`, `reason`, if its queue refuses an event for good |
//! | `pause`, `resume` | `client` | `client`, `state`, `was`: `live` or `paused` |
//! | `replay` | `client`, `keys` (1 to 100), `from` (version), `replay` (id) | `client`, `results`: per key `group`, `outcome` (`ordered`, `nothing` or `failed`), `reason` |
//! | `reconcile` | `after` (where the last answer ended, or null) | `groups` (compared), `missing`, `holes`, `ahead`, `after` |
//!
//! Keys are written as DynamoDB does: `{"S":"AFC F5"}`. Each order may have a `caller`, which is logged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::ids::{Group, InvalidReplayId, Key};
use shared::ledger::ScanPosition;
use tracing::info;

/// The most keys of one replay: what a function orders in seconds.
pub(super) const KEYS_LIMIT: usize = 100;

/// An order, as the module says.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "order", rename_all = "camelCase", deny_unknown_fields)]
pub enum Order {
    /// What is scheduled.
    Maintenance {
        /// Who orders it.
        #[serde(default)]
        caller: Option<String>,
    },
    /// Catch one client up, now.
    CatchUp {
        /// Which.
        client: String,
        /// Who orders it.
        #[serde(default)]
        caller: Option<String>,
    },
    /// Send nothing more to a client.
    Pause {
        /// Which.
        client: String,
        /// Who orders it.
        #[serde(default)]
        caller: Option<String>,
    },
    /// Send again to a paused client.
    Resume {
        /// Which.
        client: String,
        /// Who orders it.
        #[serde(default)]
        caller: Option<String>,
    },
    /// Send a client what it has, again.
    Replay {
        /// Which.
        client: String,
        /// Of which aggregates.
        keys: Vec<TypedKey>,
        /// From which version.
        from: u64,
        /// The replay's id.
        replay: String,
        /// Who orders it.
        #[serde(default)]
        caller: Option<String>,
    },
    /// Compare table and ledger.
    Reconcile {
        /// Where the last comparison ended.
        #[serde(default)]
        after: Option<TablePlace>,
        /// Who orders it.
        #[serde(default)]
        caller: Option<String>,
    },
}

/// A key as DynamoDB writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TypedKey {
    /// A string.
    S(String),
    /// A number.
    N(String),
    /// Bytes, as standard base64.
    B(String),
}

/// A place in the event table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TablePlace {
    /// Partition key.
    pub key: TypedKey,
    /// Sort key.
    pub sort: TypedKey,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To `maintenance`.
    Maintenance {
        /// Each client that was behind.
        clients: Vec<CaughtUp>,
    },
    /// To `catchUp`.
    CatchUp(CaughtUp),
    /// To `pause` and `resume`.
    Switched(Switched),
    /// To `replay`.
    Replayed(Replayed),
    /// To `reconcile`.
    Compared(Compared),
}

/// What became of a client's catch-up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CaughtUp {
    /// The client.
    pub client: String,
    /// In how many groups it became up to date.
    pub groups: usize,
    /// How many events its queue took.
    pub sent: usize,
    /// In how many groups it is behind still; of more than five thousand perhaps not all are counted.
    pub behind: usize,
    /// Why that is not all, in words for an operator; nothing if only the time was over: another invocation goes on.
    pub stopped: Option<String>,
    /// Whether it stopped because another invocation serves the client now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
    /// Groups of which its queue refuses an event for good: the first few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
}

/// A group that waits until the client's queue takes an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The group.
    pub group: String,
    /// Why the queue refuses the event.
    pub reason: String,
}

/// What became of a client's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Switched {
    /// The client.
    pub client: String,
    /// `live` or `paused`.
    pub state: &'static str,
    /// What it was before.
    pub was: &'static str,
}

/// What became of a replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// The client.
    pub client: String,
    /// One result per key, in order.
    pub results: Vec<ReplayedGroup>,
}

/// What became of a replay in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplayedGroup {
    /// The group.
    pub group: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it failed, or why there is nothing.
    pub reason: Option<String>,
}

/// What became of a replay in a group, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Catch-up sends it.
    Ordered,
    /// The client has nothing that would be repeated.
    Nothing,
    /// It is to be ordered again, under another id.
    Failed,
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// How many groups were compared.
    pub groups: usize,
    /// Events that were put on the fan-out queue.
    pub missing: Vec<Version>,
    /// Versions that were given up and are there now.
    pub holes: Vec<Version>,
    /// Groups of which more was sent than the table has.
    pub ahead: Vec<Ahead>,
    /// Where the next comparison goes on; null at the table's end.
    pub after: Option<TablePlace>,
}

/// A version of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// The group.
    pub group: String,
    /// The aggregate's key.
    pub key: TypedKey,
    /// The version.
    pub version: u64,
}

/// A group of which more was sent than the table has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ahead {
    /// The group.
    pub group: String,
    /// The aggregate's key.
    pub key: TypedKey,
    /// The version up to which it was sent.
    pub version: u64,
    /// The highest that the table has.
    pub highest: u64,
}

/// Why an order is not followed.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The payload is none.
    #[error(
        "not an order, an object with `order` (`maintenance`, `catchUp`, `pause`, `resume`, `replay` or `reconcile`) and what \
         belongs to it: {0}"
    )]
    Payload(#[source] serde_json::Error),
    /// A key is none.
    #[error("`{0}` is not standard base64 with padding")]
    Bytes(String),
    /// A replay's id is none.
    #[error("`replay`: {0}")]
    ReplayId(#[from] InvalidReplayId),
    /// A replay has too many keys, or none.
    #[error("`keys`: {0} of them; order a replay of 1 to {KEYS_LIMIT} at a time")]
    Keys(usize),
    /// Nobody of this name is served.
    #[error("client `{0}` is not served; `client-queues.toml` as it was deployed last names who is")]
    UnknownClient(String),
    /// The client was retired.
    #[error("client `{0}` is retired; put it back into `client-queues.toml` and deploy")]
    Retired(String),
    /// The ledger has no registry yet.
    #[error(
        "the ledger is empty; the first maintenance makes it, within a minute, or the order `maintenance` now"
    )]
    NoRegistry,
    /// The ledger, the event table or a queue failed.
    #[error("{what}: {why}; try again")]
    Failed {
        /// What was to be done.
        what: &'static str,
        /// Why it was not.
        why: String,
    },
}

impl Order {
    /// The order that `payload` holds.
    ///
    /// # Errors
    ///
    /// [`OrderError::Payload`] says where it is none.
    pub fn try_from_payload(payload: &RawValue) -> Result<Self, OrderError> {
        serde_json::from_str(payload.get()).map_err(OrderError::Payload)
    }

    /// Logs an order with its caller.
    pub(super) fn log(&self) {
        let (order, client, caller) = match self {
            Self::Maintenance { caller } => ("maintenance", None, caller),
            Self::CatchUp { client, caller } => ("catchUp", Some(client), caller),
            Self::Pause { client, caller } => ("pause", Some(client), caller),
            Self::Resume { client, caller } => ("resume", Some(client), caller),
            Self::Replay { client, keys, from, replay, caller } => {
                let (client, keys) = (client.as_str(), keys.len());
                info!(order = "replay", client, keys, from, replay, caller, "ordered");
                return;
            }
            Self::Reconcile { caller, .. } => ("reconcile", None, caller),
        };
        // The schedule is no caller, and calls every minute.
        if order != "maintenance" || caller.is_some() {
            info!(order, client, caller, "ordered");
        }
    }
}

impl From<&Key> for TypedKey {
    fn from(key: &Key) -> Self {
        match key {
            Key::S(text) => Self::S(text.clone()),
            Key::N(number) => Self::N(number.clone()),
            Key::B(bytes) => Self::B(STANDARD.encode(bytes)),
        }
    }
}

impl TryFrom<TypedKey> for Key {
    type Error = OrderError;

    fn try_from(key: TypedKey) -> Result<Self, OrderError> {
        match key {
            TypedKey::S(text) => Ok(Self::S(text)),
            TypedKey::N(number) => Ok(Self::N(number)),
            TypedKey::B(text) => STANDARD.decode(&text).map(Self::B).map_err(|_| OrderError::Bytes(text)),
        }
    }
}

impl From<&ScanPosition> for TablePlace {
    fn from(scan_position: &ScanPosition) -> Self {
        Self { key: (&scan_position.key).into(), sort: (&scan_position.sort).into() }
    }
}

impl TryFrom<TablePlace> for ScanPosition {
    type Error = OrderError;

    fn try_from(naming: TablePlace) -> Result<Self, OrderError> {
        Ok(Self { key: naming.key.try_into()?, sort: naming.sort.try_into()? })
    }
}

impl Version {
    /// A version of the aggregate with this key.
    pub(super) fn of(key: &Key, version: u64) -> Self {
        Self { group: Group::of(key).as_str().to_owned(), key: key.into(), version }
    }
}
