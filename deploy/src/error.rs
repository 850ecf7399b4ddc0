//! The errors of a deploy, by what the caller does about them.

use aws::operator::CallError;
use shared::naming::InvalidNaming;

use crate::kept_queue::{KeptQueue, remedies};
use crate::template::TemplateError;

/// Why a stack was not deployed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The template can't be completed with the packages: fix it.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// There is no such region, or no such prefix.
    #[error(transparent)]
    Naming(#[from] InvalidNaming),
    /// The stack is in a state that no deploy changes: delete it, or wait.
    #[error("stack `{stack}` is `{status}`; {remedy}")]
    NotReady {
        /// The name of the stack.
        stack: String,
        /// CloudFormation's status: `ROLLBACK_COMPLETE`, ….
        status: String,
        /// How the stack becomes ready.
        remedy: &'static str,
    },
    /// The queues would get other names: new ones would be made, and the old ones left behind with their events.
    #[error(
        "stack `{stack}` has the prefix `{deployed}`, which can't become `{wanted}`: its queues, and the events in \
         them, would be left behind; deploy another stack with the new prefix"
    )]
    PrefixChanged {
        /// The name of the stack.
        stack: String,
        /// The prefix that it has.
        deployed: String,
        /// The prefix that the operator set.
        wanted: String,
    },
    /// Queues that would be made exist already, most likely with events in them. Nothing was touched.
    #[error("{}", remedies(.queues))]
    KeptQueues {
        /// All queues in the way.
        queues: Vec<KeptQueue>,
    },
    /// CloudFormation tried, and undid what it had done: look at the resource.
    #[error("stack `{stack}` ended as `{status}`: {}; all that happened: `{look}`", cause(.first_failure.as_deref()))]
    Failed {
        /// The name of the stack.
        stack: String,
        /// CloudFormation's status: `UPDATE_ROLLBACK_COMPLETE`, ….
        status: String,
        /// The first resource that failed; the later failures follow from it.
        first_failure: Option<Box<FailedResource>>,
        /// The command that shows all that CloudFormation did.
        look: String,
    },
    /// CloudFormation goes on, but no longer answers: look later.
    #[error("stack `{stack}` can't be looked at any more, though CloudFormation goes on ({source}); {look}")]
    OutOfSight {
        /// The name of the stack.
        stack: String,
        /// The command that shows what CloudFormation does.
        look: String,
        /// The error of the last call.
        source: Box<CallError>,
    },
    /// AWS did not answer, or refused: fix access, input or network, and try again.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A resource that CloudFormation could not make, change or delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedResource {
    /// The resource's name in the template.
    pub logical_id: String,
    /// The resource's type: `AWS::SQS::Queue`, ….
    pub kind: String,
    /// CloudFormation's reason, or else the resource's status.
    pub reason: String,
}

fn cause(failure: Option<&FailedResource>) -> String {
    failure.map_or_else(
        || "no resource is named as the cause".to_owned(),
        |FailedResource { logical_id, kind, reason }| format!("`{logical_id}` ({kind}): {reason}"),
    )
}
