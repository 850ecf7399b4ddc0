//! Deletes of what a stack leaves what the operator wants gone: by an option, or by one question for each thing.

use aws::operator::s3::{self, Bucket};
use aws::operator::{CallError, Target, sqs, table};
use shared::naming::{Naming, QueueUrl};
use shared::text::{counted, printable};

use super::{KeptQueue, Remainder, after, of_removed};
use crate::args::{DeleteArguments, Leftover};
use crate::commands::ask::is_agreed;
use crate::exit::Failure;
use crate::plan::LeftQueue;
use crate::progress::unless_quick;

/// The most objects that are listed at once.
const FIRST_OBJECTS: usize = 1_000;

/// What is left, which is said also if the command ends before all questions are answered.
struct Left {
    remainder: Remainder,
    is_done: bool,
}

/// Deletes what `arguments` name of what the deleted stack has left, and on a terminal what the operator agrees to. The
/// event table is nothing of the stack's.
///
/// # Errors
///
/// [`Failure`]: the terminal failed. What can't be deleted stays, and is among what failed.
pub(super) async fn clean_up(
    target: &Target,
    naming: &Naming,
    arguments: &DeleteArguments,
    remainder: Remainder,
) -> Result<Remainder, Failure> {
    let mut left = Left { remainder, is_done: false };
    // The functions went on until the stack was deleted.
    for KeptQueue { name, queue, .. } in &mut left.remainder.kept_queues {
        let depth = sqs::depth(target, url(naming, name).as_str()).await;
        *queue = LeftQueue::new(queue.arn.clone(), depth.map_err(|error| error.to_string()));
    }
    for kept in left.remainder.kept_queues.clone() {
        if is_to_go(arguments, is_named(&arguments.and, &kept), &question(&kept)).await? {
            let deleted = sqs::delete_queue(target, url(naming, &kept.name).as_str()).await;
            if left.note(&kept.name, deleted) {
                left.remainder.kept_queues.retain(|queue| queue.name != kept.name);
            }
        }
    }
    if let Some(name) = left.remainder.kept_bucket.clone() {
        let bucket = Bucket { name: &name, owner: &naming.account };
        let objects = s3::first_objects(target, bucket).await.map(|objects| objects.len());
        let question = question_of_bucket(&name, objects);
        if is_to_go(arguments, arguments.and.contains(&Leftover::Bucket), &question).await?
            && left.note(&name, unless_quick("deleting the bucket", s3::delete_bucket(target, bucket)).await)
        {
            left.remainder.kept_bucket = None;
        }
    }
    if let Some(name) = left.remainder.kept_ledger.clone() {
        let question = format!(
            "Delete the ledger's table {}, with what it knows of what each client was sent, and of erasures?",
            printable(&name)
        );
        if is_to_go(arguments, arguments.and.contains(&Leftover::Ledger), &question).await?
            && left.note(&name, unless_quick("deleting the table", table::delete(target, &name)).await)
        {
            left.remainder.kept_ledger = None;
        }
    }
    left.is_done = true;
    Ok(std::mem::take(&mut left.remainder))
}

/// Whether a thing is deleted, which an option may have named.
async fn is_to_go(arguments: &DeleteArguments, is_named: bool, question: &str) -> Result<bool, Failure> {
    match (is_named, arguments.yes) {
        (true, _) => Ok(true),
        (false, true) => Ok(false),
        (false, false) => is_agreed(question).await,
    }
}

/// Whether an option names this queue: none does that of a client that was removed, which may be in use since.
fn is_named(and: &[Leftover], kept: &KeptQueue) -> bool {
    let is_empty = kept.queue.depth.is_some_and(sqs::Depth::is_empty);
    let is_named = and.contains(&Leftover::Queues) || (is_empty && and.contains(&Leftover::EmptyQueues));
    is_named && !kept.client_was_removed
}

fn question(KeptQueue { name, client_was_removed, queue }: &KeptQueue) -> String {
    let name = format!("{}{}", printable(name), of_removed(*client_was_removed));
    match queue.depth {
        Some(depth) if depth.is_empty() => format!("Delete the empty queue {name}?"),
        Some(depth) => format!("Delete queue {name}, WITH {depth} in it?"),
        None => format!("Delete queue {name}, though how much is in it isn't known?"),
    }
}

fn question_of_bucket(name: &str, objects: Result<usize, CallError>) -> String {
    let name = printable(name);
    match objects {
        Ok(0) => format!("Delete the empty bucket {name}?"),
        Ok(count) => {
            let or_more = if count < FIRST_OBJECTS { "" } else { " or more" };
            let objects = counted(count, "object");
            format!("Delete bucket {name}, WITH {objects}{or_more} in it: records that Lambda gave up?")
        }
        Err(_) => format!("Delete bucket {name}, though how much is in it isn't known?"),
    }
}

fn url(naming: &Naming, queue: &str) -> QueueUrl {
    naming.queue(&naming.account, queue)
}

impl Left {
    /// Notes, and says, whether the thing called `name` is deleted.
    fn note(&mut self, name: &str, deleted: Result<(), CallError>) -> bool {
        match deleted {
            Ok(()) => {
                eprintln!("{} is deleted", printable(name));
                self.remainder.deleted.push(name.to_owned());
                true
            }
            Err(error) => {
                self.remainder.failed.push(error.to_string());
                false
            }
        }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        if !self.is_done {
            eprint!("\n{}", after(&self.remainder));
        }
    }
}

#[cfg(test)]
mod tests {
    use aws::operator::CallFault;
    use aws::operator::sqs::Depth;
    use expect_test::expect;

    use super::*;

    fn queue(depth: Option<(u64, u64)>) -> KeptQueue {
        let depth = depth.map(|(messages, in_flight)| Depth { messages, in_flight });
        let queue = LeftQueue::new("arn".to_owned(), depth.ok_or_else(|| "no answer".to_owned()));
        KeptQueue { name: "MarkFanOutClientBilling.fifo".to_owned(), client_was_removed: false, queue }
    }

    #[test]
    fn an_option_names_what_goes_without_a_question() {
        use Leftover::{Bucket, EmptyQueues, Ledger, Queues};
        let check = |and: &[Leftover], expected: [bool; 4]| {
            let queues = [Some((0, 0)), Some((1, 0)), Some((0, 1)), None].map(queue);
            let removed = queues.clone().map(|kept| KeptQueue { client_was_removed: true, ..kept });
            assert_eq!(removed.map(|kept| is_named(and, &kept)), [false; 4], "{and:?}");
            assert_eq!(queues.map(|kept| is_named(and, &kept)), expected, "{and:?}");
        };
        check(&[], [false; 4]);
        check(&[Bucket, Ledger], [false; 4]);
        check(&[EmptyQueues], [true, false, false, false]);
        check(&[Queues], [true; 4]);
    }

    #[test]
    fn a_question_says_what_goes_with_the_thing() {
        let error = || CallError {
            call: "ListObjectsV2",
            subject: "discarded".to_owned(),
            fault: CallFault::NotAllowed,
            reason: "no".to_owned(),
        };
        let mut questions: Vec<String> =
            [Some((0, 0)), Some((1200, 3)), None].into_iter().map(|depth| question(&queue(depth))).collect();
        questions.push(question(&KeptQueue { client_was_removed: true, ..queue(Some((0, 0))) }));
        let objects = [Ok(0), Ok(1), Ok(FIRST_OBJECTS), Err(error())];
        questions.extend(objects.map(|objects| question_of_bucket("discarded", objects)));
        expect![[r#"
            Delete the empty queue MarkFanOutClientBilling.fifo?
            Delete queue MarkFanOutClientBilling.fifo, WITH 1200 messages and 3 in flight in it?
            Delete queue MarkFanOutClientBilling.fifo, though how much is in it isn't known?
            Delete the empty queue MarkFanOutClientBilling.fifo of a client that was removed earlier?
            Delete the empty bucket discarded?
            Delete bucket discarded, WITH 1 object in it: records that Lambda gave up?
            Delete bucket discarded, WITH 1000 objects or more in it: records that Lambda gave up?
            Delete bucket discarded, though how much is in it isn't known?"#]]
        .assert_eq(&questions.join("\n"));
    }
}
