//! One invocation of the fan-out: `docs/ledger.md`, section 3.
//!
//! What is done with a group is decided in [`shared::ledger::fan_out`]; here it is done, for all groups of a batch at the
//! same time, in rounds: one read, look-ups, one request per client for up to ten groups, one write per group.

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
use shared::config::{ClientName, Config, Source};
use shared::ids::Group;
use shared::ledger::fan_out::{Plan, Start};
use shared::ledger::{Bounded, EventTable, Found, ItemKey, Ledger, Ports, READ_LIMIT, Registry, State};
use shared::metrics::{Counted, DUPLICATES, RECORDS_IN, Tally};
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::send::{Limits, Transport};
use shared::time::Timestamp;
use tracing::{error, info, warn};

use self::answer::{Counts, Returned};
use self::arrivals::{Sorted, sort};
use self::circuit_breaker::CircuitBreakers;
use self::group::{Verdict, Work};
use self::sending::{Destination, Prepared, Served, prepare, send};
use crate::message::Delivery;
use crate::payload::Payload;
use crate::returned::{hasten, respond};

pub use crate::payload::BatchError;
pub use crate::returned::Visibility;

/// The pause after the first write of a group that failed; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(25);

/// The longest of them.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why messages are returned when nothing may be begun any more.
const OVER: &str = "the time for it is over";

/// How many bytes of events are kept of all look-ups together.
const BYTES_LIMIT: usize = 8 << 20;

/// The fan-out, ready for any number of invocations.
#[derive(Debug)]
pub struct Fanout {
    destinations: Vec<Destination>,
    fan_out: QueueUrl,
    rejected: QueueUrl,
    requests_in_flight: usize,
    source: Source,
    breakers: Mutex<CircuitBreakers>,
}

/// Everything that an invocation acts on.
struct Invocation<'s, T, L, E> {
    transport: &'s T,
    ledger: Bounded<'s, T, L>,
    table: Bounded<'s, T, E>,
    began: Timestamp,
    deadline: Timestamp,
    /// No send, and nothing that one could follow, starts after this.
    last_start: Timestamp,
    /// How many bytes of events are kept of one group's look-up.
    bytes_limit: usize,
}

impl Fanout {
    /// A fan-out for this configuration and place.
    pub fn new(config: &Config, naming: &Naming) -> Self {
        Self {
            destinations: config.clients.iter().map(|client| Destination::new(client, naming)).collect(),
            fan_out: naming.own_queue(OwnQueue::FanOut),
            rejected: naming.own_queue(OwnQueue::Rejected),
            requests_in_flight: config.requests_in_flight,
            source: config.source.clone(),
            breakers: Mutex::default(),
        }
    }

    /// Handles one batch of messages. The response names those that are delivered again: of a group all or none.
    ///
    /// `deadline` is when Lambda ends the invocation. What is counted is noted in `tally`.
    ///
    /// # Errors
    ///
    /// [`BatchError`] if the whole batch must be returned.
    pub async fn handle<T: Transport + Visibility, L: Ledger, E: EventTable>(
        &self,
        ports: Ports<'_, T, L, E>,
        payload: &RawValue,
        deadline: Timestamp,
        tally: &mut Tally,
    ) -> Result<SqsBatchResponse, BatchError> {
        let Payload { records } = Payload::read(payload)?;
        tally.count(RECORDS_IN, records.len());
        let transport = &Counted::new(ports.transport);
        let (ledger, table) = (Counted::new(ports.ledger), Counted::new(ports.table));
        let began = transport.now();
        let deliveries: Vec<Delivery<'_>> = records.iter().map(|raw| Delivery::read(raw)).collect();
        let Sorted { groups, unfit } = sort(&deliveries, &self.source);
        let ports = Invocation {
            transport,
            ledger: Bounded::new(transport, &ledger, deadline),
            table: Bounded::new(transport, &table, deadline),
            began,
            deadline,
            last_start: began.share(deadline, 2, 3),
            bytes_limit: BYTES_LIMIT / groups.len().max(1),
        };

        let mut works: Vec<Work<'_>> = groups.into_iter().map(Work::new).collect();
        let mut counts = Counts::default();
        let rejections = self.reject_unfit(&ports, &records, &deliveries, &unfit);
        let (unsent_rejections, ()) = join(rejections, self.rounds(&ports, &mut works, &mut counts)).await;
        tell_returned(&works);
        counts.rejected += unfit.len() - unsent_rejections.len();

        let returned = Returned::of(&works, &unsent_rejections, &deliveries, transport.now());
        let duplicates = works.iter().filter(|work| work.verdict == Some(Verdict::Acknowledged));
        returned.note(tally);
        tally.count(DUPLICATES, duplicates.map(Work::duplicates).sum());
        tally.ledger_calls(&ledger, &table);
        counts.note(tally);
        hasten(transport, &self.fan_out, &returned.changes, deadline).await;
        tally.requests(transport);
        respond(&deliveries, &returned.indexes)
    }

    async fn rounds<T: Transport, L: Ledger, E: EventTable>(
        &self,
        ports: &Invocation<'_, T, L, E>,
        works: &mut [Work<'_>],
        counts: &mut Counts,
    ) {
        loop {
            let mut open: Vec<&mut Work<'_>> =
                works.iter_mut().filter(|work| work.verdict.is_none()).collect();
            let Some(tries) = open.iter().map(|work| work.tries).max() else { return };
            if tries > 0 {
                let pause = FIRST_PAUSE.saturating_mul(1 << (tries - 1).min(8)).min(LONGEST_PAUSE);
                ports.transport.sleep(pause).await;
            }
            if ports.is_over() {
                open.iter_mut().for_each(|work| work.give_back(OVER));
                return;
            }
            self.round(ports, open, counts).await;
        }
    }

    /// Reads, decides, sends and writes once for every group that is not done.
    async fn round<T: Transport, L: Ledger, E: EventTable>(
        &self,
        ports: &Invocation<'_, T, L, E>,
        open: Vec<&mut Work<'_>>,
        counts: &mut Counts,
    ) {
        let groups = open.iter().map(|work| ItemKey::Group(work.batch.group.clone()));
        let found = ports.read([ItemKey::Registry].into_iter().chain(groups).collect()).await;
        let now = ports.transport.now();
        let reachable = self.reachable(now);
        let is_reachable = |name: &ClientName| reachable.contains(name);
        // A group that needs longer must not cost the others their sends.
        let until = now.share(ports.last_start, 1, 2);
        let settled = open.into_iter().map(async |work| {
            let plan = Box::pin(work.settle(ports, &found, &is_reachable, until)).await;
            plan.map(|plan| (work, plan))
        });
        let planned: Vec<(&mut Work<'_>, Plan)> = join_all(settled).await.into_iter().flatten().collect();
        let planned = self.reject_items(ports, planned).await;
        if planned.is_empty() {
            return;
        }
        if ports.is_over() {
            // Nobody would be tried, and everybody would become behind.
            planned.into_iter().for_each(|(work, _)| work.give_back(OVER));
            return;
        }

        let runs: Option<Vec<Prepared<'_>>> =
            planned.iter().map(|(work, plan)| prepare(work, plan)).collect();
        let Some(runs) = runs else {
            planned.into_iter().for_each(|(work, _)| work.give_back("an event of a run is not at hand"));
            return;
        };
        let (limits, is_cut) = ports.limits(self.requests_in_flight);
        let destinations = &self.destinations;
        let (sent, served) = send(ports.transport, destinations, &runs, &limits, is_cut).await;
        self.note_served(served, ports.transport.now(), counts);
        drop(runs);

        let registry = found.registry().flatten();
        let records = planned.into_iter().zip(sent).map(async |((work, plan), sent)| {
            let became_behind = Box::pin(work.record(ports, &plan, &sent.reached)).await?;
            Some((plan, sent, became_behind))
        });
        for (plan, sent, became_behind) in join_all(records).await.into_iter().flatten() {
            counts.recorded(&plan.group, &plan.run);
            for start in became_behind {
                let why = sent.stops.get(&start.name).map(|stop| stop.why.as_str());
                self.note_behind(&plan.group, &start, why, registry, counts);
            }
        }
    }

    /// The clients of this instance's file that do not rest.
    fn reachable(&self, now: Timestamp) -> BTreeSet<&ClientName> {
        let clients = self.destinations.iter().map(|destination| &destination.client);
        self.breakers(|breakers| clients.filter(|client| !breakers.is_open(client, now)).collect())
    }

    /// Counts what clients took, and remembers who failed.
    fn note_served(&self, served: Vec<Served<'_>>, now: Timestamp, counts: &mut Counts) {
        for Served { client, accepted, failed, why, took, latencies } in served {
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
        start: &Start,
        why: Option<&str>,
        registry: Option<&Registry>,
        counts: &mut Counts,
    ) {
        let state =
            registry.and_then(|registry| registry.clients.get(&start.name)).map(|client| client.state);
        let is_in_file = self.destinations.iter().any(|served| served.client == start.name);
        let (client, position) = (start.name.as_str(), start.has);
        if let Some(why) = why {
            warn!(client, %group, position, why, "client became behind");
        } else {
            let why = match state {
                Some(State::Paused) => "it is paused",
                _ if !is_in_file => "it is not in this instance's `client-queues.toml`",
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

/// Says why messages are returned: each reason once, however many groups it keeps waiting.
fn tell_returned(works: &[Work<'_>]) {
    let mut reasons = BTreeMap::<(&str, bool), Vec<&str>>::new();
    for work in works {
        if let Some(why) = &work.why {
            reasons.entry((why, work.is_stuck)).or_default().push(work.batch.group.as_str());
        }
    }
    for ((why, is_stuck), groups) in reasons {
        let groups = groups.join(" ");
        if is_stuck {
            error!(
                groups,
                why, "groups stand still until somebody acts; their messages are returned and tried again"
            );
        } else {
            warn!(groups, why, "messages are returned and tried again");
        }
    }
}

impl<T: Transport, L: Ledger, E: EventTable> Invocation<'_, T, L, E> {
    /// Whether nothing may be begun any more.
    fn is_over(&self) -> bool {
        self.transport.now() >= self.last_start
    }

    /// Reads, in one call but for more than a mapping delivers.
    async fn read(&self, keys: Vec<ItemKey>) -> Found {
        let mut results = Vec::with_capacity(keys.len());
        for keys in keys.chunks(READ_LIMIT) {
            results.extend(self.ledger.read(keys).await);
        }
        Found::new(&keys, results)
    }

    /// The bounds of sending to one queue in one round, and whether the end of the invocation cuts them. A slow queue
    /// holds the round up for a third of the invocation, a failing one for half of that.
    fn limits(&self, requests_in_flight: usize) -> (Limits, bool) {
        let (now, whole) = (self.transport.now(), self.deadline.since(self.began));
        let (budget, patience) = (now.plus(whole / 3), now.plus(whole / 6));
        let of_invocation =
            Limits::of_invocation(self.began, self.deadline, self.last_start, requests_in_flight);
        let limits = Limits {
            deadline: self.last_start.min(budget),
            retry_deadline: self.last_start.min(patience),
            ..of_invocation
        };
        (limits, self.last_start < budget)
    }
}
