//! Follows what CloudFormation does with a stack, until it is done.

use std::time::{Duration, Instant};

use aws::operator::CallFault;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{Stack, StackEvent};

use crate::error::{DeployError, FailedResource};
use crate::steps::Purpose;

/// The first pause between two looks. An emulator is done within it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between two looks: CloudFormation throttles who asks more often for long.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// How long a stack may seem to be as it was before: CloudFormation answers from copies that are a little behind.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);

/// How long CloudFormation may fail to answer; it goes on meanwhile.
const OUT_OF_SIGHT: Duration = Duration::from_secs(300);

/// What happens while a stack is made, changed or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// An update of the stack begins.
    Step {
        /// Which one, from one.
        number: usize,
        /// How many there are.
        of: usize,
        /// What it is for.
        purpose: Purpose,
    },
    /// A package is in the bucket.
    Uploaded {
        /// Its key.
        key: String,
        /// Its length; nothing if it was there already.
        bytes: usize,
    },
    /// CloudFormation can't be asked now; it goes on.
    OutOfSight {
        /// Why.
        reason: String,
    },
    /// CloudFormation has begun or ended something with a resource, or with the stack itself.
    Resource {
        /// What it is called in the template; the stack is called by its name.
        logical_id: String,
        /// Its type.
        kind: String,
        /// `CREATE_IN_PROGRESS`, ….
        status: String,
        /// What CloudFormation says about it.
        reason: Option<String>,
    },
}

/// What CloudFormation does with a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
}

/// What was seen so far of one operation on one stack.
pub(crate) struct Follower {
    operation: Operation,
    /// The newest event that is known.
    last_event: Option<String>,
    /// Whether an event of the stack itself was seen.
    has_begun: bool,
    first_failure: Option<FailedResource>,
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Going,
    Done,
    Failed,
}

impl Follower {
    /// For a stack that is new.
    pub(crate) fn from_start() -> Self {
        Self { operation: Operation::Create, last_event: None, has_begun: false, first_failure: None }
    }

    /// For the stack with this id; what happened to it before is passed over.
    pub(crate) async fn from_now(
        client: &Client,
        id: &str,
        operation: Operation,
    ) -> Result<Self, DeployError> {
        let call = client.describe_stack_events().stack_name(id);
        let page =
            call.send().await.map_err(|error| DeployError::of_call("DescribeStackEvents", id, error))?;
        // The newest is the first.
        let last_event = page.stack_events().first().and_then(|event| event.event_id.clone());
        Ok(Self { operation, last_event, has_begun: false, first_failure: None })
    }

    /// Waits until the operation on the stack called `name`, with this id, is done; answers with the stack, unless it
    /// is gone.
    pub(crate) async fn wait(
        &mut self,
        client: &Client,
        name: &str,
        id: &str,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Option<Stack>, DeployError> {
        let mut pause = FIRST_PAUSE;
        let begin = Instant::now();
        let mut last_sight = begin;
        loop {
            match self.look(client, id, progress).await {
                Ok(stack) => {
                    last_sight = Instant::now();
                    let status = stack.as_ref().map_or("DELETE_COMPLETE", status);
                    match self.stage(status, begin.elapsed()) {
                        Stage::Going => {}
                        Stage::Done => return Ok(stack),
                        Stage::Failed => {
                            return Err(DeployError::Failed {
                                stack: name.to_owned(),
                                status: status.to_owned(),
                                first_failure: self.first_failure.take().map(Box::new),
                                look: look(client, name),
                            });
                        }
                    }
                }
                Err(error) if is_passing(&error) && last_sight.elapsed() < OUT_OF_SIGHT => {
                    progress(Progress::OutOfSight { reason: error.to_string() });
                }
                Err(error) => {
                    return Err(DeployError::OutOfSight {
                        stack: name.to_owned(),
                        look: look(client, name),
                        source: Box::new(error),
                    });
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    /// The stack, unless it is gone; what has happened since the last look goes to `progress`.
    async fn look(
        &mut self,
        client: &Client,
        id: &str,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Option<Stack>, DeployError> {
        // In this order, the last look at the events comes after the end.
        let stack = describe(client, id).await?;
        for event in self.new_events(client, id).await? {
            self.see(event, id, progress);
        }
        Ok(stack)
    }

    /// How far the operation is, when the stack has this status so long after it was asked for.
    fn stage(&self, status: &str, elapsed: Duration) -> Stage {
        let end = match self.operation {
            Operation::Create => "CREATE_COMPLETE",
            Operation::Update => "UPDATE_COMPLETE",
            Operation::Delete => "DELETE_COMPLETE",
        };
        if status.ends_with("_IN_PROGRESS") {
            Stage::Going
        } else if !self.has_begun && elapsed < BEGINS_WITHIN && status != "DELETE_COMPLETE" {
            // As it was before.
            Stage::Going
        } else if status == end {
            Stage::Done
        } else {
            Stage::Failed
        }
    }

    fn see(&mut self, event: StackEvent, id: &str, progress: &mut (dyn FnMut(Progress) + Send)) {
        let is_the_stack = event.physical_resource_id.as_deref() == Some(id);
        self.has_begun |= is_the_stack;
        let logical_id = event.logical_resource_id.unwrap_or_default();
        let kind = event.resource_type.unwrap_or_default();
        let status = event.resource_status.map(|status| status.as_str().to_owned()).unwrap_or_default();
        let reason = event.resource_status_reason.filter(|reason| !reason.is_empty());
        // A resource that is cancelled is not the cause.
        let is_cancelled = reason.as_ref().is_some_and(|reason| reason.ends_with("cancelled"));
        if status.ends_with("_FAILED") && !is_the_stack && !is_cancelled && self.first_failure.is_none() {
            self.first_failure = Some(FailedResource {
                logical_id: logical_id.clone(),
                kind: kind.clone(),
                reason: reason.clone().unwrap_or_else(|| status.clone()),
            });
        }
        progress(Progress::Resource { logical_id, kind, status, reason });
    }

    /// The events since the last call, oldest first.
    async fn new_events(&mut self, client: &Client, id: &str) -> Result<Vec<StackEvent>, DeployError> {
        let mut events = Vec::new();
        let mut pages = client.describe_stack_events().stack_name(id).into_paginator().send();
        // Newest first, many pages for an old stack: those that are known are not asked for.
        'pages: while let Some(page) = pages.next().await {
            let page = page.map_err(|error| DeployError::of_call("DescribeStackEvents", id, error))?;
            for event in page.stack_events.unwrap_or_default() {
                if event.event_id.is_some() && event.event_id == self.last_event {
                    break 'pages;
                }
                events.push(event);
            }
        }
        if let Some(newest) = events.first() {
            self.last_event.clone_from(&newest.event_id);
        }
        events.reverse();
        Ok(events)
    }
}

/// Whether the same call can go better in a while.
fn is_passing(error: &DeployError) -> bool {
    matches!(error, DeployError::Call(error) if error.fault == CallFault::Unreachable)
}

/// The stack called `name`, or with that id, if there is one.
pub(crate) async fn describe(client: &Client, name: &str) -> Result<Option<Stack>, DeployError> {
    match client.describe_stacks().stack_name(name).send().await {
        Ok(found) => Ok(found.stacks.unwrap_or_default().into_iter().next()),
        // CloudFormation has no code of its own for it.
        Err(error) if error.message().is_some_and(|message| message.contains("does not exist")) => Ok(None),
        Err(error) => Err(DeployError::of_call("DescribeStacks", name, error)),
    }
}

/// The command that shows what happened to the stack called `name`.
fn look(client: &Client, name: &str) -> String {
    let region = client.config().region().map(|region| format!(" --region {region}")).unwrap_or_default();
    format!("aws cloudformation describe-stack-events --stack-name {name}{region}")
}

pub(crate) fn status(stack: &Stack) -> &str {
    stack.stack_status.as_ref().map_or("", |status| status.as_str())
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::ResourceStatus;
    use expect_test::{Expect, expect};

    use super::*;

    /// `events`: `logical id status reason…`, one a line.
    fn check(events: &str, expected: &Expect) {
        let mut follower = Follower::from_start();
        let mut seen = 0;
        for line in events.lines() {
            let mut words = line.trim().splitn(3, ' ');
            let mut word = || words.next().map(str::to_owned);
            let logical_id = word();
            let event = StackEvent::builder()
                .set_physical_resource_id(logical_id.as_ref().map(|name| format!("id-of-{name}")))
                .set_logical_resource_id(logical_id)
                .resource_type("AWS::SQS::Queue")
                .set_resource_status(word().map(|status| ResourceStatus::from(status.as_str())))
                .set_resource_status_reason(word());
            follower.see(event.build(), "id-of-stack", &mut |_| seen += 1);
        }
        assert_eq!(seen, events.lines().count());
        expected.assert_eq(&format!(
            "{:?}",
            follower.first_failure.map(|found| (found.logical_id, found.reason))
        ));
    }

    #[test]
    fn the_first_resource_that_failed_is_the_cause() {
        check("A CREATE_IN_PROGRESS\nA CREATE_COMPLETE", &expect!["None"]);
        check(
            "A CREATE_IN_PROGRESS
             stack CREATE_FAILED the following resources failed
             B CREATE_FAILED Resource creation cancelled
             C CREATE_FAILED no such role
             D CREATE_FAILED later",
            &expect![[r#"Some(("C", "no such role"))"#]],
        );
        check("A UPDATE_FAILED", &expect![[r#"Some(("A", "UPDATE_FAILED"))"#]]);
        check("A DELETE_FAILED Resource update cancelled", &expect!["None"]);
    }

    #[test]
    fn an_operation_ends_as_it_should_and_not_before_it_has_begun() {
        let check = |operation, has_begun, seconds, status: &str, expected| {
            let follower = Follower { operation, last_event: None, has_begun, first_failure: None };
            let stage = follower.stage(status, Duration::from_secs(seconds));
            assert_eq!(stage, expected, "{operation:?} {has_begun} {seconds} {status}");
        };
        use Operation::{Create, Delete, Update};
        check(Create, true, 1, "CREATE_IN_PROGRESS", Stage::Going);
        check(Create, true, 1, "CREATE_COMPLETE", Stage::Done);
        check(Create, true, 1, "ROLLBACK_COMPLETE", Stage::Failed);
        check(Update, false, 1, "UPDATE_COMPLETE", Stage::Going);
        check(Update, false, 60, "UPDATE_COMPLETE", Stage::Done);
        check(Update, true, 1, "UPDATE_COMPLETE", Stage::Done);
        check(Update, true, 1, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Stage::Going);
        check(Update, true, 1, "UPDATE_ROLLBACK_COMPLETE", Stage::Failed);
        check(Delete, false, 1, "UPDATE_COMPLETE", Stage::Going);
        check(Delete, true, 1, "UPDATE_COMPLETE", Stage::Failed);
        check(Delete, true, 1, "DELETE_FAILED", Stage::Failed);
        check(Delete, false, 0, "DELETE_COMPLETE", Stage::Done);
    }

    #[test]
    fn a_failure_says_where_to_look() {
        let client = aws::operator::Target::local("http://127.0.0.1:1", "eu-west-2").cloudformation();
        let error = DeployError::Failed {
            stack: "events".into(),
            status: "UPDATE_ROLLBACK_COMPLETE".into(),
            first_failure: Some(Box::new(FailedResource {
                logical_id: "FanOutRole".into(),
                kind: "AWS::IAM::Role".into(),
                reason: "no".into(),
            })),
            look: look(&client, "events"),
        };
        expect!["stack `events` ended as `UPDATE_ROLLBACK_COMPLETE`: `FanOutRole` (AWS::IAM::Role): no; all that happened: `aws cloudformation describe-stack-events --stack-name events --region eu-west-2`"].assert_eq(&error.to_string());
    }
}
