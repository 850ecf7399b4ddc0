//! One invocation of the fan-out. (`docs/ledger.md`, "Fan-out", is the specification.)
//!
//! What is done with a group is decided in [`shared::ledger::fan_out`]; here it is done, for all groups of a batch at
//! the same time, in rounds: one read, look-ups, one request per client for up to ten groups, one write per group.

mod answer;
mod arrivals;
mod circuit_breaker;
mod group;
mod look_up;
mod rejecting;
mod sending;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use futures_util::future::{join, join_all};
use serde_json::value::RawValue;
use shared::batch;
use shared::budget::Budget;
use shared::clock::Clock;
use shared::config::{ClientName, Config, Source};
use shared::file_clients::FileClients;
use shared::ids::Group;
use shared::ledger::fan_out::{ClientPosition, RunPlan};
use shared::ledger::{
    BoundedPort, EventTable, ItemKey, Ledger, LedgerRead, Ports, READ_LIMIT, Registry, State,
};
use shared::metrics::{CountingPort, DUPLICATES, RECORDS_IN, Tally};
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::panics::caught;
use shared::send::{Limits, Transport};
use shared::time::Timestamp;
use shared::visibility::hasten;
use tokio::sync::Semaphore;
use tracing::{error, info, warn};

use self::answer::{Counts, ReturnedMessages};
use self::arrivals::{SortedBatch, by_group};
use self::circuit_breaker::CircuitBreakers;
use self::group::{DoneGroup, OpenGroup, Preparation, RecordedRun, ReturnReason, Stage, Verdict};
use self::sending::{ClientOutcome, Destination, send};
use crate::message::Delivery;
use crate::returned::respond;

pub use shared::batch::BatchError;
pub use shared::visibility::Visibility;

/// The pause after the first write of a group that failed; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(25);

/// The longest of them.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why messages are returned when nothing may be begun any more.
const OVER: &str = "the time for it is over";

/// How many bytes of events are kept of all look-ups together.
const BYTES_LIMIT: usize = 8 << 20;

/// How many pages of the event table are in memory at once. A page has up to 1 MB in the table, and twenty times as
/// much while it is read: two groups with pages at once leave a function of 256 MB the rest.
const PAGES_AT_ONCE: usize = 2;

/// A group that was received as often is handled by itself, after the others: if it is the reason why the function was
/// ended, it no longer takes others with it.
const OFTEN: u32 = 5;

/// The fan-out, ready for any number of invocations.
#[derive(Debug)]
pub struct Fanout {
    file: FileClients,
    destinations: Vec<Destination>,
    fan_out: QueueUrl,
    rejected: QueueUrl,
    requests_in_flight: usize,
    source: Source,
    breakers: Mutex<CircuitBreakers>,
}

/// Everything that an invocation acts on.
struct Invocation<'s, C, T, L, E> {
    clock: &'s C,
    transport: &'s T,
    ledger: BoundedPort<'s, C, L>,
    table: BoundedPort<'s, C, E>,
    budget: Budget,
    /// One permit for each page that may be in memory.
    pages: Semaphore,
    /// How many bytes of events are kept of one group's look-up.
    bytes_limit: usize,
    /// The version of an aggregate's first event.
    first_version: i64,
}

impl Fanout {
    /// A fan-out for this configuration and place.
    pub fn new(config: &Config, naming: &Naming) -> Self {
        Self {
            file: FileClients::new(&config.clients),
            destinations: config.clients.iter().map(|client| Destination::new(client, naming)).collect(),
            fan_out: naming.own_queue(OwnQueue::FanOut),
            rejected: naming.own_queue(OwnQueue::Rejected),
            requests_in_flight: config.requests_in_flight,
            source: config.source.clone(),
            breakers: Mutex::default(),
        }
    }

    /// Handles one batch of messages. The response names those that are delivered again. Of a group that
    /// is all or none; a message that can't be processed goes by itself.
    ///
    /// `deadline` is when Lambda ends the invocation. What is counted is noted in `tally`.
    ///
    /// # Errors
    ///
    /// [`BatchError`] if the whole batch must be returned.
    pub async fn handle<C: Clock, T: Transport + Visibility, L: Ledger, E: EventTable>(
        &self,
        ports: Ports<'_, C, T, L, E>,
        payload: &RawValue,
        deadline: Timestamp,
        tally: &mut Tally,
    ) -> Result<SqsBatchResponse, BatchError> {
        let records = batch::records(payload)?;
        tally.count(RECORDS_IN, records.len());
        let (clock, transport) = (ports.clock, &CountingPort::new(ports.transport));
        let (ledger, table) = (CountingPort::new(ports.ledger), CountingPort::new(ports.table));
        let budget = Budget::new(clock.now(), deadline);
        let records = records.into_iter().enumerate();
        let deliveries: Vec<Delivery<'_>> = records.map(|(index, raw)| Delivery::read(index, raw)).collect();
        let SortedBatch { groups, unfit } = by_group(&deliveries, &self.source);
        let ports = Invocation {
            clock,
            transport,
            ledger: BoundedPort::new(clock, &ledger, budget),
            table: BoundedPort::new(clock, &table, budget),
            budget,
            pages: Semaphore::new(PAGES_AT_ONCE),
            bytes_limit: BYTES_LIMIT / groups.len().max(1),
            first_version: self.source.version.first,
        };

        let mut counts = Counts::default();
        let open = groups.into_iter().map(OpenGroup::new);
        let (often, open): (Vec<_>, Vec<_>) = open.partition(|group| group.receive_count() >= OFTEN);
        let rejections = self.reject_unfit(&ports, &unfit);
        let (unrejected, mut done) = join(rejections, self.rounds(&ports, open, &mut counts)).await;
        let ports = Invocation { bytes_limit: BYTES_LIMIT, ..ports };
        for group in often {
            done.extend(self.rounds(&ports, vec![group], &mut counts).await);
        }
        log_returned(&done);
        counts.rejected += unfit.len() - unrejected.len();

        let returned = ReturnedMessages::of(&done, &unrejected);
        returned.note(clock.now(), tally);
        tally.count(DUPLICATES, done.iter().map(DoneGroup::duplicates).sum());
        counts.pairs += done.iter().map(|group| group.pairs).sum::<usize>();
        tally.ledger_calls(&ledger, &table);
        counts.note(tally);
        let visibilities = returned.visibilities();
        if let Some(why) = hasten(clock, transport, &self.fan_out, &visibilities, &budget).await {
            warn!(why, "returned messages come back only after their visibility time-out");
        }
        tally.requests(transport);
        respond(returned.deliveries())
    }

    /// Works on all groups, round after round, until each is done.
    async fn rounds<'b, C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &self,
        ports: &Invocation<'_, C, T, L, E>,
        mut open: Vec<OpenGroup<'b>>,
        counts: &mut Counts,
    ) -> Vec<DoneGroup<'b>> {
        let mut done = Vec::new();
        while let Some(failures) = open.iter().map(OpenGroup::failures).max() {
            if failures > 0 {
                let pause = FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(8)).min(LONGEST_PAUSE);
                ports.clock.sleep(pause).await;
            }
            let stages = if ports.is_over() {
                open.into_iter().map(|group| group.give_back(OVER)).collect()
            } else {
                self.round(ports, open, counts).await
            };
            open = Vec::new();
            for stage in stages {
                match stage {
                    Stage::Open(group) => open.push(*group),
                    Stage::Done(group) => done.push(group),
                }
            }
        }
        done
    }

    /// Reads, decides, sends and writes once for each of `open`.
    async fn round<'b, C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &self,
        ports: &Invocation<'_, C, T, L, E>,
        open: Vec<OpenGroup<'b>>,
        counts: &mut Counts,
    ) -> Vec<Stage<'b>> {
        let keys = [ItemKey::Registry].into_iter().chain(open.iter().map(OpenGroup::item_key));
        let found = ports.read(keys.collect()).await;
        let now = ports.clock.now();
        let reachable = self.reachable(now);
        let is_reachable = |name: &ClientName| reachable.contains(name);
        let until = ports.budget.lookups(now);
        let prepared = open.into_iter().map(|group| {
            let fallback = group.fallback();
            let prepared = Box::pin(group.prepare(ports, &found, &self.file, &is_reachable, until));
            caught(prepared, || Preparation::Unplanned(Stage::Done(fallback)))
        });
        let (mut planned, mut implausible, mut stages) = (Vec::new(), Vec::new(), Vec::new());
        for prepared in join_all(prepared).await {
            match prepared {
                Preparation::Planned(group) => planned.push(*group),
                Preparation::Implausible(group) => implausible.push(*group),
                Preparation::Unplanned(stage) => stages.push(stage),
            }
        }
        stages.extend(self.reject_implausible(ports, implausible, counts).await);
        let (planned, held_up) = self.reject_events(ports, planned).await;
        stages.extend(held_up);
        if ports.is_over() {
            // No client would be tried, and each would become behind.
            stages.extend(planned.into_iter().map(|group| group.give_back(OVER)));
            return stages;
        }

        let plans: Vec<&RunPlan> = planned.iter().map(|group| &group.plan).collect();
        let (limits, is_cut) = ports.limits(self.requests_in_flight);
        let (mut outcomes, clients) =
            send(ports.clock, ports.transport, &self.destinations, &plans, &limits, is_cut).await;
        self.note_clients(clients, ports.clock.now(), counts);

        let registry = found.registry().present();
        let records = planned.into_iter().map(|group| {
            let outcome = outcomes.remove(&group.plan.group).unwrap_or_default();
            let fallback = group.fallback();
            Box::pin(async {
                let recorded = Box::pin(group.record(ports, &outcome.reached));
                let (stage, recorded) = caught(recorded, || (Stage::Done(fallback), None)).await;
                (stage, recorded, outcome)
            })
        });
        let records: Vec<_> = records.collect();
        for (stage, recorded, outcome) in join_all(records).await {
            stages.push(stage);
            let Some(RecordedRun { plan, became_behind }) = recorded else { continue };
            counts.recorded(&plan.group, &plan.run);
            for start in became_behind {
                let stop = outcome.stops.get(&start.name).map(|stop| stop.why.clone());
                let why = stop.or_else(|| plan.view_error(&start.name).map(ToString::to_string));
                self.note_behind(&plan.group, &start, why.as_deref(), registry, counts);
            }
        }
        stages
    }

    /// The clients of this instance's file whose circuit breakers are closed.
    fn reachable(&self, now: Timestamp) -> BTreeSet<&ClientName> {
        let clients = self.destinations.iter().map(|destination| &destination.client);
        self.breakers(|breakers| clients.filter(|client| !breakers.is_open(client, now)).collect())
    }

    /// Counts what clients took, and remembers which failed.
    fn note_clients(&self, outcomes: Vec<ClientOutcome<'_>>, now: Timestamp, counts: &mut Counts) {
        for ClientOutcome { client, accepted, failed, why, took, latencies } in outcomes {
            counts.sent += accepted;
            latencies.into_iter().for_each(|latency| counts.latencies.add(latency));
            if failed == 0 && took {
                self.breakers(|breakers| breakers.took(client));
            }
            if failed > 0 && self.breakers(|breakers| breakers.failed(client, failed, now)) {
                let client = client.as_str();
                warn!(client, why, "client fails; it is not tried for a moment, and falls behind");
            }
        }
    }

    /// Notes that a client became behind; `why` is what stopped its run, if it was tried.
    fn note_behind(
        &self,
        group: &Group,
        start: &ClientPosition,
        why: Option<&str>,
        registry: Option<&Registry>,
        counts: &mut Counts,
    ) {
        let registration = registry.and_then(|registry| registry.clients.get(&start.name));
        let in_file = self.file.get(&start.name);
        let (client, position) = (start.name.as_str(), start.has);
        if let Some(why) = why {
            warn!(client, %group, position, why, "client became behind");
        } else {
            let why = match (registration, in_file) {
                (Some(registration), _) if registration.state == State::Paused => "it is paused",
                (_, None) => "it is not in this instance's `client-queues.toml`",
                (Some(registration), Some(client)) if *client.filter() != registration.filter => {
                    "its filter in this instance's `client-queues.toml` is not the one that holds"
                }
                _ => "it failed, and is not tried for a moment",
            };
            info!(client, %group, position, why, "client became behind");
        }
        counts.became_behind.push(start.name.clone());
    }

    fn breakers<R>(&self, with: impl FnOnce(&mut CircuitBreakers) -> R) -> R {
        with(&mut self.breakers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Logs why messages are returned: each reason once, however many groups it keeps waiting.
fn log_returned(done: &[DoneGroup<'_>]) {
    let mut reasons = BTreeMap::<(&str, bool), Vec<&str>>::new();
    for DoneGroup { group, verdict, .. } in done {
        if let Verdict::Returned(ReturnReason { why, is_stuck }) = verdict {
            reasons.entry((why, *is_stuck)).or_default().push(group.as_str());
        }
    }
    for ((why, is_stuck), groups) in reasons {
        let groups = groups.join(" ");
        if is_stuck {
            error!(
                groups,
                why, "groups stand still until an operator acts; their messages are returned and tried again"
            );
        } else {
            warn!(groups, why, "messages are returned and tried again");
        }
    }
}

impl<C: Clock, T, L: Ledger, E: EventTable> Invocation<'_, C, T, L, E> {
    /// Whether nothing may be begun any more.
    fn is_over(&self) -> bool {
        self.clock.now() >= self.budget.sends()
    }

    /// Reads, in one call but for more than a mapping delivers.
    async fn read(&self, keys: Vec<ItemKey>) -> LedgerRead {
        let mut results = Vec::with_capacity(keys.len());
        for keys in keys.chunks(READ_LIMIT) {
            results.extend(self.ledger.read(keys).await);
        }
        LedgerRead::new(&keys, results)
    }

    /// The bounds of sending to one queue in one round, and whether the end of the invocation cuts them.
    fn limits(&self, requests_in_flight: usize) -> (Limits, bool) {
        let (now, sends) = (self.clock.now(), self.budget.sends());
        let client = self.budget.client(now);
        let limits = Limits {
            retry_deadline: sends.min(self.budget.repetitions(now)),
            ..Limits::new(&self.budget, sends.min(client), requests_in_flight)
        };
        (limits, sends < client)
    }
}
