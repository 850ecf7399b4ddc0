//! What every command works with: the config, the target, the stack's name.

use std::fs;
use std::path::{Path, PathBuf};

use deploy::stack::{DeployedStack, describe};
use deploy::target::Target;
use shared::config::Config;
use shared::place::Place;

use crate::args::Common;
use crate::exit::{Exit, Failure};
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
    /// [`Exit::Config`]: the file can't be read.
    pub fn config_text(&self) -> Result<String, Failure> {
        let remedy = "run this in the clone, or name the file with `--config`";
        read(&self.config_path)
            .map_err(|Failure { exit, message }| Failure::new(exit, format!("{message}; {remedy}")))
    }

    /// The config, valid in `place` if that is known.
    ///
    /// # Errors
    ///
    /// [`Exit::Config`], with every finding.
    pub fn config(&self, place: Option<&Place>) -> Result<Config, Failure> {
        self.parse(&self.config_text()?, place)
    }

    /// The config from its `text`, valid in `place` if that is known.
    ///
    /// # Errors
    ///
    /// [`Exit::Config`], with every finding.
    pub fn parse(&self, text: &str, place: Option<&Place>) -> Result<Config, Failure> {
        let file = self.config_path.display().to_string();
        Config::try_from_toml(&file, text, place).map_err(|findings| Failure::new(Exit::Config, findings))
    }

    /// Region, credentials and endpoint.
    ///
    /// # Errors
    ///
    /// [`Exit::Unreachable`]: the region isn't known.
    pub async fn target(&self) -> Result<Target, Failure> {
        Target::load().await.map_err(|error| Failure::new(Exit::Unreachable, error))
    }

    /// The stack as it is.
    ///
    /// # Errors
    ///
    /// [`Exit::Unreachable`]: there is none of this name. Others as the call ended.
    pub async fn deployed(&self, target: &Target) -> Result<DeployedStack, Failure> {
        let found = describe(target, &self.stack).await?;
        found.ok_or_else(|| {
            let message = format!(
                "there is no stack `{}` in {} of this account; name another with `--stack`, or another region with \
                 `AWS_REGION`, or make it with `fanoutctl deploy`",
                self.stack,
                target.region()
            );
            Failure::new(Exit::Unreachable, message)
        })
    }
}

/// The text of the file at `path`.
///
/// # Errors
///
/// [`Exit::Config`].
pub fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::Config, format!("`{}` can't be read: {error}", path.display())))
}
