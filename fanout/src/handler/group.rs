//! One group's way through the rounds of an invocation.
//!
//! A group is open while something is left to do for its messages. In a round it takes steps until it has a plan to
//! send, or there is nothing more to do for it now. A planned group is open again, or done, when its run was sent and
//! recorded.

use std::slice;
use std::time::Duration;

use shared::clock::Clock;
use shared::config::ClientName;
use shared::file_clients::FileClients;
use shared::ids::{Group, Key};
use shared::ledger::fan_out::{
    Answers, Arrival, ClientPosition, Decision, DroppedVersions, GroupKnowledge, ImplausibleEvent,
    PriorWrite, Reached, RunPlan, TRIES, UnrecordedSends, decide,
};
use shared::ledger::times::YOUNG_RETRY;
use shared::ledger::{EventTable, ItemKey, Ledger, LedgerRead, Reading, Unread, Write, WriteError};
use shared::panics::PANICKED;
use shared::time::Timestamp;
use tracing::{debug, info, warn};

use super::arrivals::GroupBatch;
use super::{Invocation, OVER};
use crate::message::Delivery;

/// A group for which something is left to do.
pub(super) struct OpenGroup<'b> {
    group: Group,
    key: Key,
    /// The messages with events that are not settled yet.
    arrivals: Vec<Arrival>,
    /// The numbers of those without one that are not settled yet: an item of the aggregate was deleted.
    hints: Vec<usize>,
    /// All its messages of the batch.
    deliveries: Vec<&'b Delivery<'b>>,
    answers: Answers,
    unrecorded: UnrecordedSends,
    has_written: bool,
    failures: u32,
    duplicates: Option<Duplicates>,
    /// How many versions were found to have two events, and are written so.
    pairs: usize,
}

/// A group with a run to send.
pub(super) struct PlannedGroup<'b> {
    open: OpenGroup<'b>,
    pub(super) plan: RunPlan,
}

/// A group with events that are not believed.
pub(super) struct ImplausibleGroup<'b> {
    open: OpenGroup<'b>,
    pub(super) events: Vec<ImplausibleEvent>,
}

/// A group whose messages are acknowledged or returned, all of them.
pub(super) struct DoneGroup<'b> {
    pub(super) group: Group,
    pub(super) deliveries: Vec<&'b Delivery<'b>>,
    pub(super) verdict: Verdict,
    /// How many versions were found to have two events, besides those of recorded runs.
    pub(super) pairs: usize,
}

/// What becomes of a group's messages.
#[derive(Debug)]
pub(super) enum Verdict {
    Acknowledged {
        /// How many messages the ledger covered already when they were read first.
        duplicates: usize,
    },
    /// They are tried again soon: an event may be readable then.
    ReturnedForAMoment(Duration),
    /// They are tried again with the usual back-off.
    Returned(ReturnReason),
}

/// Why a group's messages are returned.
#[derive(Debug)]
pub(super) struct ReturnReason {
    pub(super) why: String,
    /// Whether they will be returned until an operator acts.
    pub(super) is_stuck: bool,
}

/// Where a group is at the end of a round.
pub(super) enum Stage<'b> {
    Open(Box<OpenGroup<'b>>),
    Done(DoneGroup<'b>),
}

/// What became of a group before the sends of a round.
pub(super) enum Preparation<'b> {
    Planned(Box<PlannedGroup<'b>>),
    /// Some of its messages get a rejection first.
    Implausible(Box<ImplausibleGroup<'b>>),
    /// Nothing is sent of it in this round.
    Unplanned(Stage<'b>),
}

impl<'b> From<Stage<'b>> for Preparation<'b> {
    fn from(stage: Stage<'b>) -> Self {
        Self::Unplanned(stage)
    }
}

/// The messages that the ledger covered when it was read first, in an incarnation.
#[derive(Clone, Copy)]
struct Duplicates {
    incarnation_number: u64,
    count: usize,
}

impl<'b> OpenGroup<'b> {
    pub(super) fn new(batch: GroupBatch<'b>) -> Self {
        let GroupBatch { group, key, arrivals, hints, deliveries } = batch;
        Self {
            group,
            key,
            arrivals,
            hints,
            deliveries,
            answers: Answers::default(),
            unrecorded: UnrecordedSends::default(),
            has_written: false,
            failures: 0,
            duplicates: None,
            pairs: 0,
        }
    }

    /// How often the first of its messages was received.
    pub(super) fn receive_count(&self) -> u32 {
        self.deliveries.first().map_or(1, |first| first.receive_count)
    }

    /// The group as it is if work on it panics: its messages are returned.
    pub(super) fn fallback(&self) -> DoneGroup<'b> {
        let verdict = Verdict::Returned(ReturnReason { why: PANICKED.to_owned(), is_stuck: true });
        DoneGroup { group: self.group.clone(), deliveries: self.deliveries.clone(), verdict, pairs: 0 }
    }

    pub(super) fn item_key(&self) -> ItemKey {
        ItemKey::Group(self.group.clone())
    }

    /// How many writes failed.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Takes steps until there is a run to send, or nothing more to do in this round. The other groups wait for it:
    /// after the instant `until` its messages are returned.
    pub(super) async fn prepare<C: Clock, T, L: Ledger, E: EventTable>(
        mut self,
        ports: &Invocation<'_, C, T, L, E>,
        found: &LedgerRead,
        file: &FileClients,
        is_reachable: &dyn Fn(&ClientName) -> bool,
        until: Timestamp,
    ) -> Preparation<'b> {
        self.count_duplicates(found);
        loop {
            let known = GroupKnowledge {
                group: &self.group,
                key: &self.key,
                first_version: ports.first_version,
                arrivals: &self.arrivals,
                hints: &self.hints,
                registry: found.registry(),
                item: found.group(&self.group),
                answers: &self.answers,
                unrecorded: &self.unrecorded,
                has_written: self.has_written,
                file,
                is_reachable,
                now: ports.clock.now(),
            };
            match decide(&known, &mut || ports.ledger.fresh()) {
                Decision::Send(plan) => {
                    return Preparation::Planned(Box::new(PlannedGroup { open: self, plan: *plan }));
                }
                Decision::Reject(events) => {
                    return Preparation::Implausible(Box::new(ImplausibleGroup { open: self, events }));
                }
                Decision::Write(prior) => return self.write_before_sending(ports, prior, until).await.into(),
                Decision::LookUp(asked) => {
                    let looked_up = ports.look_up(&self.group, &self.key, asked, &mut self.answers, until);
                    if let Err(error) = looked_up.await {
                        let is_stuck = error.is_damage();
                        return self.returned(ReturnReason { why: error.to_string(), is_stuck }).into();
                    }
                }
                Decision::ReadAgain => return self.failed("two reads do not fit together").into(),
                Decision::Acknowledge(dropped) => {
                    self.log_dropped(&dropped);
                    if self.arrivals.is_empty() || self.hints.is_empty() {
                        return self.acknowledged().into();
                    }
                    // What was looked up for the events was so before the hints are decided on.
                    self.arrivals.clear();
                    self.answers = Answers::default();
                }
                Decision::ReturnSoon(holes) => {
                    info!(group = %self.group, versions = %holes, "waiting for versions that may become readable");
                    return self.done(Verdict::ReturnedForAMoment(YOUNG_RETRY)).into();
                }
                Decision::Return(why) => {
                    let asked = [ItemKey::Registry, self.item_key()];
                    let unread = asked.iter().find_map(|key| found.unread(key));
                    let why = unread.map_or_else(|| why.to_owned(), ToString::to_string);
                    let is_stuck = unread.is_some_and(Unread::is_damage);
                    return self.returned(ReturnReason { why, is_stuck }).into();
                }
            }
        }
    }

    /// Returns the group's messages, with the usual back-off.
    pub(super) fn give_back(self, why: &str) -> Stage<'b> {
        self.returned(ReturnReason { why: why.to_owned(), is_stuck: false })
    }

    fn returned(self, reason: ReturnReason) -> Stage<'b> {
        self.done(Verdict::Returned(reason))
    }

    fn acknowledged(self) -> Stage<'b> {
        let duplicates = self.duplicates.map_or(0, |duplicates| duplicates.count);
        self.done(Verdict::Acknowledged { duplicates })
    }

    fn done(self, verdict: Verdict) -> Stage<'b> {
        let Self { group, deliveries, pairs, .. } = self;
        Stage::Done(DoneGroup { group, deliveries, verdict, pairs })
    }

    fn count_duplicates(&mut self, found: &LedgerRead) {
        let Reading::Present(item) = found.group(&self.group) else { return };
        let is_counted = |counted: Duplicates| counted.incarnation_number == item.incarnation_number;
        if self.duplicates.is_some_and(is_counted) || !self.unrecorded.is_empty() {
            return;
        }
        let covered = self.arrivals.iter().filter(|arrival| arrival.version <= item.version);
        let incarnation_number = item.incarnation_number;
        self.duplicates = Some(Duplicates { incarnation_number, count: covered.count() });
    }

    async fn write_before_sending<C: Clock, T, L: Ledger, E: EventTable>(
        mut self,
        ports: &Invocation<'_, C, T, L, E>,
        prior: PriorWrite,
        until: Timestamp,
    ) -> Stage<'b> {
        // One for each client, where an operator sent something again.
        for transaction in &prior.transactions {
            if ports.clock.now() >= until {
                return self.give_back(OVER);
            }
            if let Err(error) = self.write(ports, slice::from_ref(transaction)).await {
                return self.failed(&error.to_string());
            }
        }
        debug!(group = %self.group, why = prior.why, "ledger written before anything is sent");
        self.pairs += prior.pairs.len();
        self.log_dropped(&prior.dropped);
        let had_hints = !self.hints.is_empty();
        self.settle(&prior.settled);
        self.answers = Answers::default();
        if had_hints && self.hints.is_empty() && self.arrivals.is_empty() {
            return self.acknowledged();
        }
        Stage::Open(Box::new(self))
    }

    async fn write<C: Clock, T, L: Ledger, E: EventTable>(
        &mut self,
        ports: &Invocation<'_, C, T, L, E>,
        transactions: &[Vec<Write>],
    ) -> Result<(), WriteError> {
        for writes in transactions {
            ports.ledger.write(writes).await?;
            self.has_written = true;
        }
        Ok(())
    }

    /// A write failed, or its result is unknown: read again, plan again.
    fn failed(mut self, why: &str) -> Stage<'b> {
        self.failures += 1;
        self.answers = Answers::default();
        if self.failures >= TRIES { self.give_back(why) } else { Stage::Open(Box::new(self)) }
    }

    /// Takes away the arrivals and hints with these numbers.
    fn settle(&mut self, settled: &[usize]) {
        self.arrivals.retain(|arrival| !settled.contains(&arrival.number));
        self.hints.retain(|hint| !settled.contains(hint));
    }

    /// Nothing else reports what is not sent and is no duplicate.
    fn log_dropped(&self, dropped: &DroppedVersions) {
        let (group, DroppedVersions { erased, unsent }) = (&self.group, dropped);
        if !erased.is_empty() {
            let versions = list(erased);
            info!(%group, versions, "dropped: the event table does not have these events any more");
        }
        if !unsent.is_empty() {
            let versions = list(unsent);
            warn!(
                %group,
                versions,
                "events of the table are not sent, because others of the same version were; in an aggregate a source \
                 uses each version and each sort key once; `fanoutctl reconcile` shows the keys of a version used twice"
            );
        }
    }
}

impl<'b> ImplausibleGroup<'b> {
    pub(super) fn group(&self) -> &Group {
        &self.open.group
    }

    pub(super) fn key(&self) -> &Key {
        &self.open.key
    }

    /// What is left of the group when there are rejections.
    pub(super) fn rejected(self) -> Stage<'b> {
        let Self { mut open, events } = self;
        let settled: Vec<usize> = events.iter().map(|event| event.number).collect();
        open.settle(&settled);
        Stage::Open(Box::new(open))
    }

    /// Returns the group's messages, with the usual back-off.
    pub(super) fn give_back(self, why: &str) -> Stage<'b> {
        self.open.give_back(why)
    }
}

impl<'b> PlannedGroup<'b> {
    pub(super) fn key(&self) -> &Key {
        &self.open.key
    }

    /// The group as it is if work on it panics.
    pub(super) fn fallback(&self) -> DoneGroup<'b> {
        self.open.fallback()
    }

    /// Writes how far the run brought its clients, `reached`. Returns besides who became behind; `None` if it was not
    /// written.
    pub(super) async fn record<C: Clock, T, L: Ledger, E: EventTable>(
        self,
        ports: &Invocation<'_, C, T, L, E>,
        reached: &Reached,
    ) -> (Stage<'b>, Option<RecordedRun>) {
        let Self { mut open, plan } = self;
        let record = plan.record(reached, ports.clock.now(), &mut || ports.ledger.fresh());
        if let Err(error) = open.write(ports, &record.transactions).await {
            open.unrecorded.keep(&plan.item, plan.run.end, &plan.clients, reached);
            return (open.failed(&error.to_string()), None);
        }
        open.unrecorded = UnrecordedSends::default();
        open.log_dropped(&plan.run.dropped);
        open.settle(&plan.run.settled);
        // The table was asked for as much as is needed: the next run is taken from the same answer.
        open.answers =
            Answers { rows: open.answers.rows.take(), first: open.answers.first, ..Answers::default() };
        let is_done = plan.run.is_last && open.hints.is_empty();
        let stage = if is_done { open.acknowledged() } else { Stage::Open(Box::new(open)) };
        (stage, Some(RecordedRun { plan, became_behind: record.became_behind }))
    }

    /// Returns the group's messages, with the usual back-off.
    pub(super) fn give_back(self, why: &str) -> Stage<'b> {
        self.open.give_back(why)
    }
}

impl DoneGroup<'_> {
    /// How many messages the ledger covered already; 0 if they are returned.
    pub(super) fn duplicates(&self) -> usize {
        if let Verdict::Acknowledged { duplicates } = self.verdict { duplicates } else { 0 }
    }
}

/// A run that is recorded.
pub(super) struct RecordedRun {
    pub(super) plan: RunPlan,
    /// Who became behind by it, and what it has.
    pub(super) became_behind: Vec<ClientPosition>,
}

fn list(versions: &[i64]) -> String {
    versions.iter().map(i64::to_string).collect::<Vec<_>>().join(" ")
}
