//! A million pairs of a pattern and an event, most of them broken in some way: nothing panics.

use super::*;

/// Pairs of a pattern and a body that are tried.
const PAIRS: usize = 1_000_000;

/// What patterns and bodies are made of: whole words, so that some are nearly right.
const WORDS: [&str; 48] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"a\":",
    "\"b\":",
    "\"c\":",
    "\"a\"",
    "\"xyx\"",
    "\"$or\":",
    "{\"prefix\":",
    "{\"suffix\":",
    "{\"wildcard\":",
    "{\"anything-but\":",
    "{\"equals-ignore-case\":",
    "{\"numeric\":",
    "{\"cidr\":",
    "{\"exists\":",
    "\"x*y\"",
    "\"\\\\*\"",
    "\"10.0.0.0/8\"",
    "\"10.1.2.3\"",
    "\"::1\"",
    "\">\"",
    "\"<=\"",
    "\"=\"",
    "0",
    "-1",
    "1.50",
    "1e400",
    "-0.0E-9",
    "1e99999999999",
    "true",
    "false",
    "null",
    "\"\\u00e9\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "\"é\"",
    "\\",
    "\"",
    "{}",
    "[]",
    "[{\"a\":",
    "}]",
    " ",
];

/// Whole fields, so that some patterns are right.
const FIELDS: [&str; 12] = [
    r#""a": ["x"]"#,
    r#""a": {"b": [1, {"exists": false}]}"#,
    r#""b": [{"anything-but": {"wildcard": ["x*", "*y"]}}]"#,
    r#""b": [{"numeric": [">", -1, "<=", 1.5]}, null]"#,
    r#""c": [{"prefix": {"equals-ignore-case": "É"}}]"#,
    r#""c": {"a": [{"exists": true}], "b": ["xyx"]}"#,
    r#""$or": [{"a": [1]}, {"b": [true]}]"#,
    r#""c": {"$or": [{"a": [1]}, {"a": {"b": [2]}}]}"#,
    r#""a": [{"cidr": "10.0.0.0/8"}, {"suffix": "x"}]"#,
    r#""b": {"c": [{"anything-but": [1, 2]}]}"#,
    r#""c": [{"equals-ignore-case": "XYX"}, false, ""]"#,
    r#""a": {"a": {"a": ["x"], "b": [{"exists": false}]}}"#,
];

/// Whole members of a body.
const MEMBERS: [&str; 10] = [
    r#""a": "x""#,
    r#""a": {"b": 1, "a": {"a": "x"}}"#,
    r#""a": [{"b": 1}, {"a": [{"a": "x", "b": 2}, {"a": "x"}]}, "10.1.2.3"]"#,
    r#""b": "xyx""#,
    r#""b": [1.50, null, {"c": 3}]"#,
    r#""c": "éa""#,
    r#""c": [[{"a": 1}, {"b": "xyx"}], [{"a": {"b": 2}, "b": "xyx"}]]"#,
    r#""c": {"a": null, "b": "xyx"}"#,
    r#""x": {"a": [[], {}, "\"\\"], "b": -0.1e+3}"#,
    r#""b": true"#,
];

/// Knuth's generator: the same pairs in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn object(&mut self, members: &[&str], text: &mut String) {
        text.clear();
        text.push('{');
        for index in 0..=self.below(3) {
            text.push_str(if index > 0 { ", " } else { "" });
            text.push_str(members[self.below(members.len())]);
        }
        text.push('}');
        // Half of them stay as they are.
        for _ in 0..self.below(6).saturating_sub(2) {
            let mut at = self.below(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            match self.below(3) {
                0 => text.insert_str(at, WORDS[self.below(WORDS.len())]),
                1 => text.truncate(at),
                _ => drop((at < text.len()).then(|| text.remove(at))),
            }
        }
    }
}

#[test]
fn nothing_panics() {
    let mut chance = Chance(1);
    let (mut text, mut pairs, mut right, mut matching, mut bodies) = (String::new(), 0, 0, 0, 0);
    while pairs < PAIRS {
        let mut patterns = Vec::new();
        for _ in 0..10 {
            chance.object(&FIELDS, &mut text);
            match Pattern::try_from_json("filter", &text) {
                Ok(pattern) => patterns.push(pattern),
                Err(findings) => assert!(!findings.is_empty()),
            }
        }
        right += patterns.len();
        let set = PatternSet::new(patterns.iter().enumerate());
        for _ in 0..20 {
            chance.object(&MEMBERS, &mut text);
            pairs += 10;
            if let Ok(matches) = set.matches(&text) {
                matching += matches.len();
                bodies += 1;
            }
        }
        if let Some(pattern) = patterns.first() {
            drop(pattern.explain(&text));
        }
    }
    // Enough of them are right for the others to count.
    assert!(
        right * 20 > PAIRS / 4 && bodies * 10 > PAIRS / 4 && matching > PAIRS / 50,
        "{right} {bodies} {matching}"
    );
}
