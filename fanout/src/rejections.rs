//! Rejections to the rejected queue, of the fan-out and of catch-up.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};
use shared::config::Source;
use shared::ids::{DeduplicationId, Group, Key};
use shared::message::Message;
use shared::rejection::Rejection;

/// The rejection about an item of the event table that can never be sent.
pub(crate) fn of_item(source: &Source, key: &Key, sort: &Key, why: &str) -> Message {
    let mut keys = Map::new();
    keys.insert(source.partition_key.clone(), in_json(key));
    keys.insert(source.sort_key.clone(), in_json(sort));
    let keys = to_raw_value(&keys).ok();
    let rejection = Rejection { reason: why.to_owned(), keys: keys.as_deref(), ..Rejection::default() };
    rejection.message(Some(Group::of(key)), &DeduplicationId::of_item(key, sort))
}

/// The rejection about a message of the fan-out queue that cannot be processed. `id` is what the queue knows it by.
pub(crate) fn of_record(record: &RawValue, group: Option<Group>, id: Option<&str>, why: &str) -> Message {
    let id = DeduplicationId::of_stream_record(id.unwrap_or_else(|| record.get()));
    Rejection { reason: why.to_owned(), record: Some(record), ..Rejection::default() }.message(group, &id)
}

/// In DynamoDB's JSON.
fn in_json(key: &Key) -> Value {
    match key {
        Key::S(text) => json!({ "S": text }),
        Key::N(number) => json!({ "N": number }),
        Key::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
    }
}
