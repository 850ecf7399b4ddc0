//! Findings about where events have their version.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::item::SampledItem;
use super::kind::{separation, shown};
use super::line::{is_nameable, nearest_path};
use super::{ConfigLine, SampleFinding, SampledAggregate, Survey, of};
use crate::config::{Path, VersionPlace};
use crate::event::Role;
use crate::ids::Key;
use crate::quoted::quoted;
use crate::text::counted;

/// The most kinds that a problem lists.
const LISTED: usize = 4;

const COUNT_FROM_NOW_ON: &str = "name the attribute that counts each aggregate's events; if there is none: docs/ordering.md, \"My events have no version\"";

/// Finds items without a version that can be read.
pub(super) fn find(survey: &Survey<'_>, findings: &mut Vec<SampleFinding>) {
    let place = &survey.source.version;
    let from_0 = VersionPlace { first: 0, ..place.clone() };
    let is_zero =
        |item: &&SampledItem| item.at(&place.path).is_some_and(|value| from_0.read(value) == Some(0));
    let (zeros, lacking): (Vec<&SampledItem>, Vec<_>) =
        survey.admitted.iter().copied().filter(|item| item.lacks(Role::Version)).partition(is_zero);
    findings.extend(zero(survey, &from_0, &zeros));
    if lacking.is_empty() {
        return;
    }
    let known = survey.admitted.len() - lacking.len() - zeros.len();
    let better = counting(survey.aggregates.as_slice(), place)
        .filter(|better| known == 0 || better.items == survey.admitted.len());
    if let Some(better) = better {
        let all = better.items == survey.admitted.len();
        let which = if all { "they".to_owned() } else { format!("{} of them", better.items) };
        let problem = format!(
            "{} at `{place}`; at `{}`, {which} count {}",
            no_version(lacking.len(), survey.admitted.len()),
            better.place,
            numbers(place.first)
        );
        findings.push(SampleFinding::with_line(problem, "", ConfigLine::of_version(&better.place)));
    } else if known == 0 {
        findings.push(without_any(survey, &lacking));
    } else {
        findings.push(other_kinds(survey, &lacking));
    }
}

/// A place where each aggregate's items count up by one from the first version.
pub(super) struct Counting {
    pub(super) place: VersionPlace,
    /// How many items have a version there.
    pub(super) items: usize,
}

/// The place other than `known` at which most items count, if there is any. At least one aggregate has to show it with
/// two versions.
pub(super) fn counting(aggregates: &[SampledAggregate<'_>], known: &VersionPlace) -> Option<Counting> {
    let mut versions: HashMap<VersionKey, Vec<(usize, i64)>> = HashMap::new();
    for (index, aggregate) in aggregates.iter().enumerate() {
        for (path, value) in aggregate.items.iter().flat_map(|item| &item.scalars) {
            if let Some((after, version)) = digits(value).filter(|_| is_nameable(path)) {
                let key = VersionKey { path: path.clone(), after: after.map(str::to_owned) };
                versions.entry(key).or_default().push((index, version));
            }
        }
    }
    let counts = versions.into_iter().filter(|(_, versions)| count_up(aggregates, versions, known.first));
    let places = counts.map(|(VersionKey { path, after }, versions)| Counting {
        place: VersionPlace { path: Path(path), after, first: known.first },
        items: versions.len(),
    });
    // Of places that serve as well, the one that is meant, or else the plainest.
    let plainest = |counting: &Counting| {
        let VersionPlace { path, after, .. } = &counting.place;
        (Reverse(counting.items), *path != known.path, after.is_some(), path.0.len(), path.0.clone())
    };
    places.filter(|counting| counting.place != *known).min_by_key(plainest)
}

#[derive(PartialEq, Eq, Hash)]
struct VersionKey {
    path: Vec<String>,
    after: Option<String>,
}

/// Whether these versions, each with the index of its aggregate, count up by one from `first` in each aggregate.
fn count_up(aggregates: &[SampledAggregate<'_>], versions: &[(usize, i64)], first: i64) -> bool {
    let mut of_aggregates: HashMap<usize, Vec<i64>> = HashMap::new();
    for (index, version) in versions {
        of_aggregates.entry(*index).or_default().push(*version);
    }
    let mut is_shown = false;
    for (index, mut versions) in of_aggregates {
        versions.sort_unstable();
        let is_cut = aggregates.get(index).is_some_and(|aggregate| aggregate.is_cut);
        let is_counting = (first..).zip(&versions).all(|(expected, version)| expected == *version);
        let are_distinct = versions.windows(2).all(|pair| pair.first() != pair.last());
        if !(is_counting || is_cut && are_distinct) {
            return false;
        }
        is_shown |= is_counting && versions.len() > 1;
    }
    is_shown
}

/// What `value` has before the digits at its end, if anything, and their number.
fn digits(value: &Key) -> Option<(Option<&str>, i64)> {
    let (before, digits) = match value {
        Key::N(number) => (None, number.as_str()),
        Key::S(text) => {
            let before = text.trim_end_matches(|last: char| last.is_ascii_digit());
            (Some(before).filter(|before| !before.is_empty()), text.strip_prefix(before)?)
        }
        Key::B(_) => return None,
    };
    let is_whole = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let version = digits.parse().ok().filter(|_| is_whole)?;
    Some((before, version))
}

/// How versions count, in words.
pub(super) fn numbers(first: i64) -> String {
    format!("{first}, {}, {} …", first + 1, first + 2)
}

/// Items with version 0, where versions count from 1.
fn zero(survey: &Survey<'_>, from_0: &VersionPlace, zeros: &[&SampledItem]) -> Option<SampleFinding> {
    let path = &survey.source.version.path;
    let first = zeros.first()?;
    let have = if zeros.len() == 1 { "has" } else { "have" };
    let problem = format!(
        "{} {have} version 0 (`{path}`), and versions count from 1: an item with version 0 is rejected",
        of(zeros.len(), survey.admitted.len(), "item")
    );
    let versions = survey.aggregates.iter().enumerate().flat_map(|(index, aggregate)| {
        let versions = aggregate.items.iter().filter_map(|item| from_0.read(item.at(path)?));
        versions.map(move |version| (index, version))
    });
    if count_up(&survey.aggregates, &versions.collect::<Vec<_>>(), 0) {
        return Some(SampleFinding::with_line(problem, "", ConfigLine::of_first_version(0)));
    }
    if !matches!(first.at(path), Some(Key::N(_))) {
        return Some(SampleFinding::new(problem, "let the writer count from 1"));
    }
    let line = ConfigLine::of_filter(&path.0, "[{ numeric = [\">\", 0] }]");
    Some(SampleFinding::with_line(
        problem,
        "let the writer count from 1; or, if clients can do without these, ",
        line,
    ))
}

/// No item has a version, and nothing counts.
fn without_any(survey: &Survey<'_>, lacking: &[&SampledItem]) -> SampleFinding {
    let place = &survey.source.version;
    let problem = no_version(lacking.len(), survey.admitted.len()) + &format!(" at `{place}`");
    if let Some(after) = behind(place, lacking) {
        let place = VersionPlace { after: Some(after.to_owned()), ..place.clone() };
        return SampleFinding::with_line(problem, "", ConfigLine::of_version(&place));
    }
    let is_absent = lacking.iter().all(|item| item.at(&place.path).is_none());
    let near = nearest_path(&place.path.to_string(), lacking.iter().copied()).filter(|_| is_absent);
    let near = near.and_then(|near| Path::try_new(&near).ok());
    match near {
        Some(path) => SampleFinding::with_line(problem, "", ConfigLine::of_version(&path.into())),
        None => SampleFinding::new(problem, COUNT_FROM_NOW_ON),
    }
}

/// What all items have before the digits of their version.
fn behind<'i>(place: &VersionPlace, lacking: &[&'i SampledItem]) -> Option<&'i str> {
    let mut before = lacking.iter().map(|item| digits(item.at(&place.path)?)?.0);
    let first = before.next()??;
    before.all(|other| other == Some(first)).then_some(first)
}

/// Some items have no version: they are of other kinds, as a rule.
fn other_kinds(survey: &Survey<'_>, lacking: &[&SampledItem]) -> SampleFinding {
    let place = &survey.source.version;
    let problem = format!(
        "{} at `{place}`, and would be rejected: {}",
        no_version(lacking.len(), survey.admitted.len()),
        kinds_of(lacking)
    );
    let sorts = |items: &mut dyn Iterator<Item = &SampledItem>| -> Vec<Key> {
        items.filter_map(|item| item.sort().cloned()).collect()
    };
    let wanted = sorts(&mut survey.admitted.iter().copied().filter(|item| !item.lacks(Role::Version)));
    let others = sorts(&mut lacking.iter().copied());
    let line =
        separation(survey.source, &wanted.iter().collect::<Vec<_>>(), &others.iter().collect::<Vec<_>>());
    let are_absent = lacking.iter().all(|item| item.at(&place.path).is_none());
    let line =
        line.or_else(|| are_absent.then(|| ConfigLine::of_filter(&place.path.0, "[{ exists = true }]")));
    match line {
        Some(line) => SampleFinding::with_line(problem, "if they are no events, ", line),
        None => SampleFinding::new(problem, "if they are no events, leave them out with `[source.filter]`"),
    }
}

/// `META 2, SNAPSHOT#… 1`.
pub(super) fn kinds_of(items: &[&SampledItem]) -> String {
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for kind in items.iter().filter_map(|item| item.sort()).map(shown) {
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let more = if kinds.len() > LISTED { ", …" } else { "" };
    let listed = kinds.iter().take(LISTED).map(|(kind, count)| format!("{} {count}", quoted(kind)));
    listed.collect::<Vec<_>>().join(", ") + more
}

fn no_version(count: usize, all: usize) -> String {
    match count {
        1 if all == 1 => "the only item has no version".to_owned(),
        _ if count == all => format!("none of {} has a version", counted(all, "item")),
        1 => format!("{} has no version", of(count, all, "item")),
        _ => format!("{} have no version", of(count, all, "item")),
    }
}
