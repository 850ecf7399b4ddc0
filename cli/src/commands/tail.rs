//! `fanoutctl tail`: what a client is sent of an aggregate from now on, by the ledger and the event table. Its queue is
//! not touched.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use aws::operator::CallFault;
use aws::operator::ledger::unread;
use serde::Serialize;
use shared::ids::Group;
use shared::ledger::{
    Attestation, Cursor, GroupItem, ItemKey, LastVersion, Registration, State, attestation,
};
use shared::text::printable;

use super::event_keys::{known_group, stream_table, unknown_group};
use super::event_rows::{EventRow, EventSource, rows_down_to};
use super::operator::{Operator, now, registered};
use crate::args::TailArguments;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{figure, instant, write};

/// How far a client is in an aggregate, as it was seen last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    incarnation_number: u64,
    position: i64,
    /// Versions below it are not shown.
    floor: i64,
    state: String,
    unsent: Unsent,
}

/// What the ledger knows of versions that the client is past, and was not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Unsent {
    /// It was sent none above it.
    last: LastVersion,
    /// Those that an operator had left out, and why, as long as the group is held.
    skipped: BTreeMap<i64, String>,
    /// Those that were given up as missing.
    given_up: Vec<i64>,
}

/// A change between two looks.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    /// The aggregate was created anew: the incarnation's token.
    Incarnation(String),
    /// The client is sent events again, from this version on.
    Replay(i64),
    /// The client got past these versions.
    Sent { from: i64, to: i64 },
    /// The client is in this state.
    State(String),
}

/// A line of the output. Fields that don't apply are null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Line {
    /// When the change was seen.
    seen_at: String,
    what: What,
    version: Option<i64>,
    name: Option<String>,
    event_id: Option<String>,
    /// The event's own time.
    event_time: Option<String>,
    /// The state, the incarnation's token, or why the client was not sent the event.
    detail: Option<String>,
    /// The event's JSON, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum What {
    /// The client's queue accepted the event.
    Sent,
    /// The client's filter leaves the event out.
    LeftOut,
    /// An operator had it left out.
    Skipped,
    /// The client was not sent it, by the ledger: it is older than the client or its filter, or was given up as missing.
    NotSent,
    /// The event can't be sent to any client.
    Rejected,
    /// The event table does not have this version, or the next ones neither.
    Missing,
    /// The client is sent events again, from this version on.
    Replay,
    /// The aggregate was created anew.
    Incarnation,
    /// How the client stands.
    State,
}

/// Prints what the client is sent, until it is interrupted.
///
/// # Errors
///
/// [`Failure`]: there is no such client or aggregate; ledger or event table are gone, or may not be read.
pub async fn execute(context: &Context, arguments: &TailArguments) -> Result<Exit, Failure> {
    context.check_named_config()?;
    let operator = Operator::of_stack(context).await?;
    let mut client = registered(&operator.registry, &arguments.client)?.clone();
    let source = EventSource::of_stack(context, &operator).await;
    let source = source.map_err(|why| Exit::Unreachable.because(why))?;
    let Some((group, _)) = known_group(&operator.ledger, &arguments.group).await? else {
        return Err(unknown_group(&arguments.group));
    };
    let mut standing = None;
    loop {
        let look = look(&operator, &mut client, &group, &source, arguments, &mut standing);
        match look.await {
            Ok(lines) if context.output.is_json => context.output.print_lines(&lines)?,
            Ok(lines) => write(&lines.iter().map(Line::to_text).collect::<String>())?,
            Err(Failure::Call(error)) if error.fault == CallFault::Unreachable => {
                eprintln!("{}", printable(&format!("{error}; again in {} s", arguments.interval)));
            }
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(Duration::from_secs(arguments.interval)).await;
    }
}

/// The lines about what changed since the last look, which `standing` and `client` keep.
async fn look(
    operator: &Operator,
    client: &mut Registration,
    group: &Group,
    source: &EventSource,
    arguments: &TailArguments,
    standing: &mut Option<Standing>,
) -> Result<Vec<Line>, Failure> {
    let id = client.id;
    let keys = [ItemKey::Registry, ItemKey::Group(group.clone()), ItemKey::Cursor(id, group.clone())];
    let found = operator.ledger.read(&keys).await?;
    *client =
        registered(found.registry().present().unwrap_or(&operator.registry), &arguments.client)?.clone();
    let Some(item) = found.group(group).present() else { return Err(unknown_group(&arguments.group)) };
    let after = Standing::new(client, item, found.cursor(id, group).present());
    let Some(mut after) = after.filter(|_| client.id == id) else {
        // They were read during a write, or the client was registered anew.
        return Ok(Vec::new());
    };
    let mut lines = Vec::new();
    for change in changes(standing.as_ref(), &mut after, item, arguments.from) {
        let Change::Sent { from, to } = change else {
            lines.push(Line::of_change(change));
            continue;
        };
        let rows = rows_down_to(&source.table, &source.filters, &item.key, from, arguments.show_body).await;
        let table = stream_table(&operator.stack).unwrap_or_default();
        let rows = rows.map_err(|error| unread(&table, &error))?;
        lines.extend(lines_of(&arguments.client, &after.unsent, rows, from, to));
    }
    // Last: what was not read is read again.
    *standing = Some(after);
    Ok(lines)
}

impl Standing {
    /// `None`: item and cursor do not fit each other.
    fn new(client: &Registration, item: &GroupItem, cursor: Option<&Cursor>) -> Option<Self> {
        let (last, position, is_behind) = match attestation(item, client, cursor)? {
            Attestation::UpToDate { version } => (version, item.version, false),
            Attestation::Behind { version, position, .. } => (version, position, true),
        };
        let hold = cursor.and_then(|cursor| cursor.hold.as_ref());
        let state = match (hold, client.state) {
            (Some(hold), _) => format!("held after version {position}: {} ({})", hold.reason, hold.by),
            (None, State::Paused) => format!("paused after version {position}"),
            (None, _) if item.closed.is_some() => {
                format!("the aggregate was erased after version {position}")
            }
            (None, _) if is_behind => "behind".to_owned(),
            (None, _) => "up to date".to_owned(),
        };
        let skipped = hold.iter().flat_map(|hold| &hold.skipped);
        let skipped = skipped.map(|skipped| (skipped.version, skipped.reason.clone())).collect();
        let unsent = Unsent { last, skipped, given_up: item.holes.clone() };
        Some(Self { incarnation_number: item.incarnation_number, position, floor: i64::MIN, state, unsent })
    }
}

/// The changes from `before`, which is none at the first look, to `after`. At the first look, what was sent from version
/// `from` on is a change.
fn changes(
    before: Option<&Standing>,
    after: &mut Standing,
    item: &GroupItem,
    from: Option<i64>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let position = match before {
        None => {
            after.floor = from.unwrap_or(i64::MIN);
            from.map_or(after.position, |from| from.saturating_sub(1))
        }
        Some(before) if before.incarnation_number != after.incarnation_number => {
            changes.push(Change::Incarnation(item.token.as_str().to_owned()));
            item.first.version.saturating_sub(1)
        }
        Some(before) if after.position < before.position => {
            changes.push(Change::Replay(after.position.saturating_add(1)));
            after.position
        }
        Some(before) => {
            after.floor = before.floor;
            before.position
        }
    };
    let first = position.saturating_add(1).max(after.floor).max(item.first.version);
    if after.position >= first {
        changes.push(Change::Sent { from: first, to: after.position });
    }
    if before.is_none_or(|before| before.state != after.state) {
        changes.push(Change::State(after.state.clone()));
    }
    changes
}

/// The lines about those of `rows`, newest first, with versions `from` to `to`: oldest first, and one for versions that
/// are not there.
fn lines_of(client: &str, unsent: &Unsent, rows: Vec<EventRow>, from: i64, to: i64) -> Vec<Line> {
    let mut rows: Vec<(i64, EventRow)> = rows
        .into_iter()
        .rev()
        .filter_map(|row| Some((row.version.filter(|version| (from..=to).contains(version))?, row)))
        .collect();
    rows.sort_by_key(|(version, _)| *version);
    let mut lines = Vec::with_capacity(rows.len());
    let mut next = from;
    for (version, row) in rows {
        lines.extend(Line::missing(next, version.saturating_sub(1)));
        next = version.saturating_add(1);
        lines.push(Line::of_event(client, unsent.get(version), row));
    }
    lines.extend(Line::missing(next, to));
    lines
}

impl Unsent {
    /// Why the client, which is past `version` and wants it, was not sent it; `None` if it was, as far as is known.
    fn get(&self, version: i64) -> Option<(What, String)> {
        if let Some(reason) = self.skipped.get(&version) {
            return Some((What::Skipped, reason.clone()));
        }
        if self.given_up.contains(&version) {
            return Some((What::NotSent, "it was given up as missing".to_owned()));
        }
        let is_above = self.last.is_none_or(|last| version > last);
        is_above.then(|| {
            (
                What::NotSent,
                "it is older than the client or its filter, or an operator had it left out".to_owned(),
            )
        })
    }
}

impl Line {
    fn new(what: What, version: Option<i64>, detail: Option<String>) -> Self {
        let seen_at = instant(now());
        Self { seen_at, what, version, name: None, event_id: None, event_time: None, detail, body: None }
    }

    /// About the versions `from` to `to`, if there are such.
    fn missing(from: i64, to: i64) -> Option<Self> {
        let detail = match to.saturating_sub(from) {
            ..0 => return None,
            0 => "the event table does not have it".to_owned(),
            _ => format!("the event table has none up to version {to}"),
        };
        Some(Self::new(What::Missing, Some(from), Some(detail)))
    }

    fn of_change(change: Change) -> Self {
        match change {
            Change::Incarnation(token) => Self::new(What::Incarnation, None, Some(token)),
            Change::Replay(from) => Self::new(What::Replay, Some(from), None),
            Change::Sent { to, .. } => Self::new(What::Sent, Some(to), None),
            Change::State(state) => Self::new(What::State, None, Some(state)),
        }
    }

    fn of_event(client: &str, unsent: Option<(What, String)>, mut row: EventRow) -> Self {
        let (what, detail) = match (row.not_sendable, row.unwanted_by.remove(client), unsent) {
            (Some(why), _, _) => (What::Rejected, Some(why)),
            (None, Some(why), _) => (What::LeftOut, Some(why)),
            (None, None, Some((what, why))) => (what, Some(why)),
            (None, None, None) => (What::Sent, None),
        };
        let EventRow { version, name, event_id, time: event_time, body, .. } = row;
        Self { name, event_id, event_time, body, ..Self::new(what, version, detail) }
    }

    fn to_text(&self) -> String {
        let Self { seen_at, what, version, name, event_id, detail, body, .. } = self;
        let detail = detail.as_deref().unwrap_or_default();
        let event = || {
            let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            format!("version {}  {}  {}", figure(*version), text(name), text(event_id))
        };
        let text = match what {
            What::Sent => event(),
            What::LeftOut => format!("{}  left out by its filter: {detail}", event()),
            What::Skipped => format!("{}  left out by an operator: {detail}", event()),
            What::NotSent => format!("{}  not sent: {detail}", event()),
            What::Rejected => format!("{}  rejected: {detail}", event()),
            What::Missing => format!("version {}  {detail}", figure(*version)),
            What::Replay => format!("a replay, from version {} on", figure(*version)),
            What::Incarnation => format!("the aggregate was created anew: incarnation {detail}"),
            What::State => detail.to_owned(),
        };
        let body = body.as_deref().map(|body| format!("  {}\n", printable(body))).unwrap_or_default();
        format!("{seen_at}  {}\n{body}", printable(&text))
    }
}
