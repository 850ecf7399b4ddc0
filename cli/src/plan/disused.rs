//! Queues that only an older template has: a deploy removes them from the stack, and they stay.

use aws::operator::cloudformation::DeployedStack;
use aws::operator::sqs::Depth;
use deploy::stack::abolished_queues;
use serde::Serialize;
use shared::naming::{Naming, QueueArn};

use super::{LeftQueue, queue_command, queue_name};

/// The outputs of an older template that hold the queues' ARNs.
const OUTPUTS: [&str; 2] = ["UndeliveredQueueARN", "DeadLetterQueueARN"];

/// The parameter that only an older template has.
const PARAMETER: &str = "Ledger";

/// A queue that goes out of use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DisusedQueue {
    /// The ARN of the queue, and its depth.
    #[serde(flatten)]
    pub queue: LeftQueue,
    /// The queue's URL, at the endpoint of an emulator if there is one.
    pub url: String,
    /// The endpoint of an emulator; none for AWS.
    pub endpoint: Option<String>,
}

/// The queues that go out of use with a deploy of `stack`, in the place of `naming`.
pub fn disused_queues(stack: &DeployedStack, naming: &Naming) -> Vec<QueueArn> {
    let is_older = stack.parameters.contains_key(PARAMETER)
        || OUTPUTS.iter().any(|output| stack.outputs.contains_key(*output));
    let names = abolished_queues(&naming.prefix).into_iter().filter(|_| is_older);
    names.map(|name| naming.queue_arn(name)).collect()
}

impl DisusedQueue {
    /// Whether the queue may hold messages, which no later version receives.
    pub(super) fn is_in_the_way(&self) -> bool {
        !self.queue.depth.is_some_and(Depth::is_empty)
    }

    /// The command line that deletes the queue.
    pub fn delete_command(&self) -> String {
        queue_command("delete-queue", &self.url, self.endpoint.as_deref())
    }

    /// What becomes of the queue, and the remedies, without a line feed at the end.
    pub(super) fn to_text(&self) -> String {
        let queue = queue_name(&self.queue.arn);
        let depth = match self.queue.holds() {
            Ok(depth) if depth.is_empty() => {
                return format!(
                    "The queue {queue} goes out of use: it leaves the stack and stays, empty. Delete it after the deploy:\n      {}",
                    self.delete_command()
                );
            }
            Ok(depth) => depth,
            Err(why) => {
                return format!(
                    "IN THE WAY: the queue {queue} goes out of use, and must be empty; what it holds is not known: {why}"
                );
            }
        };
        format!(
            "IN THE WAY: the queue {queue} goes out of use, and holds {depth}. Before you deploy, either\n  \
             - send again what it holds, with the `fanoutctl` of the version that is deployed:\n      \
             fanoutctl dead-letters retry --all\n    \
             or\n  \
             - delete what it holds, and wait 60 s:\n      \
             {}",
            queue_command("purge-queue", &self.url, self.endpoint.as_deref())
        )
    }
}
