//! Generated items, their text in the stream, and a second way to their JSON.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

/// A value of an item.
#[derive(Clone, Debug)]
pub enum Sample {
    /// A string.
    S(String),
    /// A number.
    N(String),
    /// Bytes.
    B(Vec<u8>),
    /// True or false.
    Bool(bool),
    /// Null.
    Null,
    /// A map.
    M(Entries),
    /// A list.
    L(Vec<Sample>),
    /// A set of strings.
    Ss(Vec<String>),
    /// A set of numbers.
    Ns(Vec<String>),
    /// A set of byte strings.
    Bs(Vec<Vec<u8>>),
}

/// The entries of a map, or of the item, in the order in which they are written.
pub type Entries = Vec<(String, Sample)>;

/// Any item, of some levels.
pub fn item() -> impl Strategy<Value = Entries> {
    entries(value()).boxed()
}

/// The same item twice, the second time with its maps and sets in another order.
pub fn shuffled(item: Entries) -> impl Strategy<Value = (Entries, Entries)> {
    any::<u64>().prop_map(move |seed| {
        let mut seed = seed | 1;
        (item.clone(), reordered_entries(item.clone(), &mut seed))
    })
}

/// Any text, with more characters that need an escape than chance would bring.
pub fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,40}",
        "[a-z]{0,20}",
        vec(any::<char>(), 0..20).prop_map(String::from_iter),
        vec(
            prop_oneof![
                Just('\u{fffe}'),
                Just('\u{ffff}'),
                Just('"'),
                Just('\\'),
                Just('é'),
                prop::char::range('\0', ' ')
            ],
            0..20
        )
        .prop_map(String::from_iter),
    ]
}

/// The item as the stream writes it.
pub fn raw(item: &[(String, Sample)]) -> String {
    let entries = item.iter().map(|(name, sample)| format!("{}: {}", quoted(name), raw_value(sample)));
    format!("{{ {} }}", entries.collect::<Vec<_>>().join(" , "))
}

/// The JSON that is expected of the item, made in the slow and obvious way.
pub fn expected(item: &[(String, Sample)]) -> String {
    let sorted =
        item.iter().map(|(name, sample)| (name.as_bytes(), (name, sample))).collect::<BTreeMap<_, _>>();
    let entries = sorted.values().map(|(name, sample)| format!("{}:{}", safe(name), expected_value(sample)));
    format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
}

fn value() -> impl Strategy<Value = Sample> {
    let integer = (-1_000_i64..1_000, 0_usize..3).prop_map(|(number, scale)| (number, scale));
    let leaf = prop_oneof![
        string().prop_map(Sample::S),
        number().prop_map(Sample::N),
        vec(any::<u8>(), 0..20).prop_map(Sample::B),
        any::<bool>().prop_map(Sample::Bool),
        Just(Sample::Null),
        btree_set(string(), 1..5).prop_map(|set| Sample::Ss(set.into_iter().collect())),
        btree_set(integer, 1..6).prop_map(|set| Sample::Ns(one_spelling_each(set))),
        btree_set(vec(any::<u8>(), 0..5), 1..6).prop_map(|set| Sample::Bs(set.into_iter().collect())),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![vec(inner.clone(), 0..5).prop_map(Sample::L), entries(inner).prop_map(Sample::M)]
    })
}

fn entries(value: impl Strategy<Value = Sample>) -> impl Strategy<Value = Entries> {
    btree_map(string(), value, 0..6).prop_map(|map| map.into_iter().collect())
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,37})",
        "-?[1-9][0-9]{0,5}\\.[0-9]{1,30}",
        "[1-9](\\.[0-9]{1,3})?[eE][+-]?[0-9]{1,3}"
    ]
}

/// `number` thousandths with up to `scale` superfluous zeros; each value once.
fn one_spelling_each(numbers: impl IntoIterator<Item = (i64, usize)>) -> Vec<String> {
    let by_value = numbers.into_iter().collect::<BTreeMap<_, _>>();
    by_value.into_iter().map(|(number, scale)| format!("{number}.{}", "0".repeat(scale + 1))).collect()
}

fn reordered(sample: Sample, seed: &mut u64) -> Sample {
    match sample {
        Sample::M(entries) => Sample::M(reordered_entries(entries, seed)),
        Sample::L(items) => Sample::L(items.into_iter().map(|item| reordered(item, seed)).collect()),
        Sample::Ss(members) => Sample::Ss(mixed(members, seed)),
        Sample::Ns(members) => Sample::Ns(mixed(members, seed)),
        Sample::Bs(members) => Sample::Bs(mixed(members, seed)),
        leaf => leaf,
    }
}

fn reordered_entries(entries: Entries, seed: &mut u64) -> Entries {
    let entries = entries.into_iter().map(|(name, value)| (name, reordered(value, seed))).collect();
    mixed(entries, seed)
}

/// Sorted by numbers of a xorshift generator.
fn mixed<T>(items: Vec<T>, seed: &mut u64) -> Vec<T> {
    let mut keyed = items
        .into_iter()
        .map(|item| {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            (*seed, item)
        })
        .collect::<Vec<_>>();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, item)| item).collect()
}

fn raw_value(sample: &Sample) -> String {
    let list = |texts: Vec<String>| format!("[{}]", texts.join(", "));
    match sample {
        Sample::S(text) => format!("{{\"S\": {}}}", quoted(text)),
        Sample::N(number) => format!("{{\"N\": {}}}", quoted(number)),
        Sample::B(bytes) => format!("{{\"B\": \"{}\"}}", STANDARD.encode(bytes)),
        Sample::Bool(value) => format!("{{\"BOOL\": {value}}}"),
        Sample::Null => "{\"NULL\": true}".to_owned(),
        Sample::M(entries) => format!("{{\"M\": {}}}", raw(entries)),
        Sample::L(items) => format!("{{\"L\": {}}}", list(items.iter().map(raw_value).collect())),
        Sample::Ss(members) => {
            format!("{{\"SS\": {}}}", list(members.iter().map(|text| quoted(text)).collect()))
        }
        Sample::Ns(members) => {
            format!("{{\"NS\": {}}}", list(members.iter().map(|text| quoted(text)).collect()))
        }
        Sample::Bs(members) => {
            let encoded = members.iter().map(|bytes| quoted(&STANDARD.encode(bytes)));
            format!("{{\"BS\": {}}}", list(encoded.collect()))
        }
    }
}

/// Sets are generated in ascending order.
fn expected_value(sample: &Sample) -> String {
    let array = |texts: Vec<String>| format!("[{}]", texts.join(","));
    match sample {
        Sample::S(text) => safe(text),
        Sample::N(number) => number.clone(),
        Sample::B(bytes) => quoted(&STANDARD.encode(bytes)),
        Sample::Bool(value) => value.to_string(),
        Sample::Null => "null".to_owned(),
        Sample::M(entries) => expected(entries),
        Sample::L(items) => array(items.iter().map(expected_value).collect()),
        Sample::Ss(members) => array(members.iter().map(|text| safe(text)).collect()),
        Sample::Ns(members) => array(members.clone()),
        Sample::Bs(members) => array(members.iter().map(|bytes| quoted(&STANDARD.encode(bytes))).collect()),
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn safe(text: &str) -> String {
    quoted(text).replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}
