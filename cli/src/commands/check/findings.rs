//! From facts to findings. Nothing here asks anybody.

use serde::Serialize;

use super::facts::Facts;
use super::{mapping, queue, table};
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

/// Everything that is wrong, subject by subject: the config, the table, the functions, the queues.
pub fn find(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(config(facts));
    findings.extend(table::find(facts));
    findings.extend(mapping::find(facts));
    for queue in &facts.queues {
        findings.extend(queue::find(facts, queue));
    }
    findings
}

fn config(facts: &Facts) -> Option<Finding> {
    let problem = match &facts.running {
        Ok(Some(running)) if *running == facts.config => return None,
        Ok(_) => "the functions run with another config than this file's".to_owned(),
        Err(reason) => {
            let problem = format!("what the functions run with isn't known: {reason}");
            return Some(Finding::new("config", problem, allow(facts)));
        }
    };
    Some(Finding::new("config", problem, "see `fanoutctl plan`, then `fanoutctl deploy`"))
}

/// That something could not be looked at. `subject` is the stack's.
pub(super) fn unseen(facts: &Facts, subject: &str, error: &CallError) -> Finding {
    let remedy = match error.fault {
        CallFault::NotAllowed => allow(facts),
        CallFault::Missing => "deploy the stack again".to_owned(),
        CallFault::Unreachable | CallFault::Refused => {
            "check again, and look into the reason if it stays".to_owned()
        }
    };
    Finding::new(subject, format!("can't be checked: {error}"), remedy)
}

/// What lets the caller look at what is the stack's.
fn allow(facts: &Facts) -> String {
    match &facts.watch_policy {
        Some(policy) => format!("attach the policy `{policy}` to whoever checks"),
        None => "let whoever checks do that".to_owned(),
    }
}
