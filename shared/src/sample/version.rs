//! Findings about where events have their version.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::item::SampledItem;
use super::kind::{SEPARATORS, kinds_among, without};
use super::line::{is_nameable, nearest_path};
use super::numbering::{counted_from, is_zero, version_at, zeros};
use super::{ConfigLine, SampleFinding, SampledAggregate, Survey, of};
use crate::config::{Path, VersionPlace};
use crate::event::Role;
use crate::ids::Key;
use crate::quoted::quoted;
use crate::text::counted;

/// The most kinds that a problem lists.
const LISTED: usize = 4;

pub(super) const COUNT_FROM_NOW_ON: &str = "name the attribute that counts each aggregate's events; if there is none: docs/ordering.md, \"My events have no version\"";

/// Finds items without a version that can be read. Says whether versions are where they are looked for.
pub(super) fn find(survey: &Survey<'_>, findings: &mut Vec<SampleFinding>) -> bool {
    let (zeros, all) = (zeros(survey), survey.admitted.len());
    let is_lacking = |item: &&SampledItem| item.lacks(Role::Version) && !is_zero(survey, item);
    let (lacking, having): (Vec<&SampledItem>, Vec<_>) =
        survey.admitted.iter().copied().partition(is_lacking);
    // Most items lack a version where it should be, and what is there doesn't count.
    let is_elsewhere =
        lacking.len() > having.len() && !kinds_among(&having).iter().any(|kind| kind_counts(survey, kind));
    let better = counting_elsewhere(survey)
        .filter(|better| better.items == all || is_elsewhere && better.items > having.len());
    let is_here = lacking.is_empty() || better.is_none() && !is_elsewhere;
    match better {
        _ if lacking.is_empty() => findings.extend(zero(survey, &zeros)),
        Some(better) => findings.push(elsewhere(survey, &lacking, &better)),
        None if having.is_empty() => findings.push(without_any(survey, &lacking)),
        None => {
            findings.extend(zero(survey, &zeros));
            findings.push(other_kinds(survey, &having, &lacking, is_elsewhere));
        }
    }
    is_here
}

/// Versions count at another place.
fn elsewhere(survey: &Survey<'_>, lacking: &[&SampledItem], better: &CountingPlace) -> SampleFinding {
    let all = survey.admitted.len();
    let which = if better.items == all { "they".to_owned() } else { format!("{} of them", better.items) };
    let problem = format!(
        "{} at `{}`; at `{}`, {which} count {}",
        no_version(lacking.len(), all),
        survey.source.version,
        better.place,
        numbers(better.place.first)
    );
    let is_for_all = lacking.len() == all || better.items == all;
    let before = if is_for_all { "" } else { "if these are the events, " };
    SampleFinding::with_line(problem, before, ConfigLine::of_version(&better.place))
}

/// The place other than the known one at which most items count, from 1 or from 0.
fn counting_elsewhere(survey: &Survey<'_>) -> Option<CountingPlace> {
    let first = survey.source.version.first;
    let places = [1 - first, first].map(|first| counting(&survey.aggregates, &counted_from(first, survey)));
    places.into_iter().flatten().max_by_key(|counting| counting.items)
}

/// A place where each aggregate's items count up by one from the first version.
pub(super) struct CountingPlace {
    pub(super) place: VersionPlace,
    /// How many items have a version there.
    pub(super) items: usize,
}

/// The place other than `known` at which most items count, if there is any. At least one aggregate has to show it with
/// two versions.
pub(super) fn counting(aggregates: &[SampledAggregate<'_>], known: &VersionPlace) -> Option<CountingPlace> {
    let versions = by_place(aggregates, digits);
    let counts = versions.into_iter().filter(|(_, versions)| count_up(aggregates, versions, known.first));
    let places = counts.map(|(VersionKey { path, after }, versions)| CountingPlace {
        place: VersionPlace { path: Path(path), after, first: known.first },
        items: versions.len(),
    });
    // Of places that serve as well, the one that is meant, or else the plainest.
    let plainest = |counting: &CountingPlace| {
        let VersionPlace { path, after, .. } = &counting.place;
        (Reverse(counting.items), *path != known.path, after.is_some(), path.0.len(), path.0.clone())
    };
    places.filter(|counting| counting.place != *known).min_by_key(plainest)
}

#[derive(PartialEq, Eq, Hash)]
pub(super) struct VersionKey {
    pub(super) path: Vec<String>,
    pub(super) after: Option<String>,
}

/// The versions at each place, as `read` finds them in values, each with the index of its aggregate.
fn by_place(
    aggregates: &[SampledAggregate<'_>],
    read: impl Fn(&Key) -> Option<(Option<&str>, i64)>,
) -> HashMap<VersionKey, Vec<(usize, i64)>> {
    let mut versions: HashMap<VersionKey, Vec<(usize, i64)>> = HashMap::new();
    for (index, aggregate) in aggregates.iter().enumerate() {
        for (path, value) in aggregate.items.iter().flat_map(|item| &item.scalars) {
            if let Some((after, version)) = read(value).filter(|_| is_nameable(path)) {
                let key = VersionKey { path: path.clone(), after: after.map(str::to_owned) };
                versions.entry(key).or_default().push((index, version));
            }
        }
    }
    versions
}

/// Whether the items of a kind count up by themselves at the known place, from 1 or from 0.
pub(super) fn kind_counts(survey: &Survey<'_>, kind: &Option<String>) -> bool {
    [0, 1].into_iter().any(|first| counts(survey, first, |item| item.kind() == *kind))
}

/// Whether the items that `is_meant` says count up from `first` at the known place.
fn counts(survey: &Survey<'_>, first: i64, is_meant: impl Fn(&SampledItem) -> bool) -> bool {
    let place = counted_from(first, survey);
    let versions = survey.aggregates.iter().enumerate().flat_map(|(index, aggregate)| {
        let meant = aggregate.items.iter().filter(|item| is_meant(item));
        meant.filter_map(|item| version_at(item, &place)).map(move |version| (index, version))
    });
    count_up(&survey.aggregates, &versions.collect::<Vec<_>>(), first)
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
pub(super) fn digits(value: &Key) -> Option<(Option<&str>, i64)> {
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
fn zero(survey: &Survey<'_>, zeros: &[&SampledItem]) -> Option<SampleFinding> {
    if zeros.is_empty() {
        return None;
    }
    let have = if zeros.len() == 1 { "has" } else { "have" };
    let problem = format!(
        "{} {have} version 0 (`{}`), and versions count from 1: an item with version 0 is rejected",
        of(zeros.len(), survey.admitted.len(), "item"),
        survey.source.version.path
    );
    // Heads and snapshots have numbers too, which don't count.
    let kinds = kinds_among(zeros);
    let is_counting = counts(survey, 0, |_| true)
        || counts(survey, 0, |item| kinds.contains(&item.kind()))
        || kinds.iter().any(|kind| counts(survey, 0, |item| item.kind() == *kind));
    Some(if is_counting {
        SampleFinding::with_line(problem, "", ConfigLine::of_first_version(0))
    } else {
        SampleFinding::new(problem, "let the writer count from 1")
    })
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
        None => {
            let remedy = text_follows(survey, lacking);
            SampleFinding::new(problem, remedy.unwrap_or_else(|| COUNT_FROM_NOW_ON.to_owned()))
        }
    }
}

/// What all items have before the digits of their version.
fn behind<'i>(place: &VersionPlace, lacking: &[&'i SampledItem]) -> Option<&'i str> {
    let mut before = lacking.iter().map(|item| digits(item.at(&place.path)?)?.0);
    let first = before.next()??;
    before.all(|other| other == Some(first)).then_some(first)
}

/// What to do if text follows the digits of the version: at the known place, or where they count.
fn text_follows(survey: &Survey<'_>, lacking: &[&SampledItem]) -> Option<String> {
    let known = &survey.source.version.path.0;
    let is_version = |key: &VersionKey, versions: &[(usize, i64)]| {
        let are_all = key.path == *known && versions.len() == lacking.len();
        let are_distinct = || versions.iter().collect::<HashSet<_>>().len() == versions.len();
        are_all && are_distinct() || [0, 1].iter().any(|first| count_up(&survey.aggregates, versions, *first))
    };
    let places = by_place(&survey.aggregates, |value| {
        let (before, digits, _) = digits_then_text(value)?;
        Some((Some(before), digits.parse().ok()?))
    });
    let places = places.into_iter().filter(|(key, versions)| is_version(key, versions));
    let rank = |(key, versions): &(VersionKey, Vec<_>)| {
        (Reverse(versions.len()), key.path != *known, key.path.len(), key.path.clone())
    };
    let (VersionKey { path, after }, _) = places.min_by_key(rank)?;
    let mut values = lacking.iter().filter_map(|item| digits_then_text(item.scalars.get(&path)?));
    let (before, digits, separator) = values.find(|(before, ..)| after.as_deref() == Some(before))?;
    Some(format!(
        "text follows the digits of the version ({}): the digits must end the value; write the version to an attribute of its \
         own",
        quoted(&format!("{before}{digits}{separator}…"))
    ))
}

/// What `value` has before its first digits, these, and the separator behind them.
fn digits_then_text(value: &Key) -> Option<(&str, &str, char)> {
    let Key::S(text) = value else { return None };
    let (before, digits) = text.split_at_checked(text.find(|first: char| first.is_ascii_digit())?)?;
    let (digits, behind) = digits.split_at_checked(digits.find(|next: char| !next.is_ascii_digit())?)?;
    let separator = behind.chars().next().filter(|separator| SEPARATORS.contains(separator))?;
    Some((before, digits, separator))
}

/// Some items have no version: they are of other kinds, as a rule; or the version `is_elsewhere`.
fn other_kinds(
    survey: &Survey<'_>,
    having: &[&SampledItem],
    lacking: &[&SampledItem],
    is_elsewhere: bool,
) -> SampleFinding {
    let place = &survey.source.version;
    let problem = format!(
        "{} at `{place}`, and would be rejected: {}",
        no_version(lacking.len(), survey.admitted.len()),
        kinds_of(lacking)
    );
    if let Some(remedy) = text_follows(survey, lacking).filter(|_| is_elsewhere) {
        return SampleFinding::new(problem, remedy);
    }
    let line = without(survey, having, lacking);
    let are_absent = lacking.iter().all(|item| item.at(&place.path).is_none());
    let exists = || ConfigLine::of_filter(&place.path.0, "[{ exists = true }]");
    // It would keep what is no event, if the version is elsewhere.
    match line.or_else(|| (are_absent && !is_elsewhere).then(exists)) {
        Some(line) => SampleFinding::with_line(problem, "if they are no events, ", line),
        None if is_elsewhere => SampleFinding::new(
            problem,
            format!("if they are no events, leave them out with `[source.filter]`; else {COUNT_FROM_NOW_ON}"),
        ),
        None => SampleFinding::new(problem, "if they are no events, leave them out with `[source.filter]`"),
    }
}

/// `META 2, SNAPSHOT#… 1`.
pub(super) fn kinds_of(items: &[&SampledItem]) -> String {
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for kind in items.iter().filter_map(|item| item.kind()) {
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
