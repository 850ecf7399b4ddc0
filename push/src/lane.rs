//! A group's way through a batch: one event at a time, each decided by the consumer's rule, brought to the target, and kept
//! in the ledger before it is acknowledged. After the first that fails, nothing of the group is tried.

use std::time::Duration;

use shared::clock::Clock;
use shared::config::OnRefused;
use shared::consumer::{ConsumerSettings, ConsumerState, Verdict, decide};
use shared::ids::{DeduplicationId, Group, ReplayId};
use shared::ledger::stored::Attributes;
use shared::ledger::{
    ClientId, Condition, Delivery, DeliveryRequest, Item, ItemKey, Ledger, LedgerRead, QueuePlace,
    RefusedHead, Write, WriteCount,
};
use shared::metrics::Latencies;
use shared::rejection::Rejection;
use shared::route::route;
use shared::send::{Limits, Transport, all_accepted, send_runs};
use shared::time::Timestamp;
use tracing::{error, info, warn};

use crate::event::Event;
use crate::invocation::{Invocation, PushClient};
use crate::outcome::{Deliver, Delivered, Failure, FailureKind};
use crate::pace::{self, age, backoff, spread};
use crate::record::Record;
use crate::request::{Need, Progress};
use crate::target::Note;

/// What an invocation needs after a delivery, for the write that records it and for the answer.
const AFTER_DELIVERY: Duration = Duration::from_secs(5);

/// When a message comes again that can't be read, or contradicts itself: a deploy under way may be the reason.
const STRANGE: Duration = Duration::from_secs(15 * 60);

/// The age at which a message that can't be read is rejected: no deploy takes that long.
const FOREIGN_AGE: Duration = Duration::from_secs(60 * 60);

/// How often such a message is received before, at least: it may have waited behind others all that time, unread.
const FOREIGN_RECEIVES: u32 = 5;

/// When a head comes again while another one tries the target.
const SOON: Duration = Duration::from_secs(1);

/// When a head comes again that met a closed target for the first time: a probe is due then.
const PROBE: Duration = Duration::from_secs(30);

/// Who may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The target.
    Open,
    /// The target, though it refused others: whether it is well again.
    Probe,
    /// Nobody: what needs the target comes again after this time. Why.
    Closed(Duration, String),
}

/// A group in an invocation.
pub(crate) struct Lane<'l, D, C, T, L> {
    pub(crate) ports: &'l Invocation<'l, C, T, L>,
    pub(crate) client: &'l PushClient<D>,
    pub(crate) id: ClientId,
    pub(crate) group: &'l Group,
    pub(crate) records: &'l [Record],
    pub(crate) mode: Mode,
    /// What the ledger has of the group.
    pub(crate) delivery: Option<Delivery>,
    pub(crate) counts: Counts,
}

/// What was counted.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) delivered: usize,
    pub(crate) failed: usize,
    pub(crate) requested: usize,
    pub(crate) skipped: usize,
    pub(crate) latencies: Latencies,
}

/// How far a group got.
pub(crate) struct LaneOutcome {
    /// How many of its records are acknowledged, from the first on.
    pub(crate) acknowledged: usize,
    /// When the next one comes again; those behind it come at once behind it.
    pub(crate) comes_again: Duration,
    pub(crate) counts: Counts,
}

/// What became of the next records.
struct Step {
    acknowledged: usize,
    /// When the one after these comes again, if the group stops there.
    stop: Option<Duration>,
}

impl Step {
    fn acknowledged(count: usize) -> Self {
        Self { acknowledged: count, stop: None }
    }

    fn stop(comes_again: Duration) -> Self {
        Self { acknowledged: 0, stop: Some(comes_again) }
    }
}

impl<'l, D: Deliver, C: Clock, T: Transport, L: Ledger> Lane<'l, D, C, T, L> {
    /// Goes on until all records are acknowledged, or one stops the group.
    pub(crate) async fn run(mut self) -> LaneOutcome {
        let mut acknowledged = 0;
        while let Some(record) = self.records.get(acknowledged) {
            let step = self.step(record, acknowledged).await;
            acknowledged += step.acknowledged;
            if let Some(comes_again) = step.stop {
                return LaneOutcome { acknowledged, comes_again, counts: self.counts };
            }
        }
        LaneOutcome { acknowledged, comes_again: Duration::ZERO, counts: self.counts }
    }

    async fn step(&mut self, record: &'l Record, index: usize) -> Step {
        let (client, group) = (self.client.name.as_str(), self.group);
        let event = match record.event(group) {
            Ok(event) => event,
            Err(why)
                if record.receive_count < FOREIGN_RECEIVES
                    || age(record.sent_at, self.ports.clock.now()) < FOREIGN_AGE =>
            {
                error!(client, %group, id = record.id, why, "returned, with its group: no message of the pipeline");
                return Step::stop(STRANGE);
            }
            Err(why) => return self.reject_foreign(record, why).await,
        };
        if self.is_dealt_with(record) {
            return Step::acknowledged(1);
        }
        match self.decide(&event) {
            Verdict::Had => Step::acknowledged(1),
            Verdict::Wait => match self.lost(record, &event) {
                Some(need) => self.ask(record, &event, need).await,
                None => Step::acknowledged(1),
            },
            Verdict::Take { state, .. } | Verdict::Forget(state) => {
                self.bring(record, index, &event, state).await
            }
            Verdict::Ask(after) => match Need::replay(after) {
                Some(need) => self.ask(record, &event, need).await,
                None => Step::stop(STRANGE),
            },
            Verdict::Refuse => {
                // No hold mends it: it would come again.
                let version = event.message.version;
                error!(client, %group, version, "returned, with its group: it contradicts itself, or `first_version`");
                Step::stop(STRANGE)
            }
        }
    }

    /// Whether the record is the last that was dealt with, or lies before it, and is delivered again: Lambda may hand over a whole
    /// batch twice, and late. By the consumer's rule alone, the first event of an old incarnation would begin it again.
    fn is_dealt_with(&self, record: &Record) -> bool {
        let last = self.delivery.as_ref().and_then(|delivery| delivery.place);
        record.place.zip(last).is_some_and(|(place, last)| place.is_up_to(&last))
    }

    /// The replay to ask for again, if the one that the group waits for must have been lost: the ledger sends nothing else of a
    /// group before a replay, or while it is held.
    fn lost(&self, record: &Record, event: &Event<'_>) -> Option<Need> {
        let delivery = self.delivery.as_ref()?;
        let is_lost = event.message.replay.is_none() && record.sent_at? > delivery.asked_at?.plus(pace::LOST);
        Need::replay(delivery.state.clone().filter(|_| is_lost)?)
    }

    fn decide(&self, event: &Event<'_>) -> Verdict {
        decide(self.state(), &event.message, &self.settings())
    }

    fn settings(&self) -> ConsumerSettings {
        self.ports.settings
    }

    fn state(&self) -> Option<&ConsumerState> {
        self.delivery.as_ref().and_then(|delivery| delivery.state.as_ref())
    }

    /// Brings the event to the target, unless a hold is under way or nobody may be asked. `after` is the state once the
    /// target has it.
    async fn bring(
        &mut self,
        record: &'l Record,
        index: usize,
        event: &Event<'l>,
        after: ConsumerState,
    ) -> Step {
        let now = self.ports.clock.now();
        if self.is_refused_head(event) {
            let request = match self.request().await {
                Ok(request) => request,
                Err(why) => return self.unread(&why),
            };
            let need = Need::hold(self.state(), &event.message, "");
            match need.progress(request.as_ref()) {
                Progress::Done => return self.confirm(record, event, need, request).await,
                Progress::Asked => return Step::stop(pace::asked(record.receive_count)),
                Progress::ToAsk => {}
            }
        }
        let may_probe = self.mode != Mode::Probe || self.ports.take_probe(self.group);
        if let Mode::Closed(comes_again, why) = self.mode(may_probe) {
            return self.wait(record, event, spread(comes_again, self.random()), &why).await;
        }
        let limit = self.client.deliverer.limit();
        if now.plus(limit + AFTER_DELIVERY) > self.ports.deadline {
            return Step::stop(Duration::ZERO);
        }
        let run = self.run_from(index, event, after);
        let events: Vec<Event<'_>> = run.iter().map(|(event, _)| event.clone()).collect();
        let mark = self.delivery.as_ref().and_then(|delivery| delivery.mark.clone());
        let Delivered { taken, mark, failure } =
            self.client.deliverer.deliver(&events, mark.as_deref(), limit).await;
        if let Some((last, state)) = run.get(..taken).and_then(<[_]>::last) {
            self.ports.note(Note::Took);
            let place = self.records.get(index + taken - 1).and_then(|record| record.place);
            if let Err(why) = self.record(last, state.clone(), place, mark).await {
                let version = last.message.version;
                warn!(client = self.client.name.as_str(), group = %self.group, version, why, "delivered, but not recorded; it comes again with the same id");
                // A ledger that takes no writes must not become a flood of repetitions.
                return Step::stop(backoff(record.receive_count, Some(pace::LEDGER), self.random()));
            }
            self.count(index, taken);
        }
        let Some(failure) = failure else { return Step::acknowledged(taken) };
        let (Some((failed, state)), Some(record)) = (run.get(taken), self.records.get(index + taken)) else {
            return Step::acknowledged(taken);
        };
        let step = self.failed(record, failed, state.clone(), failure).await;
        Step { acknowledged: taken + step.acknowledged, ..step }
    }

    /// The events that one delivery brings, from the record at `index` on, each with the state once the target has it.
    fn run_from(
        &self,
        index: usize,
        first: &Event<'l>,
        after: ConsumerState,
    ) -> Vec<(Event<'l>, ConsumerState)> {
        let most = if first.message.is_erasure { 1 } else { self.client.deliverer.at_once() };
        let mut run = vec![(first.clone(), after)];
        for record in self.records.iter().skip(index + 1) {
            let Ok(event) = record.event(self.group) else { break };
            let Some((_, state)) = run.last().filter(|_| run.len() < most) else { break };
            match decide(Some(state), &event.message, &self.settings()) {
                Verdict::Take { state, .. } => run.push((event, state)),
                _ => break,
            }
        }
        run
    }

    /// What becomes of an event that the target did not take, or may not have taken.
    async fn failed(
        &mut self,
        record: &Record,
        event: &Event<'_>,
        after: ConsumerState,
        failure: Failure,
    ) -> Step {
        let Failure { kind, reason, alike, retry_after } = failure;
        let (client, group, version) = (self.client.name.as_str(), self.group, event.message.version);
        warn!(client, %group, version, kind = ?kind, reason, "not delivered");
        self.counts.failed += 1;
        let now = self.ports.clock.now();
        let group = group.clone();
        let is_given_up = !event.message.is_erasure
            && self.client.give_up_after.is_some_and(|limit| age(record.sent_at, now) >= limit);
        match kind {
            FailureKind::Transient => {
                self.ports.note(Note::Failed { group, reason: reason.clone() });
                if is_given_up {
                    let reason = format!("given up after {} s: {reason}", age(record.sent_at, now).as_secs());
                    return self.refused_for_good(record, event, after, &reason).await;
                }
                let comes_again = backoff(record.receive_count, retry_after, self.random());
                self.wait(record, event, comes_again, &reason).await
            }
            FailureKind::Target => {
                self.ports.note(Note::Unwilling { group, reason: reason.clone() });
                self.wait(record, event, spread(PROBE, self.random()), &reason).await
            }
            FailureKind::Gone => {
                self.ports.note(Note::Gone { group, reason: reason.clone() });
                self.wait(record, event, spread(pace::PAUSED, self.random()), &reason).await
            }
            FailureKind::Event => {
                let is_targets_fault =
                    self.ports.note(Note::Refused { group, alike, reason: reason.clone() });
                if is_targets_fault {
                    return self.wait(record, event, spread(PROBE, self.random()), &reason).await;
                }
                // No hold brings a notice again once the aggregate was made anew.
                if event.message.is_erasure {
                    let comes_again = backoff(record.receive_count, retry_after, self.random());
                    return self.wait(record, event, comes_again, &reason).await;
                }
                let since = match self.mark_refused(event).await {
                    Ok(since) => since,
                    Err(why) => return self.unread(&why),
                };
                let refused_for = now.since(since);
                if is_given_up || refused_for >= pace::REFUSED {
                    return self.refused_for_good(record, event, after, &reason).await;
                }
                Step::stop(pace::REFUSED - refused_for)
            }
        }
    }

    /// The head stays in the queue, unless it has been there for so long, or so much is behind it, that the group is held.
    /// An event that the target is asked for waits until it is given up, if that is later.
    async fn wait(&mut self, record: &Record, event: &Event<'_>, comes_again: Duration, why: &str) -> Step {
        let patience = if self.ports.closed().is_some() || matches!(self.mode, Mode::Closed(..)) {
            Duration::ZERO
        } else {
            self.client.give_up_after.unwrap_or_default()
        };
        let age = age(record.sent_at, self.ports.clock.now());
        if event.message.is_erasure && age < pace::NOTICE_AGE {
            return Step::stop(comes_again);
        }
        let is_unreachable = age >= pace::UNREACHABLE_AGE.max(patience)
            || (record.receive_count >= 3 && self.waiting(event).await >= pace::UNREACHABLE_WAITING);
        if !is_unreachable {
            return Step::stop(comes_again);
        }
        let reason = format!("unreachable: {why}");
        self.hold(record, event, &reason).await
    }

    /// How many versions of the group are behind the event, as far as the ledger knows.
    async fn waiting(&self, event: &Event<'_>) -> i64 {
        let keys = [ItemKey::Group(self.group.clone())];
        let found = LedgerRead::new(&keys, self.ports.ledger.read(&keys).await);
        let version = found.group(self.group).present().map_or(0, |item| item.version);
        version.saturating_sub(event.message.version)
    }

    async fn refused_for_good(
        &mut self,
        record: &Record,
        event: &Event<'_>,
        after: ConsumerState,
        reason: &str,
    ) -> Step {
        match self.client.on_refused {
            OnRefused::Hold => self.hold(record, event, reason).await,
            OnRefused::Skip => self.skip(record, event, after, reason).await,
        }
    }

    async fn hold(&mut self, record: &Record, event: &Event<'_>, reason: &str) -> Step {
        if let Err(why) = self.mark_refused(event).await {
            return self.unread(&why);
        }
        let need = Need::hold(self.state(), &event.message, reason);
        self.ask(record, event, need).await
    }

    /// Leaves the event out, with a rejection.
    async fn skip(&mut self, record: &Record, event: &Event<'_>, after: ConsumerState, reason: &str) -> Step {
        let (client, version) = (self.client.name.as_str(), event.message.version);
        let why = format!(
            "client `{client}`, version {version}: its target refused it, and it was left out: {reason}; the target has what comes \
             after it, so a replay does not bring it: give the target this event in another way"
        );
        let rejection = Rejection {
            reason: why,
            event_id: Some(event.id.to_owned()),
            version: Some(version),
            ..Rejection::default()
        };
        if let Err(why) = self.reject(rejection, event.id).await {
            return self.unread(&why);
        }
        let mark = self.delivery.as_ref().and_then(|delivery| delivery.mark.clone());
        if let Err(why) = self.record(event, after, record.place, mark).await {
            return self.unread(&why);
        }
        error!(client, group = %self.group, version, reason, "left out, with a rejection: its target refuses it");
        self.counts.skipped += 1;
        Step::acknowledged(1)
    }

    /// Leaves a message out that is none of the pipeline's, with a rejection: it can never be delivered. If it was, the next event
    /// shows that something is missing.
    async fn reject_foreign(&mut self, record: &Record, why: &str) -> Step {
        let (client, group, id) = (self.client.name.as_str(), self.group, record.id.as_deref());
        let shown = id.unwrap_or("without an id");
        let reason =
            format!("client `{client}`: message {shown} of its queue can't be read, and was left out: {why}");
        let rejection = Rejection { reason, ..Rejection::default() };
        if let Err(why) = self.reject(rejection, id.unwrap_or_default()).await {
            return self.unread(&why);
        }
        error!(client, %group, id, why, "left out, with a rejection: no message of the pipeline");
        self.counts.skipped += 1;
        Step::acknowledged(1)
    }

    /// Puts a rejection about what has this `id` on the rejected queue.
    async fn reject(&self, rejection: Rejection<'_>, id: &str) -> Result<(), String> {
        let id = DeduplicationId::of_stream_record(&format!("push {} {id}", self.client.name));
        let message = rejection.message(Some(self.group.clone()), &id);
        let limits = Limits::new(&self.ports.budget, self.ports.deadline, 1);
        let (clock, transport) = (self.ports.clock, self.ports.transport);
        let sent = send_runs(clock, transport, self.ports.rejected, route([message]), &limits).await;
        all_accepted(sent).map_err(|stop| stop.why)
    }

    /// Asks catch-up for what the head needs, or goes on if it was done.
    async fn ask(&mut self, record: &Record, event: &Event<'_>, need: Need) -> Step {
        let request = match self.request().await {
            Ok(request) => request,
            Err(why) => return self.unread(&why),
        };
        match need.progress(request.as_ref()) {
            Progress::Done => return self.confirm(record, event, need, request).await,
            Progress::Asked => return Step::stop(pace::asked(record.receive_count)),
            Progress::ToAsk => {}
        }
        let fresh = self.ports.ledger.fresh();
        let id = match ReplayId::try_new(&format!("push-{fresh:016x}")) {
            Ok(id) => id,
            Err(why) => return self.unread(&why.to_string()),
        };
        let now = self.ports.clock.now();
        let asked = need.request(id, self.ports.ledger.fresh(), now);
        let condition =
            request.map_or(Condition::Absent, |request| Condition::WriteCount(request.write_count));
        let key = ItemKey::DeliveryRequest(self.id, self.group.clone());
        let write = Write { key, condition, item: Some(Item::DeliveryRequest(asked.clone())) };
        if let Err(why) = self.ports.ledger.write(&[write]).await {
            return self.unread(&why.to_string());
        }
        self.counts.requested += 1;
        let (client, from, kind) = (self.client.name.as_str(), asked.from, &asked.kind);
        warn!(client, group = %self.group, version = event.message.version, from, kind = ?kind, "asked of catch-up");
        Step::stop(pace::asked(record.receive_count))
    }

    /// Catch-up has done what the head needs: what comes until then is acknowledged without effect.
    async fn confirm(
        &mut self,
        record: &Record,
        event: &Event<'_>,
        need: Need,
        request: Option<DeliveryRequest>,
    ) -> Step {
        let mut delivery = self.delivery_with(Some(need.after), None);
        delivery.asked_at = request.as_ref().and_then(|request| request.done_at);
        delivery.place = record.place.or(delivery.place);
        if let Err(why) = self.write(delivery).await {
            return self.unread(&why);
        }
        // One that is left is told from the next need by what showed it.
        if let Some(request) = request {
            let key = ItemKey::DeliveryRequest(self.id, self.group.clone());
            let condition = Condition::WriteCount(request.write_count);
            if let Err(why) = self.ports.ledger.write(&[Write { key, condition, item: None }]).await {
                info!(client = self.client.name.as_str(), group = %self.group, %why, "a request that was carried out is left");
            }
        }
        let (client, version) = (self.client.name.as_str(), event.message.version);
        info!(client, group = %self.group, version, "acknowledged: it comes again");
        Step { acknowledged: 1, stop: Some(Duration::ZERO) }
    }

    async fn request(&self) -> Result<Option<DeliveryRequest>, String> {
        let keys = [ItemKey::DeliveryRequest(self.id, self.group.clone())];
        let found = LedgerRead::new(&keys, self.ports.ledger.read(&keys).await);
        let unread = || found.unread(&keys[0]).map_or_else(String::new, ToString::to_string);
        let request = found.delivery_request(self.id, self.group).known(unread)?;
        Ok(request.cloned())
    }

    /// Whether the event is one that the target refused, or that is to be held.
    fn is_refused_head(&self, event: &Event<'_>) -> bool {
        let refused = self.delivery.as_ref().and_then(|delivery| delivery.refused.as_ref());
        refused.is_some_and(|head| {
            head.version == event.message.version && head.incarnation == event.message.incarnation
        })
    }

    /// Keeps that the event is refused, and returns since when it is.
    async fn mark_refused(&mut self, event: &Event<'_>) -> Result<Timestamp, String> {
        if self.is_refused_head(event)
            && let Some(refused) = self.delivery.as_ref().and_then(|delivery| delivery.refused.as_ref())
        {
            return Ok(refused.since);
        }
        let since = self.ports.clock.now();
        let head = RefusedHead {
            version: event.message.version,
            incarnation: event.message.incarnation.clone(),
            since,
        };
        let asked_at = self.delivery.as_ref().and_then(|delivery| delivery.asked_at);
        let delivery = self.delivery_with(self.state().cloned(), Some(head));
        self.write(Delivery { asked_at, ..delivery }).await?;
        Ok(since)
    }

    /// Keeps that the target has the event, or was told of the erasure and has nothing any more.
    async fn record(
        &mut self,
        event: &Event<'_>,
        state: ConsumerState,
        place: Option<QueuePlace>,
        mark: Option<String>,
    ) -> Result<(), String> {
        let state = (!event.message.is_erasure).then_some(state);
        let mark = mark.filter(|_| state.is_some());
        let delivery = self.delivery_with(state, None);
        self.write(Delivery { place: place.or(delivery.place), mark, ..delivery }).await
    }

    fn delivery_with(&self, state: Option<ConsumerState>, refused: Option<RefusedHead>) -> Delivery {
        let (place, mark, unknown) = self.delivery.as_ref().map_or_else(
            || (None, None, Attributes::new()),
            |before| (before.place, before.mark.clone(), before.unknown.clone()),
        );
        let write_count = WriteCount(self.ports.ledger.fresh());
        Delivery { write_count, state, place, mark, refused, asked_at: None, unknown }
    }

    /// Writes what the ledger has of the group, on condition that it is as it was read.
    async fn write(&mut self, delivery: Delivery) -> Result<(), String> {
        let condition = match &self.delivery {
            None => Condition::Absent,
            Some(before) => Condition::WriteCount(before.write_count),
        };
        let key = ItemKey::Delivery(self.id, self.group.clone());
        let write = Write { key, condition, item: Some(Item::Delivery(delivery.clone())) };
        self.ports.ledger.write(&[write]).await.map_err(|error| error.to_string())?;
        self.delivery = Some(delivery);
        Ok(())
    }

    /// What could not be read or written: the head comes again.
    fn unread(&self, why: &str) -> Step {
        warn!(client = self.client.name.as_str(), group = %self.group, why, "returned, with its group");
        Step::stop(spread(pace::LEDGER, self.random()))
    }

    /// Who may be asked now: less if another group of this batch has met a target that is none, or tries it.
    fn mode(&self, may_probe: bool) -> Mode {
        match (&self.mode, self.ports.closed()) {
            (Mode::Open, Some(why)) => Mode::Closed(PROBE, why),
            (Mode::Probe, Some(why)) if !may_probe => Mode::Closed(SOON, why),
            (mode, _) => mode.clone(),
        }
    }

    fn count(&mut self, index: usize, taken: usize) {
        let now = self.ports.clock.now();
        self.counts.delivered += taken;
        for record in self.records.iter().skip(index).take(taken) {
            self.counts.latencies.add(age(record.sent_at, now));
        }
    }

    fn random(&self) -> u64 {
        self.ports.ledger.fresh()
    }
}
