//! The facts about a deployed stack, as AWS returned them: many calls at once, none of which ends the others when it
//! fails.

use std::collections::BTreeMap;

use aws::operator::cloudformation::DeployedStack;
use aws::operator::kms::{self, Key};
use aws::operator::lambda::{self, Function, Mapping};
use aws::operator::table::{self, Table};
use aws::operator::{CallError, Target, sqs};
use deploy::clients::ClientLists;
use deploy::invoke::CATCH_UP_NAME;
use deploy::stack::{self, UnknownConfig};
use futures_util::{StreamExt as _, stream};
use shared::config::{ClientQueue, Config};
use shared::ledger::{ItemKey, Registry, ScanKind};
use shared::naming::{Naming, OwnQueue, QueueArn};
use shared::time::Timestamp;

use super::look::{self, TargetFacts};
use crate::client_status::ClientStatus;
use crate::commands::CALLS_AT_ONCE;
use crate::commands::operator::{StackLedger, now};
use crate::context::output;
use crate::page::PageFacts;

/// The facts about a deployed stack. A part that could not be looked at is the error of its call.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) stack: String,
    pub(super) place: Naming,
    /// The ARN of the fan-out's role.
    pub(super) fan_out_role: String,
    /// The ARN of the policy with the rights to look at all of this.
    pub(super) watch_policy: Option<String>,
    /// The ARNs of those with the rights to look at targets in AWS, and at secrets of webhooks.
    pub(super) watch_targets_policy: Option<String>,
    pub(super) watch_secrets_policy: Option<String>,
    /// The ARN of the policy with the right to bring sample events to targets.
    pub(super) push_test_policy: Option<String>,
    /// The config in the file.
    pub(super) config: Config,
    /// The config that the functions run with (none if it is invalid), or why it isn't known.
    pub(super) running: Result<Option<Config>, UnknownConfig>,
    /// The stack's own queues, then the clients' in the order of the config.
    pub(super) queues: Vec<Queue>,
    /// The ARN of the stream that the stack reads.
    pub(super) stream: Option<String>,
    /// The table of that stream.
    pub(super) table: Option<Result<Table, CallError>>,
    /// A page of that table.
    pub(super) page: Option<PageFacts>,
    /// The converter's event source mappings.
    pub(super) converter: Result<Vec<Mapping>, CallError>,
    /// The fan-out's event source mappings.
    pub(super) fan_out: Result<Vec<Mapping>, CallError>,
    /// Catch-up's event source mappings.
    pub(super) catch_up: Result<Vec<Mapping>, CallError>,
    pub(super) ledger: Result<Ledger, CallError>,
    /// The targets of push clients, in the order of the config.
    pub(super) targets: Result<Vec<TargetFacts>, CallError>,
    /// When the facts were collected.
    pub(super) now: Timestamp,
}

/// The facts about a stack's ledger.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    /// The name of its table.
    pub(super) name: String,
    /// The table's status: `ACTIVE`, ….
    pub(super) status: Result<String, CallError>,
    /// Whether the table has point-in-time recovery.
    pub(super) has_recovery: Result<bool, CallError>,
    pub(super) catch_up: Result<Function, CallError>,
    pub(super) content: Result<Content, CallError>,
}

/// The items of a ledger that show whether the catch-up function does its work.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// None if the ledger is empty.
    pub(super) registry: Option<Registry>,
    /// When the last comparison of table and ledger began.
    pub(super) compared_at: Option<Timestamp>,
    /// The clients that are not retired.
    pub(super) clients: Vec<ClientStatus>,
}

/// The facts about a queue.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) whose: Whose,
    pub(super) arn: QueueArn,
    /// By SQS's names.
    pub(super) attributes: Result<BTreeMap<String, String>, CallError>,
    /// The KMS key that encrypts it, if one does and it isn't SQS's own.
    pub(super) key: Option<Result<Key, CallError>>,
}

/// Whose a queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The stack's.
    Stack(OwnQueue),
    /// A client's, made by the stack.
    Own {
        client: String,
        /// Whether the stack has made it.
        is_deployed: bool,
    },
    /// A client's, made by its team.
    Existing {
        client: String,
        /// Whether the fan-out's role has the right to send to it.
        is_deployed: bool,
    },
}

/// The facts about `stack`, which is in `place`, and about the clients in `config`.
pub(super) async fn facts(target: &Target, stack: &DeployedStack, place: Naming, config: Config) -> Facts {
    let mappings = async |name: &str| lambda::mappings(target, output(stack, name)?).await;
    let stream = stack.outputs.get("EventStreamARN").cloned();
    let (queues, table, page, converter, fan_out, catch_up, ledger, running, targets) = tokio::join!(
        queues(target, stack, &place, &config),
        event_table(target, stream.as_deref()),
        page(target, stream.as_deref()),
        mappings("ConverterName"),
        mappings("FanOutName"),
        mappings(CATCH_UP_NAME),
        ledger(target, stack),
        stack::deployed_config(target, stack),
        look::targets(target, &place, &config),
    );
    let running = running.map(|text| Config::try_from_toml("client-queues.toml", &text, Some(&place)).ok());
    let output_of = |name: &str| stack.outputs.get(name).cloned();
    Facts {
        stack: stack.name.clone(),
        fan_out_role: output_of("FanOutRoleARN").unwrap_or_else(|| place.fan_out_role_arn()),
        place,
        watch_policy: output_of("WatchPolicyARN"),
        watch_targets_policy: output_of("WatchTargetsPolicyARN"),
        watch_secrets_policy: output_of("WatchSecretsPolicyARN"),
        push_test_policy: output_of("PushTestPolicyARN"),
        config,
        running,
        queues,
        stream,
        table,
        page,
        converter,
        fan_out,
        catch_up,
        ledger,
        targets,
        now: now(),
    }
}

async fn ledger(target: &Target, stack: &DeployedStack) -> Result<Ledger, CallError> {
    let ledger = StackLedger::try_new(target, stack)?;
    let name = &ledger.name;
    let catch_up = async || lambda::function(target, output(stack, CATCH_UP_NAME)?).await;
    let (table, has_recovery, catch_up, content) = tokio::join!(
        table::describe(target, name),
        table::has_point_in_time_recovery(target, name),
        catch_up(),
        content(&ledger),
    );
    let status = table.map(|table| table.status);
    Ok(Ledger { name: name.to_owned(), status, has_recovery, catch_up, content })
}

async fn content(ledger: &StackLedger) -> Result<Content, CallError> {
    let (registry, clients) = ledger.client_statuses().await?;
    let items = ledger.read(&[ItemKey::Scan(ScanKind::Reconcile)]).await?;
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

async fn page(target: &Target, stream: Option<&str>) -> Option<PageFacts> {
    Some(PageFacts::read(target, table::of_stream(stream?).ok()?).await)
}

/// The ARN of the key that encrypts the queue `arn`, by its `attributes`. A key or alias without an account is one of
/// the queue's account.
pub(super) fn key_arn(arn: &QueueArn, attributes: &BTreeMap<String, String>) -> Option<String> {
    let id = attributes.get("KmsMasterKeyId").filter(|id| !id.is_empty())?;
    let QueueArn { partition, region, account, .. } = arn;
    Some(look::key_arn([partition, region, account], id))
}

/// Whether the key with this ARN is the one that SQS has in each account.
pub(super) fn is_of_sqs(key_arn: &str) -> bool {
    key_arn.ends_with(":alias/aws/sqs")
}
