//! Kinds of items, by what their sort keys begin with, and the condition that admits some of them.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::item::{ItemOutcome, SampledItem};
use super::numbering::zeros;
use super::{ConfigLine, Kind, Survey};
use crate::config::Source;
use crate::ids::Key;
use crate::text::toml_literal;

/// What sets the parts of a sort key off in tables that hold several kinds of items.
pub(super) const SEPARATORS: [char; 5] = ['#', '/', ':', '|', '~'];

/// The longest word that is taken for the name of a kind.
const WORD_LIMIT: usize = 24;

/// The most kinds that are told apart. More are rather data than kinds.
const KINDS_LIMIT: usize = 12;

/// The most kinds that a condition names.
const NAMED_LIMIT: usize = 4;

const OTHER: &str = "(other)";

/// The kinds of `items`, the most frequent first.
pub(super) fn kinds(items: &[SampledItem]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    for item in items {
        let sort_key = item.sort().map_or_else(|| "(none)".to_owned(), shown);
        count(&mut kinds, sort_key, &item.outcome);
    }
    if kinds.len() > KINDS_LIMIT {
        kinds.clear();
        items.iter().for_each(|item| count(&mut kinds, OTHER.to_owned(), &item.outcome));
    }
    kinds.sort_by_key(|kind| Reverse(kind.events + kind.skipped + kind.rejected));
    kinds
}

fn count(kinds: &mut Vec<Kind>, sort_key: String, outcome: &ItemOutcome) {
    let known = kinds.iter().position(|kind| kind.sort_key == sort_key).unwrap_or(kinds.len());
    if known == kinds.len() {
        kinds.push(Kind { sort_key, ..Kind::default() });
    }
    let Some(kind) = kinds.get_mut(known) else { return };
    match outcome {
        ItemOutcome::Event(_) => kind.events += 1,
        ItemOutcome::Skipped(_) => kind.skipped += 1,
        ItemOutcome::Rejected(_) => kind.rejected += 1,
    }
}

impl SampledItem {
    /// Its kind, for people; none if it has no sort key.
    pub(super) fn kind(&self) -> Option<String> {
        self.sort().map(shown)
    }
}

/// The kinds that `items` are of.
pub(super) fn kinds_among(items: &[&SampledItem]) -> HashSet<Option<String>> {
    items.iter().map(|item| item.kind()).collect()
}

/// The kind of the item with this sort key, for people: `EVENT#…`, `META`, `(number)`.
pub(super) fn shown(sort: &Key) -> String {
    match sort {
        Key::N(_) => "(number)".to_owned(),
        Key::B(_) => "(bytes)".to_owned(),
        Key::S(text) => match beginning(text) {
            "" => OTHER.to_owned(),
            all if all.len() == text.len() => all.to_owned(),
            part => format!("{part}…"),
        },
    }
}

/// What a sort key begins with: words, each with the separator behind it, and the letters before a number.
fn beginning(text: &str) -> &str {
    let mut length = 0;
    for part in text.split_inclusive(SEPARATORS) {
        let word = part.trim_end_matches(SEPARATORS);
        if is_word(word) {
            length += part.len();
            continue;
        }
        let letters = word.trim_end_matches(|last: char| last.is_ascii_digit());
        length += if is_word(letters) { letters.len() } else { 0 };
        break;
    }
    text.get(..length).unwrap_or_default()
}

fn is_word(text: &str) -> bool {
    let is_of_word = |character: char| character.is_ascii_alphabetic() || "_-.".contains(character);
    !text.is_empty() && text.len() <= WORD_LIMIT && text.chars().all(is_of_word)
}

/// The line that leaves out `others` and none of `wanted`.
///
/// It keeps first events with version 0, which are none before `first_version` says so. It may take the place of a
/// condition on the sort key: then what the filter passes over stays out.
pub(super) fn without(
    survey: &Survey<'_>,
    wanted: &[&SampledItem],
    others: &[&SampledItem],
) -> Option<ConfigLine> {
    let sorts = |items: &[&SampledItem], rest: &[&SampledItem], except: &[&SampledItem]| -> Vec<Key> {
        let excepted = kinds_among(except);
        let rest = rest.iter().filter(|item| !excepted.contains(&item.kind()));
        items.iter().chain(rest).filter_map(|item| item.sort().cloned()).collect()
    };
    let sort_key = std::slice::from_ref(&survey.source.sort_key);
    let filter = survey.source.filter.as_ref();
    let has_condition = filter.is_some_and(|filter| filter.paths().iter().any(|path| path.0 == sort_key));
    let skipped: Vec<&SampledItem> =
        survey.items.iter().filter(|item| has_condition && item.is_skipped()).collect();
    let (kept, left) = (sorts(wanted, &zeros(survey), others), sorts(others, &skipped, wanted));
    separation(survey.source, &kept.iter().collect::<Vec<_>>(), &left.iter().collect::<Vec<_>>())
}

/// The line that admits items with the sort keys `wanted`, and none with those of `others`.
pub(super) fn separation(source: &Source, wanted: &[&Key], others: &[&Key]) -> Option<ConfigLine> {
    let (wanted, others) = (texts(wanted)?, texts(others)?);
    if wanted.is_empty() {
        return None;
    }
    let condition = match prefix(&wanted, &others) {
        Some(prefix) => format!("[{{ prefix = {} }}]", toml_literal(&prefix)),
        None => format!("[{{ anything-but = [{}] }}]", names(&wanted, &others)?),
    };
    Some(ConfigLine::of_filter(std::slice::from_ref(&source.sort_key), &condition))
}

fn texts<'k>(keys: &[&'k Key]) -> Option<Vec<&'k str>> {
    let text = |key: &&'k Key| match key {
        Key::S(text) => Some(text.as_str()),
        Key::N(_) | Key::B(_) => None,
    };
    keys.iter().map(text).collect()
}

/// The shortest beginning that all of `wanted` have and none of `others`, up to a separator or a number.
fn prefix(wanted: &[&str], others: &[&str]) -> Option<String> {
    let common = beginning(wanted.first()?);
    let ends = common.char_indices().filter(|(_, end)| SEPARATORS.contains(end)).map(|(at, _)| at + 1);
    let mut candidates = ends.chain([common.len()]).filter_map(|end| common.get(..end));
    let separates = |candidate: &&str| {
        !candidate.is_empty()
            && wanted.iter().all(|text| text.starts_with(*candidate) && text.len() > candidate.len())
            && !others.iter().any(|text| text.starts_with(*candidate))
    };
    candidates.find(separates).map(str::to_owned)
}

/// The sort keys of `others`, if they are few words.
fn names(wanted: &[&str], others: &[&str]) -> Option<String> {
    let mut names = others.to_vec();
    names.sort_unstable();
    names.dedup();
    let are_words = names.iter().all(|name| is_word(name) && !wanted.contains(name));
    (are_words && (1..=NAMED_LIMIT).contains(&names.len()))
        .then(|| names.into_iter().map(toml_literal).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sort_key_begins_with_its_kind() {
        for (text, expected) in [
            ("EVENT#0000000001", "EVENT#…"),
            ("META", "META"),
            ("ORDER#EVENT#1", "ORDER#EVENT#…"),
            ("INBOUND/Add/12", "INBOUND/Add/…"),
            ("e00301", "e…"),
            ("2026-01-05T09:00:00Z", "(other)"),
            ("EVENT#2026-01-05T09:00:00Z", "EVENT#…"),
            ("550e8400-e29b-41d4-a716-446655440000", "(other)"),
            ("01HF7YAT00ZQ", "(other)"),
            ("", "(other)"),
        ] {
            assert_eq!(shown(&Key::S(text.to_owned())), expected, "{text}");
        }
        assert_eq!(shown(&Key::N("1".to_owned())), "(number)");
    }
}
