//! Findings about the config that the functions run with.

use aws::operator::{CallError, CallFault};
use deploy::stack::{UnknownConfig, packages_bucket};
use shared::config::ConfigWarning;

use super::collect::Facts;
use super::{Findings, remedy};
use crate::args::stack_option;

/// Finds a config other than the file's, one that can't be read, and what the file's says without being wrong.
pub(super) fn find(findings: &mut Findings<'_>) {
    let facts = findings.facts;
    let stack = stack_option(&facts.stack);
    for ConfigWarning { key, problem, remedy } in facts.config.warnings() {
        findings.warn("config", format!("`{key}`: {problem}"), remedy);
    }
    let unknown = match &facts.running {
        Ok(Some(running)) if *running == facts.config => return,
        Ok(_) => {
            let problem = "the functions run with another config than this file's";
            let remedy = format!("see `fanoutctl plan{stack}`, then `fanoutctl deploy{stack}`");
            return findings.add("config", problem, remedy);
        }
        Err(unknown) => unknown,
    };
    let remedy = match unknown {
        UnknownConfig::Call(error) if is_package_elsewhere(facts, error) => {
            format!("let your user or role read `{}` (`s3:GetObject`)", error.subject)
        }
        UnknownConfig::Call(error) => remedy(facts, error),
        UnknownConfig::NoPackage { .. } | UnknownConfig::Unreadable { .. } => {
            format!("deploy with `fanoutctl deploy{stack}`")
        }
    };
    findings.add("config", format!("what the functions run with isn't known: {unknown}"), remedy);
}

/// Whether `error` is about a package in a bucket that the stack's policies don't name: they let people read the bucket
/// that `fanoutctl deploy` makes.
fn is_package_elsewhere(facts: &Facts, error: &CallError) -> bool {
    let bucket = packages_bucket(&facts.place.account, &facts.place.region);
    let is_in_it = error.subject.strip_prefix(&bucket).is_some_and(|key| key.starts_with('/'));
    error.call == "GetObject" && error.fault == CallFault::NotAllowed && !is_in_it
}
