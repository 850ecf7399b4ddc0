//! Findings about the ledger: its table, the catch-up function, and whether that does its work.
//!
//! The schedule is not looked at: its results in the ledger prove more.

use std::time::Duration;

use aws::operator::CallFault;
use shared::ledger::times::{ABSENCE, RECONCILE};
use shared::ledger::{Registry, State};
use shared::text::counted;

use super::Findings;
use super::collect::{Content, Ledger};
use crate::args::stack_option;
use crate::client_status::{ClientStatus, HELD_LONG, LONG};
use crate::output::{instant, more_than};

/// How much later than planned a comparison may begin: the schedule's delay, and the scan of a large table.
const COMPARISON_DELAY: Duration = Duration::from_secs(6 * 3600);

const SEE_CATCH_UP: &str =
    "see the catch-up function's log, and whether its schedule (EventBridge, Rules) is enabled";

const NO_TABLE: (&str, &str) = (
    "its table doesn't exist",
    "restore it under this name from a backup, before anything else: nothing is fanned out meanwhile",
);

const NO_FUNCTION: (&str, &str) = ("it doesn't exist: no client is caught up", "deploy the stack again");

/// Finds what is wrong with the ledger.
pub(super) fn find(findings: &mut Findings<'_>) {
    let facts = findings.facts;
    let Some(ledger) = findings.seen(&format!("stack `{}`", facts.stack), &facts.ledger) else { return };
    let subject = format!("ledger `{}`", ledger.name);
    table(findings, &subject, ledger);
    function(findings, ledger);
    match &ledger.content {
        Ok(content) => maintenance(findings, &subject, content),
        // A missing table is a finding already.
        Err(error) if error.fault == CallFault::Missing => {}
        Err(error) => findings.unseen(&subject, error),
    }
}

fn table(findings: &mut Findings<'_>, subject: &str, ledger: &Ledger) {
    let status = findings.existing(subject, &ledger.status, NO_TABLE);
    if let Some(status) = status.filter(|status| *status != "ACTIVE") {
        let problem = format!("its table is not at work (`{status}`)");
        findings.add(subject, problem, "see the table in DynamoDB's console");
    }
    if ledger.status.as_ref().is_err_and(|error| error.fault == CallFault::Missing) {
        return;
    }
    if findings.seen(subject, &ledger.has_recovery) == Some(&false) {
        let remedy = "switch point-in-time recovery on, as `template.yml` does";
        findings.add(subject, "nothing brings it back if it is lost or damaged", remedy);
    }
}

fn function(findings: &mut Findings<'_>, ledger: &Ledger) {
    let subject = "catch-up function";
    let Some(function) = findings.existing(subject, &ledger.catch_up, NO_FUNCTION) else { return };
    // Lambda puts a function that was idle for weeks to sleep; the schedule wakes it.
    if !matches!(function.state.as_str(), "Active" | "Pending" | "Inactive") {
        let reason = function.reason.as_deref().unwrap_or("no reason given");
        let problem = format!("it can't run (`{}`: {reason})", function.state);
        findings.add(subject, problem, "fix what the reason names, or deploy again");
    }
}

/// Finds what the catch-up function should have done, and has not.
fn maintenance(findings: &mut Findings<'_>, subject: &str, content: &Content) {
    let Some(registry) = &content.registry else {
        let problem = "it is empty, so that nothing is fanned out: the catch-up function has never run";
        return findings.add(subject, problem, SEE_CATCH_UP);
    };
    let now = findings.facts.now;
    if let Some(at) = content.compared_at.filter(|at| now.since(*at) > RECONCILE + COMPARISON_DELAY) {
        let problem = format!("it has not been compared with the event table since {}", instant(at));
        findings.add(subject, problem, SEE_CATCH_UP);
    }
    not_admitted(findings, registry);
    content.clients.iter().for_each(|status| client(findings, status));
}

/// Finds clients of the config that runs which are not in the ledger: they should have been admitted within a minute.
fn not_admitted(findings: &mut Findings<'_>, registry: &Registry) {
    let is_served = |name| registry.clients.get(name).is_some_and(|client| client.state != State::Retired);
    for client in findings.facts.running.iter().flatten().flat_map(|config| &config.clients) {
        if !is_served(&client.name) {
            let problem = "the ledger does not know it: it gets nothing";
            findings.add(&format!("client `{}`", client.name), problem, SEE_CATCH_UP);
        }
    }
}

fn client(findings: &mut Findings<'_>, status: &ClientStatus) {
    let ClientStatus { name, is_paused, absent_at, lag } = status;
    let subject = format!("client `{name}`");
    let Some(lag) = findings.seen(&subject, lag) else { return };
    let of_groups = |groups: u64| format!("{}{}", more_than(lag.is_more), counted(groups, "group"));
    if let Some(since) = absent_at {
        if lag.all_groups() > 0 {
            // Somebody took it out: that is no fault, and can't be undone for much longer.
            let problem = format!(
                "has been in no deployed config since {}, and is behind in {}: what it lacks is forgotten at {}",
                instant(*since),
                of_groups(lag.all_groups()),
                instant(since.plus(ABSENCE))
            );
            let remedy = "add it to client-queues.toml again, and deploy, unless it may lack that";
            findings.warn(&subject, problem, remedy);
        }
        return;
    }
    let (now, stack) = (findings.facts.now, stack_option(&findings.facts.stack));
    if lag.held.is_long(now) {
        let (groups, since) = (of_groups(lag.held.groups), lag.held.since.map(instant).unwrap_or_default());
        let minutes = HELD_LONG.as_secs() / 60;
        let problem =
            format!("gets nothing of {groups}: held, the first since {since}, longer than {minutes} minutes");
        let remedy =
            format!("`fanoutctl held {name}{stack}` says why; mend that, then `fanoutctl release` or `skip`");
        findings.add(&subject, problem, remedy);
    }
    if !lag.is_long(now) {
        return;
    }
    let since = lag.since.map(instant).unwrap_or_default();
    let behind = format!("has been behind in {} since {since}", of_groups(lag.groups));
    if *is_paused {
        let remedy = format!("`fanoutctl resume {name}{stack}` when it may be sent events again");
        findings.add(&subject, format!("is paused, and {behind}"), remedy);
    } else {
        let problem = format!("{behind}, longer than {} minutes", LONG.as_secs() / 60);
        let remedy =
            format!("repair its queue, if a finding names it, then `fanoutctl catch-up {name}{stack}`");
        findings.add(&subject, problem, remedy);
    }
}
