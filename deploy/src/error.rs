//! Why a stack was not deployed, by what the caller will do about it.

use aws::operator::CallError;
use shared::naming::InvalidNaming;

use crate::kept_queue::{KeptQueue, remedies};
use crate::template::TemplateError;

/// Why a stack was not deployed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The template is not one that this code can complete: mend it.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// There is no such region, or no such prefix.
    #[error(transparent)]
    Naming(#[from] InvalidNaming),
    /// The stack is in a state that no deploy changes: delete it, or wait.
    #[error("stack `{stack}` is `{status}`; {remedy}")]
    NotReady {
        /// Its name.
        stack: String,
        /// Its status.
        status: String,
        /// What makes it ready.
        remedy: &'static str,
    },
    /// The queues would get other names: new ones would be made, and the old ones left with their events.
    #[error(
        "stack `{stack}` has the prefix `{deployed}`, which can't become `{wanted}`: its queues, and the events in \
         them, would be left behind; deploy another stack with the new prefix"
    )]
    PrefixChanged {
        /// The stack's name.
        stack: String,
        /// Its prefix.
        deployed: String,
        /// What was asked for.
        wanted: String,
    },
    /// Queues that would be made exist already, most likely with events in them. Nothing was touched.
    #[error("{}", remedies(.queues))]
    KeptQueues {
        /// All of them.
        queues: Vec<KeptQueue>,
    },
    /// CloudFormation tried, and undid what it had done: look at the resource.
    #[error("stack `{stack}` ended as `{status}`: {}; all that happened: `{look}`", cause(.first_failure.as_deref()))]
    Failed {
        /// Its name.
        stack: String,
        /// Its status.
        status: String,
        /// The first resource that failed; later ones only follow from it.
        first_failure: Option<Box<FailedResource>>,
        /// The command that shows what CloudFormation did.
        look: String,
    },
    /// What CloudFormation does can't be seen any more; it goes on: look later.
    #[error("stack `{stack}` can't be looked at any more, though CloudFormation goes on ({source}); {look}")]
    OutOfSight {
        /// Its name.
        stack: String,
        /// Where to look.
        look: String,
        /// What the last look ended with.
        source: Box<CallError>,
    },
    /// AWS did not answer, or refused: mend access, input or network, and try again.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A resource that CloudFormation could not make, change or delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedResource {
    /// What it is called in the template.
    pub logical_id: String,
    /// Its type.
    pub kind: String,
    /// What CloudFormation says.
    pub reason: String,
}

fn cause(failure: Option<&FailedResource>) -> String {
    failure.map_or_else(
        || "no resource is named as the cause".to_owned(),
        |FailedResource { logical_id, kind, reason }| format!("`{logical_id}` ({kind}): {reason}"),
    )
}
