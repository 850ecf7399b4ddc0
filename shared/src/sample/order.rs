//! Findings about how events count: versions twice, versions left out.

use std::collections::HashSet;

use super::item::SampledItem;
use super::kind::without;
use super::version::{counting, kind_counts, kinds_of, numbers};
use super::{ConfigLine, SampleFinding, SampledAggregate, Survey, of};
use crate::ids::{Group, Key};
use crate::ledger::plausible::JUMP_LIMIT;
use crate::ledger::times::YOUNG;
use crate::quoted::quoted;

const ON_CONDITION: &str =
    "append each event on condition that it is the next (docs/ordering.md, \"What is guaranteed\")";

/// Finds versions that don't count up by one.
pub(super) fn find(survey: &Survey<'_>, findings: &mut Vec<SampleFinding>) {
    let versions: Vec<Versions<'_>> = survey.aggregates.iter().filter_map(Versions::new).collect();
    let twice: Vec<&Versions<'_>> = versions.iter().filter(|versions| !versions.twice.is_empty()).collect();
    findings.extend(used_twice(survey, &twice));
    findings.extend(left_out(survey, &versions));
}

/// The events of an aggregate, by their versions.
struct Versions<'s> {
    key: &'s Key,
    /// Sorted; each once.
    versions: Vec<i64>,
    /// Two events for each version that there is more than once.
    twice: Vec<(&'s SampledItem, &'s SampledItem)>,
    is_cut: bool,
}

impl<'s> Versions<'s> {
    /// `None`: the aggregate has no event.
    fn new(aggregate: &SampledAggregate<'s>) -> Option<Self> {
        let version = |item: &&'s SampledItem| Some((item.event()?.version(), *item));
        let mut events: Vec<(i64, &SampledItem)> = aggregate.items.iter().filter_map(version).collect();
        events.sort_by_key(|(version, _)| *version);
        let neighbours = events.iter().zip(events.iter().skip(1));
        let twice = neighbours.filter(|(one, other)| one.0 == other.0).map(|(one, other)| (one.1, other.1));
        let twice = twice.collect();
        let mut versions: Vec<i64> = events.iter().map(|(version, _)| *version).collect();
        versions.dedup();
        (!versions.is_empty()).then_some(Self {
            key: aggregate.key,
            versions,
            twice,
            is_cut: aggregate.is_cut,
        })
    }

    /// Where the versions leave some out, in words.
    fn hole(&self, first_version: i64) -> Option<String> {
        let first = self.versions.first()?;
        if *first != first_version {
            return Some(format!("begins at version {first}"));
        }
        let mut neighbours = self.versions.iter().zip(self.versions.iter().skip(1));
        let (before, after) = neighbours.find(|(before, after)| *before + 1 != **after)?;
        Some(format!("goes from version {before} to {after}"))
    }
}

fn used_twice(survey: &Survey<'_>, twice: &[&Versions<'_>]) -> Option<SampleFinding> {
    let first = twice.first()?;
    let (one, other) = first.twice.first()?;
    let pairs: usize = twice.iter().map(|versions| versions.twice.len()).sum();
    let problem = format!(
        "{} used by two items of one aggregate, of which clients get one: version {} of {} by {} and {}",
        if pairs == 1 { "a version is".to_owned() } else { format!("{pairs} versions are") },
        one.event()?.version(),
        name(first.key),
        sort(one),
        sort(other),
    );
    let pairs = twice.iter().flat_map(|versions| &versions.twice);
    let of_two_kinds = pairs.filter(|(one, other)| one.kind() != other.kind());
    let involved: Vec<&SampledItem> = of_two_kinds.flat_map(|(one, other)| [*one, *other]).collect();
    let Some((line, others)) = without_other_kinds(survey, &involved) else {
        return Some(SampleFinding::new(problem, ON_CONDITION));
    };
    let before = format!("if these are no events ({}), ", kinds_of(&others));
    Some(SampleFinding::with_line(problem, &before, line))
}

/// The line that leaves out those of `involved` that are not of the main kind of events, and these items. If there is
/// none: the line that leaves out all kinds that don't count.
fn without_other_kinds<'s>(
    survey: &Survey<'s>,
    involved: &[&'s SampledItem],
) -> Option<(ConfigLine, Vec<&'s SampledItem>)> {
    if involved.is_empty() {
        return None;
    }
    let is_involved = |kind: &Option<String>| involved.iter().any(|item| item.kind() == *kind);
    let mut kinds: Vec<(Option<String>, usize)> = Vec::new();
    // An item without a version that can be read shows, too, how frequent its kind is.
    let of_events: HashSet<Option<String>> = survey.events().map(SampledItem::kind).collect();
    for kind in survey.admitted.iter().map(|item| item.kind()).filter(|kind| of_events.contains(kind)) {
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let rank =
        |(kind, count): &&(Option<String>, usize)| (kind_counts(survey, kind), *count, !is_involved(kind));
    let (main, _) = kinds.iter().max_by_key(rank)?;
    let without_kinds = |is_other: &dyn Fn(&Option<String>) -> bool| {
        let is_other = |item: &&SampledItem| item.kind() != *main && is_other(&item.kind());
        let (others, wanted): (Vec<&SampledItem>, Vec<_>) = survey.events().partition(is_other);
        let line = without(survey, &wanted, &others).filter(|_| !others.is_empty())?;
        Some((line, others))
    };
    without_kinds(&is_involved).or_else(|| without_kinds(&|kind| !kind_counts(survey, kind)))
}

fn left_out(survey: &Survey<'_>, versions: &[Versions<'_>]) -> Option<SampleFinding> {
    let place = &survey.source.version;
    let whole: Vec<&Versions<'_>> = versions.iter().filter(|versions| !versions.is_cut).collect();
    let holes = whole.iter().filter_map(|versions| Some((versions, versions.hole(place.first)?)));
    let holes: Vec<_> = holes.collect();
    let (first, hole) = holes.first()?;
    let problem = format!(
        "the versions of {} don't count {}: {} {hole}",
        of(holes.len(), versions.len(), "aggregate"),
        numbers(place.first),
        name(first.key)
    );
    if whole.iter().all(|versions| versions.hole(1).is_none()) {
        return Some(SampleFinding::with_line(problem, "", ConfigLine::of_first_version(1)));
    }
    let (events, better) = (survey.events().count(), counting(&survey.aggregates, place));
    Some(match better.filter(|better| better.items >= events) {
        Some(better) => {
            let problem = format!("{problem}; at `{}`, they do", better.place);
            SampleFinding::with_line(problem, "", ConfigLine::of_version(&better.place))
        }
        None => SampleFinding::new(
            problem,
            format!(
                "a version that is not there is waited for, up to {} s each time, and an event with more than {JUMP_LIMIT} versions \
                 missing before it is rejected; {ON_CONDITION}, or leave out what is no event",
                YOUNG.as_secs()
            ),
        ),
    })
}

fn name(key: &Key) -> String {
    quoted(Group::of(key).as_str()).to_string()
}

fn sort(item: &SampledItem) -> String {
    match item.sort() {
        Some(Key::S(text) | Key::N(text)) => quoted(text).to_string(),
        Some(Key::B(_)) | None => "bytes".to_owned(),
    }
}
