//! What is wrong with a file: each finding with file, line, key and the way out.
//!
//! A message is a fragment in two halves: what is wrong; what to do.

use std::fmt::{self, Write as _};

use super::ClientName;
use crate::quoted::printable;

/// Everything that is wrong with a file, sorted by line; at least one finding.
///
/// Printed one finding to a line: `file:line: key: problem; remedy`. Whatever the file holds, only printable
/// characters come out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    file: String,
    findings: Vec<Finding>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    /// Counted from 1.
    line: usize,
    /// `section.key`; none where the text is not even TOML.
    key: Option<String>,
    message: String,
}

/// One thing that is wrong with a file, in its halves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFinding<'f> {
    /// Counted from 1.
    pub line: usize,
    /// `section.key`; none where the text is not even TOML.
    pub key: Option<&'f str>,
    /// What is wrong.
    pub problem: &'f str,
    /// What to do.
    pub remedy: &'f str,
}

/// Collects findings while a file is read and validated.
pub(super) struct Report<'t> {
    file: &'t str,
    text: &'t str,
    findings: Vec<Finding>,
}

impl<'t> Report<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, findings: Vec::new() }
    }

    /// Adds a finding about `key`, whose fault is at the byte `at` of the text.
    pub(super) fn add(&mut self, at: usize, key: impl Into<String>, message: impl fmt::Display) {
        let finding = Finding { line: self.line(at), key: Some(key.into()), message: message.to_string() };
        self.findings.push(finding);
    }

    /// Adds a syntax error at the byte `at`; the first of a line is enough, the others follow from it.
    pub(super) fn add_syntax_error(&mut self, at: usize, message: &str) {
        let line = self.line(at);
        if self.findings.iter().any(|finding| finding.line == line) {
            return;
        }
        let message = format!("not TOML: {message}; correct it, then the rest of the file is checked");
        self.findings.push(Finding { line, key: None, message });
    }

    /// The line of the byte `at`, counted from 1, and no further than the last line that holds something.
    pub(super) fn line(&self, at: usize) -> usize {
        let content = self.text.trim_end().bytes();
        content.take(at).filter(|byte| *byte == b'\n').count() + 1
    }

    /// `config`, unless something was found.
    pub(super) fn into_result<T>(mut self, config: Option<T>) -> Result<T, Findings> {
        self.findings.sort_by_key(|finding| finding.line);
        match config {
            Some(config) if self.findings.is_empty() => Ok(config),
            _ => Err(Findings { file: self.file.to_owned(), findings: self.findings }),
        }
    }
}

impl Findings {
    /// All findings, in the order of their lines.
    pub fn all(&self) -> impl Iterator<Item = ConfigFinding<'_>> {
        self.findings.iter().map(|Finding { line, key, message }| {
            let (problem, remedy) = halves(message);
            ConfigFinding { line: *line, key: key.as_deref(), problem, remedy }
        })
    }
}

/// What is wrong, and what to do: parted by the first semicolon that stands in no quotation.
fn halves(message: &str) -> (&str, &str) {
    let mut is_quoted = false;
    for (at, character) in message.char_indices() {
        is_quoted ^= character == '`';
        if character == ';' && !is_quoted {
            let (problem, remedy) = message.split_at_checked(at).unwrap_or((message, ""));
            return (problem, remedy.trim_start_matches("; "));
        }
    }
    (message, "")
}

impl fmt::Display for Findings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            if index > 0 {
                formatter.write_char('\n')?;
            }
            write!(formatter, "{}:{}: ", printable(&self.file), finding.line)?;
            if let Some(key) = &finding.key {
                write!(formatter, "{key}: ")?;
            }
            formatter.write_str(&finding.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

/// What begins a finding about a client's filter or view: they lie far from its name. Empty if that could not be read.
pub(super) fn whose(client: Option<&ClientName>) -> String {
    client.map_or_else(String::new, |client| format!("client `{client}`: "))
}
