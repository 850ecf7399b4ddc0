//! What `status` tells of clients: who is level, and who is behind.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::time::Timestamp;

use super::facts::Facts;
use super::report::{Report, time};
use crate::aws::CallFault;
use crate::output::{Style, Tone, instant, table};
use crate::standing::Served;

/// How far a client is. What isn't known is nothing, and `unknown` tells why.
#[derive(Debug, Serialize)]
pub(super) struct ClientRow {
    client: String,
    /// `level`, `behind`, `paused` or `leaving`.
    state: Option<&'static str>,
    groups_behind: Option<u64>,
    /// How many events it has to go in these groups.
    events_to_go: Option<u64>,
    /// Whether it is behind in more groups than were counted.
    is_more: bool,
    /// Since when it has been behind, where it has been longest.
    behind_since: Option<String>,
    behind_seconds: Option<u64>,
    /// When what it lacks is forgotten, because it is in no deployed config any more.
    retired_at: Option<String>,
    /// What needs attention, if something does.
    pub(super) attention: Option<&'static str>,
    unknown: Option<String>,
}

impl ClientRow {
    fn new(client: &Served, now: Timestamp) -> Self {
        let Served { name, is_paused, leaving, standing } = client;
        let known = standing.as_ref().ok();
        let state = match known.map(|standing| standing.groups) {
            _ if leaving.is_some() => Some("leaving"),
            _ if *is_paused => Some("paused"),
            Some(0) => Some("level"),
            Some(_) => Some("behind"),
            None => None,
        };
        let since = known.and_then(|standing| standing.since);
        Self {
            client: name.clone(),
            state,
            groups_behind: known.map(|standing| standing.groups),
            events_to_go: known.map(|standing| standing.events),
            is_more: known.is_some_and(|standing| standing.is_more),
            behind_since: since.map(instant),
            behind_seconds: since.map(|since| now.since(since).as_secs()),
            retired_at: leaving.map(|leaving| instant(leaving.retired_at)),
            attention: attention(client, now),
            unknown: standing.as_ref().err().map(ToString::to_string),
        }
    }

    fn cells(&self) -> Vec<(String, Tone)> {
        let tone = if self.attention.is_some() { Tone::Bad } else { Tone::Neutral };
        let more = if self.is_more { ">" } else { "" };
        let count = |count: Option<u64>| count.map_or("-".to_owned(), |count| format!("{more}{count}"));
        let behind = match (self.behind_seconds, &self.unknown) {
            (Some(seconds), _) => format!("{more}{}", time(seconds)),
            (None, None) => time(0),
            (None, Some(_)) => "-".to_owned(),
        };
        let texts = [
            self.client.clone(),
            self.state.unwrap_or("-").to_owned(),
            count(self.groups_behind),
            count(self.events_to_go),
            behind,
            self.attention.map(|attention| format!("! {attention}")).unwrap_or_default(),
        ];
        texts.map(|text| (text, tone)).into()
    }
}

/// Who is paused is so because somebody wants it.
fn attention(client: &Served, now: Timestamp) -> Option<&'static str> {
    let standing = client.standing.as_ref().ok()?;
    let is_late = match client.leaving {
        Some(_) => standing.groups > 0,
        None => !client.is_paused && standing.is_long(now),
    };
    is_late.then_some("see `fanoutctl check`")
}

/// A row for each client; nothing if there is no ledger, or if `unknown` tells why they are not known.
pub(super) fn rows(facts: &Facts, unknown: &mut BTreeMap<&'static str, String>) -> Option<Vec<ClientRow>> {
    match facts.clients.as_ref()? {
        Ok(clients) => Some(clients.iter().map(|client| ClientRow::new(client, facts.now)).collect()),
        Err(error) => {
            unknown.insert("clients", error.to_string());
            None
        }
    }
}

/// Why it isn't known of somebody how far it is.
pub(super) fn unseen(facts: &Facts) -> Option<CallFault> {
    match facts.clients.as_ref()? {
        Ok(clients) => clients.iter().find_map(|client| client.standing.as_ref().err()),
        Err(error) => Some(error),
    }
    .map(|error| error.fault)
}

/// The table of all clients, between blank lines.
pub(super) fn text(report: &Report, style: Style) -> String {
    let header = ["client", "state", "groups behind", "events to go", "behind for", "attention"];
    match &report.clients {
        Some(clients) if clients.is_empty() => {
            "\nthe ledger knows no client yet: the catch-up function has not run\n\n".to_owned()
        }
        Some(clients) => {
            let rows: Vec<_> = clients.iter().map(ClientRow::cells).collect();
            format!("\n{}\n\n", table(&header, &rows, style))
        }
        None if report.unknown.contains_key("clients") => {
            "\nwho is level and who is behind isn't known (`--json` tells why)\n\n".to_owned()
        }
        None => String::new(),
    }
}
