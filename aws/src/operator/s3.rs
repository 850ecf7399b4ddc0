//! S3: the bucket of the packages, and objects in it.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, PublicAccessBlockConfiguration,
};

use super::{CallError, Target};

/// The region that must not be named when a bucket is made (S3 API Reference, "CreateBucket").
const DEFAULT_REGION: &str = "us-east-1";

/// Makes `bucket`, closed to the public, unless it is there and ours.
///
/// # Errors
///
/// [`CallError`], for example if the name is another account's.
pub async fn make_bucket(target: &Target, bucket: &str) -> Result<(), CallError> {
    let location = (target.region() != DEFAULT_REGION).then(|| {
        let region = BucketLocationConstraint::from(target.region());
        CreateBucketConfiguration::builder().location_constraint(region).build()
    });
    let call = target.s3.create_bucket().bucket(bucket).set_create_bucket_configuration(location);
    match call.send().await {
        Ok(_) => close(target, bucket).await,
        Err(error)
            if error.as_service_error().is_some_and(|error| error.is_bucket_already_owned_by_you()) =>
        {
            Ok(())
        }
        Err(error) => Err(CallError::new("CreateBucket", bucket, &error)),
    }
}

async fn close(target: &Target, bucket: &str) -> Result<(), CallError> {
    let block = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build();
    let call = target.s3.put_public_access_block().bucket(bucket).public_access_block_configuration(block);
    let closed = call.send().await;
    closed.map(drop).map_err(|error| CallError::new("PutPublicAccessBlock", bucket, &error))
}

/// Looks whether the object called `key` is in `bucket`.
///
/// # Errors
///
/// [`CallError`]: it is not, or that can't be known.
pub async fn head_object(target: &Target, bucket: &str, key: &str) -> Result<(), CallError> {
    let found = target.s3.head_object().bucket(bucket).key(key).send().await;
    found.map(drop).map_err(|error| CallError::new("HeadObject", &format!("{bucket}/{key}"), &error))
}

/// Puts `content` into `bucket` as the object called `key`.
///
/// # Errors
///
/// [`CallError`].
pub async fn put_object(target: &Target, bucket: &str, key: &str, content: &[u8]) -> Result<(), CallError> {
    let call = target.s3.put_object().bucket(bucket).key(key).body(ByteStream::from(content.to_vec()));
    let put = call.send().await;
    put.map(drop).map_err(|error| CallError::new("PutObject", &format!("{bucket}/{key}"), &error))
}

/// The content of the object called `key`, in this version if one is named.
///
/// # Errors
///
/// [`CallError`].
pub async fn get_object(
    target: &Target,
    bucket: &str,
    key: &str,
    version: Option<String>,
) -> Result<Vec<u8>, CallError> {
    let subject = format!("{bucket}/{key}");
    let call = target.s3.get_object().bucket(bucket).key(key).set_version_id(version);
    let object = call.send().await.map_err(|error| CallError::new("GetObject", &subject, &error))?;
    let content = object.body.collect().await.map_err(|error| CallError::of_body(&subject, &error))?;
    Ok(content.to_vec())
}
