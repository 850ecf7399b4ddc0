//! Queues that a stack would make, but that exist already: they were kept when an earlier stack, or a client of this
//! one, was removed.
//!
//! CloudFormation can't make them again. An emulator takes them over without an error, with all that is in them.

use aws::operator::cloudformation::{self, DeployedStack};
use aws::operator::{CallError, Target, sqs};
use shared::config::Config;
use shared::naming::{Naming, OwnQueue, QueueArn};

use crate::clients::ClientLists;
use crate::kept_queue::{KeptQueue, Whose};

/// The queues that only a stack from before the ledger has: of messages that one client did not take, and of messages
/// that the fan-out could not process. A deploy removes them from the stack, and they stay, with what is in them.
const ABOLISHED: [&str; 2] = ["MarkFanOutUndelivered.fifo", "MarkFanOutDeadLetter.fifo"];

/// The queues that a deploy of `config`, in the place of `naming`, would make, but that exist already. `deployed` is
/// the stack as it is; none if it is new.
///
/// # Errors
///
/// [`CallError`]: SQS did not answer whether a queue exists.
pub async fn kept_queues(
    target: &Target,
    deployed: Option<&DeployedStack>,
    naming: &Naming,
    config: &Config,
) -> Result<Vec<KeptQueue>, CallError> {
    let mut kept = Vec::new();
    let deployed = deployed.map(ClientLists::of_stack);
    for queue in new_queues(deployed.as_ref(), naming, &ClientLists::of_config(config)) {
        if sqs::exists(target, &queue.name).await? {
            kept.push(queue);
        }
    }
    if !kept.is_empty() {
        let stacks = cloudformation::describe_all(target).await;
        for queue in &mut kept {
            queue.stack = owner(&queue.arn, &stacks);
        }
    }
    Ok(kept)
}

/// The names of the queues that a stack with this prefix may have from before the ledger, and that are no longer used.
pub fn abolished_queues(prefix: &str) -> [String; 2] {
    ABOLISHED.map(|name| format!("{prefix}{name}"))
}

/// The name of the stack that has the queue with this ARN among its outputs.
fn owner(arn: &str, stacks: &[DeployedStack]) -> Option<String> {
    let mut live = stacks.iter().filter(|stack| stack.status != "DELETE_COMPLETE");
    let found = live.find(|stack| stack.outputs.values().any(|output| output == arn));
    found.map(|stack| stack.name.clone())
}

/// The queues that a deploy makes: those of clients that are `wanted` and not `deployed`, and the stack's own if it is
/// new (`deployed` is none).
fn new_queues(deployed: Option<&ClientLists>, naming: &Naming, wanted: &ClientLists) -> Vec<KeptQueue> {
    let queue = |arn: QueueArn, whose| KeptQueue { arn: arn.to_string(), name: arn.name, whose, stack: None };
    let mut new = Vec::new();
    if deployed.is_none() {
        new.extend(OwnQueue::ALL.map(|own| queue(naming.own_queue_arn(own), Whose::Stack(own))));
    }
    let has = |client: &String| deployed.is_some_and(|deployed| deployed.own.contains(client));
    for client in wanted.own.iter().filter(|client| !has(client)) {
        new.push(queue(naming.client_queue_arn(client), Whose::Client(client.clone())));
    }
    new
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::kept_queue::remedies;

    fn lists(own: &str) -> ClientLists {
        let own = own.split_whitespace().map(str::to_owned).collect();
        ClientLists { own, existing: vec!["arn:aws:sqs:eu-west-2:111122223333:Brought.fifo".into()] }
    }

    fn new(deployed: Option<&str>, wanted: &str) -> Vec<KeptQueue> {
        let naming = Naming::try_new("aws", "eu-west-2", "111122223333", "test-").unwrap();
        new_queues(deployed.map(lists).as_ref(), &naming, &lists(wanted))
    }

    fn check(deployed: Option<&str>, wanted: &str, expected: &[&str]) {
        let names: Vec<_> = new(deployed, wanted).into_iter().map(|queue| queue.name).collect();
        assert_eq!(names, expected, "{deployed:?} → {wanted}");
    }

    #[test]
    fn a_new_stack_makes_its_own_queues_and_its_clients() {
        check(
            None,
            "A",
            &[
                "test-MarkFanOutQueue.fifo",
                "test-MarkFanOutRejected.fifo",
                "test-MarkFanOutRequests.fifo",
                "test-MarkFanOutClientA.fifo",
            ],
        );
    }

    #[test]
    fn an_abolished_queue_is_in_no_stacks_way() {
        let abolished = abolished_queues("test-");
        assert_eq!(abolished, ["test-MarkFanOutUndelivered.fifo", "test-MarkFanOutDeadLetter.fifo"]);
        assert!(new(None, "A").iter().all(|queue| !abolished.contains(&queue.name)));
        assert_eq!(abolished_queues(""), ABOLISHED);
    }

    #[test]
    fn a_stack_makes_the_queues_of_clients_that_are_new() {
        check(Some("A B"), "B A", &[]);
        check(Some("A B"), "A", &[]);
        check(Some("A"), "A B C", &["test-MarkFanOutClientB.fifo", "test-MarkFanOutClientC.fifo"]);
        check(Some(""), "A", &["test-MarkFanOutClientA.fifo"]);
    }

    #[test]
    fn a_queue_of_another_stack_is_not_to_be_deleted() {
        let mut queues = new(None, "A");
        let stack = |name: &str, output: &str| DeployedStack {
            name: name.to_owned(),
            id: String::new(),
            status: "CREATE_COMPLETE".to_owned(),
            outputs: [("QueueARN".to_owned(), output.to_owned())].into(),
            ..DeployedStack::default()
        };
        let stacks = [stack("other", "arn:of:another"), stack("live", &queues[0].arn)];
        queues.truncate(1);
        queues[0].stack = owner(&queues[0].arn, &stacks);
        expect!["queue `test-MarkFanOutQueue.fifo` belongs to the stack `live`; deploy with another prefix"]
            .assert_eq(&remedies(&queues));
        assert_eq!(owner("arn:of:none", &stacks), None);
    }
}
