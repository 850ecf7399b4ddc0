//! Findings about the items of the event table, from one page of them.

use aws::operator::{CallError, CallFault};

use super::{Findings, remedy};
use crate::finding::Finding;

/// Finds what is wrong with how items are read. With other keys than the config says, which is a finding of its own,
/// none is read as it should be.
pub(super) fn find(findings: &mut Findings<'_>, subject: &str, are_keys_right: bool) {
    let facts = findings.facts;
    let Some(page) = &facts.page else { return };
    if let Some(sample) = findings.sample.filter(|_| are_keys_right) {
        for finding in &sample.findings {
            findings.list.push(Finding::of_sample(subject, finding));
        }
    }
    if let Err(error) = &page.items {
        let may_read = "let your user or role do that, if it may see events; or see how a file of items is read: `fanoutctl \
                        validate --sample FILE`";
        unread(findings, subject, error, "its items", may_read);
    }
    if let Err(error) = &page.expiry {
        unread(findings, subject, error, "whether items expire (TTL)", &remedy(facts, error));
    }
}

/// That something was not read. Those who only watch a stack may have no right to read events: this is a warning.
fn unread(findings: &mut Findings<'_>, subject: &str, error: &CallError, what: &str, may_read: &str) {
    match error.fault {
        // A missing table is a finding already.
        CallFault::Missing => {}
        CallFault::NotAllowed => {
            findings.warn(subject, format!("you are not allowed to read {what}: {error}"), may_read);
        }
        _ => findings.unseen(subject, error),
    }
}
