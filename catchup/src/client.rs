//! One client, pass after pass: which of its groups are next, and whether this invocation may serve it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use shared::clock::Clock;
use shared::config::ClientName;
use shared::control::{CatchUpReport, RefusedGroup};
use shared::ids::Group;
use shared::ledger::{
    ClientId, Condition, EventTable, Item, ItemKey, Lease, Ledger, REFUSED_LIMIT, RefusedEvent, Registration,
    State, Write, WriteCount, WriteError,
};
use shared::naming::QueueUrl;
use shared::send::{BATCH_LIMIT, Stop, StopReason, Transport};
use shared::time::Timestamp;
use tracing::{error, info, warn};

use super::pass::{End, PassOutcome, ServedClient};
use super::work::{Work, why_unread};

/// How many of a client's cursors are listed at a time. It bounds memory and, while a client's circuit breaker is open, cost.
const LISTED_LIMIT: usize = 5_000;

/// A client and how far its catch-up got.
#[derive(Debug)]
pub(super) struct Client<'c> {
    pub(super) name: ClientName,
    id: ClientId,
    /// Its queue, if it is live and in the file; else its groups are only counted.
    queue: Option<&'c QueueUrl>,
    /// Whether it is served although its queue failed a moment ago.
    is_urgent: bool,
    listed: GroupList,
    /// The groups to be served next.
    waiting: VecDeque<Group>,
    /// Those that take long to read: each has a pass of its own, when no other waits.
    slow: VecDeque<Group>,
    lease: Option<Held>,
    up_to_date: usize,
    sent: usize,
    rejected: usize,
    refused: Vec<RefusedEvent>,
    stopped: Option<String>,
    /// Whether it is stopped because another invocation serves it.
    is_elsewhere: bool,
}

/// The groups that the client is behind in, as far as they were listed, and since when.
#[derive(Debug, Default)]
struct GroupList {
    behind: BTreeMap<Group, Timestamp>,
    /// Those that wait for an operator, and since when.
    held: BTreeMap<Group, Timestamp>,
    last: Option<Group>,
    is_complete: bool,
}

/// The client's lease, as it was written or read last.
#[derive(Debug)]
struct Held {
    lease: Lease,
    /// `None`: there was none.
    write_count: Option<WriteCount>,
    /// Whether this invocation has it.
    is_ours: bool,
    holder: u64,
    /// Groups in which something was sent that could not be recorded.
    unrecorded: Vec<Group>,
}

impl<'c> Client<'c> {
    /// A client that `own` may serve, nothing of which is known yet.
    pub(super) fn new(
        name: &ClientName,
        registration: &Registration,
        queue: Option<&'c QueueUrl>,
        is_urgent: bool,
    ) -> Self {
        Self {
            name: name.clone(),
            id: registration.id,
            queue: queue.filter(|_| registration.state == State::Live),
            is_urgent,
            listed: GroupList::default(),
            waiting: VecDeque::new(),
            slow: VecDeque::new(),
            lease: None,
            up_to_date: 0,
            sent: 0,
            rejected: 0,
            refused: Vec::new(),
            stopped: None,
            is_elsewhere: false,
        }
    }

    /// The next pass. Returns whether there is another one.
    pub(super) async fn next<C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        work: &Work<'_, C, T, L, E>,
    ) -> bool {
        let goes_on = self.try_next(work).await;
        if !goes_on {
            self.release(work).await;
            self.log();
        }
        goes_on
    }

    async fn try_next<C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        work: &Work<'_, C, T, L, E>,
    ) -> bool {
        if self.waiting.is_empty() && !self.list(work).await && self.slow.is_empty() {
            return false;
        }
        let Some(queue) = self.queue else { return false };
        // No reason to stop: it is asked for again, and the schedule comes back.
        if work.is_over() {
            return false;
        }
        if self.lease.is_none() && !self.read_lease(work).await {
            return false;
        }
        let is_slow = self.waiting.is_empty();
        let groups = self.next_groups();
        let Some(held) = &mut self.lease else { return false };
        if let Err(error) = held.renew(work, self.id, &groups).await {
            let why = format!("the lease was not taken: {error}");
            self.is_elsewhere = matches!(error, WriteError::Lost);
            return if self.is_elsewhere { self.stop(&why) } else { self.fail(&why) };
        }
        let is_failing = held.lease.failures > 0 && !self.is_urgent;
        let served = ServedClient { name: &self.name, id: self.id, queue, is_failing };
        let pass_outcome = work.pass(&served, &groups).await;
        self.take(pass_outcome, is_slow, work.now())
    }

    fn next_groups(&mut self) -> Vec<Group> {
        if self.waiting.is_empty() {
            return self.slow.pop_front().into_iter().collect();
        }
        let next = self.waiting.len().min(BATCH_LIMIT);
        self.waiting.drain(..next).collect()
    }

    /// Takes in what a pass did, perhaps of a group that `is_slow`. Returns whether the client goes on.
    fn take(&mut self, pass_outcome: PassOutcome, is_slow: bool, now: Timestamp) -> bool {
        let PassOutcome { groups, sent, rejected, refused, failure, stopped } = pass_outcome;
        self.sent += sent;
        self.rejected += rejected;
        self.refused.extend(refused);
        self.refused.truncate(REFUSED_LIMIT);
        let mut unrecorded = Vec::new();
        for (group, end) in groups {
            match end {
                End::UpToDate => {
                    self.listed.behind.remove(&group);
                    self.up_to_date += 1;
                }
                End::More if is_slow => self.slow.push_back(group),
                End::More => self.waiting.push_back(group),
                End::Left => {}
                End::Held(since) => {
                    self.listed.behind.remove(&group);
                    self.listed.held.insert(group, since);
                }
                End::Slow => self.slow.push_back(group),
                End::TooLong => {
                    let why = format!("the events of group `{group}` can't be read in time");
                    self.stopped.get_or_insert(why);
                }
                End::Unrecorded => unrecorded.push(group),
            }
        }
        let Some(held) = &mut self.lease else { return false };
        if sent > 0 {
            held.lease.succeed();
        }
        if let Some(stop) = failure {
            held.lease.fail(&stop.why, now);
            let pause = held.lease.not_before.since(now).as_secs();
            log_failure(&self.name, &stop, pause);
            held.unrecorded = unrecorded;
            return self.stop(&stop.why);
        }
        if !unrecorded.is_empty() {
            held.unrecorded = unrecorded;
            return self.stop("the ledger did not take what was sent");
        }
        stopped.is_none_or(|why| self.stop(&why))
    }

    fn stop(&mut self, why: &str) -> bool {
        self.stopped = Some(why.to_owned());
        false
    }

    /// Stops for a fault of the ledger's.
    fn fail(&mut self, why: &str) -> bool {
        warn!(
            client = self.name.as_str(),
            why, "client is not caught up now; the next maintenance tries again"
        );
        self.stop(why)
    }

    /// Lists the next of the client's groups, in random order. Returns whether there are some.
    async fn list<C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        work: &Work<'_, C, T, L, E>,
    ) -> bool {
        let mut groups = Vec::new();
        while !self.listed.is_complete && groups.len() < LISTED_LIMIT {
            let page = match work.ports.ledger.cursors(self.id, self.listed.last.as_ref()).await {
                Ok(page) => page,
                Err(error) => {
                    self.fail(&format!("the client's groups: {error}"));
                    break;
                }
            };
            self.listed.is_complete = page.is_empty();
            for (group, cursor) in page {
                self.listed.last = Some(group.clone());
                if let Some(hold) = cursor.hold {
                    self.listed.held.insert(group, hold.since);
                    continue;
                }
                if self.listed.behind.insert(group.clone(), cursor.at).is_none() {
                    groups.push(group);
                }
            }
        }
        shuffle(&mut groups, work.ports.ledger.fresh());
        self.waiting.extend(groups);
        !self.waiting.is_empty()
    }

    /// Reads the lease. What its last holder had in work comes first: what it sent without recording it is repeated
    /// while SQS still recognises it. Returns whether the client may be served.
    async fn read_lease<C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        work: &Work<'_, C, T, L, E>,
    ) -> bool {
        let keys = [ItemKey::Lease(self.id)];
        let found = work.read(&keys).await;
        let now = work.now();
        let lease = match found.lease(self.id).known(|| why_unread(&found, &keys)) {
            Ok(lease) => lease,
            Err(why) => return self.fail(&format!("the lease: {why}")),
        };
        let write_count = lease.map(|lease| lease.write_count);
        let lease = lease.cloned().unwrap_or_else(Lease::unheld);
        if lease.until > now {
            self.is_elsewhere = true;
            return self.stop("another invocation serves it");
        }
        if lease.not_before > now && !self.is_urgent {
            let pause = lease.not_before.since(now);
            return self.stop(&format!("its queue failed; tried again in {} s", ceil_secs(pause)));
        }
        for group in lease.groups.iter().rev() {
            if let Some(place) = self.waiting.iter().position(|waiting| waiting == group) {
                self.waiting.remove(place);
                self.waiting.push_front(group.clone());
            } else if !self.listed.is_complete && !self.listed.held.contains_key(group) {
                self.waiting.push_front(group.clone());
            }
        }
        let holder = work.ports.ledger.fresh();
        self.lease = Some(Held { lease, write_count, is_ours: false, holder, unrecorded: Vec::new() });
        true
    }

    /// Gives the lease back. If that fails, it ends by itself.
    async fn release<C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        work: &Work<'_, C, T, L, E>,
    ) {
        let Some(held) = self.lease.as_mut().filter(|held| held.is_ours) else { return };
        if let Err(error) = held.release(work, self.id, &self.refused).await {
            warn!(client = self.name.as_str(), why = %error, "the lease was not given back; it ends by itself");
        }
    }

    fn log(&self) {
        let Self { up_to_date, sent, rejected, .. } = self;
        if *up_to_date + sent + rejected > 0 {
            let (client, behind, stopped) = (self.name.as_str(), self.behind(), self.stopped.as_deref());
            info!(client, sent, up_to_date, rejected, behind, stopped, "client caught up");
        }
    }

    /// In how many groups it is behind, as far as they are listed.
    pub(super) fn behind(&self) -> usize {
        self.listed.behind.len()
    }

    /// For how long it has been behind in a group, the longest.
    pub(super) fn age(&self, now: Timestamp) -> Duration {
        self.listed.behind.values().min().map_or(Duration::ZERO, |oldest| now.since(*oldest))
    }

    /// How many groups are held.
    pub(super) fn held(&self) -> usize {
        self.listed.held.len()
    }

    /// For how long a group has been held, the longest.
    pub(super) fn held_age(&self, now: Timestamp) -> Duration {
        self.listed.held.values().min().map_or(Duration::ZERO, |oldest| now.since(*oldest))
    }

    /// How many events its queue took.
    pub(super) fn sent(&self) -> usize {
        self.sent
    }

    /// How many events were rejected.
    pub(super) fn rejected(&self) -> usize {
        self.rejected
    }

    /// Whether there is anything to tell of it.
    pub(super) fn is_idle(&self) -> bool {
        let has_done_nothing = self.up_to_date == 0 && self.sent == 0 && self.stopped.is_none();
        has_done_nothing && self.listed.behind.is_empty() && self.listed.held.is_empty()
    }

    /// What became of it.
    pub(super) fn caught_up(self) -> CatchUpReport {
        CatchUpReport {
            client: self.name.as_str().to_owned(),
            groups: self.up_to_date,
            sent: self.sent,
            behind: self.listed.behind.len(),
            held: self.listed.held.len(),
            stopped: self.stopped,
            elsewhere: self.is_elsewhere,
            refused: self.refused.into_iter().map(RefusedGroup::from).collect(),
        }
    }
}

impl Held {
    /// Takes or renews it for a pass, by a write: a ledger that takes no writes must not cause sends.
    async fn renew<C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        work: &Work<'_, C, T, L, E>,
        client: ClientId,
        groups: &[Group],
    ) -> Result<(), WriteError> {
        self.is_ours = false;
        let write_count = WriteCount(work.ports.ledger.fresh());
        let held = self.lease.held(write_count, self.holder, groups, work.now());
        self.write(work, client, held).await?;
        self.is_ours = true;
        Ok(())
    }

    async fn release<C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        work: &Work<'_, C, T, L, E>,
        client: ClientId,
        refused: &[RefusedEvent],
    ) -> Result<(), WriteError> {
        let write_count = WriteCount(work.ports.ledger.fresh());
        let refused = refused.iter().cloned();
        let released = self.lease.released(write_count, self.unrecorded.clone(), refused, work.now());
        self.write(work, client, released).await
    }

    async fn write<C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &mut self,
        work: &Work<'_, C, T, L, E>,
        client: ClientId,
        lease: Lease,
    ) -> Result<(), WriteError> {
        let write = Write {
            key: ItemKey::Lease(client),
            condition: self.write_count.map_or(Condition::Absent, Condition::WriteCount),
            item: Some(Item::Lease(lease.clone())),
        };
        work.ports.ledger.write(&[write]).await?;
        self.write_count = Some(lease.write_count);
        self.lease = lease;
        Ok(())
    }
}

/// An error if nothing goes on until an operator acts, else a warning.
fn log_failure(client: &ClientName, stop: &Stop, pause: u64) {
    let (client, why) = (client.as_str(), &stop.why);
    if stop.reason == StopReason::Queue {
        error!(client, why, pause, "client's queue takes nothing; it is tried again after the pause");
    } else {
        warn!(client, why, pause, "client's queue failed; it is tried again after the pause");
    }
}

fn ceil_secs(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX)
}

/// Shuffles `items`: the order follows from `seed`.
pub(super) fn shuffle<I>(items: &mut [I], seed: u64) {
    // SplitMix64: it makes much of a seed that is only a little different.
    let mut state = seed;
    for last in (1..items.len()).rev() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let place = (mixed ^ (mixed >> 31)) % (last as u64 + 1);
        items.swap(last, usize::try_from(place).unwrap_or(last));
    }
}
