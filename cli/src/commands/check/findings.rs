//! Findings, and what could not be looked at as one of them.

use aws::operator::{CallError, CallFault};
use serde::Serialize;

use super::facts::Facts;

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

impl<'f> Findings<'f> {
    /// None so far, of these facts.
    pub(super) fn new(facts: &'f Facts) -> Self {
        Self { facts, list: Vec::new() }
    }

    pub(super) fn into_list(self) -> Vec<Finding> {
        self.list
    }

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

/// The way out if something of the stack's can't be looked at.
pub(super) fn remedy(facts: &Facts, error: &CallError) -> String {
    match (error.fault, &facts.watch_policy) {
        (CallFault::NotAllowed, Some(policy)) => format!("attach the policy `{policy}` to whoever checks"),
        (CallFault::NotAllowed, None) => "let whoever checks do that".to_owned(),
        (CallFault::Missing, _) => "deploy the stack again".to_owned(),
        (CallFault::Unreachable | CallFault::Refused, _) => {
            "check again, and look into the reason if it stays".to_owned()
        }
    }
}
