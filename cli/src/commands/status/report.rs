//! What `status` prints.

use std::collections::BTreeMap;

use deploy::stack::Whose;
use serde::Serialize;
use shared::place::OwnQueue;

use super::clients::{self, ClientRow};
use super::facts::{Facts, Figure, Queue};
use crate::aws::{CallError, CallFault};
use crate::exit::Exit;
use crate::output::{Style, Tone, table};

/// The state of a stack's queues. A figure that isn't known is nothing, and `unknown` tells why, by the figure's name.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    stack: String,
    /// Whether nothing needs attention.
    ok: bool,
    /// How old the newest record was that the converter read.
    iterator_age_milliseconds: Option<u64>,
    pub(super) queues: Vec<Row>,
    /// Who is served, as the ledger says; nothing if there is none, or if it isn't known.
    pub(super) clients: Option<Vec<ClientRow>>,
    pub(super) unknown: BTreeMap<&'static str, String>,
    /// Why one of the stack's own queues, or its ledger, could not be looked at.
    #[serde(skip)]
    blind: Option<CallFault>,
}

/// The state of a queue.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// Whose it is: `fan-out queue`, …, or `client`.
    kind: String,
    client: Option<String>,
    name: String,
    account: String,
    messages: Option<u64>,
    in_flight: Option<u64>,
    delayed: Option<u64>,
    oldest_message_seconds: Option<u64>,
    /// What needs attention, if something does.
    attention: Option<&'static str>,
    unknown: BTreeMap<&'static str, String>,
}

impl Report {
    pub(super) fn new(facts: &Facts) -> Self {
        let mut unknown = BTreeMap::new();
        let iterator_age = figure("iterator_age_milliseconds", &facts.iterator_age, &mut unknown);
        let queues: Vec<Row> = facts.queues.iter().map(Row::new).collect();
        let own = facts.queues.iter().filter(|queue| matches!(queue.whose, Whose::Stack(_)));
        let unseen = own.filter_map(|queue| queue.attributes.as_ref().err());
        let unseen = unseen.map(|error| error.fault).find(|fault| *fault != CallFault::Missing);
        let blind = unseen.or_else(|| clients::unseen(facts));
        let clients = clients::rows(facts, &mut unknown);
        let is_clear = clients.iter().flatten().all(|row| row.attention.is_none());
        Self {
            stack: facts.stack.clone(),
            ok: is_clear && queues.iter().all(|row| row.attention.is_none()),
            iterator_age_milliseconds: iterator_age,
            queues,
            clients,
            unknown,
            blind,
        }
    }

    /// Nobody can say that all is well who may not look at the queues of letters.
    pub(super) fn exit(&self) -> Exit {
        match self.blind {
            _ if !self.ok => Exit::Findings,
            None => Exit::Done,
            Some(CallFault::NotAllowed) => Exit::NotAllowed,
            Some(_) => Exit::Unreachable,
        }
    }
}

impl Row {
    fn new(queue: &Queue) -> Self {
        let mut unknown = BTreeMap::new();
        let mut count = |name: &'static str, attribute: &str| match &queue.attributes {
            Ok(attributes) => {
                attributes.get(attribute).and_then(|value| value.parse::<u64>().ok()).or_else(|| {
                    unknown.insert(name, format!("SQS does not tell `{attribute}`"));
                    None
                })
            }
            Err(error) => {
                unknown.insert(name, error.to_string());
                None
            }
        };
        let messages = count("messages", "ApproximateNumberOfMessages");
        let in_flight = count("in_flight", "ApproximateNumberOfMessagesNotVisible");
        let delayed = count("delayed", "ApproximateNumberOfMessagesDelayed");
        let is_empty = [messages, in_flight, delayed].iter().all(|count| *count == Some(0));
        let (kind, client) = match &queue.whose {
            Whose::Stack(queue) => (queue.to_string(), None),
            Whose::Client(name) => ("client".to_owned(), Some(name.clone())),
        };
        Self {
            kind,
            client,
            name: queue.arn.name.clone(),
            account: queue.arn.account.clone(),
            messages,
            in_flight,
            delayed,
            oldest_message_seconds: figure("oldest_message_seconds", &queue.oldest, &mut unknown),
            attention: attention(&queue.whose, queue.attributes.as_ref().err(), is_empty),
            unknown,
        }
    }

    pub(super) fn cells(&self) -> Vec<(String, Tone)> {
        let tone = if self.attention.is_some() { Tone::Bad } else { Tone::Neutral };
        let count = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
        let name = self.client.as_ref().unwrap_or(&self.kind).clone();
        let texts = [
            name,
            self.account.clone(),
            count(self.messages),
            count(self.in_flight),
            count(self.delayed),
            self.oldest_message_seconds.map_or("-".to_owned(), time),
            self.attention.map(|attention| format!("! {attention}")).unwrap_or_default(),
        ];
        texts.map(|text| (text, tone)).into()
    }
}

/// The tables of all queues and clients, and a line about the stream.
pub(super) fn text(report: &Report, style: Style) -> String {
    let header = ["queue", "account", "messages", "in flight", "delayed", "oldest", "attention"];
    let rows: Vec<_> = report.queues.iter().map(Row::cells).collect();
    let age = report.iterator_age_milliseconds.map(|milliseconds| time(milliseconds / 1000));
    let age = match age {
        Some(age) => format!("the converter is {age} behind the stream"),
        None => "how far the converter is behind the stream isn't known (`--json` tells why)".to_owned(),
    };
    let clients = clients::text(report, style);
    format!("{}\n{clients}stack `{}`: {age}\n", table(&header, &rows, style), report.stack)
}

/// What needs somebody: letters, and queues that aren't there.
fn attention(whose: &Whose, error: Option<&CallError>, is_empty: bool) -> Option<&'static str> {
    match (whose, error) {
        (_, Some(error)) if error.fault == CallFault::Missing => {
            Some("the queue doesn't exist: see `fanoutctl check`")
        }
        (Whose::Stack(OwnQueue::Rejected | OwnQueue::Undelivered | OwnQueue::DeadLetter), None)
            if !is_empty =>
        {
            Some("see `fanoutctl rejected list`")
        }
        _ => None,
    }
}

fn figure(name: &'static str, figure: &Figure, unknown: &mut BTreeMap<&'static str, String>) -> Option<u64> {
    match figure {
        // CloudWatch's figures are floating-point; these are counts of time.
        Ok(value) => format!("{:.0}", value.max(0.0)).parse().ok(),
        Err(reason) => {
            unknown.insert(name, reason.clone());
            None
        }
    }
}

pub(super) fn time(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
