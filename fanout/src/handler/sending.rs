//! Step 8: the runs of all groups of a round go to all clients at the same time, each in its own time budget.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use shared::config::{Client, ClientName};
use shared::event::Along;
use shared::ledger::fan_out::{Plan, Source};
use shared::message::Message;
use shared::naming::{Naming, QueueUrl};
use shared::send::{Limits, Outcome, Run, Stop, StopReason, Transport, send_runs};
use shared::time::Timestamp;

use super::group::Work;

/// Where a client's events go.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    pub(super) client: ClientName,
    queue: QueueUrl,
}

/// A run with its messages.
pub(super) struct Prepared<'w> {
    pub(super) plan: &'w Plan,
    /// One for each event of the run.
    messages: Vec<(Cow<'w, Message>, Option<Timestamp>)>,
}

/// What became of a run.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Up to which version each tried client has everything, in the order of the plan.
    pub(super) reached: Vec<u64>,
    /// Why a client did not take all of it.
    pub(super) stops: BTreeMap<ClientName, Stop>,
}

/// How sending to one client went.
pub(super) struct Served<'d> {
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

impl Destination {
    pub(super) fn new(client: &Client, naming: &Naming) -> Self {
        Self { client: client.name.clone(), queue: client.queue_url(naming) }
    }
}

/// Makes the messages of a run. `None` if one of its events is not there, which [`Plan`] promises.
pub(super) fn prepare<'w>(work: &'w Work<'_>, plan: &'w Plan) -> Option<Prepared<'w>> {
    let message = |event: &shared::ledger::fan_out::RunEvent| match event.source {
        Source::Message(position) => {
            let brought = work.batch.messages.get(position)?;
            Some((Cow::Borrowed(&*brought.message), brought.streamed_at))
        }
        Source::Table => {
            let event = work.shown.rows.as_ref()?.event(event.version)?.as_ref().ok()?;
            Some((Cow::Owned(event.message(Along::default())), None))
        }
    };
    let messages = plan.run.events.iter().map(message).collect::<Option<_>>()?;
    Some(Prepared { plan, messages })
}

/// Sends every run to every client that it is planned for. One result per run, in order, and one per client.
///
/// `is_cut`: a client's time is shorter than its budget, so that it is no fault of the client if that is over.
pub(super) async fn send<'d, T: Transport>(
    transport: &T,
    destinations: &'d [Destination],
    runs: &[Prepared<'_>],
    limits: &Limits,
    is_cut: bool,
) -> (Vec<Sent>, Vec<Served<'d>>) {
    let mut sent: Vec<Sent> = runs
        .iter()
        .map(|run| Sent {
            reached: run.plan.tried.iter().map(|start| start.has).collect(),
            stops: BTreeMap::new(),
        })
        .collect();
    let is_tried =
        |destination: &&Destination| runs.iter().any(|run| run.plan.position(&destination.client).is_some());
    // Boxed: a hundred of them are polled in one place.
    let sends = destinations
        .iter()
        .filter(is_tried)
        .map(|destination| Box::pin(send_to(transport, destination, runs, limits, is_cut)));
    let mut all_served = Vec::new();
    for (served, outcomes) in join_all(sends).await {
        for OneSent { run, start, reached, stop } in outcomes {
            let Some(sent) = sent.get_mut(run) else { continue };
            if let Some(position) = sent.reached.get_mut(start) {
                *position = reached;
            }
            sent.stops.extend(stop.map(|stop| (served.client.clone(), stop)));
        }
        all_served.push(served);
    }
    (sent, all_served)
}

/// What became of one run for one client: both by index.
struct OneSent {
    run: usize,
    start: usize,
    reached: u64,
    stop: Option<Stop>,
}

async fn send_to<'d, T: Transport>(
    transport: &T,
    destination: &'d Destination,
    runs: &[Prepared<'_>],
    limits: &Limits,
    is_cut: bool,
) -> (Served<'d>, Vec<OneSent>) {
    let mut wanted = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let position = run.plan.position(&destination.client);
        if let Some((position, start)) = position.and_then(|at| Some((at, run.plan.tried.get(at)?))) {
            let messages = run.plan.run.events.iter().zip(&run.messages);
            let messages: Vec<_> =
                messages.filter(|(event, _)| event.version > start.has).map(|(_, message)| message).collect();
            wanted.push((index, position, start, messages));
        }
    }
    let to_send: Vec<Run<'_>> = wanted
        .iter()
        .map(|(_, _, _, messages)| Run { messages: messages.iter().map(|(message, _)| &**message).collect() })
        .collect();
    let outcomes = send_runs(transport, &destination.queue, &to_send, limits).await;
    let at = transport.now();

    let mut served = Served {
        client: &destination.client,
        accepted: 0,
        failed: 0,
        why: None,
        took: false,
        latencies: Vec::new(),
    };
    let mut results = Vec::new();
    for ((run, position, start, messages), outcome) in wanted.into_iter().zip(outcomes) {
        let Outcome { accepted, stopped } = outcome;
        served.accepted += accepted;
        for streamed_at in messages.iter().take(accepted).filter_map(|(_, streamed_at)| *streamed_at) {
            served.latencies.push(at.since(streamed_at));
        }
        match stopped.as_ref().map(|stop| stop.reason) {
            None => served.took |= !messages.is_empty(),
            Some(StopReason::Message) => {}
            Some(StopReason::Untried) if is_cut => {}
            Some(StopReason::OutOfTime | StopReason::Untried | StopReason::Queue) => {
                served.failed += 1;
                served.why = stopped.as_ref().map(|stop| stop.why.clone());
            }
        }
        let reached = runs.get(run).map_or(start.has, |prepared| prepared.plan.reached(start, accepted));
        results.push(OneSent { run, start: position, reached, stop: stopped });
    }
    (served, results)
}
