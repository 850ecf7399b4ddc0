//! Makes the companion's stack on an emulator of AWS: that of `api/template.yml`. On AWS, `sam deploy` makes it.

use std::collections::BTreeMap;

use aws::operator::Target;
use aws::operator::cloudformation::describe;
use aws::operator::s3::Bucket;

use crate::follow::Progress;
use crate::package::Package;
use crate::stack::{DeployError, apply, naming, upload_template};
use crate::{bucket, template};

/// The function of `api/template.yml` that is made only if a parameter asks for it.
const NOT_MADE: &str = "AppendEvents";

/// The input of a deploy.
#[derive(Clone, Copy, Debug)]
pub struct CompanionDeployment<'a> {
    /// The name of the stack, which must not exist.
    pub stack: &'a str,
    /// The text of `api/template.yml`.
    pub template: &'a str,
    /// The function's code.
    pub package: &'a Package,
    /// The bucket for package and template. It must exist.
    pub bucket: &'a str,
}

/// Makes the stack with the template's own defaults, and waits until that is done. Returns the values of the template's
/// outputs, by name.
///
/// # Errors
///
/// [`DeployError`].
pub async fn deploy_companion(
    target: &Target,
    deployment: &CompanionDeployment<'_>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<BTreeMap<String, String>, DeployError> {
    let CompanionDeployment { stack, package, .. } = *deployment;
    let naming = naming(target, "").await?;
    let bucket = Bucket { name: deployment.bucket, owner: &naming.account };
    let uploaded = bucket::upload(target, bucket, &package.key, &package.zip).await?;
    let uri = uploaded.code_uri(bucket.name);
    let mut text = template::with_code(deployment.template, package.function.logical_id, &uri)?;
    // By default there is no such function, but its code must be somewhere all the same (SAM's transform).
    text = template::with_code(&text, NOT_MADE, &uri)?;
    let url = upload_template(target, bucket, &naming, &text).await?;
    apply(target, stack, None, url, Vec::new(), progress).await?;
    Ok(describe(target, stack).await?.map(|stack| stack.outputs).unwrap_or_default())
}
