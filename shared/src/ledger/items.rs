//! What the ledger's table holds.

use std::collections::{BTreeMap, BTreeSet};

use super::EventTime;
use super::attributes::Attributes;
use super::client_id::ClientId;
use super::last_sent::{LastSent, LastVersion};
use crate::config::ClientName;
use crate::filter::FilterDigest;
use crate::ids::{EventIdentity, Group, IncarnationToken, Key, ReplayId};
use crate::time::Timestamp;

/// How many of a group's latest holes are kept.
pub const HOLES_LIMIT: usize = 16;

/// How many of a group's versions that two events have are kept, and counted.
pub const PAIRS_LIMIT: usize = 64;

/// How many of the events that a client was not sent are kept with the reason.
pub const SKIPPED_LIMIT: usize = 16;

/// How many groups of a client may be held. Beyond that the client is paused: it is not a few aggregates that fail.
pub const HELD_LIMIT: usize = 1_000;

/// What every write is conditional on: that an item is still the one that was read. Counted up in the registry and
/// in groups, a fresh value in cursors, leases and scans, which are deleted and made anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteCount(pub u64);

/// Who is served, and since when. One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// Counts up.
    pub write_count: WriteCount,
    /// Raised when a client joins or leaves; from 1.
    pub revision: u64,
    /// Events before it are old: a client without history does not get them.
    pub start: Timestamp,
    /// Every client that ever was, at most 1,000.
    pub clients: BTreeMap<ClientName, Registration>,
    /// What another release wrote in this format, and is written back as it was read.
    pub unknown: Attributes,
}

/// What the ledger knows of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Its number; another one if it was retired and came again.
    pub id: ClientId,
    /// Whether it is served.
    pub state: State,
    /// Who paused it, and why; `None` if it is not paused, or was by a release that did not note it.
    pub pause: Option<Pause>,
    /// Whether it wants everything, from the first event of each aggregate.
    pub history: bool,
    /// What tells the filter that holds from others: an instance with another one does not decide what the client wants.
    pub filter: FilterDigest,
    /// Whether it wants to be told when an aggregate is erased.
    pub erasures: bool,
    /// The revision that it joined at.
    pub since: u64,
    /// Since when it is missing from the file.
    pub absent_at: Option<Timestamp>,
    /// When it was retired.
    pub retired_at: Option<Timestamp>,
    /// What another release wrote in this format, and is written back as it was read.
    pub unknown: Attributes,
}

/// Why a client is paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// Who asked for it.
    pub by: String,
    /// The words of who asked, if there were any.
    pub reason: Option<String>,
}

/// Whether a client is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It is.
    Live,
    /// Not until it is resumed: it falls behind.
    Paused,
    /// No more. Its cursors go.
    Retired,
}

/// How far a group got. One item per group; never deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupItem {
    /// Counts up.
    pub write_count: WriteCount,
    /// Every event up to it has been sent to every client that is not behind, or it was a hole. One below the first
    /// version if none was.
    pub version: i64,
    /// Who has less. A cursor says what.
    pub behind: BTreeSet<ClientId>,
    /// What the others were sent last.
    pub sent: LastSent,
    /// The revision of [`Registry`] that `behind` accounts for.
    pub revision: u64,
    /// Which incarnation of the aggregate: 1, 2, ….
    pub incarnation_number: u64,
    /// What clients know the incarnation by. It stays while the incarnation lasts, whatever becomes of `first`.
    pub token: IncarnationToken,
    /// The lowest event of this incarnation.
    pub first: First,
    /// The latest time that one of the events up to `version` names, if one is known.
    pub time: Option<EventTime>,
    /// When the stream recorded the latest of the events up to `version`, if it is known of the last one.
    pub streamed_at: Option<Timestamp>,
    /// The aggregate's key: a digested group cannot be turned back.
    pub key: Key,
    /// The last [`HOLES_LIMIT`] versions given up, in the order in which they were.
    pub holes: Vec<i64>,
    /// The first [`PAIRS_LIMIT`] versions that were seen to have two events, in that order.
    pub pairs: Vec<i64>,
    /// When it was seen that the aggregate was erased: the incarnation is closed, and whatever the event table shows is of
    /// a new one. Only where a client wants to know.
    pub closed: Option<Timestamp>,
    /// What another release wrote in this format, and is written back as it was read.
    pub unknown: Attributes,
}

/// The lowest event of an incarnation: the incarnation lasts as long as the event table has this event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First {
    /// What tells it from other events, also from one of another incarnation with the same sort key.
    pub identity: EventIdentity,
    /// Its version.
    pub version: i64,
}

/// What a client has of a group that it is behind in. There is one exactly for each entry of [`GroupItem::behind`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// A fresh value at each write.
    pub write_count: WriteCount,
    /// A fresh value when the client becomes behind, and at each replay.
    pub epoch: u64,
    /// The incarnation that `position` and `replay` are of.
    pub incarnation_number: u64,
    /// The client has every event up to it. One below the first version if it has none.
    pub position: i64,
    /// What the client was sent last in this incarnation; in a replay, before the first that is repeated.
    pub last: LastVersion,
    /// What of the next events is a repetition, if any is.
    pub replay: Option<Repetition>,
    /// When the client became behind.
    pub at: Timestamp,
    /// That nothing is sent until an operator releases the group, if that is so.
    pub hold: Option<Hold>,
    /// What another release wrote in this format, and is written back as it was read.
    pub unknown: Attributes,
}

/// Events that a client gets again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repetition {
    /// In which replay.
    pub id: ReplayId,
    /// Up to which version.
    pub until: i64,
    /// Until then, everything is a repetition, and the client stays behind: what was sent without a record would be swallowed
    /// by SQS under its usual id, though the client did not keep it.
    pub settles_at: Option<Timestamp>,
}

impl Repetition {
    /// Whether a version is repeated.
    pub fn repeats(&self, version: i64, now: Timestamp) -> bool {
        version <= self.until || !self.is_settled(now)
    }

    /// Whether SQS takes again what was sent before the replay was requested.
    pub fn is_settled(&self, now: Timestamp) -> bool {
        self.settles_at.is_none_or(|settles_at| settles_at <= now)
    }
}

/// Why a client gets nothing of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// An operator's words, or those of what delivers from the client's queue.
    pub reason: String,
    /// Who asked for it.
    pub by: String,
    /// Since when.
    pub since: Timestamp,
    /// The events that it does not get, the last [`SKIPPED_LIMIT`].
    pub skipped: Vec<SkippedEvent>,
}

/// An event that a client does not get because an operator said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedEvent {
    /// Its version.
    pub version: i64,
    /// The operator's words.
    pub reason: String,
}

/// Where the receipt of a notice is kept, that an aggregate was erased.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiptPlace {
    /// The aggregate's group.
    pub group: Group,
    /// Which incarnation was erased.
    pub incarnation_number: u64,
}

/// What became of the notice that a client is due, because an aggregate of which it got events was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasureReceipt {
    /// 1: a receipt is written once, and moved when the notice is settled.
    pub write_count: WriteCount,
    /// The aggregate's key.
    pub key: Key,
    /// The incarnation's token, by which the client knows it.
    pub token: IncarnationToken,
    /// When the erasure was seen.
    pub closed_at: Timestamp,
    /// How the notice was settled, and when; `None` while it is due.
    pub settled: Option<(Settlement, Timestamp)>,
    /// What another release wrote in this format, and is written back as it was read.
    pub unknown: Attributes,
}

/// How a notice was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Settlement {
    /// The client's queue took it.
    Told,
    /// The aggregate was created anew before that: the first message of the next incarnation says as much.
    Superseded,
    /// The client was retired before that.
    Retired,
}

/// How many groups are kept that wait for the client's queue: enough to see why, and less than 3 KB.
pub const REFUSED_LIMIT: usize = 10;

/// An event that a client's queue will never take as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEvent {
    /// Its group.
    pub group: Group,
    /// What SQS says of it, its beginning.
    pub reason: String,
}

/// Who catches a client up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// A fresh value at each write.
    pub write_count: WriteCount,
    /// A fresh value for each invocation.
    pub holder: u64,
    /// When it ends.
    pub until: Timestamp,
    /// The groups in work: what a holder that died left unrecorded is repeated first, while SQS still recognises it.
    pub groups: Vec<Group>,
    /// How often, one after the other, catch-up failed.
    pub failures: u32,
    /// Not tried again before.
    pub not_before: Timestamp,
    /// Why the client's queue failed the last time, while `failures` counts.
    pub failure: Option<String>,
    /// The groups of which the queue refused an event for good when they were tried last, the first [`REFUSED_LIMIT`].
    pub refused: Vec<RefusedEvent>,
    /// What another release wrote in this format, and is written back as it was read.
    pub unknown: Attributes,
}

/// An item of the ledger's table that is none of the ledger's, or of another format. It stays so until an operator
/// acts, and only it is concerned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("table `{table}`, item `{pk}` / `{sk}`: {damage}; {remedy}")]
pub struct DamagedItem {
    /// The ledger's table.
    pub table: String,
    /// The item's partition key.
    pub pk: String,
    /// The item's sort key.
    pub sk: String,
    /// What is wrong with it.
    pub damage: String,
    /// What helps.
    pub remedy: &'static str,
}

/// How far a scan over the event table got. It ends when the table does, and begins anew when there is reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// A fresh value at each write.
    pub write_count: WriteCount,
    /// The revision of [`Registry`] when it began.
    pub revision: u64,
    /// When it began.
    pub at: Timestamp,
    /// After which item of the event table it goes on (partition and sort key); `None` if it has reached the end.
    pub after: Option<(Key, Key)>,
    /// Whether it has not reached the end.
    pub is_on: bool,
    /// What another release wrote in this format, and is written back as it was read.
    pub unknown: Attributes,
}

/// Why the event table is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScanKind {
    /// To adopt groups for a client that wants history.
    History,
    /// To compare table and ledger.
    Reconcile,
}

impl DamagedItem {
    /// What helps as a rule.
    pub const REMEDY: &str = "correct it, or restore the table to a point in time";
}

impl Registry {
    /// The registration with this number, and its name.
    pub fn client(&self, id: ClientId) -> Option<(&ClientName, &Registration)> {
        self.clients.iter().find(|(_, registration)| registration.id == id)
    }
}
