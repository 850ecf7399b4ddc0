//! Many writers at the same time.

use api::store::{AppendError, Erasure, Store, StoreError};
use futures_util::future::join_all;
use proptest::prelude::*;

use super::faulty::{Fault, Faulty};
use super::memory;
use super::sums::{Scene, add, add_on, by, history, request, schema};

#[tokio::test]
async fn commands_at_once_on_one_key_have_each_a_version() {
    const WRITERS: u64 = 50;
    let (memory, scene) = (memory(), Scene::new(1));
    let store = Store::new(&memory, &scene, schema());
    let writer = async |number: u64| {
        loop {
            match add(&store, "AFC F5", number).await {
                Ok(receipt) => return receipt.version,
                Err(AppendError::Store(StoreError::Conflict)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    let mut versions = join_all((0..WRITERS).map(writer)).await;
    versions.sort_unstable();
    assert_eq!(versions, (1..=WRITERS).collect::<Vec<_>>());
    let mut numbers: Vec<u64> = history(&memory, "AFC F5").await.iter().map(by).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..WRITERS).collect::<Vec<_>>());
}

#[tokio::test]
async fn of_many_that_expect_the_same_version_one_is_done() {
    let (memory, scene) = (memory(), Scene::new(2));
    let store = Store::new(&memory, &scene, schema());
    for expected in 0..5 {
        let writer = async |number: u64| add_on(&store, "AFC F5", number, Some(expected), None).await;
        let done = join_all((0..20).map(writer)).await;
        assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1);
        for refused in done.into_iter().filter_map(Result::err) {
            let is_told =
                matches!(refused, AppendError::Version { .. } | AppendError::Store(StoreError::Conflict));
            assert!(is_told, "{refused:?}");
        }
    }
    assert_eq!(history(&memory, "AFC F5").await.len(), 5);
}

#[tokio::test]
async fn one_request_that_comes_many_times_at_once_is_carried_out_once() {
    let (memory, scene) = (memory(), Scene::new(3));
    let store = Store::new(&memory, &scene, schema());
    let request = request("key", "one");
    let writer = async |_| add_on(&store, "AFC F5", 5, None, Some(&request)).await;
    for done in join_all((0..20).map(writer)).await {
        match done {
            Ok(receipt) => assert_eq!(receipt.version, 1),
            Err(error) => assert!(matches!(error, AppendError::Store(StoreError::Conflict)), "{error:?}"),
        }
    }
    assert_eq!(history(&memory, "AFC F5").await.len(), 1);
}

fn faults() -> impl Strategy<Value = Vec<(usize, Fault)>> {
    let fault = prop_oneof![
        Just(Fault::CrashBefore),
        Just(Fault::CrashAfter),
        Just(Fault::LostRequest),
        Just(Fault::LostAnswer),
        Just(Fault::Throttled),
        Just(Fault::Conflict),
    ];
    prop::collection::vec((0..40_usize, fault), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Writers and erasers of one aggregate, of which some meet faults and some die: whatever happens, its events are whole,
    /// no request is carried out twice in an incarnation that lives, and an erasure that was begun can be ended.
    #[test]
    fn whatever_happens_events_are_whole(
        seed in any::<u32>(),
        faults in prop::collection::vec(faults(), 4),
        erases in any::<[bool; 2]>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (memory, scene) = (memory(), Scene::new(seed.into()));
            let writers = faults.iter().enumerate().map(async |(number, faults)| {
                let faulty = Faulty::new(&memory, faults.clone());
                let store = Store::new(&faulty, &scene, schema());
                let number = u64::try_from(number).unwrap();
                let work = async {
                    for round in 0..3 {
                        if number < 2 && erases[usize::try_from(number).unwrap()] && round == 1 {
                            drop(store.erase("AFC F5", None, 10).await);
                        }
                        let request = request(&format!("{number}-{round}"), "");
                        // As a sender does that gets no answer.
                        for _ in 0..2 {
                            drop(add_on(&store, "AFC F5", 10 * number + round, None, Some(&request)).await);
                        }
                    }
                };
                faulty.live(work).await;
            });
            join_all(writers).await;
            let store = Store::new(&memory, &scene, schema());
            let was_erasing = matches!(add(&store, "AFC F5", 99).await, Err(AppendError::Store(StoreError::Erasing)));
            if was_erasing {
                assert_eq!(store.erase("AFC F5", None, 10).await.unwrap(), Erasure::Done);
                assert_eq!(add(&store, "AFC F5", 99).await.unwrap().version, 1);
            }
            let mut numbers: Vec<u64> = history(&memory, "AFC F5").await.iter().map(by).collect();
            let count = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), count);
        });
    }
}
