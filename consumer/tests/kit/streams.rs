//! Whole streams of `vectors.json` through the kit, in batches: duplicates, losses, replays, erasures, new incarnations.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test reports by panicking")]

use std::sync::Mutex;

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use consumer::{
    Consumer, ConsumerSettings, ConsumerState, Effect, RequestMessage, RequestQueue, Start, StateWrite,
    Store, StoreError, WriteOutcome,
};
use futures_util::FutureExt as _;
use serde_json::{Value, json};

/// A store of one aggregate: the consumer's state, and the versions that had an effect.
#[derive(Default)]
struct Versions(Mutex<(Option<String>, Vec<i64>)>);

impl Store for &Versions {
    async fn load(&self, _: &str) -> Result<Option<ConsumerState>, StoreError> {
        let (state, _) = &*self.0.lock().unwrap();
        Ok(state.as_deref().map(ConsumerState::try_from_text).transpose()?)
    }

    async fn write(&self, write: &StateWrite<'_>) -> Result<WriteOutcome, StoreError> {
        let (state, versions) = &mut *self.0.lock().unwrap();
        assert_eq!(*state, write.before.map(ConsumerState::to_text));
        *state = Some(write.after.to_text());
        if matches!(write.effect, Effect::Begin | Effect::Erase) {
            versions.clear();
        }
        if matches!(write.effect, Effect::Begin | Effect::Apply) {
            versions.push(write.message.body.as_ref().unwrap().parse()?);
        }
        Ok(WriteOutcome::Done)
    }
}

/// A queue of requests that takes each.
struct Requests;

impl RequestQueue for Requests {
    async fn send(&self, _: &RequestMessage) -> Result<(), StoreError> {
        Ok(())
    }
}

fn records(steps: &[Value]) -> Vec<SqsMessage> {
    let record = |(number, step): (usize, &Value)| {
        let attributes = step["message"].as_object().unwrap().iter();
        let attributes: serde_json::Map<_, _> = attributes
            .map(|(name, value)| (name.clone(), json!({ "stringValue": value, "dataType": "String" })))
            .collect();
        json!({
            "messageId": number.to_string(),
            "body": step["message"]["version"],
            "attributes": { "MessageGroupId": "M1" },
            "messageAttributes": attributes,
        })
    };
    let records: Vec<Value> = steps.iter().enumerate().map(record).collect();
    serde_json::from_value::<SqsEvent>(json!({ "Records": records })).unwrap().records
}

#[test]
fn the_kit_keeps_of_each_stream_what_the_rule_keeps_in_batches_of_any_size() {
    let vectors: Value = serde_json::from_str(include_str!("../../vectors.json")).unwrap();
    let streams = vectors["streams"].as_array().unwrap();
    assert!(streams.len() >= 10);
    for stream in streams {
        let steps = stream["steps"].as_array().unwrap();
        let start = if stream["start"] == "anywhere" { Start::Anywhere } else { Start::FromTheBeginning };
        let settings = ConsumerSettings { first_version: stream["first_version"].as_i64().unwrap(), start };
        for size in [1, 3, 10] {
            let store = Versions::default();
            let consumer = Consumer::new("Billing", &store).asking(Requests).with_settings(settings);
            let mut after = None;
            for batch in steps.chunks(size) {
                let consumed = consumer.consume(records(batch)).now_or_never().unwrap();
                assert!(consumed.response.batch_item_failures.is_empty());
                after = batch.iter().rev().find_map(|step| step.get("after")).or(after);
                assert_eq!(store.0.lock().unwrap().0, after.map(Value::to_string), "batches of {size}");
            }
            assert_eq!(json!(store.0.lock().unwrap().1), stream["kept"], "batches of {size}");
        }
    }
}
