//! The functions' packages: built here, or read from the directory of another build.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use aws::operator::Target;
use deploy::functions::{self, BuildError, Built, Profile};
use deploy::package::Package;
use deploy::settings::Architecture;
use tokio::task::spawn_blocking;

use crate::exit::Failure;
use crate::progress::Progress;

/// Where the functions' binaries come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A release build of this workspace, for Lambda.
    Workspace(PathBuf, Architecture),
    /// A dev build of this workspace, for an emulator on this machine.
    ForThisMachine(PathBuf),
    /// A directory with binaries from another build.
    Elsewhere(PathBuf, Architecture),
}

impl Source {
    /// The source for `target`: an emulator on this machine gets dev builds, unless there are `binaries`.
    pub(super) fn new(
        workspace: PathBuf,
        binaries: Option<PathBuf>,
        architecture: Architecture,
        target: &Target,
    ) -> Self {
        match binaries {
            Some(directory) => Self::Elsewhere(directory, architecture),
            None if target.endpoint().is_some_and(is_here) => Self::ForThisMachine(workspace),
            None => Self::Workspace(workspace, architecture),
        }
    }

    fn built(&self, progress: &mut dyn FnMut(&str)) -> Result<Vec<Built>, BuildError> {
        match self {
            Self::Workspace(workspace, architecture) => functions::build(workspace, *architecture, progress),
            Self::ForThisMachine(workspace) => {
                functions::build_for_this_machine(workspace, Profile::Dev, progress)
            }
            Self::Elsewhere(directory, architecture) => functions::built_elsewhere(directory, *architecture),
        }
    }
}

/// The packages of all functions, with the config in them.
pub(super) async fn packages(
    source: Source,
    config: String,
    progress: Arc<Progress>,
) -> Result<Vec<Package>, Failure> {
    let make = move || -> Result<Vec<Package>, Failure> {
        let failed = |error: BuildError| Failure::Failed(error.to_string());
        let built = source.built(&mut |line| progress.say(line)).map_err(failed)?;
        built.iter().map(|built| package(built, &config)).collect()
    };
    spawn_blocking(make).await.map_err(|error| Failure::Fault(error.to_string()))?
}

fn package(built: &Built, config: &str) -> Result<Package, Failure> {
    let path = built.binary.display();
    let unreadable = |error| Failure::Config(format!("`{path}` can't be read: {error}"));
    let bootstrap = fs::read(&built.binary).map_err(unreadable)?;
    Package::of_built(built, &bootstrap, config).map_err(|error| Failure::Fault(format!("`{path}`: {error}")))
}

/// Whether `endpoint` is on this machine.
fn is_here(endpoint: &str) -> bool {
    let authority = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulator_here_runs_what_this_machine_runs() {
        for (endpoint, expected) in [
            ("http://127.0.0.1:4566", true),
            ("http://localhost:4566/", true),
            ("http://[::1]:4566", true),
            ("http://[::1]", true),
            ("http://localhost", true),
            ("https://sqs.eu-west-2.amazonaws.com", false),
            ("http://127.0.0.1.example:4566", false),
            ("http://emulator:4566/localhost", false),
        ] {
            assert_eq!(is_here(endpoint), expected, "{endpoint}");
        }
    }

    #[test]
    fn binaries_of_another_build_come_first() {
        let target = Target::local("http://127.0.0.1:4566", "eu-west-2");
        let source = |binaries| Source::new("w".into(), binaries, Architecture::Arm64, &target);
        assert_eq!(source(None), Source::ForThisMachine("w".into()));
        assert_eq!(source(Some("b".into())), Source::Elsewhere("b".into(), Architecture::Arm64));
        let target = Target::local("https://emulator.example", "eu-west-2");
        let source = Source::new("w".into(), None, Architecture::X86_64, &target);
        assert_eq!(source, Source::Workspace("w".into(), Architecture::X86_64));
    }
}
