//! What is read: states as they were, events by id and by name, aggregates.

use api::event_time::EventTime;
use api::store::port::{Action, DynamoDb as _, Write};
use api::store::{EventsByName, RebuildError, Store, StoreError, Until};

use super::memory;
use super::sums::{START, Scene, add, by, history, schema};

#[tokio::test]
async fn a_state_is_rebuilt_as_it_was_at_every_version_and_time() {
    // More events than one page of the fold has.
    const EVENTS: u64 = 600;
    let (memory, scene) = (memory(), Scene::new(1));
    let store = Store::new(&memory, &scene, schema());
    let mut states = Vec::new();
    for version in 1..=EVENTS {
        scene.set(START + i64::try_from(version).unwrap() * 10);
        add(&store, "AFC F5", version).await.unwrap();
        states.push(store.state("AFC F5").await.unwrap().unwrap());
    }
    let rebuilt = async |until| {
        let evolve =
            |sum: Option<u64>, event: api::store::EventItem| Ok::<_, ()>(sum.unwrap_or(0) + by(&event));
        store.rebuild("AFC F5", until, evolve).await.unwrap()
    };
    for version in [1, 2, 499, 500, 501, 600] {
        let state = &states[usize::try_from(version - 1).unwrap()];
        let sum = state.state["sum"].as_u64();
        assert_eq!(rebuilt(Until::Version(version)).await, sum);
        assert_eq!(rebuilt(Until::Time(state.time)).await, sum);
        let later = EventTime::try_from_nanos(i128::from(START) + i128::from(version) * 10 + 9).unwrap();
        assert_eq!(rebuilt(Until::Time(later)).await, sum);
    }
    let before = EventTime::try_from_nanos(START.into()).unwrap();
    for until in [Until::Version(0), Until::Version(601), Until::Time(before)] {
        assert_eq!(rebuilt(until).await, None, "{until:?}");
    }
}

#[tokio::test]
async fn a_hole_is_damage_and_no_state() {
    let (memory, scene) = (memory(), Scene::new(2));
    let store = Store::new(&memory, &scene, schema());
    for _ in 0..3 {
        add(&store, "AFC F5", 1).await.unwrap();
    }
    let mut keys = memory.items("Events").remove(1);
    keys.retain(|name, _| ["mark", "createTime"].contains(&name.as_str()));
    let delete = Action { table: "Events".to_owned(), write: Write::Delete(keys), condition: None };
    memory.transact("hole", &[delete]).await.unwrap();
    let rebuilt = store.rebuild("AFC F5", Until::Version(3), |_: Option<u64>, event| Ok::<_, ()>(by(&event)));
    let Err(RebuildError::Store(StoreError::Damaged(damage))) = rebuilt.await else { panic!("no damage") };
    assert_eq!(damage.to_string(), "the tables are damaged: version 3 comes where version 2 is due");
    let misfit = store.rebuild("AFC F5", Until::Version(1), |_: Option<u64>, _| Err("no"));
    assert!(matches!(misfit.await, Err(RebuildError::Misfit("no"))));
}

#[tokio::test]
async fn events_are_found_by_id_and_by_name_and_time() {
    let (memory, scene) = (memory(), Scene::new(3));
    let store = Store::new(&memory, &scene, schema());
    for number in 0..12_i64 {
        // Two aggregates, and pairs of events at the same time.
        scene.set(START + number / 2);
        let aggregate = if number % 2 == 0 { "AFC F5" } else { "X1 ABC" };
        add(&store, aggregate, u64::try_from(number).unwrap()).await.unwrap();
    }
    for event in history(&memory, "AFC F5").await {
        assert_eq!(store.event_by_id(&event.id).await.unwrap(), Some(event));
    }
    assert_eq!(store.event_by_id("nothing").await.unwrap(), None);
    let at = |nanos: i64| EventTime::try_from_nanos(i128::from(START + nanos)).unwrap();
    for (from, to, expected) in [
        (None, None, (0..12).collect::<Vec<u64>>()),
        (Some(at(2)), None, (4..12).collect()),
        (None, Some(at(2)), (0..6).collect()),
        (Some(at(1)), Some(at(2)), (2..6).collect()),
        (Some(at(6)), None, vec![]),
    ] {
        for (is_ascending, limit) in [(true, 1), (false, 1), (true, 5), (false, 5), (true, 100)] {
            let mut wanted = EventsByName { name: "Grown", from, to, is_ascending, limit, after: None };
            let mut found = Vec::new();
            loop {
                let page = store.events_by_name(&wanted).await.unwrap();
                found.extend(page.events.iter().map(by));
                let Some(next) = page.next else { break };
                wanted.after = Some(next);
            }
            let mut expected = expected.clone();
            if !is_ascending {
                expected.reverse();
            }
            assert_eq!(found, expected, "{wanted:?}");
        }
    }
}

#[tokio::test]
async fn an_aggregates_events_and_all_aggregates_are_paged() {
    let (memory, scene) = (memory(), Scene::new(4));
    let store = Store::new(&memory, &scene, schema());
    for number in 0..5 {
        for _ in 0..=number {
            add(&store, &format!("X{number} ABC"), 1).await.unwrap();
        }
    }
    store.erase("X4 ABC", None, 1).await.unwrap();
    for limit in [1, 2, 100] {
        let (mut versions, mut after) = (Vec::new(), None);
        loop {
            let page = store.events("X3 ABC", after, limit).await.unwrap();
            versions.extend(page.events.iter().map(|event| event.version));
            let Some((aggregate, time)) = page.next else { break };
            assert_eq!(aggregate, "X3 ABC");
            after = Some(time);
        }
        assert_eq!(versions, [1, 2, 3, 4]);
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.aggregates(after.as_deref(), limit).await.unwrap();
            found.extend(page.states.into_iter().map(|state| state.aggregate));
            let Some(next) = page.next else { break };
            after = Some(next);
        }
        assert_eq!(found, ["X0 ABC", "X1 ABC", "X2 ABC", "X3 ABC"]);
    }
}
