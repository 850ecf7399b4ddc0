//! `fanoutctl policy`: what the owner of a client's existing queue pastes.

use std::io::{self, IsTerminal as _};

use deploy::stack::{DeployedStack, describe, prefix};
use serde::Serialize;
use shared::config::{ClientQueue, Config, QueueArn, nearest};
use shared::place::Place;

use crate::args::PolicyArguments;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::policy::{FanOutRole, Policy, Statement, key_statement, queue_policy};

/// What an owner may have to paste.
#[derive(Debug, Serialize)]
struct Policies {
    queue_policy: Policy,
    /// For the policy of a customer managed key, if there is one.
    key_statement: Statement,
}

/// Prints the policy of the client's queue, or the statement for its key.
///
/// # Errors
///
/// [`Exit::Usage`]: there is no such client, or the stack makes its queue. Else the config is wrong, or AWS refused.
pub async fn execute(context: &Context, arguments: &PolicyArguments) -> Result<Exit, Failure> {
    existing_queue(&context.config(None)?, &arguments.client)?;
    let target = context.target().await?;
    let deployed = describe(&target, &context.stack).await?;
    let place = target.place(prefix(arguments.prefix.as_ref(), deployed.as_ref())?).await?;
    // Again, because only now it is known whether the queue is where the stack can reach it.
    let config = context.config(Some(&place))?;
    let queue = existing_queue(&config, &arguments.client)?;
    let role = role(deployed.as_ref(), &place)?;

    let url = place.queue(&queue.account, &queue.name);
    let policies =
        Policies { queue_policy: queue_policy(queue, &role), key_statement: key_statement(&url, &role) };
    context.output.print(&policies, |policies, _| text(policies, arguments.key))?;
    explain(context.output, queue, arguments);
    Ok(Exit::Done)
}

fn existing_queue<'c>(config: &'c Config, name: &str) -> Result<&'c QueueArn, Failure> {
    let Some(client) = config.clients.iter().find(|client| client.name.as_str() == name) else {
        let names: Vec<&str> = config.clients.iter().map(|client| client.name.as_str()).collect();
        let message = match nearest(name, &names) {
            Some(near) => format!("no client is called `{name}`; did you mean `{near}`?"),
            None => format!("no client is called `{name}`; there are `{}`", names.join("`, `")),
        };
        return Err(Failure::new(Exit::Usage, message));
    };
    match &client.queue {
        ClientQueue::Existing(arn) => Ok(arn),
        ClientQueue::Own => {
            let message = format!(
                "client `{name}` has no `queue_arn`: the stack makes its queue and gives it its policy; there is \
                 nothing to paste"
            );
            Err(Failure::new(Exit::Usage, message))
        }
    }
}

/// The stack's own word for its role, or else the name that the role will have.
fn role(deployed: Option<&DeployedStack>, place: &Place) -> Result<FanOutRole, Failure> {
    let output = deployed.and_then(|stack| stack.outputs.get("FanOutRoleARN"));
    let arn = output.cloned().unwrap_or_else(|| place.fan_out_role_arn());
    FanOutRole::try_new(&arn).map_err(|error| Failure::new(Exit::Fault, error))
}

fn text(policies: &Policies, key: bool) -> String {
    let json = if key {
        serde_json::to_string_pretty(&policies.key_statement)
    } else {
        serde_json::to_string_pretty(&policies.queue_policy)
    };
    json.unwrap_or_default() + "\n"
}

/// Only for somebody who reads it: a file gets the policy alone.
fn explain(output: Output, queue: &QueueArn, arguments: &PolicyArguments) {
    if output.is_json() || !io::stderr().is_terminal() {
        return;
    }
    if arguments.key {
        eprintln!(
            "\nThe owner of the key that encrypts {queue} adds this statement to the key's policy (KMS, the key, Key \
             policy, Edit). The key must be a customer managed one: keys of AWS can't be used by another account."
        );
    } else {
        eprintln!(
            "\nThe owner of {queue} pastes this as the queue's access policy (SQS, the queue, Access policy, Edit); if \
             there is one already, both statements are added to it. If a customer managed key encrypts the queue, its \
             policy needs a statement too: fanoutctl policy {} --key",
            arguments.client
        );
    }
}
