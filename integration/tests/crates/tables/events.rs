//! Reads of the event table.

use expect_test::{Expect, expect};
use serde_json::json;
use shared::ids::Key;
use shared::ledger::{EventTable as _, ScanPosition};
use shared::text::with_sources;
use testkit::wire::tables::{Answer, TablesStub};

use super::events_at;

#[tokio::test]
async fn requests_to_the_event_table() {
    let items = || Answer::Done(json!({ "Items": [], "Count": 0, "ScannedCount": 0 }));
    let stub = TablesStub::start([items(), items(), Answer::Done(json!({})), items(), items()]).unwrap();
    let events = events_at(&stub.endpoint_url());
    let (key, sort) = (Key::S("AFC F5".to_owned()), Key::S("t2".to_owned()));
    events.page(&key, None).await.unwrap();
    events.page(&key, Some(&sort)).await.unwrap();
    assert_eq!(events.identity(&key, &sort).await.unwrap(), None);
    events.scan(Some(&ScanPosition { key: key.clone(), sort }), 200).await.unwrap();
    events.heads(&key, None).await.unwrap();
    let received = stub.received();
    let page = json!({
        "TableName": "Events", "ConsistentRead": true, "ScanIndexForward": false, "Limit": 100,
        "KeyConditionExpression": "#key = :key",
        "ExpressionAttributeNames": { "#key": "mark" }, "ExpressionAttributeValues": { ":key": { "S": "AFC F5" } },
    });
    assert_eq!(received[0].parameters, page);
    let older = json!({
        "TableName": "Events", "ConsistentRead": true, "ScanIndexForward": false,
        "KeyConditionExpression": "#key = :key AND #sort < :before",
        "ExpressionAttributeNames": { "#key": "mark", "#sort": "createTime" },
        "ExpressionAttributeValues": { ":key": { "S": "AFC F5" }, ":before": { "S": "t2" } },
    });
    assert_eq!(received[1].parameters, older);
    let keys = json!({ "mark": { "S": "AFC F5" }, "createTime": { "S": "t2" } });
    let identity = json!({
        "TableName": "Events", "ConsistentRead": true, "Key": keys,
        "ProjectionExpression": "#n0", "ExpressionAttributeNames": { "#n0": "createTime" },
    });
    assert_eq!(received[2].parameters, identity);
    // The sort key is the time, too. It is named once: DynamoDB refuses a projection that names an attribute twice.
    let scan = json!({
        "TableName": "Events", "ExclusiveStartKey": keys, "ProjectionExpression": "#n0, #n1, #n2.#n3",
        "ExpressionAttributeNames": { "#n0": "mark", "#n1": "createTime", "#n2": "RegistrationNumber", "#n3": "version" },
        "Limit": 200, "ReturnConsumedCapacity": "TOTAL",
    });
    assert_eq!(received[3].parameters, scan);
    let heads = json!({
        "TableName": "Events", "ConsistentRead": true, "ScanIndexForward": false,
        "KeyConditionExpression": "#key = :key", "ExpressionAttributeValues": { ":key": { "S": "AFC F5" } },
        "ProjectionExpression": "#n0, #n1, #n2.#n3",
        "ExpressionAttributeNames": {
            "#key": "mark", "#n0": "mark", "#n1": "createTime", "#n2": "RegistrationNumber", "#n3": "version"
        },
    });
    assert_eq!(received[4].parameters, heads);
}

#[tokio::test]
async fn an_event_table_that_does_not_answer_is_not_empty() {
    let key = Key::S("a".to_owned());
    let check = async |script: Vec<Answer>, expected: Expect| {
        let mut shown = Vec::new();
        for call in 0..3 {
            let stub = TablesStub::start(script.clone()).unwrap();
            let events = events_at(&stub.endpoint_url());
            let error = match call {
                0 => events.page(&key, None).await.unwrap_err(),
                1 => events.identity(&key, &key).await.unwrap_err(),
                _ => events.scan(None, 200).await.unwrap_err(),
            };
            shown.push(with_sources(&error));
        }
        shown.dedup();
        expected.assert_eq(&shown.join("\n"));
    };
    check(
        vec![Answer::error(400, "ThrottlingException"); 4],
        expect!["not read: table `Events`: `ThrottlingException`: No reason"],
    )
    .await;
    check(vec![Answer::error(400, "AccessDeniedException")], expect!["not read: table `Events`: `AccessDeniedException`: No reason; allow the call to the function's role, in its own policies and in the table's"]).await;
    check(
        vec![Answer::Reset, Answer::Reset, Answer::Unreadable, Answer::error(503, "ServiceUnavailable")],
        expect!["not read: table `Events`: `ServiceUnavailable`: No reason"],
    )
    .await;

    // A 200 without items is no empty page, either. A 200 of `GetItem` without one means that there is no item.
    let stub = TablesStub::start(vec![Answer::Done(json!({})); 8]).unwrap();
    let events = events_at(&stub.endpoint_url());
    expect!["not read: table `Events`: the answer has no items"]
        .assert_eq(&with_sources(&events.page(&key, None).await.unwrap_err()));
    expect!["not read: table `Events`: the answer has no items"]
        .assert_eq(&with_sources(&events.scan(None, 200).await.unwrap_err()));
    // An item of another table.
    let foreign = Answer::Done(json!({ "Items": [{ "pk": { "S": "a" } }], "Count": 1 }));
    let stub = TablesStub::start(vec![foreign; 8]).unwrap();
    let events = events_at(&stub.endpoint_url());
    expect!["not read: table `Events`: an item has no keys as `[source]` names them"]
        .assert_eq(&with_sources(&events.page(&key, None).await.unwrap_err()));
    expect!["not read: table `Events`: an item has no keys as `[source]` names them"]
        .assert_eq(&with_sources(&events.scan(None, 200).await.unwrap_err()));
}
