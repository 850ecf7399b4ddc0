//! `fanoutctl held`: the groups that are held, the oldest first. Changes nothing.

#[cfg(test)]
mod tests;

use serde::Serialize;
use shared::control::TypedKey;
use shared::ledger::deliveries::HELD_BY_PUSH;
use shared::ledger::{Hold, SkippedEvent, State};
use shared::text::{counted, printable, shell_quoted};
use shared::time::Timestamp;

use super::operator::{Operator, now, registered};
use crate::args::{HeldArguments, stack_option};
use crate::client_status::HELD_LONG;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::groups_behind::GroupBehind;
use crate::output::{Style, Tone, instant, row, table, time};
use crate::progress::unless_quick;

/// The groups that are held.
#[derive(Debug, Serialize)]
struct Report {
    stack: String,
    /// The client that was asked for; none: all.
    client: Option<String>,
    /// The oldest first.
    groups: Vec<HeldRow>,
}

/// A group that is held for a client.
#[derive(Debug, Serialize)]
struct HeldRow {
    client: String,
    /// The `MessageGroupId`.
    group: String,
    key: TypedKey,
    /// The version that is sent first after the release, or the next above it that the client wants.
    next: i64,
    reason: String,
    by: String,
    since: String,
    seconds: u64,
    /// The last events that were left out.
    skipped: Vec<SkippedRow>,
}

/// An event that was left out.
#[derive(Debug, Serialize)]
struct SkippedRow {
    version: i64,
    reason: String,
}

/// Shows the held groups of a client, or of all.
///
/// # Errors
///
/// [`Failure`]: there is no such client, or the ledger can't be read.
pub async fn execute(context: &Context, arguments: &HeldArguments) -> Result<Exit, Failure> {
    let operator = Operator::of_stack(context).await?;
    let held = unless_quick("reading the ledger", held(&operator, arguments.client.as_deref())).await?;
    let report = Report::new(operator.stack.name.clone(), arguments.client.clone(), held, now());
    context.output.print(&report, text)?;
    Ok(Exit::Done)
}

/// The held groups of the client called `name`, or of all that are not retired.
async fn held(operator: &Operator, name: Option<&str>) -> Result<Vec<(String, GroupBehind)>, Failure> {
    let clients = match name {
        Some(name) => vec![(name.to_owned(), registered(&operator.registry, name)?)],
        None => {
            let clients = operator.registry.clients.iter();
            let clients = clients.filter(|(_, client)| client.state != State::Retired);
            clients.map(|(name, client)| (name.to_string(), client)).collect()
        }
    };
    let mut groups = Vec::new();
    for (name, client) in clients {
        let held = operator.ledger.held(client.id).await?;
        groups.extend(held.into_iter().map(|held| (name.clone(), held)));
    }
    Ok(groups)
}

impl Report {
    fn new(
        stack: String,
        client: Option<String>,
        mut held: Vec<(String, GroupBehind)>,
        now: Timestamp,
    ) -> Self {
        held.sort_by(|(client, one), (of, other)| {
            let since = |held: &GroupBehind| held.hold.as_ref().map(|hold| hold.since);
            (since(one), client, &one.group).cmp(&(since(other), of, &other.group))
        });
        let groups = held.into_iter().filter_map(|(client, held)| HeldRow::new(client, held, now)).collect();
        Self { stack, client, groups }
    }
}

impl HeldRow {
    /// `None`: it was released meanwhile.
    fn new(client: String, held: GroupBehind, now: Timestamp) -> Option<Self> {
        let next = held.next();
        let GroupBehind { key, group, hold, .. } = held;
        let Hold { reason, by, since, skipped } = hold?;
        let skipped =
            skipped.into_iter().map(|SkippedEvent { version, reason }| SkippedRow { version, reason });
        Some(Self {
            client,
            group: group.as_str().to_owned(),
            key,
            next,
            reason,
            by,
            since: instant(since),
            seconds: now.since(since).as_secs(),
            skipped: skipped.collect(),
        })
    }

    fn cells(&self) -> [String; 7] {
        let skipped: Vec<String> = self.skipped.iter().map(|event| event.version.to_string()).collect();
        [
            self.client.clone(),
            self.key.to_string(),
            self.next.to_string(),
            time(self.seconds),
            skipped.join(" "),
            self.by.clone(),
            self.reason.clone(),
        ]
    }
}

fn text(report: &Report, style: Style) -> String {
    let Report { stack, client, groups } = report;
    let Some(oldest) = groups.first() else {
        let whom = client.as_ref().map(|client| format!(" for client {}", printable(client)));
        return format!("no group is held{}\n", whom.unwrap_or_default());
    };
    let header = ["client", "group", "next version", "held for", "skipped", "by", "reason"];
    let rows = groups.iter().map(|group| {
        let is_long = group.seconds >= HELD_LONG.as_secs();
        row(group.cells(), if is_long { Tone::Bad } else { Tone::Neutral })
    });
    let (table, count, stack) =
        (table(header, rows, style), counted(groups.len(), "group"), stack_option(stack));
    let HeldRow { client, key, next, .. } = oldest;
    let (client, key) = (printable(client), printable(&shell_quoted(key.as_text())));
    let of_push = groups.iter().find(|group| group.by == HELD_BY_PUSH);
    let more = of_push.filter(|_| groups.len() > 1).map(|group| {
        let client = printable(&group.client);
        format!(
            "All of a client that push holds for one reason, when the target is mended:\n  \
                 fanoutctl release {client} --all --reason …{stack}\n"
        )
    });
    format!(
        "{table}\n\n{count} held. To send the oldest again, when its cause is mended; or to leave out its next event first:\n  \
         fanoutctl release {client} --group {key}{stack}\n  \
         fanoutctl skip {client} --group {key} --version {next} --reason …{stack}\n{}",
        more.unwrap_or_default()
    )
}
