//! What consumers ask for: each message of the queue of requests is a replay of one group for one client, or none.

use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use serde::Serialize;
use serde_json::value::RawValue;
use shared::batch;
use shared::budget::Budget;
use shared::clock::Clock;
use shared::control::ControlAnswer;
use shared::ledger::{
    BoundedPort, Condition, EventTable, Item, ItemKey, Ledger, LedgerRead, Ports, Registration, Registry,
    RequestVerdict, Unread, Write, request_verdict,
};
use shared::metrics::{
    CountingPort, RECORDS_IN, REQUESTS_CARRIED_OUT, REQUESTS_DELAYED, REQUESTS_REFUSED, Tally,
};
use shared::panics::{PANICKED, caught};
use shared::send::Transport;
use shared::time::Timestamp;
use shared::visibility::{Visibility, hasten};
use tracing::{info, warn};

use super::CatchUp;
use super::payload::ControlError;
use super::request_record::RequestRecord;
use super::requests::{Refusal, ReplayReason, registered};
use super::work::{AfterFailure, Update, Work, why_unread};

/// When a request that was returned comes again: by then, a client has its whole allowance again.
const COMES_AGAIN: Duration = Duration::from_secs(60);

/// What an invocation answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To a control request.
    Control(ControlAnswer),
    /// To a batch of the queue of requests: what comes again.
    Requests(SqsBatchResponse),
}

/// What became of a request that does not come again.
enum RequestOutcome {
    CarriedOut,
    /// There is nothing to do, and why.
    NotNeeded(&'static str),
    /// It can never be carried out, and why.
    Refused(&'static str),
}

/// Why a request has to come again.
struct Postponement(String);

/// What became of a batch's requests.
#[derive(Default)]
struct Counts {
    carried_out: usize,
    refused: usize,
}

impl CatchUp {
    /// Does what `payload` asks for: a control request, or a batch of consumers' requests.
    ///
    /// # Errors
    ///
    /// [`ControlError`], of a control request. A batch names in its answer what comes again.
    pub async fn answer<C: Clock, T: Transport + Visibility, L: Ledger, E: EventTable>(
        &self,
        ports: Ports<'_, C, T, L, E>,
        payload: &RawValue,
        deadline: Timestamp,
        tally: &mut Tally,
    ) -> Result<Answer, ControlError> {
        match batch::records(payload) {
            Ok(records) => {
                let response = Box::pin(self.answer_consumers(ports, &records, deadline, tally)).await;
                Ok(Answer::Requests(response))
            }
            Err(_) => self.handle(ports, payload, deadline, tally).await.map(Answer::Control),
        }
    }

    /// Carries out what consumers ask for, each client's requests in order: after one that has to come again, so do the
    /// later ones of its client.
    async fn answer_consumers<C: Clock, T: Transport + Visibility, L: Ledger, E: EventTable>(
        &self,
        ports: Ports<'_, C, T, L, E>,
        records: &[&RawValue],
        deadline: Timestamp,
        tally: &mut Tally,
    ) -> SqsBatchResponse {
        let transport = &CountingPort::new(ports.transport);
        let ledger = &CountingPort::new(ports.ledger);
        let table = &CountingPort::new(ports.table);
        let clock = ports.clock;
        let budget = Budget::new(clock.now(), deadline);
        let (bounded_ledger, bounded_table) =
            (&BoundedPort::new(clock, ledger, budget), &BoundedPort::new(clock, table, budget));
        let ports = Ports { clock, transport, ledger: bounded_ledger, table: bounded_table };
        let work = Work::new(self, ports, budget);
        let mut counts = Counts::default();
        let returned = work.carry_out_all(records, &mut counts).await;
        work.hasten(transport, &returned).await;
        tally.count(RECORDS_IN, records.len());
        tally.count(REQUESTS_CARRIED_OUT, counts.carried_out);
        tally.count(REQUESTS_REFUSED, counts.refused);
        tally.count(REQUESTS_DELAYED, returned.len());
        tally.requests(transport);
        tally.ledger_calls(ledger, table);
        let mut response = SqsBatchResponse::default();
        returned.into_iter().for_each(|record| response.add_failure(record.id));
        response
    }
}

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Returns those that have to come again.
    async fn carry_out_all(&self, records: &[&RawValue], counts: &mut Counts) -> Vec<RequestRecord> {
        let registry = self.registry().await;
        let mut returned: Vec<RequestRecord> = Vec::new();
        for record in records {
            let record = match RequestRecord::read(record) {
                Ok(record) => record,
                Err(unreadable) => {
                    unreadable.log();
                    counts.refused += 1;
                    continue;
                }
            };
            if returned.iter().any(|earlier| earlier.client == record.client) {
                returned.push(record);
                continue;
            }
            let settled = match &registry {
                Ok(registry) => {
                    let settled = self.carry_out(registry, &record);
                    caught(settled, || Err(Postponement(PANICKED.to_owned()))).await
                }
                Err(error) => Err(Postponement(error.to_string())),
            };
            let RequestRecord { client, group, from, sender, .. } = &record;
            let (client, id) = (client.as_str(), record.replay.as_str());
            match settled {
                Ok(RequestOutcome::CarriedOut) => {
                    counts.carried_out += 1;
                    info!(client, %group, from, replay = id, sender, "a consumer asked for a replay");
                }
                Ok(RequestOutcome::NotNeeded(why)) => {
                    info!(client, %group, from, sender, why, "a consumer asked for a replay that is not needed");
                }
                Ok(RequestOutcome::Refused(why)) => {
                    counts.refused += 1;
                    warn!(client, %group, from, sender, why, "a consumer's request can't be carried out");
                }
                Err(Postponement(why)) => {
                    warn!(client, %group, from, why, "a consumer's requests come again");
                    returned.push(record);
                }
            }
        }
        returned
    }

    async fn carry_out(
        &self,
        registry: &Registry,
        record: &RequestRecord,
    ) -> Result<RequestOutcome, Postponement> {
        if self.is_over() {
            return Err(Postponement("no time was left".to_owned()));
        }
        let Ok((name, registration)) = registered(registry, &record.client) else {
            return Ok(RequestOutcome::Refused("no client of this name is served"));
        };
        if !self.own.file.get(name).is_some_and(|in_file| in_file.may_ask) {
            return Ok(RequestOutcome::Refused("client-queues.toml has no `request_role` for this client"));
        }
        let from = record.from.max(self.first_version());
        let key = match self.take_allowance(registration, record, from).await.map_err(Postponement)? {
            RequestVerdict::CarryOut(key, _) => key,
            RequestVerdict::AlreadyOpen => {
                return Ok(RequestOutcome::NotNeeded("a replay brings it already"));
            }
            RequestVerdict::Nothing => {
                return Ok(RequestOutcome::NotNeeded("the client has none of these versions"));
            }
            RequestVerdict::UnknownGroup => {
                return Ok(RequestOutcome::Refused("the ledger does not know the group"));
            }
            RequestVerdict::TooSoon => return Err(Postponement("its client asks too often".to_owned())),
        };
        match self.replay_group(name, registration.id, &key, from, &record.replay, ReplayReason::Gap).await {
            Ok(true) => Ok(RequestOutcome::CarriedOut),
            Ok(false) => Ok(RequestOutcome::NotNeeded("the client has none of these versions")),
            Err(Refusal::Nothing(why)) => Ok(RequestOutcome::NotNeeded(why)),
            Err(Refusal::Failed(why)) => Err(Postponement(why)),
        }
    }

    /// What becomes of the request. If it is carried out, its client's allowance is one less from now on.
    async fn take_allowance(
        &self,
        client: &Registration,
        record: &RequestRecord,
        from: i64,
    ) -> Result<RequestVerdict, String> {
        let (id, group) = (client.id, &record.group);
        let keys = [ItemKey::Group(group.clone()), ItemKey::Cursor(id, group.clone()), ItemKey::Requests(id)];
        self.update(&keys, AfterFailure::ReadAgain, async |found| {
            let verdict = match self.verdict(client, record, from, found) {
                Ok(verdict) => verdict,
                Err(Unread(_)) => return Update::ReadAgain(why_unread(found, &keys)),
            };
            let RequestVerdict::CarryOut(_, allowance) = &verdict else { return Update::Done(verdict) };
            let before = found.requests(id).present();
            let write = Write {
                key: ItemKey::Requests(id),
                condition: before
                    .map_or(Condition::Absent, |before| Condition::WriteCount(before.write_count)),
                item: Some(Item::Requests(allowance.clone())),
            };
            Update::Write(vec![vec![write]], verdict)
        })
        .await
    }

    fn verdict(
        &self,
        client: &Registration,
        record: &RequestRecord,
        from: i64,
        found: &LedgerRead,
    ) -> Result<RequestVerdict, Unread> {
        let unread = || Unread("it is unknown whether it is there".into());
        let item = found.group(&record.group).known(unread)?;
        let cursor = found.cursor(client.id, &record.group).known(unread)?;
        let allowance = found.requests(client.id).known(unread)?;
        let fresh = self.ports.ledger.fresh();
        Ok(request_verdict(item, client.id, cursor, allowance, from, self.now(), fresh))
    }

    /// Makes requests that were returned visible again soon; if that fails, they come after the queue's own time.
    async fn hasten(&self, transport: &impl Visibility, returned: &[RequestRecord]) {
        let handles = returned.iter().filter_map(|record| record.receipt_handle.as_deref());
        let changes: Vec<_> = handles.map(|handle| (handle, COMES_AGAIN)).collect();
        if let Some(why) =
            hasten(self.ports.clock, transport, &self.own.requests, &changes, &self.budget).await
        {
            warn!(why, "consumers' requests come only after their visibility time-out");
        }
    }
}
