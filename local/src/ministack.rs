//! MiniStack: AWS's services on a port of this machine, for as long as a value exists.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::processes::{self, Group, Process};
use crate::python::Environment;
use crate::workspace::Slot;

/// The region of the local stack: the companion API's.
pub const REGION: &str = "eu-west-2";

/// MiniStack's account for the credentials `test` / `test`.
pub const ACCOUNT: &str = "000000000000";

const READY_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
/// Another process can take a free port before MiniStack binds it.
const PORTS_TRIED: u32 = 5;

/// Environment variables: name and value.
pub type Variables = Vec<(String, String)>;

/// A running MiniStack. Dropping it ends MiniStack and every function that it started.
#[derive(Debug)]
pub struct MiniStack {
    group: Group,
    port: u16,
    slot: Slot,
}

/// Why MiniStack does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system has no free port.
    #[error(
        "no free port on 127.0.0.1 for MiniStack: {0}; end what holds them, or raise the limit of open files"
    )]
    NoPort(#[source] io::Error),
    /// A file, or the process, could not be made.
    #[error("MiniStack in `{directory}`: {source}")]
    Io {
        /// Its directory.
        directory: String,
        /// What went wrong.
        source: io::Error,
    },
    /// It ended, or was not ready in time.
    #[error("MiniStack {what}; it said: {said}; its log is `{log}`")]
    NotReady {
        /// What happened.
        what: String,
        /// The last lines of its log.
        said: String,
        /// The whole log.
        log: String,
    },
}

impl MiniStack {
    /// Starts MiniStack on a free port of the loopback interface, and waits until it answers. Its log and its
    /// temporary files are in a directory of their own below `parent`, called `name` and a number. It and the functions have
    /// these `variables` besides its own.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub fn start(
        environment: &Environment,
        parent: &Path,
        name: &str,
        variables: &Variables,
    ) -> Result<Self, StartError> {
        let mut attempt = 1;
        loop {
            match Self::start_once(environment, parent, name, variables) {
                Err(StartError::NotReady { said, .. })
                    if said.contains("in use") && attempt < PORTS_TRIED =>
                {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn start_once(
        environment: &Environment,
        parent: &Path,
        name: &str,
        variables: &Variables,
    ) -> Result<Self, StartError> {
        let port = free_port().map_err(StartError::NoPort)?;
        let io_error = |source| StartError::Io { directory: parent.display().to_string(), source };
        let slot = Slot::take(parent, name).map_err(io_error)?;
        let temporary = slot.path().join("tmp");
        fs::create_dir(&temporary).map_err(io_error)?;
        let log = File::create(log_in(&slot)).map_err(io_error)?;
        let errors = log.try_clone().map_err(io_error)?;

        let mut command = Command::new(&environment.python);
        command.args(["-c", include_str!("keeper.py")]).stdin(Stdio::piped()).stdout(log).stderr(errors);
        set_environment(&mut command, port, &temporary);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let group = Group::spawn(&mut command).map_err(io_error)?;
        let mut started = Self { group, port, slot };
        started.wait_until_ready()?;
        Ok(started)
    }

    /// The address of every service.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The file that MiniStack and the functions write their logs to.
    pub fn log(&self) -> PathBuf {
        log_in(&self.slot)
    }

    /// The processes it has started and that run now: the functions' execution environments.
    pub fn functions(&self) -> Vec<Process> {
        processes::descendants(self.group.id())
    }

    fn wait_until_ready(&mut self) -> Result<(), StartError> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let ended = self.group.try_wait().ok().flatten();
            if let Some(status) = ended {
                return Err(self.not_ready(&format!("ended at once ({status})")));
            }
            if self.answers() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.not_ready(&format!("did not answer within {} s", READY_WITHIN.as_secs())));
            }
            std::thread::sleep(POLL);
        }
    }

    fn answers(&self) -> bool {
        let ask = || -> io::Result<String> {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
            let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(
                b"GET /_ministack/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    }

    fn not_ready(&self, what: &str) -> StartError {
        let log = self.log();
        let text = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let said = lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("; ");
        StartError::NotReady { what: what.to_owned(), said, log: log.display().to_string() }
    }
}

impl Drop for MiniStack {
    fn drop(&mut self) {
        self.group.end();
        // The log stays.
        let _ = fs::remove_dir_all(self.slot.path().join("tmp"));
    }
}

/// Of the caller's environment only `PATH`: MiniStack passes its own on to the functions, credentials included.
fn set_environment(command: &mut Command, port: u16, temporary: &Path) {
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
        .env("PYTHONUNBUFFERED", "1")
        .env("HOME", temporary)
        .env("TMPDIR", temporary)
        .env("STATE_DIR", temporary.join("state"))
        .env("S3_DATA_DIR", temporary.join("s3"))
        .env("MINISTACK_REGION", REGION)
        .env("MINISTACK_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        // Without these, services would listen beyond the loopback interface.
        .env("BIND_HOST", "127.0.0.1")
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        // Functions are plain processes, and call this MiniStack.
        .env("LAMBDA_EXECUTOR", "local")
        .env("DOCKER_HOST", format!("unix://{}", temporary.join("no-docker").display()))
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn log_in(slot: &Slot) -> PathBuf {
    slot.path().join("ministack.log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_free_port_the_error_says_what_to_do() {
        let error = StartError::NoPort(io::Error::from(io::ErrorKind::AddrInUse));
        assert_eq!(
            error.to_string(),
            "no free port on 127.0.0.1 for MiniStack: address in use; end what holds them, or raise the limit of \
             open files"
        );
    }
}
