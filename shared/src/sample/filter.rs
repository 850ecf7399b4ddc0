//! Findings about `[source.filter]`, and about clients' filters.

use std::collections::BTreeSet;

use super::item::{ItemReader, SampledItem};
use super::line::nearest_path;
use super::toml_key::dotted;
use super::{SampleFinding, Survey};
use crate::config::{Client, Path};
use crate::ids::Key;
use crate::nearest::nearest;
use crate::pattern::{MESSAGE, Pattern, PatternSet, Subject};
use crate::quoted::quoted;
use crate::text::counted;

/// A filter, and what it says to each of the items or events that it was asked about.
struct AskedFilter<'f> {
    /// What findings call it.
    title: String,
    pattern: &'f Pattern,
    items: Vec<&'f SampledItem>,
    /// The paths that it names.
    paths: Vec<Path>,
    /// For each item or event, which of `paths` it has values at.
    present: Vec<Vec<bool>>,
    /// Whether it matches any.
    is_matching: bool,
}

/// Finds keys of the filter that no item has, and a filter that admits nothing.
pub(super) fn find(survey: &Survey<'_>, reader: &ItemReader, findings: &mut Vec<SampleFinding>) {
    let Some(pattern) = &survey.source.filter else { return };
    let filter = AskedFilter {
        title: "`[source.filter]`".to_owned(),
        pattern,
        items: survey.items.iter().collect(),
        paths: reader.filter_paths(),
        present: survey.items.iter().map(|item| item.present.clone()).collect(),
        is_matching: !survey.admitted.is_empty(),
    };
    filter.find_absent_keys("item", findings);
    findings.extend(filter.unknown_texts("item"));
    if !filter.is_matching && findings.is_empty() {
        let problem = format!("{} admits none of {}", filter.title, counted(survey.items.len(), "item"));
        findings.push(SampleFinding::new(
            problem,
            "compare its values with those of the table's events; nothing is sent of what it passes over",
        ));
    }
}

/// Finds keys of clients' filters that no event has, and filters that match none. A client may want what is rare, so
/// that these are warnings.
pub(super) fn find_of_clients(survey: &Survey<'_>, clients: &[Client], findings: &mut Vec<SampleFinding>) {
    let events: Vec<&SampledItem> = survey.events().collect();
    let subjects: Vec<Subject<'_>> =
        events.iter().filter_map(|item| item.event()).map(Subject::from).collect();
    if subjects.is_empty() {
        return;
    }
    for client in clients {
        let Some(pattern) = &client.filter else { continue };
        let set = PatternSet::new([((), pattern)]);
        let present = |subject: &Subject<'_>| set.present_paths(*subject).unwrap_or_default();
        let matches = |subject: &Subject<'_>| set.matches(*subject).is_ok_and(|found| !found.is_empty());
        let filter = AskedFilter {
            title: format!("the filter of client {}", quoted(client.name.as_str())),
            pattern,
            items: events.clone(),
            paths: set.paths(),
            present: subjects.iter().map(present).collect(),
            is_matching: subjects.iter().any(matches),
        };
        let mut found = Vec::new();
        filter.find_absent_keys("event", &mut found);
        if !filter.is_matching && found.is_empty() {
            let problem = format!("{} matches none of {}", filter.title, counted(subjects.len(), "event"));
            let remedy = "compare its values with those of events, if it should; `fanoutctl match FILE` names the field that \
                          says no";
            found.push(SampleFinding::new(problem, remedy));
        }
        found.extend(filter.unknown_texts("event"));
        findings.extend(found.into_iter().map(SampleFinding::into_warning));
    }
}

impl AskedFilter<'_> {
    /// Finds texts of the filter's lists that no item has where others have a text. What is rare may be missing from a
    /// sample, so that these are warnings.
    fn unknown_texts(&self, noun: &str) -> Vec<SampleFinding> {
        let mut findings: Vec<SampleFinding> = Vec::new();
        for (path, text) in self.pattern.listed_texts() {
            let known: BTreeSet<&str> = self.items.iter().filter_map(|item| text_at(item, path)).collect();
            if known.is_empty() || known.contains(text) {
                continue;
            }
            let problem = format!(
                "{} in {} of {} is the value of none of {}",
                quoted(text),
                quoted(&dotted(&path.0)),
                self.title,
                counted(self.items.len(), noun)
            );
            let known: Vec<&str> = known.into_iter().collect();
            let remedy = match nearest(text, &known) {
                Some(near) => format!("did you mean {}?", quoted(near)),
                None => "see whether it is written as in the table, unless it is rare".to_owned(),
            };
            findings.push(SampleFinding::new(problem, remedy).into_warning());
        }
        findings
    }

    fn find_absent_keys(&self, noun: &str, findings: &mut Vec<SampleFinding>) {
        let wanted = self.pattern.paths_of_values();
        for (index, path) in self.paths.iter().enumerate() {
            let is_there = self.present.iter().any(|present| present.get(index) == Some(&true));
            if is_there || !wanted.contains(&path) {
                continue;
            }
            let problem = format!(
                "{} of {} has a value in none of {}",
                quoted(&dotted(&path.0)),
                self.title,
                counted(self.present.len(), noun)
            );
            findings.push(SampleFinding::new(problem, remedy(&self.items, path)));
        }
    }
}

/// The text that a filter sees at `path` of an item, or of its event's message.
fn text_at<'i>(item: &'i SampledItem, path: &Path) -> Option<&'i str> {
    match (path.0.as_slice(), item.event()) {
        ([section, field], Some(event)) if section == MESSAGE => match field.as_str() {
            "eventName" => event.name(),
            "eventTime" => event.time(),
            "eventId" => Some(event.id()),
            "group" => Some(event.group().as_str()),
            _ => None,
        },
        _ => match item.at(path)? {
            Key::S(text) => Some(text),
            Key::N(_) | Key::B(_) => None,
        },
    }
}

/// What to write in place of `path`, from what `items` have.
fn remedy(items: &[&SampledItem], path: &Path) -> String {
    let text = path.to_string();
    let mut known = items.iter().flat_map(|item| item.scalars.keys());
    if let Some(alike) = known.find(|known| known.join(".") == text) {
        let why = if alike.len() > path.0.len() {
            "without quotes it is a path"
        } else {
            "in quotes it is one name with a dot"
        };
        return format!("write {} in its place: {why}", quoted(&dotted(alike)));
    }
    match nearest_path(&text, items.iter().copied()).and_then(|near| Path::try_new(&near).ok()) {
        Some(near) => format!("write {} in its place", quoted(&dotted(&near.0))),
        None => "see whether it is written as in the table".to_owned(),
    }
}
