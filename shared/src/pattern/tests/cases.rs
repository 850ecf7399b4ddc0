//! Tables: AWS's documentation, and what it leaves open.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::*;

/// A row of the data file, which other tests can read too.
#[derive(Deserialize)]
struct Case<'c> {
    /// The page of AWS's that says so.
    page: &'c str,
    #[serde(borrow)]
    pattern: &'c RawValue,
    #[serde(borrow)]
    event: &'c RawValue,
    matches: bool,
}

#[test]
fn what_aws_documents() {
    let mut rows = 0;
    for line in include_str!("../../../tests/data/event_patterns.jsonl").lines() {
        let Case { page, pattern, event, matches } = serde_json::from_str(line).unwrap();
        assert_eq!(json(pattern.get()).matches(event.get()), Ok(matches), "{page}: {pattern} {event}");
        rows += 1;
    }
    assert_eq!(rows, 133);
}

#[test]
fn the_pattern_of_the_documentation_in_toml() {
    let pattern = toml(
        "[filter]
         sk = [{ prefix = 'EVENT#' }]
         [filter.RegistrationNumber]
         status = [{ anything-but = ['DRAFT', 'VOID'] }]
         price = [{ numeric = ['>=', 100, '<', 500.50] }]
         lockTime = [{ exists = false }]",
    );
    let pattern = pattern.unwrap();
    for (body, matches) in [
        (r#"{"RegistrationNumber":{"price":500.49,"status":"LIVE"},"sk":"EVENT#1"}"#, true),
        (r#"{"RegistrationNumber":{"price":100,"status":"LIVE"},"sk":"EVENT#1"}"#, true),
        (r#"{"RegistrationNumber":{"price":500.5,"status":"LIVE"},"sk":"EVENT#1"}"#, false),
        (r#"{"RegistrationNumber":{"price":100,"status":"VOID"},"sk":"EVENT#1"}"#, false),
        (r#"{"RegistrationNumber":{"lockTime":1,"price":100,"status":"LIVE"},"sk":"EVENT#1"}"#, false),
        (r#"{"RegistrationNumber":{"price":100,"status":"LIVE"},"sk":"HEAD"}"#, false),
        (r#"{"RegistrationNumber":{"price":100},"sk":"EVENT#1"}"#, false),
    ] {
        assert_eq!(pattern.matches(body), Ok(matches), "{body}");
    }
    let paths: Vec<String> = pattern.paths().iter().map(ToString::to_string).collect();
    let expected =
        ["RegistrationNumber.lockTime", "RegistrationNumber.price", "RegistrationNumber.status", "sk"];
    assert_eq!(paths, expected);
    assert_eq!(PatternSet::new([(1, &pattern), (2, &pattern)]).paths().len(), 4);
}

#[test]
fn numbers_are_exact() {
    check(&[
        (r#"{"a": [1]}"#, r#"{"a": 1.00}"#, true),
        (r#"{"a": [1.0]}"#, r#"{"a": 10e-1}"#, true),
        (r#"{"a": [0]}"#, r#"{"a": -0.0E9}"#, true),
        (r#"{"a": [0.1]}"#, r#"{"a": 0.1000000000000000055511151231257827}"#, false),
        (
            r#"{"a": [12345678901234567890123456789012345678]}"#,
            r#"{"a": 12345678901234567890123456789012345678}"#,
            true,
        ),
        (
            r#"{"a": [12345678901234567890123456789012345678]}"#,
            r#"{"a": 12345678901234567890123456789012345679}"#,
            false,
        ),
        (
            r#"{"a": [{"numeric": ["<", 1.2345678901234567890123456789012345679]}]}"#,
            r#"{"a": 1.2345678901234567890123456789012345678}"#,
            true,
        ),
        (r#"{"a": [{"numeric": [">", 9.99E+125]}]}"#, r#"{"a": 9.991E125}"#, true),
        (r#"{"a": [{"numeric": [">", 0, "<", 1e-129]}]}"#, r#"{"a": 1E-130}"#, true),
        (r#"{"a": [{"numeric": ["=", 5000000001]}]}"#, r#"{"a": 5.000000001e9}"#, true),
        (r#"{"a": [{"anything-but": [1, 2]}]}"#, r#"{"a": 2.0}"#, false),
        // A number that DynamoDB cannot have is like no number of a pattern.
        (r#"{"a": [{"numeric": [">", 0]}]}"#, r#"{"a": 1e99999999999}"#, false),
        (r#"{"a": [{"anything-but": 1}]}"#, r#"{"a": 1e99999999999}"#, true),
        (r#"{"a": [{"exists": true}]}"#, r#"{"a": 1e99999999999}"#, true),
    ]);
}

#[test]
fn toml_keeps_the_digits() {
    for (number, body, matches) in [
        ("500.50", "500.5", true),
        ("+1_000.250_0", "1000.25", true),
        ("0xff", "255", true),
        ("0o17", "15", true),
        ("0b11", "3", true),
        ("-0", "0", true),
        ("6.02e23", "602000000000000000000000", true),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678", true),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345679", false),
        ("0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678", true),
        ("0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345679", false),
    ] {
        let pattern = toml(&format!("filter.a = [{number}]")).unwrap();
        assert_eq!(pattern.matches(&format!(r#"{{"a": {body}}}"#)), Ok(matches), "{number} {body}");
    }
}

#[test]
fn toml_has_a_null() {
    let pattern = toml("filter.a = ['', { null = true }]").unwrap();
    assert_eq!(pattern, json(r#"{"a": ["", null]}"#));
}

#[test]
fn names_and_texts_are_compared_decoded() {
    check(&[
        (r#"{"é": ["a\"b"]}"#, r#"{"\u00e9": "\u0061\"b"}"#, true),
        (r#"{"a": ["😀\n"]}"#, r#"{"a": "\ud83d\ude00\u000a"}"#, true),
        (r#"{"a": ["a/b"]}"#, r#"{"a": "a\/b"}"#, true),
        (r#"{"a": [{"suffix": "\uffff"}]}"#, r#"{"a": "x\uffff"}"#, true),
        (r#"{"": ["x"]}"#, r#"{"": "x"}"#, true),
        // A name with a dot is one name.
        (r#"{"a.b": ["x"]}"#, r#"{"a": {"b": "x"}}"#, false),
        (r#"{"a.b": ["x"]}"#, r#"{"a.b": "x"}"#, true),
    ]);
}

#[test]
fn operators_of_text_see_no_other_value() {
    for operator in [
        r#"{"prefix": ""}"#,
        r#"{"suffix": ""}"#,
        r#"{"prefix": {"equals-ignore-case": ""}}"#,
        r#"{"wildcard": "*"}"#,
        r#"{"numeric": ["=", 2]}"#,
        r#"{"cidr": "::/0"}"#,
        r#"{"equals-ignore-case": "true"}"#,
    ] {
        for value in ["1", "true", "false", "null", "{}", "[]"] {
            check(&[(&format!(r#"{{"a": [{operator}]}}"#), &format!(r#"{{"a": {value}}}"#), false)]);
        }
    }
    // What is no text is "anything but" a text; what is not there is nothing.
    for (value, matches) in [("1", true), ("true", true), ("null", true), ("{}", false), ("[]", false)] {
        for operand in [r#""x""#, "[7, 8]", r#"{"prefix": "x"}"#, r#"{"wildcard": ["x*"]}"#] {
            let pattern = format!(r#"{{"a": [{{"anything-but": {operand}}}]}}"#);
            check(&[(&pattern, &format!(r#"{{"a": {value}}}"#), matches)]);
        }
    }
}

#[test]
fn a_value_of_an_array_suffices() {
    check(&[
        (r#"{"a": ["x"]}"#, r#"{"a": ["y", "x"]}"#, true),
        (r#"{"a": ["x"]}"#, r#"{"a": [["y"], [["x"]]]}"#, true),
        (r#"{"a": [{"anything-but": "x"}]}"#, r#"{"a": ["x", "y"]}"#, true),
        (r#"{"a": [{"anything-but": "x"}]}"#, r#"{"a": ["x", "x"]}"#, false),
        (r#"{"a": [{"exists": true}]}"#, r#"{"a": [null]}"#, true),
        (r#"{"a": [{"exists": true}]}"#, r#"{"a": []}"#, false),
        (r#"{"a": [{"exists": false}]}"#, r#"{"a": []}"#, true),
        (r#"{"a": [{"exists": false}]}"#, r#"{"a": {}}"#, true),
        (r#"{"a": [{"exists": false}]}"#, r#"{"a": [{"b": 1}]}"#, true),
        (r#"{"a": ["x"], "$or": [{"a": ["y"]}, {"b": [1]}]}"#, r#"{"a": ["x", "y"]}"#, true),
    ]);
}

#[test]
fn fields_meet_in_one_element_of_an_array() {
    check(&[
        (r#"{"a": {"b": [1], "c": [2]}}"#, r#"{"a": [{"b": 1}, {"c": 2}]}"#, false),
        (r#"{"a": {"b": [1], "c": [2]}}"#, r#"{"a": [{"b": 1}, {"b": 1, "c": 2}]}"#, true),
        (r#"{"a": {"b": [1], "c": [2]}}"#, r#"{"a": [[{"b": 1}, {"c": 2}]]}"#, false),
        (r#"{"a": {"b": [1]}, "d": {"c": [2]}}"#, r#"{"a": [{"x": 0}, {"b": 1}], "d": [{"c": 2}]}"#, true),
        // Two arrays inside of one.
        (
            r#"{"a": {"b": {"x": [1]}, "c": {"x": [2]}}}"#,
            r#"{"a": [{"b": [{"x": 1}], "c": [{"x": 3}]}, {"b": [{"x": 0}], "c": [{"x": 2}]}]}"#,
            false,
        ),
        (
            r#"{"a": {"b": {"x": [1]}, "c": {"x": [2]}}}"#,
            r#"{"a": [{"b": [{"x": 0}, {"x": 1}], "c": [{"x": 2}, {"x": 3}]}]}"#,
            true,
        ),
        // Branches of `$or` too.
        (
            r#"{"a": {"b": [1], "$or": [{"c": [2]}, {"d": [3]}]}}"#,
            r#"{"a": [{"b": 1}, {"c": 2}, {"d": 3}]}"#,
            false,
        ),
        (
            r#"{"a": {"b": [1], "$or": [{"c": [2]}, {"d": [3]}]}}"#,
            r#"{"a": [{"b": 1, "d": 3}, {"c": 2}]}"#,
            true,
        ),
        // Values beside objects belong to none of them.
        (r#"{"a": ["x"], "$or": [{"a": {"b": [1]}}, {"c": [0]}]}"#, r#"{"a": ["x", {"b": 1}]}"#, true),
    ]);
}

#[test]
fn absence_is_judged_where_the_other_fields_are() {
    let b_without_c = r#"{"a": {"b": [1], "c": [{"exists": false}]}}"#;
    let no_c = r#"{"a": {"c": [{"exists": false}]}}"#;
    let c_or_none = r#"{"a": {"b": [1], "c": [2, {"exists": false}]}}"#;
    check(&[
        (b_without_c, r#"{"a": [{"b": 1}, {"c": 2}]}"#, true),
        (b_without_c, r#"{"a": [{"b": 1, "c": 2}, {"d": 2}]}"#, false),
        (b_without_c, r#"{"a": [{"b": 1, "c": 2}, {"b": 1}]}"#, true),
        (no_c, r#"{"a": [{"b": 1}, {"c": 2}]}"#, false),
        (no_c, r#"{"a": [{"b": 1}, {"c": {"d": 1}}]}"#, true),
        (c_or_none, r#"{"a": [{"b": 1, "c": 3}, {"b": 1}]}"#, true),
        (c_or_none, r#"{"a": [{"b": 1, "c": 3}, {"b": 0}]}"#, false),
        (c_or_none, r#"{"a": [{"b": 1, "c": 3}, {"b": 1, "c": [3, 2]}]}"#, true),
        // An array inside of an array is an element like an object.
        (
            r#"{"a": {"b": [{"exists": false}]}, "$or": [{"a": ["x"]}, {"a": ["y"]}]}"#,
            r#"{"a": ["x", ["x"], {"b": 1}]}"#,
            true,
        ),
    ]);
}

#[test]
fn the_first_of_a_repeated_name_counts() {
    check(&[
        (r#"{"a": [1]}"#, r#"{"a": 1, "a": 2}"#, true),
        (r#"{"a": [2]}"#, r#"{"a": 1, "a": 2}"#, false),
        (r#"{"a": {"b": [2]}}"#, r#"{"a": {"b": 1}, "a": {"b": 2}}"#, false),
        (r#"{"a": {"b": [2]}}"#, r#"{"a": [{"b": 1}, {"b": 2}]}"#, true),
    ]);
}

#[test]
fn a_body_that_is_none_is_an_error() {
    let set = PatternSet::new([(1, &json(r#"{"a": {"b": [1]}}"#))]);
    for (body, at) in [
        ("", 0),
        ("{", 1),
        (r#"{"a""#, 4),
        (r#"{"a": 01}"#, 7),
        (r#"{"a": 1.}"#, 8),
        (r#"{"a": {"b": 1,}}"#, 14),
        (r#"{"x": [1, 2}"#, 11),
        (r#"{"x": tru}"#, 6),
        (r#"{"x": "\x"}"#, 7),
        (r#"{"x": "\ud800"}"#, 7),
        (r#"{"x": "\udc00\ud800"}"#, 7),
        (r#"{"x": "\u+123"}"#, 7),
        ("{\"x\": \"\n\"}", 7),
        (r#"{"a": 1} x"#, 9),
        (r#"{"a": 1"#, 7),
        (r#"{x: 1}"#, 1),
        (r#"[1] 2"#, 4),
    ] {
        assert_eq!(set.matches(body), Err(BodyError::NotJson { at }), "{body}");
    }
    for body in ["[]", "1", "null", r#""a""#, r#"[{"a": 1}]"#] {
        assert_eq!(set.matches(body), Err(BodyError::NotAnObject), "{body}");
    }
    for name in ["a", "x"] {
        let nested = |depth| format!("{{\"{name}\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(set.matches(&nested(127)), Ok(vec![]));
        assert_eq!(set.matches(&nested(128)), Err(BodyError::Depth));
        assert_eq!(set.matches(&nested(100_000)), Err(BodyError::Depth));
        assert_eq!(
            set.matches(&format!("{{\"{name}\": {}", r#"{"a":"#.repeat(100_000))),
            Err(BodyError::Depth)
        );
    }
}

#[test]
fn white_space_is_no_matter() {
    check(&[(r#" { "a" : [ "x" , 1 ] } "#, " \t\r\n{ \"b\" : [ ] , \"a\"\n:\r[ 1 , { } ] } \n", true)]);
}
