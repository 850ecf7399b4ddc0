//! From facts to findings. Nothing here makes a call.

use deploy::stack::packages_bucket;
use serde::Serialize;

use super::facts::{Facts, UnknownRunning};
use super::{ledger, mapping, queue, table};
use crate::aws::{CallError, CallFault};

/// Something that is not as it should be, or that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What it is about.
    pub(super) subject: String,
    /// What is wrong.
    pub(super) problem: String,
    /// The way out.
    pub(super) remedy: String,
}

/// The findings so far.
#[derive(Debug)]
pub(super) struct Findings<'f> {
    pub(super) facts: &'f Facts,
    list: Vec<Finding>,
}

/// Everything that is wrong, subject by subject: the config, the table, the functions, the ledger and its clients, the
/// queues.
pub(super) fn find(facts: &Facts) -> Vec<Finding> {
    let mut findings = Findings { facts, list: Vec::new() };
    config(&mut findings);
    table::find(&mut findings);
    mapping::find(&mut findings);
    ledger::find(&mut findings);
    for queue in &facts.queues {
        queue::find(&mut findings, queue);
    }
    findings.list
}

impl Findings<'_> {
    pub(super) fn add(&mut self, subject: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        let (subject, problem, remedy) = (subject.to_owned(), problem.into(), remedy.into());
        self.list.push(Finding { subject, problem, remedy });
    }

    /// What of the stack was looked at; it is a finding if it could not be.
    pub(super) fn seen<'r, T>(&mut self, subject: &str, seen: &'r Result<T, CallError>) -> Option<&'r T> {
        seen.as_ref().inspect_err(|error| self.unseen(subject, error)).ok()
    }

    /// The same, where it is another finding if the thing does not exist.
    pub(super) fn existing<'r, T>(
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

    pub(super) fn unseen(&mut self, subject: &str, error: &CallError) {
        self.add(subject, format!("can't be checked: {error}"), remedy(self.facts, error));
    }
}

fn config(findings: &mut Findings<'_>) {
    let facts = findings.facts;
    let unknown = match &facts.running {
        Ok(Some(running)) if *running == facts.config => return,
        Ok(_) => {
            let problem = "the functions run with another config than this file's";
            return findings.add("config", problem, "see `fanoutctl plan`, then `fanoutctl deploy`");
        }
        Err(unknown) => unknown,
    };
    let remedy = match unknown {
        UnknownRunning::Unread(error) if is_package_elsewhere(facts, error) => {
            format!("let whoever checks read `{}` (`s3:GetObject`)", error.subject)
        }
        UnknownRunning::Unread(error) => remedy(facts, error),
        UnknownRunning::NotThere(_) => "deploy with `fanoutctl deploy`".to_owned(),
    };
    findings.add("config", format!("what the functions run with isn't known: {unknown}"), remedy);
}

/// The way out if something of the stack's can't be looked at.
fn remedy(facts: &Facts, error: &CallError) -> String {
    match (error.fault, &facts.watch_policy) {
        (CallFault::NotAllowed, Some(policy)) => format!("attach the policy `{policy}` to whoever checks"),
        (CallFault::NotAllowed, None) => "let whoever checks do that".to_owned(),
        (CallFault::Missing, _) => "deploy the stack again".to_owned(),
        (CallFault::Unreachable | CallFault::Refused, _) => {
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
