//! The binaries of this work tree, built when a test first needs them.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde::Deserialize;

/// Where the functions' binaries are.
#[derive(Clone, Debug)]
pub struct Functions {
    /// DynamoDB stream → fan-out queue.
    pub converter: PathBuf,
    /// Fan-out queue → client queues.
    pub fanout: PathBuf,
    /// Event table → queues of clients that are behind.
    pub catch_up: PathBuf,
}

/// A line of `cargo build --message-format json`.
#[derive(Deserialize)]
struct CargoMessage {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// The functions as they ship: the release binaries of this work tree, built once per process (and not at all, if cargo
/// finds them fresh).
///
/// # Errors
///
/// Cargo cannot be started or does not build them; its messages are on standard error.
pub fn shipped_functions() -> io::Result<Functions> {
    static BUILT: OnceLock<Result<Functions, String>> = OnceLock::new();
    let packages = ["converter", "fanout", "catchup", "push"].map(|package| ["--package", package]);
    let targets = [&["--release", "--bins"], packages.as_flattened()].concat();
    let build = || executables(&targets).and_then(|mut built| Functions::take(&mut built));
    let built = BUILT.get_or_init(|| build().map_err(|error| error.to_string()));
    built.clone().map_err(io::Error::other)
}

/// The functions, to test what they do. Not release builds: nothing here measures them.
///
/// # Errors
///
/// As with [`shipped_functions`].
pub fn functions() -> io::Result<Functions> {
    Functions::take(&mut unmeasured()?)
}

/// The operator's tool, `fanoutctl`. Not a release build: nothing here measures it.
///
/// # Errors
///
/// As with [`shipped_functions`].
pub fn fanoutctl() -> io::Result<PathBuf> {
    take(&mut unmeasured()?, "fanoutctl")
}

/// The Rust consumer of `docs/consume.md`. Not a release build: nothing here measures it.
///
/// # Errors
///
/// As with [`shipped_functions`].
pub fn consumer() -> io::Result<PathBuf> {
    take(&mut unmeasured()?, "consumer")
}

/// The release build of one of this crate's own examples.
///
/// # Errors
///
/// As with [`shipped_functions`].
pub fn example(name: &str) -> io::Result<PathBuf> {
    take(&mut executables(&["--release", "--package", "testkit", "--example", name])?, name)
}

/// Built once per process; of the whole workspace and with an example, because then cargo takes the same features of
/// all dependencies as in `cargo test --workspace`, and builds none of them twice.
fn unmeasured() -> io::Result<HashMap<String, PathBuf>> {
    static BUILT: OnceLock<Result<HashMap<String, PathBuf>, String>> = OnceLock::new();
    let binaries = ["converter", "fanout", "catchup", "fanoutctl"].map(|name| ["--bin", name]);
    let targets = [&["--workspace", "--example", "consumer"], binaries.as_flattened()].concat();
    let built = BUILT.get_or_init(|| executables(&targets).map_err(|error| error.to_string()));
    built.clone().map_err(io::Error::other)
}

impl Functions {
    fn take(built: &mut HashMap<String, PathBuf>) -> io::Result<Self> {
        let mut take = |name| take(built, name);
        Ok(Self { converter: take("converter")?, fanout: take("fanout")?, catch_up: take("catchup")? })
    }
}

/// Builds what `arguments` name. Returns where the executables are, by the target's name.
fn executables(arguments: &[&str]) -> io::Result<HashMap<String, PathBuf>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .arg("build")
        .args(arguments)
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("`cargo build {}`: {}", arguments.join(" "), output.status)));
    }
    let messages = output.stdout.split(|byte| *byte == b'\n');
    Ok(messages
        .filter_map(|line| match serde_json::from_slice(line) {
            Ok(CargoMessage { target: Some(target), executable: Some(path) }) => Some((target.name, path)),
            _ => None,
        })
        .collect())
}

fn take(built: &mut HashMap<String, PathBuf>, name: &str) -> io::Result<PathBuf> {
    built.remove(name).ok_or_else(|| io::Error::other(format!("cargo built no executable `{name}`")))
}
