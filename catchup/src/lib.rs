//! Catch-up: clients that are behind become up to date again, from the event table; and what else the ledger needs now
//! and then.
//!
//! One function for what is scheduled (the [maintenance](ControlRequest::Maintenance)), for what operators ask, and for what
//! consumers ask. It tells clients of erasures, and is the only one besides the fan-out that sends to clients' queues. Maintenance settles who is served, catches up
//! every client, carries out what the push functions ask for, and scans over the event table for history and for the
//! comparison of table and ledger.
//! `docs/ledger.md` is the specification.

mod adopting;
mod asked;
mod client;
mod clients;
mod compare;
mod holds;
mod look_up;
mod maintenance;
mod notices;
mod pass;
mod payload;
mod push;
mod recording;
mod request_record;
mod requests;
mod retired;
mod scans;
mod visits;
mod work;

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use shared::budget::Budget;
use shared::clock::Clock;
use shared::config::{ClientName, Config, Source};
use shared::control::{ControlAnswer, ControlRequest, MaintenanceReport};
use shared::file_clients::FileClients;
use shared::filter::FilterDigest;
use shared::ledger::membership::FileRegistration;
use shared::ledger::{BoundedPort, EventTable, Ledger, Ports, Registration};
use shared::metrics::{CountingPort, Tally, VERSIONS_USED_TWICE};
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::send::Transport;
use shared::time::Timestamp;

pub use self::asked::Answer;
pub use self::payload::ControlError;
use self::requests::ReplayReason;
use self::work::Work;

/// The catch-up function, ready for any number of invocations.
#[derive(Debug)]
pub struct CatchUp {
    /// Who is in the file.
    file: BTreeMap<ClientName, InFile>,
    /// Who of them wants an event, and what they get of it.
    clients: FileClients,
    fan_out: QueueUrl,
    rejected: QueueUrl,
    requests: QueueUrl,
    requests_in_flight: usize,
    scan_read_units: u32,
    source: Source,
}

/// What the file says of a client.
#[derive(Debug)]
struct InFile {
    queue: QueueUrl,
    registration: FileRegistration,
    /// Whether its consumer may ask for replays.
    may_ask: bool,
    /// Whether a push function delivers its queue.
    is_push: bool,
}

impl CatchUp {
    /// A catch-up function for this configuration and place.
    pub fn new(config: &Config, naming: &Naming) -> Self {
        let in_file = config.clients.iter().map(|client| {
            let filter = FilterDigest::of(client.filter.as_ref());
            let (history, erasures) = (client.history, client.erasures);
            let registration = FileRegistration { history, filter, erasures };
            let may_ask = client.request_role.is_some();
            let (queue, is_push) = (client.queue_url(naming), client.push.is_some());
            let in_file = InFile { queue, registration, may_ask, is_push };
            (client.name.clone(), in_file)
        });
        Self {
            file: in_file.collect(),
            clients: FileClients::new(&config.clients),
            fan_out: naming.own_queue(OwnQueue::FanOut),
            rejected: naming.own_queue(OwnQueue::Rejected),
            requests: naming.own_queue(OwnQueue::Requests),
            requests_in_flight: config.requests_in_flight,
            scan_read_units: config.scan_read_units,
            source: config.source.clone(),
        }
    }

    /// Whether the client is in the file with the filter that the registry has. Else a function with another file decides
    /// what it wants.
    fn agrees(&self, name: &ClientName, registration: &Registration) -> bool {
        self.clients.agreed(name, registration).is_some()
    }

    /// Does what `payload` asks for. It answers before `deadline`, when Lambda ends the invocation, with no send in
    /// flight. What is counted is noted in `tally`.
    ///
    /// # Errors
    ///
    /// [`ControlError`] if the request is none that can be done, or nothing of it could be done now.
    pub async fn handle<C: Clock, T: Transport, L: Ledger, E: EventTable>(
        &self,
        ports: Ports<'_, C, T, L, E>,
        payload: &RawValue,
        deadline: Timestamp,
        tally: &mut Tally,
    ) -> Result<ControlAnswer, ControlError> {
        let request = ControlRequest::try_from_payload(payload.get())?;
        let transport = &CountingPort::new(ports.transport);
        let ledger = &CountingPort::new(ports.ledger);
        let table = &CountingPort::new(ports.table);
        let clock = ports.clock;
        let budget = Budget::new(clock.now(), deadline);
        let (bounded_ledger, bounded_table) =
            (&BoundedPort::new(clock, ledger, budget), &BoundedPort::new(clock, table, budget));
        let ports = Ports { clock, transport, ledger: bounded_ledger, table: bounded_table };
        let work = Work::new(self, ports, budget);
        payload::log(&request);
        let answer = Box::pin(work.follow(request, tally)).await;
        if work.pairs.get() > 0 {
            tally.count(VERSIONS_USED_TWICE, work.pairs.get());
        }
        tally.requests(transport);
        tally.ledger_calls(ledger, table);
        answer
    }
}

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    async fn follow(
        &self,
        request: ControlRequest,
        tally: &mut Tally,
    ) -> Result<ControlAnswer, ControlError> {
        match request {
            ControlRequest::Maintenance { .. } => {
                let clients = self.maintenance(tally).await?;
                Ok(ControlAnswer::Maintenance(MaintenanceReport { clients }))
            }
            ControlRequest::CatchUp { client, .. } => {
                self.catch_up(&client, tally).await.map(ControlAnswer::CatchUp)
            }
            ControlRequest::Pause { client, reason, caller } => {
                self.pause_for(&client, reason, caller).await.map(ControlAnswer::State)
            }
            ControlRequest::Resume { client, .. } => self.resume(&client).await.map(ControlAnswer::State),
            ControlRequest::Replay { client, keys, from, replay, gap, .. } => {
                let reason = if gap { ReplayReason::Gap } else { ReplayReason::Asked };
                self.request_replay(&client, keys, from, &replay, reason).await.map(ControlAnswer::Replay)
            }
            ControlRequest::Hold { client, keys, from, reason, replay, caller } => {
                self.hold(&client, keys, from, &reason, &replay, caller).await.map(ControlAnswer::Hold)
            }
            ControlRequest::Release { client, keys, .. } => {
                self.release(&client, keys).await.map(ControlAnswer::Hold)
            }
            ControlRequest::Skip { client, key, version, reason, .. } => {
                self.skip(&client, key, version, &reason).await.map(ControlAnswer::Hold)
            }
            ControlRequest::LookForErasures { keys, .. } => {
                self.look_for_erasures(keys).await.map(ControlAnswer::Hints)
            }
            ControlRequest::Reconcile { after, .. } => {
                self.reconcile(after).await.map(ControlAnswer::Comparison)
            }
        }
    }
}
