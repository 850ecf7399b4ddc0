//! The context of every command: the config, the target, the stack's name.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use aws::operator::Target;
use aws::operator::cloudformation::{DeployedStack, describe};
use aws::operator::{CallError, CallFault, Origin};
use shared::config::Config;
use shared::naming::Naming;

use crate::args::{Common, stack_option};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// The options of every command, and what they lead to.
#[derive(Debug)]
pub struct Context {
    /// The name of the stack, which need not exist.
    pub stack: String,
    /// The path of client-queues.toml, as the command line has it.
    pub config_path: PathBuf,
    /// Where results go, and in which form.
    pub output: Output,
    /// Where region, endpoint and credentials came from, once they are known.
    origin: OnceLock<Origin>,
}

impl Context {
    /// The context of the options of every command.
    pub fn new(stack: String, config_path: PathBuf, output: Output) -> Self {
        Self { stack, config_path, output, origin: OnceLock::new() }
    }

    /// What an operator can do about a failure, if the reason is where a call went, or with whose credentials.
    pub fn advice(&self, failure: &Failure) -> Option<String> {
        self.origin.get()?.advice(failure.call_fault()?)
    }

    /// Reads the text of the config.
    ///
    /// # Errors
    ///
    /// [`Exit::Config`]: the file can't be read.
    pub fn config_text(&self) -> Result<String, Failure> {
        let remedy = "run this in the clone, or name the file with `--config`";
        read(&self.config_path).map_err(|unread| Exit::Config.because(format!("{unread}; {remedy}")))
    }

    /// Reads the config. It is valid in the place of `naming`, if that is known.
    ///
    /// # Errors
    ///
    /// [`Exit::Config`], with every finding.
    pub fn config(&self, naming: Option<&Naming>) -> Result<Config, Failure> {
        self.parse(&self.config_text()?, naming)
    }

    /// Parses the config's `text`. It is valid in the place of `naming`, if that is known.
    ///
    /// # Errors
    ///
    /// [`Exit::Config`], with every finding.
    pub fn parse(&self, text: &str, naming: Option<&Naming>) -> Result<Config, Failure> {
        let file = self.config_path.display().to_string();
        Config::try_from_toml(&file, text, naming).map_err(|findings| Exit::Config.because(findings))
    }

    /// Checks that the config can be read, if another than the default one was asked for: for commands that do without.
    ///
    /// # Errors
    ///
    /// [`Exit::Config`]: it can't be read, or is wrong.
    pub fn check_named_config(&self) -> Result<(), Failure> {
        if Common::names_config(&self.config_path) { self.config(None).map(drop) } else { Ok(()) }
    }

    /// Loads region, credentials and endpoint.
    ///
    /// # Errors
    ///
    /// [`Exit::Unreachable`]: the region isn't known.
    pub async fn target(&self) -> Result<Target, Failure> {
        let target = Target::load().await.map_err(|error| Exit::Unreachable.because(error))?;
        // A command loads one target.
        let _ = self.origin.set(target.origin().clone());
        Ok(target)
    }

    /// Describes the stack, and says where it is.
    ///
    /// # Errors
    ///
    /// [`Exit::Unreachable`]: there is no stack of this name. [`Failure::Call`]: the call failed.
    pub async fn deployed(&self) -> Result<(Target, DeployedStack), Failure> {
        let target = self.target().await?;
        match describe(&target, &self.stack).await? {
            Some(stack) => Ok((target, stack)),
            None => Err(Exit::Unreachable.because(format!(
                "there is no stack `{}` in {} of this account ({}); name another with `--stack`, or another region with \
                 `AWS_REGION`, or make it with `fanoutctl deploy{}`",
                self.stack,
                target.region(),
                target.origin().place(),
                stack_option(&self.stack)
            ))),
        }
    }
}

/// The value of the output `name` of `stack`.
///
/// # Errors
///
/// [`CallError`]: there is no such output, because the stack is still being made, or another version made it.
pub fn output<'s>(stack: &'s DeployedStack, name: &str) -> Result<&'s str, CallError> {
    stack.outputs.get(name).map(String::as_str).ok_or_else(|| CallError {
        call: "DescribeStacks",
        subject: stack.name.clone(),
        fault: CallFault::Missing,
        reason: format!("it has no output `{name}`; deploy it with this version of `fanoutctl`"),
    })
}

/// Reads the text of the file at `path`.
///
/// # Errors
///
/// [`Exit::Config`]: the file can't be read.
pub fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Exit::Config.because(format!("`{}` can't be read: {error}", path.display())))
}
