//! Collects the facts: many calls at once, none of which ends the others when it fails.

use aws::operator::cloudformation::DeployedStack;
use aws::operator::table::{self, Table};
use aws::operator::{CallError, Target, kms, lambda, ledger as aws_ledger, sqs};
use deploy::clients::ClientLists;
use deploy::invoke::CATCH_UP_NAME;
use deploy::stack;
use futures_util::{StreamExt as _, stream};
use shared::config::{ClientQueue, Config};
use shared::ledger::{ItemKey, ScanKind};
use shared::naming::{Naming, OwnQueue, QueueArn};

use super::facts::{Content, Facts, Ledger, Queue, Whose, is_of_sqs, key_arn};
use crate::client_status;
use crate::commands::CALLS_AT_ONCE;
use crate::commands::operator::{LEDGER_TABLE_NAME, client_statuses, now};
use crate::context::output;

/// The facts about `stack`, which is in `place`, and about the clients in `config`.
pub(super) async fn facts(target: &Target, stack: &DeployedStack, place: Naming, config: Config) -> Facts {
    let mappings = async |name: &str| lambda::mappings(target, output(stack, name)?).await;
    let stream = stack.outputs.get("EventStreamARN").cloned();
    let (queues, table, converter, fan_out, ledger, running) = tokio::join!(
        queues(target, stack, &place, &config),
        event_table(target, stream.as_deref()),
        mappings("ConverterName"),
        mappings("FanOutName"),
        ledger(target, stack),
        stack::deployed_config(target, stack),
    );
    let running = running.map(|text| Config::try_from_toml("client-queues.toml", &text, Some(&place)).ok());
    let fan_out_role = stack.outputs.get("FanOutRoleARN").cloned();
    Facts {
        stack: stack.name.clone(),
        fan_out_role: fan_out_role.unwrap_or_else(|| place.fan_out_role_arn()),
        place,
        watch_policy: stack.outputs.get("WatchPolicyARN").cloned(),
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

async fn ledger(target: &Target, stack: &DeployedStack) -> Result<Ledger, CallError> {
    let name = output(stack, LEDGER_TABLE_NAME)?;
    let catch_up = async || lambda::function(target, output(stack, CATCH_UP_NAME)?).await;
    let (table, has_recovery, catch_up, content) = tokio::join!(
        table::describe(target, name),
        table::has_point_in_time_recovery(target, name),
        catch_up(),
        content(target, name),
    );
    let status = table.map(|table| table.status);
    Ok(Ledger { name: name.to_owned(), status, has_recovery, catch_up, content })
}

async fn content(target: &Target, name: &str) -> Result<Content, CallError> {
    let (registry, clients) = client_statuses(target, name).await?;
    let ledger = aws_ledger::ledger(target, name);
    let items = client_status::read(&ledger, &[ItemKey::Scan(ScanKind::Reconcile)]).await;
    let items = items.map_err(|error| aws_ledger::unread(name, &error))?;
    let compared_at = items.scan(ScanKind::Reconcile).present().map(|scan| scan.at);
    Ok(Content { registry, compared_at, clients })
}

async fn queues(target: &Target, stack: &DeployedStack, place: &Naming, config: &Config) -> Vec<Queue> {
    let deployed = ClientLists::of_stack(stack);
    let mut queues: Vec<(Whose, QueueArn)> =
        OwnQueue::ALL.map(|queue| (Whose::Stack(queue), place.own_queue_arn(queue))).into();
    queues.extend(config.clients.iter().map(|client| {
        let (name, arn) = (client.name.to_string(), client.queue_arn(place));
        let whose = match client.queue {
            ClientQueue::Own => Whose::Own { is_deployed: deployed.own.contains(&name), client: name },
            ClientQueue::Existing(_) => {
                Whose::Existing { is_deployed: deployed.existing.contains(&arn.to_string()), client: name }
            }
        };
        (whose, arn)
    }));
    let looks = queues.into_iter().map(async |(whose, arn)| {
        let url = place.queue(&arn.account, &arn.name);
        let attributes = sqs::attributes(target, url.as_str()).await;
        let key_arn = attributes.as_ref().ok().and_then(|attributes| key_arn(&arn, attributes));
        let key = match key_arn.filter(|key| !is_of_sqs(key)) {
            Some(key) => Some(kms::key(target, &key).await),
            None => None,
        };
        Queue { whose, arn, attributes, key }
    });
    stream::iter(looks).buffered(CALLS_AT_ONCE).collect().await
}

async fn event_table(target: &Target, stream: Option<&str>) -> Option<Result<Table, CallError>> {
    Some(table::describe(target, table::arn_of_stream(stream?)?).await)
}
