//! Writers that break a rule of `docs/event-source.md`, and what their tables show then. DynamoDB does what it is asked
//! for: no writer here gets an error where it breaks the rule.

use std::cell::Cell;

use api::store::memory::Memory;
use api::store::port::{Action, Condition, DynamoDb as _, Query, Reason, TransactError, Write};
use api::store::value::{Map, Value};
use api::store::{RebuildError, Store, StoreError, Until};

use super::memory;
use super::sums::{Scene, schema};

const NINE: &str = "2026-01-05T09:00:00.000000000Z";
const TEN: &str = "2026-01-05T10:00:00.000000000Z";

/// The store's tables, and a writer that does without the store: each call is a write of its own.
struct Tables {
    memory: Memory,
    calls: Cell<u32>,
}

impl Tables {
    fn new() -> Self {
        Self { memory: memory(), calls: Cell::new(0) }
    }

    /// All of `writes`, or none: whether they were done.
    async fn write(&self, writes: Vec<(&str, Write, Option<Condition>)>) -> bool {
        self.calls.set(self.calls.get() + 1);
        let action =
            |(table, write, condition): (&str, _, _)| Action { table: table.to_owned(), write, condition };
        let actions: Vec<Action> = writes.into_iter().map(action).collect();
        match self.memory.transact(&self.calls.get().to_string(), &actions).await {
            Ok(()) => true,
            Err(TransactError::Cancelled(reasons)) => {
                assert!(reasons.contains(&Reason::Condition));
                false
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn put(&self, table: &str, item: Map, condition: Option<Condition>) -> bool {
        self.write(vec![(table, Write::Put(item), condition)]).await
    }

    /// The mark's events as a reader gets them, in the order of their sort keys: version and name.
    async fn events(&self) -> Vec<(u64, String)> {
        let query = Query {
            table: "Events",
            index: None,
            partition: ("mark", "AFC F5"),
            sort: None,
            is_ascending: true,
            limit: 100,
            start: None,
        };
        let found = self.memory.query(&query).await.unwrap().items;
        found.iter().map(|item| (version(item), item["eventName"].as_text().unwrap().to_owned())).collect()
    }

    /// The version that the state says, beside the events.
    async fn state(&self) -> u64 {
        let found = self.memory.get("States", &json(r#"{"key":"AFC F5"}"#)).await.unwrap();
        found.map_or(0, |item| item["version"].as_u64().unwrap())
    }
}

fn json(text: &str) -> Map {
    let Ok(Value::Map(map)) = Value::try_from_json(text) else { panic!("not an object: {text}") };
    map
}

fn event(version: u64, time: &str, name: &str) -> Map {
    json(&format!(
        r#"{{"mark":"AFC F5","createTime":"{time}","eventId":"{name}","eventName":"{name}",
            "RegistrationNumber":{{"version":{version}}}}}"#
    ))
}

fn state(version: u64) -> Map {
    json(&format!(r#"{{"key":"AFC F5","version":{version}}}"#))
}

fn version(event: &Map) -> u64 {
    let Value::Map(inner) = &event["RegistrationNumber"] else { panic!("no map") };
    inner["version"].as_u64().unwrap()
}

fn events<const N: usize>(expected: [(u64, &str); N]) -> Vec<(u64, String)> {
    expected.map(|(version, name)| (version, name.to_owned())).to_vec()
}

fn is_new() -> Option<Condition> {
    Some(Condition::Absent("mark"))
}

/// Both have read that there is no event yet.
#[tokio::test]
async fn of_two_writers_without_a_condition_one_loses_its_event_or_both_use_the_version() {
    for (times, left) in
        [([NINE, NINE], events([(1, "Theirs")])), ([NINE, TEN], events([(1, "Mine"), (1, "Theirs")]))]
    {
        let tables = Tables::new();
        for (time, name) in times.into_iter().zip(["Mine", "Theirs"]) {
            assert!(tables.put("Events", event(1, time, name), None).await, "each is told that it is done");
        }
        assert_eq!(tables.events().await, left);
    }
    // On the key alone, the condition sees one of the two cases; on the state, both.
    let tables = Tables::new();
    assert!(tables.put("Events", event(1, NINE, "Mine"), is_new()).await);
    assert!(!tables.put("Events", event(1, NINE, "Theirs"), is_new()).await);
    assert!(tables.put("Events", event(1, TEN, "Theirs"), is_new()).await);
    let tables = Tables::new();
    for (time, name, is_done) in [(NINE, "Mine", true), (TEN, "Theirs", false)] {
        let writes = vec![
            ("Events", Write::Put(event(1, time, name)), is_new()),
            ("States", Write::Put(state(1)), Some(Condition::Absent("key"))),
        ];
        assert_eq!(tables.write(writes).await, is_done);
    }
    assert_eq!(tables.events().await, events([(1, "Mine")]));
}

/// As `BatchWriteItem` does it, which takes no conditions (DynamoDB API Reference).
#[tokio::test]
async fn a_batch_without_conditions_writes_over_what_is_there() {
    let tables = Tables::new();
    assert!(tables.put("Events", event(1, NINE, "Mine"), is_new()).await);
    let imported = [event(1, NINE, "Imported"), event(2, TEN, "Imported")];
    assert!(tables.write(imported.map(|event| ("Events", Write::Put(event), None)).to_vec()).await);
    assert_eq!(tables.events().await, events([(1, "Imported"), (2, "Imported")]));
}

#[tokio::test]
async fn a_state_in_a_call_of_its_own_stays_behind_when_the_writer_dies() {
    let tables = Tables::new();
    let one_call = vec![
        ("Events", Write::Put(event(1, NINE, "Created")), is_new()),
        ("States", Write::Put(state(1)), Some(Condition::Absent("key"))),
    ];
    assert!(tables.write(one_call).await);
    assert!(tables.put("Events", event(2, "2026-01-05T09:30:00.000000000Z", "Locked"), is_new()).await);
    // Here it dies. The next one decides on what it reads.
    let next = tables.state().await + 1;
    assert!(tables.put("Events", event(next, TEN, "Renamed"), is_new()).await);
    assert_eq!(tables.events().await, events([(1, "Created"), (2, "Locked"), (2, "Renamed")]));
}

#[tokio::test]
async fn an_answer_in_a_call_of_its_own_lets_a_request_be_carried_out_twice() {
    let tables = Tables::new();
    let answers = async || tables.memory.get("States", &json(r#"{"key":"request"}"#)).await.unwrap();
    for (version, time) in [(1, NINE), (2, TEN)] {
        // The sender repeats what it got no answer to.
        assert_eq!(answers().await, None);
        assert!(tables.put("Events", event(version, time, "Paid"), is_new()).await);
        // Here it dies, before it writes what the request was answered.
    }
    assert_eq!(tables.events().await, events([(1, "Paid"), (2, "Paid")]));
}

#[tokio::test]
async fn a_number_that_is_taken_before_the_event_is_written_leaves_a_hole() {
    let (tables, scene) = (Tables::new(), Scene::new(1));
    let mut counter = 0;
    for (name, time, dies) in [
        ("Created", NINE, false),
        ("Locked", "2026-01-05T09:30:00.000000000Z", true),
        ("Renamed", TEN, false),
    ] {
        counter += 1;
        if !dies {
            assert!(tables.put("Events", event(counter, time, name), is_new()).await);
        }
    }
    assert_eq!(tables.events().await, events([(1, "Created"), (3, "Renamed")]));
    let store = Store::new(&tables.memory, &scene, schema());
    let rebuilt =
        store.rebuild("AFC F5", Until::Version(3), |_: Option<u64>, event| Ok::<_, ()>(event.version)).await;
    assert!(matches!(rebuilt, Err(RebuildError::Store(StoreError::Damaged(_)))), "{rebuilt:?}");
}

/// Sort keys are compared byte by byte: `.` is below `Z`, and `1` below `9`.
#[tokio::test]
async fn times_without_fixed_digits_and_zone_are_read_in_another_order() {
    for [first, second] in [
        ["2026-01-05T09:00:00Z", "2026-01-05T09:00:00.5Z"],
        ["2026-01-05T09:00:00.25Z", "2026-01-05T09:00:00.2500001Z"],
        ["2026-01-05T09:00:00.000000000+00:00", "2026-01-05T08:30:00.000000000-01:00"],
        ["999", "1000"],
    ] {
        let tables = Tables::new();
        tables.put("Events", event(1, first, "Created"), is_new()).await;
        tables.put("Events", event(2, second, "Locked"), is_new()).await;
        assert_eq!(tables.events().await, events([(2, "Locked"), (1, "Created")]), "{first} before {second}");
    }
}

#[tokio::test]
async fn a_clock_that_goes_back_puts_the_later_event_first() {
    let tables = Tables::new();
    tables.put("Events", event(1, TEN, "Created"), is_new()).await;
    tables.put("Events", event(2, NINE, "Locked"), is_new()).await;
    assert_eq!(tables.events().await, events([(2, "Locked"), (1, "Created")]));
}

#[tokio::test]
async fn an_erasure_that_blocks_no_command_leaves_the_end_of_a_history() {
    let tables = Tables::new();
    let half_past = "2026-01-05T09:30:00.000000000Z";
    tables.put("Events", event(1, NINE, "Created"), is_new()).await;
    tables.put("Events", event(2, half_past, "Locked"), is_new()).await;
    // It has read which events there are. Another writer appends the next one.
    tables.put("Events", event(3, TEN, "Unlocked"), is_new()).await;
    for time in [NINE, half_past] {
        let key = json(&format!(r#"{{"mark":"AFC F5","createTime":"{time}"}}"#));
        assert!(tables.write(vec![("Events", Write::Delete(key), None)]).await);
    }
    assert_eq!(tables.events().await, events([(3, "Unlocked")]));
}
