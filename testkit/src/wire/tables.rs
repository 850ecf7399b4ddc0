//! A local DynamoDB that answers by a test's script: unprocessed keys, throttling, cancelled transactions and whatever
//! else no emulator does on demand.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::wire::http::{Answer as HttpAnswer, Reply, Request, Server};

/// A local DynamoDB. It keeps no items: each request has the next scripted answer.
#[derive(Debug)]
pub struct TablesStub {
    server: Server,
    state: Arc<Mutex<State>>,
}

/// How one request is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A 200.
    Done(Value),
    /// A 200 with this text, which is JSON.
    Text(String),
    /// An error.
    Error {
        /// The HTTP status.
        status: u16,
        /// The error's name, such as `ThrottlingException`; the answer has no body if it is empty.
        code: &'static str,
        /// What else the error holds, such as `CancellationReasons`.
        more: Value,
    },
    /// A 200 that is not JSON.
    Unreadable,
    /// The connection is reset.
    Reset,
}

/// A request as it came over the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// `PutItem`, ….
    pub operation: String,
    /// Its parameters.
    pub parameters: Value,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Answer>,
    /// Whether an answer goes to the script's end after its use; then no request is kept.
    repeats: bool,
    received: Vec<Received>,
    latency: Duration,
}

impl TablesStub {
    /// How many connections were made until now.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// Waits until this many connections were made before there was a call. Returns whether they were.
    pub fn wait_for_early(&self, count: usize) -> bool {
        self.server.wait_for_early(count)
    }

    /// Starts one on a free port of loopback. A request beyond the `script` is answered with a 400.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub fn start(script: impl IntoIterator<Item = Answer>) -> io::Result<Self> {
        Self::with_script(script, false)
    }

    /// Starts one that gives the answers of the `script` over and over. It keeps no requests.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub fn start_repeating(script: impl IntoIterator<Item = Answer>) -> io::Result<Self> {
        Self::with_script(script, true)
    }

    fn with_script(script: impl IntoIterator<Item = Answer>, repeats: bool) -> io::Result<Self> {
        let state = State { script: script.into_iter().collect(), repeats, ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        Ok(Self { server: Server::start(move |request| answer(&shared, &request))?, state })
    }

    /// Starts one that answers each request as `answer` says. It keeps no requests.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub fn start_answering(answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> io::Result<Self> {
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| {
            let arrived = Instant::now();
            let reply = reply(answer(&received(&request)));
            let latency = lock(&shared).latency;
            thread::sleep(latency.saturating_sub(arrived.elapsed()));
            reply
        })?;
        Ok(Self { server, state })
    }

    /// How long every answer of one that answers as it is told takes from now on.
    pub fn set_latency(&self, latency: Duration) {
        lock(&self.state).latency = latency;
    }

    /// Where it listens, as `AWS_ENDPOINT_URL` wants it.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// All requests in the order in which they came.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state).received.clone()
    }
}

impl Answer {
    /// An error with a status and a name.
    pub fn error(status: u16, code: &'static str) -> Self {
        Self::Error { status, code, more: json!({}) }
    }
}

fn answer(state: &Mutex<State>, request: &Request) -> Reply {
    let received = received(request);
    let mut state = lock(state);
    let next = state.script.pop_front();
    if state.repeats {
        state.script.extend(next.clone());
    } else {
        state.received.push(received);
    }
    drop(state);
    reply(next.unwrap_or_else(|| Answer::error(400, "EndOfScript")))
}

fn received(request: &Request) -> Received {
    let target = request.header("x-amz-target").unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    Received { operation, parameters: serde_json::from_slice(&request.body).unwrap_or_default() }
}

fn reply(answer: Answer) -> Reply {
    match answer {
        Answer::Done(body) => Reply::json(200, body.to_string()),
        Answer::Text(body) => Reply::json(200, body),
        Answer::Error { status, code: "", .. } => {
            Reply::Answer(HttpAnswer { status, headers: Vec::new(), body: Vec::new() })
        }
        Answer::Error { status, code, more } => {
            let mut body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "No reason." });
            if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
                body.extend(more);
            }
            Reply::json(status, body.to_string())
        }
        Answer::Unreadable => Reply::json(200, "<html>".to_owned()),
        Answer::Reset => Reply::Reset,
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
