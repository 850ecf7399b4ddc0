//! What `status` tells of clients: which are up to date, and which are behind.

use serde::Serialize;
use shared::time::Timestamp;

use super::figures::time;
use crate::client_status::ClientStatus;
use crate::output::instant;
use crate::output::{Style, attention, row, table};

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
    pub(super) fn new(client: &ClientStatus, now: Timestamp) -> Self {
        let ClientStatus { name, is_paused, departure, lag } = client;
        let known = lag.as_ref().ok();
        let is_late = known.is_some_and(|lag| match departure {
            Some(_) => lag.groups > 0,
            // An operator wants a client that is paused to be so.
            None => !is_paused && lag.is_long(now),
        });
        let since = known.and_then(|lag| lag.since);
        Self {
            client: name.clone(),
            state: match known.map(|lag| lag.groups) {
                _ if departure.is_some() => Some("leaving"),
                _ if *is_paused => Some("paused"),
                Some(0) => Some("level"),
                Some(_) => Some("behind"),
                None => None,
            },
            groups_behind: known.map(|lag| lag.groups),
            events_to_go: known.map(|lag| lag.events),
            is_more: known.is_some_and(|lag| lag.is_more),
            behind_since: since.map(instant),
            behind_seconds: since.map(|since| now.since(since).as_secs()),
            retired_at: departure.map(|departure| instant(departure.retired_at)),
            attention: is_late.then_some("see `fanoutctl check`"),
            unknown: lag.as_ref().err().map(ToString::to_string),
        }
    }
}

/// The table of all clients, between blank lines.
pub(super) fn text(clients: Option<&[ClientRow]>, style: Style) -> String {
    let header = ["client", "state", "groups behind", "events to go", "behind for", "attention"];
    let cells = |client: &ClientRow| {
        let more = if client.is_more { ">" } else { "" };
        let figure =
            |figure: Option<String>| figure.map_or("-".to_owned(), |figure| format!("{more}{figure}"));
        let count = |count: Option<u64>| figure(count.map(|count| count.to_string()));
        let seconds = client.behind_seconds.or(client.unknown.is_none().then_some(0));
        let (attention, tone) = attention(client.attention);
        let (name, state) = (client.client.clone(), client.state.unwrap_or("-").to_owned());
        let (groups, events) = (count(client.groups_behind), count(client.events_to_go));
        row([name, state, groups, events, figure(seconds.map(time)), attention], tone)
    };
    match clients {
        Some([]) => "\nthe ledger knows no client yet: the catch-up function has not run\n\n".to_owned(),
        Some(clients) => {
            format!("\n{}\n\n", table(&header, &clients.iter().map(cells).collect::<Vec<_>>(), style))
        }
        None => "\nwho is up to date and who is behind isn't known (`--json` tells why)\n\n".to_owned(),
    }
}
