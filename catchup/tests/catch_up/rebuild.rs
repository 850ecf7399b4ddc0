//! A consumer that joined without history empties its store and rebuilds it from a backfill, as `docs/operations.md` says.

use serde_json::json;
use shared::consumer::{ConsumerSettings, ReceivedMessage, Start, Verdict, decide};
use shared::message::AttributeValue;
use testkit::memory::Accepted;

use crate::world::World;

/// A world whose table has three events of `m` from before the ledger, and one that the pipeline has not seen yet. A, which wants
/// no history, was sent nothing of it.
fn world() -> World {
    let world = World::new();
    world.maintenance();
    world.put("m1@-100000 m2@-100000 m3@-100000 m4@-1");
    world
}

fn backfill(world: &World) {
    let keys = json!([{ "S": "m" }]);
    let request = json!({"request": "replay", "client": "A", "keys": keys, "from": 1, "replay": "r1"});
    let answer = world.request(request).unwrap();
    assert_eq!(answer["results"][0]["outcome"], "requested");
}

/// The versions that A's consumer takes, whose store is empty at the beginning.
fn taken(world: &World) -> Vec<i64> {
    let settings = ConsumerSettings { first_version: 1, start: Start::FromTheBeginning };
    let mut state = None;
    let mut taken = Vec::new();
    for message in world.queues.accepted(&world.queue("A")) {
        let message = received(&message);
        let verdict = decide(state.as_ref(), &message, &settings);
        if matches!(verdict, Verdict::Take { .. }) {
            taken.push(message.version);
        }
        state = verdict.state_after(state);
    }
    taken
}

fn received(message: &Accepted) -> ReceivedMessage {
    let attribute = |name: &str| {
        let found = message.attributes.iter().find(|attribute| attribute.name == name)?;
        let AttributeValue::Text(text) = &found.value else { return None };
        Some(text.as_str())
    };
    ReceivedMessage::try_from_attributes(attribute).unwrap()
}

#[test]
fn a_backfill_of_a_paused_client_brings_everything_in_order() {
    let world = world();
    world.request(json!({"request": "pause", "client": "A"})).unwrap();
    world.stream("m4");
    world.work(2);
    backfill(&world);
    world.request(json!({"request": "resume", "client": "A"})).unwrap();
    world.work(2);
    assert_eq!(world.got("A"), "m: 1r 2r 3r 4");
    assert_eq!(taken(&world), [1, 2, 3, 4]);
}

/// Why the pause: the first that the client is sent of an aggregate has no predecessor, because nothing was sent before.
#[test]
fn what_comes_before_a_backfill_is_taken_for_a_beginning() {
    let world = world();
    world.stream("m4");
    world.work(2);
    backfill(&world);
    world.work(2);
    assert_eq!(world.got("A"), "m: 4 1r 2r 3r 4r");
    assert_eq!(taken(&world), [4]);
}
