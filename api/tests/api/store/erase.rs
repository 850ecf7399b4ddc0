//! Erasure: of any length, by whoever is left.

use api::store::memory::Memory;
use api::store::value::Value;
use api::store::{AppendError, EraseError, Erasure, RebuildError, Store, StoreError, Until};
use futures_util::future::join_all;

use super::faulty::{Fault, Faulty};
use super::memory;
use super::sums::{START, Scene, add, add_on, by, history, request, schema};

const LENGTHS: [usize; 8] = [1, 2, 99, 100, 101, 198, 199, 250];

async fn filled(memory: &Memory, scene: &Scene, events: usize) {
    let store = Store::new(memory, scene, schema());
    for _ in 0..events {
        add(&store, "AFC F5", 1).await.unwrap();
    }
    add(&store, "AFC F", 1).await.unwrap();
}

/// What both tables have of the aggregate, besides answers to requests.
fn left(memory: &Memory) -> (usize, Vec<String>) {
    let is_of = |item: &&_, name: &str| {
        let item: &api::store::value::Map = item;
        item.get(name).and_then(Value::as_text) == Some("AFC F5")
    };
    let events = memory.items("Events").iter().filter(|item| is_of(item, "mark")).count();
    let states = memory.items("States");
    let states = states.iter().filter(|item| is_of(item, "aggregate"));
    (events, states.map(|item| item["kind"].as_text().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn an_aggregate_of_any_length_is_erased_and_its_name_is_free() {
    for length in LENGTHS {
        let (memory, scene) = (memory(), Scene::new(1));
        filled(&memory, &scene, length).await;
        let last = history(&memory, "AFC F5").await.pop().unwrap();
        let store = Store::new(&memory, &scene, schema());
        assert_eq!(store.erase("AFC F5", None, 10).await.unwrap(), Erasure::Done);
        assert_eq!(left(&memory), (0, vec!["erased".to_owned()]), "{length}");
        assert!(matches!(store.erase("AFC F5", None, 10).await, Err(EraseError::NotThere)));
        assert_eq!(history(&memory, "AFC F").await.len(), 1);
        // Also by a clock that goes wrong.
        scene.set(START - 1_000_000_000);
        add_on(&store, "AFC F5", 1, Some(0), None).await.unwrap();
        let anew = history(&memory, "AFC F5").await;
        assert_eq!(anew.len(), 1);
        assert!(anew[0].time > last.time);
        add(&store, "AFC F5", 1).await.unwrap();
        assert_eq!(store.erase("AFC F5", Some(2), 10).await.unwrap(), Erasure::Done);
    }
}

#[tokio::test]
async fn an_erasure_goes_on_after_a_crash_at_any_call_and_the_state_is_there_until_the_end() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        let mut call = 0;
        loop {
            let (memory, scene) = (memory(), Scene::new(2));
            filled(&memory, &scene, 250).await;
            let faulty = Faulty::new(&memory, [(call, fault)]);
            let dying = Store::new(&faulty, &scene, schema());
            let died = faulty.live(dying.erase("AFC F5", None, 10)).await.is_none();
            let store = Store::new(&memory, &scene, schema());
            match left(&memory) {
                (0, kinds) => assert_eq!(kinds, ["erased"]),
                (events, kinds) if kinds == ["state"] => assert_eq!(events, 250),
                (events, kinds) => {
                    assert_eq!(kinds, ["erasing", "state"]);
                    let state = store.state("AFC F5").await.unwrap().unwrap();
                    assert_eq!(state.version, 250);
                    // What is left is a beginning.
                    let events_left = store.events("AFC F5", None, 1_000).await.unwrap().events;
                    assert_eq!(events_left.last().unwrap().version, u64::try_from(events).unwrap());
                    let blocked = add(&store, "AFC F5", 1).await;
                    assert!(matches!(blocked, Err(AppendError::Store(StoreError::Erasing))), "{blocked:?}");
                    let rebuilt = store.rebuild("AFC F5", Until::Version(1), |_: Option<u64>, event| {
                        Ok::<_, ()>(by(&event))
                    });
                    let rebuilt = rebuilt.await;
                    assert!(matches!(rebuilt, Err(RebuildError::Store(StoreError::Erasing))), "{rebuilt:?}");
                }
            }
            match store.erase("AFC F5", None, 10).await {
                Ok(done) => assert_eq!(done, Erasure::Done),
                Err(error) => assert!(matches!(error, EraseError::NotThere), "{error}"),
            }
            assert_eq!(left(&memory), (0, vec!["erased".to_owned()]), "{fault:?} at {call}");
            if !died {
                break;
            }
            call += 1;
        }
        // Two readings, the begin, and reading and deleting three times.
        assert_eq!(call, 11, "{fault:?}");
    }
}

#[tokio::test]
async fn an_erasure_survives_faults_at_any_call() {
    for fault in [Fault::LostRequest, Fault::LostAnswer, Fault::Throttled, Fault::Conflict, Fault::Late] {
        for call in 0..11 {
            let (memory, scene) = (memory(), Scene::new(3));
            filled(&memory, &scene, 250).await;
            let faulty = Faulty::new(&memory, [(call, fault)]);
            let store = Store::new(&faulty, &scene, schema());
            assert_eq!(store.erase("AFC F5", None, 10).await.unwrap(), Erasure::Done, "{fault:?} at {call}");
            assert_eq!(left(&memory), (0, vec!["erased".to_owned()]), "{fault:?} at {call}");
        }
    }
}

#[tokio::test]
async fn an_erasure_takes_as_many_calls_as_it_is_allowed_chunks() {
    let (memory, scene) = (memory(), Scene::new(4));
    filled(&memory, &scene, 250).await;
    let store = Store::new(&memory, &scene, schema());
    let mut lengths = Vec::new();
    while store.erase("AFC F5", None, 1).await.unwrap() == Erasure::Unfinished {
        lengths.push(left(&memory).0);
    }
    assert_eq!(lengths, [151, 52]);
    assert_eq!(left(&memory).0, 0);
}

#[tokio::test]
async fn an_erasure_is_refused_if_the_version_is_another_one() {
    let (memory, scene) = (memory(), Scene::new(5));
    filled(&memory, &scene, 3).await;
    let store = Store::new(&memory, &scene, schema());
    let refused = store.erase("AFC F5", Some(2), 1).await;
    assert!(matches!(refused, Err(EraseError::Version { expected: 2, found: 3 })), "{refused:?}");
    assert_eq!(history(&memory, "AFC F5").await.len(), 3);
    assert_eq!(store.erase("AFC F5", Some(3), 1).await.unwrap(), Erasure::Done);
}

#[tokio::test]
async fn erasers_at_once_get_the_same_done() {
    let (memory, scene) = (memory(), Scene::new(6));
    filled(&memory, &scene, 250).await;
    let store = Store::new(&memory, &scene, schema());
    for done in join_all((0..4).map(|_| store.erase("AFC F5", None, 10))).await {
        match done {
            Ok(done) => assert_eq!(done, Erasure::Done),
            Err(error) => {
                let is_told = matches!(error, EraseError::NotThere | EraseError::Store(StoreError::Conflict));
                assert!(is_told, "{error}");
            }
        }
    }
    drop(store.erase("AFC F5", None, 10).await);
    assert_eq!(left(&memory), (0, vec!["erased".to_owned()]));
}

#[tokio::test]
async fn an_answered_request_says_nothing_of_what_was_erased() {
    let (memory, scene) = (memory(), Scene::new(7));
    let store = Store::new(&memory, &scene, schema());
    let request = request("key", "one");
    add_on(&store, "AFC F5", 77, None, Some(&request)).await.unwrap();
    store.erase("AFC F5", None, 1).await.unwrap();
    let kept: Vec<String> =
        memory.items("States").iter().map(|item| Value::Map(item.clone()).to_json()).collect();
    assert_eq!(kept.len(), 2);
    assert!(!kept.iter().any(|item| item.contains("sum") || item.contains("77")), "{kept:?}");
}
