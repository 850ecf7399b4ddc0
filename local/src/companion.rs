//! The companion on the local stack: commands go to it over HTTP, through API Gateway and its function.

pub mod commands;

use std::collections::BTreeMap;
use std::time::Duration;

use aws::operator::http_api::{ApiRequest, HttpApi};
use aws::operator::items::{Item, Lookup, get_item};
use aws::operator::{CallError, Target};
use serde::Deserialize;
use shared::control::TypedKey;
use shared::exchange::{Answer, NoAnswer};
use tokio::time::sleep;

use self::commands::Command;
use crate::check::ExpectedEvents;
use crate::event::Event;
use crate::json::Json;
use crate::write::{Pace, RefusedEvent, WriteError, in_turn};

/// How long an answer may take: the first ones wait for the function's start.
const LIMIT: Duration = Duration::from_secs(30);

/// How often a command is sent that gets no answer, or one that asks to come again, and how long it waits before.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// The companion, as this machine reaches it.
#[derive(Clone, Debug)]
pub struct Companion {
    url: String,
    events: String,
    target: Target,
    api: HttpApi,
}

/// What the companion answers to a command.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    create_time: String,
}

/// What the companion answers to a command that it refuses.
#[derive(Deserialize)]
struct Problem {
    field: Option<String>,
    detail: String,
}

impl Companion {
    /// The companion whose paths begin at `url`, and whose event table is called `events`.
    ///
    /// # Errors
    ///
    /// [`CallError`]: there are no credentials.
    pub async fn try_new(target: Target, url: String, events: String) -> Result<Self, CallError> {
        let api = HttpApi::try_new(&target, &url).await?;
        Ok(Self { url, events, target, api })
    }

    /// Where its paths begin.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The name of its event table.
    pub fn events(&self) -> &str {
        &self.events
    }

    /// Sends `request` once; the answer must come within `limit`.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`].
    pub async fn ask(&self, request: &ApiRequest<'_>, limit: Duration) -> Result<Answer, NoAnswer> {
        self.api.send(request, limit).await
    }

    /// Sends `commands`, at the `pace`: those of one mark one after the other, some marks at the same time. What the event table
    /// then has of each is what is `expected` under the command's number.
    ///
    /// # Errors
    ///
    /// [`WriteError`]: no answer, or no event in the table after one that says so.
    pub(crate) async fn execute(
        &self,
        commands: &[Command],
        expected: &ExpectedEvents,
        pace: &Pace<impl AsyncFn(), impl Fn(usize), impl Fn()>,
    ) -> Result<Vec<RefusedEvent>, WriteError> {
        let marks = commands.iter().map(|command| command.mark.as_str()).enumerate();
        let write = async |index: usize| {
            let Some(command) = commands.get(index) else { return Ok(Ok(())) };
            let failed = |source| {
                let (mark, version) = (command.mark.clone(), command.version.to_string());
                WriteError { mark, version, source }
            };
            let receipt = match self.send(index, command).await.map_err(failed)? {
                Ok(receipt) => receipt,
                Err(refusal) => return Ok(Err(refusal)),
            };
            expected.fill(index, self.written(command, &receipt).await.map_err(failed)?);
            Ok(Ok(()))
        };
        in_turn(marks, pace, &write).await
    }

    /// Sends a command until it is answered. One that is sent again has the same key, so that it is carried out once. The inner
    /// error is the companion's refusal.
    async fn send(&self, index: usize, command: &Command) -> Result<Result<Receipt, String>, Fault> {
        let key = format!("cargo-local-{index}");
        let mut headers = vec![("idempotency-key", key.as_str())];
        if !command.body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        let Command { method, path, body, .. } = command;
        let request = ApiRequest { method, path_and_query: path, headers: &headers, body };
        let mut attempt = 1;
        loop {
            match self.ask(&request, LIMIT).await {
                Ok(answer) if answer.is_success() => return Ok(Ok(serde_json::from_slice(&answer.body)?)),
                Ok(answer) if !comes_again(&answer) => return Ok(Err(refusal(&answer))),
                Ok(answer) if attempt == ATTEMPTS => return Err(refusal(&answer).into()),
                Err(error) if attempt == ATTEMPTS => return Err(error.into()),
                _ => sleep(PAUSE * attempt).await,
            }
            attempt += 1;
        }
    }

    /// The event that the table has of a command.
    async fn written(&self, command: &Command, receipt: &Receipt) -> Result<Event, Fault> {
        let keys = [("mark", &command.mark), ("createTime", &receipt.create_time)];
        let keys = keys.map(|(name, value)| (name.to_owned(), TypedKey::S(value.clone())));
        let item = Item { table: self.events.clone(), keys: BTreeMap::from(keys) };
        let Lookup::Item(item) = get_item(&self.target, &item).await? else {
            return Err("the companion has answered, and the event table has no such event".into());
        };
        let item = Json::of_attributes(&item).ok_or("the event has what no event of the companion has")?;
        Ok(Event::try_from_item(item, 0)?)
    }
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Whether the same request may be answered otherwise later: by API Gateway, whose function does not answer, or by the
/// companion, which asks for it.
fn comes_again(answer: &Answer) -> bool {
    matches!(answer.status, 429 | 500 | 502 | 503 | 504)
}

fn refusal(answer: &Answer) -> String {
    let problem = serde_json::from_slice(&answer.body).map(|Problem { field, detail }| match field {
        Some(field) => format!("`{field}`: {detail}"),
        None => detail,
    });
    problem.unwrap_or_else(|_| format!("the companion answers {}", answer.status))
}
