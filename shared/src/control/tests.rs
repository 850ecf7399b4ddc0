//! What one side writes, the other reads; and the form that people and templates write by hand stays.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::ids::Key;
use crate::rejection::Rejection;

fn requests() -> [(ControlRequest, Value); 11] {
    let client = || "Billing".to_owned();
    let position =
        TablePosition { key: TypedKey::S("AFC F5".to_owned()), sort: TypedKey::N("17".to_owned()) };
    let keys = vec![
        TypedKey::S("AFC F5".to_owned()),
        TypedKey::N("7".to_owned()),
        TypedKey::from(&Key::B(vec![0, 255])),
    ];
    [
        (ControlRequest::Maintenance { caller: None }, json!({"request": "maintenance"})),
        (
            ControlRequest::Maintenance { caller: None }.asked_by("me"),
            json!({"request": "maintenance", "caller": "me"}),
        ),
        (
            ControlRequest::CatchUp { client: client(), caller: None },
            json!({"request": "catchUp", "client": "Billing"}),
        ),
        (
            ControlRequest::CatchUp { client: client(), caller: None }.asked_by("me"),
            json!({"request": "catchUp", "client": "Billing", "caller": "me"}),
        ),
        (
            ControlRequest::Pause { client: client(), reason: None, caller: None }.asked_by("me"),
            json!({"request": "pause", "client": "Billing", "caller": "me"}),
        ),
        (
            ControlRequest::Pause { client: client(), reason: Some("why".to_owned()), caller: None },
            json!({"request": "pause", "client": "Billing", "reason": "why"}),
        ),
        (
            ControlRequest::Resume { client: client(), caller: None }.asked_by("me"),
            json!({"request": "resume", "client": "Billing", "caller": "me"}),
        ),
        (
            ControlRequest::Replay {
                client: client(),
                keys,
                from: 3,
                replay: "r-1".to_owned(),
                gap: false,
                caller: None,
            }
            .asked_by("me"),
            json!({
                "request": "replay", "client": "Billing", "keys": [{"S": "AFC F5"}, {"N": "7"}, {"B": "AP8="}],
                "from": 3, "replay": "r-1", "caller": "me"
            }),
        ),
        (
            ControlRequest::LookForErasures { keys: vec![TypedKey::S("AFC F5".to_owned())], caller: None }
                .asked_by("me"),
            json!({"request": "lookForErasures", "keys": [{"S": "AFC F5"}], "caller": "me"}),
        ),
        (
            ControlRequest::Reconcile { after: None, caller: None },
            json!({"request": "reconcile", "after": null}),
        ),
        (
            ControlRequest::Reconcile { after: Some(position), caller: None }.asked_by("me"),
            json!({
                "request": "reconcile", "after": {"key": {"S": "AFC F5"}, "sort": {"N": "17"}}, "caller": "me"
            }),
        ),
    ]
}

#[test]
fn each_request_is_read_as_it_was_written() {
    for (request, expected) in requests() {
        let payload = request.payload();
        assert_eq!(serde_json::from_str::<Value>(&payload).unwrap(), expected);
        assert_eq!(ControlRequest::try_from_payload(&payload).unwrap(), request);
    }
    let reconcile = ControlRequest::Reconcile { after: None, caller: None };
    assert_eq!(ControlRequest::try_from_payload(r#"{"request":"reconcile"}"#).unwrap(), reconcile);
}

#[test]
fn a_request_has_no_other_members() {
    for (_, mut payload) in requests() {
        payload["surplus"] = json!(1);
        let error = ControlRequest::try_from_payload(&payload.to_string()).unwrap_err().to_string();
        assert!(error.contains("unknown field `surplus`"), "{error}");
    }
    let inner = r#"{"request":"reconcile","after":{"key":{"S":"a"},"sort":{"N":"1"},"surplus":1}}"#;
    assert!(ControlRequest::try_from_payload(inner).is_err());
    for payload in
        ["{}", "7", r#"{"request":"repair"}"#, r#"{"job":"maintenance"}"#, r#"{"request":"pause"}"#]
    {
        let error = ControlRequest::try_from_payload(payload).unwrap_err().to_string();
        assert!(
            error.starts_with("not a control request, an object with `request` (`maintenance`, "),
            "{error}"
        );
    }
}

fn there_and_back<A: Serialize + DeserializeOwned + PartialEq + Debug>(
    answer: &A,
    whole: ControlAnswer,
    expected: Value,
) {
    assert_eq!(serde_json::to_value(answer).unwrap(), expected);
    assert_eq!(serde_json::to_value(whole).unwrap(), expected);
    assert_eq!(&serde_json::from_value::<A>(expected).unwrap(), answer);
}

#[test]
fn each_answer_is_read_as_it_was_written() {
    let client = || "Billing".to_owned();
    let key = Key::S("AFC F5".to_owned());
    let plain = CatchUpReport { client: client(), groups: 1, sent: 2, behind: 3, ..CatchUpReport::default() };
    let shown = json!({"client": "Billing", "groups": 1, "sent": 2, "behind": 3, "stopped": null});
    there_and_back(&plain, ControlAnswer::CatchUp(plain.clone()), shown.clone());
    let stopped = CatchUpReport {
        stopped: Some("paused".to_owned()),
        elsewhere: true,
        refused: vec![RefusedGroup { group: "a".to_owned(), reason: "too long".to_owned() }],
        ..plain.clone()
    };
    there_and_back(
        &stopped,
        ControlAnswer::CatchUp(stopped.clone()),
        json!({
            "client": "Billing", "groups": 1, "sent": 2, "behind": 3, "stopped": "paused", "elsewhere": true,
            "refused": [{"group": "a", "reason": "too long"}]
        }),
    );
    let report = MaintenanceReport { clients: vec![plain] };
    there_and_back(&report, ControlAnswer::Maintenance(report.clone()), json!({ "clients": [shown] }));
    let change = StateChange { client: client(), state: ClientState::Paused, was: ClientState::Live };
    there_and_back(
        &change,
        ControlAnswer::State(change.clone()),
        json!({"client": "Billing", "state": "paused", "was": "live"}),
    );
    let group = |outcome, reason: Option<&str>| GroupReplay {
        group: "a".to_owned(),
        outcome,
        reason: reason.map(str::to_owned),
    };
    let results = vec![
        group(ReplayOutcome::Requested, None),
        group(ReplayOutcome::Nothing, Some("why")),
        group(ReplayOutcome::Failed, Some("why")),
    ];
    let report = ReplayReport { client: client(), results };
    there_and_back(
        &report,
        ControlAnswer::Replay(report.clone()),
        json!({"client": "Billing", "results": [
            {"group": "a", "outcome": "requested", "reason": null},
            {"group": "a", "outcome": "nothing", "reason": "why"},
            {"group": "a", "outcome": "failed", "reason": "why"}
        ]}),
    );
    let version = |version| EventVersion::of(&key, version);
    let EventVersion { group, key, version: ahead } = version(4);
    let comparison = Comparison {
        groups: 5,
        missing: vec![version(2)],
        holes: vec![version(3)],
        ahead: vec![GroupAhead { group: group.clone(), key: key.clone(), version: ahead, highest: 1 }],
        pairs: vec![EventPair {
            group,
            key: key.clone(),
            version: 5,
            sort_keys: [TypedKey::N("1".to_owned()), TypedKey::N("2".to_owned())],
        }],
        implausible: vec![version(6)],
        of_unknown_age: vec![version(7)],
        after: Some(TablePosition { key, sort: TypedKey::N("1".to_owned()) }),
    };
    there_and_back(
        &comparison,
        ControlAnswer::Comparison(comparison.clone()),
        json!({
            "groups": 5,
            "missing": [{"group": "AFC%20F5", "key": {"S": "AFC F5"}, "version": 2}],
            "holes": [{"group": "AFC%20F5", "key": {"S": "AFC F5"}, "version": 3}],
            "ahead": [{"group": "AFC%20F5", "key": {"S": "AFC F5"}, "version": 4, "highest": 1}],
            "pairs": [{"group": "AFC%20F5", "key": {"S": "AFC F5"}, "version": 5, "sort_keys": [{"N": "1"}, {"N": "2"}]}],
            "implausible": [{"group": "AFC%20F5", "key": {"S": "AFC F5"}, "version": 6}],
            "of_unknown_age": [{"group": "AFC%20F5", "key": {"S": "AFC F5"}, "version": 7}],
            "after": {"key": {"S": "AFC F5"}, "sort": {"N": "1"}}
        }),
    );
}

/// A later release of the function may add members.
#[test]
fn an_answer_may_have_more_members() {
    let answer = r#"{"client":"Billing","state":"live","was":"paused","since":7}"#;
    assert!(serde_json::from_str::<StateChange>(answer).is_ok());
}

#[test]
fn a_resend_is_read_as_it_was_written() {
    let image = RawValue::from_string(r#"{"price":{"N":"1.10"}}"#.to_owned()).unwrap();
    let record = StreamRecord {
        event_id: "e-1".into(),
        event_name: "INSERT".into(),
        event_source: "aws:dynamodb".into(),
        stream: "arn:aws:dynamodb:eu-west-2:111122223333:table/T/stream/S".into(),
        dynamodb: StreamChange {
            keys: None,
            new_image: &image,
            sequence_number: Some("4421584500000000017450439091".into()),
            stream_view_type: "NEW_IMAGE".into(),
        },
    };
    let expected = r#"{"replay":"r-1","Records":[{"eventID":"e-1","eventName":"INSERT","eventSource":"aws:dynamodb","eventSourceARN":"arn:aws:dynamodb:eu-west-2:111122223333:table/T/stream/S","dynamodb":{"NewImage":{"price":{"N":"1.10"}},"SequenceNumber":"4421584500000000017450439091","StreamViewType":"NEW_IMAGE"}}]}"#;
    let request = ResendRequest { replay: "r-1".into(), records: vec![record] };
    let payload = serde_json::to_string(&request).unwrap();
    assert_eq!(payload, expected);
    let typed: ResendRequest<'_, StreamRecord<'_>> = serde_json::from_str(&payload).unwrap();
    assert_eq!(serde_json::to_string(&typed).unwrap(), payload);
    let raw: ResendRequest<'_, &RawValue> = serde_json::from_str(&payload).unwrap();
    assert_eq!(serde_json::to_string(&raw).unwrap(), payload);
    let surplus = payload.replacen('{', r#"{"clients":["A"],"#, 1);
    assert!(serde_json::from_str::<ResendRequest<'_, &RawValue>>(&surplus).is_err());

    let outcomes = [ResendOutcome::Skipped, ResendOutcome::Rejected, ResendOutcome::Unsent].into_iter();
    let results = outcomes.map(|outcome| ResendResult::not_sent(outcome, "why"));
    let results = [ResendResult::sent()].into_iter().chain(results).collect();
    let answer = ResendAnswer { batch_item_failures: Vec::new(), results };
    let text = serde_json::to_string(&answer).unwrap();
    assert_eq!(
        text,
        r#"{"batchItemFailures":[],"results":[{"outcome":"sent","reason":null},{"outcome":"skipped","reason":"why"},{"outcome":"rejected","reason":"why"},{"outcome":"unsent","reason":"why"}]}"#
    );
    assert_eq!(serde_json::from_str::<ResendAnswer>(&text).unwrap(), answer);
}

#[test]
fn a_rejection_is_read_as_it_was_written() {
    let image = RawValue::from_string(r#"{"price":{"N":"x"}}"#.to_owned()).unwrap();
    let rejection = Rejection { reason: "why".to_owned(), image: Some(&image), ..Rejection::default() };
    let text = serde_json::to_string(&rejection).unwrap();
    let read: Rejection<'_> =
        Deserialize::deserialize(&mut serde_json::Deserializer::from_str(&text)).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}
