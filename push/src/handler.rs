//! A batch of a client's queue: its groups at the same time, each [one event after the other](crate::lane).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use futures_util::future::join_all;
use serde_json::value::RawValue;
use shared::batch::{self, BatchError};
use shared::budget::Budget;
use shared::clock::Clock;
use shared::config::{ClientName, Config, PushTarget};
use shared::consumer::{ConsumerSettings, Start};
use shared::ids::Group;
use shared::ledger::{
    BoundedPort, ClientId, Condition, Delivery, Item, ItemKey, Ledger, LedgerRead, State, TargetState, Write,
    WriteCount, WriteError,
};
use shared::metrics::{
    CountingPort, DELIVERED, DELIVERIES_FAILED, DELIVERY_LATENCY, DELIVERY_REQUESTS, RECORDS_IN, REJECTED,
    RETURNED, TARGET_FAILING_AGE, Tally,
};
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::panics::{PANICKED, caught};
use shared::send::{BATCH_LIMIT, Transport};
use shared::time::Timestamp;
use shared::visibility::{Visibility, hasten};
use tracing::{error, info, warn};

use crate::invocation::{Invocation, Learning, PushClient};
use crate::lane::{Counts, Lane, LaneOutcome, Mode};
use crate::outcome::Deliver;
use crate::pace::{self, spread};
use crate::record::Record;
use crate::target::{self, Note};

/// How long what the ledger's registry says of clients is believed.
const REGISTRY_STAYS: Duration = Duration::from_secs(60);

/// How often it is tried to write how a target is, while other invocations do.
const TRIES: usize = 3;

/// The least time until a message comes again that waits for a probe.
const SOON: Duration = Duration::from_secs(1);

/// Which clients a function serves: by what it is trusted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those whose events leave for a URL.
    Web,
    /// Those whose targets are in AWS.
    Aws,
}

/// A push function, ready for any number of invocations.
#[derive(Debug)]
pub struct Push<D> {
    pub(crate) clients: Vec<PushClient<D>>,
    rejected: QueueUrl,
    pub(crate) first_version: i64,
    /// What the registry said, and when.
    registry: Mutex<Option<(Timestamp, BTreeMap<ClientName, Registered>)>>,
}

/// What the registry says of a client.
#[derive(Clone, Copy, Debug)]
struct Registered {
    id: ClientId,
    state: State,
}

/// Everything that an invocation acts on.
#[derive(Debug)]
pub struct PushPorts<'e, C, T, L> {
    /// A [`Clock`].
    pub clock: &'e C,
    /// A [`Transport`] that can change when messages come again.
    pub transport: &'e T,
    /// A [`Ledger`].
    pub ledger: &'e L,
}

impl<D: Deliver> Push<D> {
    /// A function for the clients of `config` on this `side`, at this place. `deliverer` makes what brings events to a target.
    pub fn new(
        config: &Config,
        naming: &Naming,
        side: Side,
        mut deliverer: impl FnMut(&PushTarget) -> D,
    ) -> Self {
        let clients = config.clients.iter().filter_map(|client| {
            let push = client.push.as_ref().filter(|push| push.target.is_web() == (side == Side::Web))?;
            Some(PushClient {
                name: client.name.clone(),
                kind: push.target.kind(),
                queue: naming.client_queue(client.name.as_str()),
                queue_arn: naming.client_queue_arn(client.name.as_str()).to_string(),
                give_up_after: push.give_up_after,
                on_refused: push.on_refused,
                start: if client.history { Start::FromTheBeginning } else { Start::Anywhere },
                deliverer: deliverer(&push.target),
            })
        });
        Self {
            clients: clients.collect(),
            rejected: naming.own_queue(OwnQueue::Rejected),
            first_version: config.source.version.first,
            registry: Mutex::default(),
        }
    }

    /// Delivers one batch. The response names the messages that come again: of a group, the one that failed and all later
    /// ones.
    ///
    /// `deadline` is when Lambda ends the invocation. What is counted is noted in `tally`.
    ///
    /// # Errors
    ///
    /// [`BatchError`] if the whole batch must be returned.
    pub async fn handle<C: Clock, T: Transport + Visibility, L: Ledger>(
        &self,
        ports: PushPorts<'_, C, T, L>,
        payload: &RawValue,
        deadline: Timestamp,
        tally: &mut Tally,
    ) -> Result<SqsBatchResponse, BatchError> {
        let records: Vec<Record> = batch::records(payload)?.into_iter().map(Record::read).collect();
        tally.count(RECORDS_IN, records.len());
        let ledger = &CountingPort::new(ports.ledger);
        let mut returned = Vec::new();
        for (queue, records) in by_queue(records) {
            let Some(client) = self.clients.iter().find(|client| Some(&client.queue_arn) == queue.as_ref())
            else {
                error!(
                    queue,
                    "not the queue of a client that is delivered to here; its messages are returned"
                );
                returned.extend(records);
                continue;
            };
            let ports = PushPorts { clock: ports.clock, transport: ports.transport, ledger };
            returned.extend(self.deliver_all(client, ports, records, deadline, tally).await);
        }
        tally.count(RETURNED, returned.len());
        tally.ledger_calls(ledger, &CountingPort::new(&()));
        let mut response = SqsBatchResponse::default();
        for (index, record) in returned.into_iter().enumerate() {
            response.add_failure(record.id.ok_or(BatchError::NoMessageId { index })?);
        }
        Ok(response)
    }

    /// Delivers the records of a client's queue. Returns those that come again.
    async fn deliver_all<C: Clock, T: Transport + Visibility, L: Ledger>(
        &self,
        client: &PushClient<D>,
        ports: PushPorts<'_, C, T, L>,
        records: Vec<Record>,
        deadline: Timestamp,
        tally: &mut Tally,
    ) -> Vec<Record> {
        let PushPorts { clock, transport, ledger } = ports;
        let began = clock.now();
        let budget = Budget::new(began, deadline);
        let ledger = &BoundedPort::new(clock, ledger, budget);
        let name = client.name.as_str();
        let (groups, mut returned) = by_group(records);
        let read = match self.registered(client, ledger, began).await {
            Ok(registered) => read(ledger, registered.id, &groups).await.map(|read| (registered, read)),
            Err(why) => Err(why),
        };
        let (registered, (target, found)) = match read {
            Ok(read) => read,
            Err(why) => {
                warn!(client = name, why, "returned: the ledger could not be read");
                let again = groups
                    .iter()
                    .flat_map(|(_, records)| visibilities(records, spread(pace::LEDGER, ledger.fresh())));
                hasten_all(ports, client, &again.collect::<Vec<_>>(), &budget).await;
                returned.extend(groups.into_iter().flat_map(|(_, records)| records));
                return returned;
            }
        };

        let settings = ConsumerSettings { first_version: self.first_version, start: client.start };
        let (mode, target) = mode(registered, target, ledger, began).await;
        let learning = Learning::new(target.clone().unwrap_or_default());
        let rejected = &self.rejected;
        let invocation =
            Invocation { clock, transport, ledger, budget, deadline, rejected, settings, learning };
        let lanes = groups.into_iter().map(|(group, records)| {
            let (ports, id, mode, counts) = (&invocation, registered.id, mode.clone(), Counts::default());
            let delivery = delivery(&found, id, &group);
            async move {
                let returned = |why: &str| {
                    error!(client = name, %group, why, "returned, with its group");
                    let comes_again = spread(pace::LEDGER, ledger.fresh());
                    LaneOutcome { acknowledged: 0, comes_again, counts: Counts::default() }
                };
                let outcome = match delivery {
                    Ok(delivery) => {
                        let (group, records) = (&group, records.as_slice());
                        let lane = Lane { ports, client, id, group, records, mode, delivery, counts };
                        caught(lane.run(), || returned(PANICKED)).await
                    }
                    Err(why) => returned(&why),
                };
                (records, outcome)
            }
        });
        let outcomes = join_all(lanes).await;

        let notes = invocation.learning.into_notes();
        let target = keep(registered.id, target, &notes, ledger, clock.now()).await;
        let mut counts = Counts::default();
        let mut visible = Vec::new();
        for (mut records, outcome) in outcomes {
            let again = records.split_off(outcome.acknowledged.min(records.len()));
            visible.extend(visibilities(&again, outcome.comes_again));
            returned.extend(again);
            counts.add(outcome.counts);
        }
        hasten_all(ports, client, &visible, &budget).await;
        let Counts { delivered, failed, requested, skipped, .. } = counts;
        info!(
            client = name,
            delivered,
            failed,
            requested,
            skipped,
            returned = returned.len(),
            "batch delivered"
        );
        counts.note(&client.name, tally);
        if let Some(age) = target.as_ref().and_then(|target| target::failing_age(target, clock.now())) {
            tally.count_of(
                &client.name,
                TARGET_FAILING_AGE,
                usize::try_from(age.as_millis()).unwrap_or(usize::MAX),
            );
        }
        returned
    }

    /// What the registry says of the client: as it was read less than [`REGISTRY_STAYS`] ago.
    async fn registered(
        &self,
        client: &PushClient<D>,
        ledger: &impl Ledger,
        now: Timestamp,
    ) -> Result<Registered, String> {
        let known = |registry: &BTreeMap<ClientName, Registered>| {
            let known = registry.get(&client.name).copied();
            known.ok_or_else(|| "the client is not admitted yet, or was retired".to_owned())
        };
        {
            let kept = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((read_at, registry)) = kept.as_ref()
                && now.since(*read_at) < REGISTRY_STAYS
                && registry.contains_key(&client.name)
            {
                return known(registry);
            }
        }
        let found = LedgerRead::new(&[ItemKey::Registry], ledger.read(&[ItemKey::Registry]).await);
        let registry =
            found.registry().known(|| unread(&found, &ItemKey::Registry))?.ok_or("the ledger is empty")?;
        let clients = registry.clients.iter().filter(|(_, client)| client.state != State::Retired);
        let registry: BTreeMap<_, _> = clients
            .map(|(name, client)| (name.clone(), Registered { id: client.id, state: client.state }))
            .collect();
        let registered = known(&registry);
        *self.registry.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, registry));
        registered
    }
}

/// Who may be asked, and how the target is as far as is known then.
async fn mode(
    registered: Registered,
    target: Option<TargetState>,
    ledger: &impl Ledger,
    now: Timestamp,
) -> (Mode, Option<TargetState>) {
    let closed = |comes_again, why: &str| Mode::Closed(comes_again, why.to_owned());
    if registered.state != State::Live {
        return (closed(pace::PAUSED, "the client is paused"), target);
    }
    let Some(state) = &target else { return (Mode::Open, target) };
    if let Some(gone) = &state.gone {
        return (closed(pace::PAUSED, &gone.reason), target);
    }
    let Some(breaker) = &state.breaker else { return (Mode::Open, target) };
    let reason = breaker.reason.clone();
    if let Some(mut claimed) = target::claim_probe(state, now) {
        claimed.write_count = WriteCount(ledger.fresh());
        let condition = Condition::WriteCount(state.write_count);
        let item = Some(Item::Target(Box::new(claimed.clone())));
        match ledger.write(&[Write { key: ItemKey::Target(registered.id), condition, item }]).await {
            Ok(()) => return (Mode::Probe, Some(claimed)),
            // Who comes second waits for the next.
            Err(WriteError::Lost) => {}
            Err(_) => return (closed(pace::LEDGER, &reason), target),
        }
    }
    (closed(breaker.probe_at.since(now).max(SOON), &reason), target)
}

/// Keeps what was learned of the target, and returns how it is then.
async fn keep(
    client: ClientId,
    mut known: Option<TargetState>,
    notes: &[Note],
    ledger: &impl Ledger,
    now: Timestamp,
) -> Option<TargetState> {
    let keys = [ItemKey::Target(client)];
    for _ in 0..TRIES {
        let before = known.clone().unwrap_or_default();
        let mut after = before.clone();
        notes.iter().for_each(|note| target::apply(&mut after, note, now));
        if after == before {
            return known;
        }
        after.write_count = WriteCount(ledger.fresh());
        let condition =
            known.as_ref().map_or(Condition::Absent, |known| Condition::WriteCount(known.write_count));
        let item = Some(Item::Target(Box::new(after.clone())));
        match ledger.write(&[Write { key: keys[0].clone(), condition, item }]).await {
            Ok(()) => return Some(after),
            Err(WriteError::Lost) => {}
            Err(why) => {
                // The next failure says it again.
                warn!(%why, "how the target is was not kept");
                return Some(after);
            }
        }
        let found = LedgerRead::new(&keys, ledger.read(&keys).await);
        known = found.target(client).present().cloned();
    }
    known
}

/// How the target is, and what the ledger has of each group, as far as it could be read.
async fn read(
    ledger: &impl Ledger,
    client: ClientId,
    groups: &[(Group, Vec<Record>)],
) -> Result<(Option<TargetState>, LedgerRead), String> {
    let of_groups = groups.iter().map(|(group, _)| ItemKey::Delivery(client, group.clone()));
    let keys: Vec<ItemKey> = [ItemKey::Target(client)].into_iter().chain(of_groups).collect();
    let found = LedgerRead::new(&keys, ledger.read(&keys).await);
    let target = found.target(client).known(|| unread(&found, &ItemKey::Target(client)))?.cloned();
    Ok((target, found))
}

/// What the ledger has of a group. That it can't be read is this group's business alone.
fn delivery(found: &LedgerRead, client: ClientId, group: &Group) -> Result<Option<Delivery>, String> {
    let why = || unread(found, &ItemKey::Delivery(client, group.clone()));
    Ok(found.delivery(client, group).known(why)?.cloned())
}

/// Why the item under `key` is not known.
fn unread(found: &LedgerRead, key: &ItemKey) -> String {
    found.unread(key).map_or_else(String::new, ToString::to_string)
}

async fn hasten_all<D, C: Clock, T: Transport + Visibility, L>(
    ports: PushPorts<'_, C, T, L>,
    client: &PushClient<D>,
    visible: &[(String, Duration)],
    budget: &Budget,
) {
    for visible in visible.chunks(BATCH_LIMIT) {
        let changes: Vec<_> = visible.iter().map(|(handle, time)| (handle.as_str(), *time)).collect();
        if let Some(why) = hasten(ports.clock, ports.transport, &client.queue, &changes, budget).await {
            warn!(
                client = client.name.as_str(),
                why, "returned messages come back only after their visibility time-out"
            );
        }
    }
}

/// When the records of a group come again: the first after `comes_again`, the others at once behind it.
fn visibilities(records: &[Record], comes_again: Duration) -> Vec<(String, Duration)> {
    let handles = records.iter().enumerate().filter_map(|(index, record)| {
        let comes_again = if index == 0 { comes_again } else { Duration::ZERO };
        Some((record.receipt_handle.clone()?, comes_again))
    });
    handles.collect()
}

/// The records of each queue, in order.
fn by_queue(records: Vec<Record>) -> Vec<(Option<String>, Vec<Record>)> {
    let mut queues: Vec<(Option<String>, Vec<Record>)> = Vec::new();
    for record in records {
        match queues.iter_mut().find(|(queue, _)| *queue == record.queue) {
            Some((_, records)) => records.push(record),
            None => queues.push((record.queue.clone(), vec![record])),
        }
    }
    queues
}

/// The records of each group, in order; and those without one.
fn by_group(records: Vec<Record>) -> (Vec<(Group, Vec<Record>)>, Vec<Record>) {
    let (mut groups, mut others): (Vec<(Group, Vec<Record>)>, _) = (Vec::new(), Vec::new());
    for record in records {
        let Some(group) = record.group.clone() else {
            error!(id = record.id, "returned: it has no group that can be read");
            others.push(record);
            continue;
        };
        match groups.iter_mut().find(|(other, _)| *other == group) {
            Some((_, records)) => records.push(record),
            None => groups.push((group, vec![record])),
        }
    }
    (groups, others)
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.delivered += other.delivered;
        self.failed += other.failed;
        self.requested += other.requested;
        self.skipped += other.skipped;
        self.latencies.extend(other.latencies);
    }

    fn note(self, client: &ClientName, tally: &mut Tally) {
        tally.count_of(client, DELIVERED, self.delivered);
        tally.count_of(client, DELIVERIES_FAILED, self.failed);
        tally.count_of(client, DELIVERY_REQUESTS, self.requested);
        tally.count(REJECTED, self.skipped);
        tally.latencies(DELIVERY_LATENCY, self.latencies);
    }
}

impl<C, T, L> Clone for PushPorts<'_, C, T, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C, T, L> Copy for PushPorts<'_, C, T, L> {}
