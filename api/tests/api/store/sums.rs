//! A kind of aggregate for tests: a sum, whose events say by how much it grew.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use api::event_time::EventTime;
use api::store::memory::Memory;
use api::store::port::DynamoDb;
use api::store::value::{Map, Value};
use api::store::{
    Append, AppendError, Before, Decision, EventItem, Receipt, RequestId, Schema, Store, Surroundings,
};

/// 2026-01-05T09:00:00Z.
pub(crate) const START: i64 = 1_767_603_600_000_000_000;

/// A number that no `f64` holds: it goes along with each event.
const WIDE: &str = "12345678901234567890123456789012345.678";

/// The schema of `client-queues.toml` as it is shipped.
pub(crate) fn schema() -> Schema {
    Schema {
        events: "Events".to_owned(),
        states: "States".to_owned(),
        partition: "mark",
        sort: "createTime",
        id: "eventId",
        name: "eventName",
        version: &["RegistrationNumber", "version"],
        id_index: "EventId",
        name_index: "EventName",
    }
}

/// A clock that is set, numbers that follow from a seed, and no waiting.
#[derive(Debug)]
pub(crate) struct Scene {
    now: AtomicI64,
    random: AtomicU64,
}

impl Scene {
    pub(crate) fn new(seed: u64) -> Self {
        Self { now: AtomicI64::new(START), random: AtomicU64::new(seed << 32) }
    }

    pub(crate) fn set(&self, nanos: i64) {
        self.now.store(nanos, Ordering::SeqCst);
    }

    /// The generator SplitMix64.
    fn next(&self) -> u64 {
        let state = self.random.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let bits = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }
}

impl Surroundings for &Scene {
    fn now(&self) -> EventTime {
        EventTime::try_from_nanos(self.now.load(Ordering::SeqCst).into()).unwrap()
    }

    fn random(&self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    /// Others go on meanwhile, for a while that differs.
    async fn pause(&self, _: Duration) {
        for _ in 0..self.next() % 8 {
            tokio::task::yield_now().await;
        }
    }
}

/// Appends that the sum grew by `by`.
pub(crate) async fn add<D: DynamoDb>(
    store: &Store<D, &Scene>,
    aggregate: &str,
    by: u64,
) -> Result<Receipt, AppendError<Infallible>> {
    store.append(Append { aggregate, expected: None, request: None }, |before| Ok(grown(&before, by))).await
}

/// Appends as [`add`] does, on the terms of a request.
pub(crate) async fn add_on<D: DynamoDb>(
    store: &Store<D, &Scene>,
    aggregate: &str,
    by: u64,
    expected: Option<u64>,
    request: Option<&RequestId>,
) -> Result<Receipt, AppendError<Infallible>> {
    store.append(Append { aggregate, expected, request }, |before| Ok(grown(&before, by))).await
}

pub(crate) fn request(key: &str, digest: &str) -> RequestId {
    RequestId { key: key.to_owned(), digest: digest.to_owned() }
}

pub(crate) fn grown(before: &Before<'_>, by: u64) -> Decision {
    let sum = before.state.map_or(0, |state| state.state["sum"].as_u64().unwrap()) + by;
    let wide = Value::try_from_json(WIDE).unwrap();
    let inner = [("version", before.version.into()), ("by", by.into()), ("wide", wide)];
    let inner = inner.map(|(name, value): (_, Value)| (name.to_owned(), value));
    let body = Map::from([("RegistrationNumber".to_owned(), Value::Map(Map::from(inner)))]);
    Decision { name: "Grown".to_owned(), body, state: Map::from([("sum".to_owned(), sum.into())]) }
}

/// By how much the event says that the sum grew.
pub(crate) fn by(event: &EventItem) -> u64 {
    let Value::Map(inner) = &event.body["RegistrationNumber"] else { panic!("no map") };
    assert_eq!(inner["wide"].to_json(), WIDE);
    inner["by"].as_u64().unwrap()
}

/// An aggregate's events, after it was checked that they are whole: versions 1, 2, 3 …, times that grow, ids of their
/// own, and a state that is their sum.
pub(crate) async fn history(memory: &Memory, aggregate: &str) -> Vec<EventItem> {
    let scene = Scene::new(0);
    let store = Store::new(memory, &scene, schema());
    let events = store.events(aggregate, None, 10_000).await.unwrap().events;
    let versions: Vec<u64> = events.iter().map(|event| event.version).collect();
    let expected: Vec<u64> = (1..).take(events.len()).collect();
    assert_eq!(versions, expected);
    assert!(events.windows(2).all(|pair| pair[0].time < pair[1].time));
    assert_eq!(events.iter().map(|event| &event.id).collect::<HashSet<_>>().len(), events.len());
    let state = store.state(aggregate).await.unwrap();
    let Some(last) = events.last() else {
        assert_eq!(state, None);
        return events;
    };
    let state = state.unwrap();
    assert_eq!((state.version, state.time, &state.event_id), (last.version, last.time, &last.id));
    assert_eq!(state.state["sum"].as_u64(), Some(events.iter().map(by).sum()));
    events
}
