//! What is played at a consumer, and what must come of it: parts of the streams that the kits for consumers are tested
//! with.

use std::collections::BTreeMap;

use serde::Deserialize;
use shared::consumer::{ConsumerSettings, ConsumerState, ReceivedMessage, Start, Verdict, decide};

const VECTORS: &str = include_str!("../../../../consumer/vectors.json");

/// Messages of one aggregate, and the state of a right consumer that has taken them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scenario {
    pub(super) name: String,
    /// What it is about.
    pub(super) about: &'static str,
    pub(super) messages: Vec<ReceivedMessage>,
    pub(super) state: ConsumerState,
    /// The versions that have had an effect since the aggregate began, or was erased.
    pub(super) events: Vec<i64>,
}

/// What a message can be to a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Duplicate,
    Gap,
    Replay,
    Erasure,
    /// The first of an incarnation, below what the consumer has of the one before: by versions alone, it is a duplicate.
    NewIncarnation,
}

/// The kinds, each with the name and the rule of the scenario that ends with it.
const KINDS: [(Kind, &str, &str); 5] = [
    (Kind::Duplicate, "duplicate", "what comes again has no effect a second time"),
    (Kind::Gap, "gap", "what comes behind a gap has no effect before a replay brings what is missing"),
    (Kind::Replay, "replay", "a replay brings what was missing, and what came behind it"),
    (Kind::Erasure, "erasure", "the aggregate was erased: what is there of it goes, but for the state"),
    (
        Kind::NewIncarnation,
        "new-incarnation",
        "the aggregate begins anew: what is there of the one before goes",
    ),
];

const ALL: &str = "all of these, one after the other";

#[derive(Deserialize)]
struct Vectors {
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Stream {
    first_version: i64,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    message: BTreeMap<String, String>,
}

/// A consumer by the rule.
struct Consumer {
    settings: ConsumerSettings,
    state: Option<ConsumerState>,
    events: Vec<i64>,
}

/// The scenarios for a source whose versions count from `first_version`: one for each kind of message, and then the whole
/// streams. A client without `erasures` gets no notice of one, and what follows on it is left out.
pub(super) fn scenarios(first_version: i64, erasures: bool) -> Vec<Scenario> {
    // Both are ours, and tested.
    let Ok(Vectors { streams }) = serde_json::from_str(VECTORS) else { return Vec::new() };
    let streams: Vec<Vec<ReceivedMessage>> = streams
        .iter()
        .filter(|stream| stream.first_version == first_version)
        .map(|stream| messages(stream, erasures))
        // With the first of its incarnation, wherever a consumer takes up.
        .filter(|messages| {
            messages.first().is_some_and(|first| first.previous_version == Some(first_version - 1))
        })
        .collect();
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (kind, name, about) in KINDS {
        let parts = streams
            .iter()
            .filter_map(|messages| messages.get(..length_until(messages, first_version, kind)?));
        let shortest = parts.min_by_key(|messages| messages.len());
        scenarios.extend(
            shortest.and_then(|messages| Scenario::new(name.to_owned(), about, messages, first_version)),
        );
    }
    for (number, messages) in streams.iter().enumerate() {
        scenarios.extend(Scenario::new(format!("stream-{}", number + 1), ALL, messages, first_version));
    }
    scenarios
}

fn messages(stream: &Stream, erasures: bool) -> Vec<ReceivedMessage> {
    let messages = stream.steps.iter().filter_map(|Step { message }| {
        ReceivedMessage::try_from_attributes(|name| message.get(name).map(String::as_str)).ok()
    });
    messages.take_while(|message| erasures || !message.is_erasure).collect()
}

/// How many of `messages` there are up to the first of this kind, and to the last before the aggregate is erased or begins
/// anew.
fn length_until(messages: &[ReceivedMessage], first_version: i64, kind: Kind) -> Option<usize> {
    let mut consumer = Consumer::new(first_version);
    let kinds: Vec<Option<Kind>> = messages.iter().map(|message| consumer.take(message)).collect();
    let first = kinds.iter().position(|found| *found == Some(kind))?;
    let ends = |found: &Option<Kind>| matches!(found, Some(Kind::Erasure | Kind::NewIncarnation));
    let more = (first + 1..).zip(kinds.iter().skip(first + 1)).take_while(|(_, found)| !ends(found));
    let last = more.filter(|(_, found)| **found == Some(kind)).last().map_or(first, |(place, _)| place);
    Some(last + 1)
}

impl Scenario {
    /// `None` of no messages.
    fn new(
        name: String,
        about: &'static str,
        messages: &[ReceivedMessage],
        first_version: i64,
    ) -> Option<Self> {
        let mut consumer = Consumer::new(first_version);
        for message in messages {
            consumer.take(message);
        }
        let (state, events) = (consumer.state?, consumer.events);
        Some(Self { name, about, messages: messages.to_vec(), state, events })
    }
}

impl Consumer {
    fn new(first_version: i64) -> Self {
        let settings = ConsumerSettings { first_version, start: Start::Anywhere };
        Self { settings, state: None, events: Vec::new() }
    }

    /// Takes a message, and says what it was.
    fn take(&mut self, message: &ReceivedMessage) -> Option<Kind> {
        let verdict = decide(self.state.as_ref(), message, &self.settings);
        let was_waiting = self.state.as_ref().is_some_and(|state| state.asked.is_some());
        let kind = match &verdict {
            Verdict::Take { begins: true, .. } => {
                self.events = vec![message.version];
                let is_below = self.state.as_ref().is_some_and(|state| state.version > message.version);
                is_below.then_some(Kind::NewIncarnation)
            }
            Verdict::Take { .. } => {
                self.events.push(message.version);
                (was_waiting || message.replay.is_some()).then_some(Kind::Replay)
            }
            Verdict::Had => message.replay.is_none().then_some(Kind::Duplicate),
            Verdict::Forget(_) => {
                self.events.clear();
                Some(Kind::Erasure)
            }
            Verdict::Ask(_) | Verdict::Wait => Some(Kind::Gap),
            Verdict::Refuse => None,
        };
        self.state = verdict.state_after(self.state.take());
        kind
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::{Expect, expect};

    use super::*;

    fn check(first_version: i64, erasures: bool, expected: &Expect) {
        let mut text = String::new();
        for Scenario { name, messages, state, events, .. } in scenarios(first_version, erasures) {
            writeln!(text, "{name}: {} messages → {} {events:?}", messages.len(), state.to_text()).unwrap();
        }
        expected.assert_eq(&text);
    }

    #[test]
    fn each_kind_of_message_has_a_scenario_and_then_all_come_together() {
        check(
            1,
            true,
            &expect![[r#"
                duplicate: 2 messages → {"incarnation":"0000000800000000","version":2} [2]
                gap: 4 messages → {"asked":{"from":3,"incarnation":"0000000800000000"},"incarnation":"0000000800000000","version":2} [2]
                replay: 6 messages → {"incarnation":"0000000800000001","version":4} [2, 4]
                erasure: 5 messages → {"incarnation":"0000000100000000","version":10} []
                new-incarnation: 5 messages → {"incarnation":"0000000400000002","version":2} [2]
                stream-1: 16 messages → {"incarnation":"0000000100000002","version":3} []
                stream-2: 11 messages → {"incarnation":"0000000400000002","version":10} []
                stream-3: 22 messages → {"incarnation":"0000000500000002","version":5} []
                stream-4: 20 messages → {"incarnation":"0000000700000002","version":6} []
                stream-5: 24 messages → {"incarnation":"0000000800000002","version":10} []
                stream-6: 10 messages → {"incarnation":"0000000b00000001","version":6} []
            "#]],
        );
        check(
            0,
            true,
            &expect![[r#"
                duplicate: 2 messages → {"incarnation":"0000000300000000","version":0} [0]
                gap: 3 messages → {"asked":{"from":3,"incarnation":"0000000900000000"},"incarnation":"0000000900000000","version":2} [0, 2]
                replay: 11 messages → {"incarnation":"0000000600000001","version":1} [0, 1]
                erasure: 4 messages → {"incarnation":"0000000900000000","version":9} []
                new-incarnation: 5 messages → {"incarnation":"0000000900000001","version":1} [1]
                stream-1: 11 messages → {"incarnation":"0000000300000001","version":11} []
                stream-2: 13 messages → {"incarnation":"0000000600000001","version":1} [0, 1]
                stream-3: 7 messages → {"incarnation":"0000000900000001","version":4} [1, 4]
                stream-4: 13 messages → {"incarnation":"0000000c00000001","version":10} []
            "#]],
        );
    }

    #[test]
    fn a_client_that_is_not_told_of_erasures_gets_no_notice() {
        check(
            1,
            false,
            &expect![[r#"
                duplicate: 2 messages → {"incarnation":"0000000800000000","version":2} [2]
                gap: 4 messages → {"asked":{"from":3,"incarnation":"0000000800000000"},"incarnation":"0000000800000000","version":2} [2]
                replay: 6 messages → {"incarnation":"0000000800000001","version":4} [2, 4]
                new-incarnation: 5 messages → {"incarnation":"0000000400000002","version":2} [2]
                stream-1: 4 messages → {"incarnation":"0000000100000000","version":9} [1, 3, 6, 9]
                stream-2: 9 messages → {"asked":{"from":3,"incarnation":"0000000400000002"},"incarnation":"0000000400000002","version":2} [2]
                stream-3: 14 messages → {"incarnation":"0000000500000000","version":15} [1, 4, 7, 10, 12, 15]
                stream-4: 16 messages → {"asked":{"from":3,"incarnation":"0000000700000002"},"incarnation":"0000000700000002","version":2} [2]
                stream-5: 7 messages → {"incarnation":"0000000800000001","version":5} [2, 4, 5]
                stream-6: 5 messages → {"incarnation":"0000000b00000000","version":9} [1, 3, 6, 8, 9]
            "#]],
        );
        let all = scenarios(1, false).into_iter().chain(scenarios(0, false));
        assert!(all.flat_map(|scenario| scenario.messages).all(|message| !message.is_erasure));
    }

    /// What a consumer overlooks shows in the scenario that is about it.
    #[test]
    fn a_consumer_that_overlooks_something_is_found_out() {
        type Overlook = fn(ReceivedMessage) -> Option<ReceivedMessage>;
        let check = |first_version: i64, name: &str, overlook: Overlook| {
            let scenarios = scenarios(first_version, true);
            let scenario = scenarios.into_iter().find(|scenario| scenario.name == name).unwrap();
            let mut consumer = Consumer::new(first_version);
            for message in scenario.messages.into_iter().filter_map(overlook) {
                consumer.take(&message);
            }
            let has = consumer.state.map(|state| (state.version, state.asked.is_some(), consumer.events));
            let right = (scenario.state.version, scenario.state.asked.is_some(), scenario.events);
            assert_ne!(has, Some(right), "{name}, from {first_version}");
        };
        for first_version in [0, 1] {
            let check = |name, overlook: Overlook| check(first_version, name, overlook);
            check("gap", |message| Some(ReceivedMessage { previous_version: None, ..message }));
            check("replay", |message| message.replay.is_none().then_some(message));
            check("erasure", |message| Some(ReceivedMessage { is_erasure: false, ..message }));
            check("new-incarnation", |message| Some(ReceivedMessage { incarnation: None, ..message }));
        }
    }

    /// It would have the effect of an event twice.
    #[test]
    fn what_comes_twice_comes_with_the_same_version() {
        for first_version in [0, 1] {
            let scenarios = scenarios(first_version, true);
            let Scenario { messages, events, .. } =
                scenarios.into_iter().find(|scenario| scenario.name == "duplicate").unwrap();
            assert!(events.len() < messages.len() && messages.iter().all(|message| !message.is_erasure));
        }
    }

    /// The same streams, as each kit has to take them.
    #[test]
    fn whole_streams_end_as_the_vectors_say() {
        let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
        let kept = vectors["streams"].as_array().unwrap().iter().filter(|stream| {
            let first = &stream["steps"][0]["message"]["previousVersion"];
            stream["first_version"] == 1 && first == "0"
        });
        let kept: Vec<_> = kept.map(|stream| stream["kept"].clone()).collect();
        let played = scenarios(1, true).into_iter().filter(|scenario| scenario.name.starts_with("stream-"));
        assert_eq!(played.map(|scenario| serde_json::json!(scenario.events)).collect::<Vec<_>>(), kept);
    }
}
