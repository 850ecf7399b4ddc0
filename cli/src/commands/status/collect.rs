//! Collects the facts: many calls at once, each for itself.

use std::collections::BTreeMap;

use aws::operator::Target;
use aws::operator::cloudformation::DeployedStack;
use aws::operator::cloudwatch::{self, MetricName, WINDOW};
use aws::operator::{CallError, sqs};
use deploy::clients::ClientLists;
use deploy::stack::{self, Whose};
use futures_util::{StreamExt as _, stream};
use shared::config::{ClientQueue, Config};
use shared::naming::{Naming, QueueArn};

use super::facts::{Facts, Figure, Queue};
use crate::client_status::ClientStatus;
use crate::commands::operator::{LEDGER_TABLE_NAME, client_statuses, now};
use crate::commands::{CALLS_AT_ONCE, OWN_QUEUES};
use crate::context::output;

/// The facts of `stack`, which is in `place`.
pub(super) async fn facts(target: &Target, stack: &DeployedStack, naming: &Naming) -> Facts {
    let queues = queues(target, stack, naming).await;
    let converter = output(stack, "ConverterName");
    let age =
        converter.as_ref().ok().map(|function| metric("AWS/Lambda", "IteratorAge", "FunctionName", function));
    let mut names: Vec<MetricName> = queues.iter().map(|(_, arn)| oldest_message(arn)).collect();
    names.extend(age.clone());
    let looks = queues.into_iter().map(async |(whose, arn)| {
        let attributes = sqs::attributes(target, naming.queue(&arn.account, &arn.name).as_str()).await;
        (whose, arn, attributes)
    });
    let looks = stream::iter(looks).buffered(CALLS_AT_ONCE).collect::<Vec<_>>();
    let (looks, metrics, clients) =
        tokio::join!(looks, cloudwatch::newest(target, &names), clients(target, stack));

    let metrics = metrics.map_err(|error| error.to_string());
    let queues = looks.into_iter().map(|(whose, arn, attributes)| {
        let oldest = if arn.account == naming.account {
            figure(&metrics, &oldest_message(&arn))
        } else {
            Err(format!("the metrics of a queue are in its own account `{}`", arn.account))
        };
        Queue { whose, arn, attributes, oldest }
    });
    Facts {
        stack: stack.name.clone(),
        queues: queues.collect(),
        iterator_age: match (age, converter) {
            (Some(age), _) => figure(&metrics, &age),
            (None, missing) => Err(missing.err().map(|error| error.to_string()).unwrap_or_default()),
        },
        clients,
        now: now(),
    }
}

async fn clients(target: &Target, stack: &DeployedStack) -> Result<Vec<ClientStatus>, CallError> {
    let (_, clients) = client_statuses(target, output(stack, LEDGER_TABLE_NAME)?).await?;
    Ok(clients)
}

/// The queues to look at. Which clients are served the config says that runs, not the file that is being edited.
async fn queues(target: &Target, stack: &DeployedStack, naming: &Naming) -> Vec<(Whose, QueueArn)> {
    let mut queues = Vec::from(OWN_QUEUES.map(|queue| (Whose::Stack(queue), naming.own_queue_arn(queue))));
    let text = stack::deployed_config(target, stack).await.ok();
    let config = text.and_then(|text| Config::try_from_toml("client-queues.toml", &text, Some(naming)).ok());
    let own = |name: String| (Whose::Client(name.clone()), naming.client_queue_arn(&name));
    match config {
        Some(config) => queues.extend(config.clients.into_iter().map(|client| match client.queue {
            ClientQueue::Own => own(client.name.to_string()),
            ClientQueue::Existing(arn) => (Whose::Client(client.name.to_string()), arn),
        })),
        // The stack's parameters tell as much, but for the names of clients whose queues it did not make.
        None => {
            let clients = ClientLists::of_stack(stack);
            let existing = clients.existing.iter().filter_map(|arn| QueueArn::try_new(arn).ok());
            queues.extend(clients.own.into_iter().map(own));
            queues.extend(existing.map(|arn| (Whose::Client(arn.name.clone()), arn)));
        }
    }
    queues
}

fn oldest_message(arn: &QueueArn) -> MetricName {
    metric("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", &arn.name)
}

fn metric(namespace: &'static str, metric: &'static str, dimension: &'static str, value: &str) -> MetricName {
    MetricName { namespace, metric, dimension, value: value.to_owned() }
}

fn figure(metrics: &Result<BTreeMap<MetricName, f64>, String>, name: &MetricName) -> Figure {
    let MetricName { namespace, metric, .. } = name;
    let minutes = WINDOW.as_secs() / 60;
    let figure = metrics.as_ref().map_err(String::clone)?.get(name).copied();
    figure.ok_or_else(|| format!("no figure of `{namespace}` `{metric}` in the last {minutes} minutes"))
}
