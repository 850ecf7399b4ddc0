//! Makes, changes and deletes the stack, and follows what CloudFormation does.

use std::collections::BTreeMap;

use aws::operator::Target;
use aws::operator::cloudformation::{self, DeployedStack, Parameter, describe};
use aws::operator::s3::Bucket;
use aws::operator::target::Caller;
use sha2::{Digest as _, Sha256};
use shared::config::Config;
use shared::naming::Naming;

use crate::clients::ClientLists;
use crate::follow::{Follower, Operation};
use crate::package::Package;
use crate::parameters::parameters;
use crate::settings::{QueuePrefix, Settings};
use crate::{bucket, template};

pub use crate::bucket::packages_bucket;
pub use crate::client_queue::client_queue_attributes;
pub use crate::deployed::{UnknownConfig, deployed_config};
pub use crate::error::{DeployError, FailedResource};
pub use crate::follow::Progress;
pub use crate::kept::{abolished_queues, kept_queues};
pub use crate::kept_queue::{KeptQueue, Whose};
pub use crate::push_clients::client_parameters;
pub use crate::push_targets::target_parameters;
pub use crate::steps::{Purpose, Step, steps};

/// The input of a deploy.
#[derive(Clone, Copy, Debug)]
pub struct Deployment<'a> {
    /// The name of the stack, which need not exist.
    pub stack: &'a str,
    /// The text of `template.yml`.
    pub template: &'a str,
    /// The settings that the operator sets.
    pub settings: &'a Settings,
    /// The config that is in the packages.
    pub config: &'a Config,
    /// The code: a package of each function.
    pub packages: &'a [Package],
    /// The bucket for packages and templates. It must exist.
    pub bucket: &'a str,
}

/// A stack after a deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployResult {
    /// The values of the template's outputs, by name.
    pub outputs: BTreeMap<String, String>,
    /// False if there was nothing to change.
    pub changed: bool,
}

/// Uploads the packages, makes or updates the stack, and waits until that is done. New queues exist before the code
/// that sends to them: see [`steps`].
///
/// If it is dropped meanwhile, CloudFormation goes on.
///
/// # Errors
///
/// [`DeployError`]. The stack is then as before the step that failed; a new one does not exist, or must be deleted.
pub async fn deploy(
    target: &Target,
    deployment: &Deployment<'_>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<DeployResult, DeployError> {
    let existing = describe(target, deployment.stack).await?;
    if let Some(stack) = &existing {
        check_ready(stack)?;
    }
    let prefix = prefix(deployment.settings.queue_prefix.as_ref(), existing.as_ref())?;
    let naming = naming(target, prefix).await?;
    let queues = kept_queues(target, existing.as_ref(), &naming, deployment.config).await?;
    if !queues.is_empty() {
        return Err(DeployError::KeptQueues { queues });
    }

    let bucket = Bucket { name: deployment.bucket, owner: &naming.account };
    let mut template = deployment.template.to_owned();
    for package in deployment.packages {
        let uploaded = bucket::upload(target, bucket, &package.key, &package.zip).await?;
        let uri = uploaded.code_uri(bucket.name);
        template = template::with_code(&template, package.function.logical_id, &uri)?;
        let bytes = if uploaded.is_new { package.zip.len() } else { 0 };
        progress(Progress::Uploaded { key: uploaded.key, bytes });
    }

    let wanted = ClientLists::of_config(deployment.config);
    let steps = steps(existing.as_ref().map(ClientLists::of_stack).as_ref(), &wanted);
    let mut changed = false;
    for (number, step) in (1..).zip(&steps) {
        progress(Progress::Step { number, of: steps.len(), purpose: step.purpose });
        let lists = step.clients.parameters();
        let mut set = lists.to_vec();
        let text = match (step.purpose, &existing) {
            // CloudFormation reuses only the template in which the old lists are written out, so that the original one
            // is sent again (CloudFormation User Guide, "AWS::LanguageExtensions transform").
            (Purpose::Queues, Some(stack)) => cloudformation::template(target, stack).await?,
            _ => {
                let all = deployment.settings.parameters(deployment.config).into_iter();
                let all = all.chain(client_parameters(deployment.config, &naming));
                let all = all.chain(target_parameters(deployment.config, &naming.partition));
                set.extend(all.filter(|(name, _)| lists.iter().all(|(list, _)| list != name)));
                template.clone()
            }
        };
        let names = template::parameter_names(&text)?;
        let parameters = parameters(&names, &set, existing.as_ref().map(|stack| &stack.parameters));
        let url = upload_template(target, bucket, &naming, &text).await?;
        changed |= apply(target, deployment.stack, existing.as_ref(), url, parameters, progress).await?;
    }
    let outputs = describe(target, deployment.stack).await?.map(|stack| stack.outputs).unwrap_or_default();
    Ok(DeployResult { outputs, changed })
}

/// The place and the names of a stack with this prefix, in the account of the caller.
///
/// # Errors
///
/// [`DeployError::Call`]: the account isn't known. [`DeployError::Naming`]: there is no such region.
pub async fn naming(target: &Target, prefix: &str) -> Result<Naming, DeployError> {
    let Caller { account, partition, .. } = target.caller().await?;
    Ok(Naming::try_new(&partition, target.region(), &account, prefix)?)
}

/// Deletes the stack called `name`, if there is one, and waits until that is done. Queues stay, by their deletion
/// policy.
///
/// # Errors
///
/// [`DeployError::Failed`] names the resource that could not be deleted.
pub async fn delete(
    target: &Target,
    name: &str,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), DeployError> {
    // A stack that is gone is found by its id only.
    let Some(stack) = describe(target, name).await? else {
        return Ok(());
    };
    let mut follower = Follower::from_now(target, &stack.id, Operation::Delete).await?;
    cloudformation::delete(target, &stack).await?;
    follower.wait(target, name, &stack.id, progress).await?;
    Ok(())
}

/// The prefix of the names of the queues of `stack`; empty if it has none.
pub fn deployed_prefix(stack: &DeployedStack) -> &str {
    stack.parameters.get("QueuePrefix").map_or("", String::as_str)
}

/// The prefix of a stack after a deploy that sets `wanted`. `existing` is the stack as it is; none if it is new.
///
/// # Errors
///
/// [`DeployError::PrefixChanged`]: the stack has another prefix.
pub fn prefix<'a>(
    wanted: Option<&'a QueuePrefix>,
    existing: Option<&'a DeployedStack>,
) -> Result<&'a str, DeployError> {
    let wanted = wanted.map(QueuePrefix::as_str);
    match (existing, wanted) {
        (Some(stack), Some(wanted)) if deployed_prefix(stack) != wanted => Err(DeployError::PrefixChanged {
            stack: stack.name.clone(),
            deployed: deployed_prefix(stack).to_owned(),
            wanted: wanted.to_owned(),
        }),
        (Some(stack), _) => Ok(deployed_prefix(stack)),
        (None, wanted) => Ok(wanted.unwrap_or_default()),
    }
}

/// Checks that the stack's status allows an update (CloudFormation User Guide, "Stack status codes").
///
/// # Errors
///
/// [`DeployError::NotReady`], with the remedy.
pub fn check_ready(stack: &DeployedStack) -> Result<(), DeployError> {
    let DeployedStack { name, status, .. } = stack;
    let remedy = match status.as_str() {
        "CREATE_COMPLETE"
        | "UPDATE_COMPLETE"
        | "UPDATE_ROLLBACK_COMPLETE"
        | "IMPORT_COMPLETE"
        | "IMPORT_ROLLBACK_COMPLETE" => return Ok(()),
        "UPDATE_ROLLBACK_FAILED" => "continue its rollback in CloudFormation, then deploy again",
        "REVIEW_IN_PROGRESS" => "it has a change set: execute that, or delete the stack",
        _ if status.ends_with("_IN_PROGRESS") => "wait until that is done, then deploy again",
        _ => "delete it, then deploy again",
    };
    Err(DeployError::NotReady { stack: name.clone(), status: status.clone(), remedy })
}

/// Uploads the text of a template. Returns its URL.
///
/// As an object: with a dozen clients the template that CloudFormation writes out exceeds the 51,200 bytes that it takes in a
/// call; in an object, it takes 1 MB (CloudFormation User Guide, "Troubleshoot the processed template").
pub(crate) async fn upload_template(
    target: &Target,
    bucket: Bucket<'_>,
    naming: &Naming,
    text: &str,
) -> Result<String, DeployError> {
    let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("template/{digest}.yml");
    let uploaded = bucket::upload(target, bucket, &key, text.as_bytes()).await?;
    Ok(uploaded.url(target.endpoint(), naming, bucket.name))
}

/// Makes or updates the stack, and waits until that is done. Returns whether there was something to do.
pub(crate) async fn apply(
    target: &Target,
    name: &str,
    existing: Option<&DeployedStack>,
    template_url: String,
    parameters: Vec<Parameter>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<bool, DeployError> {
    let (id, mut follower) = match existing {
        None => {
            (cloudformation::create(target, name, template_url, parameters).await?, Follower::from_start())
        }
        Some(DeployedStack { id, .. }) => {
            let follower = Follower::from_now(target, id, Operation::Update).await?;
            if !cloudformation::update(target, name, template_url, parameters).await? {
                return Ok(false);
            }
            (id.clone(), follower)
        }
    };
    follower.wait(target, name, &id, progress).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(status: &str, expected: &Expect) {
        let stack =
            DeployedStack { name: "events".into(), status: status.into(), ..DeployedStack::default() };
        let found = check_ready(&stack).map_or_else(|error| error.to_string(), |()| "ready".to_owned());
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
                "stack `events` is `REVIEW_IN_PROGRESS`; it has a change set: execute that, or delete the stack"
            ],
        );
        check(
            "UPDATE_ROLLBACK_FAILED",
            &expect![
                "stack `events` is `UPDATE_ROLLBACK_FAILED`; continue its rollback in CloudFormation, then deploy again"
            ],
        );
    }

    #[test]
    fn a_stack_keeps_its_prefix() {
        let check = |deployed: Option<&str>, wanted: Option<&str>, expected: Expect| {
            let wanted = wanted.map(|text| QueuePrefix::try_new(text).unwrap());
            let existing = deployed.map(|prefix| DeployedStack {
                name: "events".to_owned(),
                parameters: [("QueuePrefix".to_owned(), prefix.to_owned())].into(),
                ..DeployedStack::default()
            });
            let found = prefix(wanted.as_ref(), existing.as_ref());
            expected.assert_eq(&found.map_or_else(|error| error.to_string(), |prefix| format!("`{prefix}`")));
        };
        check(None, None, expect!["``"]);
        check(None, Some("test-"), expect!["`test-`"]);
        check(Some("test-"), None, expect!["`test-`"]);
        check(Some("test-"), Some("test-"), expect!["`test-`"]);
        check(
            Some("test-"),
            Some(""),
            expect![
                "stack `events` has the prefix `test-`, which can't become ``: its queues, and the events in them, would be left behind; deploy another stack with the new prefix"
            ],
        );
        check(
            Some(""),
            Some("test-"),
            expect![
                "stack `events` has the prefix ``, which can't become `test-`: its queues, and the events in them, would be left behind; deploy another stack with the new prefix"
            ],
        );
    }
}
