//! Follows what CloudFormation does with a stack, until it is done.

use std::time::{Duration, Instant};

use aws::operator::cloudformation::{self, DeployedStack, StackEvent};
use aws::operator::{CallError, Target};

use crate::error::{DeployError, FailedResource};
use crate::steps::Purpose;

/// The first pause between two looks. An emulator is done after it.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between two looks: CloudFormation throttles more frequent calls.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// How long a stack may still have its old status: CloudFormation answers from copies that are a little behind.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);

/// How long CloudFormation may give no answer, while it goes on.
const OUT_OF_SIGHT: Duration = Duration::from_secs(300);

/// An event while a stack is made, changed or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// An update of the stack begins.
    Step {
        /// The number of the update, counted from 1.
        number: usize,
        /// The number of all updates.
        of: usize,
        /// The purpose of the update.
        purpose: Purpose,
    },
    /// A package is in the bucket.
    Uploaded {
        /// The package's key in the bucket.
        key: String,
        /// The package's length; 0 if it was there already.
        bytes: usize,
    },
    /// CloudFormation does not answer now, but goes on.
    OutOfSight {
        /// The error of the call.
        reason: String,
    },
    /// CloudFormation has begun or ended something with a resource, or with the stack itself.
    Resource {
        /// The resource's name in the template, or the stack's name.
        logical_id: String,
        /// The resource's type: `AWS::SQS::Queue`, ….
        kind: String,
        /// `CREATE_IN_PROGRESS`, ….
        status: String,
        /// CloudFormation's reason for the status.
        reason: Option<String>,
    },
}

/// An operation of CloudFormation on a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
}

/// One operation on one stack, as far as it was seen.
pub(crate) struct Follower {
    operation: Operation,
    /// The id of the newest event that was seen.
    last_event: Option<String>,
    /// Whether an event of the stack itself was seen.
    has_begun: bool,
    first_failure: Option<FailedResource>,
}

/// The stage of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Going,
    Done,
    Failed,
}

impl Follower {
    /// Follows the creation of a stack.
    pub(crate) fn from_start() -> Self {
        Self { operation: Operation::Create, last_event: None, has_begun: false, first_failure: None }
    }

    /// Follows `operation` on the stack with this id. Earlier events are left out.
    pub(crate) async fn from_now(target: &Target, id: &str, operation: Operation) -> Result<Self, CallError> {
        let last_event = cloudformation::newest_event(target, id).await?;
        Ok(Self { operation, last_event, has_begun: false, first_failure: None })
    }

    /// Waits until the operation on the stack called `name`, with this id, is done. Returns the stack; none if it is
    /// gone.
    pub(crate) async fn wait(
        &mut self,
        target: &Target,
        name: &str,
        id: &str,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Option<DeployedStack>, DeployError> {
        let mut pause = FIRST_PAUSE;
        let begin = Instant::now();
        let mut last_sight = begin;
        loop {
            match self.look(target, id, progress).await {
                Ok(stack) => {
                    last_sight = Instant::now();
                    let status = stack.as_ref().map_or("DELETE_COMPLETE", |stack| &stack.status);
                    match self.stage(status, begin.elapsed()) {
                        Stage::Going => {}
                        Stage::Done => return Ok(stack),
                        Stage::Failed => {
                            return Err(DeployError::Failed {
                                stack: name.to_owned(),
                                status: status.to_owned(),
                                first_failure: self.first_failure.take().map(Box::new),
                                look: look(target, name),
                            });
                        }
                    }
                }
                Err(error) if error.fault.may_pass() && last_sight.elapsed() < OUT_OF_SIGHT => {
                    progress(Progress::OutOfSight { reason: error.to_string() });
                }
                Err(error) => {
                    return Err(DeployError::OutOfSight {
                        stack: name.to_owned(),
                        look: look(target, name),
                        source: Box::new(error),
                    });
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    /// Looks at the stack; none if it is gone. Events since the last look go to `progress`.
    async fn look(
        &mut self,
        target: &Target,
        id: &str,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Option<DeployedStack>, CallError> {
        // In this order, the last look at the events comes after the operation's end.
        let stack = cloudformation::describe(target, id).await?;
        let events = cloudformation::events_after(target, id, self.last_event.as_deref()).await?;
        if let Some(newest) = events.last() {
            self.last_event = Some(newest.id.clone());
        }
        for event in events {
            self.see(event, id, progress);
        }
        Ok(stack)
    }

    /// The stage of the operation if the stack has this status so long after the request.
    fn stage(&self, status: &str, elapsed: Duration) -> Stage {
        let end = match self.operation {
            Operation::Create => "CREATE_COMPLETE",
            Operation::Update => "UPDATE_COMPLETE",
            Operation::Delete => "DELETE_COMPLETE",
        };
        if status.ends_with("_IN_PROGRESS") {
            Stage::Going
        } else if !self.has_begun && elapsed < BEGINS_WITHIN && status != "DELETE_COMPLETE" {
            // The status from before the operation.
            Stage::Going
        } else if status == end {
            Stage::Done
        } else {
            Stage::Failed
        }
    }

    fn see(&mut self, event: StackEvent, id: &str, progress: &mut (dyn FnMut(Progress) + Send)) {
        let StackEvent { id: _, physical_id, logical_id, kind, status, reason } = event;
        let is_the_stack = physical_id == id;
        self.has_begun |= is_the_stack;
        // A resource that was cancelled is not the cause.
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
}

/// The command that shows the events of the stack called `name`.
fn look(target: &Target, name: &str) -> String {
    let region = target.region();
    format!("aws cloudformation describe-stack-events --stack-name {name} --region {region}")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// `events`: `logical id status reason…`, one a line.
    fn check(events: &str, expected: &Expect) {
        let mut follower = Follower::from_start();
        let mut seen = 0;
        for line in events.lines() {
            let mut words = line.trim().splitn(3, ' ');
            let mut word = || words.next().map(str::to_owned);
            let logical_id = word().unwrap_or_default();
            let event = StackEvent {
                physical_id: format!("id-of-{logical_id}"),
                logical_id,
                kind: "AWS::SQS::Queue".to_owned(),
                status: word().unwrap_or_default(),
                reason: word(),
                ..StackEvent::default()
            };
            follower.see(event, "id-of-stack", &mut |_| seen += 1);
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
        let target = Target::local("http://127.0.0.1:1", "eu-west-2");
        let error = DeployError::Failed {
            stack: "events".into(),
            status: "UPDATE_ROLLBACK_COMPLETE".into(),
            first_failure: Some(Box::new(FailedResource {
                logical_id: "FanOutRole".into(),
                kind: "AWS::IAM::Role".into(),
                reason: "no".into(),
            })),
            look: look(&target, "events"),
        };
        expect!["stack `events` ended as `UPDATE_ROLLBACK_COMPLETE`: `FanOutRole` (AWS::IAM::Role): no; all that happened: `aws cloudformation describe-stack-events --stack-name events --region eu-west-2`"].assert_eq(&error.to_string());
    }
}
