//! The language once more, slow and obvious: every choice of values is tried, as event-ruler describes it.
//!
//! On trees, with patterns that are right, numbers that `f64` holds, and ASCII.

use std::collections::BTreeMap;

use serde_json::Value;

/// A value that is neither an object nor an array, its path, and the element of each array around it.
///
/// An array that has the value itself as an element is not around it.
struct Leaf<'e> {
    path: Vec<&'e str>,
    value: &'e Value,
    elements: BTreeMap<usize, usize>,
}

/// A path and the list that stands there in a pattern.
type Field<'p> = (Vec<&'p str>, &'p [Value]);

pub(super) fn matches(pattern: &Value, event: &Value) -> bool {
    let mut leaves = Vec::new();
    flatten(event, &[], &BTreeMap::new(), &mut 0, &mut leaves);
    alternatives(pattern, &[]).iter().any(|fields| choose(fields, &BTreeMap::new(), &[], &leaves))
}

fn flatten<'e>(
    value: &'e Value,
    path: &[&'e str],
    elements: &BTreeMap<usize, usize>,
    arrays: &mut usize,
    leaves: &mut Vec<Leaf<'e>>,
) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                flatten(value, &[path, &[name.as_str()]].concat(), elements, arrays, leaves);
            }
        }
        Value::Array(entries) => {
            *arrays += 1;
            let array = *arrays;
            for (index, value) in entries.iter().enumerate() {
                let mut elements = elements.clone();
                if value.is_object() || value.is_array() {
                    elements.insert(array, index);
                }
                flatten(value, path, &elements, arrays, leaves);
            }
        }
        value => leaves.push(Leaf { path: path.to_vec(), value, elements: elements.clone() }),
    }
}

fn alternatives<'p>(pattern: &'p Value, path: &[&'p str]) -> Vec<Vec<Field<'p>>> {
    let mut so_far = vec![Vec::new()];
    for (name, value) in pattern.as_object().unwrap() {
        let path = [path, &[name.as_str()]].concat();
        let outer = &path[..path.len() - 1];
        let added: Vec<Vec<Field<'p>>> = match value {
            Value::Array(branches) if name == "$or" => {
                branches.iter().flat_map(|branch| alternatives(branch, outer)).collect()
            }
            Value::Array(list) => vec![vec![(path.clone(), list.as_slice())]],
            section => alternatives(section, &path),
        };
        so_far = so_far
            .iter()
            .flat_map(|fields| added.iter().map(|more| [fields.as_slice(), more].concat()))
            .collect();
    }
    so_far
}

/// Whether there is a value for each of `fields`, all in the same elements; `absent` are the paths at which there must
/// be none in these elements.
fn choose(
    fields: &[Field<'_>],
    elements: &BTreeMap<usize, usize>,
    absent: &[&[&str]],
    leaves: &[Leaf<'_>],
) -> bool {
    let Some(((path, list), rest)) = fields.split_first() else {
        return absent
            .iter()
            .all(|path| !leaves.iter().any(|leaf| leaf.path == *path && are_consistent(elements, leaf)));
    };
    let by_value =
        leaves.iter().filter(|leaf| leaf.path == *path && are_consistent(elements, leaf)).any(|leaf| {
            let mut elements = elements.clone();
            elements.extend(&leaf.elements);
            list.iter().any(|entry| holds(entry, leaf.value)) && choose(rest, &elements, absent, leaves)
        });
    let admits_absence = list.iter().any(|entry| entry["exists"] == Value::Bool(false));
    by_value || (admits_absence && choose(rest, elements, &[absent, &[path.as_slice()]].concat(), leaves))
}

fn are_consistent(elements: &BTreeMap<usize, usize>, leaf: &Leaf<'_>) -> bool {
    leaf.elements.iter().all(|(array, index)| elements.get(array).is_none_or(|chosen| chosen == index))
}

fn holds(entry: &Value, value: &Value) -> bool {
    let Value::Object(operator) = entry else {
        return match (entry, value) {
            (Value::Number(entry), Value::Number(value)) => entry.as_f64() == value.as_f64(),
            _ => entry == value,
        };
    };
    let (name, operand) = operator.iter().next().unwrap();
    match name.as_str() {
        "exists" => operand == &Value::Bool(true),
        "anything-but" => {
            let (name, operands) = match operand {
                Value::Object(nested) => {
                    let (name, operands) = nested.iter().next().unwrap();
                    (Some(name.as_str()), operands)
                }
                operands => (None, operands),
            };
            let operands = operands.as_array().cloned().unwrap_or_else(|| vec![operands.clone()]);
            !operands.iter().any(|operand| match name {
                Some(name) => is_text_with(name, operand, value),
                None => holds(operand, value),
            })
        }
        "numeric" => operand.as_array().unwrap().chunks(2).all(|pair| {
            let (Some(number), Some(value)) = (pair[1].as_f64(), value.as_f64()) else {
                return false;
            };
            match pair[0].as_str().unwrap() {
                "=" => value == number,
                "<" => value < number,
                "<=" => value <= number,
                ">" => value > number,
                _ => value >= number,
            }
        }),
        name => is_text_with(name, operand, value),
    }
}

fn is_text_with(name: &str, operand: &Value, value: &Value) -> bool {
    let Some(text) = value.as_str() else {
        return false;
    };
    if let Value::Object(nested) = operand {
        let folded = Value::from(nested["equals-ignore-case"].as_str().unwrap().to_lowercase());
        return is_text_with(name, &folded, &Value::from(text.to_lowercase()));
    }
    let operand = operand.as_str().unwrap();
    match name {
        "prefix" => text.starts_with(operand),
        "suffix" => text.ends_with(operand),
        "equals-ignore-case" => text.eq_ignore_ascii_case(operand),
        "wildcard" => is_like(operand.as_bytes(), text.as_bytes()),
        other => panic!("`{other}` has no reference"),
    }
}

/// Tries every length of what `*` stands for.
fn is_like(wildcard: &[u8], text: &[u8]) -> bool {
    match (wildcard, text) {
        ([], text) => text.is_empty(),
        ([b'*', rest @ ..], text) => (0..=text.len()).any(|length| is_like(rest, &text[length..])),
        ([b'\\', wanted, rest @ ..] | [wanted, rest @ ..], text) => {
            text.split_first().is_some_and(|(first, text)| first == wanted && is_like(rest, text))
        }
    }
}
