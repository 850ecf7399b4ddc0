//! The stack as it is: what it was given, what it has, and the config that its code reads.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use aws::operator::{CallError, Target};
use aws_sdk_cloudformation::types::{Stack, TemplateStage};
use zip::ZipArchive;
use zip::result::ZipError;

use crate::clients::ClientLists;
use crate::error::DeployError;
use crate::follow;
use crate::functions::FANOUT;
use crate::package::CONFIG;
use crate::settings::Architecture;
use crate::template::{self, CodePlace};

/// A stack as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeployedStack {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub id: String,
    /// `CREATE_COMPLETE`, ….
    pub status: String,
    /// The values that its parameters have.
    pub parameters: BTreeMap<String, String>,
    /// The values of its outputs.
    pub outputs: BTreeMap<String, String>,
}

/// Why the config that a stack's code reads isn't known.
#[derive(Debug, thiserror::Error)]
pub enum UnknownConfig {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The template doesn't say where the code is.
    #[error("the template of stack `{stack}` names no package on S3 for `{}`", FANOUT.logical_id)]
    NoPackage {
        /// The stack's name.
        stack: String,
    },
    /// The package can't be read, or has no config.
    #[error("package `{package}` of stack `{stack}` has no readable `{CONFIG}`: {source}")]
    Unreadable {
        /// The stack's name.
        stack: String,
        /// Bucket and key.
        package: String,
        /// What went wrong.
        source: ZipError,
    },
}

impl DeployedStack {
    /// What the names of its queues begin with.
    pub fn prefix(&self) -> &str {
        self.parameters.get("QueuePrefix").map_or("", String::as_str)
    }

    /// Its clients' queues.
    pub fn clients(&self) -> ClientLists {
        ClientLists::of_parameters(&self.parameters)
    }

    /// What its functions run on.
    pub fn architecture(&self) -> Architecture {
        let parameter = self.parameters.get("Architecture").map(String::as_str);
        parameter.and_then(|text| Architecture::try_new(text).ok()).unwrap_or_default()
    }
}

impl From<Stack> for DeployedStack {
    fn from(stack: Stack) -> Self {
        let status = follow::status(&stack).to_owned();
        let parameters = stack.parameters.unwrap_or_default().into_iter();
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        Self {
            name: stack.stack_name.unwrap_or_default(),
            id: stack.stack_id.unwrap_or_default(),
            status,
            parameters: parameters
                .filter_map(|found| found.parameter_key.zip(found.parameter_value))
                .collect(),
            outputs: outputs.filter_map(|found| found.output_key.zip(found.output_value)).collect(),
        }
    }
}

/// The stack called `name`, if there is one.
///
/// # Errors
///
/// [`DeployError::Call`].
pub async fn describe(target: &Target, name: &str) -> Result<Option<DeployedStack>, DeployError> {
    let found = follow::describe(&target.cloudformation(), name).await?;
    Ok(found.map(DeployedStack::from))
}

/// The text of `client-queues.toml` in the code that `stack` runs now.
///
/// # Errors
///
/// [`UnknownConfig`].
pub async fn deployed_config(target: &Target, stack: &DeployedStack) -> Result<String, UnknownConfig> {
    let template = template_of(target, stack).await?;
    let Some(CodePlace { bucket, key, version }) = template::code_place(&template, FANOUT.logical_id) else {
        return Err(UnknownConfig::NoPackage { stack: stack.name.clone() });
    };
    let package = format!("{bucket}/{key}");
    let call = target.s3().get_object().bucket(bucket).key(key).set_version_id(version);
    let object = call.send().await.map_err(|error| CallError::new("GetObject", &package, &error))?;
    let zip = object.body.collect().await.map_err(|error| CallError::of_body(&package, &error))?;
    config_in(&zip.into_bytes()).map_err(|source| UnknownConfig::Unreadable {
        stack: stack.name.clone(),
        package,
        source,
    })
}

/// The text that `stack` was made from.
pub(crate) async fn template_of(target: &Target, stack: &DeployedStack) -> Result<String, CallError> {
    let call = target.cloudformation().get_template().stack_name(&stack.id);
    let found = call.template_stage(TemplateStage::Original).send().await;
    let found = found.map_err(|error| CallError::new("GetTemplate", &stack.name, &error))?;
    Ok(found.template_body.unwrap_or_default())
}

fn config_in(zip: &[u8]) -> Result<String, ZipError> {
    let mut text = String::new();
    ZipArchive::new(Cursor::new(zip))?.by_name(CONFIG)?.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Package;

    #[test]
    fn the_config_is_read_from_the_package() {
        let package = Package::try_new(FANOUT, b"binary", "# Zo\u{eb}\n").unwrap();
        assert_eq!(config_in(&package.zip).unwrap(), "# Zo\u{eb}\n");
        assert!(config_in(b"no zip").is_err());
    }
}
