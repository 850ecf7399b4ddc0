//! Findings. A part that could not be looked at is one of them.

use aws::operator::{CallError, CallFault};
use serde::Serialize;

use super::facts::Facts;

/// A fault of the stack, or a part of it that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// The thing that it is about, such as the queue of client `Billing`.
    pub(super) subject: String,
    pub(super) problem: String,
    pub(super) remedy: String,
}

/// The findings so far.
#[derive(Debug)]
pub(super) struct Findings<'f> {
    pub(super) facts: &'f Facts,
    pub(super) list: Vec<Finding>,
}

impl Findings<'_> {
    pub(super) fn add(&mut self, subject: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        let (subject, problem, remedy) = (subject.to_owned(), problem.into(), remedy.into());
        self.list.push(Finding { subject, problem, remedy });
    }

    /// The part of the stack that was looked at. If it could not be, that is a finding.
    pub(super) fn seen<'r, T>(&mut self, subject: &str, seen: &'r Result<T, CallError>) -> Option<&'r T> {
        seen.as_ref().inspect_err(|error| self.unseen(subject, error)).ok()
    }

    /// As [`Self::seen`], with a finding of its own for a part that does not exist.
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

/// The remedy if a part of the stack can't be looked at.
pub(super) fn remedy(facts: &Facts, error: &CallError) -> String {
    match (error.fault, &facts.watch_policy) {
        (CallFault::NotAllowed, Some(policy)) => format!("attach the policy `{policy}` to your user or role"),
        (CallFault::NotAllowed, None) => "let your user or role do that".to_owned(),
        (CallFault::Missing, _) => "deploy the stack again".to_owned(),
        (CallFault::Unreachable | CallFault::Refused, _) => {
            "check again, and look into the reason if it stays".to_owned()
        }
    }
}
