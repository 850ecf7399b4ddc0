//! The functions: their names in the template and in the workspace, and their builds.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use serde::Deserialize;

use crate::binary;
use crate::settings::Architecture;

pub use crate::binary::{BinaryError, Glibc};

/// A function of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// The function's name in the template.
    pub logical_id: &'static str,
    /// The function's package in the workspace.
    pub package: &'static str,
    /// The package's binary that the function is.
    pub binary: &'static str,
}

/// Brings events from the event table's stream to the fan-out queue.
pub const CONVERTER: Function =
    Function { logical_id: "ProcessDynamoDBStream", package: "converter", binary: "converter" };

/// Brings events from the fan-out queue to the clients' queues.
pub const FANOUT: Function = Function { logical_id: "FanOut", package: "fanout", binary: "fanout" };

/// Brings events from the event table to the queues of clients that are behind.
pub const CATCH_UP: Function = Function { logical_id: "CatchUp", package: "catchup", binary: "catchup" };

/// Brings events from the queues of push clients to their webhooks. A stack without such a client has no such function, but
/// its template must name the code all the same.
pub const PUSH_HTTP: Function = Function { logical_id: "PushHttp", package: "push", binary: "push-http" };

/// As [`PUSH_HTTP`], to targets in AWS.
pub const PUSH_AWS: Function = Function { logical_id: "PushAws", package: "push", binary: "push-aws" };

/// The five functions of a stack.
pub const ALL: [Function; 5] = [CONVERTER, FANOUT, CATCH_UP, PUSH_HTTP, PUSH_AWS];

/// The companion's function: that of `api/template.yml`, a stack of its own.
pub const API: Function = Function { logical_id: "Api", package: "api", binary: "api" };

/// How the functions are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Quickly, to large and slow binaries: for a stack on an emulator.
    Dev,
    /// To the binaries that ship: small, and quick to start.
    Release,
}

/// A function's binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The function that the binary is of.
    pub function: Function,
    /// The path of the binary.
    pub binary: PathBuf,
    /// The profile that it was compiled with.
    pub profile: Profile,
}

/// Why there are no functions to deploy.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo could not be run.
    #[error("`{}` could not be run; install Rust, or see that it is on `PATH`", .program.to_string_lossy())]
    NoCargo {
        /// The program that should have been run: `CARGO`, or `cargo`.
        program: OsString,
        /// The system's error.
        source: io::Error,
    },
    /// The code does not compile. Cargo's output went to the caller.
    #[error("`cargo build` failed: {status}{}", hint(*.target))]
    Failed {
        /// Cargo's exit status.
        status: ExitStatus,
        /// The target of the build, if not this machine.
        target: Option<&'static str>,
    },
    /// Cargo did not build the function's binary.
    #[error("`cargo build` made no binary `{}`; the package `{}` must have one", .function.binary, .function.package)]
    NoBinary {
        /// The function without a binary.
        function: Function,
    },
    /// A binary can't be read.
    #[error("`{}` can't be read: {source}; there must be the release binaries {}", .binary.display(), names())]
    Unreadable {
        /// The path at which the binary should be.
        binary: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Lambda can't start a binary.
    #[error("`{}` {source}", .binary.display())]
    Unfit {
        /// The path of the binary.
        binary: PathBuf,
        /// Why Lambda can't start it.
        source: BinaryError,
    },
}

/// Builds the release binaries of all functions, in the workspace at `workspace`, for Lambda on `architecture`, and
/// checks that Lambda can start them. Each line that cargo prints for people goes to `progress`. Blocks until cargo is
/// done.
///
/// # Errors
///
/// [`BuildError`]: no cargo, code that does not compile, or binaries that Lambda can't start.
pub fn build(
    workspace: &Path,
    architecture: Architecture,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Built>, BuildError> {
    let target = foreign_target(architecture, env::consts::OS, env::consts::ARCH);
    let built = cargo_build(workspace, &ALL, Profile::Release, target, progress)?;
    check(&built, architecture)?;
    Ok(built)
}

/// Builds `functions` as [`build`] does, but with `profile`, and without the check: for an emulator of Lambda on this machine,
/// whatever its C library.
///
/// # Errors
///
/// [`BuildError`]: no cargo, or code that does not compile.
pub fn build_for_this_machine(
    workspace: &Path,
    functions: &[Function],
    profile: Profile,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Built>, BuildError> {
    cargo_build(workspace, functions, profile, None, progress)
}

/// Finds the release binaries of all functions in `directory`, which another build made, and checks that Lambda can
/// start them on `architecture`.
///
/// # Errors
///
/// [`BuildError`]: a binary is missing, or Lambda can't start it.
pub fn built_elsewhere(directory: &Path, architecture: Architecture) -> Result<Vec<Built>, BuildError> {
    let profile = Profile::Release;
    let built = ALL.map(|function| Built { function, binary: directory.join(function.binary), profile });
    check(&built, architecture)?;
    Ok(built.to_vec())
}

fn names() -> String {
    ALL.map(|function| format!("`{}`", function.binary)).join(", ")
}

fn check(built: &[Built], architecture: Architecture) -> Result<(), BuildError> {
    for Built { binary, .. } in built {
        let binary = || binary.clone();
        let content =
            fs::read(binary()).map_err(|source| BuildError::Unreadable { binary: binary(), source })?;
        binary::check(&content, architecture)
            .map_err(|source| BuildError::Unfit { binary: binary(), source })?;
    }
    Ok(())
}

/// The target of the build; none for this machine itself, whose own builds are in another directory and are reused.
fn foreign_target(architecture: Architecture, system: &str, processor: &str) -> Option<&'static str> {
    let is_native = system == "linux"
        && processor
            == match architecture {
                Architecture::X86_64 => "x86_64",
                Architecture::Arm64 => "aarch64",
            };
    (!is_native).then(|| architecture.target())
}

fn hint(target: Option<&str>) -> String {
    target.map_or_else(String::new, |target| {
        format!(
            "; to build for `{target}` here, `rustup target add {target}` and set a linker for it in \
             `CARGO_TARGET_{}_LINKER`, or build with `cargo zigbuild`",
            target.to_uppercase().replace('-', "_")
        )
    })
}

fn cargo_build(
    workspace: &Path,
    functions: &[Function],
    profile: Profile,
    target: Option<&'static str>,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Built>, BuildError> {
    // Cargo sets it for the programs that it runs, so that `cargo local` builds with its own cargo.
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&program);
    command.current_dir(workspace).arg("build");
    match profile {
        // With the features of all crates, as `cargo local` itself is built, so that crates are not compiled again.
        Profile::Dev => command.arg("--workspace"),
        // With the features that the functions need, and no others.
        Profile::Release => {
            let packages: BTreeSet<&str> = functions.iter().map(|function| function.package).collect();
            command.arg("--release").args(packages.into_iter().flat_map(|package| ["--package", package]))
        }
    };
    command.args(functions.iter().flat_map(|function| ["--bin", function.binary]));
    if let Some(target) = target {
        command.arg("--target").arg(target);
    }
    // The target directory may be anywhere, so that only cargo knows where the binaries are.
    command.arg("--message-format=json-render-diagnostics");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());

    let no_cargo = |source| BuildError::NoCargo { program: program.clone(), source };
    let mut child = command.spawn().map_err(no_cargo)?;
    let output = child.stdout.take();
    // Both pipes are read at once, because a full one would stop cargo.
    let binaries = std::thread::scope(|scope| {
        let binaries = scope.spawn(move || output.map_or_else(Vec::new, executables));
        for line in child
            .stderr
            .take()
            .into_iter()
            .flat_map(|text| BufReader::new(text).lines().map_while(Result::ok))
        {
            progress(&line);
        }
        binaries.join().unwrap_or_default()
    });
    let status = child.wait().map_err(no_cargo)?;
    if !status.success() {
        return Err(BuildError::Failed { status, target });
    }
    functions.iter().map(|function| built(*function, profile, &binaries)).collect()
}

/// One line of `--message-format=json` (the Cargo Book, "External tools").
#[derive(Deserialize)]
struct Message {
    target: Option<MessageTarget>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct MessageTarget {
    name: String,
}

fn executables(output: impl Read) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        // Messages of other kinds, and of artifacts that are not programs, have no executable.
        let Ok(Message { target: Some(target), executable: Some(path) }) = serde_json::from_str(&line) else {
            continue;
        };
        found.push((target.name, path));
    }
    found
}

fn built(function: Function, profile: Profile, binaries: &[(String, PathBuf)]) -> Result<Built, BuildError> {
    let Some((_, binary)) = binaries.iter().find(|(name, _)| name == function.binary) else {
        return Err(BuildError::NoBinary { function });
    };
    Ok(Built { function, binary: binary.clone(), profile })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    // Lines of cargo 1.95, shortened, 2026-11.
    const MESSAGES: &str = r#"
{"reason":"compiler-artifact","package_id":"path+file:///w/shared#0.1.0","target":{"kind":["lib"],"name":"shared"},"executable":null}
{"reason":"build-script-executed","package_id":"registry+a#serde@1.0.228","linked_libs":[]}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"fanout"},"executable":"/t/release/fanout","fresh":true}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"converter"},"executable":"/t/release/converter"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"catchup"},"executable":"/t/release/catchup"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"push-http"},"executable":"/t/release/push-http"}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"push-aws"},"executable":"/t/release/push-aws"}
not a message
{"reason":"build-finished","success":true}
"#;

    #[test]
    fn binaries_are_where_cargo_says() {
        let found = executables(MESSAGES.as_bytes());
        let path_of = |function| built(function, Profile::Release, &found).unwrap().binary;
        assert_eq!(path_of(CONVERTER), Path::new("/t/release/converter"));
        assert_eq!(path_of(FANOUT), Path::new("/t/release/fanout"));
        assert_eq!(path_of(CATCH_UP), Path::new("/t/release/catchup"));
        assert_eq!(path_of(PUSH_HTTP), Path::new("/t/release/push-http"));
        assert_eq!(path_of(PUSH_AWS), Path::new("/t/release/push-aws"));

        let without = executables(MESSAGES.replace("\"name\":\"catchup\"", "\"name\":\"other\"").as_bytes());
        assert_eq!(
            built(CATCH_UP, Profile::Release, &without).unwrap_err().to_string(),
            "`cargo build` made no binary `catchup`; the package `catchup` must have one"
        );
        assert_eq!(
            built(PUSH_AWS, Profile::Release, &[]).unwrap_err().to_string(),
            "`cargo build` made no binary `push-aws`; the package `push` must have one"
        );
    }

    #[test]
    fn only_another_machine_is_named_as_the_target() {
        let check = |architecture, system, processor, expected: Option<&str>| {
            assert_eq!(foreign_target(architecture, system, processor), expected, "{system} {processor}");
        };
        let (x86_64, arm64) = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu");
        check(Architecture::X86_64, "linux", "x86_64", None);
        check(Architecture::X86_64, "linux", "aarch64", Some(x86_64));
        check(Architecture::X86_64, "macos", "x86_64", Some(x86_64));
        check(Architecture::Arm64, "linux", "x86_64", Some(arm64));
        check(Architecture::Arm64, "linux", "aarch64", None);
        check(Architecture::Arm64, "macos", "aarch64", Some(arm64));
    }

    #[test]
    fn a_build_that_fails_says_what_another_machine_needs() {
        use std::os::unix::process::ExitStatusExt as _;

        let message =
            |target| BuildError::Failed { status: ExitStatus::from_raw(101 << 8), target }.to_string();
        assert_eq!(message(None), "`cargo build` failed: exit status: 101");
        expect!["`cargo build` failed: exit status: 101; to build for `aarch64-unknown-linux-gnu` here, `rustup target add aarch64-unknown-linux-gnu` and set a linker for it in `CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER`, or build with `cargo zigbuild`"].assert_eq(&message(Some(Architecture::Arm64.target())));
    }

    #[test]
    fn binaries_of_another_build_are_checked() {
        let message =
            |directory: &Path| built_elsewhere(directory, Architecture::X86_64).unwrap_err().to_string();
        expect!["`no/such/directory/converter` can't be read: No such file or directory (os error 2); there must be the release binaries `converter`, `fanout`, `catchup`, `push-http`, `push-aws`"]
            .assert_eq(&message(Path::new("no/such/directory")));

        let directory = env::temp_dir().join(format!("built-elsewhere-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("converter"), "#!/bin/sh").unwrap();
        let found = message(&directory).replace(&directory.display().to_string(), "…");
        fs::remove_dir_all(&directory).unwrap();
        expect!["`…/converter` is no 64-bit Linux program (Invalid ELF header size or alignment); build it for Linux"].assert_eq(&found);
    }
}
