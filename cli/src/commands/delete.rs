//! `fanoutctl delete`: deletes the stack, and, of what it leaves, what the operator wants gone.

mod cleanup;

use aws::operator::cloudformation::DeployedStack;
use aws::operator::sqs::{self, Depth};
use aws::operator::{CallFault, Target};
use deploy::clients::ClientLists;
use deploy::stack::{self, packages_bucket};
use serde::Serialize;
use shared::naming::{Naming, OwnQueue, QueueArn};
use shared::text::printable;

use super::ask::agree;
use super::operator::backlogs;
use super::prepare::ledger_table;
use crate::args::{DeleteArguments, stack_option};
use crate::client_status::Backlog;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{Style, Tone, figure, table};
use crate::plan::LeftQueue;
use crate::progress::{Progress, unless_quick};

/// What a delete leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Remainder {
    stack: String,
    kept_queues: Vec<KeptQueue>,
    /// Why it isn't known whether queues of clients that were removed earlier are left.
    removed_unknown: Option<String>,
    /// The messages of the fan-out queue, which never reach the clients; none if it is empty.
    unsent: Option<Depth>,
    /// What clients lack and never get. A client that lacks nothing is left out.
    backlogs: Vec<Backlog>,
    /// Why the backlogs aren't known.
    backlogs_unknown: Option<String>,
    /// The ARNs of policies that CloudFormation can't delete while they are attached.
    policies: Vec<String>,
    /// The name of the bucket of discarded records.
    kept_bucket: Option<String>,
    /// The name of the ledger's table.
    kept_ledger: Option<String>,
    /// The name of the bucket of packages, if no deploy named another. It stays: the region's other stacks use it, too.
    packages_bucket: String,
    /// What was deleted besides the stack, by its name.
    deleted: Vec<String>,
    /// What should have been, and why it was not.
    failed: Vec<String>,
}

/// A queue that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct KeptQueue {
    name: String,
    /// Whether its client was removed earlier. It may be in use since, as another stack's or a team's own.
    client_was_removed: bool,
    #[serde(flatten)]
    queue: LeftQueue,
}

/// Deletes the stack, if the operator agrees.
///
/// # Errors
///
/// [`Exit::Unreachable`]: there is no such stack. [`Exit::Failed`]: it could not be deleted.
pub async fn execute(context: &Context, arguments: &DeleteArguments) -> Result<Exit, Failure> {
    let (target, deployed) = context.deployed().await?;
    let naming = stack::naming(&target, stack::deployed_prefix(&deployed)).await?;
    let looking = remainder(&target, &deployed, &naming);
    let remainder = unless_quick("looking at the queues and the ledger", looking).await;
    // Standard output is for the result alone.
    eprint!("{}", before(&remainder, Style::of_stderr()));
    let question = format!("Delete stack {}?", printable(&context.stack));
    agree(&question, arguments.yes, "Nothing was touched.").await?;

    let progress = Progress::spinner();
    let deleted = stack::delete(&target, &context.stack, &mut |event| progress.follow(event)).await;
    progress.finish();
    deleted.map_err(Failure::Change)?;
    let left = cleanup::clean_up(&target, &naming, arguments, remainder).await?;
    context.output.print(&left, |left, _| after(left))?;
    Ok(if left.failed.is_empty() { Exit::Done } else { Exit::Findings })
}

async fn remainder(target: &Target, deployed: &DeployedStack, naming: &Naming) -> Remainder {
    let lists = ClientLists::of_stack(deployed);
    let mut queues: Vec<QueueArn> = OwnQueue::ALL.map(|queue| naming.own_queue_arn(queue)).into();
    queues.extend(lists.own.iter().map(|client| naming.client_queue_arn(client)));
    let count = queues.len();
    let listed = sqs::fifo_names(target, &naming.client_queue_prefix()).await;
    let (listed, removed_unknown) = match listed {
        Ok(names) => (names, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let removed = removed(listed.into_iter().map(|name| naming.queue_arn(name)), &queues, &lists.existing);
    queues.extend(removed);
    let mut kept_queues = Vec::with_capacity(queues.len());
    for (number, queue) in queues.into_iter().enumerate() {
        let url = naming.queue(&queue.account, &queue.name);
        let depth = sqs::depth(target, url.as_str()).await;
        // The stack was never complete, or the queue was deleted by hand.
        if depth.as_ref().is_err_and(|error| error.fault == CallFault::Missing) {
            continue;
        }
        let left = LeftQueue::new(queue.to_string(), depth.map_err(|error| error.to_string()));
        kept_queues.push(KeptQueue { name: queue.name, client_was_removed: number >= count, queue: left });
    }
    let fan_out = naming.own_queue_name(OwnQueue::FanOut);
    let fan_out = kept_queues.iter().find(|queue| queue.name == fan_out);
    let unsent = fan_out.and_then(|kept| kept.queue.depth).filter(|depth| !depth.is_empty());
    let (backlogs, backlogs_unknown) = match backlogs(target, deployed).await {
        Some(Ok((_, backlogs))) => {
            (backlogs.into_iter().filter(|backlog| !backlog.is_empty()).collect(), None)
        }
        Some(Err(why)) => (Vec::new(), Some(why)),
        None => (Vec::new(), None),
    };
    let policies = [
        "WatchPolicyARN",
        "WatchTargetsPolicyARN",
        "WatchSecretsPolicyARN",
        "InspectPolicyARN",
        "ResendPolicyARN",
        "ReplayPolicyARN",
        "PushTestPolicyARN",
    ];
    Remainder {
        stack: deployed.name.clone(),
        kept_queues,
        removed_unknown,
        unsent,
        backlogs,
        backlogs_unknown,
        policies: policies.iter().filter_map(|output| deployed.outputs.get(*output).cloned()).collect(),
        kept_bucket: deployed.outputs.get("DiscardedRecordsBucket").cloned(),
        kept_ledger: ledger_table(target, deployed).await,
        packages_bucket: packages_bucket(&naming.account, &naming.region),
        ..Remainder::default()
    }
}

/// Those of `listed` that are neither among the stack's `queues` nor clients' `existing` ones.
fn removed(
    listed: impl Iterator<Item = QueueArn>,
    queues: &[QueueArn],
    existing: &[String],
) -> Vec<QueueArn> {
    listed.filter(|queue| !queues.contains(queue) && !existing.contains(&queue.to_string())).collect()
}

fn before(remainder: &Remainder, style: Style) -> String {
    let rows =
        remainder.kept_queues.iter().map(|KeptQueue { name, queue: LeftQueue { depth, .. }, .. }| {
            let tone = if depth.is_some_and(Depth::is_empty) { Tone::Neutral } else { Tone::Bad };
            [
                (name.clone(), Tone::Neutral),
                (figure(depth.map(|depth| depth.messages)), tone),
                (figure(depth.map(|depth| depth.in_flight)), tone),
            ]
        });
    let table = table(["queue", "messages", "in flight"], rows, style);
    let stack = printable(&remainder.stack);
    if remainder.kept_queues.is_empty() {
        return format!("All of stack {stack} goes; it has no queues.\n\n");
    }
    format!(
        "Functions, roles, logs and alarms of stack {stack} go: clients receive no more events. These queues stay, with \
         what is in them:\n\n{table}\n\n{}",
        warnings(remainder)
    )
}

fn warnings(remainder: &Remainder) -> String {
    let mut text = String::new();
    if let Some(depth) = remainder.unsent {
        text += &format!(
            "ATTENTION: the fan-out queue holds {depth}, which would stay in a queue that no function reads: stop the event \
             table's writers, and wait until it is empty.\n\n"
        );
    }
    for backlog in &remainder.backlogs {
        let client = printable(&backlog.client);
        text += &format!("ATTENTION: {client} {}; after this it gets no more events.\n", backlog.to_text());
    }
    if let Some(why) = &remainder.backlogs_unknown {
        text += &format!("ATTENTION: whether clients lack events isn't known: {}.\n", printable(why));
    }
    if !remainder.backlogs.is_empty() || remainder.backlogs_unknown.is_some() {
        let stack = printable(&stack_option(&remainder.stack));
        text += &format!("First wait until every client is up to date (`fanoutctl status{stack}`).\n\n");
    }
    if !remainder.policies.is_empty() {
        let policies = printable(&remainder.policies.join(", "));
        text += &format!(
            "First detach {policies} from every user and role: CloudFormation deletes no policy that is attached.\n\n"
        );
    }
    text
}

fn after(remainder: &Remainder) -> String {
    let stack = printable(&remainder.stack);
    let queues = remainder.kept_queues.iter().map(|KeptQueue { name, client_was_removed, queue }| {
        let holds = match queue.depth {
            Some(depth) if depth.is_empty() => "empty".to_owned(),
            Some(depth) => format!("with {depth}"),
            None => "how much is in it isn't known".to_owned(),
        };
        format!("queue {}{}, {holds}", printable(name), of_removed(*client_was_removed))
    });
    let mut kept: Vec<String> = queues.collect();
    kept.extend(remainder.removed_unknown.iter().map(|why| {
        format!(
            "perhaps queues of clients that were removed earlier, which could not be listed: {}",
            printable(why)
        )
    }));
    kept.extend(remainder.kept_bucket.iter().map(|bucket| format!("bucket {}", printable(bucket))));
    kept.extend(remainder.kept_ledger.iter().map(|table| format!("the ledger's table {}", printable(table))));
    let failed: String =
        remainder.failed.iter().map(|why| format!("NOT DELETED: {}\n", printable(why))).collect();
    let has_queues = !remainder.kept_queues.is_empty() || !remainder.deleted.is_empty();
    let again = " A new stack with the same prefix can be deployed 60 s after the queues are deleted.";
    let end = format!(
        "The event table was not touched. Packages stay in bucket {}, or the one that `deploy --bucket` named.{}\n",
        printable(&remainder.packages_bucket),
        if has_queues { again } else { "" }
    );
    if kept.is_empty() {
        return format!("{failed}Stack {stack} is deleted. Nothing of it is left but packages.\n{end}");
    }
    let kept: String = kept.iter().map(|kept| format!("  {kept}\n")).collect();
    format!("{failed}Stack {stack} is deleted. What is left of it:\n{kept}{end}")
}

/// What tells the queue of a client that was removed earlier from the others.
fn of_removed(client_was_removed: bool) -> &'static str {
    if client_was_removed { " of a client that was removed earlier" } else { "" }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::client_status::{ClientStatus, Lag};

    fn remainder() -> Remainder {
        let queue = |name: &str, depth: Option<Depth>| KeptQueue {
            name: name.to_owned(),
            client_was_removed: name.contains("Gone"),
            queue: LeftQueue::new(
                format!("arn:aws:sqs:eu-west-2:111122223333:{name}"),
                depth.ok_or_else(|| "no answer".to_owned()),
            ),
        };
        Remainder {
            stack: "mark-event-queue".to_owned(),
            kept_queues: vec![
                queue("MarkFanOutQueue.fifo", Some(Depth { messages: 0, in_flight: 0 })),
                queue("MarkFanOutClientBilling.fifo", Some(Depth { messages: 1200, in_flight: 3 })),
                queue("MarkFanOutClientInsurance.fifo", None),
                queue("MarkFanOutClientGone.fifo", Some(Depth { messages: 0, in_flight: 0 })),
            ],
            kept_bucket: Some("mark-event-queue-discarded".to_owned()),
            kept_ledger: Some("mark-event-queue-LedgerTable-1".to_owned()),
            packages_bucket: "mark-event-queue-packages".to_owned(),
            ..Remainder::default()
        }
    }

    #[test]
    fn a_listed_queue_that_no_client_has_is_a_removed_ones() {
        let queue =
            |name: &str| QueueArn::try_new(&format!("arn:aws:sqs:eu-west-2:111122223333:{name}")).unwrap();
        let [own, existing, gone] =
            ["Billing", "Tax", "Gone"].map(|name| queue(&format!("MarkFanOutClient{name}.fifo")));
        let check = |listed: &[&QueueArn], expected: &[&QueueArn]| {
            let listed = listed.iter().map(|queue| (*queue).clone());
            let removed = removed(listed, std::slice::from_ref(&own), &[existing.to_string()]);
            assert_eq!(removed.iter().collect::<Vec<_>>(), expected);
        };
        check(&[], &[]);
        check(&[&own, &existing], &[]);
        check(&[&own, &gone, &existing], &[&gone]);
    }

    #[test]
    fn before_and_after_a_delete_the_text_says_what_stays() {
        expect![[r#"
            Functions, roles, logs and alarms of stack mark-event-queue go: clients receive no more events. These queues stay, with what is in them:

            queue                           messages  in flight
            MarkFanOutQueue.fifo                   0          0
            MarkFanOutClientBilling.fifo        1200          3
            MarkFanOutClientInsurance.fifo         -          -
            MarkFanOutClientGone.fifo              0          0

        "#]].assert_eq(&before(&remainder(), Style::Plain));
        expect![[r#"
            Stack mark-event-queue is deleted. What is left of it:
              queue MarkFanOutQueue.fifo, empty
              queue MarkFanOutClientBilling.fifo, with 1200 messages and 3 in flight
              queue MarkFanOutClientInsurance.fifo, how much is in it isn't known
              queue MarkFanOutClientGone.fifo of a client that was removed earlier, empty
              bucket mark-event-queue-discarded
              the ledger's table mark-event-queue-LedgerTable-1
            The event table was not touched. Packages stay in bucket mark-event-queue-packages, or the one that `deploy --bucket` named. A new stack with the same prefix can be deployed 60 s after the queues are deleted.
        "#]].assert_eq(&after(&remainder()));
        let policy = |name: &str| format!("arn:aws:iam::111122223333:policy/{name}");
        let lag = Ok(Lag { groups: 1, events: 5, since: None, ..Lag::default() });
        let served = ClientStatus { name: "Billing".to_owned(), is_paused: true, absent_at: None, lag };
        let backlog = Backlog::from(&served);
        let worse = Remainder {
            unsent: Some(Depth { messages: 1, in_flight: 2 }),
            backlogs: vec![backlog],
            policies: vec![policy("Watch"), policy("Retry")],
            ..remainder()
        };
        expect![[r#"
            Functions, roles, logs and alarms of stack mark-event-queue go: clients receive no more events. These queues stay, with what is in them:

            queue                           messages  in flight
            MarkFanOutQueue.fifo                   0          0
            MarkFanOutClientBilling.fifo        1200          3
            MarkFanOutClientInsurance.fifo         -          -
            MarkFanOutClientGone.fifo              0          0

            ATTENTION: the fan-out queue holds 1 message and 2 in flight, which would stay in a queue that no function reads: stop the event table's writers, and wait until it is empty.

            ATTENTION: Billing is paused and lacks 5 events of 1 group; after this it gets no more events.
            First wait until every client is up to date (`fanoutctl status`).

            First detach arn:aws:iam::111122223333:policy/Watch, arn:aws:iam::111122223333:policy/Retry from every user and role: CloudFormation deletes no policy that is attached.

        "#]].assert_eq(&before(&worse, Style::Plain));
        let unknown =
            Remainder { backlogs_unknown: Some("`Read` of `Ledger`: no".to_owned()), ..remainder() };
        expect![[r#"
            ATTENTION: whether clients lack events isn't known: `Read` of `Ledger`: no.
            First wait until every client is up to date (`fanoutctl status`).

        "#]]
        .assert_eq(&warnings(&unknown));
        let unlisted = Remainder {
            kept_queues: Vec::new(),
            kept_bucket: None,
            kept_ledger: None,
            removed_unknown: Some("`ListQueues` of `MarkFanOutClient*`: no".to_owned()),
            ..remainder()
        };
        expect![[r#"
            Stack mark-event-queue is deleted. What is left of it:
              perhaps queues of clients that were removed earlier, which could not be listed: `ListQueues` of `MarkFanOutClient*`: no
            The event table was not touched. Packages stay in bucket mark-event-queue-packages, or the one that `deploy --bucket` named.
        "#]].assert_eq(&after(&unlisted));
        let nothing = Remainder {
            packages_bucket: "mark-event-queue-packages".to_owned(),
            stack: "mark-event-queue".to_owned(),
            ..Remainder::default()
        };
        expect![[r#"
            All of stack mark-event-queue goes; it has no queues.

            Stack mark-event-queue is deleted. Nothing of it is left but packages.
            The event table was not touched. Packages stay in bucket mark-event-queue-packages, or the one that `deploy --bucket` named.
        "#]]
        .assert_eq(&(before(&nothing, Style::Plain) + &after(&nothing)));
    }
}
