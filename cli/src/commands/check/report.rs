//! What `check` prints.

use std::fmt::Write as _;

use serde::Serialize;
use shared::text::printable;

use super::facts::Facts;
use super::findings::Finding;
use crate::output::Style;

/// What was looked at, and what was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    stack: String,
    /// How many queues were looked at.
    queues: usize,
    has_ledger: bool,
    pub(super) findings: Vec<Finding>,
}

impl Report {
    pub(super) fn new(facts: &Facts, findings: Vec<Finding>) -> Self {
        Self {
            stack: facts.stack.clone(),
            queues: facts.queues.len(),
            has_ledger: facts.ledger.is_some(),
            findings,
        }
    }
}

/// A line for each finding, for a program that reads lines; in a terminal they stand below their subject.
pub(super) fn text(report: &Report, style: Style) -> String {
    let mut text = String::new();
    let mut last_subject = None;
    for Finding { subject, problem, remedy } in &report.findings {
        let is_next = last_subject.replace(subject) != Some(subject);
        let (subject, problem, remedy) = (printable(subject), printable(problem), printable(remedy));
        // Writing to a `String` does not fail.
        let _ = match style {
            Style::Plain => writeln!(text, "{subject}: {problem}; {remedy}"),
            Style::Terminal if is_next => writeln!(text, "{subject}\n  {problem}\n    → {remedy}"),
            Style::Terminal => writeln!(text, "  {problem}\n    → {remedy}"),
        };
    }
    text + &closing(report)
}

fn closing(report: &Report) -> String {
    let Report { stack, queues, has_ledger, findings } = report;
    let rest = if *has_ledger { ", all three functions and the ledger" } else { " and both functions" };
    let found = match findings.len() {
        0 => "nothing is wrong".to_owned(),
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    format!("stack `{stack}`, with {queues} queues, the table's stream{rest}: {found}\n")
}
