//! `fanoutctl queue repair`: makes a client's queue again as the stack would, or mends it, and catches the client up.

mod difference;

use std::collections::BTreeMap;
use std::time::Duration;

use aws::operator::cloudformation::DeployedStack;
use aws::operator::{CallError, CallFault, sqs};
use deploy::clients::ClientLists;
use deploy::stack::{self, client_queue_attributes};
use serde::Serialize;
use shared::config::ClientQueue;
use shared::ledger::State;
use shared::naming::QueueArn;
use shared::text::{counted, printable};
use tokio::time::{Instant, sleep};

use self::difference::{Difference, POLICY, differences};
use super::ask::{agree, begin};
use super::catch_up;
use super::operator::{GROUPS_LIMIT, Operator, registered, served};
use super::policy::role;
use crate::args::{QueueCommand, RepairArguments};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::policy::own_queue_policy;
use crate::progress::{Progress, unless_quick};

/// For how long SQS keeps the name of a deleted queue (SQS API Reference, `DeleteQueue`), and how long is waited for it.
const NAME_KEPT: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(90);
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// When a queue that was made can be used (SQS API Reference, `CreateQueue`).
const USABLE_AFTER: Duration = Duration::from_secs(1);

/// The result of a repair.
#[derive(Debug, Serialize)]
struct Report {
    client: String,
    /// The queue's ARN.
    queue: String,
    /// Whether it was made again.
    was_made: bool,
    /// What was set of a queue that was there.
    mended: Vec<Difference>,
    /// None if nothing was to be repaired and the client lacks nothing, or if it is paused.
    catch_up: Option<catch_up::Report>,
    is_paused: bool,
}

/// Runs `queue repair`.
///
/// # Errors
///
/// [`Exit::Usage`]: there is no such client, or its queue isn't the stack's. [`Failure`]: AWS or the catch-up function
/// refused.
pub async fn execute(context: &Context, command: &QueueCommand) -> Result<Exit, Failure> {
    let QueueCommand::Repair(RepairArguments { client: name, yes }) = command;
    let operator = Operator::of_stack(context).await?;
    if !ClientLists::of_stack(&operator.stack).own.contains(name) {
        return Err(not_the_stacks(context, &operator, name));
    }
    let client = served(&operator.registry, name)?;
    // CloudFormation may be making the queue just now, and would fail.
    if operator.stack.status.ends_with("_IN_PROGRESS") {
        let DeployedStack { name, status, .. } = &operator.stack;
        return Err(Exit::Findings.because(format!("stack `{name}` is `{status}`; wait until that is done")));
    }
    let naming = stack::naming(&operator.target, stack::deployed_prefix(&operator.stack)).await?;
    let (queue, url) = (naming.client_queue_arn(name), naming.client_queue(name));
    let mut wanted = client_queue_attributes(&operator.target, &operator.stack).await?;
    let policy = own_queue_policy(&queue, &role(Some(&operator.stack), &naming)?);
    let policy = serde_json::to_string(&policy).map_err(|error| Exit::Fault.because(error))?;
    wanted.insert(POLICY.to_owned(), policy);

    let found = match sqs::attributes(&operator.target, url.as_str()).await {
        Ok(found) => Some(found),
        Err(error) if error.fault == CallFault::Missing => None,
        Err(error) => return Err(error.into()),
    };
    let mended = found.as_ref().map(|found| differences(found, &wanted)).unwrap_or_default();
    let is_paused = client.state == State::Paused;
    let mut report = Report {
        client: name.clone(),
        queue: queue.to_string(),
        was_made: found.is_none(),
        mended,
        catch_up: None,
        is_paused,
    };
    if report.is_needed() {
        eprint!("{}", before(&report, &queue));
        let then = if is_paused { "" } else { ", and catch the client up" };
        agree(&format!("Repair it{then}?"), *yes, "Nothing was changed.").await?;
        operator.log(&format!("repair queue `{queue}` of client `{name}`"));
        if report.was_made {
            let make = || sqs::create(&operator.target, &queue.name, &wanted, &operator.stack.tags);
            until_made(&queue, make).await?;
        } else {
            let attributes: BTreeMap<String, String> =
                report.mended.iter().map(Difference::attribute).collect();
            sqs::set_attributes(&operator.target, url.as_str(), &attributes).await?;
        }
    }
    if !is_paused {
        let before = unless_quick("reading the ledger", operator.ledger.lag(client.id, GROUPS_LIMIT)).await?;
        if report.is_needed() || before.groups > 0 {
            begin();
            report.catch_up = Some(catch_up::catch_up(&operator, name, client.id, &before).await?);
        }
    }
    context.output.print(&report, |report, _| text(report, &queue, &operator.stack_option()))?;
    Ok(report.catch_up.as_ref().map_or(Exit::Done, catch_up::Report::exit))
}

/// Why the queue of client `name` isn't repaired: the stack does not make it.
fn not_the_stacks(context: &Context, operator: &Operator, name: &str) -> Failure {
    if let Err(failure) = registered(&operator.registry, name) {
        return failure;
    }
    let config = match context.config(None) {
        Ok(config) => config,
        Err(failure) => return failure,
    };
    let client = config.clients.iter().find(|client| client.name.as_str() == name);
    let queue = client.map(|client| &client.queue);
    Exit::Usage.because(not_repaired(name, queue, &printable(&operator.stack_option())))
}

fn not_repaired(name: &str, queue: Option<&ClientQueue>, stack: &str) -> String {
    match queue {
        Some(ClientQueue::Existing(arn)) => format!(
            "the queue of client `{name}`, `{arn}`, is its owner's to repair: the owner makes it again, FIFO, 60 s after it was \
             deleted at the earliest, and gives it the policy that `fanoutctl policy {name}{stack}` prints; then run \
             `fanoutctl check{stack}` and `fanoutctl catch-up {name}{stack}`"
        ),
        Some(ClientQueue::Own) => {
            format!("client `{name}` has no queue of this stack yet; `fanoutctl deploy{stack}` makes it")
        }
        None => format!("client `{name}` is not in client-queues.toml; add it again, and deploy"),
    }
}

/// Makes the queue, as soon as SQS gives its name free.
async fn until_made(
    queue: &QueueArn,
    make: impl AsyncFn() -> Result<bool, CallError>,
) -> Result<(), Failure> {
    let (start, progress) = (Instant::now(), Progress::spinner());
    let seconds = NAME_KEPT.as_secs();
    while !make().await? {
        if start.elapsed() >= PATIENCE {
            return Err(Exit::Failed.because(format!(
                "SQS still keeps the name `{}`, though it does so for {seconds} s after a queue is deleted; run this again in a \
                 minute",
                queue.name
            )));
        }
        progress.say(&format!(
            "SQS keeps the name of a deleted queue for {seconds} s; waiting, for {} s so far",
            start.elapsed().as_secs()
        ));
        sleep(TRY_AGAIN).await;
    }
    progress.finish();
    sleep(USABLE_AFTER).await;
    Ok(())
}

impl Report {
    fn is_needed(&self) -> bool {
        self.was_made || !self.mended.is_empty()
    }
}

fn before(report: &Report, queue: &QueueArn) -> String {
    let (name, client) = (printable(&queue.name), printable(&report.client));
    if report.was_made {
        return format!(
            "Queue {name} of client {client} does not exist. It is made again as the stack makes it, and empty.\n\n"
        );
    }
    let lines: String = report.mended.iter().map(|difference| format!("  {difference}\n")).collect();
    format!(
        "Queue {name} of client {client} is not as the stack makes it. What is in it stays, and these are set:\n{lines}\n"
    )
}

fn text(report: &Report, queue: &QueueArn, stack: &str) -> String {
    let Report { client, was_made, mended, catch_up, is_paused, .. } = report;
    let (name, client, option) = (printable(&queue.name), printable(client), printable(stack));
    let mut text = match mended.len() {
        _ if *was_made => format!("Queue {name} of client {client} was made again.\n"),
        0 => format!(
            "Queue {name} of client {client} is as the stack makes it: nothing is to be repaired.\nSQS may \
             show a queue for a minute after it was deleted: then run this again.\n"
        ),
        count => format!("Queue {name} of client {client} is mended: {} set.\n", counted(count, "attribute")),
    };
    if let Some(report) = catch_up {
        text += &catch_up::text(report, stack);
    }
    if *is_paused && report.is_needed() {
        text +=
            &format!("The client is paused, and sent nothing before `fanoutctl resume {client}{option}`.\n");
    }
    if mended.is_empty() {
        let which = if *was_made { "the deleted queue" } else { "a queue that was purged" };
        text += &format!(
            "What {which} held comes only by a replay, from the version after the last that the team has, or by a backfill:\n  \
             fanoutctl replay {client} --group KEY --from VERSION{option}\n  \
             fanoutctl backfill {client}{option}\n"
        );
    }
    text
}

#[cfg(test)]
mod tests;
