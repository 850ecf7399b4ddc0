use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::samples::{Sample, expected, item, raw, shuffled};
use super::*;

fn json(raw: &str) -> String {
    convert(raw, &WantedPaths::default()).unwrap().json
}

fn fault(raw: &str) -> String {
    convert(raw, &WantedPaths::default()).unwrap_err().to_string()
}

fn path(dotted: &str) -> Path {
    Path(dotted.split('.').map(str::to_owned).collect())
}

#[test]
fn ten_types() {
    let table = [
        (r#"{"S": "Nominee 17 – Zoë \"x\" \u00e9\ud83d\ude00\n"}"#, "\"Nominee 17 – Zoë \\\"x\\\" é😀\\n\""),
        (r#"{"S": ""}"#, r#""""#),
        (r#"{"S": "\\\"\b\f\n\r\t"}"#, r#""\\\"\b\f\n\r\t""#),
        (r#"{"S": "\/"}"#, r#""/""#),
        (r#"{"S": "\u0000\ufffe￿"}"#, r#""\u0000\ufffe\uffff""#),
        (r#"{"N": "299.90"}"#, "299.90"),
        (r#"{"N": "12345678901234567890123456789012345678"}"#, "12345678901234567890123456789012345678"),
        (r#"{"N": "-9.99E+125"}"#, "-9.99E+125"),
        (r#"{"N": "1e-130"}"#, "1e-130"),
        (r#"{"B": "AP8="}"#, r#""AP8=""#),
        (r#"{"B": "+/+/"}"#, r#""+/+/""#),
        (r#"{"B": ""}"#, r#""""#),
        (r#"{"BOOL": true}"#, "true"),
        (r#"{"BOOL": false}"#, "false"),
        (r#"{"NULL": true}"#, "null"),
        (r#"{"M": {}}"#, "{}"),
        (
            r#"{"M": {"b": {"N": "1"}, "a": {"M": {"d": {"S": ""}, "c": {"NULL": true}}}}}"#,
            r#"{"a":{"c":null,"d":""},"b":1}"#,
        ),
        (r#"{"L": []}"#, "[]"),
        (r#"{"L": [{"N": "2"}, {"L": [{"BOOL": true}]}, {"N": "1"}]}"#, "[2,[true],1]"),
        (
            r#"{"SS": ["b", "a", "é", "z", "\ud83d\ude00", "\ufffe", "B"]}"#,
            r#"["B","a","b","z","é","\ufffe","😀"]"#,
        ),
        (r#"{"NS": ["10", "9", "-1", "1E+2", "-1.5", "0.10"]}"#, "[-1.5,-1,0.10,9,10,1E+2]"),
        (r#"{"BS": ["/w==", "AA==", "AAA=", "Pw=="]}"#, r#"["AA==","AAA=","Pw==","/w=="]"#),
        (r#"{"\u0053": "an escaped type"}"#, r#""an escaped type""#),
    ];
    for (value, expected) in table {
        assert_eq!(json(&format!(r#"{{"a": {value}}}"#)), format!(r#"{{"a":{expected}}}"#), "{value}");
    }
}

#[test]
fn names_are_sorted_by_their_bytes_not_by_their_escapes() {
    let raw = r##"{"é": {"N":"1"}, "\u0001": {"N":"2"}, "a": {"N":"3"}, "\"": {"N":"4"}, "B": {"N":"5"}, "\ufffe": {"N":"6"}, "": {"N":"7"}, "😀": {"N":"8"}, "#": {"N": "9"}}"##;
    assert_eq!(json(raw), r##"{"":7,"\u0001":2,"\"":4,"#":9,"B":5,"a":3,"é":1,"\ufffe":6,"😀":8}"##);
}

#[test]
fn names_that_begin_alike_are_sorted_too() {
    let raw = r#"{"transfers": {"N":"1"}, "transferable": {"N":"2"}, "transfer": {"N":"3"}, "trans\u0000": {"N":"4"}, "trans\n": {"N":"5"}, "trans": {"N":"6"}, "tr": {"N":"7"}}"#;
    let expected =
        r#"{"tr":7,"trans":6,"trans\u0000":4,"trans\n":5,"transfer":3,"transferable":2,"transfers":1}"#;
    assert_eq!(json(raw), expected);
}

#[test]
fn malformed_attributes_are_faults_that_name_the_path() {
    let check = |raw: &str, expect: Expect| expect.assert_eq(&fault(raw));
    check(r#"{"a": {"X": "1"}}"#, expect!["attribute `a`: unknown type `X`"]);
    check(r#"{"a": {"s": "1"}}"#, expect!["attribute `a`: unknown type `s`"]);
    check(r#"{"a": {}}"#, expect!["attribute `a`: no type"]);
    check(r#"{"a": {"S": "x", "N": "1"}}"#, expect!["attribute `a`: more than one type"]);
    check(r#"{"a": {"S": "x", "S": "x"}}"#, expect!["attribute `a`: more than one type"]);
    check(
        r#"{"a": {"M": {"b": {"L": [{"N": "1"}, {"N": "01"}]}}}}"#,
        expect!["attribute `a.*[1]`: not a number as JSON writes it"],
    );
    check(r#"{"a": {"N": ""}}"#, expect!["attribute `a`: not a number as JSON writes it"]);
    check(r#"{"a": {"N": "NaN"}}"#, expect!["attribute `a`: not a number as JSON writes it"]);
    check(r#"{"a": {"NS": ["1", "x"]}}"#, expect!["attribute `a`: not a number as JSON writes it"]);
    check(r#"{"a": {"NS": ["1", "1.0"]}}"#, expect!["attribute `a`: a set with a member twice"]);
    check(r#"{"a": {"SS": ["x", "y", "x"]}}"#, expect!["attribute `a`: a set with a member twice"]);
    check(r#"{"a": {"BS": ["AA==", "AA=="]}}"#, expect!["attribute `a`: a set with a member twice"]);
    check(r#"{"a": {"BS": ["A"]}}"#, expect!["attribute `a`: not standard base64 with padding"]);
    check(r#"{"a": {"B": "AA"}}"#, expect!["attribute `a`: not standard base64 with padding"]);
    check(r#"{"a": {"B": "AB=="}}"#, expect!["attribute `a`: not standard base64 with padding"]);
    check(r#"{"a": {"B": "-_-_"}}"#, expect!["attribute `a`: not standard base64 with padding"]);
    check(r#"{"a": {"B": "AA==AA=="}}"#, expect!["attribute `a`: not standard base64 with padding"]);
    check(r#"{"a": {"B": "AAAA\n"}}"#, expect!["attribute `a`: not standard base64 with padding"]);
    check(r#"{"a": {"NULL": false}}"#, expect!["attribute `a`: of type `NULL`, but its value is `false`"]);
    check(r#"{"a": {"NULL": null}}"#, expect!["attribute `a`: not a typed value as DynamoDB writes it"]);
    check(r#"{"a": {"S": null}}"#, expect!["attribute `a`: not a typed value as DynamoDB writes it"]);
    check(r#"{"a": {"BOOL": "true"}}"#, expect!["attribute `a`: of type `BOOL`, but its value is a string"]);
    check(r#"{"a": {"S": true}}"#, expect!["attribute `a`: of type `S`, but its value is a boolean"]);
    check(r#"{"a": {"L": {}}}"#, expect!["attribute `a`: of type `L`, but its value is an object"]);
    check(r#"{"a": {"M": []}}"#, expect!["attribute `a`: of type `M`, but its value is an array"]);
    check(
        r#"{"a": {"S": "x"}, "b": {"M": {"c": {"N": "1"}, "d": {"N": "1"}, "c": {"N": "2"}}}}"#,
        expect!["attribute `b.*`: there twice"],
    );
    check(r#"{"a": {"S": "x"}, "\u0061": {"S": "x"}}"#, expect!["attribute `a`: there twice"]);
    check(r#"{"a": {"S": "x"}} x"#, expect!["the image: not a typed value as DynamoDB writes it"]);
    check("null", expect!["the image: not a typed value as DynamoDB writes it"]);
    check("", expect!["the image: not a typed value as DynamoDB writes it"]);
    check("{\"a\": {\"S\": \"x\"", expect!["attribute `a`: not a typed value as DynamoDB writes it"]);
    check("{\"a\": {\"S\": \"\\ud800\"}}", expect!["attribute `a`: not a typed value as DynamoDB writes it"]);
    check(
        "{\"line\\n\\u001b[31m\": {\"N\": \"\"}}",
        expect![[r"attribute `line\n\u{1b}[31m`: not a number as JSON writes it"]],
    );
}

#[test]
fn faults_repeat_no_values() {
    for raw in [
        r#"{"a": "secret"}"#,
        r#"{"a": {"M": {"b": "secret"}}}"#,
        r#"{"a": {"BOOL": "secret"}}"#,
        r#"{"a": {"N": "secret"}}"#,
        r#"{"a": {"N": 5309}}"#,
        r#"{"a": {"SS": [5309]}}"#,
        r#"{"a": 5309}"#,
        r#""secret""#,
        "5309.5",
    ] {
        let message = fault(raw);
        assert!(!message.contains("secret") && !message.contains("5309"), "{message}");
    }
}

#[test]
fn long_names_are_shortened_in_faults() {
    let long = "é".repeat(1_000);
    let message = fault(&format!(r#"{{"{long}": {{"{long}": 1}}}}"#));
    assert!(message.contains('…') && message.chars().count() < 200, "{message}");
}

/// `inner` inside `depth - 1` lists and maps, inside the item.
fn nested(depth: usize, inner: &str) -> String {
    let (lists, maps) = (depth / 2, (depth - 1) / 2);
    let opening = [r#"{"L": ["#.repeat(lists), r#"{"M": {"m": "#.repeat(maps)].concat();
    let closing = ["}}".repeat(maps), "]}".repeat(lists)].concat();
    format!(r#"{{"a": {opening}{inner}{closing}}}"#)
}

#[test]
fn depth_is_bounded() {
    for depth in [32, DEPTH_LIMIT] {
        assert!(json(&nested(depth, r#"{"N": "1.10"}"#)).contains("1.10"), "{depth}");
    }
    for depth in [DEPTH_LIMIT, 1_000, 100_000] {
        let error = convert(&nested(depth, r#"{"L": []}"#), &WantedPaths::default()).unwrap_err();
        assert_eq!(error.fault, Fault::Depth, "{depth}");
        assert!(error.path.len() < 500);
    }
    for bracket in ["[", "{\"a\":"] {
        assert!(convert(&bracket.repeat(100_000), &WantedPaths::default()).is_err());
        assert!(
            convert(
                &format!(r#"{{"a": {{"S": "x", "y": {}"#, bracket.repeat(100_000)),
                &WantedPaths::default()
            )
            .is_err()
        );
    }
}

#[test]
fn wanted_values_are_returned_with_the_json() {
    let raw = r#"{
        "mark": {"S": "AFC F5"}, "n": {"N": "1E+2"}, "bytes": {"B": "AP8="}, "yes": {"BOOL": true},
        "RegistrationNumber": {"M": {"mark": {"S": "inner"}, "version": {"N": "3"}, "more": {"M": {"version": {"N": "4"}}}}},
        "list": {"L": [{"M": {"version": {"N": "5"}}}]}, "nothing": {"NULL": true}, "set": {"NS": ["1"]},
        "a.b": {"S": "a name with a dot"}
    }"#;
    let string = |text: &'static str| Field::Scalar(Scalar::S(text.into()));
    let number = |text: &'static str| Field::Scalar(Scalar::N(text.into()));
    let table = [
        ("mark", string("AFC F5")),
        ("n", number("1E+2")),
        ("bytes", Field::Scalar(Scalar::B(vec![0, 255]))),
        ("RegistrationNumber.version", number("3")),
        ("RegistrationNumber.more.version", number("4")),
        ("RegistrationNumber.more", Field::Other(Type::M)),
        ("RegistrationNumber", Field::Other(Type::M)),
        ("mark", string("AFC F5")),
        ("version", Field::Absent),
        ("mark.version", Field::Absent),
        ("RegistrationNumber.none", Field::Absent),
        ("list.version", Field::Absent),
        ("list", Field::Other(Type::L)),
        ("yes", Field::Other(Type::Bool)),
        ("nothing", Field::Other(Type::Null)),
        ("set", Field::Other(Type::Ns)),
        ("a.b", Field::Absent),
    ];
    let paths = table.iter().map(|(dotted, _)| path(dotted)).collect::<Vec<_>>();
    let image = convert(raw, &WantedPaths::new(&paths)).unwrap();
    for ((dotted, expected), field) in table.iter().zip(&image.fields) {
        assert_eq!(field, expected, "{dotted}");
    }
    assert_eq!(image.fields.len(), table.len());
    assert_eq!(image.json, json(raw), "wanting values changes nothing");
}

proptest! {
    #[test]
    fn one_item_has_one_text((entries, other) in item().prop_flat_map(shuffled)) {
        prop_assert_eq!(json(&raw(&entries)), expected(&entries));
        prop_assert_eq!(json(&raw(&other)), expected(&entries));
    }

    #[test]
    fn json_is_json_that_sqs_accepts(entries in item()) {
        let json = json(&raw(&entries));
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&json).is_ok());
        let refused = json.contains(|c| c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}'));
        prop_assert!(!refused, "{}", json);
    }

    /// Every top-level value that is a scalar is found again.
    #[test]
    fn wanted_values_are_those_of_the_item(entries in item()) {
        let paths = entries.iter().map(|(name, _)| Path(vec![name.clone()])).collect::<Vec<_>>();
        let raw = raw(&entries);
        let image = convert(&raw, &WantedPaths::new(&paths)).unwrap();
        for ((_, sample), field) in entries.iter().zip(image.fields) {
            match (sample, field) {
                (Sample::S(text), Field::Scalar(Scalar::S(found))) => prop_assert_eq!(text, &found),
                (Sample::N(number), Field::Scalar(Scalar::N(found))) => prop_assert_eq!(number, &found),
                (Sample::B(bytes), Field::Scalar(Scalar::B(found))) => prop_assert_eq!(bytes, &found),
                (Sample::S(_) | Sample::N(_) | Sample::B(_), field) => prop_assert!(false, "{field:?}"),
                (_, field) => prop_assert!(matches!(field, Field::Other(_)), "{field:?}"),
            }
        }
    }

    /// Text that is cut, swapped or inserted anywhere makes an error or another item, never a panic.
    #[test]
    fn damaged_text_is_never_a_panic(entries in item(), at: prop::sample::Index, with in "[\"{}\\[\\]:,SNM0e\\\\]{0,2}", cut in 0_usize..3) {
        let raw = raw(&entries);
        let mut characters = raw.chars().collect::<Vec<_>>();
        let start = at.index(characters.len());
        let end = (start + cut).min(characters.len());
        characters.splice(start..end, with.chars());
        let damaged = String::from_iter(characters);
        if let Ok(image) = convert(&damaged, &WantedPaths::default()) {
            prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&image.json).is_ok());
        }
    }
}
