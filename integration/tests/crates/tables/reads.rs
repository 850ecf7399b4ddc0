//! Reads of the ledger: an item that was not read does not count as missing.

use aws::dynamodb::LedgerTable;
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use shared::ledger::{ClientId, Item, Ledger as _};
use shared::text::with_sources;
use testkit::wire::tables::{Answer, TablesStub};

use super::{LEDGERS, group, group_item, key, keys, stored};

/// An answer to a `BatchGetItem`.
fn batch(found: &[&str], unprocessed: &[&str]) -> Answer {
    let found: Vec<_> = found.iter().map(|name| stored(name)).collect();
    let unprocessed = match unprocessed {
        [] => json!({}),
        names => json!({ "Ledger": { "Keys": keys(names), "ConsistentRead": true } }),
    };
    Answer::Done(json!({ "Responses": { "Ledger": found }, "UnprocessedKeys": unprocessed }))
}

/// Reads `a`, `b` and `c`. Expects the keys that each request asks for, and then the result for each.
async fn check_read(script: impl IntoIterator<Item = Answer>, expected: Expect) {
    let script: Vec<_> = script.into_iter().collect();
    for ledger_at in LEDGERS {
        check_read_at(ledger_at, &script, &expected).await;
    }
}

async fn check_read_at(ledger_at: fn(&str) -> LedgerTable, script: &[Answer], expected: &Expect) {
    let stub = TablesStub::start(script.iter().cloned()).unwrap();
    let results = ledger_at(&stub.endpoint_url()).read(&["a", "b", "c"].map(key)).await;
    let results = results.into_iter().map(|result| match result {
        Ok(Some(item)) => {
            assert_eq!(item, Item::Group(Box::new(group_item())));
            "found".to_owned()
        }
        Ok(None) => "missing".to_owned(),
        Err(error) => with_sources(&error),
    });
    let asked = stub.received().into_iter().map(|request| {
        assert_eq!(request.operation, "BatchGetItem");
        let request = &request.parameters["RequestItems"]["Ledger"];
        assert_eq!(request["ConsistentRead"], true);
        let keys = request["Keys"].as_array().unwrap().iter();
        let names: Vec<_> =
            keys.map(|key| key["pk"]["S"].as_str().unwrap().trim_start_matches("group#")).collect();
        format!("asked for {}", names.join(" "))
    });
    expected.assert_eq(&asked.chain(results).collect::<Vec<_>>().join("\n"));
}

#[tokio::test]
async fn what_is_left_unprocessed_is_asked_for_again_and_is_not_missing() {
    check_read(
        [batch(&["c", "a"], &[])],
        expect![[r#"
        asked for a b c
        found
        missing
        found"#]],
    )
    .await;
    check_read(
        [batch(&["a"], &["c"]), batch(&["c"], &[])],
        expect![[r#"
        asked for a b c
        asked for c
        found
        missing
        found"#]],
    )
    .await;
    check_read(
        [batch(&[], &["a", "b", "c"]), batch(&["a"], &["c"]), batch(&[], &[])],
        expect![[r#"
        asked for a b c
        asked for a b c
        asked for c
        found
        missing
        missing"#]],
    )
    .await;
    let forever =
        [batch(&["a"], &["b", "c"]), batch(&[], &["b", "c"]), batch(&["b"], &["c"]), batch(&[], &["c"])];
    check_read(
        forever,
        expect![[r#"
            asked for a b c
            asked for b c
            asked for b c
            asked for c
            found
            found
            not read: table `Ledger`: left unprocessed each time"#]],
    )
    .await;
    // No key is processed, and the answer does not name the table.
    let nothing = Answer::Done(
        json!({ "Responses": {}, "UnprocessedKeys": { "Ledger": { "Keys": keys(&["a", "b", "c"]) } } }),
    );
    check_read(
        [nothing, batch(&["a", "b", "c"], &[])],
        expect![[r#"
        asked for a b c
        asked for a b c
        found
        found
        found"#]],
    )
    .await;
}

#[tokio::test]
async fn a_read_that_failed_is_tried_again_and_then_nothing_is_missing() {
    let passing =
        [Answer::error(400, "ThrottlingException"), Answer::error(500, "InternalServerError"), Answer::Reset];
    check_read(
        passing.into_iter().chain([batch(&["a"], &[])]),
        expect![[r#"
        asked for a b c
        asked for a b c
        asked for a b c
        asked for a b c
        found
        missing
        missing"#]],
    )
    .await;
    check_read(
        vec![Answer::error(400, "ProvisionedThroughputExceededException"); 4],
        expect![[r#"
        asked for a b c
        asked for a b c
        asked for a b c
        asked for a b c
        not read: table `Ledger`: `ProvisionedThroughputExceededException`: No reason
        not read: table `Ledger`: `ProvisionedThroughputExceededException`: No reason
        not read: table `Ledger`: `ProvisionedThroughputExceededException`: No reason"#]],
    )
    .await;
    check_read([batch(&["a"], &["b", "c"]), Answer::error(400, "AccessDeniedException")], expect![[r#"
        asked for a b c
        asked for b c
        found
        not read: table `Ledger`: `AccessDeniedException`: No reason; allow the call to the function's role, in its own policies and in the table's
        not read: table `Ledger`: `AccessDeniedException`: No reason; allow the call to the function's role, in its own policies and in the table's"#]]).await;
    check_read([Answer::error(400, "ResourceNotFoundException")], expect![[r#"
        asked for a b c
        not read: table `Ledger`: `ResourceNotFoundException`: No reason; deploy the stack again, or correct the table's name in the function's environment
        not read: table `Ledger`: `ResourceNotFoundException`: No reason; deploy the stack again, or correct the table's name in the function's environment
        not read: table `Ledger`: `ResourceNotFoundException`: No reason; deploy the stack again, or correct the table's name in the function's environment"#]]).await;
    check_read([Answer::error(400, "KMSAccessDeniedException")], expect![[r#"
        asked for a b c
        not read: table `Ledger`: `KMSAccessDeniedException`: No reason; let the function's role use the table's KMS key, and see that the key is enabled
        not read: table `Ledger`: `KMSAccessDeniedException`: No reason; let the function's role use the table's KMS key, and see that the key is enabled
        not read: table `Ledger`: `KMSAccessDeniedException`: No reason; let the function's role use the table's KMS key, and see that the key is enabled"#]]).await;
    // Answers without results are not answers.
    check_read(
        vec![Answer::Done(json!({})); 4],
        expect![[r#"
        asked for a b c
        asked for a b c
        asked for a b c
        asked for a b c
        not read: table `Ledger`: the answer does not name the table
        not read: table `Ledger`: the answer does not name the table
        not read: table `Ledger`: the answer does not name the table"#]],
    )
    .await;
    check_read(
        vec![Answer::Done(json!({ "Responses": {}, "UnprocessedKeys": {} })); 4],
        expect![[r#"
        asked for a b c
        asked for a b c
        asked for a b c
        asked for a b c
        not read: table `Ledger`: the answer does not name the table
        not read: table `Ledger`: the answer does not name the table
        not read: table `Ledger`: the answer does not name the table"#]],
    )
    .await;
    check_read(
        vec![Answer::Unreadable; 4],
        expect![[r#"
        asked for a b c
        asked for a b c
        asked for a b c
        asked for a b c
        not read: table `Ledger`: HTTP status 200 without a code
        not read: table `Ledger`: HTTP status 200 without a code
        not read: table `Ledger`: HTTP status 200 without a code"#]],
    )
    .await;
}

#[tokio::test]
async fn a_damaged_item_is_not_missing_and_is_named() {
    let damaged = |name: &str, value: Value| {
        let mut item = stored("b");
        item.as_object_mut().unwrap().insert(name.to_owned(), value);
        Answer::Done(json!({ "Responses": { "Ledger": [stored("a"), item] }, "UnprocessedKeys": {} }))
    };
    check_read([damaged("version", json!({ "S": "7" }))], expect![[r#"
        asked for a b c
        found
        not read: table `Ledger`, item `group#b` / `group`: attribute `version` is not a whole number in its range; correct it, or restore the table to a point in time
        missing"#]]).await;
    check_read([damaged("format", json!({ "N": "3" }))], expect![[r#"
        asked for a b c
        found
        not read: table `Ledger`, item `group#b` / `group`: attribute `format` is 3, and this release reads 2; deploy the release that wrote it, or one that reads its format; if the item was changed by hand, correct it, or restore the table to a point in time
        missing"#]]).await;
    check_read([damaged("flags", json!({ "SS": ["a"] }))], expect![[r#"
        asked for a b c
        found
        not read: table `Ledger`, item `group#b` / `group`: attribute `flags` is of a type that the ledger does not use; correct it, or restore the table to a point in time
        missing"#]]).await;
    check_read([damaged("behind", json!({ "NS": ["1", "-2"] }))], expect![[r#"
        asked for a b c
        found
        not read: table `Ledger`, item `group#b` / `group`: attribute `behind` is not a set of whole numbers in their range; correct it, or restore the table to a point in time
        missing"#]]).await;

    let cursor = json!({
        "pk": { "S": "behind#2" }, "sk": { "S": "not a group" }, "format": { "N": "2" }, "write_count": { "N": "1" },
    });
    let page = |item: &Value| Answer::Done(json!({ "Items": [item], "Count": 1 }));
    let mut lacking = cursor.clone();
    lacking["sk"]["S"] = "a".into();
    let stub = TablesStub::start([page(&cursor), page(&lacking)]).unwrap();
    let ledger = LEDGERS[0](&stub.endpoint_url());
    let why = async || with_sources(&ledger.cursors(ClientId(2), None).await.unwrap_err());
    expect!["not read: table `Ledger`, item `behind#2` / `not a group`: attribute `sk` is no group: not 1 to 128 letters, digits and ASCII punctuation, but 11 bytes; correct it, or restore the table to a point in time"].assert_eq(&why().await);
    expect!["not read: table `Ledger`, item `behind#2` / `a`: attribute `replay` is missing; correct it, or restore the table to a point in time"].assert_eq(&why().await);
}

#[tokio::test]
async fn queries_are_consistent_and_tried_again() {
    let items = || Answer::Done(json!({ "Items": [], "Count": 0, "ScannedCount": 0 }));
    let stub = TablesStub::start([Answer::error(500, ""), items(), items(), items()]).unwrap();
    let ledger = LEDGERS[0](&stub.endpoint_url());
    assert_eq!(ledger.cursors(ClientId(2), None).await.unwrap(), []);
    assert_eq!(ledger.cursors(ClientId(2), Some(&group("a"))).await.unwrap(), []);
    let received = stub.received();
    assert_eq!(received.len(), 3);
    assert_eq!(received[0], received[1]);
    let expected = json!({
        "TableName": "Ledger", "ConsistentRead": true, "Limit": 1_000,
        "KeyConditionExpression": "#pk = :pk AND #sk > :after",
        "ExpressionAttributeNames": { "#pk": "pk", "#sk": "sk" },
        "ExpressionAttributeValues": { ":pk": { "S": "behind#2" }, ":after": { "S": "a" } },
    });
    assert_eq!(received[2].parameters, expected);
}
