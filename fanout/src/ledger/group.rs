//! One group's way through the rounds of an invocation.

use std::time::Duration;

use shared::config::ClientName;
use shared::ledger::fan_out::{Known, LookUp, Plan, Settling, Shown, Start, Step, TRIES, View, decide};
use shared::ledger::times::YOUNG_RETRY;
use shared::ledger::{EventTable, Found, Ledger, Write, WriteError};
use shared::send::Transport;
use tracing::{debug, info, warn};

use super::arrivals::Batch;
use super::{OVER, Seams};

/// A group's messages, and what is known of it.
pub(super) struct Work<'b> {
    pub(super) batch: Batch<'b>,
    /// The indexes of all its messages in Lambda's batch.
    pub(super) indexes: Vec<usize>,
    pub(super) verdict: Option<Verdict>,
    pub(super) shown: Shown,
    known: Known,
    /// How many writes failed.
    pub(super) tries: u32,
    has_written: bool,
    /// In which life duplicates were counted, and how many there were.
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
            shown: Shown::default(),
            known: Known::default(),
            tries: 0,
            has_written: false,
            duplicates: None,
        }
    }

    /// Takes steps until there is a run to send, or nothing more to do in this round.
    pub(super) async fn settle<T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        seams: &Seams<'_, T, L, E>,
        found: &Found,
        is_reachable: &dyn Fn(&ClientName) -> bool,
    ) -> Option<Plan> {
        self.count_duplicates(found);
        loop {
            let view = View {
                group: &self.batch.group,
                key: &self.batch.key,
                arrivals: &self.batch.arrivals,
                control: found.control(),
                item: found.group(&self.batch.group),
                shown: &self.shown,
                known: &self.known,
                has_written: self.has_written,
                is_reachable,
                now: seams.transport.now(),
            };
            match decide(&view, &mut || seams.ledger.fresh()) {
                Step::Return(why) => {
                    self.give_back(why);
                    return None;
                }
                Step::ReturnSoon(holes) => {
                    info!(group = %self.batch.group, versions = %holes, "waiting for versions that may become readable");
                    self.verdict = Some(Verdict::Returned(Some(YOUNG_RETRY)));
                    return None;
                }
                Step::Acknowledge => {
                    self.verdict = Some(Verdict::Acknowledged);
                    return None;
                }
                Step::ReadAgain => {
                    self.failed("two reads do not fit together");
                    return None;
                }
                Step::LookUp(asked) => self.look_up(seams, asked).await?,
                Step::Write(settling) => {
                    self.write_before_sending(seams, settling).await;
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
        seams: &Seams<'_, T, L, E>,
        plan: &Plan,
        reached: &[u64],
    ) -> Option<Vec<Start>> {
        let now = seams.transport.now();
        let record = plan.record(reached, now, &mut || seams.ledger.fresh());
        if let Err(error) = self.write(seams, &record.transactions).await {
            self.known.keep(plan, reached);
            self.lost(&error);
            return None;
        }
        self.known = Known::default();
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
        warn!(group = %self.batch.group, why, "messages are returned and tried again");
        self.verdict = Some(Verdict::Returned(None));
    }

    /// How many messages the ledger covered already when they were read first.
    pub(super) fn duplicates(&self) -> usize {
        self.duplicates.map_or(0, |(_, duplicates)| duplicates)
    }

    fn count_duplicates(&mut self, found: &Found) {
        let Some(Some(item)) = found.group(&self.batch.group) else { return };
        if self.duplicates.is_none_or(|(life, _)| life != item.life) && !self.has_sent() {
            let covered = self.batch.arrivals.iter().filter(|arrival| arrival.version <= item.version);
            self.duplicates = Some((item.life, covered.count()));
        }
    }

    fn has_sent(&self) -> bool {
        self.known != Known::default()
    }

    async fn look_up<T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        seams: &Seams<'_, T, L, E>,
        asked: LookUp,
    ) -> Option<()> {
        match seams.look_up(&self.batch.group, &self.batch.key, asked, &mut self.shown).await {
            Ok(()) => Some(()),
            Err(error) => {
                self.give_back(&error.to_string());
                None
            }
        }
    }

    async fn write_before_sending<T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        seams: &Seams<'_, T, L, E>,
        settling: Settling,
    ) {
        if seams.is_over() {
            return self.give_back(OVER);
        }
        match self.write(seams, &settling.transactions).await {
            Ok(()) => {
                debug!(group = %self.batch.group, why = settling.why, "ledger written before anything is sent");
                self.settled(&settling.settled);
                self.shown = Shown::default();
            }
            Err(error) => self.lost(&error),
        }
    }

    async fn write<T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        seams: &Seams<'_, T, L, E>,
        transactions: &[Vec<Write>],
    ) -> Result<(), WriteError> {
        for writes in transactions {
            seams.ledger.write(writes).await?;
            self.has_written = true;
        }
        Ok(())
    }

    /// A write did not do what it should, or nobody knows: read again, plan again.
    fn lost(&mut self, error: &WriteError) {
        self.shown = Shown::default();
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
