//! S3: the bucket of the packages, and objects in it; and how the bucket of a push client is.
//!
//! Every call names the bucket's owner, so that none reaches a bucket of the same name in another account (S3 User
//! Guide, "Verifying bucket ownership with bucket owner condition").

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, ChecksumAlgorithm, ChecksumMode,
    CreateBucketConfiguration, PublicAccessBlockConfiguration, VersioningConfiguration,
};
use bytes::Bytes;

use super::{CallError, Target};

/// The region that must not be named when a bucket is made (S3 API Reference, "CreateBucket").
const DEFAULT_REGION: &str = "us-east-1";

/// A bucket, and the account that must own it.
#[derive(Clone, Copy, Debug)]
pub struct Bucket<'a> {
    /// The bucket's name.
    pub name: &'a str,
    /// The owner's account, twelve digits.
    pub owner: &'a str,
}

/// An object that is in a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredObject {
    /// The SHA-256 of its content, in Base64; none if it was put without.
    pub sha256: Option<String>,
    /// Its version; none if the bucket has no versions.
    pub version: Option<String>,
}

/// How a bucket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketState {
    /// It is in the target's region.
    Here {
        /// `Enabled` or `Suspended`; none if it never had versions.
        versioning: Option<String>,
    },
    /// It is in another region, with its name if S3 says it.
    Elsewhere(Option<String>),
}

/// S3's code for what is in another region (S3 API Reference, "Error responses").
const ELSEWHERE: [&str; 2] = ["PermanentRedirect", "AuthorizationHeaderMalformed"];

impl Bucket<'_> {
    fn object(&self, key: &str) -> String {
        format!("{}/{key}", self.name)
    }
}

/// Makes `bucket`, closed to the public and with versions, unless it is there and ours.
///
/// # Errors
///
/// [`CallError`], for example if the name is another account's.
pub async fn make_bucket(target: &Target, bucket: Bucket<'_>) -> Result<(), CallError> {
    let location = (target.region() != DEFAULT_REGION).then(|| {
        let region = BucketLocationConstraint::from(target.region());
        CreateBucketConfiguration::builder().location_constraint(region).build()
    });
    let call =
        target.s3.create_bucket().bucket(bucket.name).set_create_bucket_configuration(location).send().await;
    match call {
        Ok(_) => {
            close(target, bucket).await?;
            keep_versions(target, bucket).await
        }
        Err(error)
            if error.as_service_error().is_some_and(|error| error.is_bucket_already_owned_by_you()) =>
        {
            Ok(())
        }
        Err(error) => Err(CallError::new("CreateBucket", bucket.name, &error)),
    }
}

/// Looks at `bucket`: whether it is there, in the target's region, and its owner's. (`HeadBucket` would say so, too; but who may
/// call that may list the names of all objects.)
///
/// # Errors
///
/// [`CallError`]. [`CallFault::NotAllowed`](super::CallFault::NotAllowed) is also what S3 answers if another account owns it.
pub async fn look_at_bucket(target: &Target, bucket: Bucket<'_>) -> Result<BucketState, CallError> {
    let call = target.s3.get_bucket_versioning().bucket(bucket.name).expected_bucket_owner(bucket.owner);
    match call.send().await {
        Ok(found) => {
            Ok(BucketState::Here { versioning: found.status.map(|status| status.as_str().to_owned()) })
        }
        Err(error) if error.code().is_some_and(|code| ELSEWHERE.contains(&code)) => {
            let region = error.raw_response().and_then(|answer| answer.headers().get("x-amz-bucket-region"));
            Ok(BucketState::Elsewhere(region.map(str::to_owned)))
        }
        Err(error) => Err(CallError::new("GetBucketVersioning", bucket.name, &error)),
    }
}

/// The names of the first objects of `bucket`, at most a thousand (S3 API Reference, `ListObjectsV2`).
///
/// # Errors
///
/// [`CallError`].
pub async fn first_objects(target: &Target, bucket: Bucket<'_>) -> Result<Vec<String>, CallError> {
    let call = target.s3.list_objects_v2().bucket(bucket.name).expected_bucket_owner(bucket.owner);
    let page = call.send().await.map_err(|error| CallError::new("ListObjectsV2", bucket.name, &error))?;
    Ok(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key).collect())
}

/// Deletes `bucket`, which has no versions, with all objects in it.
///
/// # Errors
///
/// [`CallError`]. Some of its objects may be gone then.
pub async fn delete_bucket(target: &Target, bucket: Bucket<'_>) -> Result<(), CallError> {
    loop {
        let keys = first_objects(target, bucket).await?;
        if keys.is_empty() {
            break;
        }
        for key in keys {
            let call = target.s3.delete_object().bucket(bucket.name).expected_bucket_owner(bucket.owner);
            let deleted = call.key(&key).send().await;
            deleted.map_err(|error| CallError::new("DeleteObject", &bucket.object(&key), &error))?;
        }
    }
    let call = target.s3.delete_bucket().bucket(bucket.name).expected_bucket_owner(bucket.owner);
    call.send().await.map(drop).map_err(|error| CallError::new("DeleteBucket", bucket.name, &error))
}

async fn close(target: &Target, bucket: Bucket<'_>) -> Result<(), CallError> {
    let block = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build();
    let call = target.s3.put_public_access_block().bucket(bucket.name).expected_bucket_owner(bucket.owner);
    let closed = call.public_access_block_configuration(block).send().await;
    closed.map(drop).map_err(|error| CallError::new("PutPublicAccessBlock", bucket.name, &error))
}

async fn keep_versions(target: &Target, bucket: Bucket<'_>) -> Result<(), CallError> {
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let call = target.s3.put_bucket_versioning().bucket(bucket.name).expected_bucket_owner(bucket.owner);
    let kept = call.versioning_configuration(enabled).send().await;
    kept.map(drop).map_err(|error| CallError::new("PutBucketVersioning", bucket.name, &error))
}

/// Looks at the object called `key`.
///
/// # Errors
///
/// [`CallError`]: it is not there, or that can't be known.
pub async fn head_object(target: &Target, bucket: Bucket<'_>, key: &str) -> Result<StoredObject, CallError> {
    let call = target.s3.head_object().bucket(bucket.name).expected_bucket_owner(bucket.owner).key(key);
    let found = call.checksum_mode(ChecksumMode::Enabled).send().await;
    let found = found.map_err(|error| CallError::new("HeadObject", &bucket.object(key), &error))?;
    Ok(StoredObject { sha256: found.checksum_sha256, version: found.version_id })
}

/// Puts `content` into `bucket` as the object called `key`, with its SHA-256. Returns its version.
///
/// # Errors
///
/// [`CallError`].
pub async fn put_object(
    target: &Target,
    bucket: Bucket<'_>,
    key: &str,
    content: &[u8],
) -> Result<Option<String>, CallError> {
    let call = target.s3.put_object().bucket(bucket.name).expected_bucket_owner(bucket.owner).key(key);
    let call = call.checksum_algorithm(ChecksumAlgorithm::Sha256).body(ByteStream::from(content.to_vec()));
    let put = call.send().await;
    let put = put.map_err(|error| CallError::new("PutObject", &bucket.object(key), &error))?;
    Ok(put.version_id)
}

/// The content of the object called `key`, in this version if one is named.
///
/// # Errors
///
/// [`CallError`].
pub async fn get_object(
    target: &Target,
    bucket: Bucket<'_>,
    key: &str,
    version: Option<String>,
) -> Result<Bytes, CallError> {
    let subject = bucket.object(key);
    let call = target.s3.get_object().bucket(bucket.name).expected_bucket_owner(bucket.owner).key(key);
    let object = call.set_version_id(version).send().await;
    let object = object.map_err(|error| CallError::new("GetObject", &subject, &error))?;
    let content = object.body.collect().await.map_err(|error| CallError::of_body(&subject, &error))?;
    // `to_vec` goes byte by byte: unoptimized, most of the time of a command that reads a stack's config.
    Ok(content.into_bytes())
}
