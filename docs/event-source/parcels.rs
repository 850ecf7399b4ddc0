//! Parcels: a second kind of aggregate, on the store of the companion.

use api::store::port::DynamoDb;
use api::store::value::{Map, Value};
use api::store::{Append, AppendError, Before, Decision, Receipt, Schema, Store, Surroundings};

/// What the tables, their attributes and their indexes are called.
pub fn schema() -> Schema {
    Schema {
        events: "ParcelEvents".to_owned(),
        states: "ParcelStates".to_owned(),
        partition: "parcel",
        sort: "movedAt",
        id: "id",
        name: "type",
        version: &["version"],
        id_index: "ById",
        name_index: "ByType",
    }
}

/// Why a parcel is not moved.
#[derive(Debug, PartialEq, Eq)]
pub struct Delivered;

/// Brings a parcel to a place, the first one included.
pub async fn bring<D: DynamoDb, S: Surroundings>(
    store: &Store<D, S>,
    parcel: &str,
    place: &str,
) -> Result<Receipt, AppendError<Delivered>> {
    let terms = Append { aggregate: parcel, expected: None, request: None };
    store.append(terms, |before| decide(&before, place)).await
}

/// Pure: the store calls it again if another writer was quicker. Time, id and randomness are in `before`.
fn decide(before: &Before<'_>, place: &str) -> Result<Decision, Delivered> {
    let last = before.state.and_then(|item| item.state.get("place")).and_then(Value::as_text);
    if last == Some("door") {
        return Err(Delivered);
    }
    let name = if last.is_none() { "Sent" } else { "Moved" }.to_owned();
    // The event: its keys, id and name are the store's part, the version is the body's.
    let body = [("version", Value::from(before.version)), ("place", place.into())];
    let body = body.map(|(attribute, value)| (attribute.to_owned(), value));
    // What the next command is decided on: as little as that takes.
    let state = Map::from([("place".to_owned(), place.into())]);
    Ok(Decision { name, body: Map::from(body), state })
}
