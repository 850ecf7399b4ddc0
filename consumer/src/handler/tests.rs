//! Batches against a store in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use aws_lambda_events::event::sqs::SqsEvent;
use expect_test::{Expect, expect};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use shared::consumer::Start;
use testkit::logs::logged;

use super::*;

const A: &str = "aaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbb";

/// A store of versions: what it holds of a group is the list of those that had an effect.
#[derive(Default)]
struct Versions {
    rows: Mutex<BTreeMap<String, (String, Vec<String>)>>,
    /// The groups whose writes fail.
    broken: Vec<&'static str>,
    /// States that another invocation writes just before the next writes.
    rivals: Mutex<VecDeque<ConsumerState>>,
    loads: Mutex<Vec<String>>,
}

impl Store for Versions {
    async fn load(&self, group: &str) -> Result<Option<ConsumerState>, StoreError> {
        self.loads.lock().unwrap().push(group.to_owned());
        let rows = self.rows.lock().unwrap();
        Ok(rows.get(group).map(|(state, _)| ConsumerState::try_from_text(state)).transpose()?)
    }

    async fn write(&self, write: &StateWrite<'_>) -> Result<WriteOutcome, StoreError> {
        if self.broken.contains(&write.group) {
            return Err("refused".into());
        }
        let mut rows = self.rows.lock().unwrap();
        if let Some(rival) = self.rivals.lock().unwrap().pop_front() {
            rows.entry(write.group.to_owned()).or_default().0 = rival.to_text();
        }
        if rows.get(write.group).map(|(state, _)| state.clone()) != write.before.map(ConsumerState::to_text) {
            return Ok(WriteOutcome::Overtaken);
        }
        let (state, versions) = rows.entry(write.group.to_owned()).or_default();
        *state = write.after.to_text();
        if matches!(write.effect, Effect::Begin | Effect::Erase) {
            versions.clear();
        }
        if matches!(write.effect, Effect::Begin | Effect::Apply) {
            versions.push(write.message.body.clone().unwrap());
        }
        Ok(WriteOutcome::Done)
    }
}

/// Records of Lambda's payload: `M1 5>6 A` for version 6 after 5 of incarnation A in group M1, perhaps with `erased`, or a
/// replay. What has no `>` has no attributes.
fn records(text: &str) -> Vec<SqsMessage> {
    let record = |(number, line): (usize, &str)| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut attributes = BTreeMap::new();
        if let Some((previous, version)) = words[1].split_once('>') {
            attributes.extend([("version", version), ("previousVersion", previous)]);
            attributes.insert("incarnation", if words[2] == "A" { A } else { B });
            attributes.extend(
                words
                    .get(3)
                    .map(|mark| if *mark == "erased" { ("erased", "true") } else { ("replay", *mark) }),
            );
        }
        let attributes: BTreeMap<_, _> = attributes
            .into_iter()
            .map(|(name, value)| (name, json!({ "stringValue": value, "dataType": "String" })))
            .collect();
        let group = if words[0] == "-" { json!({}) } else { json!({ "MessageGroupId": words[0] }) };
        json!({
            "messageId": number.to_string(),
            "body": words[1].rsplit('>').next(),
            "attributes": group,
            "messageAttributes": attributes,
        })
    };
    let lines = text.split(',').enumerate().map(record).collect::<Vec<_>>();
    serde_json::from_value::<SqsEvent>(json!({ "Records": lines })).unwrap().records
}

fn consume<Q: RequestQueue>(consumer: &Consumer<Versions, Q>, text: &str) -> BatchOutcome {
    consumer.consume(records(text)).now_or_never().unwrap()
}

/// The numbers of the messages that go back.
fn returned(consumed: &BatchOutcome) -> Vec<String> {
    let failures = consumed.response.batch_item_failures.iter();
    failures.map(|failure| failure.item_identifier.clone()).collect()
}

/// Hands one batch after another to a consumer; then what is stored is `stored`, and these messages of the last batch go
/// back.
#[track_caller]
fn check(store: Versions, batches: &[&str], back: &[&str], stored: &Expect) {
    let consumer = Consumer::new("Billing", store);
    let outcomes: Vec<BatchOutcome> = batches.iter().map(|batch| consume(&consumer, batch)).collect();
    assert_eq!(returned(outcomes.last().unwrap()), back);
    let rows = consumer.store.rows.lock().unwrap();
    let rows =
        rows.iter().map(|(group, (state, versions))| format!("{group}: {} {state}\n", versions.join(" ")));
    stored.assert_eq(&rows.collect::<String>());
}

#[test]
fn a_failed_group_goes_back_and_others_go_on() {
    let store = Versions { broken: vec!["M1"], ..Versions::default() };
    check(
        store,
        &["M1 0>1 A, M2 0>1 A, M1 1>2 A, M2 1>2 A"],
        &["0", "2"],
        &expect![[r#"
            M2: 1 2 {"incarnation":"aaaaaaaaaaaaaaaa","version":2}
        "#]],
    );
}

#[test]
fn what_can_not_be_read_goes_back_with_its_group() {
    for wrong in ["M1 nothing", "M1 0>0 A", "M1 6>6 A", "M1 five>6 A"] {
        let batch = format!("{wrong}, M2 0>1 A, M1 0>1 A");
        check(
            Versions::default(),
            &[&batch],
            &["0", "2"],
            &expect![[r#"
                M2: 1 {"incarnation":"aaaaaaaaaaaaaaaa","version":1}
            "#]],
        );
    }
    check(Versions::default(), &["- 0>1 A, - 1>2 A"], &["0", "1"], &expect![""]);
}

#[test]
fn what_was_had_before_is_not_written() {
    check(
        Versions::default(),
        &["M1 0>1 A, M1 0>1 A, M1 1>3 A", "M1 1>3 A, M1 0>1 A r1, M1 3>4 A"],
        &[],
        &expect![[r#"
            M1: 1 3 4 {"incarnation":"aaaaaaaaaaaaaaaa","version":4}
        "#]],
    );
}

#[test]
fn behind_a_gap_nothing_has_an_effect_until_the_replay_comes() {
    let before_the_replay = ["M1 0>1 A, M1 2>3 A, M1 3>4 A, M2 0>1 A"];
    check(
        Versions::default(),
        &before_the_replay,
        &[],
        &expect![[r#"
            M1: 1 {"asked":{"from":2,"incarnation":"aaaaaaaaaaaaaaaa","unsent":true},"incarnation":"aaaaaaaaaaaaaaaa","version":1}
            M2: 1 {"incarnation":"aaaaaaaaaaaaaaaa","version":1}
        "#]],
    );
    check(
        Versions::default(),
        &[before_the_replay[0], "M1 1>2 A r1, M1 2>3 A r1, M1 3>4 A r1, M1 4>5 A"],
        &[],
        &expect![[r#"
            M1: 1 2 3 4 5 {"incarnation":"aaaaaaaaaaaaaaaa","version":5}
            M2: 1 {"incarnation":"aaaaaaaaaaaaaaaa","version":1}
        "#]],
    );
}

#[test]
fn an_aggregate_is_erased_and_begins_anew() {
    check(
        Versions::default(),
        &["M1 0>1 A, M1 1>2 A, M1 2>3 A erased"],
        &[],
        &expect![[r#"
            M1:  {"incarnation":"aaaaaaaaaaaaaaaa","version":3}
        "#]],
    );
    check(
        Versions::default(),
        &["M1 0>1 A, M1 1>2 A", "M1 0>1 B, M1 0>1 B"],
        &[],
        &expect![[r#"
            M1: 1 {"incarnation":"bbbbbbbbbbbbbbbb","version":1}
        "#]],
    );
}

#[test]
fn a_state_that_a_rival_wrote_is_read_again() {
    let state = |version: i64| {
        ConsumerState::try_from_text(&json!({ "incarnation": A, "version": version }).to_string()).unwrap()
    };
    let with_rivals = |versions: &[i64]| Versions {
        rivals: Mutex::new(versions.iter().map(|version| state(*version)).collect()),
        ..Versions::default()
    };
    // It had the effect, or only what came before it.
    check(
        with_rivals(&[1]),
        &["M1 0>1 A, M1 1>2 A"],
        &[],
        &expect![[r#"
            M1: 2 {"incarnation":"aaaaaaaaaaaaaaaa","version":2}
        "#]],
    );
    check(
        with_rivals(&[1, 2]),
        &["M1 2>3 A"],
        &[],
        &expect![[r#"
            M1: 3 {"incarnation":"aaaaaaaaaaaaaaaa","version":3}
        "#]],
    );
    check(
        with_rivals(&[1, 2, 3]),
        &["M1 3>4 A, M1 4>5 A"],
        &["0", "1"],
        &expect![[r#"
            M1:  {"incarnation":"aaaaaaaaaaaaaaaa","version":3}
        "#]],
    );
}

#[test]
fn a_groups_state_is_read_once_for_a_batch() {
    let consumer = Consumer::new("Billing", Versions::default());
    consume(&consumer, "M1 0>1 A, M2 0>1 A, M1 0>1 A, M1 1>2 A, M2 3>4 A, M2 4>5 A");
    assert_eq!(*consumer.store.loads.lock().unwrap(), ["M1", "M2"]);
}

#[test]
fn a_rebuilding_consumer_takes_an_aggregate_from_its_beginning() {
    let settings = ConsumerSettings { first_version: 1, start: Start::FromTheBeginning };
    let consumer = Consumer::new("Billing", Versions::default()).with_settings(settings);
    let consumed = consume(&consumer, "M1 4>5 A, M1 0>1 A r1, M1 1>5 A r1");
    assert_eq!(consumed.counts, Counts { taken: 2, gaps: 1, missing: 1, ..Counts::default() });
}

#[test]
fn a_gap_is_in_the_log_with_the_command_that_closes_it() {
    let consumer = Consumer::new("Billing", Versions::default());
    let log = logged(|| {
        consume(&consumer, "AFC%20F5 0>1 A, AFC%20F5 2>3 A, AFC%20F5 3>4 A");
        consume(&consumer, "AFC%20F5 4>5 A, AFC%20F5 5>6 A");
        consume(&consumer, "AFC%20F5 1>2 A r1, AFC%20F5 2>3 A r1, AFC%20F5 6>7 A, AFC%20F5 7>8 A");
        consume(&consumer, "AFC%20F5 8>9 A, AFC%20F5 3>4 A r2, AFC%20F5 5>6 A r2");
    });
    let warnings: Vec<String> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["level"] == "WARN")
        .map(|line| format!("{}\n{} {}\n", line["message"], line["version"], line["command"]))
        .collect();
    expect![[r#"
        "something before this event is missing, and nothing of its group has an effect until a replay brings it"
        3 "fanoutctl replay Billing --group 'AFC F5' --from 2"
        "something before this event is missing, and nothing of its group has an effect until a replay brings it"
        5 "fanoutctl replay Billing --group 'AFC F5' --from 2"
        "something before this event is missing, and nothing of its group has an effect until a replay brings it"
        7 "fanoutctl replay Billing --group 'AFC F5' --from 4"
        "something before this event is missing, and nothing of its group has an effect until a replay brings it"
        9 "fanoutctl replay Billing --group 'AFC F5' --from 4"
        "something before this event is missing, and nothing of its group has an effect until a replay brings it"
        6 "fanoutctl replay Billing --group 'AFC F5' --from 5"
    "#]]
    .assert_eq(&warnings.concat());
}

#[test]
fn counts_are_metrics() {
    let store = Versions { broken: vec!["M3"], ..Versions::default() };
    let consumer = Consumer::new("Billing", store);
    let consumed = consume(
        &consumer,
        "M1 0>1 A, M1 0>1 A, M1 2>3 A, M1 3>4 A, M2 0>1 A, M2 1>2 A erased, M3 0>1 A, M3 1>2 A",
    );
    expect![[r#"{"Client":"Billing","Duplicates":1,"Forgotten":1,"Gaps":1,"Missing":2,"Returned":2,"Taken":2,"_aws":{"CloudWatchMetrics":[{"Dimensions":[["Client"]],"Metrics":[{"Name":"Taken","Unit":"Count"},{"Name":"Duplicates","Unit":"Count"},{"Name":"Forgotten","Unit":"Count"},{"Name":"Gaps","Unit":"Count"},{"Name":"Missing","Unit":"Count"},{"Name":"Returned","Unit":"Count"}],"Namespace":"MarkEventQueue/Consumer"}],"Timestamp":1700000000000}}"#]]
        .assert_eq(&consumed.metrics(UNIX_EPOCH + Duration::from_millis(1_700_000_000_000)));
}

/// A queue of requests that takes every message, or fails.
#[derive(Default)]
struct Requests {
    sent: Mutex<Vec<RequestMessage>>,
    is_refused: AtomicBool,
    refused: AtomicUsize,
}

impl RequestQueue for Requests {
    async fn send(&self, request: &RequestMessage) -> Result<(), StoreError> {
        if self.is_refused.load(Ordering::Relaxed) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err("access denied".into());
        }
        self.sent.lock().unwrap().push(request.clone());
        Ok(())
    }
}

/// The warnings of a log: message, version, and why and with which command an operator is asked.
fn warnings(log: &str) -> String {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines = lines.filter(|line| line["level"] == "WARN");
    let shown = |line: Value| {
        let [message, why, command] =
            ["message", "why", "command"].map(|name| line[name].as_str().unwrap_or("-").to_owned());
        format!("{} {message}: {why}: {command}\n", line["version"])
    };
    lines.map(shown).collect()
}

#[test]
fn what_is_missing_is_asked_for_once_and_an_operator_is_not() {
    let consumer = Consumer::new("Billing", Versions::default()).asking(Some(Requests::default()));
    let log = logged(|| {
        consume(&consumer, "AFC%20F5 0>1 A, AFC%20F5 2>3 A, AFC%20F5 3>4 A");
        consume(&consumer, "AFC%20F5 4>5 A");
        consume(&consumer, "AFC%20F5 2>3 A r1");
    });
    expect![[r#"
        3 something before this event is missing; a replay was asked for: -: -
        5 something before this event is missing, and nothing of its group has an effect until a replay brings it: it was asked for before: fanoutctl replay Billing --group 'AFC F5' --from 2
        3 something before this event is missing; a replay was asked for: -: -
    "#]].assert_eq(&warnings(&log));
    let sent = consumer.requests.as_ref().unwrap().sent.lock().unwrap();
    let [first, again] = sent.as_slice() else { panic!("{sent:?}") };
    // The same as in Python.
    let deduplication_id = "e5799a9e4f760a453f35b12cbc3dd046ba374e42c235433c62b8e17695617cea";
    let expected = RequestMessage {
        body: r#"{"group":"AFC%20F5","from":2}"#.to_owned(),
        group_id: "Billing".to_owned(),
        deduplication_id: deduplication_id.to_owned(),
    };
    assert_eq!(first, &expected);
    assert_eq!(again.body, first.body);
    assert_ne!(again.deduplication_id, first.deduplication_id);
}

/// From which version on a replay was asked for, and whether the request was sent, as the state says.
fn asked(store: &Versions, group: &str) -> Option<(i64, bool)> {
    let state = store.load(group).now_or_never().unwrap().unwrap().unwrap();
    state.asked.map(|asked| (asked.from, asked.is_sent))
}

#[test]
fn an_operator_is_asked_if_the_pipeline_can_not_be() {
    for (requests, why) in [
        (None, "the kit was given no queue of requests"),
        (Some(Requests { is_refused: true.into(), ..Requests::default() }), "access denied"),
    ] {
        let consumer = Consumer::new("Billing", Versions::default()).asking(requests);
        let mut consumed = None;
        let log = logged(|| consumed = Some(consume(&consumer, "M1 0>1 A, M1 2>3 A, M1 3>4 A")));
        let message = "something before this event is missing, and nothing of its group has an effect until a replay brings it";
        let command = "fanoutctl replay Billing --group M1 --from 2";
        assert_eq!(warnings(&log), format!("3 {message}: {why}: {command}\n"));
        assert!(returned(&consumed.unwrap()).is_empty());
        assert_eq!(asked(&consumer.store, "M1"), Some((2, false)));
    }
}

#[test]
fn what_could_not_be_asked_for_is_asked_for_by_the_next_batch() {
    let consumer = Consumer::new("Billing", Versions::default()).asking(Requests::default());
    consumer.requests.is_refused.store(true, Ordering::Relaxed);
    consume(&consumer, "M1 0>1 A, M1 2>3 A, M1 3>4 A");
    consumer.requests.is_refused.store(false, Ordering::Relaxed);
    let consumed = consume(&consumer, "M1 4>5 A, M1 5>6 A");
    assert_eq!((consumed.counts.gaps, consumed.counts.missing), (1, 2));
    assert_eq!(consumer.requests.sent.lock().unwrap().len(), 1);
    assert_eq!(asked(&consumer.store, "M1"), Some((2, true)));
}

#[test]
fn after_one_request_that_failed_a_batch_asks_for_nothing_more() {
    let consumer = Consumer::new("Billing", Versions::default()).asking(Requests::default());
    consumer.requests.is_refused.store(true, Ordering::Relaxed);
    let consumed = consume(&consumer, "M1 0>1 A, M1 2>3 A, M2 0>1 A, M2 2>3 A, M1 3>4 A, M2 3>4 A");
    assert_eq!((consumed.counts.taken, consumed.counts.gaps, consumed.counts.missing), (2, 2, 4));
    assert_eq!(consumer.requests.refused.load(Ordering::Relaxed), 1);
}
