//! Runs the maintenance of the ledger, and waits for it.

use std::collections::BTreeMap;

use aws::operator::lambda::{Answer, invoke};
use aws::operator::{CallError, Target};

/// The stack's output that names the catch-up function.
pub const CATCH_UP_NAME: &str = "CatchUpName";

/// The stack's output that names the function that delivers to URLs; absent where no client is pushed to one.
pub const PUSH_HTTP_NAME: &str = "PushHttpName";

/// The same of the function that delivers to targets in AWS.
pub const PUSH_AWS_NAME: &str = "PushAwsName";

/// The payload with which the schedule invokes the catch-up function.
pub const MAINTENANCE: &str = r#"{"request":"maintenance"}"#;

/// Why maintenance did not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaintenanceError {
    /// The function could not be invoked, or its answer is lost.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The function failed.
    #[error("function `{function}` failed: {reason}")]
    Failed {
        /// The function's name.
        function: String,
        /// The function's error.
        reason: String,
    },
}

/// Runs the maintenance of a stack with these `outputs`, and waits: after that, the ledger knows the clients of the
/// config that was deployed. The schedule does the same within a minute. Does nothing for a stack without a catch-up
/// function.
///
/// # Errors
///
/// [`MaintenanceError`]. The schedule tries again.
pub async fn run_maintenance(
    target: &Target,
    outputs: &BTreeMap<String, String>,
) -> Result<(), MaintenanceError> {
    let Some(function) = outputs.get(CATCH_UP_NAME) else {
        return Ok(());
    };
    match invoke(target, function, MAINTENANCE).await? {
        Answer::Said(_) => Ok(()),
        Answer::Failed(reason) => Err(MaintenanceError::Failed { function: function.clone(), reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stack_without_a_catch_up_function_has_no_maintenance() {
        // No process listens on this port: a call would fail.
        let target = Target::local("http://127.0.0.1:1", "eu-west-2");
        assert_eq!(run_maintenance(&target, &BTreeMap::new()).await, Ok(()));
    }
}
