//! The consumer's rule as test vectors: `consumer/vectors.json`, which each implementation of the rule runs.

use expect_test::expect_file;
use serde_json::{Map, Value, json};
use shared::consumer::{ConsumerSettings, ConsumerState, ReceivedMessage, Start, Verdict, decide};

use crate::consumer_streams::streams;

const ABOUT: &str = "The consumer's rule, case by case: what a message with the attributes `message` means for a consumer \
    with `state` (null: none). `verdict` is take, begin (take it, as the first of its incarnation), had, forget, ask, wait, \
    refuse, or unreadable (an attribute is none of the pipeline's). `after` is the state then; left out where it \
    stays. A store keeps a state as text: this JSON, members sorted, without spaces. `streams` are whole: a \
    consumer without state is handed the messages of `steps` one after the other, and its store has the versions `kept` in \
    the end. Written by `UPDATE_EXPECT=1 cargo test -p shared --test core`.";

const A: &str = "aaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbb";

/// The states of the vectors for a source that counts from `first`.
fn states(first: i64) -> Vec<Option<Value>> {
    let none_yet = first - 1;
    let some = [
        json!({"version": 5}),
        json!({"version": 5, "incarnation": A}),
        json!({"version": 5, "incarnation": A, "asked": {"from": 6, "incarnation": A}}),
        json!({"version": 5, "incarnation": A, "asked": {"from": 6, "incarnation": A, "shown_by": "r-1"}}),
        json!({"version": 5, "incarnation": A, "asked": {"from": 6, "incarnation": A, "unsent": true}}),
        json!({"version": 5, "incarnation": A, "asked": {"from": first, "incarnation": B}}),
        json!({"version": 5, "asked": {"from": 6}}),
        json!({"version": none_yet, "asked": {"from": first, "incarnation": A}}),
        json!({"version": i64::MAX, "incarnation": A}),
    ];
    // No matter from where the source counts.
    let odd = [
        json!({"version": i64::MIN, "incarnation": A}),
        json!({"version": 9}),
        json!({"version": 9, "incarnation": B, "asked": {"from": 1, "incarnation": A}}),
        json!({"version": 5, "incarnation": A, "asked": {"from": 2, "incarnation": A}}),
    ];
    let odd = odd.into_iter().filter(|_| first == 1);
    [None].into_iter().chain(some.into_iter().chain(odd).map(Some)).collect()
}

/// The messages' attributes.
fn messages(first: i64) -> Vec<Value> {
    let chained = |previous: i64, version: i64, incarnation: &str, more: &[(&str, &str)]| {
        let mut attributes = Map::new();
        attributes.insert("version".to_owned(), version.to_string().into());
        attributes.insert("previousVersion".to_owned(), previous.to_string().into());
        attributes.insert("incarnation".to_owned(), incarnation.into());
        attributes.extend(more.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
        Value::Object(attributes)
    };
    let none_yet = first - 1;
    vec![
        chained(none_yet, first, A, &[]),
        chained(none_yet, 7, A, &[]),
        chained(4, 5, A, &[]),
        chained(5, 6, A, &[]),
        chained(3, 9, A, &[]),
        chained(7, 8, A, &[]),
        chained(5, 6, A, &[("replay", "r-1")]),
        chained(7, 8, A, &[("replay", "r-1")]),
        chained(7, 8, A, &[("replay", "r-2")]),
        chained(none_yet, first, B, &[]),
        chained(5, 6, B, &[]),
        chained(7, 8, B, &[("replay", "r-1")]),
        chained(5, 6, A, &[("erased", "true")]),
        chained(7, 8, A, &[("erased", "true"), ("replay", "r-1")]),
        chained(7, 8, B, &[("erased", "true")]),
        chained(i64::MAX - 1, i64::MAX, A, &[]),
        json!({"version": "7"}),
        json!({"version": "5"}),
        json!({"version": "7", "incarnation": A}),
        json!({"version": "7", "incarnation": B}),
        json!({"version": "8", "previousVersion": "7"}),
        json!({"version": none_yet.to_string(), "previousVersion": (none_yet - 1).to_string(), "incarnation": A}),
        chained(6, 6, A, &[]),
        json!({}),
        json!({"previousVersion": "5", "incarnation": A}),
        json!({"version": "6.0"}),
        json!({"version": "06"}),
        json!({"version": "+6"}),
        json!({"version": "9223372036854775808"}),
        json!({"version": "6", "previousVersion": "five"}),
        json!({"version": "6", "previousVersion": "5", "incarnation": "A"}),
        json!({"version": "6", "previousVersion": "5", "incarnation": A, "replay": "r 1"}),
    ]
}

/// One case, with what the rule makes of it.
pub(crate) fn case(start: &str, first_version: i64, before: Option<&Value>, message: &Value) -> Value {
    let start_of = |name| if name == "anywhere" { Start::Anywhere } else { Start::FromTheBeginning };
    let settings = ConsumerSettings { first_version, start: start_of(start) };
    let state = before.map(|state| ConsumerState::try_from_text(&state.to_string()).unwrap());
    let mut case =
        json!({"start": start, "first_version": first_version, "state": before, "message": message});
    let verdict = ReceivedMessage::try_from_attributes(|name| message.get(name).and_then(Value::as_str))
        .map(|message| decide(state.as_ref(), &message, &settings));
    let (name, after) = match verdict {
        Ok(Verdict::Take { state, begins: false }) => ("take", Some(state)),
        Ok(Verdict::Take { state, begins: true }) => ("begin", Some(state)),
        Ok(Verdict::Had) => ("had", None),
        Ok(Verdict::Forget(state)) => ("forget", Some(state)),
        Ok(Verdict::Ask(state)) => ("ask", Some(state)),
        Ok(Verdict::Wait) => ("wait", None),
        Ok(Verdict::Refuse) => ("refuse", None),
        Err(_) => ("unreadable", None),
    };
    case["verdict"] = name.into();
    if let Some(after) = after {
        case["after"] = serde_json::from_str(&after.to_text()).unwrap();
    }
    case
}

#[test]
fn the_vectors_are_those_of_the_rule() {
    let mut cases = Vec::new();
    for (start, first_version) in [("anywhere", 1), ("from the beginning", 1), ("from the beginning", 0)] {
        for state in states(first_version) {
            // Where there is state, the start says nothing.
            if start == "anywhere" || state.is_none() || first_version == 0 {
                let of_message = |message: &Value| case(start, first_version, state.as_ref(), message);
                cases.extend(messages(first_version).iter().map(of_message));
            }
        }
    }
    let cases = cases.iter().map(|case| format!("  {case}")).collect::<Vec<_>>().join(",\n");
    let streams = streams().iter().map(shown).collect::<Vec<_>>().join(",\n");
    let file = format!(
        "{{\"about\": {},\n \"cases\": [\n{cases}\n],\n \"streams\": [\n{streams}\n]}}\n",
        Value::from(ABOUT)
    );
    expect_file!["../../../consumer/vectors.json"].assert_eq(&file);
}

/// A stream with a line for each step.
fn shown(stream: &Value) -> String {
    let steps = stream["steps"].as_array().unwrap().iter().map(|step| format!("   {step}"));
    let steps = steps.collect::<Vec<_>>().join(",\n");
    let (start, first_version, kept) = (&stream["start"], &stream["first_version"], &stream["kept"]);
    format!(
        "  {{\"start\":{start},\"first_version\":{first_version},\"kept\":{kept},\"steps\":[\n{steps}\n  ]}}"
    )
}

/// Without this, a generator that stops to lose anything would go unnoticed.
#[test]
fn the_streams_have_all_that_can_happen() {
    let streams = streams();
    let steps = || streams.iter().flat_map(|stream| stream["steps"].as_array().unwrap());
    for verdict in ["begin", "take", "had", "forget", "ask", "wait"] {
        let count = steps().filter(|step| step["verdict"] == verdict).count();
        assert!(count >= 3, "{verdict}: {count}");
    }
    // A replay that lacks something itself is asked for once more.
    assert!(steps().any(|step| step["after"]["asked"]["shown_by"].is_string()));
    // One incarnation follows another without a notice.
    let begins_anew = |pair: &[Value]| {
        let of = |step: &Value| step["message"]["incarnation"].clone();
        pair[1]["verdict"] == "begin" && of(&pair[0]) != of(&pair[1]) && pair[0]["verdict"] != "forget"
    };
    assert!(streams.iter().any(|stream| stream["steps"].as_array().unwrap().windows(2).any(begins_anew)));
}

#[test]
fn a_state_is_the_same_after_it_was_stored() {
    for first in [0, 1] {
        for state in states(first).into_iter().flatten() {
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(ConsumerState::try_from_text(&text).unwrap().to_text(), text);
        }
    }
}

#[test]
fn a_state_that_is_none_is_not_guessed_at() {
    for text in [
        "",
        "5",
        "{}",
        r#"{"version":"5"}"#,
        r#"{"version":5,"incarnation":"A"}"#,
        r#"{"version":5,"later":1}"#,
        r#"{"version":5,"asked":{}}"#,
        r#"{"version":5,"asked":{"from":6,"shown_by":""}}"#,
    ] {
        assert!(ConsumerState::try_from_text(text).is_err(), "{text}");
    }
}
