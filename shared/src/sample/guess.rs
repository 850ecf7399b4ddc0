//! Where a sample's events have their version, id, name and time, as far as names and values tell.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::id::holders;
use super::item::SampledItem;
use super::kind::separation;
use super::line::is_nameable;
use super::time::{is_time, readable, speaks_of_time};
use super::version::{VersionKey, digits};
use super::{ConfigLine, Survey};
use crate::config::{Path, VersionPlace};
use crate::ids::Key;

/// Names of ids, the clearest first; in small letters, without anything between them.
const IDS: [&str; 7] = ["eventid", "id", "eventuuid", "uuid", "guid", "messageid", "urn"];

/// Names of events' names.
const NAMES: [&str; 10] =
    ["eventname", "eventtype", "event", "detailtype", "messagetype", "type", "typ", "name", "kind", "action"];

/// The longest text that is taken for an event's name.
const NAME_LIMIT: usize = 64;

/// The place of versions, and whether an aggregate shows that they count.
pub(super) fn version(survey: &Survey<'_>) -> Option<(VersionPlace, bool)> {
    let mut places: HashMap<VersionKey, Values> = HashMap::new();
    for (index, aggregate) in survey.aggregates.iter().enumerate() {
        for item in &aggregate.items {
            for (path, value) in &item.scalars {
                let is_partition_key = path.as_slice() == [survey.source.partition_key.as_str()];
                let read = digits(value).filter(|_| !is_partition_key && is_nameable(path));
                if let Some((after, version)) = read {
                    let key = VersionKey { path: path.clone(), after: after.map(str::to_owned) };
                    places.entry(key).or_default().add(index, item, version);
                }
            }
        }
    }
    let ranked = places.into_iter().filter_map(|(VersionKey { path, after }, values)| {
        let speaks = speaks_of_version(&path);
        let (first, counting) = values.counting();
        let is_sort_key = path.as_slice() == [survey.source.sort_key.as_str()];
        // Without a hint in its name, a number is a version only if it does nothing but count.
        let class = match counting {
            1.. if values.repeated == 0 && 2 * counting >= values.items => 0,
            1.. if speaks => 1,
            _ if speaks => 2,
            _ if is_sort_key && values.repeated == 0 && values.is_from_the_first() => 3,
            _ => return None,
        };
        let items = if counting > 0 { counting } else { values.items };
        let rank = (class, Reverse(items), !speaks, after.is_some(), path.len(), path.clone());
        Some((rank, (VersionPlace { path: Path(path), after, first }, counting > 0)))
    });
    ranked.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, place)| place)
}

/// The numbers at a place.
#[derive(Default)]
struct Values {
    items: usize,
    /// How many there are more than once in an aggregate, in items of one kind.
    repeated: usize,
    /// Those of each aggregate, by the kinds of their items.
    of_aggregates: BTreeMap<usize, BTreeMap<Option<String>, BTreeSet<i64>>>,
}

impl Values {
    fn add(&mut self, aggregate: usize, item: &SampledItem, version: i64) {
        self.items += 1;
        let kinds = self.of_aggregates.entry(aggregate).or_default();
        self.repeated += usize::from(!kinds.entry(item.kind()).or_default().insert(version));
    }

    /// From which number aggregates count up by one, and how many numbers they have that do. Heads and snapshots have the
    /// number of an event, too.
    fn counting(&self) -> (i64, usize) {
        let of = |first: i64| {
            let aggregates = self.of_aggregates.values().map(|kinds| kinds.values().flatten().collect());
            let counts =
                |all: &BTreeSet<&i64>| all.len() > 1 && (first..).zip(all).all(|(one, other)| one == **other);
            aggregates.filter(counts).map(|all| all.len()).sum::<usize>()
        };
        let (from_1, from_0) = (of(1), of(0));
        if from_0 > from_1 { (0, from_0) } else { (1, from_1) }
    }

    /// Whether there is an aggregate whose only number could be the first.
    fn is_from_the_first(&self) -> bool {
        self.of_aggregates
            .values()
            .flat_map(BTreeMap::values)
            .flatten()
            .any(|version| (0..=1).contains(version))
    }
}

/// The line that leaves out what is no event, as far as its versions show it: kinds of items without a version; heads and
/// snapshots, which have that of an event; entities, whose versions don't count. None if all else counts without it, or
/// if it can't be said by the sort key.
pub(super) fn filter(survey: &Survey<'_>, place: &VersionPlace) -> Option<ConfigLine> {
    let versions = Versions::new(survey, place);
    let versionless: BTreeSet<&Kind> =
        versions.kinds.iter().filter(|(_, count)| **count == 0).map(|(kind, _)| kind).collect();
    let suspects: Vec<&Kind> = versions.suspects().into_iter().take(SUSPECTS_LIMIT).collect();
    let subsets = (0_u32..1 << suspects.len()).map(|bits| -> BTreeSet<&Kind> {
        suspects
            .iter()
            .enumerate()
            .filter(|(place, _)| bits & (1 << place) != 0)
            .map(|(_, kind)| *kind)
            .collect()
    });
    let best = subsets.filter(|without| versions.count_without(without)).min_by_key(|without| {
        // A word alone, as `META`, is rather no event than something with a number behind it.
        let is_word = |kind: &&&Kind| kind.as_deref().is_some_and(|kind| !kind.contains(['…', '(']));
        let count = |kind: &&Kind| versions.kinds.get(kind).copied().unwrap_or_default();
        let numbered = without.iter().filter(|kind| !is_word(kind)).map(count).sum::<usize>();
        (numbered, without.iter().map(count).sum::<usize>())
    });
    let out: BTreeSet<&Kind> = best.into_iter().flatten().chain(versionless).collect();
    let (others, wanted): (Vec<&SampledItem>, Vec<_>) =
        survey.items.iter().partition(|item| out.iter().any(|kind| **kind == item.kind()));
    let keys = |items: Vec<&'_ SampledItem>| {
        items.into_iter().filter_map(|item| item.sort().cloned()).collect::<Vec<_>>()
    };
    let (wanted, others) = (keys(wanted), keys(others));
    let line =
        separation(survey.source, &wanted.iter().collect::<Vec<_>>(), &others.iter().collect::<Vec<_>>());
    line.filter(|_| !others.is_empty())
}

/// The most kinds that are left out on trial, in all combinations.
const SUSPECTS_LIMIT: usize = 8;

type Kind = Option<String>;

/// The versions of a page.
struct Versions {
    first: i64,
    /// Of each kind, how many items have one.
    kinds: BTreeMap<Kind, usize>,
    /// Of each aggregate, with their kinds; and whether it may go on behind the page.
    aggregates: Vec<(Vec<(i64, Kind)>, bool)>,
}

impl Versions {
    fn new(survey: &Survey<'_>, place: &VersionPlace) -> Self {
        let version = |item: &SampledItem| place.read(item.at(&place.path)?);
        let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
        for item in survey.items {
            *kinds.entry(item.kind()).or_default() += usize::from(version(item).is_some());
        }
        let aggregates = survey.aggregates.iter().map(|aggregate| {
            let versions = aggregate.items.iter().filter_map(|item| Some((version(item)?, item.kind())));
            (versions.collect(), aggregate.is_cut)
        });
        Self { first: place.first, kinds, aggregates: aggregates.collect() }
    }

    /// Kinds that have the version of another in its aggregate, or that stand in aggregates of their own. No other kind
    /// is left out: its events would be missing.
    fn suspects(&self) -> BTreeSet<&Kind> {
        let of_aggregate = |versions: &[(i64, Kind)]| -> BTreeSet<Kind> {
            let others =
                |version: i64, kind: &Kind| versions.iter().any(|(it, of)| *it == version && of != kind);
            let twice = versions.iter().filter(|(version, kind)| others(*version, kind));
            twice.map(|(_, kind)| kind.clone()).collect()
        };
        let twice: BTreeSet<Kind> =
            self.aggregates.iter().flat_map(|(versions, _)| of_aggregate(versions)).collect();
        let begins = |versions: &[(i64, Kind)]| versions.iter().any(|(version, _)| *version == self.first);
        let apart = |kind: &Kind| {
            let mut of_kind = self.aggregates.iter().filter(|(all, _)| all.iter().any(|(_, of)| of == kind));
            of_kind.all(|(all, _)| !begins(all))
        };
        self.kinds.keys().filter(|kind| twice.contains(*kind) || apart(kind)).collect()
    }

    /// Whether there are versions without these kinds, and those of each aggregate count up by one from the first.
    fn count_without(&self, kinds: &BTreeSet<&Kind>) -> bool {
        let mut any = false;
        let all = self.aggregates.iter().all(|(versions, is_cut)| {
            let rest = versions.iter().filter(|(_, kind)| !kinds.contains(kind)).map(|(version, _)| *version);
            let mut rest: Vec<i64> = rest.collect();
            any |= !rest.is_empty();
            rest.sort_unstable();
            let is_distinct = rest.windows(2).all(|pair| pair.first() != pair.last());
            (self.first..).zip(&rest).all(|(expected, version)| expected == *version)
                || *is_cut && is_distinct
        });
        all && any
    }
}

/// The path of the events' own ids.
pub(super) fn id(survey: &Survey<'_>) -> Option<Path> {
    let events: Vec<&SampledItem> = survey.events().collect();
    named(survey, &IDS, |path| holders(&events, path) == Some(events.len()))
}

/// The path of the events' names.
pub(super) fn name(survey: &Survey<'_>) -> Option<Path> {
    let is_name = |value: &Key| match value {
        Key::S(text) => (1..=NAME_LIMIT).contains(&text.len()) && !text.contains(char::is_whitespace),
        Key::N(_) | Key::B(_) => false,
    };
    named(survey, &NAMES, |path| survey.events().all(|event| event.scalars.get(path).is_some_and(is_name)))
}

/// The path of the events' times: where all of them can be read, or else most of those whose name speaks of time.
pub(super) fn time(survey: &Survey<'_>) -> Option<Path> {
    let events: Vec<&SampledItem> = survey.events().collect();
    let is_text = |path: &Path| events.iter().all(|event| matches!(event.at(path), Some(Key::S(_))));
    let all = readable(&events).filter(|path| speaks_of_time(&path.0) || is_text(path));
    all.or_else(|| {
        let at = |path: &[String]| {
            events.iter().filter(|event| event.scalars.get(path).is_some_and(is_time)).count()
        };
        let paths: BTreeSet<&Vec<String>> = events.iter().flat_map(|event| event.scalars.keys()).collect();
        let paths =
            paths.into_iter().filter(|path| speaks_of_time(path) && is_nameable(path) && at(path) > 0);
        paths.min_by_key(|path| (Reverse(at(path)), path.len())).map(|path| Path(path.clone()))
    })
}

/// The path of the events that `is_meant`, by the first of `names` that there is.
fn named(survey: &Survey<'_>, names: &[&str], is_meant: impl Fn(&[String]) -> bool) -> Option<Path> {
    let keys = [&survey.source.partition_key, &survey.source.sort_key];
    let paths: BTreeSet<&Vec<String>> = survey.events().flat_map(|event| event.scalars.keys()).collect();
    let rank = |path: &Vec<String>| {
        let is_key = matches!(path.as_slice(), [name] if keys.contains(&name));
        let place =
            names.iter().position(|name| *name == plain(path)).filter(|_| !is_key && is_nameable(path));
        place.map(|place| (place, path.len()))
    };
    let ranked = paths.into_iter().filter_map(|path| Some((rank(path)?, path)));
    ranked.filter(|(_, path)| is_meant(path)).min().map(|(_, path)| Path(path.clone()))
}

fn speaks_of_version(path: &[String]) -> bool {
    let name = plain(path);
    let says =
        ["version", "seq", "revision", "eventnumber", "eventno"].iter().any(|word| name.contains(word));
    (says || name == "rev") && !name.contains("schema")
}

/// A path's last name in small letters, without anything between them.
fn plain(path: &[String]) -> String {
    let letters = path.last().map(String::as_str).unwrap_or_default().chars();
    letters.filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
