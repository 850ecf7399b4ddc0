//! Invoking a function of the stack, and waiting for its answer.

use std::collections::BTreeMap;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde::Deserialize;

use crate::call::CallError;
use crate::target::Target;

/// The output that names the catch-up.
pub const CATCH_UP_NAME: &str = "CatchUpName";

/// What the catch-up's schedule invokes it with.
pub const MAINTENANCE: &str = r#"{"request":"maintenance"}"#;

/// What a function answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The function's own answer.
    Said(String),
    /// It failed; its error's message.
    Failed(String),
}

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
/// [`CareError`]. The schedule tries again.
pub async fn run_maintenance(
    target: &Target,
    outputs: &BTreeMap<String, String>,
) -> Result<(), MaintenanceError> {
    let Some(function) = outputs.get(CATCH_UP_NAME) else {
        return Ok(());
    };
    match invoke(&target.lambda(), function, MAINTENANCE).await? {
        Answer::Said(_) => Ok(()),
        Answer::Failed(reason) => Err(MaintenanceError::Failed { function: function.clone(), reason }),
    }
}

/// Invokes `function` with `payload` and waits. It may be invoked twice: the SDK repeats a call that got no answer.
///
/// # Errors
///
/// [`CallError`]. Whether the function did its work is then unknown.
pub async fn invoke(client: &Client, function: &str, payload: &str) -> Result<Answer, CallError> {
    let call = client.invoke().function_name(function).invocation_type(InvocationType::RequestResponse);
    let call = call.payload(Blob::new(payload));
    let answer = call.send().await.map_err(|error| CallError::new("Invoke", function, &error))?;
    let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
    Ok(read(answer.function_error.is_some(), &payload))
}

fn read(has_failed: bool, payload: &[u8]) -> Answer {
    #[derive(Deserialize)]
    struct FunctionError {
        #[serde(rename = "errorMessage")]
        message: String,
    }

    let text = String::from_utf8_lossy(payload).into_owned();
    match serde_json::from_slice::<FunctionError>(payload) {
        Ok(error) => Answer::Failed(error.message),
        Err(_) if has_failed => Answer::Failed("it gives no message; its log says more".to_owned()),
        Err(_) => Answer::Said(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_error_is_no_answer() {
        let failed = |message: &str| Answer::Failed(message.to_owned());
        let check = |has_failed, payload: &str, expected: Answer| {
            assert_eq!(read(has_failed, payload.as_bytes()), expected, "{payload}");
        };
        let error = r#"{"errorType":"BatchError","errorMessage":"not a payload"}"#;
        check(true, error, failed("not a payload"));
        // No answer to a replay looks like this, whatever the header says.
        check(false, error, failed("not a payload"));
        check(true, "", failed("it gives no message; its log says more"));
        check(true, r#"{"results":[]}"#, failed("it gives no message; its log says more"));
        check(false, r#"{"results":[]}"#, Answer::Said(r#"{"results":[]}"#.to_owned()));
        check(false, "", Answer::Said(String::new()));
    }

    #[tokio::test]
    async fn without_the_ledger_there_is_nothing_to_take_care_of() {
        // A port that nobody listens on: a call would fail.
        let target = Target::local("http://127.0.0.1:1", "eu-west-2");
        assert_eq!(run_maintenance(&target, &BTreeMap::new()).await, Ok(()));
    }
}
