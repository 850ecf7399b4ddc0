//! The clients of `status`: which are up to date, and which are behind.

use serde::Serialize;
use shared::ledger::times::ABSENCE;
use shared::text::{counted, printable};
use shared::time::Timestamp;

use crate::client_status::ClientStatus;
use crate::output::{Row, Style, attention, instant, more_than, row, table, time};
use crate::targets::TargetRow;

/// How far behind a client is. A figure that isn't known is null, and `unknown` says why.
#[derive(Debug, Serialize)]
pub(super) struct ClientRow {
    pub(super) client: String,
    /// `up to date`, `behind`, `settling` (everything was sent, and may come twice), `held` (behind only in groups that are
    /// held), `paused` or `leaving`; nothing if that isn't known.
    state: Option<&'static str>,
    /// The groups in which it is behind, but for those that are held.
    pub(super) groups_behind: Option<u64>,
    /// The events that it lacks in these groups.
    pub(super) events_to_go: Option<u64>,
    /// The groups that wait for an operator.
    groups_held: Option<u64>,
    /// Since when the first of them has been held.
    held_since: Option<String>,
    held_seconds: Option<u64>,
    /// The groups of which its queue refuses an event for good.
    groups_refused: Option<u64>,
    /// Whether it is behind in more groups than were counted.
    is_more: bool,
    /// Since when it has been behind in the group where it has been so longest.
    behind_since: Option<String>,
    pub(super) behind_seconds: Option<u64>,
    /// When what it lacks is forgotten, because it is in no deployed config any more.
    retired_at: Option<String>,
    /// The command that shows more, if the client needs attention.
    pub(super) attention: Option<String>,
    unknown: Option<String>,
}

impl ClientRow {
    /// `target` is how a push client's target is; `stack` the option that names the stack.
    pub(super) fn new(
        client: &ClientStatus,
        target: Option<&TargetRow>,
        now: Timestamp,
        stack: &str,
    ) -> Self {
        let ClientStatus { name, is_paused, absent_at, lag } = client;
        let known = lag.as_ref().ok();
        let is_late = known.is_some_and(|lag| match absent_at {
            Some(_) => lag.all_groups() > 0,
            // A paused client is behind on purpose.
            None => !is_paused && lag.is_long(now),
        });
        let is_held_long = !is_paused && known.is_some_and(|lag| lag.held.is_long(now));
        let is_refused = !is_paused && known.is_some_and(|lag| lag.refused > 0);
        let more = format!("`fanoutctl status {name}{stack}`");
        let since = known.and_then(|lag| lag.since);
        let held_since = known.and_then(|lag| lag.held.since);
        Self {
            client: name.clone(),
            state: match known.map(|lag| (lag.groups, lag.held.groups)) {
                _ if absent_at.is_some() => Some("leaving"),
                _ if *is_paused => Some("paused"),
                Some((0, 0)) => Some("up to date"),
                Some((0, _)) => Some("held"),
                Some((groups, _)) if known.is_some_and(|lag| lag.settling == groups && !lag.is_more) => {
                    Some("settling")
                }
                Some(_) => Some("behind"),
                None => None,
            },
            groups_behind: known.map(|lag| lag.groups),
            events_to_go: known.map(|lag| lag.events),
            groups_held: known.map(|lag| lag.held.groups),
            held_since: held_since.map(instant),
            held_seconds: held_since.map(|since| now.since(since).as_secs()),
            groups_refused: known.map(|lag| lag.refused),
            is_more: known.is_some_and(|lag| lag.is_more),
            behind_since: since.map(instant),
            behind_seconds: since.map(|since| now.since(since).as_secs()),
            retired_at: absent_at.map(|since| instant(since.plus(ABSENCE))),
            attention: match (target.and_then(TargetRow::attention), is_refused, is_late || is_held_long) {
                (Some(why), _, _) => Some(format!("{why}: see {more}")),
                (None, true, _) => Some(format!("its queue refuses an event for good: see {more}")),
                (None, false, true) => Some(format!("see {more}")),
                (None, false, false) => None,
            },
            unknown: lag.as_ref().err().map(ToString::to_string),
        }
    }

    pub(super) fn cells(&self) -> Row<6> {
        let more = if self.is_more { ">" } else { "" };
        let figure =
            |figure: Option<String>| figure.map_or("-".to_owned(), |figure| format!("{more}{figure}"));
        let count = |count: Option<u64>| figure(count.map(|count| count.to_string()));
        let seconds = self.behind_seconds.or(self.unknown.is_none().then_some(0));
        let (attention, tone) = attention(self.attention.as_deref());
        let (name, state) = (self.client.clone(), self.state.unwrap_or("-").to_owned());
        let (groups, events) = (count(self.groups_behind), count(self.events_to_go));
        row([name, state, groups, events, figure(seconds.map(time)), attention], tone)
    }

    /// The line about its held groups, if there are some. `stack` is the option that names the stack.
    pub(super) fn held(&self, stack: &str) -> Option<String> {
        let (groups, seconds) = (self.groups_held.filter(|groups| *groups > 0)?, self.held_seconds?);
        let (more, groups) = (more_than(self.is_more), counted(groups, "group"));
        let (client, stack) = (printable(&self.client), printable(stack));
        let held = format!("{more}{groups} held, the oldest for {}", time(seconds));
        Some(format!("client {client}: {held}: see `fanoutctl held {client}{stack}`\n"))
    }
}

/// The table of all clients, between blank lines.
pub(super) fn text(clients: Option<&[ClientRow]>, style: Style) -> String {
    let header = ["client", "state", "groups behind", "events to go", "behind for", "attention"];
    match clients {
        Some([]) => "\nthe ledger knows no client yet: the catch-up function has not run\n\n".to_owned(),
        Some(clients) => format!("\n{}\n\n", table(header, clients.iter().map(ClientRow::cells), style)),
        None => "\nhow far the clients are isn't known (`--json` says why)\n\n".to_owned(),
    }
}
