//! The facts about a stack's queues and clients, as AWS returned them: many calls at once, none of which ends the
//! others when it fails.

use std::collections::BTreeMap;

use aws::operator::Target;
use aws::operator::cloudformation::DeployedStack;
use aws::operator::cloudwatch::{self, MetricName, WINDOW};
use aws::operator::{CallError, sqs};
use deploy::stack::Whose;
use futures_util::{StreamExt as _, stream};
use shared::config::Config;
use shared::ledger::{Registry, ScanKind};
use shared::naming::{Naming, OwnQueue, QueueArn};
use shared::time::Timestamp;

use super::Deployment;
use crate::client_status::ClientStatus;
use crate::commands::CALLS_AT_ONCE;
use crate::commands::operator::{StackLedger, now};
use crate::context::output;
use crate::erasures::DueNotices;
use crate::plan::RegisteredClient;
use crate::targets::{DeliveredByClient, TargetStatus, delivered};
use crate::unsettled::{RegistryDifference, unsettled};

/// The facts about a stack at a moment.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) stack: String,
    /// The stack's own queues, then the clients' in the order of the config.
    pub(super) queues: Vec<Queue>,
    /// The age of the newest record that the converter read, in milliseconds.
    pub(super) iterator_age: Figure,
    /// The clients that are not retired, by their names, from the ledger.
    pub(super) clients: Result<Vec<ClientStatus>, CallError>,
    /// The scans of the event table that are on, and when each began; none if the ledger could not be read.
    pub(super) scans: Vec<(ScanKind, Timestamp)>,
    /// The notices of erasures that clients are due, by the clients' names.
    pub(super) notices: Result<Vec<(String, DueNotices)>, CallError>,
    /// How the targets of push clients are.
    pub(super) targets: Result<Vec<TargetStatus>, CallError>,
    /// How many events each of them took in the last hour, by the clients' names.
    pub(super) delivered: Result<DeliveredByClient, CallError>,
    /// How the ledger's registry differs from the config that runs, as far as both are known.
    pub(super) unsettled: Vec<RegistryDifference>,
    /// When the facts were collected.
    pub(super) now: Timestamp,
}

impl Facts {
    /// The place of a client's queue among all; the last for one that has none.
    pub(super) fn place(&self, client: &str) -> usize {
        let is_its = |queue: &Queue| matches!(&queue.whose, Whose::Client(name) if name == client);
        self.queues.iter().position(is_its).unwrap_or(usize::MAX)
    }
}

/// The facts about a queue.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// A client by its name, or by its queue's if that isn't known.
    pub(super) whose: Whose,
    pub(super) arn: QueueArn,
    /// By SQS's names.
    pub(super) attributes: Result<BTreeMap<String, String>, CallError>,
    /// The age of its oldest message, in seconds.
    pub(super) oldest: Figure,
}

/// A metric's newest figure, or why there is none.
pub(super) type Figure = Result<f64, String>;

/// The facts about a stack.
pub(super) async fn facts(target: &Target, deployed: &Deployment) -> Facts {
    let Deployment { stack, naming, running } = deployed;
    let queues = queues(naming, running.clients.clone());
    let converter = output(stack, "ConverterName");
    let age = converter.map(|function| metric("AWS/Lambda", "IteratorAge", "FunctionName", function));
    let mut names: Vec<MetricName> = queues.iter().map(|(_, arn)| oldest_message(arn)).collect();
    names.extend(age.iter().cloned());
    let looks = queues.into_iter().map(async |(whose, arn)| {
        let attributes = sqs::attributes(target, naming.queue(&arn.account, &arn.name).as_str()).await;
        (whose, arn, attributes)
    });
    let looks = stream::iter(looks).buffered(CALLS_AT_ONCE).collect::<Vec<_>>();
    let (looks, metrics, clients, scans, notices) = tokio::join!(
        looks,
        cloudwatch::newest(target, &names),
        clients(target, stack),
        running_scans(target, stack),
        due_notices(target, stack)
    );

    let metrics = metrics.map_err(|error| error.to_string());
    let queues = looks.into_iter().map(|(whose, arn, attributes)| {
        let oldest = if arn.account == naming.account {
            figure(&metrics, &oldest_message(&arn))
        } else {
            Err(format!("the metrics of a queue are in its own account `{}`", arn.account))
        };
        Queue { whose, arn, attributes, oldest }
    });
    let (registry, clients) =
        clients.map_or_else(|error| (None, Err(error)), |(registry, clients)| (registry, Ok(clients)));
    let targets = targets(target, stack, registry.as_ref(), running.config.as_ref()).await;
    let delivered = delivered(target, stack, targets.as_deref().unwrap_or_default()).await;
    Facts {
        stack: stack.name.clone(),
        queues: queues.collect(),
        iterator_age: age.map_err(|error| error.to_string()).and_then(|age| figure(&metrics, &age)),
        clients,
        scans,
        notices,
        targets,
        delivered,
        unsettled: unsettled(running.config.as_ref(), registry.as_ref()),
        now: now(),
    }
}

async fn clients(
    target: &Target,
    stack: &DeployedStack,
) -> Result<(Option<Registry>, Vec<ClientStatus>), CallError> {
    StackLedger::try_new(target, stack)?.client_statuses().await
}

async fn due_notices(target: &Target, stack: &DeployedStack) -> Result<Vec<(String, DueNotices)>, CallError> {
    StackLedger::try_new(target, stack)?.due_notices().await
}

async fn targets(
    target: &Target,
    stack: &DeployedStack,
    registry: Option<&Registry>,
    config: Option<&Config>,
) -> Result<Vec<TargetStatus>, CallError> {
    // That the registry can't be read is said about the clients.
    let Some(registry) = registry else { return Ok(Vec::new()) };
    StackLedger::try_new(target, stack)?.targets(registry, config).await
}

async fn running_scans(target: &Target, stack: &DeployedStack) -> Vec<(ScanKind, Timestamp)> {
    let Ok(ledger) = StackLedger::try_new(target, stack) else { return Vec::new() };
    // That the ledger can't be read is said about the clients.
    ledger.scans().await.unwrap_or_default()
}

/// The queues to look at: those of the config that runs, not of the file. A client whose name isn't known is named
/// after its queue.
fn queues(naming: &Naming, clients: Vec<RegisteredClient>) -> Vec<(Whose, QueueArn)> {
    let own = OwnQueue::ALL.map(|queue| (Whose::Stack(queue), naming.own_queue_arn(queue)));
    let clients = clients.into_iter().map(|RegisteredClient { name, queue, .. }| {
        (Whose::Client(name.unwrap_or_else(|| queue.name.clone())), queue)
    });
    own.into_iter().chain(clients).collect()
}

fn oldest_message(arn: &QueueArn) -> MetricName {
    metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", &arn.name)
}

fn metric(namespace: &'static str, metric: &'static str, dimension: &'static str, value: &str) -> MetricName {
    MetricName { namespace, metric, dimensions: vec![(dimension, value.to_owned())] }
}

fn figure(metrics: &Result<BTreeMap<MetricName, f64>, String>, name: &MetricName) -> Figure {
    let MetricName { namespace, metric, .. } = name;
    let minutes = WINDOW.as_secs() / 60;
    let figure = metrics.as_ref().map_err(String::clone)?.get(name).copied();
    figure.ok_or_else(|| format!("no figure of `{namespace}` `{metric}` in the last {minutes} minutes"))
}
