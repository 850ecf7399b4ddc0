//! Collects the facts: many calls at once, each for itself.

use deploy::invoke::CATCH_UP_NAME;
use deploy::stack::{self, DeployedStack, UnknownConfig};
use deploy::target::Target;
use futures_util::StreamExt as _;
use futures_util::stream;
use shared::config::{ClientQueue, Config, QueueArn};
use shared::ledger::{ItemKey, WalkKind};
use shared::place::{OwnQueue, Place};

use super::facts::{Content, Facts, Ledger, Queue, Roles, UnknownRunning, Whose, is_of_sqs, key_arn};
use crate::aws::lambda::{Function, Mapping};
use crate::aws::table::Table;
use crate::aws::{CallError, CallFault, kms, lambda, ledger as aws_ledger, sqs, table};
use crate::commands::ledger::{now, standings};
use crate::standing;

/// With 50 ms a call, the queues of a hundred clients take a second.
const CALLS_AT_ONCE: usize = 16;

/// The facts of `stack`, which is in `place`, and of the clients in `config`.
pub(super) async fn facts(target: &Target, stack: &DeployedStack, place: Place, config: Config) -> Facts {
    let output = |name: &str| stack.outputs.get(name).cloned();
    let stream = output("EventStreamARN");
    let (converter_name, fan_out_name) = (output("ConverterName"), output("FanOutName"));
    let lambda = aws_sdk_lambda::Client::new(target.sdk_config());
    let (queues, table, converter, fan_out, ledger, running) = tokio::join!(
        queues(target, stack, &place, &config),
        describe_table(target, stream.as_deref()),
        mappings(&lambda, converter_name.as_deref(), "ConverterName"),
        mappings(&lambda, fan_out_name.as_deref(), "FanOutName"),
        ledger(target, &lambda, output("LedgerTableName"), output(CATCH_UP_NAME)),
        stack::deployed_config(target, stack),
    );
    let running = match running {
        Ok(text) => Ok(Config::try_from_toml("client-queues.toml", &text, Some(&place)).ok()),
        Err(UnknownConfig::Call(error)) => Err(UnknownRunning::Unread(error)),
        Err(error) => Err(UnknownRunning::NotThere(error.to_string())),
    };
    let roles = Roles {
        converter: place.converter_role_arn(),
        fan_out: output("FanOutRoleARN").unwrap_or_else(|| place.fan_out_role_arn()),
    };
    Facts {
        stack: stack.name.clone(),
        place,
        roles,
        watch_policy: output("WatchPolicyARN"),
        config,
        running,
        queues,
        stream,
        table,
        converter,
        fan_out,
        ledger,
        now: now(),
    }
}

async fn ledger(
    target: &Target,
    lambda: &aws_sdk_lambda::Client,
    name: Option<String>,
    catch_up: Option<String>,
) -> Option<Ledger> {
    let name = name?;
    let dynamodb = aws_sdk_dynamodb::Client::new(target.sdk_config());
    let (table, has_recovery, catch_up, content) = tokio::join!(
        table::describe(&dynamodb, &name),
        table::has_point_in_time_recovery(&dynamodb, &name),
        catch_up_function(lambda, catch_up.as_deref()),
        content(target, &name),
    );
    Some(Ledger { name, status: table.map(|table| table.status), has_recovery, catch_up, content })
}

async fn catch_up_function(
    client: &aws_sdk_lambda::Client,
    name: Option<&str>,
) -> Result<Function, CallError> {
    match name {
        Some(name) => lambda::function(client, name).await,
        None => Err(no_output("GetFunctionConfiguration", CATCH_UP_NAME)),
    }
}

async fn content(target: &Target, name: &str) -> Result<Content, CallError> {
    let (control, clients) = standings(target, name).await?;
    let ledger = aws_ledger::ledger(target, name);
    let found = standing::read(&ledger, &[ItemKey::Walk(WalkKind::Reconcile)]).await;
    let found = found.map_err(|error| aws_ledger::unread(name, &error))?;
    let compared_at = found.walk(WalkKind::Reconcile).flatten().map(|walk| walk.at);
    Ok(Content { control, compared_at, clients })
}

async fn queues(target: &Target, stack: &DeployedStack, place: &Place, config: &Config) -> Vec<Queue> {
    let deployed = stack.clients();
    let mut wanted: Vec<(Whose, QueueArn)> = Vec::new();
    for queue in OwnQueue::ALL {
        wanted.push((Whose::Stack(queue), place.own_queue_arn(queue)));
    }
    for client in &config.clients {
        let name = client.name.to_string();
        wanted.push(match &client.queue {
            ClientQueue::Own => {
                let arn = place.client_queue_arn(&name);
                (Whose::Own { is_deployed: deployed.own.contains(&name), client: name }, arn)
            }
            ClientQueue::Existing(arn) => {
                let is_deployed = deployed.existing.contains(&arn.to_string());
                (Whose::Existing { is_deployed, client: name }, arn.clone())
            }
        });
    }
    let sqs = target.sqs();
    let kms = aws_sdk_kms::Client::new(target.sdk_config());
    let looks = wanted.into_iter().map(|(whose, arn)| queue(&sqs, &kms, place, whose, arn));
    stream::iter(looks).buffered(CALLS_AT_ONCE).collect().await
}

async fn queue(
    sqs: &aws_sdk_sqs::Client,
    kms: &aws_sdk_kms::Client,
    place: &Place,
    whose: Whose,
    arn: QueueArn,
) -> Queue {
    let url = place.queue(&arn.account, &arn.name);
    let attributes = sqs::attributes(sqs, url.as_str()).await;
    let key_arn = attributes.as_ref().ok().and_then(|attributes| key_arn(&arn, attributes));
    let key = match key_arn.filter(|key| !is_of_sqs(key)) {
        Some(key) => Some(kms::describe(kms, &key).await),
        None => None,
    };
    Queue { whose, arn, attributes, key }
}

async fn describe_table(target: &Target, stream: Option<&str>) -> Option<Result<Table, CallError>> {
    // `arn:…:table/Events/stream/2026-01-05T09:00:00.000`
    let (table, _) = stream?.split_once("/stream/")?;
    let client = aws_sdk_dynamodb::Client::new(target.sdk_config());
    Some(table::describe(&client, table).await)
}

async fn mappings(
    client: &aws_sdk_lambda::Client,
    function: Option<&str>,
    output: &'static str,
) -> Result<Vec<Mapping>, CallError> {
    match function {
        Some(function) => lambda::mappings(client, function).await,
        None => Err(no_output("ListEventSourceMappings", output)),
    }
}

fn no_output(call: &'static str, output: &str) -> CallError {
    let reason = format!("the stack has no output `{output}`");
    CallError { call, subject: output.to_owned(), fault: CallFault::Missing, reason }
}
