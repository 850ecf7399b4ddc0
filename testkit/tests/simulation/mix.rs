//! Which kinds of trouble a schedule has. Most have few, so that each kind shows its own effect; some have all.

use std::collections::BTreeSet;

use crate::rng::Rng;

/// A kind of trouble. It happens only in a schedule that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The stream shows events of a group in another order.
    Reversed,
    /// A stream record comes up to 400 s late.
    Delayed,
    /// A stream record never comes.
    Lost,
    /// A stream record comes again, up to 400 s later.
    Repeated,
    /// The two events of a transaction become readable at different instants, in either order.
    Apart,
    /// A batch is delivered twice at once.
    Twice,
    /// Time passes between receiving a batch and invoking the function, up to more than the visibility time-out; or the
    /// function is never invoked.
    LateInvocation,
    /// The mapping does not hear the function's answer, or does not delete what it should.
    AnswerLost,
    /// A process dies between two steps.
    Crash,
    /// A process stands still, up to 100 s.
    Stall,
    /// Sends fail, and the sender gets an error.
    SendFails,
    /// Sends whose result is unknown, with and without effect, also a late one.
    SendUnknown,
    /// Calls that take seconds.
    SlowCalls,
    /// A client's queue takes nothing: missing, denied, failing.
    ClientGone,
    /// A client's queue takes seconds for each call, or never answers.
    ClientSlow,
    /// A client's queue is purged.
    Purged,
    /// A client's queue is deleted, and sends are accepted and lost for up to 60 s; later it is made again.
    QueueDeleted,
    /// A client's queue takes only small messages.
    SmallSize,
    /// Items of the ledger are not read.
    LedgerReads,
    /// Writes to the ledger are refused.
    LedgerRefuses,
    /// Writes to the ledger have an unknown result, with and without effect, also a late one.
    LedgerUnknown,
    /// The ledger takes no writes, or nothing at all, up to 15 minutes.
    LedgerOutage,
    /// Reads of the event table fail.
    TableReads,
    /// Two catch-ups at once.
    TwoCatchUps,
    /// A client is paused and resumed.
    Pause,
    /// A client's group is replayed.
    Replay,
    /// A client is replayed from the first event of every group.
    Backfill,
    /// Clients join, one with history and one without.
    Added,
    /// A client leaves the file, and may come back.
    Removed,
    /// After a deploy, old instances go on for minutes.
    Overlap,
    /// An aggregate is erased and created anew.
    Erased,
    /// A single event is deleted.
    DeletedOne,
    /// An event that cannot be converted.
    Unconvertible,
    /// Writers' clocks differ by up to 20 s, those of the functions' machines by up to a second.
    Skew,
    /// Events older than the ledger's start, and events that happened shortly before the ledger was made.
    Old,
    /// Aggregates whose events name instants long before the ledger was made, though they are written after it.
    BackDated,
    /// A reconciliation at any moment.
    Reconcile,
    /// Incarnations of an aggregate that are closer to each other than clocks agree.
    CloseIncarnations,
    /// While a scan for a client with history reads the table, a transaction of an aggregate that the ledger does not
    /// know is readable in part, and most often names instants long past.
    ScannedApart,
    /// Sort keys are versions, so that each incarnation uses them again.
    VersionKeys,
    /// Aggregates of whose events most name no time that can be read.
    Timeless,
    /// Events whose versions are far too high, in messages and in the table; and aggregates that have lost their oldest
    /// thousands of events.
    FarVersions,
    /// Versions count from 0.
    FromZero,
    /// Writers that break the condition: two events of an aggregate have the same version.
    UsedTwice,
    /// Clients have filters, which deploys change.
    Filtered,
    /// Clients want to be told when an aggregate is erased; the stream shows removals.
    Notices,
    /// Groups are held, released and their next events skipped; what delivers from clients' queues has those held in
    /// which it fails.
    Held,
    /// Push delivers from clients' queues to targets that fail, refuse events, and are gone for a while.
    Push,
}

impl Kind {
    /// Kinds that were added later. They are drawn from numbers of their own, so that everything else of a seed stays.
    pub(crate) const LATER: [Self; 10] = [
        Self::ScannedApart,
        Self::VersionKeys,
        Self::Timeless,
        Self::FarVersions,
        Self::FromZero,
        Self::UsedTwice,
        Self::Filtered,
        Self::Held,
        Self::Notices,
        Self::Push,
    ];

    pub(crate) const ALL: [Self; 38] = [
        Self::Reversed,
        Self::Delayed,
        Self::Lost,
        Self::Repeated,
        Self::Apart,
        Self::Twice,
        Self::LateInvocation,
        Self::AnswerLost,
        Self::Crash,
        Self::Stall,
        Self::SendFails,
        Self::SendUnknown,
        Self::SlowCalls,
        Self::ClientGone,
        Self::ClientSlow,
        Self::Purged,
        Self::QueueDeleted,
        Self::SmallSize,
        Self::LedgerReads,
        Self::LedgerRefuses,
        Self::LedgerUnknown,
        Self::LedgerOutage,
        Self::TableReads,
        Self::TwoCatchUps,
        Self::Pause,
        Self::Replay,
        Self::Backfill,
        Self::Added,
        Self::Removed,
        Self::Overlap,
        Self::Erased,
        Self::DeletedOne,
        Self::Unconvertible,
        Self::Skew,
        Self::Old,
        Self::BackDated,
        Self::Reconcile,
        Self::CloseIncarnations,
    ];
}

/// Kinds that seldom meet by chance, and have an effect together that none has alone.
const SCENES: [&[Kind]; 3] = [
    // Functions with two files work on the same batch: one writes as missing what the other has sent.
    &[Kind::Twice, Kind::Removed, Kind::Overlap],
    // Cursors are cleared while some of the items of a read are not answered.
    &[Kind::Removed, Kind::LedgerReads],
    // The ledger sees a later incarnation first.
    &[Kind::Delayed, Kind::Erased],
];

/// The kinds of a schedule, and how often those happen that befall a single call or step.
pub(crate) struct Mix {
    kinds: BTreeSet<Kind>,
    /// In a thousand calls.
    pub(crate) per_call: u64,
    /// In a thousand steps of a process.
    pub(crate) per_step: u64,
}

impl Mix {
    pub(crate) fn draw(rng: &Rng, seed: u64) -> Self {
        let mut kinds = BTreeSet::new();
        match rng.below(20) {
            0 => {}
            1..=3 => kinds.extend([rng.pick(&Kind::ALL)]),
            4..=11 => kinds.extend((0..rng.between(2, 7)).map(|_| rng.pick(&Kind::ALL))),
            12..=15 => kinds.extend(rng.pick(&SCENES).iter().copied().chain([rng.pick(&Kind::ALL)])),
            16..=17 => kinds.extend(Kind::ALL.into_iter().filter(|_| rng.chance(350))),
            _ => kinds.extend(Kind::ALL.into_iter().filter(|_| rng.chance(700))),
        }
        if kinds.contains(&Kind::CloseIncarnations) {
            kinds.insert(Kind::Erased);
        }
        let later = Rng::new(!seed);
        for (kind, chance) in Kind::LATER.into_iter().zip([60, 250, 150, 150, 150, 150, 300, 250, 250]) {
            kinds.extend(later.chance(chance).then_some(kind));
        }
        if kinds.contains(&Kind::Notices) && later.chance(900) {
            kinds.insert(Kind::Erased);
        }
        if later.chance(200) {
            kinds.insert(Kind::Push);
            // What is lost in a queue of push is missed only if something comes later.
            kinds.remove(&Kind::Purged);
            kinds.remove(&Kind::QueueDeleted);
        }
        Self { kinds, per_call: rng.pick(&[10, 30, 80, 200]), per_step: rng.pick(&[2, 5, 15, 40]) }
    }

    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// The version of an aggregate's first event.
    pub(crate) fn first_version(&self) -> i64 {
        if self.has(Kind::FromZero) { 0 } else { 1 }
    }

    pub(crate) fn has_any(&self, kinds: &[Kind]) -> bool {
        kinds.iter().any(|kind| self.has(*kind))
    }

    /// Whether it has no other kinds than these.
    pub(crate) fn has_only(&self, kinds: &[Kind]) -> bool {
        self.kinds.iter().all(|kind| kinds.contains(kind))
    }

    pub(crate) fn kinds(&self) -> String {
        let kinds: Vec<String> = self.kinds.iter().map(|kind| format!("{kind:?}")).collect();
        if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") }
    }
}
