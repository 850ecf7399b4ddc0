//! `fanoutctl match`: which clients would get the events of a file, and why others would not. Asks nobody.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::config::{Client, Config};
use shared::sample::{MatchedItem, items_of_lines, match_items};
use shared::text::{counted, printable};

use super::operator::no_client;
use crate::args::MatchArguments;
use crate::context::{Context, read};
use crate::exit::{Exit, Failure};
use crate::output::{Row, Style, Tone, row, table};

/// The items of a file, and who gets them.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    items: Vec<ReportedItem>,
    clients: Vec<ClientTotal>,
}

/// An item, and who gets it.
#[derive(Debug, Serialize)]
struct ReportedItem {
    /// Its place in the file, from 1.
    item: usize,
    outcome: Outcome,
    /// Why it is no event.
    reason: Option<String>,
    event: Option<ReportedEvent>,
    /// Each client that was asked for; empty if the item is no event.
    clients: Vec<Verdict>,
}

/// What would become of an item that is new in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Event,
    Skipped,
    Rejected,
}

/// What a filter can ask about an event's message.
#[derive(Debug, Serialize)]
struct ReportedEvent {
    group: String,
    id: String,
    name: Option<String>,
    time: Option<String>,
    version: i64,
}

/// Whether a client gets an event.
#[derive(Debug, Serialize)]
struct Verdict {
    client: String,
    is_wanted: bool,
    /// The first field that says no.
    reason: Option<String>,
}

/// How many events a client gets.
#[derive(Debug, Serialize)]
struct ClientTotal {
    client: String,
    has_filter: bool,
    events: usize,
}

/// Reads the file as `validate --sample` does, and asks each client's filter.
///
/// # Errors
///
/// [`Exit::Config`]: the config is wrong, or the file can't be read. [`Exit::Usage`]: no client has the name.
pub fn execute(context: &Context, arguments: &MatchArguments) -> Result<Exit, Failure> {
    let config = context.config(None)?;
    let clients = chosen(&config, arguments.client.as_deref())?;
    let file = arguments.file.display().to_string();
    let items = items_of_lines(&read(&arguments.file)?);
    let items = items.map_err(|unreadable| Exit::Config.because(format!("`{file}`, {unreadable}")))?;
    let report = Report::new(file, &clients, match_items(&config, &items));
    context.output.print(&report, Report::to_text)?;
    Ok(Exit::Done)
}

/// The clients that are asked, each with its place in the config.
fn chosen<'c>(config: &'c Config, name: Option<&str>) -> Result<Vec<(usize, &'c Client)>, Failure> {
    let is_chosen = |client: &Client| name.is_none_or(|name| client.name.as_str() == name);
    let clients: Vec<_> = config.clients.iter().enumerate().filter(|(_, client)| is_chosen(client)).collect();
    match name {
        Some(name) if clients.is_empty() => {
            Err(Exit::Usage.because(no_client(name, config.clients.iter().map(|client| &client.name))))
        }
        _ => Ok(clients),
    }
}

impl Report {
    fn new(file: String, clients: &[(usize, &Client)], matched: Vec<MatchedItem>) -> Self {
        let items = matched.into_iter().enumerate();
        let items: Vec<_> = items.map(|(index, item)| ReportedItem::new(index + 1, item, clients)).collect();
        let events = |name: &str| {
            let verdicts = items.iter().flat_map(|item| &item.clients);
            verdicts.filter(|verdict| verdict.client == name && verdict.is_wanted).count()
        };
        let total = |(_, client): &(usize, &Client)| ClientTotal {
            client: client.name.to_string(),
            has_filter: client.filter.is_some(),
            events: events(client.name.as_str()),
        };
        let clients = clients.iter().map(total).collect();
        Self { file, items, clients }
    }

    fn to_text(&self, style: Style) -> String {
        let file = printable(&self.file);
        let count = |outcome| self.items.iter().filter(|item| item.outcome == outcome).count();
        let [events, skipped, rejected] = [Outcome::Event, Outcome::Skipped, Outcome::Rejected].map(count);
        let summary = format!(
            "{file}: {}, as new ones: {}, {skipped} passed over, {rejected} rejected\n",
            counted(self.items.len(), "item"),
            counted(events, "event")
        );
        if self.items.is_empty() {
            return summary;
        }
        let rows = self.items.iter().flat_map(ReportedItem::rows);
        let verdicts =
            table(["item", "group", "version", "event", "client", "gets it", "why not"], rows, style);
        let totals = self.clients.iter().map(|ClientTotal { client, has_filter, events }| {
            let filter = if *has_filter { "yes" } else { "no" };
            row([client.clone(), filter.to_owned(), events.to_string()], Tone::Neutral)
        });
        let totals = table(["client", "filter", "events"], totals, style);
        format!("{summary}\n{verdicts}\n\n{totals}\n")
    }
}

impl ReportedItem {
    fn new(item: usize, matched: MatchedItem, clients: &[(usize, &Client)]) -> Self {
        let not =
            |outcome, reason| Self { item, outcome, reason: Some(reason), event: None, clients: Vec::new() };
        let (event, unwanted_by) = match matched {
            MatchedItem::Event { event, unwanted_by } => (event, unwanted_by),
            MatchedItem::Skipped(reason) => return not(Outcome::Skipped, reason),
            MatchedItem::Rejected(reason) => return not(Outcome::Rejected, reason),
        };
        let mut reasons: BTreeMap<usize, String> =
            unwanted_by.into_iter().map(|unwanted| (unwanted.place, unwanted.reason)).collect();
        let verdicts = clients.iter().map(|(place, client)| {
            let reason = reasons.remove(place);
            Verdict { client: client.name.to_string(), is_wanted: reason.is_none(), reason }
        });
        Self {
            item,
            outcome: Outcome::Event,
            reason: None,
            clients: verdicts.collect(),
            event: Some(ReportedEvent {
                group: event.group().to_string(),
                id: event.id().to_owned(),
                name: event.name().map(str::to_owned),
                time: event.time().map(str::to_owned),
                version: event.version(),
            }),
        }
    }

    /// A row for those who get it, and one for each who doesn't.
    fn rows(&self) -> Vec<Row<7>> {
        let Self { item, outcome, reason, event, clients } = self;
        let item = format!("#{item}");
        let Some(ReportedEvent { group, name, version, .. }) = event else {
            let what = if *outcome == Outcome::Skipped { "(no event)" } else { "(rejected)" };
            let tone = if *outcome == Outcome::Rejected { Tone::Bad } else { Tone::Neutral };
            let reason = reason.clone().unwrap_or_default();
            return vec![row([item.as_str(), "-", "-", what, "-", "-", &reason], tone)];
        };
        let row_of = |client: &str, gets_it: &str, why_not: &str, tone| {
            let name = name.as_deref().unwrap_or("-");
            row([item.as_str(), group, &version.to_string(), name, client, gets_it, why_not], tone)
        };
        let wanting = clients.iter().filter(|verdict| verdict.is_wanted);
        let names: Vec<&str> = wanting.map(|verdict| verdict.client.as_str()).collect();
        let mut rows = Vec::new();
        if names.len() == clients.len() && names.len() > 1 {
            rows.push(row_of(&format!("all {} clients", names.len()), "yes", "", Tone::Good));
        } else if !names.is_empty() {
            rows.push(row_of(&names.join(", "), "yes", "", Tone::Good));
        }
        for Verdict { client, is_wanted, reason } in clients {
            if !is_wanted {
                rows.push(row_of(client, "no", reason.as_deref().unwrap_or_default(), Tone::Neutral));
            }
        }
        rows
    }
}
