//! Secrets Manager and Parameter Store: whether a secret is there. Neither call can read a value.

use serde_json::{Value, json};

use super::services::{Content, ServiceCall, part_of_arn};
use super::{CallError, CallFault, Target};

/// A secret of Secrets Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Whether it is being deleted: nobody can read it any more.
    pub is_deleted: bool,
    /// Whether it has a value.
    pub has_value: bool,
    /// The key that encrypts it, as an ARN, an alias or an id; none for the key that AWS has for secrets in each account.
    pub key: Option<String>,
}

/// The secret with this ARN.
///
/// # Errors
///
/// [`CallError`].
pub async fn secret(target: &Target, arn: &str) -> Result<Secret, CallError> {
    let call = ServiceCall {
        name: "DescribeSecret",
        subject: arn,
        service: "secretsmanager",
        region: part_of_arn(arn, 3),
        content: Content::Json { prefix: "secretsmanager", body: json!({ "SecretId": arn }) },
    };
    let found: Value = target.json(&call).await?;
    let versions = found.get("VersionIdsToStages").and_then(Value::as_object);
    let mut stages = versions.into_iter().flat_map(|versions| versions.values());
    let is_current = |stages: &Value| {
        stages.as_array().is_some_and(|stages| stages.iter().any(|stage| stage == "AWSCURRENT"))
    };
    Ok(Secret {
        is_deleted: found.get("DeletedDate").is_some_and(|date| !date.is_null()),
        has_value: stages.any(is_current),
        key: found.get("KmsKeyId").and_then(Value::as_str).filter(|key| !key.is_empty()).map(str::to_owned),
    })
}

/// Looks whether there is a parameter with this ARN, of the caller's account. Asked is for its tags: the call that describes
/// parameters can't be allowed for one parameter (Service Authorization Reference, "AWS Systems Manager").
///
/// # Errors
///
/// [`CallError`]: there is none, or that can't be known.
pub async fn look_at_parameter(target: &Target, arn: &str) -> Result<(), CallError> {
    let name = part_of_arn(arn, 5).strip_prefix("parameter").unwrap_or_default();
    // A name with folders begins with a slash. One without may, and its ARN doesn't say.
    let without_slash = name.trim_start_matches('/');
    let names = if without_slash.contains('/') { vec![name] } else { vec![without_slash, name] };
    let mut last = None;
    for name in names {
        match tags(target, arn, name).await {
            Err(error) if error.fault == CallFault::Missing => last = Some(error),
            found => return found,
        }
    }
    last.map_or(Ok(()), Err)
}

async fn tags(target: &Target, arn: &str, name: &str) -> Result<(), CallError> {
    let call = ServiceCall {
        name: "ListTagsForResource",
        subject: arn,
        service: "ssm",
        region: part_of_arn(arn, 3),
        content: Content::Json {
            prefix: "AmazonSSM",
            body: json!({ "ResourceType": "Parameter", "ResourceId": name }),
        },
    };
    target.json::<Value>(&call).await.map(drop)
}
