//! What AWS documents, what it leaves open, what is refused, and a slow matcher that must agree.

use super::*;

mod cases;
mod explanations;
mod findings;
mod fuzz;
mod generated;
mod messages;
mod properties;
mod reference;

/// The pattern of a JSON text that is right.
#[track_caller]
fn json(text: &str) -> Pattern {
    Pattern::try_from_json("filter", text).unwrap_or_else(|findings| panic!("{text}: {findings:?}"))
}

/// The pattern of the section `[filter]` of a TOML text.
fn toml(text: &str) -> Result<Pattern, Vec<PatternFinding>> {
    let document = ::toml::de::DeTable::parse(text).unwrap();
    Pattern::try_from_toml("filter", document.get_ref().get("filter").unwrap())
}

/// In each row a pattern, a body, and whether the one matches the other.
#[track_caller]
fn check(rows: &[(&str, &str, bool)]) {
    for (pattern, body, matches) in rows {
        assert_eq!(json(pattern).matches(body), Ok(*matches), "{pattern} {body}");
    }
}
