//! What the catch-up function answers.

use serde::{Deserialize, Serialize};

use super::{TablePosition, TypedKey};
use crate::ids::{Group, Key};
use crate::ledger::{RefusedEvent, State};

/// An answer. Which one it is, follows from the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ControlAnswer {
    /// To `maintenance`.
    Maintenance(MaintenanceReport),
    /// To `catchUp`.
    CatchUp(CatchUpReport),
    /// To `pause` and `resume`.
    State(StateChange),
    /// To `replay`.
    Replay(ReplayReport),
    /// To `hold`, `release` and `skip`.
    Hold(HoldReport),
    /// To `lookForErasures`.
    Hints(ErasureHints),
    /// To `reconcile`.
    Comparison(Comparison),
}

/// What became of the clients that were behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceReport {
    /// One for each, by name.
    pub clients: Vec<CatchUpReport>,
}

/// What became of a client's catch-up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatchUpReport {
    /// The client's name.
    pub client: String,
    /// In how many groups it was brought up to date.
    pub groups: usize,
    /// How many events its queue took.
    pub sent: usize,
    /// In how many groups it is behind still; of more than five thousand perhaps not all are counted.
    pub behind: usize,
    /// How many groups wait for an operator's release; they are not among those.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held: usize,
    /// Why that is not all, in words for an operator; nothing if only the time was over: another invocation goes on.
    pub stopped: Option<String>,
    /// Whether it stopped because another invocation serves the client now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
    /// Groups of which its queue refuses an event for good: the first few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedGroup>,
}

/// A group that waits until the client's queue takes an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedGroup {
    /// The `MessageGroupId`.
    pub group: String,
    /// Why the queue refuses the event.
    pub reason: String,
}

impl From<RefusedEvent> for RefusedGroup {
    fn from(RefusedEvent { group, reason }: RefusedEvent) -> Self {
        Self { group: group.as_str().to_owned(), reason }
    }
}

/// What became of a client's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateChange {
    /// The client's name.
    pub client: String,
    /// What it is now.
    pub state: ClientState,
    /// What it was before.
    pub was: ClientState,
}

/// Whether a client is sent anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClientState {
    /// It is.
    Live,
    /// It falls behind, until it is resumed.
    Paused,
    /// It is no client any more.
    Retired,
}

/// What became of a replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayReport {
    /// The client's name.
    pub client: String,
    /// One for each key, in order.
    pub results: Vec<GroupReplay>,
}

/// What became of a replay in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupReplay {
    /// The `MessageGroupId`.
    pub group: String,
    /// What became of it.
    pub outcome: ReplayOutcome,
    /// Why it failed, or why there is nothing.
    pub reason: Option<String>,
}

/// What became of a replay in a group, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReplayOutcome {
    /// Catch-up sends it.
    Requested,
    /// The client has nothing that would be repeated.
    Nothing,
    /// It is to be asked again, under another id.
    Failed,
}

/// What became of groups that were to be held or released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldReport {
    /// The client's name.
    pub client: String,
    /// One for each key, in order.
    pub results: Vec<GroupHold>,
    /// Whether too many groups are held, so that the client is paused instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
}

/// What became of a group that was to be held or released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupHold {
    /// The `MessageGroupId`.
    pub group: String,
    /// What became of it.
    pub outcome: HoldOutcome,
    /// What is sent first when it is released, or from now on: this version, or the next that the client wants.
    pub next: Option<i64>,
    /// Why it failed, or why there is nothing.
    pub reason: Option<String>,
}

/// What became of a group that was to be held or released, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HoldOutcome {
    /// Nothing is sent until it is released.
    Held,
    /// Catch-up sends what the client lacks.
    Released,
    /// The event is left out; the group is held still.
    Skipped,
    /// There is nothing to do.
    Nothing,
    /// It is to be asked again.
    Failed,
}

/// What became of a request to look whether aggregates are erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureHints {
    /// How many hints the fan-out queue took: one for each key. The fan-out looks, and decides.
    pub hints: usize,
}

/// How table and ledger differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// How many groups were compared.
    pub groups: usize,
    /// Events that were put on the fan-out queue.
    pub missing: Vec<EventVersion>,
    /// Versions that were given up and are there now.
    pub holes: Vec<EventVersion>,
    /// Groups of which more was sent than the table has.
    pub ahead: Vec<GroupAhead>,
    /// Versions that two events have.
    pub pairs: Vec<EventPair>,
    /// For each group with versions too far above all others to be believed, the lowest of them.
    pub implausible: Vec<EventVersion>,
    /// For each group that the ledger does not know, and of which no event's time tells whether it is older, the
    /// highest version.
    pub of_unknown_age: Vec<EventVersion>,
    /// Where the next comparison goes on; null at the table's end.
    pub after: Option<TablePosition>,
}

/// A version of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventVersion {
    /// The `MessageGroupId`.
    pub group: String,
    /// The aggregate's key.
    pub key: TypedKey,
    /// The version.
    pub version: i64,
}

/// A version that two events of an aggregate have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPair {
    /// The `MessageGroupId`.
    pub group: String,
    /// The aggregate's key.
    pub key: TypedKey,
    /// The version.
    pub version: i64,
    /// The events' sort keys.
    pub sort_keys: [TypedKey; 2],
}

/// A group of which more was sent than the table has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupAhead {
    /// The `MessageGroupId`.
    pub group: String,
    /// The aggregate's key.
    pub key: TypedKey,
    /// The version up to which it was sent.
    pub version: i64,
    /// The highest that the table has.
    pub highest: i64,
}

impl EventVersion {
    /// A version of the aggregate with this key.
    pub fn of(key: &Key, version: i64) -> Self {
        Self { group: Group::of(key).as_str().to_owned(), key: key.into(), version }
    }
}

impl Comparison {
    /// Adds what was found further on in the table.
    pub fn add(&mut self, more: Self) {
        self.groups += more.groups;
        self.missing.extend(more.missing);
        self.holes.extend(more.holes);
        self.ahead.extend(more.ahead);
        self.pairs.extend(more.pairs);
        self.implausible.extend(more.implausible);
        self.of_unknown_age.extend(more.of_unknown_age);
    }

    /// How many differences there are.
    pub fn findings(&self) -> usize {
        let lists = [&self.missing, &self.holes, &self.implausible, &self.of_unknown_age];
        lists.map(Vec::len).into_iter().sum::<usize>() + self.ahead.len() + self.pairs.len()
    }
}

impl From<State> for ClientState {
    fn from(state: State) -> Self {
        match state {
            State::Live => Self::Live,
            State::Paused => Self::Paused,
            State::Retired => Self::Retired,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks like that")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}
