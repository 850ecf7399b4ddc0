//! One group's way through the rounds of an invocation.

use std::slice;
use std::time::Duration;

use shared::config::ClientName;
use shared::ledger::fan_out::{
    Dropped, Known, LookUp, Plan, Settling, Shown, Start, Step, TRIES, View, decide,
};
use shared::ledger::times::YOUNG_RETRY;
use shared::ledger::{DamagedItem, EventTable, Found, ItemKey, Ledger, Write, WriteError};
use shared::send::Transport;
use shared::time::Timestamp;
use tracing::{debug, info, warn};

use super::arrivals::Batch;
use super::{Invocation, OVER};

/// A group's messages, and what is known of it.
pub(super) struct Work<'b> {
    pub(super) batch: Batch<'b>,
    /// The indexes of all its messages in Lambda's batch.
    pub(super) indexes: Vec<usize>,
    pub(super) verdict: Option<Verdict>,
    /// Why they are returned.
    pub(super) why: Option<String>,
    /// Whether they will be for as long as nobody acts.
    pub(super) is_stuck: bool,
    pub(super) shown: Shown,
    known: Known,
    /// How many writes failed.
    pub(super) tries: u32,
    has_written: bool,
    /// In which incarnation duplicates were counted, and how many there were.
    duplicates: Option<(u64, usize)>,
}

/// What becomes of a group's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Acknowledged,
    /// After this time they are tried again; `None`: with the usual back-off.
    Returned(Option<Duration>),
}

impl<'b> Work<'b> {
    pub(super) fn new(batch: Batch<'b>) -> Self {
        Self {
            indexes: batch.messages.iter().map(|brought| brought.index).collect(),
            batch,
            verdict: None,
            why: None,
            is_stuck: false,
            shown: Shown::default(),
            known: Known::default(),
            tries: 0,
            has_written: false,
            duplicates: None,
        }
    }

    /// Takes steps until there is a run to send, or nothing more to do in this round. The others wait for it: after the
    /// instant `until` the group's messages are returned.
    pub(super) async fn settle<T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        ports: &Invocation<'_, T, L, E>,
        found: &Found,
        is_reachable: &dyn Fn(&ClientName) -> bool,
        until: Timestamp,
    ) -> Option<Plan> {
        self.count_duplicates(found);
        loop {
            let view = View {
                group: &self.batch.group,
                key: &self.batch.key,
                arrivals: &self.batch.arrivals,
                registry: found.registry(),
                item: found.group(&self.batch.group),
                shown: &self.shown,
                known: &self.known,
                has_written: self.has_written,
                is_reachable,
                now: ports.transport.now(),
            };
            match decide(&view, &mut || ports.ledger.fresh()) {
                Step::Return(why) => {
                    let asked = [ItemKey::Registry, ItemKey::Group(self.batch.group.clone())];
                    let unread = asked.iter().find_map(|key| found.unread(key));
                    self.is_stuck = unread.is_some_and(DamagedItem::is_why);
                    self.give_back(&unread.map_or_else(|| why.to_owned(), ToString::to_string));
                    return None;
                }
                Step::ReturnSoon(holes) => {
                    info!(group = %self.batch.group, versions = %holes, "waiting for versions that may become readable");
                    self.verdict = Some(Verdict::Returned(Some(YOUNG_RETRY)));
                    return None;
                }
                Step::Acknowledge(dropped) => {
                    self.note(&dropped);
                    self.verdict = Some(Verdict::Acknowledged);
                    return None;
                }
                Step::ReadAgain => {
                    self.failed("two reads do not fit together");
                    return None;
                }
                Step::LookUp(asked) => self.look_up(ports, asked, until).await?,
                Step::Write(settling) => {
                    self.write_before_sending(ports, settling, until).await;
                    return None;
                }
                Step::Send(plan) => return Some(*plan),
            }
        }
    }

    /// Step 9, after `plan` was sent: each tried client has everything up to the version in `reached`. Answers who
    /// became behind; `None` if that was not recorded.
    pub(super) async fn record<T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        ports: &Invocation<'_, T, L, E>,
        plan: &Plan,
        reached: &[u64],
    ) -> Option<Vec<Start>> {
        let now = ports.transport.now();
        let record = plan.record(reached, now, &mut || ports.ledger.fresh());
        if let Err(error) = self.write(ports, &record.transactions).await {
            self.known.keep(plan, reached);
            self.lost(&error);
            return None;
        }
        self.known = Known::default();
        self.note(&plan.run.dropped);
        self.settled(&plan.run.settled);
        // The table was asked for as much as is needed: the next run is taken from the same answer.
        self.shown = Shown { rows: self.shown.rows.take(), first: self.shown.first, ..Shown::default() };
        if plan.run.is_last {
            self.verdict = Some(Verdict::Acknowledged);
        }
        Some(record.became_behind)
    }

    /// Returns the group's messages, with the usual back-off.
    pub(super) fn give_back(&mut self, why: &str) {
        self.why = Some(why.to_owned());
        self.verdict = Some(Verdict::Returned(None));
    }

    /// How many messages the ledger covered already when they were read first.
    pub(super) fn duplicates(&self) -> usize {
        self.duplicates.map_or(0, |(_, duplicates)| duplicates)
    }

    fn count_duplicates(&mut self, found: &Found) {
        let Some(Some(item)) = found.group(&self.batch.group) else { return };
        if self.duplicates.is_none_or(|(incarnation_number, _)| incarnation_number != item.incarnation_number)
            && !self.has_sent()
        {
            let covered = self.batch.arrivals.iter().filter(|arrival| arrival.version <= item.version);
            self.duplicates = Some((item.incarnation_number, covered.count()));
        }
    }

    fn has_sent(&self) -> bool {
        self.known != Known::default()
    }

    async fn look_up<T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        ports: &Invocation<'_, T, L, E>,
        asked: LookUp,
        until: Timestamp,
    ) -> Option<()> {
        match ports.look_up(&self.batch.group, &self.batch.key, asked, &mut self.shown, until).await {
            Ok(()) => Some(()),
            Err(error) => {
                self.is_stuck = DamagedItem::is_why(&error);
                self.give_back(&error.to_string());
                None
            }
        }
    }

    async fn write_before_sending<T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        ports: &Invocation<'_, T, L, E>,
        settling: Settling,
        until: Timestamp,
    ) {
        // One for each client, where an operator sent something again.
        for transaction in &settling.transactions {
            if ports.transport.now() >= until {
                return self.give_back(OVER);
            }
            if let Err(error) = self.write(ports, slice::from_ref(transaction)).await {
                return self.lost(&error);
            }
        }
        debug!(group = %self.batch.group, why = settling.why, "ledger written before anything is sent");
        self.note(&settling.dropped);
        self.settled(&settling.settled);
        self.shown = Shown::default();
    }

    /// Nothing else tells of what is not sent and no duplicate.
    fn note(&self, dropped: &Dropped) {
        let (group, Dropped { erased, unsent }) = (&self.batch.group, dropped);
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
                 uses each version and each sort key once"
            );
        }
    }

    async fn write<T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        ports: &Invocation<'_, T, L, E>,
        transactions: &[Vec<Write>],
    ) -> Result<(), WriteError> {
        for writes in transactions {
            ports.ledger.write(writes).await?;
            self.has_written = true;
        }
        Ok(())
    }

    /// A write did not do what it should, or nobody knows: read again, plan again.
    fn lost(&mut self, error: &WriteError) {
        self.failed(&error.to_string());
    }

    fn failed(&mut self, why: &str) {
        self.tries += 1;
        self.shown = Shown::default();
        if self.tries >= TRIES {
            self.give_back(why);
        }
    }

    /// Takes arrivals away, by their positions.
    fn settled(&mut self, settled: &[usize]) {
        let batch = &mut self.batch;
        let mut positions = 0..;
        batch.arrivals.retain(|_| positions.next().is_some_and(|position| !settled.contains(&position)));
        let mut positions = 0..;
        batch.messages.retain(|_| positions.next().is_some_and(|position| !settled.contains(&position)));
    }
}

fn list(versions: &[u64]) -> String {
    versions.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}
