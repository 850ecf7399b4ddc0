//! One invocation: what it acts on, how long it may, and the few things that all its parts do.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use shared::budget::Budget;
use shared::clock::Clock;
use shared::event::Event;
use shared::ids::Key;
use shared::ledger::pace::Pace;
use shared::ledger::reconcile::{Ends, plausible_limit, window};
use shared::ledger::times::{CALL_LIMIT, PASS_LIMIT};
use shared::ledger::{
    EventTable, ItemKey, Ledger, LedgerRead, Ports, Registry, RowHead, ScanPage, ScanPosition, Unread, Write,
    WriteError,
};
use shared::route::route;
use shared::send::{Carrier, Limits, Outcome, Run, Stop, Transport, all_accepted, send_runs};
use shared::time::Timestamp;

use super::payload::ControlError;
use super::{CatchUp, QueueUrl};

/// How often a write that was lost is planned anew. It takes as many others that write at the same time.
pub(super) const TRIES: u32 = 8;

/// How long is waited after a first write or read that failed; each time twice as long.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Why a client is not served whose filter in the file is not the registry's.
pub(super) const OTHER_FILTER: &str =
    "its filter is not the one that the registry has; maintenance settles that";

/// One invocation at work.
pub(super) struct Work<'w, C, T, L, E> {
    pub(super) own: &'w CatchUp,
    pub(super) ports: Ports<'w, C, T, L, E>,
    pub(super) budget: Budget,
    pace: RefCell<Pace>,
    /// How many versions were found to have two events, for the first time.
    pub(super) pairs: Cell<usize>,
}

/// What a plan makes of the items that were read.
pub(super) enum Update<R> {
    /// These transactions, in order. When they are written, this is the result.
    Write(Vec<Vec<Write>>, R),
    /// Nothing to write: this is the result.
    Done(R),
    /// Read again; this is why.
    ReadAgain(String),
}

/// What follows a write that was refused, or whose result is unknown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterFailure {
    /// The items are read again.
    ReadAgain,
    /// Nothing: it must not be done twice.
    GiveUp,
}

/// Why an aggregate was not read as a whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum SurveyError {
    /// A later invocation takes as long.
    #[error(
        "its events can't be read within {} s: it is too long, or the event table too slow",
        PASS_LIMIT.as_secs()
    )]
    TooLong,
    /// A later invocation may.
    #[error(transparent)]
    Unread(#[from] Unread),
}

impl<'w, C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'w, C, T, L, E> {
    pub(super) fn new(own: &'w CatchUp, ports: Ports<'w, C, T, L, E>, budget: Budget) -> Self {
        Self { own, ports, budget, pace: RefCell::new(Pace::new(own.scan_read_units)), pairs: Cell::new(0) }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// When the last pass, page or send may begin.
    pub(super) fn last_start(&self) -> Timestamp {
        self.budget.sends()
    }

    /// Whether nothing new may begin.
    pub(super) fn is_over(&self) -> bool {
        self.now() > self.last_start()
    }

    /// A page of the event table, at the pace of scans. `None`: it may only be read when nothing new may begin.
    pub(super) async fn scan_page(&self, after: Option<&ScanPosition>) -> Result<Option<ScanPage>, Unread> {
        let (wait, limit) = (self.pace.borrow().wait(self.now()), self.pace.borrow().limit());
        if self.now().plus(wait) > self.last_start() {
            return Ok(None);
        }
        self.ports.clock.sleep(wait).await;
        let page = self.ports.table.scan(after, limit).await?;
        self.pace.borrow_mut().count(&page, self.now());
        Ok(Some(page))
    }

    pub(super) async fn read(&self, keys: &[ItemKey]) -> LedgerRead {
        LedgerRead::new(keys, self.ports.ledger.read(keys).await)
    }

    /// Who is served.
    pub(super) async fn registry(&self) -> Result<Registry, ControlError> {
        let keys = [ItemKey::Registry];
        let found = self.read(&keys).await;
        let failed =
            || ControlError::Failed { what: "the ledger's registry", why: why_unread(&found, &keys) };
        found.registry().known(failed)?.cloned().ok_or(ControlError::NoRegistry)
    }

    /// Reads items, plans from what was read, and writes on condition that nothing has changed; again, as long as
    /// others write at the same time.
    ///
    /// # Errors
    ///
    /// Why it was not written, after the last try.
    pub(super) async fn update<R>(
        &self,
        keys: &[ItemKey],
        after_failure: AfterFailure,
        mut plan: impl AsyncFnMut(&LedgerRead) -> Update<R>,
    ) -> Result<R, String> {
        let mut why = "others write it all the time".to_owned();
        for number in 0..TRIES {
            let found = self.read(keys).await;
            match plan(&found).await {
                Update::Done(result) => return Ok(result),
                Update::ReadAgain(unread) => why = unread,
                Update::Write(transactions, result) => match self.write_all(&transactions).await {
                    Ok(()) => return Ok(result),
                    Err(WriteError::Lost) => continue,
                    Err(error) if after_failure == AfterFailure::GiveUp => return Err(error.to_string()),
                    Err(error) => why = error.to_string(),
                },
            }
            if self.is_over() || number + 1 == TRIES {
                break;
            }
            self.back_off(number).await;
        }
        Err(why)
    }

    /// The version of an aggregate's first event.
    pub(super) fn first_version(&self) -> i64 {
        self.own.source.version.first
    }

    async fn write_all(&self, transactions: &[Vec<Write>]) -> Result<(), WriteError> {
        for writes in transactions {
            self.ports.ledger.write(writes).await?;
        }
        Ok(())
    }

    /// Waits after the try of this number, from 0, which failed.
    pub(super) async fn back_off(&self, number: u32) {
        self.ports.clock.sleep(BACK_OFF.saturating_mul(2_u32.saturating_pow(number))).await;
    }

    /// The bounds of sending: nothing starts after `until`, nothing again after `retry_until`.
    pub(super) fn limits(&self, until: Timestamp, retry_until: Timestamp) -> Limits {
        let limits = Limits::new(&self.budget, until.min(self.last_start()), self.own.requests_in_flight);
        Limits { retry_deadline: retry_until, call_limit: limits.call_limit.min(CALL_LIMIT), ..limits }
    }

    /// Puts runs on one of the stack's own queues.
    pub(super) async fn put<K, I: Carrier>(
        &self,
        queue: &QueueUrl,
        runs: Vec<Run<K, I>>,
        until: Timestamp,
    ) -> Vec<Outcome<K, I>> {
        let limits = self.limits(until, self.now().plus(CALL_LIMIT));
        send_runs(self.ports.clock, self.ports.transport, queue, runs, &limits).await
    }

    /// Puts events on the fan-out queue as repairs, of each group in order. An event is put there once in a
    /// [window](window), however often this is done. Returns why one is not there, if that is so.
    pub(super) async fn put_repairs<'e>(
        &self,
        events: impl IntoIterator<Item = &'e Event>,
        until: Timestamp,
    ) -> Result<(), Stop> {
        let window = window(self.now());
        let repairs = route(events.into_iter().map(|event| event.repair(window)));
        all_accepted(self.put(&self.own.fan_out, repairs, until).await)
    }

    /// All that the table has of an aggregate, newest first, without the events themselves.
    pub(super) async fn heads(&self, key: &Key) -> Result<Vec<RowHead>, SurveyError> {
        let mut heads = Vec::new();
        let read = async |before: Option<Key>| {
            let page = self.ports.table.heads(key, before.as_ref()).await?;
            heads.extend(page.rows);
            Ok(page.next)
        };
        self.survey(read).await?;
        Ok(heads)
    }

    /// The lowest and the highest event that the table has of an aggregate, of which it has `heads`. Versions that are
    /// too far above all others are not believed, but those of `sent`: among them is no lowest or highest event.
    pub(super) async fn ends(&self, key: &Key, heads: &[RowHead], sent: &[i64]) -> Result<Ends, SurveyError> {
        let plausible = plausible_limit(heads, sent);
        let mut ends = Ends::default();
        let read = async |before: Option<Key>| {
            let page = self.ports.table.page(key, before.as_ref()).await?;
            page.rows.into_iter().for_each(|row| ends.take(row, plausible));
            Ok(page.next)
        };
        self.survey(read).await?;
        Ok(ends)
    }

    /// Lets `read` read page after page, each before the one that it returned.
    async fn survey(
        &self,
        mut read: impl AsyncFnMut(Option<Key>) -> Result<Option<Key>, Unread>,
    ) -> Result<(), SurveyError> {
        let until = self.now().plus(PASS_LIMIT);
        let mut before = None;
        let mut has_stood_still = false;
        loop {
            let begin = self.now();
            if self.is_over() {
                return Err(Unread("no time was left to read on".into()).into());
            }
            if begin > until && has_stood_still {
                return Err(Unread("a page of its events took too long".into()).into());
            }
            if begin > until {
                return Err(SurveyError::TooLong);
            }
            before = read(before).await?;
            if before.is_none() {
                return Ok(());
            }
            // That says nothing about how many events there are.
            has_stood_still |= self.now().since(begin) > CALL_LIMIT;
        }
    }
}

/// Why one of these was not read, for a log.
pub(super) fn why_unread(found: &LedgerRead, keys: &[ItemKey]) -> String {
    let unread = keys.iter().find_map(|key| found.unread(key));
    unread.map_or_else(|| "the items were read during a write".to_owned(), ToString::to_string)
}
