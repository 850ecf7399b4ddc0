//! Every finding, with its key and its way out.

use expect_test::{Expect, expect};

use super::*;

/// Each row is a section `[filter]`; its findings, with their lines.
#[track_caller]
fn check(rows: &[&str], expected: Expect) {
    let mut all = String::new();
    for row in rows {
        for finding in toml(&format!("filter = {row}")).expect_err(row) {
            assert!(!finding.problem.is_empty() && !finding.remedy.is_empty(), "{finding}");
            all += &format!("{finding}\n");
        }
    }
    expected.assert_eq(&all);
}

#[test]
fn sections_and_lists() {
    check(
        &[
            "'DRAFT'",
            "{}",
            "{ a = {} }",
            "{ a = 'DRAFT' }",
            "{ a = 1 }",
            "{ a = true }",
            "{ a = 2024-01-01 }",
            "{ a = [] }",
            "{ a = [[1]] }",
            "{ a = [2024-01-01T00:00:00Z] }",
            "{ a = [inf] }",
            "{ a = [nan, 0xffffffffffffffffffffffffffffffffff] }",
            "{ a = [1e99999999999] }",
            "{ a = { prefix = 'x' } }",
            "{ a = { anything-but = ['x'] } }",
            "{ a = { numeric = ['>', 1] } }",
            r#"{ "a\u001b" = 1 }"#,
        ],
        expect![[r#"
            filter: is text; write a section headed `[filter]`
            filter: is empty; name a field in it, or delete it
            filter.a: is empty; name a field in it, or delete it
            filter.a: is text; list the values that it may have, in brackets
            filter.a: is a number; list the values that it may have, in brackets
            filter.a: is true or false; list the values that it may have, in brackets
            filter.a: is a date or time; list the values that it may have, in brackets
            filter.a: is an empty list, which nothing matches; list the values that it may have
            filter.a: is a list; write text in quotes, a number, true, false, or an operator in braces
            filter.a: is a date or time; write text in quotes, a number, true, false, or an operator in braces
            filter.a: `inf` is no number of JSON; write a decimal number, with an exponent if need be
            filter.a: `nan` is no number of JSON; write a decimal number, with an exponent if need be
            filter.a: `ffffffffffffffffffffffffffffffffff to base 16` is no number of JSON; write a decimal number, with an exponent if need be
            filter.a: `1e99999999999` is no number of JSON; write a decimal number, with an exponent if need be
            filter.a.prefix: is text, but a field is a list; write it in braces in the field's list: `[{ prefix = … }]`
            filter.a.anything-but: is an operator where a field's name stands; write it in braces in a field's list: `[{ anything-but = … }]`
            filter.a.numeric: is an operator where a field's name stands; write it in braces in a field's list: `[{ numeric = … }]`
            filter.a\u{1b}: is a number; list the values that it may have, in brackets
        "#]],
    );
}

#[test]
fn operators() {
    check(
        &[
            "{ a = [{}] }",
            "{ a = [{ prefx = 'x' }] }",
            "{ a = [{ anything_but = 'x' }] }",
            "{ a = [{ regex = 'x' }] }",
            "{ a = [{ name = ['x'] }] }",
            "{ a = [{ prefix = 'x', suffix = 'y' }] }",
            "{ a = [{ prefix = 1 }] }",
            "{ a = [{ prefix = ['x'] }] }",
            "{ a = [{ prefix = { suffix = 'x' } }] }",
            "{ a = [{ suffix = { equals-ignore-case = 1 } }] }",
            "{ a = [{ equals-ignore-case = ['x'] }] }",
            "{ a = [{ exists = 'false' }] }",
            "{ a = [{ exists = [false] }] }",
            "{ a = [{ null = false }] }",
            "{ a = [{ wildcard = '**' }] }",
            r"{ a = [{ wildcard = 'a\b' }] }",
            "{ a = [{ wildcard = 1 }] }",
            "{ a = [{ cidr = '10.0.0.0' }] }",
            "{ a = [{ cidr = '10.0.0.0/33' }] }",
            "{ a = [{ cidr = '10.0.0.1/24' }] }",
            "{ a = [{ cidr = '2001:db8::1/32' }] }",
            "{ a = [{ cidr = 10 }] }",
        ],
        expect![[r#"
            filter.a: has braces without an operator; write one of `prefix`, `suffix`, `equals-ignore-case`, `wildcard`, `anything-but`, `numeric`, `cidr`, `exists` in them
            filter.a.prefx: unknown operator; did you mean `prefix`?
            filter.a.anything_but: unknown operator; did you mean `anything-but`?
            filter.a.regex: unknown operator; known are `prefix`, `suffix`, `equals-ignore-case`, `wildcard`, `anything-but`, `numeric`, `cidr`, `exists`; a field of an object stands in a section
            filter.a.name: unknown operator; known are `prefix`, `suffix`, `equals-ignore-case`, `wildcard`, `anything-but`, `numeric`, `cidr`, `exists`; a field of an object stands in a section
            filter.a: has 2 operators in one pair of braces; give each braces of its own
            filter.a.prefix: is a number; write text in quotes
            filter.a.prefix: is a list; write text in quotes
            filter.a.prefix.suffix: unknown operator; known here are `equals-ignore-case`
            filter.a.suffix.equals-ignore-case: is a number; write text in quotes
            filter.a.equals-ignore-case: is a list; write text in quotes
            filter.a.exists: is text; write `true` or `false` without quotes
            filter.a.exists: is a list; write `true` or `false` without quotes
            filter.a.null: unknown operator; known are `prefix`, `suffix`, `equals-ignore-case`, `wildcard`, `anything-but`, `numeric`, `cidr`, `exists`; a field of an object stands in a section
            filter.a.wildcard: `**` has `**`; write one `*`, which stands for any characters
            filter.a.wildcard: `a\\b` has a backslash before something else than `*` or a backslash; write `\\` for a backslash and `\*` for an asterisk
            filter.a.wildcard: is a number; write text in quotes
            filter.a.cidr: `10.0.0.0` is not a block of addresses; write an address, a slash and the number of bits, as in `10.0.0.0/24`
            filter.a.cidr: `10.0.0.0/33` has 33 bits, and the address only 32; write a number up to 32
            filter.a.cidr: `10.0.0.1/24` has bits behind the first 24; write `10.0.0.0/24`
            filter.a.cidr: `2001:db8::1/32` has bits behind the first 32; write `2001:db8::/32`
            filter.a.cidr: is a number; write text in quotes
        "#]],
    );
}

#[test]
fn anything_but() {
    check(
        &[
            "{ a = [{ anything-but = [] }] }",
            "{ a = [{ anything-but = true }] }",
            "{ a = [{ anything-but = ['x', 1] }] }",
            "{ a = [{ anything-but = ['x', true, { null = true }] }] }",
            "{ a = [{ anything-but = {} }] }",
            "{ a = [{ anything-but = { numeric = ['=', 1] } }] }",
            "{ a = [{ anything-but = { prefix = '' } }] }",
            "{ a = [{ anything-but = { suffix = ['x', ''] } }] }",
            "{ a = [{ anything-but = { prefix = [] } }] }",
            "{ a = [{ anything-but = { prefix = { equals-ignore-case = 'x' } } }] }",
            "{ a = [{ anything-but = { wildcard = ['*', '**', 1] } }] }",
            "{ a = [{ anything-but = { equals-ignore-case = 1 } }] }",
        ],
        expect![[r#"
            filter.a.anything-but: is an empty list; list what must not be there
            filter.a.anything-but: is true or false; write text, a number, a list of either, or an operator in braces
            filter.a.anything-but: is a list of numbers and something else; list only texts or only numbers
            filter.a.anything-but: is true or false; write text, a number, a list of either, or an operator in braces
            filter.a.anything-but: is null; write text, a number, a list of either, or an operator in braces
            filter.a.anything-but: has braces without an operator; write one of `prefix`, `suffix`, `equals-ignore-case`, `wildcard` in them
            filter.a.anything-but.numeric: unknown operator; known here are `prefix`, `suffix`, `equals-ignore-case`, `wildcard`
            filter.a.anything-but.prefix: is empty, and every text has it; write what texts must not have
            filter.a.anything-but.suffix: is empty, and every text has it; write what texts must not have
            filter.a.anything-but.prefix: is an empty list; list what must not be there
            filter.a.anything-but.prefix: is a section; write text in quotes
            filter.a.anything-but.wildcard: `**` has `**`; write one `*`, which stands for any characters
            filter.a.anything-but.wildcard: is a number; write text in quotes
            filter.a.anything-but.equals-ignore-case: is a number; write text in quotes
        "#]],
    );
}

#[test]
fn numeric() {
    check(
        &[
            "{ a = [{ numeric = 1 }] }",
            "{ a = [{ numeric = [] }] }",
            "{ a = [{ numeric = ['>'] }] }",
            "{ a = [{ numeric = [1, '>'] }] }",
            "{ a = [{ numeric = ['>', '1'] }] }",
            "{ a = [{ numeric = ['!=', 1] }] }",
            "{ a = [{ numeric = ['>', 1, '>=', 2] }] }",
            "{ a = [{ numeric = ['=', 1, '<', 2] }] }",
            "{ a = [{ numeric = ['=', 1, '=', 1] }] }",
            "{ a = [{ numeric = ['>', 5, '<', 3] }] }",
            "{ a = [{ numeric = ['>', 5, '<', 5.0] }] }",
            "{ a = [{ numeric = ['>=', 5, '<', 5.0] }] }",
            "{ a = [{ numeric = ['>', nan] }] }",
        ],
        expect![[r#"
            filter.a.numeric: is a number; write comparisons and numbers in turn, as in `[">=", 100, "<", 500.50]`
            filter.a.numeric: is an empty list; write comparisons and numbers in turn, as in `[">=", 100, "<", 500.50]`
            filter.a.numeric: is a comparison without a number; write comparisons and numbers in turn, as in `[">=", 100, "<", 500.50]`
            filter.a.numeric: is a number; write comparisons and numbers in turn, as in `[">=", 100, "<", 500.50]`
            filter.a.numeric: is text; write a number without quotes
            filter.a.numeric: `!=` is no comparison; known are `=`, `<`, `<=`, `>`, `>=`; for unequal there is `anything-but`
            filter.a.numeric: has comparisons that do not make a range; write `=` alone, or one of `>` and `>=` and one of `<` and `<=`
            filter.a.numeric: has comparisons that do not make a range; write `=` alone, or one of `>` and `>=` and one of `<` and `<=`
            filter.a.numeric: has comparisons that do not make a range; write `=` alone, or one of `>` and `>=` and one of `<` and `<=`
            filter.a.numeric: is a range in which there is no number; put the lower end below the upper one
            filter.a.numeric: is a range in which there is no number; put the lower end below the upper one
            filter.a.numeric: is a range in which there is no number; put the lower end below the upper one
            filter.a.numeric: `nan` is no number of JSON; write a decimal number, with an exponent if need be
        "#]],
    );
    assert!(toml("filter.a = [{ numeric = ['>=', 5, '<=', 5] }]").is_ok());
    assert!(toml("filter.a = [{ numeric = ['<', 5, '>', 3] }]").is_ok());
}

#[test]
fn branches() {
    check(
        &[
            "{ '$or' = { a = [1] } }",
            "{ '$or' = [] }",
            "{ '$or' = [{ a = [1] }] }",
            "{ '$or' = [{ a = [1] }, 'x'] }",
            "{ '$or' = [{ a = [1] }, {}] }",
            "{ '$or' = [{ a = [1] }, { b = { prefix = ['x'] } }] }",
            "{ b = { '$or' = [{ a = [1] }, { '$or' = [{ c = 1 }, { d = [{ exist = true }] }] }] } }",
        ],
        expect![[r#"
            filter.$or: is a section; write a list of sections, of which one must match
            filter.$or: has 0 of the two branches that it needs; add a branch, or write the fields without `$or`
            filter.$or: has 1 of the two branches that it needs; add a branch, or write the fields without `$or`
            filter.$or[1]: is text; write a section in braces, `{ field = [ … ] }`
            filter.$or[1]: is empty; name a field in it, or delete it
            filter.$or[1].b.prefix: is an operator where a field's name stands; write it in braces in a field's list: `[{ prefix = … }]`
            filter.b.$or[1].$or[0].c: is a number; list the values that it may have, in brackets
            filter.b.$or[1].$or[1].d.exist: unknown operator; did you mean `exists`?
        "#]],
    );
    // Outside of `$or` a field may be called as an operator is.
    assert!(toml("filter.RegistrationNumber.prefix = ['AB']").is_ok());
}

#[test]
fn contradictions() {
    check(
        &[
            "{ a = [1], '$or' = [{ a = [{ exists = false }] }, { b = [1] }] }",
            "{ a = { b = [{ exists = false }] }, '$or' = [{ a = { b = [{ exists = true }] } }, { a = { b = [1, 2] } }] }",
        ],
        expect![[r#"
            filter.$or[0].a: must not be there, but `filter.a` wants a value, so that no event matches both; delete one of the two
            filter.a.b: must not be there, but `filter.$or[0].a.b` wants a value, so that no event matches both; delete one of the two
            filter.a.b: must not be there, but `filter.$or[1].a.b` wants a value, so that no event matches both; delete one of the two
        "#]],
    );
    for possible in [
        "{ a = [1], '$or' = [{ a = [{ exists = false }, 1] }, { b = [1] }] }",
        "{ a = [1], '$or' = [{ a = [2] }, { b = [1] }] }",
        "{ a = [{ exists = false }], '$or' = [{ a = { c = [1] } }, { b = [1] }] }",
        "{ '$or' = [{ a = [{ exists = false }] }, { a = [1] }] }",
    ] {
        assert!(toml(&format!("filter = {possible}")).is_ok(), "{possible}");
    }
}

#[test]
fn every_fault_is_found_at_once_with_its_place() {
    let text = "[filter]\nstatus = 'DRAFT'\nprice = [{ numeric = ['>', 5, '<', 3] }]\n\n[filter.RegistrationNumber]\n\
                mark = [{ prefx = 'A' }, { cidr = 'x' }]\n";
    let findings = toml(text).unwrap_err();
    let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let places: Vec<(usize, &str)> =
        findings.iter().map(|finding| (line(finding.at), finding.key.as_str())).collect();
    assert_eq!(
        places,
        [
            (2, "filter.status"),
            (3, "filter.price.numeric"),
            (6, "filter.RegistrationNumber.mark.prefx"),
            (6, "filter.RegistrationNumber.mark.cidr"),
        ]
    );
}

#[test]
fn limits() {
    let nested = |depth: usize| format!("{}{}{}", r#"{"a": "#.repeat(depth), "[1]", "}".repeat(depth));
    assert!(Pattern::try_from_json("filter", &nested(DEPTH_LIMIT)).is_ok());
    for depth in [DEPTH_LIMIT + 1, 100, 5_000] {
        let findings = Pattern::try_from_json("filter", &nested(depth)).unwrap_err();
        assert_eq!(findings.len(), 1, "{findings:?}");
    }
    let header = format!("[filter.{}]\na = [1]", vec!["a"; 60].join("."));
    assert_eq!(toml(&header).unwrap_err().len(), 1);

    let or = |branches: usize| format!("[{}]", vec![r#"{"x": [1]}"#; branches].join(", "));
    let product = |one: usize, two: usize| format!(r#"{{"$or": {}, "a": {{"$or": {}}}}}"#, or(one), or(two));
    assert!(Pattern::try_from_json("filter", &product(20, 50)).is_ok());
    let findings = Pattern::try_from_json("filter", &product(21, 48)).unwrap_err();
    expect!["filter.a.$or: makes 1008 alternatives, because each branch of an `$or` is combined with each of the others; leave at most 1000"]
        .assert_eq(&findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    let many: Vec<String> = (0..200).map(|name| format!(r#""{name}": {{"$or": {}}}"#, or(2))).collect();
    assert_eq!(Pattern::try_from_json("filter", &format!("{{{}}}", many.join(", "))).unwrap_err().len(), 1);
}

#[test]
fn json_is_read_strictly() {
    for (text, expected) in [
        ("{\"a\": [1]", expect!["filter: not JSON at byte 9; write one JSON object"]),
        ("[1]", expect!["filter: not a JSON object; write one JSON object"]),
        (r#"{"a": [1], "a": [2]}"#, expect!["filter.a: is there twice; join the two"]),
        (
            r#"{"$or": [{"a": [1]}, {"b": [1]}], "$or": [{"c": [1]}, {"d": [1]}]}"#,
            expect!["filter.$or: is there twice; join the two"],
        ),
        (
            r#"{"a": [{"null": true}]}"#,
            expect![
                "filter.a.null: unknown operator; known are `prefix`, `suffix`, `equals-ignore-case`, `wildcard`, `anything-but`, `numeric`, `cidr`, `exists`; a field of an object stands in a section"
            ],
        ),
    ] {
        let findings = Pattern::try_from_json("filter", text).unwrap_err();
        expected.assert_eq(&findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
}
