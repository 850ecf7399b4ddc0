//! The bucket that packages are uploaded to.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, PublicAccessBlockConfiguration,
};

use crate::error::DeployError;
use crate::package::Package;
use crate::target::Target;

/// The region that must not be named when a bucket is made (S3 API Reference, "CreateBucket").
const DEFAULT_REGION: &str = "us-east-1";

/// The bucket for the packages of `account` in `region`, unless an operator names another.
pub fn packages_bucket(account: &str, region: &str) -> String {
    format!("mark-event-queue-packages-{account}-{region}")
}

/// Makes `bucket`, closed to the public, unless it is there and ours.
///
/// # Errors
///
/// [`DeployError::Call`], for example if the name is another account's.
pub async fn make_bucket(target: &Target, bucket: &str) -> Result<(), DeployError> {
    let location = (target.region() != DEFAULT_REGION).then(|| {
        let region = BucketLocationConstraint::from(target.region());
        CreateBucketConfiguration::builder().location_constraint(region).build()
    });
    let call = target.s3().create_bucket().bucket(bucket).set_create_bucket_configuration(location);
    match call.send().await {
        Ok(_) => close(target, bucket).await,
        Err(error)
            if error.as_service_error().is_some_and(|error| error.is_bucket_already_owned_by_you()) =>
        {
            Ok(())
        }
        Err(error) => Err(DeployError::of_call("CreateBucket", bucket, error)),
    }
}

async fn close(target: &Target, bucket: &str) -> Result<(), DeployError> {
    let block = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build();
    let call = target.s3().put_public_access_block().bucket(bucket).public_access_block_configuration(block);
    call.send().await.map_err(|error| DeployError::of_call("PutPublicAccessBlock", bucket, error))?;
    Ok(())
}

/// Uploads `package`, unless its content is there already, and tells whether it had to.
pub(crate) async fn upload(
    client: &aws_sdk_s3::Client,
    bucket: &str,
    package: &Package,
) -> Result<bool, DeployError> {
    let subject = format!("{bucket}/{}", package.key);
    match client.head_object().bucket(bucket).key(&package.key).send().await {
        Ok(_) => return Ok(false),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => {}
        Err(error) => return Err(DeployError::of_call("HeadObject", &subject, error)),
    }
    let body = ByteStream::from(package.zip.clone());
    let call = client.put_object().bucket(bucket).key(&package.key).body(body);
    call.send().await.map_err(|error| DeployError::of_call("PutObject", &subject, error))?;
    Ok(true)
}
