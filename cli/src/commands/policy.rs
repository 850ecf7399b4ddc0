//! `fanoutctl policy`: prints the policy of a client's queue, which the owner of an existing queue pastes.

use std::io::{self, IsTerminal as _};

use aws::operator::cloudformation::{DeployedStack, describe};
use deploy::stack::{self, prefix};
use serde::Serialize;
use shared::config::{ClientQueue, Config};
use shared::naming::Naming;

use super::operator::no_client;
use crate::args::{PolicyArguments, stack_option};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::policy::{FanOutRole, Policy, Statement, key_statement, own_queue_policy, queue_policy};

/// The texts that a queue's owner may have to paste.
#[derive(Debug, Serialize)]
struct Policies {
    queue_policy: Policy,
    /// For the policy of the customer managed key of an existing queue. None for the stack's own queue: the stack's
    /// role has the right itself.
    key_statement: Option<Statement>,
}

/// Prints the policy of the client's queue, or the statement for its key.
///
/// # Errors
///
/// [`Exit::Usage`]: there is no such client, or its queue is the stack's own and needs no statement for a key. Else
/// the config is wrong, or a call to AWS failed.
pub async fn execute(context: &Context, arguments: &PolicyArguments) -> Result<Exit, Failure> {
    queue_of(&context.config(None)?, arguments)?;
    let target = context.target().await?;
    let deployed = describe(&target, &context.stack).await?;
    let naming = stack::naming(&target, prefix(arguments.prefix.as_ref(), deployed.as_ref())?).await?;
    // Again, because only the stack's place shows whether it can reach the queue.
    let config = context.config(Some(&naming))?;
    let queue = queue_of(&config, arguments)?;
    let role = role(deployed.as_ref(), &naming)?;

    let policies = match queue {
        ClientQueue::Own => {
            let arn = naming.client_queue_arn(&arguments.client);
            Policies { queue_policy: own_queue_policy(&arn, &role), key_statement: None }
        }
        ClientQueue::Existing(arn) => {
            let key_statement = key_statement(&naming.queue(&arn.account, &arn.name), &role);
            Policies { queue_policy: queue_policy(arn, &role), key_statement: Some(key_statement) }
        }
    };
    context.output.print(&policies, |policies, _| text(policies, arguments.key))?;
    explain(context, queue, arguments);
    Ok(Exit::Done)
}

fn queue_of<'c>(config: &'c Config, arguments: &PolicyArguments) -> Result<&'c ClientQueue, Failure> {
    let name = arguments.client.as_str();
    let Some(client) = config.clients.iter().find(|client| client.name.as_str() == name) else {
        return Err(Exit::Usage.because(no_client(name, config.clients.iter().map(|client| &client.name))));
    };
    if client.queue == ClientQueue::Own && arguments.key {
        return Err(Exit::Usage.because(format!(
            "client `{name}` has no `queue_arn`: its queue has the stack's key, which the stack's role may use; there is \
             nothing to paste"
        )));
    }
    Ok(&client.queue)
}

/// The role that the stack's output names; without a stack, the role that it will have.
///
/// # Errors
///
/// [`Exit::Fault`]: the output is no role's ARN.
pub(super) fn role(deployed: Option<&DeployedStack>, naming: &Naming) -> Result<FanOutRole, Failure> {
    let output = deployed.and_then(|stack| stack.outputs.get("FanOutRoleARN"));
    let arn = output.cloned().unwrap_or_else(|| naming.fan_out_role_arn());
    FanOutRole::try_new(&arn)
}

fn text(policies: &Policies, key: bool) -> String {
    let json = if key {
        serde_json::to_string_pretty(&policies.key_statement)
    } else {
        serde_json::to_string_pretty(&policies.queue_policy)
    };
    json.unwrap_or_default() + "\n"
}

/// Explains the policy on a terminal; a file gets the policy alone.
fn explain(context: &Context, queue: &ClientQueue, arguments: &PolicyArguments) {
    if context.output.is_json || !io::stderr().is_terminal() {
        return;
    }
    let ClientQueue::Existing(queue) = queue else {
        eprintln!(
            "\nThe stack gives its queue this policy. To give it to the queue again: fanoutctl queue repair {}{}",
            arguments.client,
            stack_option(&context.stack)
        );
        return;
    };
    if arguments.key {
        eprintln!(
            "\nThe owner of the key that encrypts {queue} adds this statement to the key's policy (KMS, the key, Key \
             policy, Edit). The key must be a customer managed one: keys of AWS can't be used by another account."
        );
    } else {
        eprintln!(
            "\nThe owner of {queue} pastes this as the queue's access policy (SQS, the queue, Access policy, Edit); if \
             there is one already, both statements are added to it. If a customer managed key encrypts the queue, its \
             policy needs a statement too: fanoutctl policy {} --key{}",
            arguments.client,
            stack_option(&context.stack)
        );
    }
}
