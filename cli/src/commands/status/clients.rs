//! The clients of `status`: which are up to date, and which are behind.

use serde::Serialize;
use shared::ledger::times::ABSENCE;
use shared::time::Timestamp;

use super::time;
use crate::client_status::ClientStatus;
use crate::output::{Style, attention, instant, row, table};

/// How far behind a client is. A figure that isn't known is null, and `unknown` says why.
#[derive(Debug, Serialize)]
pub(super) struct ClientRow {
    client: String,
    /// `up to date`, `behind`, `paused` or `leaving`; nothing if that isn't known.
    state: Option<&'static str>,
    groups_behind: Option<u64>,
    /// The events that it lacks in these groups.
    events_to_go: Option<u64>,
    /// Whether it is behind in more groups than were counted.
    is_more: bool,
    /// Since when it has been behind in the group where it has been so longest.
    behind_since: Option<String>,
    behind_seconds: Option<u64>,
    /// When what it lacks is forgotten, because it is in no deployed config any more.
    retired_at: Option<String>,
    /// The command that shows more, if the client needs attention.
    pub(super) attention: Option<&'static str>,
    unknown: Option<String>,
}

impl ClientRow {
    pub(super) fn new(client: &ClientStatus, now: Timestamp) -> Self {
        let ClientStatus { name, is_paused, absent_at, lag } = client;
        let known = lag.as_ref().ok();
        let is_late = known.is_some_and(|lag| match absent_at {
            Some(_) => lag.groups > 0,
            // A paused client is behind on purpose.
            None => !is_paused && lag.is_long(now),
        });
        let since = known.and_then(|lag| lag.since);
        Self {
            client: name.clone(),
            state: match known.map(|lag| lag.groups) {
                _ if absent_at.is_some() => Some("leaving"),
                _ if *is_paused => Some("paused"),
                Some(0) => Some("up to date"),
                Some(_) => Some("behind"),
                None => None,
            },
            groups_behind: known.map(|lag| lag.groups),
            events_to_go: known.map(|lag| lag.events),
            is_more: known.is_some_and(|lag| lag.is_more),
            behind_since: since.map(instant),
            behind_seconds: since.map(|since| now.since(since).as_secs()),
            retired_at: absent_at.map(|since| instant(since.plus(ABSENCE))),
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
        Some(clients) => format!("\n{}\n\n", table(header, clients.iter().map(cells), style)),
        None => "\nhow far the clients are isn't known (`--json` says why)\n\n".to_owned(),
    }
}
