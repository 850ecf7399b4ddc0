//! Having the catch-up function take care of the ledger, and waiting for that.

use std::collections::BTreeMap;

use aws::operator::lambda::{Answer, invoke};
use aws::operator::{CallError, Target};

/// The output that names the catch-up.
pub const CATCH_UP_NAME: &str = "CatchUpName";

/// What the catch-up's schedule invokes it with.
pub const MAINTENANCE: &str = r#"{"request":"maintenance"}"#;

/// Why the ledger was not taken care of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaintenanceError {
    /// The function could not be invoked, or its answer is lost.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It failed.
    #[error("function `{function}` failed: {reason}")]
    Failed {
        /// Its name.
        function: String,
        /// What it said.
        reason: String,
    },
}

/// Has the catch-up of a stack with these `outputs` take care of the ledger, and waits: after that, the ledger knows the
/// clients of the config that was deployed. The schedule does the same within a minute. A stack that names no such
/// function is left as it is.
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
    async fn without_the_ledger_there_is_nothing_to_take_care_of() {
        // A port that nobody listens on: a call would fail.
        let target = Target::local("http://127.0.0.1:1", "eu-west-2");
        assert_eq!(run_maintenance(&target, &BTreeMap::new()).await, Ok(()));
    }
}
