//! `fanoutctl rehearse`: plays at a team's own test queue what can come, and says what its consumer must have then.

mod scenario;

use std::collections::{BTreeMap, HashSet};

use aws::operator::sqs::{self, Depth};
use aws::operator::{CallFault, table};
use deploy::stack;
use serde::Serialize;
use shared::config::{Client, Config};
use shared::consumer::ReceivedMessage;
use shared::control::TypedKey;
use shared::erasure::Notice;
use shared::event::{Along, Reader};
use shared::ids::{IncarnationToken, Key};
use shared::message::{ChainLink, Message};
use shared::naming::{Naming, OwnQueue, QueueArn};
use shared::sample::items_of_lines;
use shared::text::{counted, printable};
use shared::view::View;

use self::scenario::{Scenario, scenarios};
use super::operator::{no_client, now};
use super::prepare::listed;
use crate::args::RehearseArguments;
use crate::context::{Context, output, read};
use crate::exit::{Exit, Failure};
use crate::plan::RegisteredClient;
use crate::policy::{FAN_OUT_SENDS, NOBODY_ELSE_SENDS};
use crate::progress::Progress;
use crate::test_events::{TestAggregate, TestEvents, first_event, key_types};

/// Why made-up events don't belong on a queue in use, and what to do instead.
const REMEDY: &str =
    "made-up events would come among the real ones; make a FIFO queue for tests, and name that";

/// In the name of every queue that a stack makes, after its prefix.
const OF_STACKS: &str = "MarkFanOut";

/// What was played.
#[derive(Debug, Serialize)]
struct Report {
    client: String,
    /// The test queue's ARN.
    queue: String,
    messages: usize,
    scenarios: Vec<Played>,
}

/// A scenario, and what a right consumer has of its group when it has taken all of its messages.
#[derive(Debug, Serialize)]
struct Played {
    scenario: String,
    about: &'static str,
    key: TypedKey,
    group: String,
    messages: usize,
    /// The version that was taken last.
    version: i64,
    /// The incarnation that it is of.
    incarnation: Option<String>,
    /// From which version on it waits for a replay; null if nothing is missing.
    missing_from: Option<i64>,
    /// The versions that have an effect.
    events: Vec<i64>,
}

/// Plays the scenarios at the test queue, with the view of the client.
///
/// # Errors
///
/// [`Exit::Usage`]: there is no such client, or the queue is none for tests. [`Failure`]: the config or the sample is
/// wrong, or AWS refused.
pub async fn execute(context: &Context, arguments: &RehearseArguments) -> Result<Exit, Failure> {
    let (target, deployed) = context.deployed().await?;
    let naming = stack::naming(&target, stack::deployed_prefix(&deployed)).await?;
    let config = context.config(Some(&naming))?;
    let client = config.clients.iter().find(|client| client.name.as_str() == arguments.client);
    let Some(client) = client else {
        let names = config.clients.iter().map(|client| &client.name);
        return Err(Exit::Usage.because(no_client(&arguments.client, names)));
    };
    let queue = &arguments.queue_arn;
    let url = naming.queue(&queue.account, &queue.name);
    if let Some(why) = taken(queue, &naming, &listed(&deployed, &naming), &config) {
        return Err(Exit::Usage.because(why));
    }
    let attributes = sqs::attributes(&target, url.as_str()).await.map_err(|error| match error.fault {
        CallFault::Missing => {
            Exit::Usage.because(format!("queue `{queue}` does not exist; make it, FIFO, and empty"))
        }
        _ => error.into(),
    })?;
    let depth = sqs::depth(&target, url.as_str()).await?;
    if let Some(why) = unfit(queue, &attributes, depth) {
        return Err(Exit::Usage.because(why));
    }

    let like = match &arguments.sample {
        None => serde_json::Map::new(),
        Some(path) => {
            let file = path.display();
            let items = items_of_lines(&read(path)?);
            let items =
                items.map_err(|unreadable| Exit::Config.because(format!("`{file}`, {unreadable}")))?;
            first_event(&config, &items)
                .ok_or_else(|| Exit::Config.because(format!("`{file}`: no item is an event by `[source]`")))?
        }
    };
    let name = table::of_stream(output(&deployed, "EventStreamARN")?)
        .map_err(|why| Exit::Unreachable.because(why))?;
    let table = table::describe(&target, name).await?;
    let events = TestEvents { source: &config.source, key_types: key_types(&table), like, at: now() };

    let scenarios = scenarios(config.source.version.first, client.erasures);
    let messages = messages(&events, client, &scenarios).map_err(|why| Exit::Fault.because(why))?;
    let progress = Progress::of(u64::try_from(messages.len()).unwrap_or(u64::MAX));
    for (number, message) in (0_u64..).zip(&messages) {
        sqs::send(&target, url.as_str(), message).await?;
        let total = u64::try_from(messages.len()).unwrap_or(u64::MAX);
        progress.is_at(number + 1, total, &format!("{} of {total} messages sent", number + 1));
    }
    progress.finish();
    let report = Report {
        client: client.name.to_string(),
        queue: queue.to_string(),
        messages: messages.len(),
        scenarios: (0..)
            .zip(&scenarios)
            .map(|(number, scenario)| Played::new(&events, number, scenario))
            .collect(),
    };
    context.output.print(&report, |report, _| text(report))?;
    Ok(Exit::Done)
}

/// Why the queue is no test queue, if it is the stack's or a client's, or another stack's by its name.
fn taken(
    queue: &QueueArn,
    naming: &Naming,
    registered: &[RegisteredClient],
    config: &Config,
) -> Option<String> {
    if queue.region != naming.region || queue.partition != naming.partition {
        return Some(format!(
            "queue `{queue}` is not in the stack's region, {}; make one there",
            naming.region
        ));
    }
    if OwnQueue::ALL.into_iter().any(|own| naming.own_queue_arn(own) == *queue) {
        return Some(format!("queue `{queue}` is the stack's own: {REMEDY}"));
    }
    if let Some(client) = config.clients.iter().find(|client| client.queue_arn(naming) == *queue) {
        return Some(format!("queue `{queue}` is that of client `{}`: {REMEDY}", client.name));
    }
    let is_registered = registered.iter().any(|client| client.queue == *queue);
    if is_registered {
        return Some(format!("queue `{queue}` is that of a client of the stack: {REMEDY}"));
    }
    let is_of_a_stack = queue.name.contains(OF_STACKS);
    is_of_a_stack.then(|| {
        format!("queue `{queue}` has `{OF_STACKS}` in its name, as queues that a stack makes: {REMEDY}")
    })
}

/// Why the queue is no test queue, if it takes the events of any stack, or a team's consumer could not be compared by it.
fn unfit(queue: &QueueArn, attributes: &BTreeMap<String, String>, depth: Depth) -> Option<String> {
    let attribute = |name: &str| attributes.get(name).map_or("", String::as_str);
    if attribute("FifoQueue") != "true" {
        return Some(format!("queue `{queue}` is not FIFO"));
    }
    // As text, so that a policy that can't be read is no excuse.
    let policy = attribute("Policy");
    let sid =
        [FAN_OUT_SENDS, NOBODY_ELSE_SENDS].into_iter().find(|sid| policy.contains(&format!("\"{sid}\"")));
    if let Some(sid) = sid {
        return Some(format!(
            "queue `{queue}` takes a stack's events (statement `{sid}` of its policy): {REMEDY}"
        ));
    }
    let is_used = format!(
        "queue `{queue}` holds {depth}; let the consumer take them, or purge the queue, and try again"
    );
    (!depth.is_empty()).then_some(is_used)
}

/// The messages of all scenarios, as the fan-out sends them to `client`. One that comes again has another deduplication
/// id: within five minutes, SQS would swallow it.
fn messages(
    events: &TestEvents<'_>,
    client: &Client,
    scenarios: &[Scenario],
) -> Result<Vec<Message>, String> {
    let (reader, view) = (Reader::new(events.source), View::new(&client.view));
    let (mut messages, mut ids) = (Vec::new(), HashSet::new());
    for (number, scenario) in (0..).zip(scenarios) {
        let aggregate = TestAggregate { name: &scenario.name, number };
        let key = Key::try_from(events.key(aggregate)).map_err(|error| error.to_string())?;
        for received in &scenario.messages {
            let incarnation = received.incarnation.as_ref().ok_or("a message without incarnation")?;
            let version = received.version;
            let previous_version = received.previous_version.ok_or("a message without predecessor")?;
            let message = if received.is_erasure {
                notice(&key, received, incarnation, previous_version, events)
            } else {
                let item = serde_json::Value::Object(events.item(aggregate, version)).to_string();
                let event = reader.read(&item).map_err(|error| error.to_string())?;
                let along = Along {
                    trace_header: None,
                    streamed_at: Some(events.at),
                    chain: Some(ChainLink { incarnation, previous_version }),
                    replay: received.replay.as_ref(),
                };
                view.message(&event.message(along)).map_err(|error| error.to_string())?
            };
            let is_new = ids.insert(message.deduplication_id().clone());
            messages.push(if is_new { message } else { again(&message, messages.len()) });
        }
    }
    Ok(messages)
}

fn notice(
    key: &Key,
    received: &ReceivedMessage,
    incarnation: &IncarnationToken,
    previous_version: i64,
    events: &TestEvents<'_>,
) -> Message {
    let (version, replay) = (received.version, received.replay.as_ref());
    Notice { key, incarnation, version, previous_version, seen_at: events.at, replay }.message()
}

fn again(message: &Message, number: usize) -> Message {
    let id = message.deduplication_id().derived(&format!("rehearsal {number}"));
    Message::new(message.group().clone(), id, message.body(), message.attributes(), message.trace_header())
}

impl Played {
    fn new(events: &TestEvents<'_>, number: u8, scenario: &Scenario) -> Self {
        let Scenario { name, about, messages, state, events: kept } = scenario;
        let key = events.key(TestAggregate { name, number });
        Self {
            scenario: name.clone(),
            about,
            group: key.group().map(|group| group.to_string()).unwrap_or_default(),
            key,
            messages: messages.len(),
            version: state.version,
            incarnation: state.incarnation.as_ref().map(|token| token.as_str().to_owned()),
            missing_from: state.asked.as_ref().map(|asked| asked.from),
            events: kept.clone(),
        }
    }
}

fn text(report: &Report) -> String {
    let mut text = format!(
        "{} in {} are on queue {}, as client {} would get them. When your consumer has taken them all, this is what it must \
         have of each group:\n",
        counted(report.messages, "message"),
        counted(report.scenarios.len(), "scenario"),
        printable(&report.queue),
        printable(&report.client)
    );
    for Played { scenario, about, group, messages, version, incarnation, missing_from, events, .. } in
        &report.scenarios
    {
        let incarnation = incarnation.as_deref().unwrap_or("none");
        let missing =
            missing_from.map(|from| format!(", and waits for a replay from {from}")).unwrap_or_default();
        let events: Vec<String> = events.iter().map(ToString::to_string).collect();
        let events = if events.is_empty() { "none".to_owned() } else { events.join(" ") };
        text += &format!(
            "\n{scenario}: {about}\n  group                {}\n  messages             {messages}\n  state                version \
             {version} of incarnation {incarnation}{missing}\n  events with effect   {events}\n",
            printable(group)
        );
    }
    text
}

#[cfg(test)]
mod tests;
