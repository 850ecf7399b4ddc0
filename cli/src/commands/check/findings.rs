//! From facts to findings. Nothing here asks anybody.

use deploy::stack::packages_bucket;
use serde::Serialize;

use super::facts::{Facts, UnknownRunning};
use super::{ledger, mapping, queue, table};
use crate::aws::{CallError, CallFault};

/// Something that is not as it should be, or that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub subject: String,
    /// What is wrong.
    pub problem: String,
    /// The way out.
    pub remedy: String,
}

impl Finding {
    pub(super) fn new(
        subject: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { subject: subject.into(), problem: problem.into(), remedy: remedy.into() }
    }
}

/// Everything that is wrong, subject by subject: the config, the table, the functions, the ledger and its clients, the
/// queues.
pub fn find(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(config(facts));
    findings.extend(table::find(facts));
    findings.extend(mapping::find(facts));
    findings.extend(ledger::find(facts));
    for queue in &facts.queues {
        findings.extend(queue::find(facts, queue));
    }
    findings
}

fn config(facts: &Facts) -> Option<Finding> {
    let problem = match &facts.running {
        Ok(Some(running)) if *running == facts.config => return None,
        Ok(_) => "the functions run with another config than this file's".to_owned(),
        Err(unknown) => {
            let remedy = match unknown {
                UnknownRunning::Unread(error) if is_package_elsewhere(facts, error) => {
                    format!("let whoever checks read `{}` (`s3:GetObject`)", error.subject)
                }
                UnknownRunning::Unread(error) => remedy(facts, error),
                UnknownRunning::NotThere(_) => "deploy with `fanoutctl deploy`".to_owned(),
            };
            let problem = format!("what the functions run with isn't known: {unknown}");
            return Some(Finding::new("config", problem, remedy));
        }
    };
    Some(Finding::new("config", problem, "see `fanoutctl plan`, then `fanoutctl deploy`"))
}

/// That something could not be looked at. `subject` is the stack's.
pub(super) fn unseen(facts: &Facts, subject: &str, error: &CallError) -> Finding {
    Finding::new(subject, format!("can't be checked: {error}"), remedy(facts, error))
}

fn remedy(facts: &Facts, error: &CallError) -> String {
    match error.fault {
        CallFault::NotAllowed => allow(facts),
        CallFault::Missing => "deploy the stack again".to_owned(),
        CallFault::Unreachable | CallFault::Refused => {
            "check again, and look into the reason if it stays".to_owned()
        }
    }
}

/// Whether it is a package that can't be read, in a bucket that the stack's policy doesn't know: it lets people read
/// the one that `fanoutctl deploy` makes.
fn is_package_elsewhere(facts: &Facts, error: &CallError) -> bool {
    let bucket = packages_bucket(&facts.place.account, &facts.place.region);
    let is_in_it = error.subject.strip_prefix(&bucket).is_some_and(|key| key.starts_with('/'));
    error.call == "GetObject" && error.fault == CallFault::NotAllowed && !is_in_it
}

/// What lets the caller look at what is the stack's.
fn allow(facts: &Facts) -> String {
    match &facts.watch_policy {
        Some(policy) => format!("attach the policy `{policy}` to whoever checks"),
        None => "let whoever checks do that".to_owned(),
    }
}
