//! `fanoutctl check`: collects facts about the deployed stack, and finds what is wrong with them. Changes nothing.

mod collect;
mod config;
mod ledger;
mod look;
mod mapping;
mod page;
mod ping;
mod queue;
mod table;
mod target;
#[cfg(test)]
mod tests;

use aws::operator::{CallError, CallFault};
use deploy::stack;
use serde::Serialize;
use shared::sample::{Sample, Severity};
use shared::text::{counted, printable};

use self::collect::Facts;
use self::ping::{Ping, PingRow};
use crate::args::CheckArguments;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::finding::Finding;
use crate::output::Style;
use crate::page::PageReport;
use crate::progress::unless_quick;

/// The findings about a stack.
#[derive(Debug, Serialize)]
struct Report {
    stack: String,
    /// The queues that were looked at, the clients' included.
    queues: usize,
    /// The targets of push clients.
    targets: usize,
    /// What became of a sample event for each target; none without `--ping`.
    pings: Option<Vec<PingRow>>,
    findings: Vec<Finding>,
    /// What a page of the event table shows; none if it could not be read.
    page: Option<PageReport>,
}

/// The findings so far.
#[derive(Debug)]
struct Findings<'f> {
    facts: &'f Facts,
    /// What a page of the event table shows, if there is a table.
    sample: Option<&'f Sample>,
    list: Vec<Finding>,
}

/// Checks the deployed stack against the config.
///
/// # Errors
///
/// [`Failure`]: the stack itself can't be looked at, or the config is wrong. Any other part that can't be looked at is
/// a finding.
pub async fn execute(context: &Context, arguments: &CheckArguments) -> Result<Exit, Failure> {
    let (target, stack) = context.deployed().await?;
    let naming = stack::naming(&target, stack::deployed_prefix(&stack)).await?;
    let config = context.config(Some(&naming))?;
    let has_targets = config.clients.iter().any(|client| client.push.is_some());
    if arguments.ping && !has_targets {
        let why = "`--ping`: no client of the config has `[client.push]`; leave it out";
        return Err(Exit::Usage.because(why));
    }
    let what = if has_targets {
        "looking at queues, stream, mappings, the ledger, the event table and targets"
    } else {
        "looking at queues, stream, mappings, the ledger and the event table"
    };
    let facts = unless_quick(what, collect::facts(&target, &stack, naming, config)).await;
    let pings = if arguments.ping {
        let pings = ping::all(&target, &stack, &facts);
        Some(unless_quick("waiting for the targets", pings).await?)
    } else {
        None
    };
    let report = Report::new(&facts, pings.as_deref(), arguments.show_body);
    context.output.print(&report, text)?;
    let is_fault = |finding: &Finding| finding.severity == Severity::Fault;
    Ok(if report.findings.iter().any(is_fault) { Exit::Findings } else { Exit::Done })
}

impl Report {
    fn new(facts: &Facts, pings: Option<&[Ping]>, shows_body: bool) -> Self {
        let sample = facts.page.as_ref().map(|page| page.sample(&facts.config));
        let findings = find(facts, sample.as_ref(), pings.unwrap_or_default());
        let is_read = facts.page.as_ref().is_some_and(|page| page.items.is_ok());
        let sample = sample.filter(|_| is_read);
        let page = sample.map(|sample| PageReport::new(&sample, &facts.config.clients, shows_body));
        Self {
            stack: facts.stack.clone(),
            queues: facts.queues.len(),
            targets: facts.targets.as_ref().map_or(0, Vec::len),
            pings: pings.map(|pings| pings.iter().map(PingRow::new).collect()),
            findings,
            page,
        }
    }
}

/// All findings, subject by subject: the config, the table and its items, the functions, the ledger and its clients,
/// the queues, the targets.
fn find(facts: &Facts, sample: Option<&Sample>, pings: &[Ping]) -> Vec<Finding> {
    let mut findings = Findings { facts, sample, list: Vec::new() };
    config::find(&mut findings);
    table::find(&mut findings);
    mapping::find(&mut findings);
    ledger::find(&mut findings);
    for queue in &facts.queues {
        queue::find(&mut findings, queue);
    }
    target::find(&mut findings);
    ping::find(&mut findings, pings);
    findings.list
}

impl Findings<'_> {
    fn add(&mut self, subject: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.list.push(Finding::new(subject, problem, remedy, Severity::Fault));
    }

    /// Adds what does not count for the exit status.
    fn warn(&mut self, subject: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        self.list.push(Finding::new(subject, problem, remedy, Severity::Warning));
    }

    /// The part of the stack that was looked at. If it could not be, that is a finding.
    fn seen<'r, T>(&mut self, subject: &str, seen: &'r Result<T, CallError>) -> Option<&'r T> {
        seen.as_ref().inspect_err(|error| self.unseen(subject, error)).ok()
    }

    /// As [`Self::seen`], with a finding of its own for a part that does not exist.
    fn existing<'r, T>(
        &mut self,
        subject: &str,
        seen: &'r Result<T, CallError>,
        (problem, remedy): (&str, &str),
    ) -> Option<&'r T> {
        match seen {
            Err(error) if error.fault == CallFault::Missing => {
                self.add(subject, problem, remedy);
                None
            }
            seen => self.seen(subject, seen),
        }
    }

    fn unseen(&mut self, subject: &str, error: &CallError) {
        self.add(subject, format!("can't be checked: {error}"), remedy(self.facts, error));
    }
}

/// The remedy if a part of the stack can't be looked at.
fn remedy(facts: &Facts, error: &CallError) -> String {
    match (error.fault, &facts.watch_policy) {
        (CallFault::NotAllowed, Some(policy)) => format!("attach the policy `{policy}` to your user or role"),
        (CallFault::NotAllowed, None) => "let your user or role do that".to_owned(),
        (CallFault::Expired | CallFault::Unrecognized, _) => "sign in again".to_owned(),
        (CallFault::Missing, _) => "deploy the stack again".to_owned(),
        (CallFault::Unreachable | CallFault::Offline | CallFault::Refused, _) => {
            "check again, and look into the reason if it stays".to_owned()
        }
    }
}

/// A line for each finding, for a program that reads lines; in a terminal, findings stand below their subject.
fn text(report: &Report, style: Style) -> String {
    let mut text = String::new();
    let mut last_subject = None;
    for Finding { subject, problem, remedy, severity, .. } in &report.findings {
        let is_next = last_subject.replace(subject) != Some(subject);
        let (subject, remedy) = (printable(subject), printable(remedy));
        let mark = if *severity == Severity::Warning { "warning: " } else { "" };
        let problem = format!("{mark}{}", printable(problem));
        text += &match style {
            Style::Plain => format!("{subject}: {problem}; {remedy}\n"),
            Style::Terminal if is_next => format!("{subject}\n  {problem}\n    → {remedy}\n"),
            Style::Terminal => format!("  {problem}\n    → {remedy}\n"),
        };
    }
    let Report { stack, queues, targets, pings, findings, page } = report;
    let warnings = findings.iter().filter(|finding| finding.severity == Severity::Warning).count();
    let found = match (findings.len() - warnings, warnings) {
        (0, 0) => "nothing is wrong".to_owned(),
        (0, warnings) => format!("nothing is wrong, with {}", counted(warnings, "warning")),
        (faults, 0) => counted(faults, "finding"),
        (faults, warnings) => format!("{}, {}", counted(faults, "finding"), counted(warnings, "warning")),
    };
    text.extend(pings.iter().flatten().map(PingRow::to_text));
    let targets = if *targets == 0 { String::new() } else { format!(" {},", counted(*targets, "target")) };
    text += &format!(
        "stack `{stack}`, with {queues} queues,{targets} the table's stream, all three functions and the ledger: {found}\n"
    );
    if let Some(page) = page {
        text += "\n";
        text += &page.to_text("first items of the event table", style);
    }
    text
}
