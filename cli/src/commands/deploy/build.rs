//! The functions' packages: built here, or read from the directory of another build.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use aws::operator::Target;
use deploy::functions::{self, Built, Profile};
use deploy::package::Package;
use deploy::settings::Architecture;
use tokio::task::spawn_blocking;

use crate::exit::{Exit, Failure};
use crate::progress::Progress;

/// The packages of all functions, with the config in them. The functions are built in `workspace`, with the dev profile
/// for an emulator on this machine, unless `binaries` is a directory with those of another build.
pub(super) async fn packages(
    workspace: PathBuf,
    binaries: Option<PathBuf>,
    architecture: Architecture,
    target: &Target,
    config: String,
    progress: Arc<Progress>,
) -> Result<Vec<Package>, Failure> {
    let is_for_here = target.endpoint().is_some_and(is_here);
    let make = move || -> Result<Vec<Package>, Failure> {
        let say = &mut |line: &str| progress.say(line);
        let built = match binaries {
            Some(directory) => functions::built_elsewhere(&directory, architecture),
            None if is_for_here => {
                functions::build_for_this_machine(&workspace, &functions::ALL, Profile::Dev, say)
            }
            None => functions::build(&workspace, architecture, say),
        };
        let built = built.map_err(|error| Exit::Failed.because(error))?;
        built.iter().map(|built| package(built, &config)).collect()
    };
    spawn_blocking(make).await.map_err(|error| Exit::Fault.because(error))?
}

fn package(built: &Built, config: &str) -> Result<Package, Failure> {
    let path = built.binary.display();
    let unreadable = |error| Exit::Config.because(format!("`{path}` can't be read: {error}"));
    let bootstrap = fs::read(&built.binary).map_err(unreadable)?;
    Package::of_built(built, &bootstrap, Some(config))
        .map_err(|error| Exit::Fault.because(format!("`{path}`: {error}")))
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
}
