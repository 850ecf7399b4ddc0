//! Generated patterns and events, few enough names and values that they meet.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

const NAMES: [&str; 3] = ["a", "b", "c"];
const TEXTS: [&str; 8] = ["", "x", "X", "xy", "yx", "xyx", "a*b", "1"];
const NUMBERS: [f64; 5] = [0.0, 1.0, 1.5, -1.0, 20.0];

fn text() -> impl Strategy<Value = Value> {
    select(&TEXTS[..]).prop_map(Value::from)
}

fn number() -> impl Strategy<Value = Value> {
    select(&NUMBERS[..]).prop_map(Value::from)
}

pub(super) fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![4 => text(), 3 => number(), 1 => any::<bool>().prop_map(Value::from), 1 => Just(Value::Null)]
}

/// Any value, of some levels.
fn value() -> impl Strategy<Value = Value> {
    scalar().boxed().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            2 => vec((select(&NAMES[..]), inner.clone()), 0..4).prop_map(object),
            2 => vec(inner, 0..4).prop_map(Value::from),
        ]
    })
}

pub(super) fn event() -> impl Strategy<Value = Value> {
    vec((select(&NAMES[..]), value()), 0..4).prop_map(object)
}

fn object(members: Vec<(&str, Value)>) -> Value {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
}

fn wildcard() -> impl Strategy<Value = Value> {
    select(&["*", "x*", "*x", "*y*", "x*x", r"a\*b", "xy", "", "*x*y"][..]).prop_map(Value::from)
}

fn several(entry: impl Strategy<Value = Value> + Clone) -> impl Strategy<Value = Value> {
    prop_oneof![entry.clone(), vec(entry, 1..3).prop_map(Value::from)]
}

/// Operators of text that `anything-but` takes too, each with its operand.
fn text_operand() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        (Just("prefix"), select(&["x", "xy", "X", "1"][..]).prop_map(Value::from)),
        (Just("suffix"), select(&["x", "yx", "Y"][..]).prop_map(Value::from)),
        (Just("equals-ignore-case"), text()),
        (Just("wildcard"), wildcard()),
    ]
}

/// An operand of `anything-but`.
pub(super) fn excluded() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => several(text().boxed()),
        2 => several(number().boxed()),
        2 => text_operand().prop_map(|(name, operand)| json!({ name: operand })),
        1 => (text_operand(), text_operand()).prop_map(|((name, operand), (other, second))| {
            let operands = if name == other { json!([operand, second]) } else { json!([operand]) };
            json!({ name: operands })
        }),
    ]
}

fn numeric() -> impl Strategy<Value = Value> {
    let side = |signs: &'static [&'static str]| (select(signs), number());
    prop_oneof![
        side(&["=", "<", "<=", ">", ">="]).prop_map(|(sign, number)| json!([sign, number])),
        (side(&[">", ">="]), side(&["<", "<="]))
            .prop_map(|((from, low), (to, high))| json!([from, low, to, high])),
    ]
}

/// An entry of a field's list.
fn entry() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => scalar(),
        2 => excluded().prop_map(|operand| json!({ "anything-but": operand })),
        2 => text_operand().prop_map(|(name, operand)| json!({ name: operand })),
        1 => (select(&["prefix", "suffix"][..]), text())
            .prop_map(|(name, operand)| json!({ name: { "equals-ignore-case": operand } })),
        2 => numeric().prop_map(|operand| json!({ "numeric": operand })),
        2 => any::<bool>().prop_map(|exists| json!({ "exists": exists })),
    ]
}

fn list() -> impl Strategy<Value = Value> {
    vec(entry(), 1..3).prop_map(Value::from)
}

/// A pattern, which may be refused because nothing can match it.
pub(super) fn pattern() -> impl Strategy<Value = Value> {
    let fields = |value: BoxedStrategy<Value>| vec((select(&NAMES[..]), value), 1..4).prop_map(object);
    fields(list().boxed()).boxed().prop_recursive(3, 16, 3, move |inner| {
        let section = fields(prop_oneof![list(), inner.clone()].boxed());
        let branches = vec(inner, 2..4).prop_map(Value::from);
        prop_oneof![
            section.clone(),
            (section, branches).prop_map(|(mut section, branches)| {
                section["$or"] = branches;
                section
            }),
        ]
    })
}

/// The text of `value`, the members of its objects in an order made of `seed`.
pub(super) fn reordered(value: &Value, seed: &mut u64) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(u64, String)> = members
                .iter()
                .map(|(name, value)| {
                    *seed =
                        seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let place = *seed >> 33;
                    (place, format!("{}: {}", Value::from(name.as_str()), reordered(value, seed)))
                })
                .collect();
            members.sort();
            let members: Vec<String> = members.into_iter().map(|(_, member)| member).collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(entries) => {
            let entries: Vec<String> = entries.iter().map(|entry| reordered(entry, seed)).collect();
            format!("[{}]", entries.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// A pattern's value as TOML writes it.
pub(super) fn toml_of(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{} = {}", toml_of(&Value::from(name.as_str())), toml_of(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(entries) => format!("[{}]", entries.iter().map(toml_of).collect::<Vec<_>>().join(", ")),
        Value::Null => "{ null = true }".to_owned(),
        // JSON's escapes are TOML's.
        scalar => scalar.to_string(),
    }
}
