//! Who said no.

use super::*;

#[track_caller]
fn explained(pattern: &str, body: &str, expected: &[&str]) {
    let pattern = json(pattern);
    let refusals = pattern.explain(body).unwrap();
    assert_eq!(refusals.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{body}");
    assert_eq!(pattern.matches(body), Ok(expected.is_empty()));
}

#[test]
fn the_first_field_that_says_no() {
    let pattern =
        r#"{"sk": [{"prefix": "EVENT#"}], "r": {"status": ["LIVE"], "lockTime": [{"exists": false}]}}"#;
    explained(pattern, r#"{"sk": "EVENT#1", "r": {"status": "LIVE"}}"#, &[]);
    explained(pattern, r#"{"sk": "HEAD", "r": {}}"#, &["`sk` has another value"]);
    explained(pattern, r#"{"sk": "EVENT#1", "r": {}}"#, &["`r.status` is not there"]);
    explained(pattern, r#"{"sk": "EVENT#1", "r": {"status": {"x": 1}}}"#, &["`r.status` is not there"]);
    let locked = r#"{"sk": "EVENT#1", "r": {"status": "LIVE", "lockTime": 7}}"#;
    explained(pattern, locked, &["`r.lockTime` is there, and must not be"]);
}

#[test]
fn the_first_field_of_each_branch() {
    let pattern = r#"{"a": [1], "$or": [{"b": [1], "c": [1]}, {"d": [1]}, {"d": [2]}]}"#;
    explained(pattern, r#"{"a": 1, "b": 1, "d": 3}"#, &["`c` is not there", "`d` has another value"]);
    explained(pattern, r#"{"a": 2, "b": 1}"#, &["`a` has another value"]);
    explained(pattern, r#"{"a": 1, "d": 2}"#, &[]);
}

#[test]
fn another_element() {
    let pattern = r#"{"x": [1], "a": {"b": [1], "c": [2]}}"#;
    let expected = ["`a.c` has the value in another element of the array than the fields before"];
    explained(pattern, r#"{"x": 1, "a": [{"b": 1}, {"c": 2}]}"#, &expected);
    explained(pattern, r#"{"x": 1, "a": [{"b": 1}, {"c": 3}]}"#, &["`a.c` has another value"]);
}

#[test]
fn paths_that_a_body_has() {
    let set = PatternSet::new([
        (1, &json(r#"{"a": {"b": [1]}, "é": [1]}"#)),
        (2, &json(r#"{"a": {"b": [2], "c": [1]}, "a.b": [1]}"#)),
    ]);
    let paths: Vec<Vec<String>> = set.paths().into_iter().map(|path| path.0).collect();
    assert_eq!(paths, [vec!["a", "b"], vec!["a", "c"], vec!["a.b"], vec!["é"]]);
    assert_eq!(set.present_paths(r#"{"a": [{"b": 7}], "é": {}}"#), Ok(vec![true, false, false, false]));
}
