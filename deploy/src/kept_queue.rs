//! A queue that is in the way of a deploy, and the remedies.

use shared::naming::OwnQueue;

/// A queue that a deploy would make, but that exists already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptQueue {
    /// The queue's name, with the prefix and `.fifo`.
    pub name: String,
    /// The queue's ARN.
    pub arn: String,
    /// Whose the queue would be.
    pub whose: Whose,
    /// The name of the stack with the queue among its outputs, if there is one.
    pub stack: Option<String>,
}

/// Whose a queue of a stack is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// One of the stack's own.
    Stack(OwnQueue),
    /// The queue of the client with this name.
    Client(String),
}

/// A line for each queue in the way, with its remedies.
pub(crate) fn remedies(queues: &[KeptQueue]) -> String {
    let lines = queues.iter().map(|KeptQueue { name, arn, whose, stack }| match (stack, whose) {
        (Some(stack), _) => {
            format!("queue `{name}` belongs to the stack `{stack}`; deploy with another prefix")
        }
        (None, Whose::Client(client)) => format!(
            "queue `{name}` of client `{client}` exists already; to keep its events, register it as the client's, \
             with `queue_arn = \"{arn}\"`; to begin anew, delete it, wait 60 s, and deploy again"
        ),
        (None, Whose::Stack(queue)) => format!(
            "the {queue} `{name}` exists already; if it is empty, delete it, wait 60 s, and deploy again; or deploy \
             with another prefix"
        ),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use shared::naming::{Naming, QueueArn};

    use super::*;

    fn naming() -> Naming {
        Naming::try_new("aws", "eu-west-2", "111122223333", "test-").unwrap()
    }

    fn kept(arn: QueueArn, whose: Whose) -> KeptQueue {
        KeptQueue { arn: arn.to_string(), name: arn.name, whose, stack: None }
    }

    fn of_client(name: &str) -> KeptQueue {
        kept(naming().client_queue_arn(name), Whose::Client(name.to_owned()))
    }

    fn of_stack(queue: OwnQueue) -> KeptQueue {
        kept(naming().own_queue_arn(queue), Whose::Stack(queue))
    }

    #[test]
    fn each_kept_queue_is_named_with_its_remedies() {
        let check = |queues: &[KeptQueue], expected: Expect| expected.assert_eq(&remedies(queues));
        check(
            &["B", "C"].map(of_client),
            expect![[r#"
                queue `test-MarkFanOutClientB.fifo` of client `B` exists already; to keep its events, register it as the client's, with `queue_arn = "arn:aws:sqs:eu-west-2:111122223333:test-MarkFanOutClientB.fifo"`; to begin anew, delete it, wait 60 s, and deploy again
                queue `test-MarkFanOutClientC.fifo` of client `C` exists already; to keep its events, register it as the client's, with `queue_arn = "arn:aws:sqs:eu-west-2:111122223333:test-MarkFanOutClientC.fifo"`; to begin anew, delete it, wait 60 s, and deploy again"#]],
        );
        check(
            &[OwnQueue::FanOut, OwnQueue::Rejected].map(of_stack),
            expect![[r#"
                the fan-out queue `test-MarkFanOutQueue.fifo` exists already; if it is empty, delete it, wait 60 s, and deploy again; or deploy with another prefix
                the rejected queue `test-MarkFanOutRejected.fifo` exists already; if it is empty, delete it, wait 60 s, and deploy again; or deploy with another prefix"#]],
        );
    }
}
