//! A local SQS as far as the functions use it: `SendMessageBatch` and `ChangeMessageVisibilityBatch` of the JSON
//! protocol, with latency, faults on demand, and a memory of what it accepted.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::wire::http::{Answer, Reply, Request, Server};

/// A local SQS. Every queue exists, is FIFO, and takes everything, unless a [`Fault`] says otherwise.
#[derive(Debug)]
pub struct SqsStub {
    server: Server,
    state: Arc<Mutex<State>>,
}

/// How a queue answers a call instead of accepting it as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// One entry of the batch is refused inside a 200; the others are accepted.
    Entry {
        /// Its place in the batch, from 0.
        index: usize,
        /// The entry's error code.
        code: &'static str,
        /// Whether the entry is said to be at fault.
        sender_fault: bool,
    },
    /// The whole call is refused.
    Call {
        /// The HTTP status.
        status: u16,
        /// The error code, as the query protocol names it; the answer has no body if it is empty.
        code: &'static str,
        /// The error message.
        message: &'static str,
    },
    /// Everything is accepted; the answer does not name one entry.
    Unnamed {
        /// Its place in the batch, from 0.
        index: usize,
    },
    /// Everything is accepted; the answer is a 200 that is not JSON.
    Unreadable,
    /// The connection is reset, and nothing was accepted.
    ResetBefore,
    /// The connection is reset, and everything was accepted.
    ResetAfter,
    /// Everything is accepted; the answer takes this much longer.
    Slow(Duration),
}

/// A message that a queue accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its `MessageGroupId`.
    pub group: String,
    /// Its `MessageDeduplicationId`.
    pub deduplication_id: String,
    /// Its body.
    pub body: String,
    /// Its message attributes, as the request had them; `Null` if it had none.
    pub attributes: Value,
}

/// A visibility that was set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Visibility {
    /// The message's receipt handle.
    pub receipt_handle: String,
    /// In seconds from that call on.
    pub visibility_timeout: u64,
}

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub struct Received {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The bytes.
    pub body: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    latency: Duration,
    forgetful: bool,
    queues: HashMap<String, Queue>,
    received: Vec<Received>,
}

#[derive(Debug, Default)]
struct Queue {
    once: VecDeque<Fault>,
    always: Option<Fault>,
    accepted: Vec<Accepted>,
    deduplication_ids: HashSet<String>,
    visibilities: Vec<Visibility>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<E> {
    queue_url: String,
    entries: Vec<E>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MessageEntry {
    id: String,
    message_body: String,
    message_group_id: String,
    message_deduplication_id: String,
    #[serde(default)]
    message_attributes: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VisibilityEntry {
    id: String,
    #[serde(flatten)]
    visibility: Visibility,
}

impl SqsStub {
    /// How many connections were made until now.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// Waits until this many connections were made before there was a call. Returns whether they were.
    pub fn wait_for_early(&self, count: usize) -> bool {
        self.server.wait_for_early(count)
    }

    /// Starts one on a free port of loopback.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub fn start() -> io::Result<Self> {
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        Ok(Self { server: Server::start(move |request| answer(&shared, request))?, state })
    }

    /// Where it listens, as `AWS_ENDPOINT_URL` wants it.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// How long every answer takes from now on.
    pub fn set_latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    /// Remembers nothing from now on, and deduplicates nothing, for benches.
    pub fn forget_everything(&self) {
        let mut state = self.state();
        *state = State { latency: state.latency, forgetful: true, ..State::default() };
    }

    /// The next call to the queue called `name` meets `fault`; several of these are met one after the other.
    pub fn once(&self, name: &str, fault: Fault) {
        self.state().queue(name).once.push_back(fault);
    }

    /// Every call to the queue called `name` meets `fault` from now on; with `None`, no call does.
    pub fn always(&self, name: &str, fault: impl Into<Option<Fault>>) {
        self.state().queue(name).always = fault.into();
    }

    /// What the queue called `name` accepted, in order, without duplicates.
    pub fn accepted(&self, name: &str) -> Vec<Accepted> {
        self.state().queue(name).accepted.clone()
    }

    /// The visibilities that were set on messages of the queue called `name`, in order.
    pub fn visibilities(&self, name: &str) -> Vec<Visibility> {
        self.state().queue(name).visibilities.clone()
    }

    /// All requests in the order in which they were read to their end.
    pub fn received(&self) -> Vec<Received> {
        self.state().received.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Fault {
    /// The queue does not exist.
    pub const MISSING: Self = Self::Call {
        status: 400,
        code: "AWS.SimpleQueueService.NonExistentQueue",
        message: "The specified queue does not exist.",
    };

    /// The queue's policy denies the sender.
    pub const DENIED: Self =
        Self::Call { status: 403, code: "AccessDenied", message: "Access to the resource is denied." };

    /// Too many requests.
    pub const THROTTLED: Self =
        Self::Call { status: 403, code: "RequestThrottled", message: "Request is throttled." };

    /// Something is wrong at SQS's end.
    pub const INTERNAL: Self =
        Self::Call { status: 500, code: "InternalFailure", message: "We encountered an internal error." };
}

impl State {
    fn queue(&mut self, name: &str) -> &mut Queue {
        self.queues.entry(name.to_owned()).or_default()
    }
}

impl Queue {
    fn next_fault(&mut self) -> Option<Fault> {
        self.once.pop_front().or_else(|| self.always.clone())
    }

    fn accept(&mut self, entry: &MessageEntry) {
        if self.deduplication_ids.insert(entry.message_deduplication_id.clone()) {
            self.accepted.push(Accepted {
                group: entry.message_group_id.clone(),
                deduplication_id: entry.message_deduplication_id.clone(),
                body: entry.message_body.clone(),
                attributes: entry.message_attributes.clone(),
            });
        }
    }
}

fn answer(state: &Mutex<State>, request: Request) -> Reply {
    if let Some(reply) = forgotten(state, &request) {
        return reply;
    }
    let reply = match request.header("x-amz-target") {
        Some("AmazonSQS.SendMessageBatch") => batch(state, &request, |entry: &MessageEntry, queue| {
            if let Some(queue) = queue {
                queue.accept(entry);
            }
            json!({ "Id": entry.id, "MessageId": entry.id, "MD5OfMessageBody": "" })
        }),
        Some("AmazonSQS.ChangeMessageVisibilityBatch") => {
            batch(state, &request, |entry: &VisibilityEntry, queue| {
                if let Some(queue) = queue {
                    queue.visibilities.push(entry.visibility.clone());
                }
                json!({ "Id": entry.id })
            })
        }
        _ => {
            Ok(Reply::json(400, error_body("UnknownOperation", request.header("x-amz-target").unwrap_or(""))))
        }
    };
    let mut state = lock(state);
    if !state.forgetful {
        state.received.push(Received { headers: request.headers, body: request.body });
    }
    reply.unwrap_or_else(|error| Reply::json(400, error_body("SerializationException", &error.to_string())))
}

/// Accepts a batch of which nothing is to be remembered, without reading more of it than its entries' ids: it shares
/// its processor with what is measured. `None` if it has to be read.
fn forgotten(state: &Mutex<State>, request: &Request) -> Option<Reply> {
    let arrived = Instant::now();
    let latency = {
        let state = lock(state);
        let is_plain = |queue: &Queue| queue.once.is_empty() && queue.always.is_none();
        if !state.forgetful || !state.queues.values().all(is_plain) {
            return None;
        }
        state.latency
    };
    if request.header("x-amz-target") != Some("AmazonSQS.SendMessageBatch") {
        return None;
    }
    // What looks like it in a body has its quotes escaped.
    let body = std::str::from_utf8(&request.body).ok()?;
    let ids = body.split("\"Id\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let done: Vec<_> = ids.map(|id| json!({ "Id": id, "MessageId": id, "MD5OfMessageBody": "" })).collect();
    thread::sleep(latency.saturating_sub(arrived.elapsed()));
    Some(Reply::json(200, json!({ "Successful": done, "Failed": [] }).to_string()))
}

/// Answers a batch. `each` takes one accepted entry (without a queue, if nothing is to be remembered) and returns its
/// part of the answer.
fn batch<'r, E: Deserialize<'r>>(
    state: &Mutex<State>,
    request: &'r Request,
    each: impl Fn(&E, Option<&mut Queue>) -> Value,
) -> serde_json::Result<Reply> {
    let arrived = Instant::now();
    let batch: Batch<E> = serde_json::from_slice(&request.body)?;
    let name = batch.queue_url.rsplit('/').next().unwrap_or_default();
    let (fault, latency) = {
        let mut state = lock(state);
        (state.queue(name).next_fault(), state.latency)
    };
    let latency = if let Some(Fault::Slow(longer)) = fault { latency + longer } else { latency };
    thread::sleep(latency.saturating_sub(arrived.elapsed()));
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    match fault {
        Some(Fault::Call { status, code, message }) => return Ok(refusal(status, code, message)),
        Some(Fault::ResetBefore) => return Ok(Reply::Reset),
        _ => {}
    }
    for (place, entry) in batch.entries.iter().enumerate() {
        if let Some(Fault::Entry { index, code, sender_fault }) = fault
            && index == place
        {
            failed.push(json!({ "Id": place.to_string(), "Code": code, "SenderFault": sender_fault }));
            continue;
        }
        let mut state = lock(state);
        let remembering = !state.forgetful;
        let done = each(entry, remembering.then(|| state.queue(name)));
        if fault != Some(Fault::Unnamed { index: place }) {
            successful.push(done);
        }
    }
    Ok(match fault {
        Some(Fault::ResetAfter) => Reply::Reset,
        Some(Fault::Unreadable) => Reply::json(200, "<html>".to_owned()),
        _ => Reply::json(200, json!({ "Successful": successful, "Failed": failed }).to_string()),
    })
}

fn refusal(status: u16, code: &'static str, message: &str) -> Reply {
    if code.is_empty() {
        return Reply::Answer(Answer { status, headers: Vec::new(), body: Vec::new() });
    }
    let Reply::Answer(mut answer) = Reply::json(status, error_body(code, message)) else {
        return Reply::Reset;
    };
    answer
        .headers
        .push(("x-amzn-query-error", format!("{code};{}", if status < 500 { "Sender" } else { "Receiver" })));
    Reply::Answer(answer)
}

fn error_body(code: &str, message: &str) -> String {
    let name = code.rsplit('.').next().unwrap_or_default();
    json!({ "__type": format!("com.amazonaws.sqs#{name}"), "message": message }).to_string()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
