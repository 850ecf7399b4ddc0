//! Findings about events' times.

use super::item::SampledItem;
use super::line::is_nameable;
use super::{ConfigLine, SampleFinding, Survey, of};
use crate::config::Path;
use crate::event::TEXT_LIMIT;
use crate::ids::Key;
use crate::ledger::EventTime;
use crate::quoted::quoted;

/// The year 2000, in nanoseconds: what is before it is rather a number of another meaning.
const EARLIEST: i128 = 946_684_800_000_000_000;

/// The year 2100.
const LATEST: i128 = 4_102_444_800_000_000_000;

/// Finds times that can't be read.
pub(super) fn find(survey: &Survey<'_>, findings: &mut Vec<SampleFinding>) {
    let Some(path) = &survey.source.time else { return };
    let events: Vec<&SampledItem> = survey.events().collect();
    let is_unread = |item: &&&SampledItem| item.head.as_ref().is_some_and(|head| head.time.is_none());
    let unread: Vec<&SampledItem> = events.iter().filter(is_unread).copied().collect();
    let Some(first) = unread.iter().find(|item| item.at(path).is_some()).or(unread.first()) else { return };
    let what = match first.at(path) {
        Some(Key::S(text) | Key::N(text)) => format!("can't be read, as {}", quoted(text)),
        Some(Key::B(_)) => "can't be read: it is bytes".to_owned(),
        None => "is missing".to_owned(),
    };
    let problem = format!("the time of {} (`{path}`) {what}", of(unread.len(), events.len(), "event"));
    let otherwise = "such an event's age isn't known (docs/ordering.md, \"Events without times\")";
    let finding = match readable(&events) {
        Some(path) => SampleFinding::with_line(problem, "", ConfigLine::of_source("time", &path.to_string())),
        None if unread.len() == events.len() => {
            SampleFinding::new(problem, format!("leave `time` out: {otherwise}"))
        }
        None => SampleFinding::new(
            problem,
            format!("{otherwise}: let it be so, or write times as docs/configuration.md says under `time`"),
        ),
    };
    findings.push(finding.into_warning());
}

/// A path at which each event has a time; of several, one whose name speaks of it, then the shortest.
pub(super) fn readable(events: &[&SampledItem]) -> Option<Path> {
    let first = events.first()?;
    let is_readable =
        |path: &[String]| events.iter().all(|event| event.scalars.get(path).is_some_and(is_time));
    let mut paths: Vec<&Vec<String>> =
        first.scalars.keys().filter(|path| is_nameable(path) && is_readable(path)).collect();
    paths.sort_by_key(|path| (!speaks_of_time(path), path.len()));
    paths.first().map(|path| Path((*path).clone()))
}

pub(super) fn is_time(value: &Key) -> bool {
    let (Key::S(text) | Key::N(text)) = value else { return false };
    let time = EventTime::try_from_text(text).filter(|_| text.len() <= TEXT_LIMIT);
    time.is_some_and(|time| (EARLIEST..LATEST).contains(&time.as_nanos()))
}

pub(super) fn speaks_of_time(path: &[String]) -> bool {
    let name = path.last().map(|name| name.to_lowercase()).unwrap_or_default();
    ["time", "date", "created", "occurred", "happened"].iter().any(|word| name.contains(word))
        || name.ends_with("at")
}
