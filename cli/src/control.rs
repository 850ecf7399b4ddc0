//! What the catch-up function is asked to do, and what it answers.

mod key;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use key::{InvalidKey, KeyType, KeyValue, shell_quoted};

/// The most groups of one [`ControlRequest::Replay`]: what the function can order in its time.
pub const REPLAY_LIMIT: usize = 100;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "request", rename_all = "camelCase")]
pub enum ControlRequest {
    /// Bring a client level, as far as one invocation's time allows. Answer: [`CaughtUp`].
    CatchUp {
        /// The client's name.
        client: String,
    },
    /// Send a client nothing more. Answer: [`Changed`].
    Pause {
        /// The client's name.
        client: String,
    },
    /// Serve a client again. Answer: [`Changed`].
    Resume {
        /// The client's name.
        client: String,
    },
    /// Send a client again what it has. Answer: [`Replayed`].
    ///
    /// If nobody knows whether it was done, it is given again under another id only: SQS would swallow what is sent
    /// again under the same one.
    Replay {
        /// The client's name.
        client: String,
        /// The aggregates' keys, at most [`REPLAY_LIMIT`].
        keys: Vec<KeyValue>,
        /// The first version.
        from: u64,
        /// A [`ReplayId`](shared::ids::ReplayId).
        replay: String,
    },
    /// Compare table and ledger, as far as one invocation's time allows. Answer: [`Compared`].
    Reconcile {
        /// After which item of the event table; nothing: from its beginning.
        after: Option<After>,
    },
}

/// A place in the event table: after this item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// The item's partition key.
    pub key: KeyValue,
    /// The item's sort key.
    pub sort: KeyValue,
}

/// What became of a pause or a resumption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// The client's name.
    pub client: String,
    /// `live` or `paused`.
    pub state: String,
    /// The same, before.
    pub was: String,
}

/// What became of a catch-up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaughtUp {
    /// The client's name.
    pub client: String,
    /// In how many groups it became up to date.
    pub groups: u64,
    /// How many events were sent.
    pub sent: u64,
    /// In how many groups it is still behind.
    pub behind: u64,
    /// Why it is not worth going on now.
    pub stopped: Option<String>,
    /// Whether it stopped because another invocation serves the client.
    #[serde(default)]
    pub elsewhere: bool,
    /// Groups of which the client's queue refuses an event for good; perhaps not all of them.
    #[serde(default)]
    pub refused: Vec<Refused>,
}

/// A group that waits until the client's queue takes an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The `MessageGroupId`.
    pub group: String,
    /// Why the queue refuses the event.
    pub reason: String,
}

/// What became of a replay's groups.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Replayed {
    /// One for each key.
    pub results: Vec<GroupResult>,
}

/// What became of a replay in a group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct GroupResult {
    /// The `MessageGroupId`.
    pub group: String,
    /// What became of it.
    pub outcome: GroupOutcome,
    /// Why it failed.
    pub reason: Option<String>,
}

/// What became of a replay in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GroupOutcome {
    /// The client is behind there now, and is sent its events again.
    Ordered,
    /// The client has nothing from that version on.
    Nothing,
    /// It was not ordered, or nobody knows.
    Failed,
}

/// How table and ledger differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Compared {
    /// How many groups were compared.
    pub groups: u64,
    /// Events that the ledger did not know of. They are on the fan-out queue now.
    #[serde(default)]
    pub missing: Vec<Difference>,
    /// Versions that were passed over because the table did not have them, and that it has now.
    #[serde(default)]
    pub holes: Vec<Difference>,
    /// Groups in which the ledger is further than the table.
    #[serde(default)]
    pub ahead: Vec<Ahead>,
    /// Where to go on; nothing: everything was compared.
    pub after: Option<After>,
}

/// One difference between table and ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The `MessageGroupId`.
    pub group: String,
    /// The aggregate's key.
    pub key: KeyValue,
    /// The event's version; of a group in which the ledger is further, the ledger's.
    pub version: u64,
}

/// A group in which the ledger is further than the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    /// How far the ledger is.
    #[serde(flatten)]
    pub difference: Difference,
    /// The highest version that the table has.
    pub highest: u64,
}

impl ControlRequest {
    /// What the function is invoked with; `caller` is who ordered it, for its log.
    pub fn payload(&self, caller: &str) -> String {
        #[derive(Serialize)]
        struct Payload<'p> {
            #[serde(flatten)]
            order: &'p ControlRequest,
            caller: &'p str,
        }

        // Text and numbers only: it does not fail.
        serde_json::to_string(&Payload { order: self, caller }).unwrap_or_default()
    }
}

/// Text for a [`ReplayId`](shared::ids::ReplayId), of `milliseconds` since the Unix epoch and a random number: no two
/// are alike, and a log can be searched for it.
pub fn replay_id(milliseconds: u64, random: u64) -> String {
    format!("{milliseconds}-{random:016x}")
}
