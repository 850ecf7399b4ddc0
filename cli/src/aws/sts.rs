//! What STS tells of the caller.

use deploy::target::Target;

use super::CallError;

/// Who calls: the ARN of a user or of a role's session.
///
/// # Errors
///
/// [`CallError`].
pub async fn caller(target: &Target) -> Result<String, CallError> {
    let call = aws_sdk_sts::Client::new(target.sdk_config()).get_caller_identity();
    let found = call.send().await.map_err(|error| CallError::new("GetCallerIdentity", "STS", &error))?;
    Ok(found.arn.unwrap_or_default())
}
