//! One command at a time: versions, times, terms, and faults.

use std::convert::Infallible;

use api::event_time::EventTime;
use api::store::port::{Action, DynamoDb as _, Write};
use api::store::{ATTEMPTS, Append, AppendError, Before, Store, StoreError};
use expect_test::{Expect, expect};

use super::faulty::{Fault, Faulty};
use super::memory;
use super::sums::{START, Scene, add, add_on, grown, history, request, schema};

const DAY: i64 = 24 * 60 * 60 * 1_000_000_000;

#[tokio::test]
async fn times_grow_with_versions_whatever_the_clock_does() {
    let (memory, scene) = (memory(), Scene::new(1));
    let store = Store::new(&memory, &scene, schema());
    for after in [0, 0, 250_000_000, 250_000_000, 1, -DAY, 300_000_000] {
        scene.set(START + after);
        add(&store, "AFC F5", 1).await.unwrap();
    }
    let times: Vec<String> =
        history(&memory, "AFC F5").await.iter().map(|event| event.time.to_string()).collect();
    let expected = [
        "2026-01-05T09:00:00.000000000Z",
        "2026-01-05T09:00:00.000000001Z",
        "2026-01-05T09:00:00.250000000Z",
        "2026-01-05T09:00:00.250000001Z",
        "2026-01-05T09:00:00.250000002Z",
        "2026-01-05T09:00:00.250000003Z",
        "2026-01-05T09:00:00.300000000Z",
    ];
    assert_eq!(times, expected);
}

#[tokio::test]
async fn an_expected_version_is_there_or_nothing_is_done() {
    let (memory, scene) = (memory(), Scene::new(2));
    let store = Store::new(&memory, &scene, schema());
    let mut said = Vec::new();
    for expected in [1, 0, 0, 2, 1, 2] {
        said.push(match add_on(&store, "AFC F5", 5, Some(expected), None).await {
            Ok(receipt) => format!("{expected}: {}", receipt.version),
            Err(error) => format!("{expected}: {error}"),
        });
    }
    expect![[r#"
        1: version 1 is expected, and 0 found; 0 is an aggregate that is not there
        0: 1
        0: version 0 is expected, and 1 found; 0 is an aggregate that is not there
        2: version 2 is expected, and 1 found; 0 is an aggregate that is not there
        1: 2
        2: 3"#]]
    .assert_eq(&said.join("\n"));
    assert_eq!(history(&memory, "AFC F5").await.len(), 3);
}

#[tokio::test]
async fn a_repeated_request_is_answered_and_not_carried_out() {
    let (memory, scene) = (memory(), Scene::new(3));
    let store = Store::new(&memory, &scene, schema());
    let (one, other) = (request("key", "one"), request("key", "other"));
    let first = add_on(&store, "AFC F5", 5, None, Some(&one)).await.unwrap();
    add(&store, "AFC F5", 1).await.unwrap();
    let again = add_on(&store, "AFC F5", 5, Some(7), Some(&one)).await.unwrap();
    assert!(again.is_repeated && !first.is_repeated);
    assert_eq!((again.version, again.time, &again.event_id), (first.version, first.time, &first.event_id));
    let reused = add_on(&store, "AFC F5", 5, None, Some(&other)).await;
    assert!(matches!(reused, Err(AppendError::RequestReused)), "{reused:?}");
    // An answer that is a day old counts no more, also if it is still there.
    scene.set(START + DAY - 1_000_000_000);
    assert!(add_on(&store, "AFC F5", 5, None, Some(&one)).await.unwrap().is_repeated);
    scene.set(START + DAY);
    assert_eq!(add_on(&store, "AFC F5", 5, None, Some(&other)).await.unwrap().version, 3);
    assert_eq!(history(&memory, "AFC F5").await.len(), 3);
}

#[tokio::test]
async fn a_refused_command_leaves_nothing() {
    let (memory, scene) = (memory(), Scene::new(4));
    let store = Store::new(&memory, &scene, schema());
    let request = request("key", "one");
    let terms = Append { aggregate: "AFC F5", expected: None, request: Some(&request) };
    let refused = store.append(terms, |_| Err("no")).await;
    assert!(matches!(refused, Err(AppendError::Refused("no"))), "{refused:?}");
    // An event with another version than it must have is not written.
    let wrong = |before: Before<'_>| Ok::<_, ()>(grown(&Before { version: 7, ..before }, 1));
    let wrong = store.append(terms, wrong).await;
    assert!(matches!(wrong, Err(AppendError::Store(StoreError::Damaged(_)))), "{wrong:?}");
    assert_eq!((memory.items("Events"), memory.items("States")), (vec![], vec![]));
}

/// The calls of one append with a request: the request, state and erasure, the transaction.
const CALLS: usize = 4;

#[tokio::test]
async fn a_request_that_is_repeated_after_a_fault_is_carried_out_once() {
    use Fault::{Conflict, CrashAfter, CrashBefore, LostAnswer, LostRequest, Throttled, ThrottledItem};
    for fault in [CrashBefore, CrashAfter, LostRequest, LostAnswer, Throttled, Conflict, ThrottledItem] {
        for call in 0..CALLS {
            let (memory, scene) = (memory(), Scene::new(5));
            add(&Store::new(&memory, &scene, schema()), "AFC F5", 1).await.unwrap();
            let request = request("key", "one");
            let faulty = Faulty::new(&memory, [(call, fault)]);
            let store = Store::new(&faulty, &scene, schema());
            let first = faulty.live(add_on(&store, "AFC F5", 5, None, Some(&request))).await;
            match &first {
                None => assert!(matches!(fault, CrashBefore | CrashAfter)),
                // What may pass is repeated by the store itself.
                Some(done) => assert_eq!(done.as_ref().unwrap().version, 2, "{fault:?} at {call}"),
            }
            let again = add_on(&store, "AFC F5", 5, None, Some(&request)).await.unwrap();
            assert_eq!(again.version, 2, "{fault:?} at {call}");
            assert_eq!(history(&memory, "AFC F5").await.len(), 2, "{fault:?} at {call}");
        }
    }
}

#[tokio::test]
async fn a_command_without_a_key_is_carried_out_once_too_if_its_process_lives() {
    for faults in [
        vec![(2, Fault::LostAnswer)],
        vec![(2, Fault::LostRequest)],
        // The transaction is done late: when its repetition has been cancelled, or has none.
        vec![(2, Fault::Late), (3, Fault::Conflict)],
        vec![(2, Fault::Late), (3, Fault::LostRequest), (4, Fault::Conflict), (5, Fault::LostAnswer)],
        vec![(2, Fault::Late)],
        vec![(2, Fault::LostAnswer), (3, Fault::Conflict), (4, Fault::Throttled), (6, Fault::LostRequest)],
    ] {
        let (memory, scene) = (memory(), Scene::new(6));
        add(&Store::new(&memory, &scene, schema()), "AFC F5", 1).await.unwrap();
        let faulty = Faulty::new(&memory, faults.clone());
        let receipt = add(&Store::new(&faulty, &scene, schema()), "AFC F5", 5).await.unwrap();
        assert_eq!(receipt.version, 2, "{faults:?}");
        assert_eq!(history(&memory, "AFC F5").await.len(), 2, "{faults:?}");
    }
}

#[tokio::test]
async fn what_never_passes_is_said() {
    async fn check(fault: Fault, expected: Expect) {
        let (memory, scene) = (memory(), Scene::new(7));
        let faulty = Faulty::always(&memory, fault);
        let error = add(&Store::new(&faulty, &scene, schema()), "AFC F5", 1).await.unwrap_err();
        expected.assert_eq(&format!("{error} ({} calls)", faulty.calls()));
        assert_eq!(memory.items("Events"), []);
    }
    check(
        Fault::Conflict,
        expect!["other writers of the same aggregate were quicker, each time; try again (18 calls)"],
    )
    .await;
    check(Fault::Throttled, expect!["the tables are throttled; try again in a while (8 calls)"]).await;
    check(Fault::ThrottledItem, expect!["the tables are throttled; try again in a while (8 calls)"]).await;
    check(Fault::LostRequest, expect!["it is unknown whether it was done; repeat the same request with its idempotency key, or read the aggregate (9 calls)"]).await;
    // Done at the first call: the last reading finds it.
    let (memory, scene) = (memory(), Scene::new(8));
    let faulty = Faulty::always(&memory, Fault::LostAnswer);
    let receipt = add(&Store::new(&faulty, &scene, schema()), "AFC F5", 1).await.unwrap();
    assert_eq!((receipt.version, faulty.calls()), (1, 3 + usize::try_from(ATTEMPTS).unwrap()));
    assert_eq!(history(&memory, "AFC F5").await.len(), 1);
}

#[tokio::test]
async fn an_event_that_the_state_does_not_know_of_is_damage() {
    let (memory, scene) = (memory(), Scene::new(9));
    let store = Store::new(&memory, &scene, schema());
    let first = add(&store, "AFC F5", 1).await.unwrap();
    let other = schema().in_memory();
    let damaged = Store::new(&other, &scene, schema());
    // The event table of one, and the empty table of states of the other.
    let event = memory.items("Events").remove(0);
    let put = Action { table: "Events".to_owned(), write: Write::Put(event), condition: None };
    other.transact("put", &[put]).await.unwrap();
    let error = add(&damaged, "AFC F5", 1).await.unwrap_err();
    assert_eq!(first.time, EventTime::try_from_nanos(START.into()).unwrap());
    expect!["the tables are damaged: there is an event at 2026-01-05T09:00:00.000000000Z that the state does not know of"].assert_eq(&error.to_string());
}

#[tokio::test]
async fn a_body_with_what_the_store_writes_is_damage() {
    let (memory, scene) = (memory(), Scene::new(10));
    let store = Store::new(&memory, &scene, schema());
    for own in [schema().partition, schema().sort, schema().id, schema().name] {
        let terms = Append { aggregate: "AFC F5", expected: None, request: None };
        let appended = store.append(terms, |before| {
            let mut decision = grown(&before, 1);
            decision.body.insert(own.to_owned(), "another".into());
            Ok::<_, Infallible>(decision)
        });
        let error = appended.await.unwrap_err().to_string();
        let expected = format!(
            "the tables are damaged: an event is decided on whose body has `{own}`, which the store writes"
        );
        assert_eq!(error, expected);
    }
    assert_eq!(memory.items("Events"), []);
}
