use expect_test::expect;
use serde_json::value::to_raw_value;
use shared::control;
use shared::ids::ReplayId;

use super::*;

const CALLER: &str = "arn:aws:iam::111122223333:user/Somebody";

fn all_orders() -> Vec<ControlRequest> {
    let client = "Billing".to_owned();
    let keys =
        vec![KeyValue::S("AFC F5".to_owned()), KeyValue::N("7".to_owned()), KeyValue::B("AP8=".to_owned())];
    let after = After { key: KeyValue::S("AFC F5".to_owned()), sort: KeyValue::N("17".to_owned()) };
    vec![
        ControlRequest::CatchUp { client: client.clone() },
        ControlRequest::Pause { client: client.clone() },
        ControlRequest::Resume { client: client.clone() },
        ControlRequest::Replay { client, keys, from: 3, replay: "r-1".to_owned() },
        ControlRequest::Reconcile { after: None },
        ControlRequest::Reconcile { after: Some(after) },
    ]
}

#[test]
fn what_the_function_is_invoked_with() {
    let payloads: String = all_orders().iter().map(|order| order.payload(CALLER) + "\n").collect();
    expect![[r#"
        {"request":"catchUp","client":"Billing","caller":"arn:aws:iam::111122223333:user/Somebody"}
        {"request":"pause","client":"Billing","caller":"arn:aws:iam::111122223333:user/Somebody"}
        {"request":"resume","client":"Billing","caller":"arn:aws:iam::111122223333:user/Somebody"}
        {"request":"replay","client":"Billing","keys":[{"S":"AFC F5"},{"N":"7"},{"B":"AP8="}],"from":3,"replay":"r-1","caller":"arn:aws:iam::111122223333:user/Somebody"}
        {"request":"reconcile","after":null,"caller":"arn:aws:iam::111122223333:user/Somebody"}
        {"request":"reconcile","after":{"key":{"S":"AFC F5"},"sort":{"N":"17"}},"caller":"arn:aws:iam::111122223333:user/Somebody"}
    "#]]
    .assert_eq(&payloads);
}

#[test]
fn a_replays_id_is_one_and_no_two_are_alike() {
    for (milliseconds, random) in [(0, 0), (1_795_242_720_123, 7), (u64::MAX, u64::MAX)] {
        let id = replay_id(milliseconds, random);
        assert!(ReplayId::try_new(&id).is_ok(), "{id}");
    }
    assert_ne!(replay_id(1, 23), replay_id(12, 3));
}

/// The function's own code reads them.
#[test]
fn the_function_understands_every_order() {
    for order in all_orders() {
        let payload = order.payload(CALLER);
        let read = control::ControlRequest::try_from_payload(&payload);
        assert!(read.is_ok(), "{payload}: {read:?}");
    }
}

/// The function's own code wrote them.
#[test]
fn what_the_function_answers_is_understood() {
    fn read<A: serde::de::DeserializeOwned>(answer: &control::ControlAnswer) -> A {
        serde_json::from_str(to_raw_value(answer).unwrap().get()).unwrap()
    }
    let (client, group) = ("Billing".to_owned(), "AFC%20F5".to_owned());
    let key = control::TypedKey::S("AFC F5".to_owned());

    let stopped = Some("its queue does not exist".to_owned());
    let refused = vec![control::RefusedGroup { group: group.clone(), reason: "too large".to_owned() }];
    let mut answer = control::CatchUpReport {
        client: client.clone(),
        groups: 2,
        sent: 40,
        behind: 1,
        stopped,
        elsewhere: true,
        refused,
    };
    let found: CaughtUp = read(&control::ControlAnswer::CatchUp(answer.clone()));
    assert_eq!((found.groups, found.sent, found.behind, &found.stopped), (2, 40, 1, &answer.stopped));
    let reason = "too large".to_owned();
    assert_eq!((found.elsewhere, found.refused), (true, vec![Refused { group: group.clone(), reason }]));
    (answer.elsewhere, answer.refused) = (false, Vec::new());
    let found: CaughtUp = read(&control::ControlAnswer::CatchUp(answer));
    assert_eq!((found.elsewhere, found.refused), (false, Vec::new()));

    let answer = control::StateChange {
        client: client.clone(),
        state: control::ClientState::Paused,
        was: control::ClientState::Live,
    };
    let found: Changed = read(&control::ControlAnswer::State(answer));
    assert_eq!(
        (found.client.as_str(), found.state.as_str(), found.was.as_str()),
        ("Billing", "paused", "live")
    );

    let outcomes =
        [control::ReplayOutcome::Ordered, control::ReplayOutcome::Nothing, control::ReplayOutcome::Failed];
    let result =
        |outcome| control::GroupReplay { group: group.clone(), outcome, reason: Some("why".to_owned()) };
    let answer = control::ReplayReport { client, results: outcomes.map(result).into() };
    let found: Replayed = read(&control::ControlAnswer::Replay(answer));
    let found: Vec<_> = found.results.into_iter().map(|result| (result.group, result.outcome)).collect();
    let expected = [GroupOutcome::Ordered, GroupOutcome::Nothing, GroupOutcome::Failed];
    assert_eq!(found, expected.map(|outcome| (group.clone(), outcome)));

    let version = control::EventVersion { group: group.clone(), key: key.clone(), version: 4 };
    let answer = control::Comparison {
        groups: 9,
        missing: vec![version.clone()],
        holes: vec![version],
        ahead: vec![control::GroupAhead { group: group.clone(), key: key.clone(), version: 4, highest: 3 }],
        after: Some(control::TablePosition { key, sort: control::TypedKey::B("AP8=".to_owned()) }),
    };
    let found: Compared = read(&control::ControlAnswer::Comparison(answer));
    let key = KeyValue::S("AFC F5".to_owned());
    let difference = Difference { group, key: key.clone(), version: 4 };
    let after = After { key, sort: KeyValue::B("AP8=".to_owned()) };
    assert_eq!(
        found,
        Compared {
            groups: 9,
            missing: vec![difference.clone()],
            holes: vec![difference.clone()],
            ahead: vec![Ahead { difference, highest: 3 }],
            after: Some(after),
        }
    );
}
