//! `fanoutctl status CLIENT`: the groups that a client is behind in, each with the reason, and the command that helps.

#[cfg(test)]
mod tests;

use aws::operator::cloudformation::DeployedStack;
use deploy::clients::ClientLists;
use deploy::stack;
use serde::Serialize;
use shared::control::TypedKey;
use shared::ledger::{Lease, Pause, Registration, State};
use shared::text::{printable, shell_quoted};
use shared::time::Timestamp;

use crate::args::stack_option;
use crate::client_status::{HELD_LONG, LONG};
use crate::commands::operator::{Operator, now, registered};
use crate::commands::prepare::running;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::groups_behind::{GroupBehind, GroupsBehind};
use crate::output::{Style, Tone, instant, row, table, time};
use crate::progress::unless_quick;
use crate::targets::{TargetRow, delivered};

/// The most groups that are read. Each costs a read unit.
const GROUPS_LIMIT: usize = 1_000;

/// The most groups that are shown.
const SHOWN: usize = 100;

/// What a client is behind in.
#[derive(Debug, Serialize)]
struct Report {
    stack: String,
    client: String,
    /// `up to date`, `behind`, `paused` or `leaving`.
    state: &'static str,
    /// Who paused it, when, and why; none if it is not paused, or a release paused it that did not note it.
    pause: Option<PauseRow>,
    /// Why its queue failed when it was tried last, if it did.
    failure: Option<String>,
    /// How often it failed, one time after the other.
    failures: u32,
    /// What needs an operator first, then what has been behind for the longest.
    groups: Vec<GroupRow>,
    /// Whether it is behind in more groups than are shown.
    is_more: bool,
    /// How its target is, if it is a push client.
    target: Option<TargetRow>,
}

/// Who paused a client, when, and why.
#[derive(Debug, Serialize)]
struct PauseRow {
    since: String,
    by: String,
    reason: Option<String>,
    /// The command that has it served again.
    command: String,
}

/// A group that the client is behind in.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct GroupRow {
    /// The `MessageGroupId`.
    group: String,
    key: TypedKey,
    /// The client has every event up to this version.
    has: i64,
    /// The last version of the aggregate that was sent to those that are up to date.
    version: i64,
    pub(in crate::commands) since: String,
    pub(in crate::commands) seconds: u64,
    pub(in crate::commands) why: Why,
    /// What is known of the reason.
    pub(in crate::commands) reason: Option<String>,
    /// The command that helps, once the reason is mended; none if nothing has to be done.
    pub(in crate::commands) command: Option<String>,
    pub(in crate::commands) needs_attention: bool,
}

/// Why a client lacks events of a group. In the order of what an operator looks at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::commands) enum Why {
    /// Its queue refuses the next event for good.
    Refused,
    /// An operator, or what delivers from the queue, holds it.
    Held,
    /// Its queue fails.
    QueueFails,
    /// It is in no deployed config any more.
    Leaving,
    /// It is paused.
    Paused,
    /// Catch-up is on its way.
    UnderWay,
    /// Everything was sent, and may come twice.
    Settling,
}

/// Prints what the client called `name` is behind in.
///
/// # Errors
///
/// [`Failure`]: there is no such client, or the ledger can't be read.
pub(in crate::commands) async fn execute(context: &Context, name: &str) -> Result<Exit, Failure> {
    let report = unless_quick("reading the ledger", look(context, name)).await?;
    context.output.print(&report, text)?;
    Ok(report.exit())
}

/// What the client called `name` is behind in, as text.
pub(super) async fn text_of(context: &Context, name: &str) -> Result<String, Failure> {
    Ok(text(&look(context, name).await?, Style::Plain))
}

async fn look(context: &Context, name: &str) -> Result<Report, Failure> {
    let operator = Operator::of_stack(context).await?;
    let registration = registered(&operator.registry, name)?;
    let (groups, lease) = operator.ledger.behind(registration.id, GROUPS_LIMIT).await?;
    let lease = lease.unwrap_or_else(Lease::unheld);
    let mend = mend(&operator.stack, name);
    let report = Report::new(&operator.stack.name, name, mend, registration, &lease, groups, now());
    Ok(Report { target: target_of(&operator, name).await?, ..report })
}

/// How the client's target is; `None` if it isn't a push client.
async fn target_of(operator: &Operator, name: &str) -> Result<Option<TargetRow>, Failure> {
    let Operator { target, stack, registry, .. } = operator;
    let naming = stack::naming(target, stack::deployed_prefix(stack)).await?;
    let running = running(target, stack, &naming).await;
    let mut of_client = registry.clone();
    of_client.clients.retain(|client, _| client.as_str() == name);
    let targets = operator.ledger.targets(&of_client, running.config.as_ref()).await?;
    // Without it, all else is said; `status` says why.
    let delivered = delivered(target, stack, &targets).await.ok();
    Ok(targets.first().map(|target| TargetRow::new(target, delivered.as_ref(), now())))
}

/// The command for a client whose queue fails. The stack's own queue is mended by it, and the client caught up; an existing
/// one is mended by its owner.
pub(in crate::commands) fn mend(stack: &DeployedStack, client: &str) -> &'static str {
    let is_own = ClientLists::of_stack(stack).own.iter().any(|own| own == client);
    if is_own { "queue repair" } else { "catch-up" }
}

impl Report {
    fn new(
        stack: &str,
        client: &str,
        mend: &str,
        registration: &Registration,
        lease: &Lease,
        behind: GroupsBehind,
        now: Timestamp,
    ) -> Self {
        let row = |group| GroupRow::new([client, stack, mend], registration, lease, group, now);
        let mut groups: Vec<GroupRow> = behind.groups.into_iter().map(row).collect();
        groups.sort_by(|one, other| {
            let order = |row: &GroupRow| (!row.needs_attention, row.why, row.since.clone());
            order(one).cmp(&order(other))
        });
        let is_more = behind.is_more || groups.len() > SHOWN;
        groups.truncate(SHOWN);
        Self {
            stack: stack.to_owned(),
            client: client.to_owned(),
            state: match registration.state {
                _ if registration.absent_at.is_some() => "leaving",
                State::Paused => "paused",
                _ if groups.is_empty() => "up to date",
                _ => "behind",
            },
            pause: PauseRow::new(registration, client, stack),
            failure: lease.failure.clone().filter(|_| lease.failures > 0),
            failures: lease.failures,
            groups,
            is_more,
            target: None,
        }
    }

    fn exit(&self) -> Exit {
        let is_bad = self.target.as_ref().is_some_and(|target| target.needs_attention)
            || self.groups.iter().any(|group| group.needs_attention);
        if is_bad { Exit::Findings } else { Exit::Done }
    }
}

impl GroupRow {
    /// The row of a group that `client` of `stack` is behind in; `mend` is the command that mends its queue ([`mend`]).
    pub(in crate::commands) fn new(
        [client, stack, mend]: [&str; 3],
        registration: &Registration,
        lease: &Lease,
        behind: GroupBehind,
        now: Timestamp,
    ) -> Self {
        let refused = lease.refused.iter().find(|refused| refused.group == behind.group);
        let key = shell_quoted(behind.key.as_text());
        let (option, next) = (stack_option(stack), behind.next());
        let command = |text: String| Some(format!("fanoutctl {text}{option}"));
        let (why, reason, command) = match (&behind.hold, refused) {
            (Some(hold), _) => {
                let reason = format!("{} ({})", hold.reason, hold.by);
                (Why::Held, Some(reason), command(format!("release {client} --group {key}")))
            }
            _ if registration.absent_at.is_some() => {
                let reason = "client-queues.toml as it was deployed last does not name it".to_owned();
                (Why::Leaving, Some(reason), command("deploy".to_owned()))
            }
            _ if registration.state == State::Paused => {
                let reason = PauseRow::new(registration, client, stack).map(|pause| pause.reason());
                (Why::Paused, reason, command(format!("resume {client}")))
            }
            (None, Some(refused)) => {
                let reason = format!(
                    "version {next}, or the next that it wants: {}; mend the queue, as a rule its `MaximumMessageSize`",
                    refused.reason
                );
                (Why::Refused, Some(reason), command(format!("{mend} {client}")))
            }
            (None, None) if lease.failures > 0 => {
                (Why::QueueFails, lease.failure.clone(), command(format!("{mend} {client}")))
            }
            (None, None) if behind.is_settling() => {
                let until =
                    behind.settles_at.map_or_else(String::new, |at| format!("until {}, ", instant(at)));
                let reason =
                    format!("everything was sent; {until}what an earlier sender may bring is repeated");
                (Why::Settling, Some(reason), None)
            }
            (None, None) if behind.is_erased => {
                (Why::UnderWay, Some("the aggregate was erased: a notice is due".to_owned()), None)
            }
            (None, None) if now.since(behind.since) >= LONG => {
                let reason =
                    "it does not get through: the log of `CatchUp` names the group, and why".to_owned();
                (Why::UnderWay, Some(reason), None)
            }
            (None, None) => (Why::UnderWay, None, None),
        };
        let since = behind.hold.as_ref().map_or(behind.since, |hold| hold.since);
        let age = now.since(since);
        let needs_attention = match why {
            Why::Refused | Why::QueueFails | Why::Leaving => true,
            Why::Held => registration.state != State::Paused && age >= HELD_LONG,
            Why::UnderWay => age >= LONG,
            // The hold that it may come from can have been long.
            Why::Settling => behind.settles_at.is_some_and(|at| now.since(at) >= LONG),
            Why::Paused => false,
        };
        Self {
            group: behind.group.as_str().to_owned(),
            key: behind.key,
            has: behind.has,
            version: behind.version,
            since: instant(since),
            seconds: age.as_secs(),
            why,
            reason,
            command,
            needs_attention,
        }
    }
}

impl PauseRow {
    /// The note of the pause of `client`; none if there is none.
    fn new(registration: &Registration, client: &str, stack: &str) -> Option<Self> {
        let Pause { since, by, reason } = registration.pause.clone()?;
        let command = format!("fanoutctl resume {client}{}", stack_option(stack));
        Some(Self { since: instant(since), by, reason, command })
    }

    fn reason(&self) -> String {
        let Self { since, by, reason, .. } = self;
        format!("{} ({by}, {since})", reason.as_deref().unwrap_or("no reason was given"))
    }

    fn to_text(&self) -> String {
        format!("paused: {}\n  → {}\n", printable(&self.reason()), printable(&self.command))
    }
}

impl Why {
    pub(in crate::commands) fn to_text(self) -> &'static str {
        match self {
            Self::Refused => "refused for good",
            Self::Held => "held",
            Self::QueueFails => "its queue fails",
            Self::Leaving => "leaving",
            Self::Paused => "paused",
            Self::UnderWay => "under way",
            Self::Settling => "settles",
        }
    }
}

fn text(report: &Report, style: Style) -> String {
    let Report { stack, client, state, pause, failures, groups, is_more, target, .. } = report;
    let client = printable(client);
    let target = target.as_ref().map(|target| target.text(&stack_option(stack))).unwrap_or_default();
    // Groups that wait for it say it, too.
    let pause = pause.as_ref().filter(|_| groups.iter().all(|group| group.why != Why::Paused));
    let pause = pause.map(PauseRow::to_text).unwrap_or_default();
    if groups.is_empty() {
        return format!("{pause}{target}client {client} is {state}, stack `{}`\n", printable(stack));
    }
    let header = ["group", "has", "of", "for", "why"];
    let rows = groups.iter().map(|group| {
        let [has, version] = [group.has, group.version].map(|version| version.to_string());
        let (mark, tone) = if group.needs_attention { ("! ", Tone::Bad) } else { ("", Tone::Neutral) };
        let why = format!("{mark}{}", group.why.to_text());
        row([group.key.to_string(), has, version, time(group.seconds), why], tone)
    });
    let mut text = format!("{}\n\n", table(header, rows, style));
    let mut said: Vec<(Why, Option<&str>, Option<&str>)> = Vec::new();
    for group in groups {
        let about = (group.why, group.reason.as_deref(), group.command.as_deref());
        // One reason, and one command, for many groups.
        if (about.1, about.2) == (None, None) || said.contains(&about) {
            continue;
        }
        said.push(about);
        let reason = about.1.map(|reason| format!(": {}", printable(reason))).unwrap_or_default();
        text += &format!("{}{reason}\n", group.why.to_text());
        text.extend(about.2.map(|command| format!("  → {}\n", printable(command))));
    }
    if *failures > 0 {
        text += &format!("its queue has failed {failures} times, one after the other\n");
    }
    if *is_more {
        text += &format!("these are the first {}; there are more\n", groups.len());
    }
    format!("{text}{pause}{target}client {client} is {state}, stack `{}`\n", printable(stack))
}
