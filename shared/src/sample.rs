//! A page of the event table, as the pipeline would read it: which items would be events, which not and why, and which
//! line of `client-queues.toml` helps.
//!
//! Items are read by the converter's own code, so that what is said here is what happens there.

mod draft;
mod filter;
mod guess;
mod id;
mod item;
mod kind;
mod line;
mod lines;
mod matching;
mod numbering;
mod order;
mod time;
mod toml_key;
mod version;
mod view;

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::Serialize;

use crate::config::{Client, Config, Source};
use crate::event::{Event, EventError, Role};
use crate::ids::Key;
use crate::text::counted;
use item::{ItemOutcome, ItemReader, SampledItem, Unsendable};
use kind::kinds;

pub use draft::{DraftConfig, DraftTable};
pub use lines::{UnreadableLine, items_of_lines};
pub use matching::{MatchedItem, UnwantedBy, match_items};
use view::view_findings;

/// The most reasons that a sample lists.
const REASONS_LIMIT: usize = 10;

/// Items of an event table, in the order of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampledPage {
    /// Each in DynamoDB's JSON.
    pub items: Vec<String>,
    /// Whether these are all items of the table. Else the last item's aggregate may go on behind the page.
    pub is_whole: bool,
    /// The attribute by which the table lets items expire, if it does.
    pub expiry: Option<String>,
}

/// What a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How many items the page has.
    pub items: usize,
    /// How many of them would be events.
    pub events: usize,
    /// How many the source's filter passes over.
    pub skipped: usize,
    /// How many would be rejected.
    pub rejected: usize,
    /// The same by the beginning of the sort key, the most frequent first.
    pub kinds: Vec<Kind>,
    /// Why items are no events, the most frequent reason first.
    pub reasons: Vec<Reason>,
    /// One of the events.
    pub example: Option<Event>,
    /// What is wrong with the source, or with the table.
    pub findings: Vec<SampleFinding>,
}

/// Items whose sort keys begin alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kind {
    /// What they begin with (`EVENT#…`), or all of it (`META`), or what else they have in common (`(number)`).
    pub sort_key: String,
    /// How many would be events.
    pub events: usize,
    /// How many the filter passes over.
    pub skipped: usize,
    /// How many would be rejected.
    pub rejected: usize,
}

/// Why some items are no events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The reason, in words.
    pub reason: String,
    /// Whether the filter passes them over; else they would be rejected.
    pub is_skipped: bool,
    /// How many items it is about.
    pub items: usize,
}

/// What is wrong, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SampleFinding {
    /// What is wrong.
    pub problem: String,
    /// What to do; it names `line`, if there is one.
    pub remedy: String,
    /// The line for `client-queues.toml`.
    pub line: Option<ConfigLine>,
    /// Whether it can stay so.
    pub severity: Severity,
}

/// Whether a finding can stay as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It can't: events are missing for clients, or wrong.
    Fault,
    /// It can, if the operator wants it so.
    Warning,
}

/// A line for `client-queues.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigLine {
    /// The section that it belongs to: `source`, or `source.filter`.
    pub section: &'static str,
    /// The line.
    pub text: String,
}

impl Sample {
    /// What `page` shows to the pipeline with this config.
    pub fn new(config: &Config, page: &SampledPage) -> Self {
        let Config { source, clients, .. } = config;
        let reader = ItemReader::new(source);
        let items: Vec<SampledItem> = page.items.iter().map(|item| reader.item(item)).collect();
        let survey = Survey::new(source, page, &items);
        let events: Vec<&Event> = items.iter().filter_map(SampledItem::event).collect();
        let skipped = items.iter().filter(|item| item.is_skipped()).count();
        let mut findings = survey.findings(&reader, clients);
        findings.extend(view_findings(clients, &items));
        Self {
            items: items.len(),
            events: events.len(),
            skipped,
            rejected: items.len() - events.len() - skipped,
            kinds: kinds(&items),
            reasons: reasons(&items),
            example: events.first().map(|event| (*event).clone()),
            findings,
        }
    }
}

impl SampleFinding {
    fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (problem, remedy) = (problem.into(), remedy.into());
        Self { problem, remedy, line: None, severity: Severity::Fault }
    }

    /// The remedy is a line, and what is said `before` it.
    fn with_line(problem: impl Into<String>, before: &str, line: ConfigLine) -> Self {
        let remedy = format!("{before}write `{}` in `[{}]`", line.text, line.section);
        Self { line: Some(line), ..Self::new(problem, remedy) }
    }

    fn into_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }
}

/// The items of a page by what became of them.
struct Survey<'s> {
    source: &'s Source,
    page: &'s SampledPage,
    items: &'s [SampledItem],
    /// Those that the filter admits.
    admitted: Vec<&'s SampledItem>,
    /// The aggregates of admitted items.
    aggregates: Vec<SampledAggregate<'s>>,
}

/// The admitted items of one partition.
struct SampledAggregate<'s> {
    key: &'s Key,
    items: Vec<&'s SampledItem>,
    /// Whether it may go on behind the page.
    is_cut: bool,
}

impl<'s> Survey<'s> {
    fn new(source: &'s Source, page: &'s SampledPage, items: &'s [SampledItem]) -> Self {
        let admitted: Vec<_> = items.iter().filter(|item| !item.is_skipped()).collect();
        let last = items.last().and_then(|item| item.key.as_ref()).filter(|_| !page.is_whole);
        let (mut aggregates, mut known): (Vec<SampledAggregate<'s>>, HashMap<&Key, usize>) =
            Default::default();
        for item in &admitted {
            let Some(key) = &item.key else { continue };
            let index = *known.entry(key).or_insert(aggregates.len());
            match aggregates.get_mut(index) {
                Some(aggregate) => aggregate.items.push(item),
                None => {
                    aggregates.push(SampledAggregate { key, items: vec![item], is_cut: last == Some(key) });
                }
            }
        }
        Self { source, page, items, admitted, aggregates }
    }

    fn findings(&self, reader: &ItemReader, clients: &[Client]) -> Vec<SampleFinding> {
        let mut findings = Vec::new();
        if !self.items.is_empty() {
            findings.extend(self.keys());
            filter::find(self, reader, &mut findings);
            // Where something else is read for the version, its order says nothing.
            if version::find(self, &mut findings) {
                order::find(self, &mut findings);
            }
            time::find(self, &mut findings);
            id::find(self, &mut findings);
            findings.extend(self.unsendable());
            filter::find_of_clients(self, clients, &mut findings);
        }
        findings.extend(self.expiry());
        findings
    }

    fn events(&self) -> impl Iterator<Item = &'s SampledItem> {
        self.items.iter().filter(|item| item.event().is_some())
    }

    /// A key attribute that no item has.
    fn keys(&self) -> Option<SampleFinding> {
        let Source { partition_key, sort_key, .. } = self.source;
        let keys = [("partition_key", "partition key", partition_key), ("sort_key", "sort key", sort_key)];
        let has = |name: &String| {
            self.items.iter().any(|item| item.scalars.contains_key([name.clone()].as_slice()))
        };
        let (setting, role, name) = keys.into_iter().find(|(_, _, name)| !has(name))?;
        let problem = format!("no item has `{name}`, the {role}");
        let near = line::nearest_path(name, self.items.iter()).filter(|near| !near.contains('.'));
        Some(match near {
            Some(near) => SampleFinding::with_line(problem, "", ConfigLine::of_source(setting, &near)),
            None => SampleFinding::new(problem, format!("name the table's {role} as `{setting}`")),
        })
    }

    /// Items that would be rejected for a reason that has no finding of its own.
    fn unsendable(&self) -> Option<SampleFinding> {
        let mut others = self.items.iter().filter_map(|item| match &item.outcome {
            ItemOutcome::Rejected(Unsendable::TooLarge(reason)) => Some(reason.clone()),
            ItemOutcome::Rejected(Unsendable::Error(EventError::Image(error))) => Some(error.to_string()),
            _ => None,
        });
        let first = others.next()?;
        let problem = format!("{} would be rejected: {first}", counted(1 + others.count(), "item"));
        Some(SampleFinding::new(
            problem,
            "an event that is rejected is missing for all clients: write it in another form, or leave it out with \
             `[source.filter]`",
        ))
    }

    /// Events that expire one by one.
    fn expiry(&self) -> Option<SampleFinding> {
        let attribute = self.page.expiry.as_ref()?;
        let name = [attribute.clone()];
        let (events, expiring) = self.events().fold((0, 0), |(events, expiring), item| {
            (events + 1, expiring + usize::from(item.scalars.contains_key(name.as_slice())))
        });
        if events > 0 && expiring == 0 {
            return None;
        }
        let which = if events == 0 {
            "whether events have it isn't known".to_owned()
        } else {
            of(expiring, events, "event") + if expiring == 1 { " has it" } else { " have it" }
        };
        Some(SampleFinding::new(
            format!(
                "items expire by the attribute {} (TTL), and {which}: an event that is removed by itself is missing for clients \
                 that are behind",
                crate::quoted::quoted(attribute)
            ),
            "switch TTL off, or give that attribute only to items that are no events",
        ))
    }
}

impl SampledItem {
    /// The role that an error of the event is about.
    fn lacks(&self, role: Role) -> bool {
        let ItemOutcome::Rejected(Unsendable::Error(error)) = &self.outcome else { return false };
        match error {
            EventError::Lacks { role: of, .. }
            | EventError::WrongType { role: of, .. }
            | EventError::Empty { role: of, .. } => *of == role,
            EventError::Version { .. } => role == Role::Version,
            EventError::IdTooLong { .. } => role == Role::Id,
            EventError::Image(_) => false,
        }
    }
}

/// Why items are no events, the most frequent reason first.
fn reasons(items: &[SampledItem]) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    for item in items {
        let (reason, is_skipped) = match &item.outcome {
            ItemOutcome::Event(_) => continue,
            ItemOutcome::Skipped(reason) => (reason.clone(), true),
            ItemOutcome::Rejected(unsendable) => (unsendable.to_string(), false),
        };
        match reasons.iter_mut().find(|known| known.is_skipped == is_skipped && known.reason == reason) {
            Some(known) => known.items += 1,
            None => reasons.push(Reason { reason, is_skipped, items: 1 }),
        }
    }
    reasons.sort_by_key(|reason| Reverse(reason.items));
    reasons.truncate(REASONS_LIMIT);
    reasons
}

/// `2 of 5 events`.
fn of(count: usize, all: usize, noun: &str) -> String {
    format!("{count} of {}", counted(all, noun))
}

#[cfg(test)]
mod tests;
