//! A function's binary under a Runtime API of our own: started, invoked and measured without Lambda.

use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::wire::child::Process;
use crate::wire::http::{Answer, Reply, Request, Server};

/// How long a function may take to start or to answer before the driver gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the driver looks whether a function that does not answer has ended.
const GLANCE: Duration = Duration::from_millis(50);

/// A function's process, waiting for invocations. It is killed when this is dropped.
#[derive(Debug)]
pub struct Function {
    process: Process,
    _server: Server,
    next: Sender<Invocation>,
    reports: Receiver<Report>,
    first_poll: Duration,
    invocations: u32,
}

/// The result of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its response.
    Response(String),
    /// Its error, as the Runtime API got it: JSON with `errorType` and `errorMessage`.
    Error(String),
}

struct Invocation {
    id: u32,
    deadline: SystemTime,
    payload: Vec<u8>,
}

/// What the Runtime API reports of the function.
enum Report {
    FirstPoll(Instant),
    Outcome(Outcome),
}

impl Function {
    /// Starts `binary` with the variables that Lambda sets and with `environment` (and nothing else), and waits
    /// until it asks for its first invocation.
    ///
    /// # Errors
    ///
    /// It ended before that; the error holds its output. Or it cannot be started.
    pub fn start(binary: &Path, environment: &[(&str, &str)]) -> io::Result<Self> {
        let (next, invocations) = channel();
        let (sender, reports) = channel();
        let api = Mutex::new(RuntimeApi { invocations, reports: sender, polled: false });
        // A function asks for the next invocation only after it has answered the last one: one request at a time.
        let server = Server::start(move |request| {
            api.lock().unwrap_or_else(PoisonError::into_inner).answer(&request)
        })?;
        let address = server.address.to_string();
        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(variables())
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .envs(environment.iter().copied());
        let started = Instant::now();
        let process = Process::start(&mut command)?;
        let mut function =
            Self { process, _server: server, next, reports, first_poll: Duration::ZERO, invocations: 0 };
        match function.next_report()? {
            Report::FirstPoll(at) => function.first_poll = at.duration_since(started),
            Report::Outcome(outcome) => {
                return Err(io::Error::other(format!("{outcome:?} without an invocation")));
            }
        }
        Ok(function)
    }

    /// The time from the process's start to its first poll of the Runtime API.
    pub fn first_poll(&self) -> Duration {
        self.first_poll
    }

    /// Invokes the function, whose deadline is `time` from now, and waits for the result.
    ///
    /// # Errors
    ///
    /// The process has ended; the error holds its output.
    pub fn invoke(&mut self, payload: impl Into<Vec<u8>>, time: Duration) -> io::Result<Outcome> {
        self.invocations += 1;
        let deadline = SystemTime::now() + time;
        let invocation = Invocation { id: self.invocations, deadline, payload: payload.into() };
        self.next.send(invocation).map_err(io::Error::other)?;
        match self.next_report()? {
            Report::Outcome(outcome) => Ok(outcome),
            Report::FirstPoll(_) => Err(io::Error::other("a second first poll")),
        }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The processor time that the process has used since its start, in steps of 10 ms.
    ///
    /// # Errors
    ///
    /// There is no `/proc`, or the process has ended.
    pub fn cpu_time(&self) -> io::Result<Duration> {
        self.process.cpu_time()
    }

    /// The most memory that the process has had resident, in bytes.
    ///
    /// # Errors
    ///
    /// There is no `/proc`, or the process has ended.
    pub fn peak_memory(&self) -> io::Result<u64> {
        self.process.peak_memory()
    }

    /// What the process has written so far, in whole lines.
    pub fn output(&self) -> String {
        self.process.output()
    }

    fn next_report(&mut self) -> io::Result<Report> {
        let patience = Instant::now() + PATIENCE;
        loop {
            match self.reports.recv_timeout(GLANCE) {
                Ok(report) => return Ok(report),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("the Runtime API has ended"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(status) = self.process.ended()? {
                return Err(io::Error::other(format!("the function ended with {status}: {}", self.output())));
            }
            if Instant::now() > patience {
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer: {}", self.output())));
            }
        }
    }
}

/// Lambda's side (Lambda developer guide, "Using the Lambda runtime API").
struct RuntimeApi {
    invocations: Receiver<Invocation>,
    reports: Sender<Report>,
    polled: bool,
}

impl RuntimeApi {
    fn answer(&mut self, request: &Request) -> Reply {
        let path = request.path.trim_start_matches("/2018-06-01/runtime/");
        if request.method == "GET" && path == "invocation/next" {
            return self.next();
        }
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let outcome = match path.rsplit('/').next() {
            Some("response") => Outcome::Response(body),
            Some("error") => Outcome::Error(body),
            _ => return Reply::json(404, "{}".to_owned()),
        };
        // There is no listener only when the function is being dropped.
        let _ = self.reports.send(Report::Outcome(outcome));
        Reply::json(202, "{}".to_owned())
    }

    fn next(&mut self) -> Reply {
        if !self.polled {
            self.polled = true;
            let _ = self.reports.send(Report::FirstPoll(Instant::now()));
        }
        let Ok(invocation) = self.invocations.recv() else { return Reply::Reset };
        let deadline = invocation.deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Reply::Answer(Answer {
            status: 200,
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("lambda-runtime-aws-request-id", format!("00000000-0000-4000-8000-{:012}", invocation.id)),
                ("lambda-runtime-deadline-ms", deadline.to_string()),
                ("lambda-runtime-invoked-function-arn", ARN.to_owned()),
                ("lambda-runtime-trace-id", TRACE.to_owned()),
            ],
            body: invocation.payload,
        })
    }
}

const ARN: &str = "arn:aws:lambda:eu-west-2:123456789012:function:harness";
const TRACE: &str = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1";

/// What Lambda sets for a function without settings of its own ("Defined runtime environment variables").
pub(crate) fn variables() -> [(&'static str, &'static str); 7] {
    [
        ("AWS_LAMBDA_FUNCTION_NAME", "harness"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_REGION", "eu-west-2"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        ("AWS_SESSION_TOKEN", "session-token"),
    ]
}
