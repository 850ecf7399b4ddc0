//! Events of other aggregates, by HTTP and by a queue.

mod intake;
mod producers_page;
mod refusals;
mod routes;
mod schemas;

use api::events::{OtherEvents, Schemas, schema};
use api::store::memory::Memory;
use api::store::port::DynamoDb;
use api::store::value::Value;
use api::store::{EventItem, Store};

use crate::http::Api;
use crate::store::sums::Scene;

const POST: &str = "POST /events/v1/OrderPlaced";

/// The schema of `OrderPlaced`.
const ORDER_PLACED: &str = r##"{
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["total"],
    "properties": {
        "total": { "type": "number", "minimum": 0 },
        "lines": { "type": "array", "items": { "$ref": "#/$defs/line" } },
        "code": { "type": "string", "pattern": "^[A-Z]+$" }
    },
    "additionalProperties": false,
    "$defs": { "line": { "type": "object", "required": ["sku"], "properties": { "sku": { "type": "string" } } } }
}"##;

fn order_placed() -> Schemas {
    Schemas::try_new([("OrderPlaced.json".to_owned(), ORDER_PLACED.to_owned())]).unwrap()
}

/// DynamoDB in memory with the tables of other aggregates. It lives as long as the process.
fn tables() -> &'static Memory {
    Box::leak(Box::new(schema("OtherEvents", "OtherStates").in_memory()))
}

fn events<D: DynamoDb>(db: D, scene: &'static Scene) -> OtherEvents<D, &'static Scene> {
    OtherEvents::new(Store::new(db, scene, schema("OtherEvents", "OtherStates")), order_placed())
}

/// The API with events of other aggregates, over `db`.
fn api<D: DynamoDb + Send + Copy + 'static>(db: D) -> Api {
    Api::with_events(db, |scene| events(db, scene))
}

/// An aggregate's events, after it was checked that they are whole: versions 1, 2, 3 …, times that grow, and a state that is
/// the last one's.
async fn history(db: &Memory, aggregate: &str) -> Vec<EventItem> {
    let scene = Scene::new(0);
    let store = Store::new(db, &scene, schema("OtherEvents", "OtherStates"));
    let found = store.events(aggregate, None, 10_000).await.unwrap().events;
    let versions: Vec<u64> = found.iter().map(|event| event.version).collect();
    assert_eq!(versions, (1..).take(found.len()).collect::<Vec<u64>>());
    assert!(found.windows(2).all(|pair| pair[0].time < pair[1].time));
    let state = store.state(aggregate).await.unwrap();
    assert_eq!(
        state.map(|state| (state.version, state.time, state.event_id)),
        found.last().map(|last| (last.version, last.time, last.id.clone()))
    );
    found
}

/// What the producer of `event` said.
fn body(event: &EventItem) -> String {
    Value::to_json(&event.body["body"])
}
