//! Findings about events' ids and names.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};

use super::item::SampledItem;
use super::kind::{kinds_among, without};
use super::line::{is_nameable, nearest_path};
use super::version::kinds_of;
use super::{ConfigLine, SampleFinding, Survey, of};
use crate::config::Path;
use crate::event::{Role, own_id};

/// Finds ids that events lack, and a name that no event has.
pub(super) fn find(survey: &Survey<'_>, findings: &mut Vec<SampleFinding>) {
    findings.extend(survey.source.id.as_ref().and_then(|path| ids(survey, path)));
    findings.extend(survey.source.name.as_ref().and_then(|path| names(survey, path)));
}

fn ids(survey: &Survey<'_>, path: &Path) -> Option<SampleFinding> {
    let of_events = |item: &&SampledItem| item.lacks(Role::Id) || item.event().is_some();
    let events: Vec<&SampledItem> = survey.admitted.iter().copied().filter(of_events).collect();
    let lacking: Vec<&SampledItem> = events.iter().copied().filter(|item| item.lacks(Role::Id)).collect();
    if lacking.is_empty() {
        return None;
    }
    let have = if lacking.len() == 1 { "has" } else { "have" };
    let problem = format!(
        "{} {have} no id that can be sent (`{path}`), and would be rejected",
        of(lacking.len(), events.len(), "event")
    );
    let has_id = |item: &&SampledItem| item.at(path).and_then(own_id).is_some();
    let having: Vec<&SampledItem> = survey.admitted.iter().copied().filter(has_id).collect();
    if !having.is_empty() {
        return Some(of_some(survey, problem, &events, &having, &lacking));
    }
    let path = telling(survey, &events).or_else(|| telling(survey, &survey.admitted));
    Some(match path {
        Some(path) => SampleFinding::with_line(problem, "", ConfigLine::of_source("id", &path.to_string())),
        None => SampleFinding::new(
            problem,
            "leave `id` out: the message's deduplication id is used. Then a sort key must be used once in an aggregate, also \
             after it was erased",
        ),
    })
}

/// Items `having` an id are there: those `lacking` one are of other kinds, as a rule.
fn of_some(
    survey: &Survey<'_>,
    problem: String,
    events: &[&SampledItem],
    having: &[&SampledItem],
    lacking: &[&SampledItem],
) -> SampleFinding {
    let kinds = kinds_among(having);
    let (alike, others): (Vec<&SampledItem>, Vec<_>) =
        lacking.iter().copied().partition(|item| kinds.contains(&item.kind()));
    let problem = format!("{problem}: {}", kinds_of(lacking));
    if others.is_empty() {
        let path = telling(survey, events).filter(|path| events.iter().all(|event| event.at(path).is_some()));
        return match path {
            Some(path) => {
                SampleFinding::with_line(problem, "", ConfigLine::of_source("id", &path.to_string()))
            }
            None => SampleFinding::new(problem, "let the writer give each event an id"),
        };
    }
    let which = if alike.is_empty() {
        "if they are no events, ".to_owned()
    } else {
        format!("if these are no events ({}), ", kinds_of(&others))
    };
    match without(survey, &[having, &alike].concat(), &others) {
        Some(line) => SampleFinding::with_line(problem, &which, line),
        None => SampleFinding::new(
            problem,
            which + "leave them out with `[source.filter]`; else let the writer give each event an id",
        ),
    }
}

/// The path at which most of `items` have ids, all different, by a name that says so. Those without are of other kinds.
fn telling(survey: &Survey<'_>, items: &[&SampledItem]) -> Option<Path> {
    let keys = [&survey.source.partition_key, &survey.source.sort_key];
    let is_telling = |path: &[String]| {
        let name = path.last().map(|name| name.to_lowercase()).unwrap_or_default();
        let is_key = matches!(path, [name] if keys.contains(&name));
        !is_key && is_nameable(path) && (name.ends_with("id") || name == "urn")
    };
    let paths: BTreeSet<&Vec<String>> =
        items.iter().flat_map(|item| item.scalars.keys()).filter(|path| is_telling(path)).collect();
    let counted = paths.into_iter().filter_map(|path| Some((path, holders(items, path)?)));
    let (path, _) = counted.min_by_key(|(_, holders)| Reverse(*holders))?;
    Some(Path(path.clone()))
}

/// How many of `items` have an id at `path`, if these are most of them and all of their kinds, and the ids differ.
pub(super) fn holders(items: &[&SampledItem], path: &[String]) -> Option<usize> {
    let id = |item: &SampledItem| item.scalars.get(path).and_then(own_id);
    let (holders, others): (Vec<&SampledItem>, Vec<_>) = items.iter().partition(|item| id(item).is_some());
    let ids: HashSet<String> = holders.iter().filter_map(|item| id(item)).collect();
    let is_of_kinds = kinds_among(&holders).is_disjoint(&kinds_among(&others));
    (is_of_kinds && ids.len() == holders.len() && holders.len() > others.len()).then_some(holders.len())
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
