//! A function's binary under AWS's own Runtime Interface Emulator.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::wire::child::Process;
use crate::wire::http::post;
use crate::wire::lambda::variables;

/// How long the emulator may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the driver looks whether the emulator listens.
const GLANCE: Duration = Duration::from_millis(20);

/// The emulator, with a function that starts at the first invocation. The emulator is killed when this is dropped;
/// the function ends then by itself, because its poll breaks off.
#[derive(Debug)]
pub struct Rie {
    process: Process,
    address: SocketAddr,
}

impl Rie {
    /// Starts the emulator `rie` (`aws-lambda-rie`) for `binary`, which gets the variables that Lambda sets and
    /// `environment`, and nothing else.
    ///
    /// # Errors
    ///
    /// It ended instead of listening; the error holds its output. Or it cannot be started.
    pub fn start(rie: &Path, binary: &Path, environment: &[(&str, &str)]) -> io::Result<Self> {
        let [address, runtime_api] = free_addresses()?;
        let mut command = Command::new(rie);
        command.env_clear().envs(variables()).envs(environment.iter().copied());
        command.arg("--runtime-interface-emulator-address").arg(address.to_string());
        command.arg("--runtime-api-address").arg(runtime_api.to_string());
        command.arg(binary);
        let mut process = Process::start(&mut command)?;
        let patience = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = process.ended()? {
                return Err(io::Error::other(format!(
                    "the emulator ended with {status}: {}",
                    process.output()
                )));
            }
            if Instant::now() > patience {
                return Err(io::Error::new(io::ErrorKind::TimedOut, process.output()));
            }
            thread::sleep(GLANCE);
        }
        Ok(Self { process, address })
    }

    /// Invokes the function and waits for its response, or for its error, which the emulator answers in the same way.
    ///
    /// # Errors
    ///
    /// The emulator does not answer with a 200; the error holds its output.
    pub fn invoke(&self, payload: &[u8]) -> io::Result<String> {
        match post(self.address, "/2015-03-31/functions/function/invocations", payload)? {
            (200, answer) => String::from_utf8(answer).map_err(io::Error::other),
            (status, _) => Err(io::Error::other(format!("HTTP status {status}: {}", self.output()))),
        }
    }

    /// What the emulator and the function have written so far, in whole lines.
    pub fn output(&self) -> String {
        self.process.output()
    }
}

/// Two addresses of loopback on which no process listens. Another process could be quicker to take them; then the
/// emulator ends, and says so.
fn free_addresses() -> io::Result<[SocketAddr; 2]> {
    let (first, second) =
        (TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    Ok([first.local_addr()?, second.local_addr()?])
}
