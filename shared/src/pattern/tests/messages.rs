//! What a pattern can ask about an event's message.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::generated::{event, pattern, reordered};
use super::*;

const FIELDS: MessageFields<'_> = MessageFields {
    group: "AFC%20F5",
    event_id: Some("id-1"),
    event_name: Some("MarkSold"),
    event_time: Some("2026-01-05T09:00:00Z"),
    version: Some(10),
};

const BARE: MessageFields<'_> =
    MessageFields { group: "g", event_id: None, event_name: None, event_time: None, version: None };

fn subject<'s>(body: &'s str, message: MessageFields<'s>) -> Subject<'s> {
    Subject { body, message: Some(message) }
}

#[test]
fn fields_have_the_values_of_the_message() {
    for (field, matches_full, matches_bare) in [
        (r#""group": ["AFC%20F5"]"#, true, false),
        (r#""group": ["g"]"#, false, true),
        (r#""eventId": ["id-1"]"#, true, false),
        (r#""eventName": ["MarkSold"]"#, true, false),
        (r#""eventName": ["id-1", "AFC%20F5"]"#, false, false),
        (r#""eventName": [{"exists": true}]"#, true, false),
        (r#""eventName": [{"exists": false}]"#, false, true),
        (r#""eventTime": [{"prefix": "2026-"}]"#, true, false),
        (r#""version": [1.0e1]"#, true, false),
        (r#""version": [1]"#, false, false),
        (r#""version": [{"numeric": [">", 9, "<=", 10]}]"#, true, false),
        (r#""version": [{"anything-but": 10}]"#, false, false),
        (r#""group": [{"exists": true}], "version": [10], "eventName": ["MarkSold"]"#, true, false),
    ] {
        let pattern = json(&format!(r#"{{"$message": {{{field}}}}}"#));
        assert!(pattern.names_message());
        for (message, expected) in [(FIELDS, matches_full), (BARE, matches_bare)] {
            // Whatever the body has under this name, and with arrays of objects beside it.
            for body in
                ["{}", r#"{"$message": {"eventName": "A", "version": 7}}"#, r#"{"a": [{"b": 1}, {"b": 2}]}"#]
            {
                assert_eq!(pattern.matches(subject(body, message)), Ok(expected), "{field} {body}");
            }
        }
    }
}

#[test]
fn message_and_body_are_joined_by_and() {
    let pattern = json(r#"{"a": {"b": [1]}, "$message": {"eventName": ["MarkSold"]}}"#);
    for (body, message, expected) in [
        (r#"{"a": {"b": 1}}"#, FIELDS, true),
        (r#"{"a": [{"b": 2}, {"b": 1}]}"#, FIELDS, true),
        (r#"{"a": {"b": 2}}"#, FIELDS, false),
        (r#"{"a": {"b": 1}}"#, BARE, false),
        (r#"{"a": {"b": 1}, "eventName": "MarkSold", "$message": {"eventName": "MarkSold"}}"#, BARE, false),
    ] {
        assert_eq!(pattern.matches(subject(body, message)), Ok(expected), "{body}");
    }
    let nested = json(r#"{"a": {"$message": {"eventName": ["x"]}}}"#);
    assert!(!nested.names_message());
    assert_eq!(nested.matches(subject(r#"{"a": {"$message": {"eventName": "x"}}}"#, FIELDS)), Ok(true));
}

#[test]
fn an_items_own_attribute_is_never_taken_for_the_message() {
    let pattern = json(r#"{"$message": {"eventName": ["MarkSold"]}}"#);
    assert_eq!(pattern.matches(r#"{"$message": {"eventName": "MarkSold"}}"#), Ok(false));
    assert_eq!(
        pattern.matches(subject(r#"{"$message": [1"#, FIELDS)),
        Err(BodyError::NotJson { at: 15 }),
        "what is passed over must be JSON"
    );
    assert_eq!(pattern.matches(subject("[]", FIELDS)), Err(BodyError::NotAnObject));
}

#[test]
fn explanations_and_paths_are_about_the_message_too() {
    let pattern = json(r#"{"$message": {"eventName": ["MarkSold"], "version": [1]}, "a": [1]}"#);
    let set = PatternSet::new([(7, &pattern)]);
    let check = |body: &str, message: MessageFields<'_>, expected: &[&str]| {
        let subject = subject(body, message);
        let shown = |refusals: Vec<Refusal>| refusals.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(shown(pattern.explain(subject).unwrap()), expected);
        assert_eq!(shown(set.explain(&7, subject).unwrap()), expected);
        assert_eq!(set.explain(&8, subject), Ok(Vec::new()), "none has this id");
    };
    check(r#"{"a": 1}"#, BARE, &["`$message.eventName` is not there"]);
    check(r#"{"a": 1}"#, FIELDS, &["`$message.version` has another value"]);
    check("{}", MessageFields { version: Some(1), ..FIELDS }, &["`a` is not there"]);
    check(r#"{"a": 1}"#, MessageFields { version: Some(1), ..FIELDS }, &[]);
    let paths: Vec<String> = set.paths().iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["$message.eventName", "$message.version", "a"]);
    assert_eq!(set.present_paths(subject("{}", FIELDS)), Ok(vec![true, true, false]));
    assert_eq!(set.present_paths(r#"{"a": 1}"#), Ok(vec![false, false, true]));
}

/// A section about the message, all of whose conditions are of the right type.
fn section() -> impl Strategy<Value = Value> {
    let text = select(&["x", "xy", "1"][..]);
    let entry = prop_oneof![
        3 => text.clone().prop_map(Value::from),
        1 => text.clone().prop_map(|text| json!({ "prefix": text })),
        1 => text.prop_map(|text| json!({ "anything-but": text })),
        1 => Just(json!({ "exists": true })),
    ];
    let number = prop_oneof![
        2 => (0_i64..3).prop_map(Value::from),
        1 => (0_i64..3).prop_map(|number| json!({ "numeric": [">=", number] })),
        1 => (0_i64..3).prop_map(|number| json!({ "anything-but": number })),
    ];
    let name = select(&["group", "eventId", "eventName", "eventTime"][..]);
    let may_lack = prop_oneof![Just(None), Just(Some(json!({ "exists": false })))];
    let texts = vec((name, vec(entry, 1..3), may_lack), 0..3);
    (texts, prop::option::of(vec(number, 1..3))).prop_map(|(texts, numbers)| {
        let mut section = serde_json::Map::new();
        for (name, mut entries, may_lack) in texts {
            entries.extend(may_lack.filter(|_| ["eventName", "eventTime"].contains(&name)));
            section.insert(name.to_owned(), entries.into());
        }
        section.extend(numbers.map(|numbers| ("version".to_owned(), numbers.into())));
        section.into()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// The slow matcher, for which the message stands in the event, says the same, for one pattern and for many.
    #[test]
    fn a_message_is_as_if_it_stood_in_the_body(
        patterns in vec((pattern(), section()), 1..5),
        event in event(),
        text in vec(prop::option::of(select(&["x", "xy", "1"][..])), 3),
        group in select(&["x", "xyx"][..]),
        version in prop::option::of(0_i64..3),
        seed: u64,
    ) {
        let fields = MessageFields { group, event_id: text[0], event_name: text[1], event_time: text[2], version };
        let mut joined = event.clone();
        let mut message = json!({ "group": group });
        for (name, value) in [("eventId", text[0]), ("eventName", text[1]), ("eventTime", text[2])] {
            if let Some(value) = value {
                message[name] = value.into();
            }
        }
        if let Some(version) = version {
            message["version"] = version.into();
        }
        joined["$message"] = message;
        let mut asked = Vec::new();
        for (mut pattern, section) in patterns {
            if section.as_object().is_some_and(|section| !section.is_empty()) {
                pattern[MESSAGE] = section;
            }
            if let Ok(read) = Pattern::try_from_json("filter", &pattern.to_string()) {
                asked.push((pattern, read));
            }
        }
        let set = PatternSet::new(asked.iter().enumerate().map(|(id, (_, pattern))| (id, pattern)));
        let body = reordered(&event, &mut seed.clone());
        let subject = Subject { body: &body, message: Some(fields) };
        let together: Vec<usize> = set.matches(subject).unwrap().into_iter().copied().collect();
        for (id, (value, pattern)) in asked.iter().enumerate() {
            let expected = reference::matches(value, &joined);
            prop_assert_eq!(together.contains(&id), expected, "{} {}", value, joined);
            prop_assert_eq!(pattern.matches(subject), Ok(expected));
            prop_assert_eq!(set.explain(&id, subject).unwrap().is_empty(), expected);
        }
    }
}
