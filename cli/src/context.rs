//! What every command works with: the config, the target, the stack's name.

use std::fs;
use std::path::{Path, PathBuf};

use aws::operator::Target;
use aws::operator::cloudformation::{DeployedStack, describe};
use aws::operator::{CallError, CallFault};
use shared::config::Config;
use shared::naming::Naming;

use crate::args::Common;
use crate::exit::Failure;
use crate::output::Output;

/// What every command works with.
#[derive(Debug)]
pub struct Context {
    /// The stack's name.
    pub stack: String,
    /// Where the config is.
    pub config_path: PathBuf,
    /// How results are told.
    pub output: Output,
}

impl Context {
    /// From the command line.
    pub fn new(common: &Common) -> Self {
        Self {
            stack: common.stack.clone(),
            config_path: common.config.clone(),
            output: Output::new(common.json),
        }
    }

    /// The text of the config.
    ///
    /// # Errors
    ///
    /// [`Failure::Config`]: the file can't be read.
    pub fn config_text(&self) -> Result<String, Failure> {
        let remedy = "run this in the clone, or name the file with `--config`";
        read(&self.config_path).map_err(|unread| Failure::Config(format!("{unread}; {remedy}")))
    }

    /// The config, valid in `place` if that is known.
    ///
    /// # Errors
    ///
    /// [`Failure::Config`], with every finding.
    pub fn config(&self, naming: Option<&Naming>) -> Result<Config, Failure> {
        self.parse(&self.config_text()?, naming)
    }

    /// The config from its `text`, valid in `place` if that is known.
    ///
    /// # Errors
    ///
    /// [`Failure::Config`], with every finding.
    pub fn parse(&self, text: &str, naming: Option<&Naming>) -> Result<Config, Failure> {
        let file = self.config_path.display().to_string();
        Config::try_from_toml(&file, text, naming).map_err(|findings| Failure::Config(findings.to_string()))
    }

    /// Region, credentials and endpoint.
    ///
    /// # Errors
    ///
    /// [`Failure::Unreachable`]: the region isn't known.
    pub async fn target(&self) -> Result<Target, Failure> {
        Target::load().await.map_err(|error| Failure::Unreachable(error.to_string()))
    }

    /// The stack as it is.
    ///
    /// # Errors
    ///
    /// [`Failure::Unreachable`]: there is none of this name. Others as the call ended.
    pub async fn deployed(&self, target: &Target) -> Result<DeployedStack, Failure> {
        let found = describe(target, &self.stack).await?;
        found.ok_or_else(|| {
            let message = format!(
                "there is no stack `{}` in {} of this account; name another with `--stack`, or another region with \
                 `AWS_REGION`, or make it with `fanoutctl deploy`",
                self.stack,
                target.region()
            );
            Failure::Unreachable(message)
        })
    }
}

/// An output of `stack`.
///
/// # Errors
///
/// [`CallError`]: it has none of this name, as while it is made, or because another version made it.
pub fn output<'s>(stack: &'s DeployedStack, name: &str) -> Result<&'s str, CallError> {
    stack.outputs.get(name).map(String::as_str).ok_or_else(|| CallError {
        call: "DescribeStacks",
        subject: stack.name.clone(),
        fault: CallFault::Missing,
        reason: format!("it has no output `{name}`; deploy it with this version of `fanoutctl`"),
    })
}

/// The text of the file at `path`.
///
/// # Errors
///
/// [`Failure::Config`].
pub fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::Config(format!("`{}` can't be read: {error}", path.display())))
}
