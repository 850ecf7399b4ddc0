//! KMS: keys.

use serde_json::{Value, json};

use super::services::{Content, ServiceCall, part_of_arn};
use super::{CallError, Target};

/// A key that encrypts a queue, or what a push client's events go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// `Enabled`, `Disabled`, `PendingDeletion`, ….
    pub state: String,
    /// Whether it is AWS's own, which no other account can use.
    pub is_of_aws: bool,
}

/// The key with this ARN, or the ARN of an alias of it, perhaps of another region.
///
/// # Errors
///
/// [`CallError`].
pub async fn key(target: &Target, arn: &str) -> Result<Key, CallError> {
    let call = ServiceCall {
        name: "DescribeKey",
        subject: arn,
        service: "kms",
        region: part_of_arn(arn, 3),
        content: Content::Json { prefix: "TrentService", body: json!({ "KeyId": arn }) },
    };
    let found: Value = target.json(&call).await?;
    let text = |name: &str| found.get("KeyMetadata")?.get(name)?.as_str();
    Ok(Key {
        state: text("KeyState").unwrap_or("unknown").to_owned(),
        is_of_aws: text("KeyManager") == Some("AWS"),
    })
}
