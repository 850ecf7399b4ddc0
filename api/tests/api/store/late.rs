//! A writer that comes late: what it decided on is no more.

use api::store::{AppendError, EraseError, Erasure, Store, StoreError};

use super::faulty::{Fault, Faulty};
use super::memory;
use super::sums::{START, Scene, add, add_on, history, schema};

#[tokio::test]
async fn an_event_of_an_erased_aggregate_does_not_come_into_the_new_one() {
    // The mark has version 1 when the late writer decides, and again when its transaction arrives.
    for expected in [None, Some(1)] {
        let (memory, scene) = (memory(), Scene::new(1));
        let store = Store::new(&memory, &scene, schema());
        add(&store, "AFC F5", 1).await.unwrap();
        let faulty = Faulty::new(&memory, [(2, Fault::Held)]);
        let late = Store::new(&faulty, &scene, schema());
        let writes = async { add_on(&late, "AFC F5", 7, expected, None).await };
        let others = async {
            while faulty.calls() < 3 {
                tokio::task::yield_now().await;
            }
            assert_eq!(store.erase("AFC F5", None, 1).await.unwrap(), Erasure::Done);
            scene.set(START + 1_000);
            add(&store, "AFC F5", 2).await.unwrap();
            faulty.released.notify_one();
        };
        let (written, ()) = tokio::join!(writes, others);
        // It is decided on again.
        assert_eq!(written.unwrap().version, 2);
        assert_eq!(history(&memory, "AFC F5").await.len(), 2);
    }
}

#[tokio::test]
async fn an_eraser_that_wakes_up_late_leaves_the_new_aggregate_alone() {
    // 150 events: the erasure's begin, a chunk, another one, the last transaction. Held at each of its calls.
    for held in 2..12 {
        let (memory, scene) = (memory(), Scene::new(2));
        let store = Store::new(&memory, &scene, schema());
        for _ in 0..150 {
            add(&store, "AFC F5", 1).await.unwrap();
        }
        let faulty = Faulty::new(&memory, [(held, Fault::Held)]);
        let late = Store::new(&faulty, &scene, schema());
        let erases = async { late.erase("AFC F5", None, 10).await };
        let others = async {
            for _ in 0..1_000 {
                tokio::task::yield_now().await;
            }
            if faulty.calls() <= held {
                // It was through before that call.
                return false;
            }
            assert_eq!(store.erase("AFC F5", None, 10).await.unwrap(), Erasure::Done);
            for _ in 0..3 {
                add(&store, "AFC F5", 2).await.unwrap();
            }
            faulty.released.notify_one();
            true
        };
        let (erased, was_late) = tokio::join!(erases, others);
        let left = history(&memory, "AFC F5").await.len();
        match erased {
            // Held before its erasure began, it erases what is there.
            _ if held == 2 => {}
            Ok(Erasure::Done) => assert_eq!(left, if was_late { 3 } else { 0 }, "held at {held}"),
            other => panic!("held at {held}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_command_that_comes_late_is_blocked_by_an_erasure() {
    let (memory, scene) = (memory(), Scene::new(3));
    let store = Store::new(&memory, &scene, schema());
    for _ in 0..150 {
        add(&store, "AFC F5", 1).await.unwrap();
    }
    let faulty = Faulty::new(&memory, [(2, Fault::Held)]);
    let late = Store::new(&faulty, &scene, schema());
    let writes = async { add(&late, "AFC F5", 7).await };
    let others = async {
        while faulty.calls() < 3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.erase("AFC F5", None, 1).await.unwrap(), Erasure::Unfinished);
        faulty.released.notify_one();
    };
    let (written, ()) = tokio::join!(writes, others);
    assert!(matches!(written, Err(AppendError::Store(StoreError::Erasing))), "{written:?}");
}

#[tokio::test]
async fn an_erasure_begins_with_the_version_that_it_read() {
    for expected in [None, Some(1)] {
        let (memory, scene) = (memory(), Scene::new(4));
        let store = Store::new(&memory, &scene, schema());
        add(&store, "AFC F5", 1).await.unwrap();
        let faulty = Faulty::new(&memory, [(2, Fault::Held)]);
        let late = Store::new(&faulty, &scene, schema());
        let erases = async { late.erase("AFC F5", expected, 1).await };
        let others = async {
            while faulty.calls() < 3 {
                tokio::task::yield_now().await;
            }
            scene.set(START + 1_000);
            let last = add(&store, "AFC F5", 1).await.unwrap();
            faulty.released.notify_one();
            last
        };
        let (erased, last) = tokio::join!(erases, others);
        if expected.is_some() {
            assert!(matches!(erased, Err(EraseError::Version { expected: 1, found: 2 })), "{erased:?}");
            assert_eq!(history(&memory, "AFC F5").await.len(), 2);
            continue;
        }
        assert_eq!(erased.unwrap(), Erasure::Done);
        // Above the time of the event that came in between.
        scene.set(START);
        assert!(add(&store, "AFC F5", 1).await.unwrap().time > last.time);
    }
}
