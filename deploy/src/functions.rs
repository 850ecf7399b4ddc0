//! The two functions: what they are called in the template and in the workspace, and how they are built.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use serde::Deserialize;

/// A function of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// What it is called in the template.
    pub logical_id: &'static str,
    /// Its package in the workspace, which has one binary of the same name.
    pub package: &'static str,
}

/// From the event table's stream to the fan-out queue.
pub const CONVERTER: Function = Function { logical_id: "ProcessDynamoDBStream", package: "converter" };

/// From the fan-out queue to the clients' queues.
pub const FANOUT: Function = Function { logical_id: "FanOut", package: "fanout" };

/// All of them.
pub const ALL: [Function; 2] = [CONVERTER, FANOUT];

/// A function's release binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// Whose it is.
    pub function: Function,
    /// Where it is.
    pub binary: PathBuf,
}

/// Why the functions were not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Cargo could not be run.
    #[error("`{}` could not be run; install Rust, or see that it is on `PATH`", .program.to_string_lossy())]
    NoCargo {
        /// What was run.
        program: OsString,
        /// What went wrong.
        source: io::Error,
    },
    /// The code does not compile; what cargo said went to the caller.
    #[error("`cargo build` failed: {status}")]
    Failed {
        /// Cargo's.
        status: ExitStatus,
    },
    /// Cargo built something else.
    #[error("`cargo build` made no binary `{package}`; the package of that name must have one")]
    NoBinary {
        /// The function's package.
        package: &'static str,
    },
}

/// Builds the release binaries of both functions in the workspace at `workspace`. Each line that cargo has for people
/// goes to `progress`. Blocks until cargo is done.
///
/// # Errors
///
/// [`BuildError`]: no cargo, or code that does not compile.
pub fn build(workspace: &Path, progress: &mut dyn FnMut(&str)) -> Result<Vec<Built>, BuildError> {
    // Set by cargo for what it runs itself, so that `cargo local` builds with the cargo that it was called with.
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&program);
    command.current_dir(workspace).arg("build").arg("--release");
    for function in ALL {
        command.arg("--package").arg(function.package);
    }
    // The target directory may be anywhere: where the binaries are is for cargo to say.
    command.arg("--message-format=json-render-diagnostics");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());

    let no_cargo = |source| BuildError::NoCargo { program: program.clone(), source };
    let mut child = command.spawn().map_err(no_cargo)?;
    let output = child.stdout.take();
    // Both pipes are read at once; a full one would stop cargo.
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
        return Err(BuildError::Failed { status });
    }
    ALL.into_iter().map(|function| built(function, &binaries)).collect()
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
        // Messages of other kinds, and those that are new, have no executable.
        let Ok(Message { target: Some(target), executable: Some(path) }) = serde_json::from_str(&line) else {
            continue;
        };
        found.push((target.name, path));
    }
    found
}

fn built(function: Function, binaries: &[(String, PathBuf)]) -> Result<Built, BuildError> {
    let Some((_, binary)) = binaries.iter().find(|(name, _)| name == function.package) else {
        return Err(BuildError::NoBinary { package: function.package });
    };
    Ok(Built { function, binary: binary.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Lines that cargo 1.95 wrote, shortened, 2026-11.
    const MESSAGES: &str = r#"
{"reason":"compiler-artifact","package_id":"path+file:///w/shared#0.1.0","target":{"kind":["lib"],"name":"shared"},"executable":null}
{"reason":"build-script-executed","package_id":"registry+a#serde@1.0.228","linked_libs":[]}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"fanout"},"executable":"/t/release/fanout","fresh":true}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"converter"},"executable":"/t/release/converter"}
not a message
{"reason":"build-finished","success":true}
"#;

    #[test]
    fn binaries_are_where_cargo_says() {
        let found = executables(MESSAGES.as_bytes());
        let path_of = |function| built(function, &found).unwrap().binary;
        assert_eq!(path_of(CONVERTER), Path::new("/t/release/converter"));
        assert_eq!(path_of(FANOUT), Path::new("/t/release/fanout"));

        let without = executables(MESSAGES.replace("\"name\":\"fanout\"", "\"name\":\"other\"").as_bytes());
        assert_eq!(
            built(FANOUT, &without).unwrap_err().to_string(),
            "`cargo build` made no binary `fanout`; the package of that name must have one"
        );
    }
}
