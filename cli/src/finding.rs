//! What is wrong, in the one form that the JSON of all commands has.

use serde::Serialize;
use shared::config::{ConfigFinding, ConfigWarning};
use shared::sample::{ConfigLine, SampleFinding, Severity};
use shared::text::printable;

/// A fault of a thing, or what can be missed about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about: a file, or a part of the stack, such as the queue of client `Billing`.
    pub subject: String,
    /// The line of a file, counted from 1.
    pub line: Option<usize>,
    /// The key of the config, as `source.version`.
    pub key: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do; it names `advice`, if there is some.
    pub remedy: String,
    /// The line for `client-queues.toml` that helps.
    pub advice: Option<ConfigLine>,
    /// A warning doesn't count for the exit status.
    pub severity: Severity,
}

impl Finding {
    /// A finding about `subject` as a whole.
    pub fn new(
        subject: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
        severity: Severity,
    ) -> Self {
        let (subject, problem, remedy) = (subject.to_owned(), problem.into(), remedy.into());
        Self { subject, line: None, key: None, problem, remedy, advice: None, severity }
    }

    /// What is wrong with the config in `file`.
    pub fn of_config(file: &str, ConfigFinding { line, key, problem, remedy }: ConfigFinding<'_>) -> Self {
        let (line, key) = (Some(line), key.map(str::to_owned));
        Self { line, key, ..Self::new(file, problem, remedy, Severity::Fault) }
    }

    /// What can be missed about the config in `file`.
    pub fn of_warning(file: &str, ConfigWarning { key, problem, remedy }: ConfigWarning) -> Self {
        Self { key: Some(key.to_owned()), ..Self::new(file, problem, remedy, Severity::Warning) }
    }

    /// What items of `subject` show.
    pub fn of_sample(subject: &str, finding: &SampleFinding) -> Self {
        let SampleFinding { problem, remedy, line, severity } = finding;
        Self { advice: line.clone(), ..Self::new(subject, problem, remedy, *severity) }
    }

    /// `warning: key: problem; remedy`.
    pub fn to_text(&self) -> String {
        let mark = if self.severity == Severity::Warning { "warning: " } else { "" };
        let key = self.key.as_ref().map(|key| format!("{key}: ")).unwrap_or_default();
        printable(&format!("{mark}{key}{}; {}", self.problem, self.remedy))
    }
}
