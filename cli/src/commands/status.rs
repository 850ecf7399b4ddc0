//! `fanoutctl status`: shows what is in each queue, which clients are behind, and how far the stack is behind the
//! stream; or in which groups one client is behind, and why. Changes nothing.

pub(super) mod client;
mod clients;
mod collect;
mod notices;
mod queues;
mod screen;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::BTreeMap;

use aws::operator::CallFault;
use aws::operator::cloudformation::DeployedStack;
use deploy::stack::{self, Whose};
use serde::Serialize;
use shared::ledger::ScanKind;
use shared::naming::Naming;
use shared::time::Timestamp;

use self::clients::ClientRow;
use self::collect::{Facts, Figure};
use self::notices::NoticesRow;
use self::queues::QueueRow;
use crate::args::{StatusArguments, stack_option};
use crate::client_status::ClientStatus;
use crate::commands::prepare::running;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{Style, table, time};
use crate::plan::RunningStack;
use crate::progress::unless_quick;
use crate::targets::TargetRow;
use crate::unsettled::{self, RegistryDifference};

/// The state of a stack. A figure that isn't known is null, and `unknown` says why, by the figure's name.
#[derive(Debug, Serialize)]
struct Report {
    stack: String,
    /// Whether nothing needs attention.
    ok: bool,
    /// The age of the newest record that the converter read.
    iterator_age_milliseconds: Option<u64>,
    queues: Vec<QueueRow>,
    /// The clients that are not retired, from the ledger.
    clients: Option<Vec<ClientRow>>,
    /// The scans of the event table that are on.
    scans: Vec<RunningScan>,
    /// The clients that are due notices of erasures.
    notices: Vec<NoticesRow>,
    /// The targets of push clients.
    targets: Vec<TargetRow>,
    /// How the ledger differs from the deployed config.
    unsettled: Vec<RegistryDifference>,
    unknown: BTreeMap<&'static str, String>,
    /// Why one of the stack's own queues, or its ledger, could not be looked at.
    #[serde(skip)]
    blind: Option<CallFault>,
}

/// Prints the state of the deployed stack's queues and clients.
///
/// # Errors
///
/// [`Failure`]: the stack can't be looked at. Any other figure that isn't known is shown as unknown.
pub async fn execute(context: &Context, arguments: &StatusArguments) -> Result<Exit, Failure> {
    context.check_named_config()?;
    if let Some(client) = &arguments.client {
        return client::execute(context, client).await;
    }
    let mut deployed = None;
    let looking = look(context, &mut deployed);
    let report = unless_quick("looking at queues, metrics and the ledger", looking).await?;
    if arguments.watch {
        return watch::execute(context, arguments.interval, report, deployed).await;
    }
    context.output.print(&report, text)?;
    Ok(report.exit())
}

/// What of a stack only a deploy changes, which a later look needs no more to read.
#[derive(Clone)]
struct Deployment {
    stack: DeployedStack,
    naming: Naming,
    running: RunningStack,
}

/// The state of the stack now. `deployed` is that of the look before, and of this one then.
async fn look(context: &Context, deployed: &mut Option<Deployment>) -> Result<Report, Failure> {
    let (target, stack) = context.deployed().await?;
    let is_same = |before: &Deployment| before.stack == stack && before.running.config.is_some();
    let now = match deployed.take().filter(is_same) {
        Some(same) => same,
        None => {
            let naming = stack::naming(&target, stack::deployed_prefix(&stack)).await?;
            let running = running(&target, &stack, &naming).await;
            Deployment { stack, naming, running }
        }
    };
    let facts = collect::facts(&target, deployed.insert(now)).await;
    Ok(Report::new(&facts))
}

/// A scan of the event table that is on.
#[derive(Debug, Serialize)]
struct RunningScan {
    /// `history` or `reconcile`.
    scan: &'static str,
    /// How long it has been on.
    seconds: u64,
}

/// A comparison is due each day, and a new client expects its history sooner.
const LONG: u64 = 24 * 60 * 60;

impl RunningScan {
    fn new((kind, began): (ScanKind, Timestamp), now: Timestamp) -> Self {
        let scan = match kind {
            ScanKind::History => "history",
            ScanKind::Reconcile => "reconcile",
        };
        Self { scan, seconds: now.since(began).as_secs() }
    }

    /// The text for people; none if the scan is not long.
    fn to_text(&self) -> Option<String> {
        let Self { scan, seconds } = self;
        (*seconds >= LONG).then(|| {
            format!(
                "the scan of the event table for `{scan}` has been on for {}: `scan_read_units` in the config sets its pace\n",
                time(*seconds)
            )
        })
    }
}

impl Report {
    fn new(facts: &Facts) -> Self {
        let mut unknown = BTreeMap::new();
        let iterator_age = figure("iterator_age_milliseconds", &facts.iterator_age, &mut unknown);
        let stack = stack_option(&facts.stack);
        let queues: Vec<QueueRow> = facts.queues.iter().map(|queue| QueueRow::new(queue, &stack)).collect();
        let delivered = facts.delivered.as_ref();
        if let Err(error) = &delivered {
            unknown.insert("delivered", error.to_string());
        }
        let delivered = delivered.ok();
        let targets: Vec<TargetRow> = match &facts.targets {
            Ok(targets) => {
                targets.iter().map(|target| TargetRow::new(target, delivered, facts.now)).collect()
            }
            Err(error) => {
                unknown.insert("targets", error.to_string());
                Vec::new()
            }
        };
        let clients: Option<Vec<ClientRow>> = match &facts.clients {
            Ok(clients) => {
                // As their queues, in the order of the config.
                let mut clients: Vec<&ClientStatus> = clients.iter().collect();
                clients.sort_by_key(|client| facts.place(&client.name));
                let row = |client: &ClientStatus| {
                    let target = targets.iter().find(|target| target.client == client.name);
                    ClientRow::new(client, target, facts.now, &stack)
                };
                Some(clients.into_iter().map(row).collect())
            }
            Err(error) => {
                unknown.insert("clients", error.to_string());
                None
            }
        };
        let notices = notices::rows(&facts.notices, facts.now, &mut unknown);
        let of_clients = clients.iter().flatten().map(|row| row.attention.is_some());
        let mut attentions = queues.iter().map(|row| row.attention.is_some()).chain(of_clients);
        Self {
            stack: facts.stack.clone(),
            ok: !attentions.any(|needed| needed) && !notices.iter().any(|row| row.is_late),
            iterator_age_milliseconds: iterator_age,
            queues,
            clients,
            scans: facts.scans.iter().map(|scan| RunningScan::new(*scan, facts.now)).collect(),
            notices,
            targets,
            unsettled: facts.unsettled.clone(),
            unknown,
            blind: blind(facts),
        }
    }

    /// The exit status: without attention it is [`Exit::Done`] only if the stack's own queues and the ledger could be
    /// read.
    fn exit(&self) -> Exit {
        match self.blind {
            _ if !self.ok => Exit::Findings,
            None => Exit::Done,
            Some(CallFault::NotAllowed | CallFault::Expired | CallFault::Unrecognized) => Exit::NotAllowed,
            Some(_) => Exit::Unreachable,
        }
    }
}

fn blind(facts: &Facts) -> Option<CallFault> {
    let own = facts.queues.iter().filter(|queue| matches!(queue.whose, Whose::Stack(_)));
    let of_queues = own.filter_map(|queue| queue.attributes.as_ref().err()).map(|error| error.fault);
    let of_clients = match &facts.clients {
        Ok(clients) => clients.iter().find_map(|client| client.lag.as_ref().err()),
        Err(error) => Some(error),
    };
    let mut of_queues = of_queues.filter(|fault| *fault != CallFault::Missing);
    of_queues.next().or(of_clients.map(|error| error.fault))
}

/// The text for people: the tables of queues and clients, and a line about the stream.
fn text(report: &Report, style: Style) -> String {
    let header = ["queue", "account", "messages", "in flight", "delayed", "oldest", "attention"];
    let queues = table(header, report.queues.iter().map(QueueRow::cells), style);
    let clients = clients::text(report.clients.as_deref(), style);
    let stack = stack_option(&report.stack);
    let targets: String = report.targets.iter().map(|target| target.text(&stack)).collect();
    format!("{queues}\n{clients}{targets}{}{}\n", notes(report), headline(report))
}

/// Lines about what no table has.
fn notes(report: &Report) -> String {
    let stack = stack_option(&report.stack);
    let held: String = report.clients.iter().flatten().filter_map(|client| client.held(&stack)).collect();
    let notices = notices::text(&report.notices, &stack);
    let unsettled = unsettled::text(&report.unsettled);
    let scans: String = report.scans.iter().filter_map(RunningScan::to_text).collect();
    format!("{held}{notices}{unsettled}{scans}")
}

/// How far the stack is behind the stream.
fn headline(report: &Report) -> String {
    let age = match report.iterator_age_milliseconds {
        Some(milliseconds) => format!("the converter is {} behind the stream", time(milliseconds / 1000)),
        None => "how far the converter is behind the stream isn't known (`--json` says why)".to_owned(),
    };
    format!("stack `{}`: {age}", report.stack)
}

/// The figure as a whole number. If it isn't known, `unknown` gets the reason under `name`.
fn figure(name: &'static str, figure: &Figure, unknown: &mut BTreeMap<&'static str, String>) -> Option<u64> {
    match figure {
        // CloudWatch's figures are floating-point; these are whole seconds or milliseconds.
        Ok(value) => format!("{:.0}", value.max(0.0)).parse().ok(),
        Err(reason) => {
            unknown.insert(name, reason.clone());
            None
        }
    }
}
