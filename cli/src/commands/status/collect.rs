//! Collects the facts: many calls at once, each for itself.

use std::collections::BTreeMap;

use deploy::stack::{self, DeployedStack, Whose};
use deploy::target::Target;
use futures_util::StreamExt as _;
use futures_util::stream;
use shared::config::{ClientQueue, Config, QueueArn};
use shared::place::{OwnQueue, Place, QueueUrl};

use super::facts::{Facts, Figure, Queue};
use crate::aws::cloudwatch::{self, Name, WINDOW};
use crate::aws::{CallError, sqs};
use crate::commands::ledger::{now, standings};
use crate::standing::Served;

/// With 50 ms a call, the queues of a hundred clients take half a second.
const CALLS_AT_ONCE: usize = 16;

/// The facts of `stack`, which is in `place`.
pub(super) async fn facts(target: &Target, stack: &DeployedStack, place: &Place) -> Facts {
    let queues = queues(target, stack, place).await;
    let client = target.sqs();
    let urls: Vec<QueueUrl> = queues.iter().map(|(_, arn)| place.queue(&arn.account, &arn.name)).collect();
    let looks = urls.into_iter().map(|url| look(&client, url));
    let looks = stream::iter(looks).buffered(CALLS_AT_ONCE).collect::<Vec<_>>();
    let converter = stack.outputs.get("ConverterName").map(String::as_str);
    let ledger = stack.outputs.get("LedgerTableName").map(String::as_str);
    let (attributes, metrics, clients) =
        tokio::join!(looks, metrics(target, converter, &queues), clients(target, ledger));

    let figure = |name: &Name| -> Figure {
        let figures = metrics.as_ref().map_err(ToString::to_string)?;
        figures.get(name).copied().ok_or_else(|| no_figure(name))
    };
    let mut found = Vec::with_capacity(queues.len());
    for ((whose, arn), attributes) in queues.into_iter().zip(attributes) {
        let oldest = if arn.account == place.account {
            figure(&oldest_message(&arn))
        } else {
            Err(format!("the metrics of a queue are in its own account `{}`", arn.account))
        };
        found.push(Queue { whose, arn, attributes, oldest });
    }
    let iterator_age = match converter {
        Some(converter) => figure(&iterator_age(converter)),
        None => Err("the stack has no output `ConverterName`; deploy it again".to_owned()),
    };
    Facts {
        stack: stack.name.clone(),
        account: place.account.clone(),
        queues: found,
        iterator_age,
        clients,
        now: now(),
    }
}

async fn clients(target: &Target, ledger: Option<&str>) -> Option<Result<Vec<Served>, CallError>> {
    Some(standings(target, ledger?).await.map(|(_, clients)| clients))
}

/// The queues to look at. Who is served says the config that runs, not the file that somebody edits.
async fn queues(target: &Target, stack: &DeployedStack, place: &Place) -> Vec<(Whose, QueueArn)> {
    let own = OwnQueue::ALL.map(|queue| (Whose::Stack(queue), place.own_queue_arn(queue)));
    let mut queues = Vec::from(own);
    let text = stack::deployed_config(target, stack).await.ok();
    let config = text.and_then(|text| Config::try_from_toml("client-queues.toml", &text, Some(place)).ok());
    if let Some(config) = config {
        for client in config.clients {
            let name = client.name.to_string();
            let queue = match client.queue {
                ClientQueue::Own => place.client_queue_arn(&name),
                ClientQueue::Existing(arn) => arn,
            };
            queues.push((Whose::Client(name), queue));
        }
        return queues;
    }
    // The stack's parameters tell as much, but for the names of clients whose queues it did not make.
    let clients = stack.clients();
    for name in clients.own {
        let queue = place.client_queue_arn(&name);
        queues.push((Whose::Client(name), queue));
    }
    for arn in clients.existing.iter().filter_map(|arn| QueueArn::try_new(arn).ok()) {
        queues.push((Whose::Client(arn.name.clone()), arn));
    }
    queues
}

async fn look(client: &aws_sdk_sqs::Client, url: QueueUrl) -> Result<BTreeMap<String, String>, CallError> {
    sqs::attributes(client, url.as_str()).await
}

async fn metrics(
    target: &Target,
    converter: Option<&str>,
    queues: &[(Whose, QueueArn)],
) -> Result<BTreeMap<Name, f64>, CallError> {
    let mut names: Vec<Name> = queues.iter().map(|(_, arn)| oldest_message(arn)).collect();
    names.extend(converter.map(iterator_age));
    cloudwatch::newest(&aws_sdk_cloudwatch::Client::new(target.sdk_config()), &names).await
}

fn oldest_message(arn: &QueueArn) -> Name {
    Name {
        namespace: "AWS/SQS",
        metric: "ApproximateAgeOfOldestMessage",
        dimension: "QueueName",
        value: arn.name.clone(),
    }
}

fn iterator_age(function: &str) -> Name {
    Name {
        namespace: "AWS/Lambda",
        metric: "IteratorAge",
        dimension: "FunctionName",
        value: function.to_owned(),
    }
}

fn no_figure(name: &Name) -> String {
    let Name { namespace, metric, .. } = name;
    format!("no figure of `{namespace}` `{metric}` in the last {} minutes", WINDOW.as_secs() / 60)
}
