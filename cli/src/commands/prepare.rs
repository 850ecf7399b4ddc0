//! What `plan` tells and `deploy` does: everything that is known before anything is touched.

use deploy::settings::{FunctionTimeout, Settings};
use deploy::stack::{DeployedStack, check_ready, deployed_config, describe, kept_queues, prefix};
use deploy::target::Target;
use shared::config::{Config, QueueArn};
use shared::place::Place;

use super::ledger::backlogs;
use crate::aws::sqs;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::plan::{self, Facts, Plan, Registered, Running};
use crate::progress::unless_quick;

/// A plan, and what it was made from.
pub(super) struct Prepared {
    pub(super) target: Target,
    pub(super) place: Place,
    /// The stack as it is; nothing if there is none.
    pub(super) deployed: Option<DeployedStack>,
    pub(super) config: Config,
    /// The very text that `config` was read from.
    pub(super) config_text: String,
    pub(super) plan: Plan,
}

/// Reads and asks for everything that a deploy with `settings` needs to know. The config comes first: nothing is asked
/// for while it is broken.
pub(super) async fn prepare(context: &Context, settings: &Settings) -> Result<Prepared, Failure> {
    let config_text = context.config_text()?;
    context.parse(&config_text, None)?;
    let target = context.target().await?;
    let deployed = describe(&target, &context.stack).await?;
    if let Some(stack) = &deployed {
        check_ready(stack)?;
    }
    let place = target.place(prefix(settings.queue_prefix.as_ref(), deployed.as_ref())?).await?;
    let config = context.parse(&config_text, Some(&place))?;
    check_timeout(settings, &config, deployed.as_ref())?;
    if let Some(stream) = &settings.event_stream_arn {
        check_stream(stream.as_str(), &place)?;
    }

    let running = match &deployed {
        Some(stack) => Some(running(&target, stack, &place).await),
        None => None,
    };
    let mut facts = Facts {
        parameters: settings.parameters(&config),
        kept_queues: kept_queues(&target, deployed.as_ref(), &place, &config).await?,
        endpoint: target.endpoint().map(str::to_owned),
        ..Facts::default()
    };
    let kept = facts.kept_queues.iter();
    let kept = kept.map(|kept| (kept.arn.clone(), place.queue(&place.account, &kept.name)));
    let left = running.iter().flat_map(|running| plan::left_queues(&config, &place, running));
    let left = left.map(|queue| (queue.to_string(), place.queue(&queue.account, &queue.name)));
    for (arn, url) in kept.chain(left).collect::<Vec<_>>() {
        let depth = sqs::depth(&target.sqs(), url.as_str()).await.map_err(|error| error.to_string());
        facts.depths.insert(arn, depth);
    }
    facts.running = running;
    facts.backlogs = match &deployed {
        Some(stack) => unless_quick("reading the ledger", backlogs(&target, stack)).await,
        None => None,
    };
    let plan = plan::plan(&context.stack, &config, &place, facts);
    Ok(Prepared { target, place, deployed, config, config_text, plan })
}

/// A stack that gets the ledger keeps the time-out that it has, if none is set.
fn check_timeout(
    settings: &Settings,
    config: &Config,
    deployed: Option<&DeployedStack>,
) -> Result<(), Failure> {
    let now = deployed.and_then(|stack| stack.parameters.get("FunctionTimeout"));
    let now = now.and_then(|seconds| FunctionTimeout::try_new(seconds.parse().ok()?).ok());
    let timeout = settings.function_timeout.or(now).unwrap_or_default();
    if config.source.version.is_some() {
        timeout.check_with_ledger().map_err(|error| Failure::new(Exit::Usage, error))?;
    }
    Ok(())
}

/// A mapping reads streams of its own account and region only (Lambda API Reference, "CreateEventSourceMapping").
fn check_stream(arn: &str, place: &Place) -> Result<(), Failure> {
    let mut parts = arn.split(':').skip(3);
    match (parts.next(), parts.next()) {
        (Some(region), Some(account)) if (region, account) != (&place.region, &place.account) => {
            let message = format!(
                "the stream `{arn}` is in {region}, account {account}, and the stack in {}, account {}; set \
                 `AWS_REGION`, or name a stream that is where the stack is",
                place.region, place.account
            );
            Err(Failure::new(Exit::Usage, message))
        }
        _ => Ok(()),
    }
}

/// What `stack` runs with: by the config in its packages, or, if that can't be read, by its parameters alone.
async fn running(target: &Target, stack: &DeployedStack, place: &Place) -> Running {
    let parameters = stack.parameters.clone();
    let stream = stack.outputs.get("EventStreamARN").cloned();
    let config = deployed_config(target, stack).await.map_err(|error| error.to_string());
    let config = config.and_then(|text| {
        let file = format!("client-queues.toml of {}", stack.name);
        Config::try_from_toml(&file, &text, Some(place))
            .map_err(|findings| findings.to_string().replace('\n', "; "))
    });
    match config {
        Ok(config) => Running {
            clients: Running::registered(&config, place),
            parameters,
            stream,
            config: Some(config),
            no_config: None,
        },
        Err(reason) => Running {
            clients: listed(stack, place),
            parameters,
            stream,
            config: None,
            no_config: Some(reason),
        },
    }
}

fn listed(stack: &DeployedStack, place: &Place) -> Vec<Registered> {
    let lists = stack.clients();
    let own = lists.own.into_iter().map(|client| {
        let queue = place.client_queue_arn(&client);
        Registered { name: Some(client), queue, is_own: true }
    });
    let existing = lists.existing.iter().filter_map(|arn| QueueArn::try_new(arn).ok());
    own.chain(existing.map(|queue| Registered { name: None, queue, is_own: false })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_out_is_not_for_the_ledger() {
        let config = |version: &str| {
            let text = format!(
                "[source]\npartition_key = \"mark\"\nsort_key = \"at\"\ngroup = \"mark\"\ntime = \"at\"\n{version}\n\
                 [[client]]\nname = \"Billing\"\n"
            );
            Config::try_from_toml("test", &text, None).unwrap()
        };
        let (with, without) = (config("version = \"version\""), config(""));
        let stack = |seconds: &str| DeployedStack {
            parameters: [("FunctionTimeout".to_owned(), seconds.to_owned())].into(),
            ..DeployedStack::default()
        };
        let set = |seconds: Option<u32>| Settings {
            function_timeout: seconds.map(|seconds| FunctionTimeout::try_new(seconds).unwrap()),
            ..Settings::default()
        };
        let check = |seconds, config, stack: Option<DeployedStack>| {
            check_timeout(&set(seconds), config, stack.as_ref()).map_err(|failure| failure.exit)
        };
        assert_eq!(check(Some(40), &with, None), Err(Exit::Usage));
        assert_eq!(check(None, &with, Some(stack("40"))), Err(Exit::Usage), "it gets the ledger");
        assert_eq!(check(Some(30), &with, Some(stack("40"))), Ok(()));
        assert_eq!(check(None, &with, Some(stack("30"))), Ok(()));
        assert_eq!(check(None, &with, None), Ok(()));
        assert_eq!(check(Some(40), &without, Some(stack("40"))), Ok(()));
    }

    #[test]
    fn a_stream_is_where_the_stack_is() {
        let place = Place::try_new("aws", "eu-west-2", "111122223333", "").unwrap();
        let stream =
            |place: &str| format!("arn:aws:dynamodb:{place}:table/Events/stream/2026-01-05T09:00:00.000");
        for (at, expected) in [
            ("eu-west-2:111122223333", true),
            ("us-east-1:111122223333", false),
            ("eu-west-2:444455556666", false),
        ] {
            assert_eq!(check_stream(&stream(at), &place).is_ok(), expected, "{at}");
        }
        assert!(check_stream("", &place).is_ok(), "imported");
    }
}
