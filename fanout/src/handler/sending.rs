//! The runs of all groups of a round go to all clients at the same time, each client within a time of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use shared::clock::Clock;
use shared::config::{Client, ClientName};
use shared::ids::Group;
use shared::ledger::fan_out::{ClientEvent, ClientRun, Reached, RunPlan};
use shared::naming::{Naming, QueueUrl};
use shared::send::{Limits, Outcome, Run, Stop, StopReason, Transport, send_runs};
use shared::time::Timestamp;

/// Where a client's events go.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) client: ClientName,
    queue: QueueUrl,
}

/// What became of a group's run.
#[derive(Debug, Default)]
pub(super) struct GroupOutcome {
    /// How far it brought the clients that it was sent to.
    pub(super) reached: Reached,
    /// Why a client did not take all of it.
    pub(super) stops: BTreeMap<ClientName, Stop>,
}

/// How sending to one client went.
pub(super) struct ClientOutcome<'d> {
    pub(super) client: &'d ClientName,
    /// How many messages it took.
    pub(super) accepted: usize,
    /// How many runs it failed. (What its queue refuses for good is no failure of the queue.)
    pub(super) failed: u32,
    /// Why it failed the last of them.
    pub(super) why: Option<String>,
    /// Whether it took a run to its end.
    pub(super) took: bool,
    /// From the stream to its queue, of each message that says when it was streamed.
    pub(super) latencies: Vec<Duration>,
}

/// A plan for one of its clients.
struct ClientPlan<'w> {
    plan: &'w RunPlan,
    run: &'w ClientRun,
}

impl Destination {
    pub(super) fn new(client: &Client, naming: &Naming) -> Self {
        Self { client: client.name.clone(), queue: client.queue_url(naming) }
    }
}

/// Sends the runs of `plans` to every client that they are planned for. Returns what became of each group, and of each
/// client.
///
/// `is_cut`: a client's time is shorter than its share, so that it is no fault of the client if that is over.
pub(super) async fn send<'d>(
    clock: &impl Clock,
    transport: &impl Transport,
    destinations: &'d [Destination],
    plans: &[&RunPlan],
    limits: &Limits,
    is_cut: bool,
) -> (BTreeMap<Group, GroupOutcome>, Vec<ClientOutcome<'d>>) {
    let is_tried =
        |destination: &&Destination| plans.iter().any(|plan| plan.tried(&destination.client).is_some());
    // Boxed: a hundred of them are polled in one place.
    let sends = destinations.iter().filter(is_tried).map(|destination| {
        Box::pin(async move {
            let outcomes = send_to(clock, transport, destination, plans, limits).await;
            (destination, outcomes, clock.now())
        })
    });
    let mut groups = BTreeMap::<Group, GroupOutcome>::new();
    let mut clients = Vec::new();
    for (destination, outcomes, at) in join_all(sends).await {
        let mut client = ClientOutcome::new(&destination.client);
        for outcome in outcomes {
            client.count(&outcome, at, is_cut);
            let ClientPlan { plan, run } = outcome.tag;
            let group = groups.entry(plan.group.clone()).or_default();
            let next = outcome.stopped.as_ref().and_then(|stopped| stopped.items.first());
            let reached = run.reached(next.copied());
            group.reached.insert(run.position.client, reached);
            if let Some(stopped) = outcome.stopped {
                group.stops.insert(run.position.name.clone(), stopped.stop);
            }
        }
        clients.push(client);
    }
    (groups, clients)
}

async fn send_to<'w>(
    clock: &impl Clock,
    transport: &impl Transport,
    destination: &Destination,
    plans: &[&'w RunPlan],
    limits: &Limits,
) -> Vec<Outcome<ClientPlan<'w>, &'w ClientEvent>> {
    let runs = plans.iter().filter_map(|plan| {
        let run = plan.tried(&destination.client)?;
        Some(Run { tag: ClientPlan { plan, run }, items: run.events.iter().collect() })
    });
    send_runs(clock, transport, &destination.queue, runs.collect(), limits).await
}

impl<'d> ClientOutcome<'d> {
    fn new(client: &'d ClientName) -> Self {
        Self { client, accepted: 0, failed: 0, why: None, took: false, latencies: Vec::new() }
    }

    fn count(&mut self, outcome: &Outcome<ClientPlan<'_>, &ClientEvent>, at: Timestamp, is_cut: bool) {
        let Outcome { accepted, stopped, .. } = outcome;
        self.accepted += accepted.len();
        let streamed = accepted.iter().filter_map(|event| event.streamed_at);
        self.latencies.extend(streamed.map(|streamed_at| at.since(streamed_at)));
        let Some(stop) = stopped.as_ref().map(|stopped| &stopped.stop) else {
            self.took |= !accepted.is_empty();
            return;
        };
        match stop.reason {
            StopReason::Message => {}
            StopReason::Untried if is_cut => {}
            StopReason::OutOfTime | StopReason::Untried | StopReason::Queue => {
                self.failed += 1;
                self.why = Some(stop.why.clone());
            }
        }
    }
}
