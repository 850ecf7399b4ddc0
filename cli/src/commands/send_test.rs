//! `fanoutctl send-test`: one event through the whole pipeline of a local stack, and when each client's queue has it.

mod arrival;

use std::time::Duration;

use aws::operator::items;
use aws::operator::{CallError, Target};
use deploy::stack;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::config::Config;
use shared::control::TypedKey;
use shared::event::Event;
use shared::ledger::ItemKey;
use shared::sample::{MatchedItem, UnwantedBy, match_items};
use shared::text::printable;
use tokio::time::{Instant, sleep};

use self::arrival::{Arrival, Outcome, note};
use super::event_keys::StackEventTable;
use super::operator::{Operator, no_client, now};
use super::prepare::running;
use crate::args::SendTestArguments;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{Style, row, table};
use crate::progress::unless_quick;
use crate::test_events::{TestAggregate, TestEvents, first_event, key_types};

/// How long is waited for the clients' queues.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pause between two looks into the ledger.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The most items of the event table among which an event is looked for that the test event looks like.
const LOOKED_AT: i32 = 100;

/// What became of the event.
#[derive(Debug, Serialize)]
struct Report {
    /// The event table's name.
    table: String,
    key: TypedKey,
    group: String,
    version: i64,
    clients: Vec<Arrival>,
}

/// Puts the event into the event table, and waits until the ledger says that the clients have it.
///
/// # Errors
///
/// [`Exit::Usage`]: the stack is not on this machine, or no client has the name. [`Exit::Findings`]: the event would not
/// reach any client. [`Failure`]: a call failed.
pub async fn execute(context: &Context, arguments: &SendTestArguments) -> Result<Exit, Failure> {
    let target = context.target().await?;
    let endpoint = loopback(target.endpoint()).map_err(|why| Exit::Usage.because(why))?;
    let operator = Operator::of_stack(context).await?;
    let naming = stack::naming(&operator.target, stack::deployed_prefix(&operator.stack)).await?;
    let running = running(&operator.target, &operator.stack, &naming).await;
    let config = running.config.ok_or_else(|| {
        Exit::Findings
            .because(running.no_config.unwrap_or_else(|| "the stack's config can't be read".to_owned()))
    })?;
    if let Some(name) = &arguments.client
        && !config.clients.iter().any(|client| client.name.as_str() == name)
    {
        return Err(Exit::Usage.because(no_client(name, config.clients.iter().map(|client| &client.name))));
    }
    let table = StackEventTable::of_stack(&operator).await?;
    let page = items::first_items(&operator.target, &table.name, LOOKED_AT, 1).await?;
    let like = first_event(&config, &page.items).unwrap_or_default();
    let events =
        TestEvents { source: &config.source, key_types: key_types(&table.description), like, at: now() };
    let item = events.item(TestAggregate { name: "event", number: 0 }, config.source.version.first);
    let (event, unwanted_by) = as_event(&config, &item).map_err(|why| Exit::Findings.because(why))?;

    // No other endpoint that the environment may name for a single service.
    let here = Target::local(endpoint, operator.target.region());
    let start = Instant::now();
    put(&here, &table.name, &config.source.partition_key, &item).await?;
    let clients = config
        .clients
        .iter()
        .enumerate()
        .filter(|(_, client)| arguments.client.as_ref().is_none_or(|name| client.name.as_str() == name));
    let clients = clients.map(|(place, client)| {
        let unwanted = unwanted_by.iter().find(|unwanted| unwanted.place == place);
        Arrival::new(
            &client.name,
            operator.registry.clients.get(&client.name),
            unwanted.map(|by| by.reason.clone()),
        )
    });
    let mut clients: Vec<Arrival> = clients.collect();
    let following = follow(&operator, &event, start, &mut clients);
    unless_quick("waiting until the clients' queues have the event", following).await?;
    let report = Report {
        table: table.name,
        key: TypedKey::from(event.key()),
        group: event.group().to_string(),
        version: event.version(),
        clients,
    };
    context.output.print(&report, |report, style| text(report, style, &operator.stack_option()))?;
    let is_there = report.clients.iter().all(|client| client.outcome.is_good());
    Ok(if is_there { Exit::Done } else { Exit::Findings })
}

/// The endpoint, if it is of this machine; or why nothing is sent.
fn loopback(endpoint: Option<&str>) -> Result<&str, String> {
    let is_loopback = |url: &str| {
        let address = url.split_once("://").map_or(url, |(_, address)| address);
        let host = address.split(['/', '?', '#']).next().unwrap_or_default();
        let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        let host = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    };
    let why = "a test event on AWS would reach the queue of every team, and nobody can take it back; it goes to a stack on \
               this machine only: start one with `cargo local --stay`, and set the `AWS_ENDPOINT_URL` that it prints";
    match endpoint {
        Some(url) if is_loopback(url) => Ok(url),
        Some(url) => Err(format!("`{url}` is not an address of this machine; {why}")),
        None => Err(why.to_owned()),
    }
}

/// The event of `item`, and the clients that don't want it; or why it is none.
fn as_event(config: &Config, item: &Map<String, Value>) -> Result<(Box<Event>, Vec<UnwantedBy>), String> {
    let item = Value::Object(item.clone()).to_string();
    match match_items(config, std::slice::from_ref(&item)).pop() {
        Some(MatchedItem::Event { event, unwanted_by }) => Ok((event, unwanted_by)),
        Some(MatchedItem::Skipped(why)) => Err(format!(
            "`[source.filter]` passes the test event over: {why}; write an event into the table first, which it then looks like"
        )),
        Some(MatchedItem::Rejected(why)) => Err(format!("the test event would be rejected: {why}")),
        None => Err("there is no test event".to_owned()),
    }
}

/// Puts the item into the table, unless the table has one with its keys.
async fn put(
    target: &Target,
    table: &str,
    partition_key: &str,
    item: &Map<String, Value>,
) -> Result<(), Failure> {
    let refused = |reason: Option<String>| {
        let reason = reason.unwrap_or_else(|| "it has an item with these keys".to_owned());
        Exit::Findings.because(format!("table `{table}` refused the test event: {reason}"))
    };
    items::put_new(target, table, item, partition_key).await?.map_err(refused)
}

/// Notes in `clients` when the ledger says that each has the event.
async fn follow(
    operator: &Operator,
    event: &Event,
    start: Instant,
    clients: &mut [Arrival],
) -> Result<(), CallError> {
    let key = ItemKey::Group(event.group().clone());
    loop {
        let found = operator.ledger.read(std::slice::from_ref(&key)).await?;
        let passed = start.elapsed();
        if let Some(item) = found.group(event.group()).present() {
            note(clients, item, event.version(), passed);
        }
        if passed >= PATIENCE || !clients.iter().any(|client| client.outcome == Outcome::Waiting) {
            return Ok(());
        }
        sleep(LOOK_AGAIN).await;
    }
}

fn text(report: &Report, style: Style, stack: &str) -> String {
    let Report { table: name, key, version, clients, .. } = report;
    let rows = clients.iter().map(|client| {
        let (text, tone) = client.outcome.cell(&client.client, stack);
        row([client.client.clone(), text], tone)
    });
    format!(
        "version {version} of aggregate {} is in table {}\n\n{}\n\nThese are the delays until the ledger had recorded the \
         sends. The event stays in the table, and in the queues until it is consumed.\n",
        printable(key.as_text()),
        printable(name),
        table(["client", "its queue has the event"], rows, style)
    )
}

#[cfg(test)]
mod tests;
