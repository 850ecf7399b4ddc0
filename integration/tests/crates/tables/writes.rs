//! Writes to the ledger, and what their answers mean.

use std::net::{Ipv4Addr, TcpListener};

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use shared::ledger::{ClientId, Condition, ItemKey, Ledger as _, Unread, Write, WriteError};
use shared::text::with_sources;
use testkit::wire::tables::{Answer, TablesStub};

use super::{LEDGERS, key, keys, stored, write};

fn shown(result: Result<(), WriteError>) -> String {
    match result {
        Ok(()) => "done".to_owned(),
        Err(error) => {
            let kind = match &error {
                WriteError::Lost => "Lost",
                WriteError::Refused(_) => "Refused",
                WriteError::Unknown(_) => "Unknown",
            };
            format!("{kind}: {}", with_sources(&error))
        }
    }
}

/// Writes an item, and two in a transaction.
async fn check_write(answer: Answer, expected: Expect) {
    let one = write_with(answer.clone(), &[write("a", true)]).await;
    let deleted = write_with(answer.clone(), &[write("a", false)]).await;
    assert_eq!(deleted, one);
    let both = write_with(answer, &[write("a", true), write("b", false)]).await;
    let lines = if one == both { one } else { format!("{one}\n{both}") };
    expected.assert_eq(&lines);
}

async fn write_with(answer: Answer, writes: &[Write]) -> String {
    let mut results = Vec::new();
    for ledger_at in LEDGERS {
        let stub = TablesStub::start([answer.clone()]).unwrap();
        results.push(shown(ledger_at(&stub.endpoint_url()).write(writes).await));
        assert_eq!(stub.received().len(), 1, "a write is never repeated");
    }
    assert_eq!(results[0], results[1]);
    results.remove(0)
}

#[tokio::test]
async fn a_write_says_what_it_must_find() {
    let stub = TablesStub::start([Answer::Done(json!({})), Answer::Done(json!({})), Answer::Done(json!({}))])
        .unwrap();
    let ledger = LEDGERS[0](&stub.endpoint_url());
    ledger.write(&[write("a", true)]).await.unwrap();
    ledger.write(&[Write { condition: Condition::Absent, ..write("a", false) }]).await.unwrap();
    ledger.write(&[write("a", true), write("b", false)]).await.unwrap();
    let received = stub.received();
    let operations: Vec<_> = received.iter().map(|request| request.operation.as_str()).collect();
    assert_eq!(operations, ["PutItem", "DeleteItem", "TransactWriteItems"]);
    let write_count = json!({
        "ConditionExpression": "#write_count = :write_count", "ExpressionAttributeNames": { "#write_count": "write_count" },
        "ExpressionAttributeValues": { ":write_count": { "N": "8" } }, "TableName": "Ledger",
    });
    let with = |more: Value| {
        let mut all = write_count.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    assert_eq!(received[0].parameters, with(json!({ "Item": stored("a") })));
    let absent = json!({
        "ConditionExpression": "attribute_not_exists(#pk)", "ExpressionAttributeNames": { "#pk": "pk" },
        "Key": keys(&["a"])[0], "TableName": "Ledger",
    });
    assert_eq!(received[1].parameters, absent);
    let both = json!([
        { "Put": with(json!({ "Item": stored("a") })) },
        { "Delete": with(json!({ "Key": keys(&["b"])[0] })) },
    ]);
    assert_eq!(received[2].parameters["TransactItems"], both);
}

#[tokio::test]
async fn what_a_write_s_answer_means() {
    let error = Answer::error;
    check_write(Answer::Done(json!({})), expect!["done"]).await;
    check_write(
        error(400, "ConditionalCheckFailedException"),
        expect!["Lost: another sender wrote meanwhile"],
    )
    .await;
    for (status, code) in [
        (400, "ProvisionedThroughputExceededException"),
        (400, "ThrottlingException"),
        (400, "RequestLimitExceeded"),
        (400, "TransactionConflictException"),
        (400, "ValidationException"),
        (400, "ItemCollectionSizeLimitExceededException"),
        (400, "ExpiredTokenException"),
        (400, "UnrecognizedClientException"),
        (400, "Unheard"),
        (400, ""),
        (413, "RequestEntityTooLarge"),
        (429, ""),
        (503, "ThrottlingException"),
    ] {
        let result = write_with(error(status, code), &[write("a", true)]).await;
        assert!(result.starts_with("Refused: not written: table `Ledger`: "), "{status} {code}: {result}");
    }
    for answer in [
        error(500, "InternalServerError"),
        error(500, ""),
        error(502, ""),
        error(503, "ServiceUnavailable"),
        error(408, ""),
        error(400, "TransactionInProgressException"),
        Answer::Unreadable,
        Answer::Reset,
    ] {
        for writes in
            [vec![write("a", true)], vec![write("a", false)], vec![write("a", true), write("b", false)]]
        {
            let result = write_with(answer.clone(), &writes).await;
            assert!(
                result.starts_with("Unknown: unknown whether written: table `Ledger`: "),
                "{answer:?}: {result}"
            );
        }
    }
}

#[tokio::test]
async fn why_a_transaction_was_cancelled_decides() {
    let check = async |codes: &[&str], expected: Expect| {
        let reasons: Vec<_> = codes.iter().map(|code| json!({ "Code": code, "Message": "m" })).collect();
        let more = json!({ "CancellationReasons": reasons });
        let answer = Answer::Error { status: 400, code: "TransactionCanceledException", more };
        expected.assert_eq(&write_with(answer, &[write("a", true), write("b", false)]).await);
    };
    let lost = || expect!["Lost: another sender wrote meanwhile"];
    check(&["None", "ConditionalCheckFailed"], lost()).await;
    check(&["TransactionConflict", "ConditionalCheckFailed"], lost()).await;
    check(&["ConditionalCheckFailed", "ThrottlingError"], lost()).await;
    check(&["None", "TransactionConflict"], expect!["Refused: not written: table `Ledger`: `TransactionCanceledException`: because of `TransactionConflict`"]).await;
    check(&["ProvisionedThroughputExceeded", "ThrottlingError"], expect!["Refused: not written: table `Ledger`: `TransactionCanceledException`: because of `ProvisionedThroughputExceeded`, `ThrottlingError`"]).await;
    check(&["ValidationError", "None"], expect!["Refused: not written: table `Ledger`: `TransactionCanceledException`: because of `ValidationError`"]).await;
    check(
        &[],
        expect!["Refused: not written: table `Ledger`: `TransactionCanceledException`: without a reason"],
    )
    .await;
}

#[tokio::test]
async fn without_a_connection_nothing_was_written() {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    for ledger_at in LEDGERS {
        let ledger = ledger_at(&format!("http://{address}"));
        for writes in [vec![write("a", true)], vec![write("a", true), write("b", true)]] {
            let error = ledger.write(&writes).await.unwrap_err();
            assert!(matches!(error, WriteError::Refused(_)), "{error:?}");
        }
        assert!(matches!(&*ledger.read(&[key("a")]).await, [Err(Unread(_))]));
    }
}

#[tokio::test]
async fn an_item_of_another_kind_is_not_written() {
    let stub = TablesStub::start([]).unwrap();
    let stray = Write { key: ItemKey::Lease(ClientId(1)), ..write("a", true) };
    let result = LEDGERS[0](&stub.endpoint_url()).write(&[write("a", true), stray]).await;
    expect!["Refused: not written: an item of another kind than `lease#1` / `lease`"]
        .assert_eq(&shown(result));
    assert_eq!(stub.received(), []);
}
