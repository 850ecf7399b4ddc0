//! Prepares a deploy: collects the facts for `plan` and `deploy`, before anything is changed.

use aws::operator::Target;
use aws::operator::cloudformation::{self, DeployedStack, describe};
use aws::operator::lambda::unreserved_concurrency;
use aws::operator::ledger::formats;
use aws::operator::table::{self, Table};
use aws::operator::{CallError, CallFault, sqs};
use deploy::clients::ClientLists;
use deploy::settings::{FunctionTimeout, Settings};
use deploy::stack::{self, check_ready, deployed_config, kept_queues, prefix};
use futures_util::{StreamExt as _, stream};
use shared::config::{Config, Source};
use shared::naming::{Naming, QueueArn};
use shared::text::printable;

use super::CALLS_AT_ONCE;
use super::operator::{LEDGER_TABLE_NAME, backlogs};
use crate::context::Context;
use crate::event_table::{WrongKey, wrong_keys};
use crate::exit::{Exit, Failure};
use crate::page::PageFacts;
use crate::plan::{
    self, Facts, Plan, RefusedStream, RegisteredClient, RunningStack, STREAM_EXPORT, StreamFacts,
};
use crate::progress::unless_quick;

/// A plan, with the facts that it was made from.
pub(super) struct Preparation {
    pub(super) target: Target,
    pub(super) naming: Naming,
    /// The stack as it is; none if it is new.
    pub(super) deployed: Option<DeployedStack>,
    pub(super) config: Config,
    /// The text that `config` was read from: it goes into the packages.
    pub(super) config_text: String,
    pub(super) plan: Plan,
}

/// Collects the facts that a deploy with `settings` needs. The config comes first: AWS is not asked while it is broken.
pub(super) async fn prepare(context: &Context, settings: &Settings) -> Result<Preparation, Failure> {
    let config_text = context.config_text()?;
    context.parse(&config_text, None)?;
    let target = context.target().await?;
    let deployed = describe(&target, &context.stack).await?;
    if let Some(stack) = &deployed {
        check_ready(stack)?;
    }
    let naming = stack::naming(&target, prefix(settings.queue_prefix.as_ref(), deployed.as_ref())?).await?;
    let config = context.parse(&config_text, Some(&naming))?;
    check_timeout(settings, deployed.as_ref())?;
    let stream = stream_facts(&target, settings, deployed.is_none()).await;
    if let Some(arn) = stream.as_ref().and_then(|stream| stream.arn.as_deref()) {
        check_stream(arn, &naming)?;
    }

    let mut facts = Facts {
        parameters: [settings.parameters(&config), stack::client_parameters(&config, &naming).to_vec()]
            .concat(),
        kept_queues: kept_queues(&target, deployed.as_ref(), &naming, &config).await?,
        endpoint: target.endpoint().map(str::to_owned),
        // Without the right to ask, as if there were enough.
        concurrency: unreserved_concurrency(&target).await.ok().flatten(),
        ..Facts::default()
    };
    let mut asked: Vec<QueueArn> =
        facts.kept_queues.iter().filter_map(|kept| QueueArn::try_new(&kept.arn).ok()).collect();
    if let Some(stack) = &deployed {
        if let Some(table) = ledger_table(&target, stack).await {
            facts.ledger_formats = formats(&target, &table).await?;
        }
        let backlogs = unless_quick("reading the ledger", backlogs(&target, stack)).await;
        facts.backlogs = backlogs.map(|known| {
            known.map(|(registry, backlogs)| {
                facts.registry = registry;
                backlogs
            })
        });
        facts.disused = plan::disused_queues(stack, &naming);
        let running = running(&target, stack, &naming).await;
        asked.extend(facts.disused.iter().cloned());
        asked.extend(plan::left_queues(&config, &naming, &running).into_iter().cloned());
        facts.running = Some(running);
    }
    for queue in asked {
        let depth = sqs::depth(&target, naming.queue(&queue.account, &queue.name).as_str()).await;
        let is_missing = depth.as_ref().is_err_and(|error| error.fault == CallFault::Missing);
        if is_missing && facts.disused.contains(&queue) {
            // The queue was deleted by hand.
            facts.disused.retain(|disused| *disused != queue);
        } else {
            facts.depths.insert(queue.to_string(), depth.map_err(|error| error.to_string()));
        }
    }
    if let Some(table) = event_table(stream.as_ref(), facts.running.as_ref()) {
        let described = match stream.as_ref().and_then(|stream| stream.table.clone()) {
            Some(described) => described,
            None => table::describe(&target, table).await,
        };
        // Without the right to ask, as if nothing were known of it.
        if let Ok(described) = described {
            check_keys(table, &described, &config.source)?;
            facts.table_size = described.size;
        }
        facts.page = Some(PageFacts::read(&target, table).await);
    }
    facts.stream = stream;
    let plan = plan::plan(&context.stack, &config, &naming, facts);
    Ok(Preparation { target, naming, deployed, config, config_text, plan })
}

/// Checks that events have the table's own keys: with others nothing can be looked up, and events are other events.
fn check_keys(name: &str, table: &Table, source: &Source) -> Result<(), Failure> {
    let wrong: Vec<String> = wrong_keys(source, table)
        .into_iter()
        .map(|WrongKey { key, problem }| format!("source.{key}: event table `{name}`: {problem}"))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(Exit::Config.because(wrong.join("; "))) }
}

/// Says that a deploy may fail for want of a stream, because that could not be found out.
fn not_looked_up(error: &CallError) {
    eprintln!("whether the stack can read its stream is not known: {}", printable(&error.to_string()));
}

/// The stream that the deploy would have the stack read, if a setting names it, or the stack is new; none if that isn't
/// known, without the right to list exports.
async fn stream_facts(target: &Target, settings: &Settings, is_new: bool) -> Option<StreamFacts> {
    let set = settings.event_stream_arn.as_ref().map(|arn| arn.as_str().to_owned());
    let set = set.filter(|arn| !arn.is_empty());
    let (arn, is_exported) = match set {
        Some(arn) => (Some(arn), false),
        None if is_new || settings.event_stream_arn.is_some() => {
            match cloudformation::export(target, STREAM_EXPORT).await {
                Ok(arn) => (arn, true),
                Err(error) => {
                    not_looked_up(&error);
                    return None;
                }
            }
        }
        None => return None,
    };
    let table = match arn.as_deref().map(table::of_stream) {
        Some(Ok(name)) => Some(table::describe(target, name).await),
        _ => None,
    };
    if let Some(Err(error)) = &table
        && error.fault != CallFault::Missing
    {
        not_looked_up(error);
    }
    let mut facts = StreamFacts { arn, is_exported, table, streams: Vec::new(), is_more: false };
    if RefusedStream::of(&facts).is_some() {
        let (names, is_more) = table::first_names(target).await.unwrap_or((Vec::new(), true));
        facts.is_more = is_more;
        let described = names.into_iter().map(async |name| {
            let stream = table::describe(target, &name).await.ok()?.stream?;
            Some((name, stream))
        });
        facts.streams =
            stream::iter(described).buffered(CALLS_AT_ONCE).filter_map(async |found| found).collect().await;
    }
    Some(facts)
}

/// The name of the event table; none if it isn't known which table that is, or if its stream is refused.
fn event_table<'s>(stream: Option<&'s StreamFacts>, running: Option<&'s RunningStack>) -> Option<&'s str> {
    let stream = match stream {
        Some(stream) if RefusedStream::of(stream).is_some() => None,
        Some(stream) => stream.arn.as_deref(),
        None => running?.stream.as_deref(),
    };
    table::of_stream(stream?).ok()
}

/// The name of the ledger's table, also in an older stack in which no output names it.
pub(super) async fn ledger_table(target: &Target, stack: &DeployedStack) -> Option<String> {
    if let Some(name) = stack.outputs.get(LEDGER_TABLE_NAME) {
        return Some(name.clone());
    }
    cloudformation::physical_id(target, &stack.name, "LedgerTable").await
}

/// Checks the time-out that the stack will have: if none is set, it keeps its own, which the template may no longer
/// allow.
fn check_timeout(settings: &Settings, deployed: Option<&DeployedStack>) -> Result<(), Failure> {
    let kept = deployed.filter(|_| settings.function_timeout.is_none());
    let kept = kept.and_then(|stack| stack.parameters.get("FunctionTimeout")?.parse().ok());
    let checked = kept.map_or(Ok(()), |seconds| FunctionTimeout::try_new(seconds).map(drop));
    checked.map_err(|error| Exit::Usage.because(format!("{error}; the option is `--function-timeout`")))
}

/// Checks that the stream is in the stack's account and region: a mapping reads no other (Lambda API Reference,
/// "CreateEventSourceMapping").
fn check_stream(arn: &str, naming: &Naming) -> Result<(), Failure> {
    let mut parts = arn.split(':').skip(3);
    match (parts.next(), parts.next()) {
        (Some(region), Some(account)) if (region, account) != (&naming.region, &naming.account) => {
            Err(Exit::Usage.because(format!(
                "the stream `{arn}` is in {region}, account {account}, and the stack in {}, account {}; set \
                 `AWS_REGION`, or name a stream that is where the stack is",
                naming.region, naming.account
            )))
        }
        _ => Ok(()),
    }
}

/// The config and settings that `stack` runs with: from the config in its packages, or, if that can't be read, from its
/// parameters alone.
pub(super) async fn running(target: &Target, stack: &DeployedStack, naming: &Naming) -> RunningStack {
    let parameters = stack.parameters.clone();
    let stream = stack.outputs.get("EventStreamARN").cloned();
    let config = deployed_config(target, stack).await.map_err(|error| error.to_string());
    let config = config.and_then(|text| {
        let file = format!("client-queues.toml of {}", stack.name);
        Config::try_from_toml(&file, &text, Some(naming))
            .map_err(|findings| findings.to_string().replace('\n', "; "))
    });
    let (config, no_config) = config.map_or_else(|why| (None, Some(why)), |config| (Some(config), None));
    let registered = config.as_ref().map(|config| RunningStack::registered(config, naming));
    let clients = registered.unwrap_or_else(|| listed(stack, naming));
    RunningStack { clients, parameters, stream, config, no_config }
}

/// The clients that receive events from `stack`, by its parameters alone.
pub(super) fn listed(stack: &DeployedStack, naming: &Naming) -> Vec<RegisteredClient> {
    let lists = ClientLists::of_stack(stack);
    let own = lists.own.into_iter().map(|client| {
        let queue = naming.client_queue_arn(&client);
        RegisteredClient { name: Some(client), queue, is_own: true }
    });
    let existing = lists.existing.iter().filter_map(|arn| QueueArn::try_new(arn).ok());
    own.chain(existing.map(|queue| RegisteredClient { name: None, queue, is_own: false })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_out_that_is_too_long_for_the_ledger_is_refused() {
        let stack = |seconds: &str| DeployedStack {
            parameters: [("FunctionTimeout".to_owned(), seconds.to_owned())].into(),
            ..DeployedStack::default()
        };
        let check = |seconds: Option<u32>, stack: Option<DeployedStack>| {
            let function_timeout = seconds.map(|seconds| FunctionTimeout::try_new(seconds).unwrap());
            let settings = Settings { function_timeout, ..Settings::default() };
            check_timeout(&settings, stack.as_ref()).map_err(|failure| failure.exit())
        };
        assert_eq!(check(None, Some(stack("40"))), Err(Exit::Usage), "of an older stack");
        assert_eq!(check(Some(30), Some(stack("40"))), Ok(()));
        assert_eq!(check(None, Some(stack("30"))), Ok(()));
        assert_eq!(check(None, None), Ok(()));
    }

    #[test]
    fn a_stream_is_where_the_stack_is() {
        let naming = Naming::try_new("aws", "eu-west-2", "111122223333", "").unwrap();
        let stream =
            |place: &str| format!("arn:aws:dynamodb:{place}:table/Events/stream/2026-01-05T09:00:00.000");
        for (at, expected) in [
            ("eu-west-2:111122223333", true),
            ("us-east-1:111122223333", false),
            ("eu-west-2:444455556666", false),
        ] {
            assert_eq!(check_stream(&stream(at), &naming).is_ok(), expected, "{at}");
        }
        assert!(check_stream("", &naming).is_ok(), "imported");
    }

    #[test]
    fn keys_that_are_not_the_tables_are_refused() {
        let source = |keys: &str| {
            let text = format!("[source]\n{keys}\nversion = \"v\"\n[[client]]\nname = \"A\"\n");
            Config::try_from_toml("client-queues.toml", &text, None).unwrap().source
        };
        let table = Table {
            status: "ACTIVE".to_owned(),
            partition_key: "pk".to_owned(),
            partition_type: None,
            sort_key: Some("sk".to_owned()),
            sort_type: None,
            stream: None,
            size: None,
        };
        let check = |keys: &str| {
            check_keys("Shop", &table, &source(keys)).map_err(|failure| (failure.exit(), failure.to_string()))
        };
        assert_eq!(check("partition_key = \"pk\"\nsort_key = \"sk\""), Ok(()));
        let (exit, why) = check("partition_key = \"id\"\nsort_key = \"at\"").unwrap_err();
        assert_eq!(exit, Exit::Config);
        expect_test::expect!["source.partition_key: event table `Shop`: its partition key is `pk`, not `id`; source.sort_key: event table `Shop`: its sort key is `sk`, and the config's `at`"].assert_eq(&why);
    }
}
