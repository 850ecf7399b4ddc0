//! A DynamoDB in front of another: it passes every request on, refuses updates on demand, and remembers them.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::wire::http::{Reply, Request, Server, forward};

/// An `UpdateItem`, and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The table.
    pub table: String,
    /// The key's attributes, and the values that the expressions name (`:price` as `price`), in DynamoDB's JSON.
    pub item: Value,
    /// The error's name, such as `ConditionalCheckFailedException`; `None` if the item was updated.
    pub error: Option<String>,
}

/// Passes a program's requests on to DynamoDB. It stops when it is dropped.
#[derive(Debug)]
pub struct DynamoDbProxy {
    server: Server,
    shared: Arc<Shared>,
}

/// Which items are refused.
type Refused = Box<dyn Fn(&Value) -> bool + Send>;

#[derive(Default)]
struct State {
    updates: Vec<Update>,
    refused: Option<Refused>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl DynamoDbProxy {
    /// Stands in front of the DynamoDB at `behind`.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn start(behind: SocketAddr) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let state = Arc::clone(&shared);
        let server = Server::start(move |request| state.answer(behind, &request))?;
        Ok(Self { server, shared })
    }

    /// The value of `AWS_ENDPOINT_URL_DYNAMODB`.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// From now on, items of which `is_refused` is true are refused for good (`AccessDeniedException`), and only those.
    pub fn refuse(&self, is_refused: impl Fn(&Value) -> bool + Send + 'static) {
        self.shared.state().refused = Some(Box::new(is_refused));
    }

    /// All updates so far, in the order in which they were answered.
    pub fn updates(&self) -> Vec<Update> {
        self.shared.state().updates.clone()
    }

    /// Blocks until `is_reached` returns true for all updates so far. Returns whether it did so within `patience`.
    pub fn wait(&self, patience: Duration, is_reached: impl Fn(&[Update]) -> bool) -> bool {
        let waited = self
            .shared
            .changed
            .wait_timeout_while(self.shared.state(), patience, |state| !is_reached(&state.updates));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, behind: SocketAddr, request: &Request) -> Reply {
        let is_update = request.header("x-amz-target") == Some("DynamoDB_20120810.UpdateItem");
        let Some(update) = is_update.then(|| read(&request.body)).flatten() else {
            return pass_on(behind, request).unwrap_or(Reply::Reset);
        };
        let is_refused = self.state().refused.as_ref().is_some_and(|is_refused| is_refused(&update.item));
        let answered = if is_refused {
            let kind = "com.amazon.coral.service#AccessDeniedException";
            Ok((400, json!({ "__type": kind, "message": "refused on demand" }).to_string().into_bytes()))
        } else {
            forward(behind, request)
        };
        let Ok((status, body)) = answered else { return Reply::Reset };
        self.state().updates.push(Update { error: error(status, &body), ..update });
        self.changed.notify_all();
        reply(status, &body)
    }
}

fn read(body: &[u8]) -> Option<Update> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let table = request.get("TableName")?.as_str()?.to_owned();
    let mut item = request.get("Key")?.as_object()?.clone();
    let values = request.get("ExpressionAttributeValues")?.as_object()?;
    item.extend(values.iter().map(|(name, value)| (name.trim_start_matches(':').to_owned(), value.clone())));
    Some(Update { table, item: Value::Object(item), error: None })
}

fn pass_on(behind: SocketAddr, request: &Request) -> io::Result<Reply> {
    let (status, body) = forward(behind, request)?;
    Ok(reply(status, &body))
}

fn reply(status: u16, body: &[u8]) -> Reply {
    Reply::json(status, String::from_utf8_lossy(body).into_owned())
}

fn error(status: u16, body: &[u8]) -> Option<String> {
    if status == 200 {
        return None;
    }
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = error.get("__type").and_then(Value::as_str).unwrap_or_default();
    Some(kind.rsplit('#').next().unwrap_or_default().to_owned())
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refuses = self.refused.is_some();
        formatter.debug_struct("State").field("updates", &self.updates).field("refuses", &refuses).finish()
    }
}
