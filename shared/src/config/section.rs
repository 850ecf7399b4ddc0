//! A section of the file, whose keys are taken out one after the other.

use std::borrow::Cow;
use std::{fmt, mem};

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::findings::Report;
use crate::nearest::nearest;
use crate::quoted::printable;

/// What became of a key.
pub(super) enum Value<T> {
    /// Not there.
    Absent,
    /// There, of the wrong type, and reported.
    Wrong,
    /// There.
    Is(Spanned<T>),
}

/// The section that `value` is; none if it is another thing, which is reported with the `shape` that it should have.
/// `whose` begins each finding about it.
pub(super) fn section<'t>(
    name: &'static str,
    whose: &str,
    value: Spanned<DeValue<'t>>,
    shape: &str,
    report: &mut Report<'_>,
) -> Option<Section<'t>> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(table) => {
            let mut section = Section::new(name, Spanned::new(span, table));
            whose.clone_into(&mut section.whose);
            Some(section)
        }
        other => {
            report.add(span.start, name, format_args!("{whose}{}", wrong_type(&other, shape)));
            None
        }
    }
}

/// A table whose keys are taken out one after the other; what is left is unknown.
pub(super) struct Section<'t> {
    /// Empty for the file itself.
    name: &'static str,
    /// What begins a finding.
    pub(super) whose: String,
    /// Where the section begins.
    pub(super) at: usize,
    table: DeTable<'t>,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    pub(super) fn new(name: &'static str, table: Spanned<DeTable<'t>>) -> Self {
        let at = table.span().start;
        Self { name, whose: String::new(), at, table: table.into_inner(), known: Vec::new() }
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.remove(key)
    }

    /// Reports `key` with `message` if it is there.
    pub(super) fn refuse(&mut self, key: &str, message: &str, report: &mut Report<'_>) {
        if let Some(value) = self.table.remove(key) {
            self.report(value.span().start, key, message, report);
        }
    }

    /// Reports what is at `at`, the value of `key`.
    pub(super) fn report(&self, at: usize, key: &str, message: impl fmt::Display, report: &mut Report<'_>) {
        report.add(at, self.path(key), format_args!("{}{message}", self.whose));
    }

    /// The keys that nobody has taken out yet.
    pub(super) fn remaining(&self) -> impl Iterator<Item = (&str, usize)> {
        self.table.keys().map(|key| (&**key.get_ref(), key.span().start))
    }

    /// All that is left, in the order of the file.
    pub(super) fn take_all(&mut self) -> Vec<(Spanned<Cow<'t, str>>, Spanned<DeValue<'t>>)> {
        let mut all: Vec<_> = mem::take(&mut self.table).into_iter().collect();
        all.sort_by_key(|(key, _)| key.span().start);
        all
    }

    /// The text of `key`; none if it is wrong, or not there, which `missing` says what to do about.
    pub(super) fn required(
        &mut self,
        key: &'static str,
        missing: &str,
        report: &mut Report<'_>,
    ) -> Option<Spanned<Cow<'t, str>>> {
        match self.text(key, report) {
            Value::Is(text) => Some(text),
            Value::Wrong => None,
            Value::Absent => {
                self.report(self.at, key, missing, report);
                None
            }
        }
    }

    /// The value of `key`, if it is there and right, by `parse`, whose error says what is wrong with it.
    pub(super) fn parsed<T, E: fmt::Display>(
        &self,
        key: &str,
        text: &Spanned<Cow<'t, str>>,
        parse: impl FnOnce(&str) -> Result<T, E>,
        report: &mut Report<'_>,
    ) -> Option<T> {
        parse(text.get_ref()).map_err(|problem| self.report(text.span().start, key, problem, report)).ok()
    }

    pub(super) fn text(&mut self, key: &'static str, report: &mut Report<'_>) -> Value<Cow<'t, str>> {
        self.value(key, "text in quotes", report, |value| match value {
            DeValue::String(text) => Ok(text),
            other => Err(other),
        })
    }

    pub(super) fn integer(&mut self, key: &'static str, report: &mut Report<'_>) -> Value<i64> {
        self.value(key, "a whole number without quotes", report, |value| match value {
            // What does not fit is out of every range.
            DeValue::Integer(number) => {
                Ok(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(i64::MAX))
            }
            other => Err(other),
        })
    }

    pub(super) fn boolean(&mut self, key: &'static str, report: &mut Report<'_>) -> Value<bool> {
        self.value(key, "`true` or `false` without quotes", report, |value| match value {
            DeValue::Boolean(value) => Ok(value),
            other => Err(other),
        })
    }

    pub(super) fn texts(
        &mut self,
        key: &'static str,
        report: &mut Report<'_>,
    ) -> Value<Vec<Spanned<Cow<'t, str>>>> {
        let (texts, complete) = self.listed(key, report);
        if complete { texts } else { Value::Wrong }
    }

    /// The texts of a list, and whether it has nothing else.
    pub(super) fn listed(
        &mut self,
        key: &'static str,
        report: &mut Report<'_>,
    ) -> (Value<Vec<Spanned<Cow<'t, str>>>>, bool) {
        let entries =
            self.value(key, "a list in brackets, of texts in quotes", report, |value| match value {
                DeValue::Array(entries) => Ok(entries),
                other => Err(other),
            });
        match entries {
            Value::Absent => (Value::Absent, true),
            Value::Wrong => (Value::Wrong, false),
            Value::Is(entries) => self.entries(key, entries, report),
        }
    }

    fn entries(
        &self,
        key: &'static str,
        entries: Spanned<DeArray<'t>>,
        report: &mut Report<'_>,
    ) -> (Value<Vec<Spanned<Cow<'t, str>>>>, bool) {
        let span = entries.span();
        let count = entries.get_ref().len();
        let mut texts = Vec::with_capacity(count);
        for entry in entries.into_inner() {
            let span = entry.span();
            match entry.into_inner() {
                DeValue::String(text) => texts.push(Spanned::new(span, text)),
                other => {
                    let problem = wrong_type(&other, "text in quotes");
                    report.add(span.start, self.path(key), format_args!("{}{problem}", self.whose));
                }
            }
        }
        let complete = texts.len() == count;
        (Value::Is(Spanned::new(span, texts)), complete)
    }

    fn value<T>(
        &mut self,
        key: &'static str,
        shape: &str,
        report: &mut Report<'_>,
        convert: impl FnOnce(DeValue<'t>) -> Result<T, DeValue<'t>>,
    ) -> Value<T> {
        let Some(value) = self.take(key) else {
            return Value::Absent;
        };
        let span = value.span();
        match convert(value.into_inner()) {
            Ok(value) => Value::Is(Spanned::new(span, value)),
            Err(other) => {
                let problem = wrong_type(&other, shape);
                report.add(span.start, self.path(key), format_args!("{}{problem}", self.whose));
                Value::Wrong
            }
        }
    }

    /// Reports every key that was not read.
    pub(super) fn finish(self, report: &mut Report<'_>) {
        for key in self.table.keys() {
            let text = key.get_ref();
            let message = match nearest(text, &self.known) {
                Some(near) => format!("unknown key; did you mean `{near}`?"),
                None => format!("unknown key; known here are `{}`", self.known.join("`, `")),
            };
            let path = self.path(&printable(text).to_string());
            report.add(key.span().start, path, format_args!("{}{message}", self.whose));
        }
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

/// What is wrong with a `value` that should have another `shape`.
pub(super) fn wrong_type(value: &DeValue<'_>, shape: &str) -> String {
    let kind = match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    };
    format!("is {kind}; write {shape}")
}
