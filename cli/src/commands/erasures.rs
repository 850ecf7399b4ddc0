//! `fanoutctl erasures`: who was told of which erasure, and who not yet; and, on request, a search for erasures that
//! the stream did not show.

mod find;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use serde::Serialize;
use shared::config::ClientName;
use shared::control::TypedKey;
use shared::ledger::{ErasureReceipt, ReceiptPlace, Registration, Registry, Settlement, State};
use shared::text::{counted, printable};
use shared::time::Timestamp;

use super::operator::{Operator, no_client, now};
use crate::args::{ErasuresArguments, stack_option};
use crate::context::Context;
use crate::erasures::{ERASURE_LATE, Receipts, settled_at};
use crate::exit::{Exit, Failure};
use crate::output::{Style, Tone, instant, row, table, time};
use crate::progress::unless_quick;

/// How many settled notices are shown, unless all are asked for.
const SHOWN: usize = 100;

/// Who was told of which erasure.
#[derive(Debug, Serialize)]
struct Report {
    stack: String,
    /// The client that was asked for; none: all.
    client: Option<String>,
    /// The clients that are told of erasures from now on: of those that were asked for.
    wanting: Vec<String>,
    /// Those that are due, the oldest first; then the others, the last first.
    erasures: Vec<NoticeRow>,
    /// How many older ones are settled, too.
    left_out: usize,
}

/// What became of the notice to a client that an aggregate was erased.
#[derive(Debug, Serialize)]
struct NoticeRow {
    client: String,
    /// The `MessageGroupId`.
    group: String,
    key: TypedKey,
    /// What the client knows the incarnation by that was erased.
    incarnation: String,
    /// When the erasure was seen.
    erased: String,
    /// `due`, `told`, `superseded` or `retired`.
    state: &'static str,
    /// When it was settled.
    at: Option<String>,
    /// For how long it has been due.
    due_seconds: Option<u64>,
}

/// Shows the notices of a client, or of all; or looks for erasures.
///
/// # Errors
///
/// [`Failure`]: there is no such client, or the ledger can't be read.
pub async fn execute(context: &Context, arguments: &ErasuresArguments) -> Result<Exit, Failure> {
    let operator = Operator::of_stack(context).await?;
    if arguments.find {
        return find::execute(context, &operator).await;
    }
    let clients = clients(&operator.registry, arguments.client.as_deref())?;
    let limit = if arguments.all { usize::MAX } else { SHOWN };
    let receipts = unless_quick("reading the ledger", receipts(&operator, &clients, limit)).await?;
    let wanting = clients.iter().filter(|(_, client)| wants(client)).map(|(name, _)| name.to_string());
    let report = Report {
        stack: operator.stack.name.clone(),
        client: arguments.client.clone(),
        wanting: wanting.collect(),
        ..Report::new(receipts, limit, now())
    };
    context.output.print(&report, text)?;
    Ok(Exit::Done)
}

/// The client called `name`, or all. What a retired one was told is on record still.
fn clients<'r>(
    registry: &'r Registry,
    name: Option<&str>,
) -> Result<Vec<(&'r ClientName, &'r Registration)>, Failure> {
    let is_meant = |client: &ClientName| name.is_none_or(|name| client.as_str() == name);
    let clients: Vec<_> = registry.clients.iter().filter(|(client, _)| is_meant(client)).collect();
    match name {
        Some(name) if clients.is_empty() => {
            Err(Exit::Usage.because(no_client(name, registry.clients.keys())))
        }
        _ => Ok(clients),
    }
}

/// Whether the client is told when an aggregate is erased.
fn wants(client: &Registration) -> bool {
    client.erasures && client.state != State::Retired
}

async fn receipts(
    operator: &Operator,
    clients: &[(&ClientName, &Registration)],
    limit: usize,
) -> Result<Vec<(String, Receipts)>, Failure> {
    let mut receipts = Vec::with_capacity(clients.len());
    for (name, client) in clients {
        receipts.push((name.to_string(), operator.ledger.receipts(client.id, limit).await?));
    }
    Ok(receipts)
}

impl Report {
    /// The notices of `receipts`: all that are due, and at most `limit` of the others.
    fn new(receipts: Vec<(String, Receipts)>, limit: usize, now: Timestamp) -> Self {
        let (mut due, mut settled, mut left_out) = (Vec::new(), Vec::new(), 0);
        for (client, receipts) in receipts {
            let of_client = |(place, receipt)| (client.clone(), place, receipt);
            due.extend(receipts.due.into_iter().map(of_client));
            settled.extend(receipts.settled.into_iter().map(of_client));
            left_out += receipts.left_out;
        }
        due.sort_by_key(|(_, _, receipt): &Notice| receipt.closed_at);
        settled.sort_by_key(|(_, _, receipt): &Notice| Reverse(settled_at(receipt)));
        left_out += settled.len().saturating_sub(limit);
        settled.truncate(limit);
        let erasures = due.into_iter().chain(settled).map(|notice| NoticeRow::new(notice, now)).collect();
        Self { stack: String::new(), client: None, wanting: Vec::new(), erasures, left_out }
    }
}

/// A client's notice.
type Notice = (String, ReceiptPlace, ErasureReceipt);

impl NoticeRow {
    fn new((client, place, receipt): Notice, now: Timestamp) -> Self {
        let ErasureReceipt { key, token, closed_at, settled, .. } = receipt;
        Self {
            client,
            group: place.group.as_str().to_owned(),
            key: (&key).into(),
            incarnation: token.as_str().to_owned(),
            erased: instant(closed_at),
            state: match settled {
                None => "due",
                Some((Settlement::Told, _)) => "told",
                Some((Settlement::Superseded, _)) => "superseded",
                Some((Settlement::Retired, _)) => "retired",
            },
            at: settled.map(|(_, at)| instant(at)),
            due_seconds: settled.is_none().then(|| now.since(closed_at).as_secs()),
        }
    }

    fn cells(&self) -> [String; 6] {
        let at = self.at.clone().unwrap_or_else(|| "-".to_owned());
        [
            self.client.clone(),
            self.key.to_string(),
            self.incarnation.clone(),
            self.erased.clone(),
            self.state.to_owned(),
            at,
        ]
    }
}

fn text(report: &Report, style: Style) -> String {
    let Report { stack, client, wanting, erasures, left_out } = report;
    let mut text = String::new();
    if wanting.is_empty() {
        let line = match client {
            Some(client) => format!(
                "client {} is not told of erasures: it had no `erasures = true` when maintenance ran last, each minute\n",
                printable(client)
            ),
            None => "no client is told of erasures: none had `erasures = true` when maintenance ran last, each minute\n"
                .to_owned(),
        };
        text.push_str(&line);
    }
    if erasures.is_empty() {
        if !wanting.is_empty() {
            text += "no erasure was seen of which a client must be told\n";
        }
        return text;
    }
    let header = ["client", "group", "incarnation", "erased", "state", "at"];
    let rows = erasures.iter().map(|notice| {
        let is_late = notice.due_seconds.is_some_and(|seconds| seconds >= ERASURE_LATE.as_secs());
        row(notice.cells(), if is_late { Tone::Bad } else { Tone::Neutral })
    });
    text += &format!("{}\n\n", table(header, rows, style));
    text += &match erasures.first().and_then(|notice| notice.due_seconds) {
        Some(seconds) => {
            let due = erasures.iter().filter(|notice| notice.due_seconds.is_some()).count();
            let (due, oldest, stack) = (counted(due, "notice"), time(seconds), stack_option(stack));
            format!(
                "{due} due, the oldest for {oldest}: `fanoutctl status{stack}` says what keeps a client from it\n"
            )
        }
        None => "no notice is due\n".to_owned(),
    };
    if *left_out > 0 {
        let older = counted(*left_out, "older notice");
        text += &format!("{older} left out, which `--all` shows\n");
    }
    text
}
