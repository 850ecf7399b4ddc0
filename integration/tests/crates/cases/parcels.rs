//! The second kind of aggregate of `docs/event-source.md`: what it appends goes through the pipeline, with the `[source]`
//! of the page.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use self::program::{Delivered, bring, schema};
use super::world::World;
use api::event_time::EventTime;
use api::store::value::Value;
use api::store::{AppendError, Erasure, Store, Surroundings};
use expect_test::expect;
use serde_json::Value as Json;

#[expect(unreachable_pub, reason = "it is a module of a program of its own")]
#[path = "../../../../docs/event-source/parcels.rs"]
mod program;

const PAGE: &str = include_str!("../../../../docs/event-source.md");

/// A clock that stands still, a minute before the world begins.
#[derive(Default)]
struct Scene(AtomicU64);

impl Surroundings for Scene {
    fn now(&self) -> EventTime {
        EventTime::try_from_rfc3339("2027-01-15T07:59:00Z").unwrap()
    }

    fn random(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::SeqCst)) << 64
    }

    async fn pause(&self, _: Duration) {}
}

/// The block of the page behind this line.
fn block(heading: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("{heading}\n")).unwrap();
    rest.split_once("\n```").unwrap().0
}

#[test]
fn the_page_has_the_program() {
    assert_eq!(block("```rust"), include_str!("../../../../docs/event-source/parcels.rs").trim_end());
}

#[test]
fn what_a_second_kind_of_aggregate_appends_goes_through_the_pipeline() {
    let world = World::new(block("```toml\n[source]"));
    let (memory, scene) = (schema().in_memory(), Scene::default());
    let store = Store::new(&memory, scene, schema());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let append = |parcel, place| runtime.block_on(bring(&store, parcel, place));
    for (parcel, place) in [("P 1", "depot"), ("P 2", "depot"), ("P 1", "van"), ("P 1", "door")] {
        append(parcel, place).unwrap();
    }
    assert!(matches!(append("P 1", "van"), Err(AppendError::Refused(Delivered))));
    let items = |memory: &api::store::memory::Memory| -> Vec<Json> {
        let items = memory.items("ParcelEvents");
        items.into_iter().map(|item| serde_json::from_str(&Value::Map(item).to_json()).unwrap()).collect()
    };
    // The stream shows the two events of one moment in any order.
    let mut shown = items(&memory);
    shown.reverse();
    world.insert(&shown);
    world.drain();
    // It is sent back and begins anew: no time and no id is used again.
    assert_eq!(runtime.block_on(store.erase("P 1", None, 10)).unwrap(), Erasure::Done);
    append("P 1", "depot").unwrap();
    let anew = items(&memory).into_iter().filter(|item| item["parcel"] == "P 1").collect::<Vec<_>>();
    assert!(
        anew.iter()
            .all(|item| shown.iter().all(|old| old["movedAt"] != item["movedAt"] && old["id"] != item["id"]))
    );
    expect![[r#"
        P%201: 1=00000000-0000-4000-8000-000000000000 2=00000000-0000-4006-8000-000000000000 3=00000000-0000-4009-8000-000000000000
        P%202: 1=00000000-0000-4003-8000-000000000000
    "#]].assert_eq(&world.outcome());
    expect![""].assert_eq(&world.logged());
}
