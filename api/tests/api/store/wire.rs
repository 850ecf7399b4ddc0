//! The adapter to DynamoDB on the wire: what is sent, and what answers mean.

use api::store::SdkDynamoDb;
use api::store::port::{Action, Bounds, CallError, Condition, DynamoDb as _, Query, TransactError, Write};
use api::store::value::{Map, Value};
use aws::access::{Access, Endpoint};
use aws::connections::Connections;
use aws_credential_types::Credentials;
use expect_test::{Expect, expect};
use serde_json::json;
use testkit::wire::tables::{Answer, TablesStub};

fn db(stub: &TablesStub) -> SdkDynamoDb {
    let access = Access {
        credentials: Credentials::new("key", "secret", None, None, "test"),
        region: "eu-west-2".to_owned(),
        endpoint: Endpoint::Url(stub.endpoint_url()),
        connections: Connections::default(),
    };
    SdkDynamoDb::new(aws::dynamodb::client(&access))
}

fn map(json: &str) -> Map {
    let Ok(Value::Map(map)) = Value::try_from_json(json) else { panic!("not an object: {json}") };
    map
}

#[tokio::test]
async fn calls_as_they_are_sent() {
    let items = || Answer::Done(json!({ "Items": [], "Count": 0, "ScannedCount": 0 }));
    let stub =
        TablesStub::start([Answer::Done(json!({})), items(), items(), Answer::Done(json!({}))]).unwrap();
    let db = db(&stub);
    let key = map(r#"{"key":"state#AFC F5"}"#);
    assert_eq!(db.get("States", &key).await.unwrap(), None);
    let start = Some(map(r#"{"mark":"AFC F5","createTime":"t2"}"#));
    let mut query = Query {
        table: "Events",
        index: None,
        partition: ("mark", "AFC F5"),
        sort: None,
        is_ascending: false,
        limit: 7,
        start,
    };
    db.query(&query).await.unwrap();
    let bounds = Bounds { from: Some("t1"), to: Some("t3") };
    (query.index, query.partition, query.start) = (Some("EventName"), ("eventName", "Grown"), None);
    (query.sort, query.is_ascending) = (Some(("createTime", bounds)), true);
    db.query(&query).await.unwrap();
    let wide = r#"{"key":"x","wide":12345678901234567890123456789012345.678}"#;
    let put = Write::Put(map(wide));
    let is_version =
        Condition::All(vec![Condition::Equals("version", 7_u64.into()), Condition::Present("key")]);
    let actions = [
        Action { table: "States".to_owned(), write: put, condition: Some(Condition::Absent("key")) },
        Action { table: "States".to_owned(), write: Write::Check(key.clone()), condition: Some(is_version) },
        Action { table: "States".to_owned(), write: Write::Delete(key), condition: None },
    ];
    db.transact("token", &actions).await.unwrap();
    let mut said = String::new();
    for received in stub.received() {
        said += &format!("{} {}\n", received.operation, received.parameters);
    }
    expect![[r##"
        GetItem {"ConsistentRead":true,"Key":{"key":{"S":"state#AFC F5"}},"TableName":"States"}
        Query {"ConsistentRead":true,"ExclusiveStartKey":{"createTime":{"S":"t2"},"mark":{"S":"AFC F5"}},"ExpressionAttributeNames":{"#n0":"mark"},"ExpressionAttributeValues":{":v0":{"S":"AFC F5"}},"KeyConditionExpression":"#n0 = :v0","Limit":7,"ScanIndexForward":false,"TableName":"Events"}
        Query {"ConsistentRead":false,"ExpressionAttributeNames":{"#n0":"eventName","#n1":"createTime"},"ExpressionAttributeValues":{":v0":{"S":"Grown"},":v1":{"S":"t1"},":v2":{"S":"t3"}},"IndexName":"EventName","KeyConditionExpression":"#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2","Limit":7,"ScanIndexForward":true,"TableName":"Events"}
        TransactWriteItems {"ClientRequestToken":"token","TransactItems":[{"Put":{"ConditionExpression":"attribute_not_exists(#n0)","ExpressionAttributeNames":{"#n0":"key"},"Item":{"key":{"S":"x"},"wide":{"N":"12345678901234567890123456789012345.678"}},"TableName":"States"}},{"ConditionCheck":{"ConditionExpression":"(#n0 = :v0) AND (attribute_exists(#n1))","ExpressionAttributeNames":{"#n0":"version","#n1":"key"},"ExpressionAttributeValues":{":v0":{"N":"7"}},"Key":{"key":{"S":"state#AFC F5"}},"TableName":"States"}},{"Delete":{"Key":{"key":{"S":"state#AFC F5"}},"TableName":"States"}}]}
    "##]].assert_eq(&said);
}

#[tokio::test]
async fn values_are_read_with_all_of_their_digits() {
    let numbers = json!({ "L": [{ "N": "12345678901234567890123456789012345.678" }, { "N": "1E+3" }] });
    let item = json!({ "a": { "S": "é" }, "b": { "BOOL": false }, "c": { "NULL": true }, "n": numbers, "m": { "M": {} } });
    let set = json!({ "a": { "SS": ["x"] } });
    let stub = TablesStub::start([item, set].map(|item| Answer::Done(json!({ "Item": item })))).unwrap();
    let (db, key) = (db(&stub), map(r#"{"key":"x"}"#));
    let found = Value::Map(db.get("States", &key).await.unwrap().unwrap());
    let expected =
        r#"{"a":"é","b":false,"c":null,"m":{},"n":[12345678901234567890123456789012345.678,1000]}"#;
    assert_eq!(found.to_json(), expected);
    let refused = db.get("States", &key).await;
    assert!(matches!(refused, Err(CallError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn answers_of_a_transaction_are_told_apart() {
    async fn check(answer: Answer, expected: Expect) {
        let stub = TablesStub::start([answer]).unwrap();
        let write = Write::Put(map(r#"{"key":"x"}"#));
        let put = Action { table: "States".to_owned(), write, condition: None };
        let said = match db(&stub).transact("token", &[put]).await.unwrap_err() {
            TransactError::Cancelled(reasons) => format!("cancelled: {reasons:?}"),
            TransactError::Throttled => "throttled".to_owned(),
            TransactError::Unknown(_) => "unknown".to_owned(),
            TransactError::Refused(_) => "refused".to_owned(),
        };
        expected.assert_eq(&said);
        // The store repeats what is to be repeated.
        assert_eq!(stub.received().len(), 1);
    }
    let codes = [
        "None",
        "ConditionalCheckFailed",
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
        "ItemCollectionSizeLimitExceeded",
        "ValidationError",
    ];
    let reasons: Vec<_> = codes.iter().map(|code| json!({ "Code": code })).collect();
    let more = json!({ "CancellationReasons": reasons });
    check(Answer::Error { status: 400, code: "TransactionCanceledException", more }, expect![[r#"cancelled: [None, Condition, Conflict, Throttled, Throttled, Other("ItemCollectionSizeLimitExceeded"), Other("ValidationError")]"#]]).await;
    for code in ["ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"] {
        check(Answer::error(400, code), expect!["throttled"]).await;
    }
    check(Answer::error(400, "TransactionInProgressException"), expect!["unknown"]).await;
    check(Answer::error(500, "InternalServerError"), expect!["unknown"]).await;
    check(Answer::error(503, ""), expect!["unknown"]).await;
    check(Answer::Unreadable, expect!["unknown"]).await;
    check(Answer::Reset, expect!["unknown"]).await;
    for code in [
        "ValidationException",
        "AccessDeniedException",
        "ResourceNotFoundException",
        "IdempotentParameterMismatchException",
    ] {
        check(Answer::error(400, code), expect!["refused"]).await;
    }
}

#[tokio::test]
async fn a_page_without_items_is_no_page() {
    let stub = TablesStub::start([
        Answer::Done(json!({})),
        Answer::error(400, "ThrottlingException"),
        Answer::error(400, "AccessDeniedException"),
        Answer::Done(json!({ "Items": [], "LastEvaluatedKey": { "mark": { "S": "a" } } })),
    ])
    .unwrap();
    let db = db(&stub);
    let query = Query {
        table: "Events",
        index: None,
        partition: ("mark", "a"),
        sort: None,
        is_ascending: true,
        limit: 1,
        start: None,
    };
    assert!(matches!(db.query(&query).await, Err(CallError::Unknown(_))));
    assert!(matches!(db.query(&query).await, Err(CallError::Throttled)));
    assert!(matches!(db.query(&query).await, Err(CallError::Refused(_))));
    assert_eq!(db.query(&query).await.unwrap().next, Some(map(r#"{"mark":"a"}"#)));
    assert_eq!(stub.received().len(), 4);
}
