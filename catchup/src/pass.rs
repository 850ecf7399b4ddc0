//! A pass: one read of the ledger, the sends planned from it, and the writes that record them.
//!
//! It serves up to ten groups of a client, so that requests are full.

use std::mem;
use std::time::Duration;

use futures_util::future::join_all;
use shared::budget::Budget;
use shared::clock::Clock;
use shared::config::ClientName;
use shared::erasure::hint;
use shared::event::Event;
use shared::file_clients::FileClient;
use shared::ids::{Group, Key};
use shared::ledger::catch_up::{Begin, Plan, PlannedEvent, SentRange, Task, begin};
use shared::ledger::reconcile::window;
use shared::ledger::times::PASS_LIMIT;
use shared::ledger::{
    ClientId, ErasureReceipt, EventTable, ItemKey, Ledger, LedgerRead, ReceiptPlace, RefusedEvent, State,
    Unread, UnsendableEvent,
};
use shared::message::Message;
use shared::naming::QueueUrl;
use shared::panics::{PANICKED, caught};
use shared::rejection::Rejection;
use shared::route::route;
use shared::send::{Carrier, Outcome, Remainder, Run, Stop, StopReason, Transport, all_accepted, send_runs};
use shared::time::Timestamp;
use tracing::{error, warn};

use super::look_up::{LookUpError, TableAnswer};
use super::recording::RecordOutcome;
use super::work::{OTHER_FILTER, Work, why_unread};

/// The most bytes of messages that a pass holds, all its groups together.
const BYTES_LIMIT: usize = 16 << 20;

/// How long passing faults of a client's queue are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client that a pass serves.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServedClient<'s> {
    pub(super) name: &'s ClientName,
    pub(super) id: ClientId,
    pub(super) queue: &'s QueueUrl,
    /// It failed the last time: each message has one attempt.
    pub(super) is_failing: bool,
}

/// What became of a pass.
#[derive(Debug, Default)]
pub(super) struct PassOutcome {
    /// Each group with what became of it.
    pub(super) groups: Vec<(Group, End)>,
    /// How many messages the client's queue took.
    pub(super) sent: usize,
    /// How many events were rejected.
    pub(super) rejected: usize,
    /// Groups of which the client's queue refuses an event for good.
    pub(super) refused: Vec<RefusedEvent>,
    /// Why the client's queue did not take something that it may take later.
    pub(super) failure: Option<Stop>,
    /// Why the client gets nothing more now, though its queue did not fail.
    pub(super) stopped: Option<String>,
}

/// What became of a group in a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client is up to date.
    UpToDate,
    /// There is more to send.
    More,
    /// Nothing more can be done now.
    Left,
    /// It waits for an operator, since then.
    Held(Timestamp),
    /// Its events were not read in the time that a group has beside others. Alone it has more.
    Slow,
    /// Not even alone.
    TooLong,
    /// What was sent is not recorded.
    Unrecorded,
}

/// A group for which the table answered.
struct ReadGroup {
    task: Task,
    looked: TableAnswer,
}

/// An event that gets a rejection.
struct RejectedEvent {
    event: UnsendableEvent,
    rejection: Message,
}

/// A group in which something is done.
struct PlannedGroup {
    task: Task,
    plan: Plan,
    /// The receipt of the notice that is sent, if it is due.
    due: Option<ErasureReceipt>,
}

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Serves `groups`, at most [`BATCH_LIMIT`](shared::send::BATCH_LIMIT) of them.
    pub(super) async fn pass(&self, client: &ServedClient<'_>, groups: &[Group]) -> PassOutcome {
        let mut pass_outcome = PassOutcome::default();
        let now = self.now();
        let until = now.plus(PASS_LIMIT).min(self.last_start());
        let mut keys = vec![ItemKey::Registry];
        keys.extend(groups.iter().map(|group| ItemKey::Group(group.clone())));
        keys.extend(groups.iter().map(|group| ItemKey::Cursor(client.id, group.clone())));
        let found = self.read(&keys).await;
        let in_file = match self.served(&found, client) {
            Ok(in_file) => in_file,
            Err(why) => {
                pass_outcome.stopped = Some(why);
                return pass_outcome;
            }
        };

        let registration = found.registry().present().and_then(|registry| registry.client(client.id));
        let wants_notices = registration.is_some_and(|(_, registration)| registration.erasures);
        let (mut tasks, mut unread) = (Vec::new(), Vec::new());
        for group in groups {
            match begin(&found, client.id, group, self.first_version()) {
                Begin::Behind(task) => match &task.cursor.hold {
                    Some(hold) => pass_outcome.groups.push((group.clone(), End::Held(hold.since))),
                    None => tasks.push(*task),
                },
                Begin::UpToDate => pass_outcome.groups.push((group.clone(), End::UpToDate)),
                Begin::Unread => {
                    let keys = [ItemKey::Group(group.clone()), ItemKey::Cursor(client.id, group.clone())];
                    let why = why_unread(&found, &keys);
                    if keys.iter().filter_map(|key| found.unread(key)).any(Unread::is_damage) {
                        let (client, group) = (client.name.as_str(), group.as_str());
                        error!(client, group, why, "a group stands still until an operator acts");
                    }
                    unread.push((group.clone(), why));
                }
            }
        }
        let bytes_limit = BYTES_LIMIT / tasks.len().max(1);
        let is_alone = tasks.len() == 1;
        // One that takes long must leave the others time to be sent.
        let look_up_until = if is_alone { until } else { Budget::lookups_of_pass(now, until) };
        let asked = tasks.into_iter().map(async |task| {
            let looked = self.look_up(in_file, &task, wants_notices, bytes_limit, look_up_until);
            let looked = Box::pin(looked).await;
            (task, looked)
        });
        let mut answered = Vec::new();
        for (task, looked) in join_all(asked).await {
            match looked {
                Ok(looked) => answered.push(ReadGroup { task, looked }),
                Err(LookUpError::Unread(why)) => unread.push((task.group, why.to_string())),
                Err(LookUpError::Panicked) => {
                    let (client, group) = (client.name.as_str(), task.group.as_str());
                    error!(client, group, why = PANICKED, "a group stands still until an operator acts");
                    pass_outcome.groups.push((task.group, End::Left));
                }
                Err(LookUpError::OutOfTime) => {
                    let end = out_of_time(client, &task.group, is_alone, look_up_until.since(now));
                    pass_outcome.groups.push((task.group, end));
                }
            }
        }
        log_unread(client, &unread);
        pass_outcome.groups.extend(unread.into_iter().map(|(group, _)| (group, End::Left)));
        let planned = self.sort_out(client, answered, until, &mut pass_outcome).await;
        self.send(client, planned, until, &mut pass_outcome).await;
        pass_outcome
    }

    /// The client as the file has it, if it is to be served as the ledger has it; else why not.
    fn served(&self, found: &LedgerRead, client: &ServedClient<'_>) -> Result<FileClient<'_>, String> {
        let registry = found.registry().known(|| why_unread(found, &[ItemKey::Registry]));
        let registry = registry.inspect_err(|why| {
            let client = client.name.as_str();
            warn!(client, why, "the ledger does not answer; nothing is sent until the next maintenance");
        })?;
        let registration = registry.and_then(|registry| registry.client(client.id));
        let registration = registration.map(|(_, registration)| registration);
        match registration.map_or(State::Retired, |registration| registration.state) {
            State::Live => {
                let agreed = registration.and_then(|own| self.own.clients.agreed(client.name, own));
                agreed.ok_or_else(|| OTHER_FILTER.to_owned())
            }
            State::Paused => Err("paused".to_owned()),
            State::Retired => Err("retired".to_owned()),
        }
    }

    /// What is to be sent to the client. What is not its business is dealt with: events that can't be sent, groups that
    /// only the fan-out can go on with, erased ones.
    async fn sort_out(
        &self,
        client: &ServedClient<'_>,
        asked: Vec<ReadGroup>,
        until: Timestamp,
        pass_outcome: &mut PassOutcome,
    ) -> Vec<PlannedGroup> {
        let (mut planned, mut lowest, mut hints) = (Vec::new(), Vec::new(), Vec::new());
        for ReadGroup { task, looked } in asked {
            match looked {
                TableAnswer::Lasts(plan) => planned.push(PlannedGroup { task, plan, due: None }),
                TableAnswer::Closed { due } => {
                    let plan = Plan::of_notice(&task);
                    planned.push(PlannedGroup { task, plan, due });
                }
                TableAnswer::EarlierNotice { place, due } => {
                    let told = Box::pin(self.tell_of_earlier(client, &task, &place, due, until));
                    let told = caught(told, || Err(None)).await;
                    let end = if told.is_ok() { End::More } else { End::Left };
                    pass_outcome.sent += usize::from(told.is_ok());
                    if let Err(Some(stop)) = told {
                        pass_outcome.note(client, &task.group, stop);
                    }
                    pass_outcome.groups.push((task.group, end));
                }
                TableAnswer::Unclosed => {
                    hints.push(task.item.key.clone());
                    pass_outcome.groups.push((task.group, End::Left));
                }
                TableAnswer::Erased => {
                    let recorded = caught(self.record_erased(&task), || RecordOutcome::Behind).await;
                    let is_up_to_date = recorded == RecordOutcome::UpToDate;
                    pass_outcome
                        .groups
                        .push((task.group, if is_up_to_date { End::UpToDate } else { End::Left }));
                }
                TableAnswer::FirstGone(event) => {
                    lowest.push(event);
                    pass_outcome.groups.push((task.group, End::Left));
                }
            }
        }
        self.put_lowest(&lowest, until).await;
        self.put_hints(&hints, until).await;
        let planned = self.put_rejections(planned, until, pass_outcome).await;
        self.begin_incarnations(planned, pass_outcome).await
    }

    /// Makes each cursor one of its group's incarnation, before anything of that is sent. Where that fails, nothing is.
    async fn begin_incarnations(
        &self,
        planned: Vec<PlannedGroup>,
        pass_outcome: &mut PassOutcome,
    ) -> Vec<PlannedGroup> {
        let begun = planned.into_iter().map(async |planned| {
            let begun = planned.task.begun(&mut || self.ports.ledger.fresh());
            let Some((task, writes)) = begun.filter(|_| !planned.plan.events.is_empty()) else {
                return Ok(planned);
            };
            match self.ports.ledger.write(&writes).await {
                Ok(()) => Ok(PlannedGroup { task, ..planned }),
                Err(why) => {
                    let group = task.group;
                    warn!(%group, %why, "a cursor is of an earlier incarnation, and was not written; a later pass goes on");
                    Err(group)
                }
            }
        });
        let mut ready = Vec::new();
        for begun in join_all(begun).await {
            match begun {
                Ok(planned) => ready.push(planned),
                Err(group) => pass_outcome.groups.push((group, End::Left)),
            }
        }
        ready
    }

    /// Tells the client that an earlier incarnation was erased, the one that its cursor is of.
    ///
    /// # Errors
    ///
    /// Why its queue did not take that; `None` if only the ledger did not.
    async fn tell_of_earlier(
        &self,
        client: &ServedClient<'_>,
        task: &Task,
        place: &ReceiptPlace,
        due: ErasureReceipt,
        until: Timestamp,
    ) -> Result<(), Option<Stop>> {
        let message = task.earlier_notice(&due).message();
        let limits = self.limits(until, self.now());
        let (clock, transport) = (self.ports.clock, self.ports.transport);
        all_accepted(send_runs(clock, transport, client.queue, route([message]), &limits).await)?;
        let writes = task.told_of_earlier(place, due, self.now(), &mut || self.ports.ledger.fresh());
        self.ports.ledger.write(&writes).await.map_err(|error| {
            let group = task.group.as_str();
            warn!(group, why = %error, "a notice of an erasure could not be recorded; it is sent again");
            None
        })
    }

    /// Makes the fan-out look at groups of which nothing is left.
    async fn put_hints(&self, keys: &[Key], until: Timestamp) {
        if keys.is_empty() {
            return;
        }
        let cause = format!("catch-up {}", window(self.now()));
        let hints = route(keys.iter().map(|key| hint(key, &cause, None)));
        if let Err(stop) = all_accepted(self.put(&self.own.fan_out, hints, until).await) {
            warn!(
                why = stop.why,
                "a hint about an erasure could not be put on the fan-out queue; a later pass does"
            );
        }
    }

    /// Makes the fan-out look at groups of which the first event is gone.
    async fn put_lowest(&self, events: &[Box<Event>], until: Timestamp) {
        if let Err(stop) = self.put_repairs(events.iter().map(Box::as_ref), until).await {
            warn!(
                why = stop.why,
                "a group's lowest event could not be put on the fan-out queue; a later pass does"
            );
        }
    }

    /// Sends the rejections about events that come first and can't be sent. What follows the first without a rejection
    /// waits.
    async fn put_rejections(
        &self,
        planned: Vec<PlannedGroup>,
        until: Timestamp,
        pass_outcome: &mut PassOutcome,
    ) -> Vec<PlannedGroup> {
        let runs = planned.into_iter().map(|PlannedGroup { task, mut plan, due }| {
            let rejections = mem::take(&mut plan.rejected).into_iter().map(|event| {
                let (source, key) = (&self.own.source, &task.item.key);
                let rejection = Rejection::of_item(source, key, &event.identity, event.version, &event.why);
                RejectedEvent { event, rejection }
            });
            let items = rejections.collect();
            Run { tag: PlannedGroup { task, plan, due }, items }
        });
        let outcomes = self.put(&self.own.rejected, runs.collect(), until).await;
        let planned = outcomes.into_iter().map(
            |Outcome { tag: PlannedGroup { task, mut plan, due }, accepted, stopped }| {
                let group = task.group.as_str();
                pass_outcome.rejected += accepted.len();
                for RejectedEvent { event, .. } in accepted {
                    let (version, why) = (event.version, event.why);
                    error!(group, version, why, "event can't be sent; a rejection is on the rejected queue");
                }
                if let Some(Remainder { stop, items }) = stopped {
                    let why = stop.why;
                    warn!(group, why, "a rejection to the rejected queue is missing; a later pass sends it");
                    if let Some(next) = items.first() {
                        plan.end_before(next.event.version);
                    }
                }
                PlannedGroup { task, plan, due }
            },
        );
        planned.collect()
    }

    /// Sends the runs, and records how far they got.
    async fn send(
        &self,
        client: &ServedClient<'_>,
        planned: Vec<PlannedGroup>,
        until: Timestamp,
        pass_outcome: &mut PassOutcome,
    ) {
        let runs = planned.into_iter().map(|PlannedGroup { task, mut plan, due }| {
            let items = mem::take(&mut plan.events);
            Run { tag: PlannedGroup { task, plan, due }, items }
        });
        let now = self.now();
        let retry_until = if client.is_failing { now } else { now.plus(PATIENCE) };
        let limits = self.limits(until, retry_until);
        let (clock, transport) = (self.ports.clock, self.ports.transport);
        let outcomes = send_runs(clock, transport, client.queue, runs.collect(), &limits).await;

        let recorded = outcomes.into_iter().map(async |outcome| {
            let Outcome { tag: PlannedGroup { task, plan, due }, accepted, stopped } = outcome;
            let next = stopped.as_ref().and_then(|stopped| stopped.items.first());
            // A notice is no event.
            let is_event = |event: &&PlannedEvent| event.version <= task.item.version;
            let last = accepted.iter().rfind(is_event).map(|event| event.version);
            let sent = SentRange { up_to: plan.reached(next), last, due, ..SentRange::nothing(&task) };
            let group = task.group.clone();
            let outcome = caught(Box::pin(self.record(task, &sent)), || RecordOutcome::Unrecorded).await;
            (group, end(outcome, &sent), accepted.len(), stopped.map(|stopped| stopped.stop))
        });
        for (group, end, accepted, stop) in join_all(recorded).await {
            pass_outcome.sent += accepted;
            let is_refused = stop.is_some_and(|stop| pass_outcome.note(client, &group, stop));
            let end = if is_refused && end == End::More { End::Left } else { end };
            pass_outcome.groups.push((group, end));
        }
    }
}

impl Carrier for RejectedEvent {
    fn message(&self) -> &Message {
        &self.rejection
    }
}

impl PassOutcome {
    /// Notes why a run stopped. A message that the client's queue will never take is that group's business, and
    /// one that was not tried is no matter. Returns whether it was refused.
    fn note(&mut self, client: &ServedClient<'_>, group: &Group, stop: Stop) -> bool {
        match stop.reason {
            StopReason::Untried => false,
            StopReason::OutOfTime | StopReason::Queue => {
                self.failure.get_or_insert(stop);
                false
            }
            StopReason::Message => {
                error!(
                    client = client.name.as_str(),
                    group = group.as_str(),
                    why = stop.why,
                    "the client's queue refuses an event for good; the group waits until it takes it"
                );
                self.refused.push(RefusedEvent::new(group.clone(), &stop.why));
                true
            }
        }
    }
}

/// What becomes of a group of which the events were not read in the time `given`.
fn out_of_time(client: &ServedClient<'_>, group: &Group, is_alone: bool, given: Duration) -> End {
    let (client, group, secs) = (client.name.as_str(), group.as_str(), given.as_secs());
    if !is_alone {
        warn!(
            client,
            group, secs, "reading a group's events takes long; it is served by itself, after the others"
        );
        return End::Slow;
    }
    if given < PASS_LIMIT {
        warn!(
            client,
            group, secs, "no time was left to read a group's events; the next maintenance tries again"
        );
    } else {
        error!(
            client,
            group,
            secs,
            "a group's events can't be read within a pass, so the client stays behind in it: what it misses is too \
             much, or the event table too slow; raise the table's read capacity, or shorten the aggregate"
        );
    }
    End::TooLong
}

/// Logs groups that could not be read: one line for each pass.
fn log_unread(client: &ServedClient<'_>, unread: &[(Group, String)]) {
    if let Some((group, why)) = unread.first() {
        let (client, group, groups) = (client.name.as_str(), group.as_str(), unread.len());
        warn!(client, groups, group, why, "groups could not be read; the next maintenance tries them again");
    }
}

fn end(outcome: RecordOutcome, sent: &SentRange) -> End {
    match outcome {
        RecordOutcome::UpToDate => End::UpToDate,
        RecordOutcome::Unrecorded => End::Unrecorded,
        // What had no effect now has none a moment later.
        RecordOutcome::Behind if sent.is_nothing() => End::Left,
        RecordOutcome::Behind => End::More,
    }
}
