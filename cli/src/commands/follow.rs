//! Tells what CloudFormation does while it does it.

use deploy::stack::{DeployError, Progress as Event};

use crate::exit::{Exit, Failure};
use crate::progress::Progress;

/// Says what `event` is about. What failed stays to be read.
pub(super) fn tell(progress: &Progress, event: Event) {
    match event {
        Event::Step { number, of, purpose } => progress.note(&format!("step {number} of {of}: {purpose}")),
        Event::Uploaded { key, bytes: 0 } => progress.say(&format!("{key} is there already")),
        Event::Uploaded { key, bytes } => progress.say(&format!("{key} uploaded, {} KiB", bytes / 1024)),
        Event::OutOfSight { reason } => {
            progress.say(&format!("CloudFormation does not answer, and goes on: {reason}"));
        }
        Event::Resource { logical_id, status, reason, .. } => {
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let line = format!("{status} {logical_id}{reason}");
            if status.ends_with("_FAILED") { progress.note(&line) } else { progress.say(&line) }
        }
    }
}

/// That a stack could not be changed. What is no fault of access or network is the stack's.
pub(super) fn failed(error: DeployError) -> Failure {
    let mut failure = Failure::from(error);
    if failure.exit == Exit::Fault {
        failure.exit = Exit::Failed;
    }
    failure
}

#[cfg(test)]
mod tests {
    use deploy::call::{CallError, CallFault};
    use deploy::stack::FailedResource;

    use super::*;

    #[test]
    fn what_is_no_fault_of_access_or_network_is_the_stacks() {
        let call = |fault| {
            let (subject, reason) = ("events".to_owned(), "because".to_owned());
            DeployError::Call(CallError { call: "UpdateStack", subject, fault, reason })
        };
        let first_failure = Some(Box::new(FailedResource {
            logical_id: "QueueBilling".to_owned(),
            kind: "AWS::SQS::Queue".to_owned(),
            reason: "because".to_owned(),
        }));
        let undone = DeployError::Failed {
            stack: "events".to_owned(),
            status: "UPDATE_ROLLBACK_COMPLETE".to_owned(),
            first_failure,
            look: "aws …".to_owned(),
        };
        for (error, expected) in [
            (call(CallFault::Refused), Exit::Failed),
            (call(CallFault::NotAllowed), Exit::NotAllowed),
            (call(CallFault::Unreachable), Exit::Unreachable),
            (undone, Exit::Failed),
            (DeployError::KeptQueues { queues: Vec::new() }, Exit::Findings),
        ] {
            let told = error.to_string();
            assert_eq!(failed(error).exit, expected, "{told}");
        }
    }
}
