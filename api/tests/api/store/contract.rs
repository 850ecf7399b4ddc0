//! What the store depends on: DynamoDB in memory and DynamoDB itself keep it.

use api::store::Schema;
use api::store::port::{
    Action, Bounds, CallError, Condition, DynamoDb, Query, Reason, Scan, TransactError, Write,
};
use api::store::value::{Map, Number, Value};

/// A number that no `f64` holds.
const WIDE: &str = "12345678901234567890123456789012345.678";

/// The tables are empty, and are not afterwards.
pub(crate) async fn check(db: &impl DynamoDb, schema: &Schema) {
    values_come_back(db, schema).await;
    conditions_hold(db, schema).await;
    cancelled_transactions_do_nothing(db, schema).await;
    tokens_are_remembered(db, schema).await;
    partitions_are_read_in_order(db, schema).await;
    indexes_are_read_in_order(db, schema).await;
    tables_are_scanned(db, schema).await;
}

/// What emulators don't know.
pub(crate) async fn check_limits(db: &impl DynamoDb, schema: &Schema) {
    let put = |number: usize| put(schema, state(&format!("limit{number}"), &[]), None);
    let hundred: Vec<Action> = (0..100).map(put).collect();
    db.transact("limit-100", &hundred).await.unwrap();
    let more: Vec<Action> = (0..101).map(put).collect();
    let twice = [put(1), put(1)];
    let large = state("large", &[("text", Value::from("x".repeat(400 * 1024)))]);
    let large = [Action { condition: None, ..self::put(schema, large, None) }];
    for (token, actions) in
        [("limit-101", &more[..]), ("limit-twice", &twice), ("limit-large", &large), ("none", &[])]
    {
        let refused = db.transact(token, actions).await;
        assert!(matches!(refused, Err(TransactError::Refused(_))), "{token}: {refused:?}");
    }
    let long = "x".repeat(37);
    assert!(matches!(db.transact(&long, &hundred).await, Err(TransactError::Refused(_))));
    assert!(matches!(db.transact("limit-100", &twice[..1]).await, Err(TransactError::Refused(_))));
}

async fn values_come_back(db: &impl DynamoDb, schema: &Schema) {
    let json = format!(
        r#"{{"bool":true,"list":[1,"é",null,{{}}],"map":{{"a b":{{"c":[]}}}},"null":null,"numbers":[{WIDE},0.05,-7],"text":"“Ö” 東京 \u0001"}}"#
    );
    let Ok(Value::Map(values)) = Value::try_from_json(&json) else { panic!("not an object") };
    let item = state("values", &[("values", Value::Map(values.clone()))]);
    db.transact("values", &[put(schema, item.clone(), None)]).await.unwrap();
    let found = db.get(&schema.states, &key("values")).await.unwrap();
    assert_eq!(found, Some(item));
    assert_eq!(db.get(&schema.states, &key("nothing")).await.unwrap(), None);
    assert_eq!(Number::try_new(WIDE).unwrap().as_str(), WIDE);
    let missing = db.get("NoSuchTable", &key("values")).await;
    assert!(matches!(missing, Err(CallError::Refused(_))), "{missing:?}");
}

async fn conditions_hold(db: &impl DynamoDb, schema: &Schema) {
    let there = state("there", &[("number", Value::from(7_u64)), ("text", Value::from("x"))]);
    db.transact("conditions", &[put(schema, there, None)]).await.unwrap();
    let equals = |value: u64| Condition::Equals("number", value.into());
    for (number, (subject, condition, is_done)) in [
        ("there", Condition::Absent("key"), false),
        ("there", Condition::Present("key"), true),
        ("there", Condition::Absent("other"), true),
        ("there", equals(7), true),
        ("there", equals(8), false),
        ("there", Condition::Equals("text", "x".into()), true),
        ("there", Condition::AtMost("number", 7), true),
        ("there", Condition::AtMost("number", 6), false),
        ("there", Condition::AtMost("text", 9), false),
        ("there", Condition::Any(vec![equals(8), equals(7)]), true),
        ("there", Condition::All(vec![equals(8), equals(7)]), false),
        ("there", Condition::Any(vec![equals(8), Condition::All(vec![equals(7), equals(7)])]), true),
        ("gone", Condition::Absent("key"), true),
        ("gone", Condition::Present("key"), false),
        ("gone", equals(7), false),
        ("gone", Condition::AtMost("number", 7), false),
    ]
    .into_iter()
    .enumerate()
    {
        let check = Action {
            table: schema.states.clone(),
            write: Write::Check(key(subject)),
            condition: Some(condition.clone()),
        };
        let done = db.transact(&format!("condition-{number}"), &[check]).await;
        match done {
            Ok(()) => assert!(is_done, "{subject}: {condition:?}"),
            Err(TransactError::Cancelled(reasons)) => {
                assert_eq!(reasons, [Reason::Condition]);
                assert!(!is_done, "{subject}: {condition:?}");
            }
            Err(error) => panic!("{subject}: {condition:?}: {error:?}"),
        }
    }
}

async fn cancelled_transactions_do_nothing(db: &impl DynamoDb, schema: &Schema) {
    let actions = [
        put(schema, state("first", &[]), None),
        Action { table: schema.states.clone(), write: Write::Delete(key("there")), condition: None },
        put(schema, state("second", &[]), Some(Condition::Present("key"))),
    ];
    let cancelled = db.transact("cancelled", &actions).await;
    let Err(TransactError::Cancelled(reasons)) = cancelled else { panic!("{cancelled:?}") };
    assert_eq!(reasons, [Reason::None, Reason::None, Reason::Condition]);
    assert_eq!(db.get(&schema.states, &key("first")).await.unwrap(), None);
    assert!(db.get(&schema.states, &key("there")).await.unwrap().is_some());
    let [first, delete, _] = actions;
    db.transact("done", &[first, delete]).await.unwrap();
    assert!(db.get(&schema.states, &key("first")).await.unwrap().is_some());
    assert_eq!(db.get(&schema.states, &key("there")).await.unwrap(), None);
}

async fn tokens_are_remembered(db: &impl DynamoDb, schema: &Schema) {
    let once = [put(schema, state("once", &[]), Some(Condition::Absent("key")))];
    db.transact("once", &once).await.unwrap();
    db.transact("once", &once).await.unwrap();
    let again = db.transact("again", &once).await;
    assert!(matches!(again, Err(TransactError::Cancelled(_))), "{again:?}");
}

async fn partitions_are_read_in_order(db: &impl DynamoDb, schema: &Schema) {
    for time in ["t1", "t3", "t2", "t4"] {
        let item = event(schema, "AFC F5", time, "Happened");
        db.transact(&format!("event-{time}"), &[on_events(schema, item)]).await.unwrap();
    }
    let other = event(schema, "AFC F", "t0", "Other");
    db.transact("event-other", &[on_events(schema, other)]).await.unwrap();
    let within = |from, to| Some((schema.sort, Bounds { from, to }));
    for (sort, is_ascending, times) in [
        (None, true, ["t1", "t2", "t3", "t4"].as_slice()),
        (None, false, &["t4", "t3", "t2", "t1"]),
        (within(None, None), true, &["t1", "t2", "t3", "t4"]),
        (within(Some("t2"), None), true, &["t2", "t3", "t4"]),
        (within(None, Some("t2")), false, &["t2", "t1"]),
        (within(Some("t2"), Some("t3")), true, &["t2", "t3"]),
        (within(Some("t5"), None), true, &[]),
    ] {
        for limit in [1, 3, 10] {
            let query = Query {
                table: &schema.events,
                index: None,
                partition: (schema.partition, "AFC F5"),
                sort,
                is_ascending,
                limit,
                start: None,
            };
            assert_eq!(pages(db, schema, query, limit).await, times, "{sort:?}");
        }
    }
}

async fn indexes_are_read_in_order(db: &impl DynamoDb, schema: &Schema) {
    // Two events of different aggregates at the same time.
    let other = event(schema, "X1 ABC", "t3", "Happened");
    db.transact("event-x1", &[on_events(schema, other)]).await.unwrap();
    for (is_ascending, times) in [(true, ["t2", "t3", "t3", "t4"]), (false, ["t4", "t3", "t3", "t2"])] {
        for limit in [1, 2, 10] {
            let query = Query {
                table: &schema.events,
                index: Some(schema.name_index),
                partition: (schema.name, "Happened"),
                sort: Some((schema.sort, Bounds { from: Some("t2"), to: None })),
                is_ascending,
                limit,
                start: None,
            };
            assert_eq!(pages(db, schema, query, limit).await, times);
        }
    }
    let query = Query {
        table: &schema.events,
        index: Some(schema.id_index),
        partition: (schema.id, "X1 ABC t3"),
        sort: None,
        is_ascending: true,
        limit: 1,
        start: None,
    };
    assert_eq!(pages(db, schema, query, 1).await, ["t3"]);
}

async fn tables_are_scanned(db: &impl DynamoDb, schema: &Schema) {
    for limit in [1, 3, 100] {
        let mut scan = Scan { table: &schema.states, filter: ("kind", "kept"), limit, start: None };
        let mut found = Vec::new();
        loop {
            let page = db.scan(&scan).await.unwrap();
            assert!(page.items.len() <= usize::try_from(limit).unwrap());
            found.extend(
                page.items.into_iter().filter_map(|item| item.get("key")?.as_text().map(str::to_owned)),
            );
            let Some(next) = page.next else { break };
            scan.start = Some(next);
        }
        found.sort();
        assert_eq!(found, ["first", "once", "values"]);
    }
    let mut scan = Scan { table: &schema.states, filter: ("kind", "none"), limit: 2, start: None };
    while let Some(next) = db.scan(&scan).await.unwrap().next {
        scan.start = Some(next);
    }
}

/// The times of all items of a query, page after page.
async fn pages(db: &impl DynamoDb, schema: &Schema, mut query: Query<'_>, limit: u32) -> Vec<String> {
    let mut times = Vec::new();
    loop {
        let page = db.query(&query).await.unwrap();
        assert!(page.items.len() <= usize::try_from(limit).unwrap());
        times.extend(page.items.iter().map(|item| item[schema.sort].as_text().unwrap().to_owned()));
        let Some(next) = page.next else { return times };
        query.start = Some(next);
    }
}

fn key(subject: &str) -> Map {
    Map::from([("key".to_owned(), Value::from(subject))])
}

fn state(subject: &str, attributes: &[(&str, Value)]) -> Map {
    let mut item = key(subject);
    item.insert("kind".to_owned(), "kept".into());
    item.extend(attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    item
}

fn event(schema: &Schema, aggregate: &str, time: &str, name: &str) -> Map {
    let id = format!("{aggregate} {time}");
    let attributes =
        [(schema.partition, aggregate), (schema.sort, time), (schema.id, &id), (schema.name, name)];
    attributes.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

fn put(schema: &Schema, item: Map, condition: Option<Condition>) -> Action {
    Action { table: schema.states.clone(), write: Write::Put(item), condition }
}

fn on_events(schema: &Schema, item: Map) -> Action {
    let is_new = Some(Condition::Absent(schema.partition));
    Action { table: schema.events.clone(), write: Write::Put(item), condition: is_new }
}
