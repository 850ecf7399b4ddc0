//! Makes, changes and deletes the stack, and follows what CloudFormation does.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{Capability, Parameter, Stack};

use crate::bucket;
pub use crate::bucket::make_bucket;
pub use crate::error::{DeployError, FailedResource};
pub use crate::follow::Progress;
use crate::follow::{Follower, describe, status};
use crate::package::Package;
use crate::settings::Settings;
use crate::target::Target;
use crate::template;

/// The template makes roles, and has transforms.
const CAPABILITIES: [Capability; 3] =
    [Capability::CapabilityIam, Capability::CapabilityNamedIam, Capability::CapabilityAutoExpand];

/// What to deploy, and as what.
#[derive(Clone, Copy, Debug)]
pub struct Deployment<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// The text of `template.yml`.
    pub template: &'a str,
    /// What the operator sets.
    pub settings: &'a Settings,
    /// The config that is in the packages.
    pub config: &'a shared::config::Config,
    /// The code, one of each function.
    pub packages: &'a [Package],
    /// Where the packages are uploaded to. It must exist.
    pub bucket: &'a str,
}

/// A stack after a deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// The values of the template's outputs.
    pub outputs: BTreeMap<String, String>,
    /// False if the stack was like that already.
    pub changed: bool,
}

/// Uploads the packages, makes the stack or brings it up to date, and waits until that is done.
///
/// Dropped meanwhile, it stops waiting; CloudFormation goes on.
///
/// # Errors
///
/// [`DeployError`]. The stack is then as before, or, if it is new, not there or to be deleted.
pub async fn deploy(
    target: &Target,
    deployment: &Deployment<'_>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Deployed, DeployError> {
    let parameters = parameters(deployment);
    let mut text = deployment.template.to_owned();
    for package in deployment.packages {
        let uri = format!("s3://{}/{}", deployment.bucket, package.key);
        text = template::with_code(&text, package.function.logical_id, &uri)?;
    }

    let client = target.cloudformation();
    let name = deployment.stack;
    let existing = describe(&client, name).await?;
    if let Some(stack) = &existing {
        check_ready(name, status(stack))?;
    }

    let s3 = target.s3();
    for package in deployment.packages {
        let is_new = bucket::upload(&s3, deployment.bucket, package).await?;
        progress(Progress::Uploaded {
            key: package.key.clone(),
            bytes: if is_new { package.zip.len() } else { 0 },
        });
    }

    let (id, mut follower) = match existing.and_then(|stack| stack.stack_id) {
        None => (create(&client, name, text, parameters).await?, Follower::from_start()),
        Some(id) => {
            let follower = Follower::from_now(&client, &id).await?;
            if !update(&client, name, text, parameters).await? {
                let outputs = outputs(describe(&client, &id).await?);
                return Ok(Deployed { outputs, changed: false });
            }
            (id, follower)
        }
    };
    let stack = follower.wait(&client, name, &id, progress).await?;
    Ok(Deployed { outputs: outputs(stack), changed: true })
}

/// Deletes the stack called `name`, and waits until that is done; what isn't there is deleted. Queues with the
/// deletion policy `Retain` stay.
///
/// # Errors
///
/// [`DeployError::Failed`] names the resource that could not be deleted.
pub async fn delete(
    target: &Target,
    name: &str,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), DeployError> {
    let client = target.cloudformation();
    // By its id, a stack can be asked for after it is gone.
    let Some(id) = describe(&client, name).await?.and_then(|stack| stack.stack_id) else {
        return Ok(());
    };
    let mut follower = Follower::from_now(&client, &id).await?;
    let call = client.delete_stack().stack_name(&id);
    call.send().await.map_err(|error| DeployError::of_call("DeleteStack", name, error))?;
    follower.wait(&client, name, &id, progress).await?;
    Ok(())
}

/// Whether a stack with this status can be updated (CloudFormation User Guide, "Stack status codes").
fn check_ready(stack: &str, status: &str) -> Result<(), DeployError> {
    let remedy = match status {
        "CREATE_COMPLETE"
        | "UPDATE_COMPLETE"
        | "UPDATE_ROLLBACK_COMPLETE"
        | "IMPORT_COMPLETE"
        | "IMPORT_ROLLBACK_COMPLETE" => return Ok(()),
        "UPDATE_ROLLBACK_FAILED" => "continue its rollback in CloudFormation, then deploy again",
        "REVIEW_IN_PROGRESS" => "somebody made a change set of it: execute it, or delete the stack",
        _ if status.ends_with("_IN_PROGRESS") => "wait until that is done, then deploy again",
        _ => "delete it, then deploy again",
    };
    Err(DeployError::NotReady { stack: stack.to_owned(), status: status.to_owned(), remedy })
}

async fn create(
    client: &Client,
    name: &str,
    template: String,
    parameters: Vec<Parameter>,
) -> Result<String, DeployError> {
    let call = client.create_stack().stack_name(name).template_body(template);
    let call = call.set_parameters(Some(parameters)).set_capabilities(Some(CAPABILITIES.to_vec()));
    let created = call.send().await.map_err(|error| DeployError::of_call("CreateStack", name, error))?;
    Ok(created.stack_id.unwrap_or_else(|| name.to_owned()))
}

/// False if there is nothing to update.
async fn update(
    client: &Client,
    name: &str,
    template: String,
    parameters: Vec<Parameter>,
) -> Result<bool, DeployError> {
    let call = client.update_stack().stack_name(name).template_body(template);
    let call = call.set_parameters(Some(parameters)).set_capabilities(Some(CAPABILITIES.to_vec()));
    match call.send().await {
        Ok(_) => Ok(true),
        // CloudFormation has no code of its own for it.
        Err(error)
            if error.message().is_some_and(|message| message.contains("No updates are to be performed")) =>
        {
            Ok(false)
        }
        Err(error) => Err(DeployError::of_call("UpdateStack", name, error)),
    }
}

fn parameters(deployment: &Deployment<'_>) -> Vec<Parameter> {
    let values = deployment.settings.parameters(deployment.config).into_iter();
    values
        .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build())
        .collect()
}

fn outputs(stack: Option<Stack>) -> BTreeMap<String, String> {
    let outputs = stack.and_then(|stack| stack.outputs).unwrap_or_default();
    outputs.into_iter().filter_map(|output| output.output_key.zip(output.output_value)).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(status: &str, expected: &Expect) {
        let found =
            check_ready("events", status).map_or_else(|error| error.to_string(), |()| "ready".to_owned());
        expected.assert_eq(&found);
    }

    #[test]
    fn only_a_stack_at_rest_is_updated() {
        check("CREATE_COMPLETE", &expect!["ready"]);
        check("UPDATE_COMPLETE", &expect!["ready"]);
        check("UPDATE_ROLLBACK_COMPLETE", &expect!["ready"]);
        check(
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            &expect![
                "stack `events` is `UPDATE_COMPLETE_CLEANUP_IN_PROGRESS`; wait until that is done, then deploy again"
            ],
        );
        check(
            "ROLLBACK_COMPLETE",
            &expect!["stack `events` is `ROLLBACK_COMPLETE`; delete it, then deploy again"],
        );
        check(
            "REVIEW_IN_PROGRESS",
            &expect![
                "stack `events` is `REVIEW_IN_PROGRESS`; somebody made a change set of it: execute it, or delete the stack"
            ],
        );
        check(
            "UPDATE_ROLLBACK_FAILED",
            &expect![
                "stack `events` is `UPDATE_ROLLBACK_FAILED`; continue its rollback in CloudFormation, then deploy again"
            ],
        );
    }
}
