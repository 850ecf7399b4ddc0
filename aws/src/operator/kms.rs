//! KMS: keys.

use aws_sdk_kms::config::{Config, Region};
use aws_sdk_kms::types::KeyManagerType;

use super::services::part_of_arn;
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
    let there = Config::builder().region(Region::new(part_of_arn(arn, 3).to_owned()));
    let answer = target.kms.describe_key().key_id(arn).customize().config_override(there).send().await;
    let answer = answer.map_err(|error| CallError::new("DescribeKey", arn, &error))?;
    let key = answer.key_metadata.as_ref();
    let state = key.and_then(|key| key.key_state.as_ref()).map_or("unknown", |state| state.as_str());
    let is_of_aws = key.and_then(|key| key.key_manager.as_ref()) == Some(&KeyManagerType::Aws);
    Ok(Key { state: state.to_owned(), is_of_aws })
}
