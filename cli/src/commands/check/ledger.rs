//! What is wrong with the ledger: its table, the function that cares for it, and whether that does its work.
//!
//! Nobody looks at the schedule: what it should have done tells more.

use std::time::Duration;

use shared::ledger::times::RECONCILE;
use shared::ledger::{Control, State};

use super::facts::{Content, Facts, Ledger};
use super::findings::{Finding, unseen};
use crate::args::stack_option;
use crate::aws::CallFault;
use crate::output::{counted, instant};
use crate::standing::{LONG, Leaving, Served, Standing};

/// How much later than planned a comparison may begin: the schedule, and a walk over a large table.
const COMPARISON_DELAY: Duration = Duration::from_secs(6 * 3600);

const SEE_CATCH_UP: &str =
    "see the catch-up function's log, and whether its schedule (EventBridge, Rules) is enabled";

/// What is wrong with the ledger, or that there is none where there must be one.
pub(super) fn find(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(mismatch(facts));
    let Some(ledger) = &facts.ledger else { return findings };
    findings.extend(table(facts, ledger));
    findings.extend(function(facts, ledger));
    match &ledger.content {
        Ok(content) => findings.extend(care(facts, ledger, content)),
        // That there is no table is told already.
        Err(error) if error.fault == CallFault::Missing => {}
        Err(error) => findings.push(unseen(facts, &subject(ledger), error)),
    }
    findings
}

/// The functions do not start if the one has a version and the other no ledger, or the other way round.
fn mismatch(facts: &Facts) -> Option<Finding> {
    let problem = match (facts.wants_ledger(), facts.ledger.is_some()) {
        (true, false) => "the config names the events' version, and the stack has no ledger",
        (false, true) => "the stack has a ledger, and the config doesn't name the events' version",
        _ => return None,
    };
    let stack = format!("stack `{}`", facts.stack);
    Some(Finding::new(stack, problem, "deploy with `fanoutctl deploy`, which sets the parameter `Ledger`"))
}

fn subject(ledger: &Ledger) -> String {
    format!("ledger `{}`", ledger.name)
}

fn table(facts: &Facts, ledger: &Ledger) -> Vec<Finding> {
    let subject = subject(ledger);
    let mut findings = Vec::new();
    match &ledger.status {
        Ok(status) if status == "ACTIVE" => {}
        Ok(status) => {
            let problem = format!("its table is not at work (`{status}`)");
            findings.push(Finding::new(&subject, problem, "see the table in DynamoDB's console"));
        }
        Err(error) if error.fault == CallFault::Missing => {
            let remedy = "restore it under this name from a backup, before anything else: nothing is fanned out meanwhile";
            return vec![Finding::new(subject, "its table doesn't exist", remedy)];
        }
        Err(error) => findings.push(unseen(facts, &subject, error)),
    }
    match &ledger.has_recovery {
        Ok(true) => {}
        Ok(false) => {
            let remedy = "switch point-in-time recovery on, as `template.yml` does";
            findings.push(Finding::new(subject, "nothing brings it back if it is lost or damaged", remedy));
        }
        Err(error) => findings.push(unseen(facts, &subject, error)),
    }
    findings
}

fn function(facts: &Facts, ledger: &Ledger) -> Option<Finding> {
    let subject = "catch-up function";
    match &ledger.catch_up {
        // Lambda puts a function that was idle for weeks to sleep; the schedule wakes it.
        Ok(function) if matches!(function.state.as_str(), "Active" | "Pending" | "Inactive") => None,
        Ok(function) => {
            let reason = function.reason.as_deref().unwrap_or("no reason given");
            let problem = format!("it can't run (`{}`: {reason})", function.state);
            Some(Finding::new(subject, problem, "mend what the reason names, or deploy again"))
        }
        Err(error) if error.fault == CallFault::Missing => {
            Some(Finding::new(subject, "it doesn't exist: nobody is caught up", "deploy the stack again"))
        }
        Err(error) => Some(unseen(facts, subject, error)),
    }
}

/// What the catch-up function should have done.
fn care(facts: &Facts, ledger: &Ledger, content: &Content) -> Vec<Finding> {
    let Some(control) = &content.control else {
        let problem = "it is empty, so that nothing is fanned out: the catch-up function has never run";
        return vec![Finding::new(subject(ledger), problem, SEE_CATCH_UP)];
    };
    let mut findings = Vec::new();
    if let Some(at) = content.compared_at.filter(|at| facts.now.since(*at) > RECONCILE + COMPARISON_DELAY) {
        let problem = format!("it has not been compared with the event table since {}", instant(at));
        findings.push(Finding::new(subject(ledger), problem, SEE_CATCH_UP));
    }
    findings.extend(not_admitted(facts, control));
    findings.extend(content.clients.iter().filter_map(|served| client(facts, served)));
    findings
}

/// Clients of the config that runs, who should have been admitted within a minute.
fn not_admitted<'f>(facts: &'f Facts, control: &'f Control) -> impl Iterator<Item = Finding> + 'f {
    let running = facts.running.iter().flatten().flat_map(|config| &config.clients);
    let is_served = |name| control.clients.get(name).is_some_and(|client| client.state != State::Retired);
    running.filter(move |client| !is_served(&client.name)).map(|client| {
        let problem = "the ledger does not know it: it gets nothing";
        Finding::new(format!("client `{}`", client.name), problem, SEE_CATCH_UP)
    })
}

fn client(facts: &Facts, served: &Served) -> Option<Finding> {
    let Served { name, is_paused, leaving, standing } = served;
    let subject = format!("client `{name}`");
    if let (Some(leaving), Ok(standing)) = (leaving, standing) {
        return (standing.groups > 0).then(|| leaves(subject, *leaving, standing));
    }
    let standing = match standing {
        Ok(standing) if standing.is_long(facts.now) => standing,
        Ok(_) => return None,
        Err(error) => return Some(unseen(facts, &subject, error)),
    };
    let stack = stack_option(&facts.stack);
    let since = standing.since.map(instant).unwrap_or_default();
    let more = if standing.is_more { "more than " } else { "" };
    let groups = standing.groups;
    let (problem, remedy) = if *is_paused {
        let problem = format!("is paused, and behind in {more}{groups} groups since {since}");
        (problem, format!("`fanoutctl resume {name}{stack}` when it may be sent events again"))
    } else {
        let minutes = LONG.as_secs() / 60;
        let problem =
            format!("is behind in {more}{groups} groups since {since}, longer than {minutes} minutes");
        (problem, format!("mend its queue, if that is told here, then `fanoutctl catch-up {name}{stack}`"))
    };
    Some(Finding::new(subject, problem, remedy))
}

fn leaves(subject: String, leaving: Leaving, standing: &Standing) -> Finding {
    let Leaving { since, retired_at } = leaving;
    let more = if standing.is_more { "more than " } else { "" };
    let problem = format!(
        "is in no deployed config since {}, and behind in {more}{}: what it lacks is forgotten at {}",
        instant(since),
        counted(standing.groups, "group"),
        instant(retired_at)
    );
    Finding::new(subject, problem, "add it to client-queues.toml again, and deploy, unless it may lack that")
}
