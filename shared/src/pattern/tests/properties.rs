//! What holds for every pattern and every event.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::generated::{event, excluded, pattern, reordered, scalar, toml_of};
use super::reference;
use super::*;
use crate::image::{WantedPaths, convert, samples};

/// The patterns of `values` that are not refused, with their values.
fn accepted(values: &[Value]) -> Vec<(Pattern, &Value)> {
    let read = |value: &Value| Pattern::try_from_json("filter", &value.to_string());
    values.iter().filter_map(|value| Some((read(value).ok()?, value))).collect()
}

/// A decimal of at most 38 digits, in two spellings.
fn spelling(digits: i128, scale: u32, zeros: usize) -> (String, String) {
    let sign = if digits < 0 { "-" } else { "" };
    let padded = format!("{:0>width$}", digits.unsigned_abs(), width = scale as usize + 1);
    let (integer, fraction) = padded.split_at(padded.len() - scale as usize);
    let zeros = "0".repeat(zeros);
    let plain = if fraction.is_empty() && zeros.is_empty() {
        format!("{sign}{integer}")
    } else {
        format!("{sign}{integer}.{fraction}{zeros}0")
    };
    (plain, format!("{digits}E-{scale}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// One pattern or many at once: the slow matcher says the same.
    #[test]
    fn the_reference_agrees(patterns in vec(pattern(), 1..6), events in vec(event(), 1..4), seed: u64) {
        let patterns = accepted(&patterns);
        let set = PatternSet::new(patterns.iter().enumerate().map(|(id, (pattern, _))| (id, pattern)));
        for event in &events {
            let body = reordered(event, &mut seed.clone());
            let together: Vec<usize> = set.matches(&body).unwrap().into_iter().copied().collect();
            for (id, (pattern, value)) in patterns.iter().enumerate() {
                let expected = reference::matches(value, event);
                prop_assert_eq!(together.contains(&id), expected, "{} {}", value, body);
                prop_assert_eq!(pattern.matches(&body), Ok(expected), "alone: {} {}", value, body);
                prop_assert_eq!(pattern.explain(&body).unwrap().is_empty(), expected, "{} {}", value, body);
            }
        }
    }

    /// A pattern that is refused although its lists and operators are right matches nothing.
    #[test]
    fn what_is_refused_matches_nothing(pattern in pattern(), events in vec(event(), 1..8)) {
        if let Err(findings) = Pattern::try_from_json("filter", &pattern.to_string()) {
            let is_contradiction = |finding: &PatternFinding| finding.problem.contains("no event matches both");
            if findings.iter().all(is_contradiction) && pattern.get("$or").is_none() && !pattern.to_string().contains("$or") {
                for event in &events {
                    prop_assert!(!reference::matches(&pattern, event), "{} {}", pattern, event);
                }
            }
        }
    }

    #[test]
    fn order_of_keys_is_irrelevant(pattern in pattern(), event in event(), seed: u64) {
        let mut seed = seed;
        let text = reordered(&pattern, &mut seed);
        let (body, other) = (reordered(&event, &mut seed), event.to_string());
        match (Pattern::try_from_json("f", &pattern.to_string()), Pattern::try_from_json("f", &text)) {
            (Ok(one), Ok(two)) => {
                prop_assert_eq!(one.paths(), two.paths());
                prop_assert_eq!(one.matches(&body), two.matches(&other));
            }
            (one, two) => prop_assert_eq!(one.is_err(), two.is_err()),
        }
    }

    #[test]
    fn toml_and_json_are_one_language(pattern in pattern()) {
        let from_toml = toml(&format!("filter = {}", toml_of(&pattern)));
        match (from_toml, Pattern::try_from_json("filter", &pattern.to_string())) {
            (Ok(one), Ok(two)) => prop_assert_eq!(one, two),
            (Err(one), Err(two)) => {
                let texts = |findings: Vec<PatternFinding>| findings.iter().map(ToString::to_string).collect::<Vec<_>>();
                prop_assert_eq!(texts(one), texts(two));
            }
            (one, two) => prop_assert!(false, "{:?} {:?}", one, two),
        }
    }

    /// Of one value: anything but some of them is each of them denied.
    #[test]
    fn anything_but_is_de_morgans(operand in excluded(), value in scalar()) {
        let matches = |entry: String, body: &str| {
            Pattern::try_from_json("filter", &format!(r#"{{"a": [{entry}]}}"#)).map(|pattern| pattern.matches(body))
        };
        let (entries, name) = match &operand {
            Value::Object(nested) => nested.iter().next().map(|(name, operands)| (operands, Some(name))).unwrap(),
            operands => (operands, None),
        };
        let entries = entries.as_array().cloned().unwrap_or_else(|| vec![entries.clone()]);
        let plain = |entry: &Value| name.map_or(entry.to_string(), |name| format!(r#"{{"{name}": {entry}}}"#));
        let body = format!(r#"{{"a": {value}}}"#);
        let not_any = matches(format!(r#"{{"anything-but": {operand}}}"#), &body).unwrap();
        let any = matches(entries.iter().map(plain).collect::<Vec<_>>().join(", "), &body).unwrap();
        prop_assert_eq!(not_any.clone().map(|matches| !matches), any);
        let each_denied = entries.iter().all(|entry| matches(plain(entry), &body).unwrap() == Ok(false));
        prop_assert_eq!(not_any, Ok(each_denied));
        // What is not there is not anything.
        prop_assert_eq!(matches(format!(r#"{{"anything-but": {operand}}}"#), "{}").unwrap(), Ok(false));
    }

    #[test]
    fn numbers_are_their_values(
        left in -10_i128.pow(38) + 1..10_i128.pow(38), nearby in -2_i128..3, scale in 0_u32..38, zeros in 0_usize..4,
    ) {
        let right = (left + nearby).clamp(-10_i128.pow(38) + 1, 10_i128.pow(38) - 1);
        let (plain, scientific) = spelling(left, scale, zeros);
        let (wanted, _) = spelling(right, scale, 0);
        for body in [format!(r#"{{"a": {plain}}}"#), format!(r#"{{"a": {scientific}}}"#)] {
            for (entry, expected) in [
                (wanted.clone(), left == right),
                (format!(r#"{{"numeric": ["=", {wanted}]}}"#), left == right),
                (format!(r#"{{"numeric": ["<", {wanted}]}}"#), left < right),
                (format!(r#"{{"numeric": [">=", {wanted}]}}"#), left >= right),
                (format!(r#"{{"anything-but": [{wanted}]}}"#), left != right),
            ] {
                prop_assert_eq!(json(&format!(r#"{{"a": [{entry}]}}"#)).matches(&body), Ok(expected), "{} {}", entry, body);
            }
            let pattern = toml(&format!("filter.a = [{wanted}]")).unwrap();
            prop_assert_eq!(pattern.matches(&body), Ok(left == right));
        }
    }

    /// Whatever is not JSON is an error, for `serde_json` too, and whichever paths are looked at.
    #[test]
    fn what_is_json(event in event(), edits in vec((0_usize..200, "[\\[\\]{}\",:0-9a-c\\\\utlsn. -]{0,3}", 0_usize..3), 0..3)) {
        let mut text: Vec<char> = event.to_string().chars().collect();
        for (at, inserted, removed) in edits {
            let at = at.min(text.len());
            text.splice(at..(at + removed).min(text.len()), inserted.chars());
        }
        let text: String = text.into_iter().collect();
        let expected = serde_json::from_str::<Value>(&text).map(|value| value.is_object());
        let names_nothing = PatternSet::<()>::new([]).matches(&text).map(|_| ());
        match expected {
            Ok(true) => prop_assert_eq!(&names_nothing, &Ok(()), "{}", text),
            Ok(false) => prop_assert_eq!(&names_nothing, &Err(BodyError::NotAnObject), "{}", text),
            Err(_) => prop_assert!(matches!(names_nothing, Err(BodyError::NotJson { .. })), "{}", text),
        }
        let pattern = json(r#"{"a": {"b": [1], "a": {"c": [2]}}, "b": [{"exists": false}]}"#);
        prop_assert_eq!(pattern.matches(&text).map(|_| ()), names_nothing);
    }

    /// Every body that is made of an item can be looked at.
    #[test]
    fn items_are_bodies(item in samples::item()) {
        let body = convert(&samples::raw(&item), &WantedPaths::default()).unwrap().json;
        let names: Vec<Value> = item.iter().map(|(name, _)| Value::from(name.as_str())).filter(|name| name != "$or").collect();
        let fields: Vec<String> = names.iter().map(|name| format!(r#"{name}: [{{"exists": true}}, {{"exists": false}}]"#)).collect();
        if !fields.is_empty() {
            prop_assert_eq!(json(&format!("{{{}}}", fields.join(", "))).matches(&body), Ok(true));
        }
    }
}
