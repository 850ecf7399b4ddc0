//! The Python environment that MiniStack runs in: found, made once, pinned and hashed.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

const REQUIREMENTS: &[u8] = include_bytes!("../../tools/local-requirements.txt");
const RIE_REQUIREMENTS: &[u8] = include_bytes!("../../tools/rie-requirements.txt");

/// The interpreters looked for, in this order. MiniStack needs 3.10.
const NAMES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// What the environment's directory is called.
const HOME: &str = "python";

/// Exits with a message if this interpreter will not do; prints its version if it will.
const PROBE: &str = "\
import sys
if sys.version_info < (3, 10): sys.exit('is version %d.%d' % sys.version_info[:2])
try: import venv, ensurepip
except ImportError as error: sys.exit('cannot make virtual environments (on Debian: `apt install python3-venv`)')
";

/// A virtual environment with MiniStack, boto3 and AWS's Runtime Interface Emulator.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Its interpreter, which can `import ministack` and `import boto3`.
    pub python: PathBuf,
    /// The Runtime Interface Emulator, a Linux program, for this machine's architecture.
    pub rie: PathBuf,
}

/// Why there is no environment.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// No interpreter will do.
    #[error(
        "no Python 3.10 or newer with `venv`: {}; install one (Debian, Ubuntu: `apt install python3 python3-venv`; \
         Fedora: `dnf install python3`; macOS: `brew install python`) and see that it is on `PATH`",
        .tried.join(", ")
    )]
    Missing {
        /// Each name that was tried, and why it failed.
        tried: Vec<String>,
    },
    /// A command of Python's own failed.
    #[error("`{command}` failed: {output}")]
    Command {
        /// The command.
        command: String,
        /// The end of what it wrote.
        output: String,
    },
    /// A file or directory could not be read or written, or a program not be started.
    #[error("`{path}`: {source}")]
    Io {
        /// The file, directory or program.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
}

impl Environment {
    /// Finds or makes the environment in `directory`. While another process makes it, this one waits. `say` gets a line
    /// for each step that takes time.
    ///
    /// # Errors
    ///
    /// [`PythonError`]: no interpreter, or a package that could not be fetched or has another hash.
    pub fn prepare(directory: &Path, say: &dyn Fn(&str)) -> Result<Self, PythonError> {
        fs::create_dir_all(directory).map_err(io_error(directory))?;
        let lock_path = directory.join("python.lock");
        let lock = fs::File::create(&lock_path).map_err(io_error(&lock_path))?;
        lock.lock().map_err(io_error(&lock_path))?;

        let home = directory.join(HOME);
        let stamp = home.join("requirements.sha256");
        let hash = requirements_hash();
        let is_current = fs::read_to_string(&stamp).is_ok_and(|text| text == hash);
        if !is_current || Self::open(&home).is_err() {
            make(&home, directory, say)?;
            fs::write(&stamp, hash).map_err(io_error(&stamp))?;
        }
        Self::open(&home)
    }

    /// Checks that [`Environment::prepare`] has what it begins with: the environment itself, or an interpreter. Takes
    /// no time and changes nothing.
    ///
    /// # Errors
    ///
    /// [`PythonError::Missing`].
    pub fn probe(directory: &Path) -> Result<(), PythonError> {
        Self::open(&directory.join(HOME)).map(drop).or_else(|_| find().map(drop))
    }

    /// The environment in `home`, if its interpreter runs: the one that it was made from may be gone.
    fn open(home: &Path) -> Result<Self, PythonError> {
        let python = home.join("bin").join("python");
        let script = "import sysconfig; print(sysconfig.get_path('purelib'))";
        let packages = run(Command::new(&python).args(["-c", script]), &|_| ())?;
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let rie = Path::new(packages.trim())
            .join("samcli/local/rapid")
            .join(format!("aws-lambda-rie-{architecture}"));
        match fs::metadata(&rie) {
            Ok(_) => Ok(Self { python, rie }),
            Err(error) => Err(io_error(&rie)(error)),
        }
    }
}

fn requirements_hash() -> String {
    let hash = Sha256::new().chain_update(REQUIREMENTS).chain_update(RIE_REQUIREMENTS).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn make(home: &Path, directory: &Path, say: &dyn Fn(&str)) -> Result<(), PythonError> {
    let interpreter = find()?;
    say(&format!("making a Python environment with `{interpreter}` in {}", home.display()));
    run(Command::new(&interpreter).args(["-m", "venv", "--clear"]).arg(home), &|_| ())?;
    install(home, directory, "requirements.txt", REQUIREMENTS, &[], say)?;
    install(home, directory, "rie-requirements.txt", RIE_REQUIREMENTS, &["--no-deps"], say)
}

/// The first interpreter that will do.
fn find() -> Result<String, PythonError> {
    let mut tried = Vec::new();
    for name in NAMES {
        match Command::new(name).args(["-c", PROBE]).stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => return Ok(name.to_owned()),
            Ok(output) => {
                let message = String::from_utf8_lossy(&output.stderr);
                tried.push(format!("`{name}` {}", message.lines().next().unwrap_or("does not run")));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tried.push(format!("`{name}` not found"));
            }
            Err(error) => tried.push(format!("`{name}` {error}")),
        }
    }
    Err(PythonError::Missing { tried })
}

fn install(
    home: &Path,
    directory: &Path,
    name: &str,
    requirements: &[u8],
    options: &[&str],
    say: &dyn Fn(&str),
) -> Result<(), PythonError> {
    let file = directory.join(name);
    fs::write(&file, requirements).map_err(io_error(&file))?;
    let mut command = Command::new(home.join("bin").join("python"));
    command.args(["-m", "pip", "install", "--require-hashes", "--only-binary", ":all:", "--no-input"]);
    command.args(["--disable-pip-version-check", "--progress-bar", "off"]).args(options).arg("-r").arg(&file);
    run(&mut command, &|line| {
        if let Some(package) = line.strip_prefix("Collecting ") {
            say(&format!("fetching {}", package.split([' ', ';']).next().unwrap_or(package)));
        }
    })?;
    Ok(())
}

/// Runs `command`, hands `on_line` every line of its output as it comes, and returns the output.
fn run(command: &mut Command, on_line: &dyn Fn(&str)) -> Result<String, PythonError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed_to_start = |source| PythonError::Io { path: name.clone(), source };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed_to_start)?;
    let errors = child.stderr.take().map(|mut pipe| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).map(|_| String::from_utf8_lossy(&bytes).into_owned())
        })
    });
    let mut output = String::new();
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufReader::lines) {
        let line = line.map_err(failed_to_start)?;
        on_line(&line);
        output.push_str(&line);
        output.push('\n');
    }
    let status = child.wait().map_err(failed_to_start)?;
    if status.success() {
        return Ok(output);
    }
    let errors = errors.and_then(|thread| thread.join().ok()).and_then(Result::ok).unwrap_or_default();
    let said = format!("{output}{errors}");
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let end = lines.get(lines.len().saturating_sub(8)..).unwrap_or_default().join("; ");
    Err(PythonError::Command { command: format!("{command:?}").replace('"', ""), output: end })
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> PythonError {
    let path = path.display().to_string();
    move |source| PythonError::Io { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(requirements: &[u8]) {
        let text = std::str::from_utf8(requirements).unwrap();
        assert!(!text.contains("://"), "names a host");
        let joined = text.replace("\\\n", " ");
        for line in
            joined.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphanumeric()))
        {
            assert!(line.contains("=="), "not pinned: {line}");
            assert!(line.contains("--hash=sha256:"), "without a hash: {line}");
        }
    }

    #[test]
    fn every_requirement_is_pinned_and_hashed_and_no_host_is_named() {
        check(REQUIREMENTS);
        check(RIE_REQUIREMENTS);
    }

    #[test]
    fn every_package_that_is_required_is_pinned() {
        let locked = std::str::from_utf8(REQUIREMENTS).unwrap();
        let required = include_str!("../../tools/local-requirements.in");
        for line in required.lines().filter(|line| !line.starts_with('#')) {
            assert!(locked.contains(&format!("{line} \\\n")), "`{line}` is not in local-requirements.txt");
        }
    }
}
