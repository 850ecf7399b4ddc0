//! How a command ends when there is something about the stack.

use deploy::stack::DeployError;

use crate::exit::{Exit, Failure};

impl From<DeployError> for Failure {
    fn from(error: DeployError) -> Self {
        Failure::new(exit(&error), error)
    }
}

fn exit(error: &DeployError) -> Exit {
    match error {
        DeployError::Template(_) => Exit::Config,
        // The prefix was checked before; what is left is the region.
        DeployError::Place(_) | DeployError::OutOfSight { .. } => Exit::Unreachable,
        DeployError::PrefixChanged { .. } => Exit::Usage,
        DeployError::KeptQueues { .. } => Exit::Findings,
        DeployError::NotReady { .. } | DeployError::Failed { .. } => Exit::Failed,
        DeployError::Call(error) => error.fault.into(),
    }
}
