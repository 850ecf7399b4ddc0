//! `fanoutctl trace`: where an event is now: in the event table, in the fan-out queue, in the ledger, and with which
//! clients. Changes nothing, and receives nothing.

mod client;
mod report;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

use aws::operator::ledger::unread;
use aws::operator::sqs::{Depth, depth};
use deploy::stack;
use shared::control::TypedKey;
use shared::ids::{Group, Key};
use shared::ledger::{Cursor, GroupItem, ItemKey, Lease, READ_LIMIT, Registration, State, attestation};
use shared::naming::OwnQueue;
use shared::time::Timestamp;

use self::report::Report;
use super::event_keys::{StackEventTable, did_you_mean, known_group, named_key, stream_table, unknown_group};
use super::event_rows::{EventRow, EventSource, rows_down_to};
use super::operator::{Operator, now};
use super::status::client::mend;
use crate::args::TraceArguments;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::progress::unless_quick;

/// How often the ledger's items are read again that do not fit each other, because they were read during a write.
const TRIES: usize = 3;

/// The versions that are shown around the one that is asked for.
const AROUND: i64 = 2;

/// What is known of an aggregate at a moment. What isn't known has the reason.
struct Facts {
    stack: String,
    key: TypedKey,
    group: Group,
    /// The version that is asked for; none: the newest.
    version: Option<i64>,
    /// None if the ledger does not know the aggregate.
    item: Option<GroupItem>,
    /// Newest first, at least as far back as the ledger's version and those around the one that is asked for.
    rows: Result<Vec<EventRow>, String>,
    fan_out_queue: Result<Depth, String>,
    rejected_queue: Result<Depth, String>,
    /// Those that are not retired.
    clients: Vec<ClientFacts>,
    /// When they were collected.
    now: Timestamp,
}

/// What the ledger has of a client.
#[derive(Clone)]
struct ClientFacts {
    name: String,
    registration: Registration,
    /// Its cursor in the group, if it is behind there.
    cursor: Option<Cursor>,
    lease: Lease,
    /// The command that mends its queue.
    mend: &'static str,
}

/// Prints where the event is.
///
/// # Errors
///
/// [`Failure`]: neither ledger nor event table know the aggregate, or the ledger can't be read.
pub async fn execute(context: &Context, arguments: &TraceArguments) -> Result<Exit, Failure> {
    context.check_named_config()?;
    let operator = Operator::of_stack(context).await?;
    let facts = unless_quick("reading the ledger and the event table", facts(context, &operator, arguments));
    let report = Report::new(facts.await?);
    context.output.print(&report, text::text)?;
    Ok(report.exit())
}

async fn facts(
    context: &Context,
    operator: &Operator,
    TraceArguments { group: text, event_version: version }: &TraceArguments,
) -> Result<Facts, Failure> {
    let source = EventSource::of_stack(context, operator).await;
    let known = known_group(&operator.ledger, text).await?;
    let (key, encoded) = match &known {
        Some((_, item)) => (TypedKey::from(&item.key), None),
        // Only the event table tells which type of key it is.
        None => named_key(text, StackEventTable::of_stack(operator).await?.key_type()?)?,
    };
    let aggregate = Key::try_from(key.clone()).map_err(|error| Exit::Fault.because(error))?;
    let group = Group::of(&aggregate);
    // First: what is in the table then, and not in the ledger, is on its way.
    let (item, clients) = ledger_facts(operator, &group, known.map(|(_, item)| item)).await?;
    let version = *version;
    let rows = match source {
        Err(why) => Err(why),
        Ok(EventSource { table, filters, .. }) => {
            let recorded = item.as_ref().map_or(i64::MAX, |item| item.version.saturating_add(1));
            let down_to = version.map_or(recorded, |version| version.min(recorded)).saturating_sub(AROUND);
            let rows = rows_down_to(&table, &filters, &aggregate, down_to, false).await;
            let name = stream_table(&operator.stack).unwrap_or_default();
            rows.map_err(|error| unread(&name, &error).to_string())
        }
    };
    if item.is_none() && rows.as_ref().map_or(true, Vec::is_empty) {
        let hint = encoded.map(|meant| did_you_mean(&meant));
        return Err(match (hint, rows) {
            (Some(hint), _) => Exit::Usage.because(format!("nothing is known of `{key}`; {hint}")),
            (None, Ok(_)) => Exit::Usage.because(format!(
                "neither the event table nor the ledger has anything of `{key}`; name an aggregate by its key"
            )),
            (None, Err(_)) => unknown_group(text),
        });
    }
    let (fan_out_queue, rejected_queue) =
        tokio::join!(queue(operator, OwnQueue::FanOut), queue(operator, OwnQueue::Rejected));
    let stack = operator.stack.name.clone();
    Ok(Facts { stack, key, group, version, item, rows, fan_out_queue, rejected_queue, clients, now: now() })
}

/// What the ledger has of the group and of each client in it. Items that do not fit each other are read again.
async fn ledger_facts(
    operator: &Operator,
    group: &Group,
    mut item: Option<GroupItem>,
) -> Result<(Option<GroupItem>, Vec<ClientFacts>), Failure> {
    let served = operator.registry.clients.iter().filter(|(_, client)| client.state != State::Retired);
    let clients = served.map(|(name, registration)| ClientFacts {
        name: name.to_string(),
        registration: registration.clone(),
        cursor: None,
        lease: Lease::unheld(),
        mend: mend(&operator.stack, name.as_str()),
    });
    let mut clients: Vec<ClientFacts> = clients.collect();
    for _ in 0..TRIES {
        let behind: Vec<_> = item.iter().flat_map(|item| &item.behind).copied().collect();
        let mut cursors = BTreeMap::new();
        let mut leases = BTreeMap::new();
        // A group's item and a client's cursor in one read, so that they seldom differ.
        for behind in behind.chunks(READ_LIMIT / 2 - 1) {
            let of_clients = behind
                .iter()
                .flat_map(|client| [ItemKey::Cursor(*client, group.clone()), ItemKey::Lease(*client)]);
            let keys: Vec<ItemKey> = [ItemKey::Group(group.clone())].into_iter().chain(of_clients).collect();
            let found = operator.ledger.read(&keys).await?;
            item = found.group(group).present().cloned();
            for client in behind {
                cursors
                    .extend(found.cursor(*client, group).present().map(|cursor| (*client, cursor.clone())));
                leases.extend(found.lease(*client).present().map(|lease| (*client, lease.clone())));
            }
        }
        for client in &mut clients {
            client.cursor = cursors.remove(&client.registration.id);
            client.lease = leases.remove(&client.registration.id).unwrap_or_else(Lease::unheld);
        }
        let fits = |client: &ClientFacts| {
            let item = item.as_ref()?;
            attestation(item, &client.registration, client.cursor.as_ref())
        };
        if item.is_none() || clients.iter().all(|client| fits(client).is_some()) {
            break;
        }
    }
    Ok((item, clients))
}

/// How many messages one of the stack's own queues holds.
async fn queue(operator: &Operator, queue: OwnQueue) -> Result<Depth, String> {
    let Operator { target, stack, .. } = operator;
    let naming = stack::naming(target, stack::deployed_prefix(stack)).await;
    let url = naming.map_err(|error| error.to_string())?.own_queue(queue);
    depth(target, url.as_str()).await.map_err(|error| error.to_string())
}
