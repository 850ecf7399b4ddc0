//! Findings about events' ids and names.

use std::collections::HashSet;

use super::item::SampledItem;
use super::line::{is_nameable, nearest_path};
use super::{ConfigLine, SampleFinding, Survey, of};
use crate::config::Path;
use crate::event::{Role, own_id};

/// Finds ids that events lack, and a name that no event has.
pub(super) fn find(survey: &Survey<'_>, findings: &mut Vec<SampleFinding>) {
    findings.extend(survey.source.id.as_ref().and_then(|path| ids(survey, path)));
    findings.extend(survey.source.name.as_ref().and_then(|path| names(survey, path)));
}

fn ids(survey: &Survey<'_>, path: &Path) -> Option<SampleFinding> {
    let lacking = survey.admitted.iter().filter(|item| item.lacks(Role::Id)).count();
    if lacking == 0 {
        return None;
    }
    let events: Vec<&SampledItem> = survey
        .admitted
        .iter()
        .copied()
        .filter(|item| item.lacks(Role::Id) || item.event().is_some())
        .collect();
    let have = if lacking == 1 { "has" } else { "have" };
    let problem = format!(
        "{} {have} no id that can be sent (`{path}`), and would be rejected",
        of(lacking, events.len(), "event")
    );
    Some(match telling(survey, &events) {
        Some(path) => SampleFinding::with_line(problem, "", ConfigLine::of_source("id", &path.to_string())),
        None => SampleFinding::new(
            problem,
            "leave `id` out: the message's deduplication id is used. Then a sort key must be used once in an aggregate, also \
             after it was erased",
        ),
    })
}

/// The path at which the events have ids, all different, by a name that says so.
fn telling(survey: &Survey<'_>, events: &[&SampledItem]) -> Option<Path> {
    let first = events.first()?;
    let keys = [&survey.source.partition_key, &survey.source.sort_key];
    let mut paths = first.scalars.keys().filter(|path| {
        let name = path.last().map(|name| name.to_lowercase()).unwrap_or_default();
        let is_key = matches!(path.as_slice(), [name] if keys.contains(&name));
        let ids = || events.iter().map(|event| event.scalars.get(*path).and_then(own_id));
        !is_key
            && is_nameable(path)
            && (name.ends_with("id") || name == "urn")
            && ids().collect::<Option<HashSet<_>>>().is_some_and(|ids| ids.len() == events.len())
    });
    paths.next().map(|path| Path(path.clone()))
}

fn names(survey: &Survey<'_>, path: &Path) -> Option<SampleFinding> {
    let mut events = survey.events().filter_map(SampledItem::event).peekable();
    events.peek()?;
    if events.any(|event| event.name().is_some()) {
        return None;
    }
    let problem = format!("no event has a name (`{path}`)");
    let finding = match nearest_path(&path.to_string(), survey.events()) {
        Some(near) => SampleFinding::with_line(problem, "", ConfigLine::of_source("name", &near)),
        None => SampleFinding::new(problem, "leave `name` out, or name the attribute that has it"),
    };
    Some(finding.into_warning())
}
