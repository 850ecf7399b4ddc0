//! What each route does.

use expect_test::expect;
use http::StatusCode;

use super::{ADA, Api, CREATE, MARK};
use crate::store::sums::START;

const SECOND: i64 = 1_000_000_000;

#[tokio::test]
async fn a_mark_is_created_and_read() {
    let api = Api::new();
    api.ask(CREATE, &[], ADA).await.check(expect![[r#"
        201
        content-type: application/json
        etag: "1"
        location: /mark/v1/registrationNumber/AFC%20F5
        {"mark":"AFC F5","version":1,"eventId":"beeb67ea-f1fc-4e61-8609-3cf9861ec2e4","createTime":"2026-01-05T09:00:00.000000000Z"}"#]]);
    api.ask(MARK, &[], "").await.check(expect![[r#"
        200
        content-type: application/json
        etag: "1"
        {"entitlement":{"addressLine1":"1 “Old Mill” Lane","certificateNo":"2136161813","certificateTime":"2026-01-05T09:00:00.000000000Z","expiryDate":"2036-01-05","nomineeName":"Ada","postCode":"AA9 9AA"},"eventTime":"2026-01-05T09:00:00.000000000Z","mark":"AFC F5","price":299.9,"status":"ENTITLED","version":1}"#]]);
}

#[tokio::test]
async fn each_command_is_an_event() {
    let api = Api::new();
    api.create().await;
    for (line, body) in [
        (
            "PUT /mark/v1/entitlement/address",
            r#"{"mark":"AFC F5","address":{"addressLine1":"2 Lane","addressLine2":"Pen Llŷn","postCode":"1"}}"#,
        ),
        ("PUT /mark/v1/entitlement/nominee", r#"{"mark":"AFC F5","nomineeName":"Bob"}"#),
        ("PUT /mark/v1/entitlement/certificate/AFC%20F5", ""),
        ("PUT /mark/v1/lock/AFC%20F5", "{}"),
        ("PUT /mark/v1/unlock/AFC%20F5", ""),
    ] {
        assert_eq!(api.ask(line, &[], body).await.status, StatusCode::OK, "{line}");
    }
    api.scene.set(START + 400 * 86_400 * SECOND);
    let extended = api.ask("PUT /mark/v1/entitlement/extension", &[], r#"{"mark":"AFC F5","years":1}"#).await;
    extended.check(expect![[r#"
        200
        content-type: application/json
        etag: "7"
        location: /mark/v1/registrationNumber/AFC%20F5
        {"mark":"AFC F5","version":7,"eventId":"ab8cb2a6-5ef3-431b-82f5-e54c4fef6922","createTime":"2027-02-09T09:00:00.000000000Z"}"#]]);
    let page = api.ask("GET /mark/v1/event/registrationNumber/AFC%20F5", &[], "").await.json();
    let mut said = String::new();
    for event in page["items"].as_array().unwrap() {
        let row = &event["RegistrationNumber"];
        said += &format!(
            "{} {} {} {} {}\n",
            row["version"],
            event["eventName"],
            row["status"],
            row["entitlement"]["nomineeName"],
            row["entitlement"]["expiryDate"]
        );
    }
    expect![[r#"
        1 "EntitlementCreatedEvent" "ENTITLED" "Ada" "2036-01-05"
        2 "AddressUpdatedEvent" "ENTITLED" "Ada" "2036-01-05"
        3 "NomineeUpdatedEvent" "ENTITLED" "Bob" "2036-01-05"
        4 "CertificateUpdatedEvent" "ENTITLED" "Bob" "2036-01-05"
        5 "LockedEvent" "LOCKED" "Bob" "2036-01-05"
        6 "UnlockedEvent" "ENTITLED" "Bob" "2036-01-05"
        7 "EntitlementExtendedEvent" "ENTITLED" "Bob" "2037-01-05"
    "#]]
    .assert_eq(&said);
    assert_eq!(page.get("next"), None);
    // The state is the last event's.
    let last = &page["items"][6]["RegistrationNumber"];
    assert_eq!(&api.ask(MARK, &[], "").await.json(), last);
}

#[tokio::test]
async fn a_mark_is_read_as_it_was() {
    let api = Api::new();
    api.create().await;
    api.scene.set(START + SECOND);
    api.ask("PUT /mark/v1/lock/AFC%20F5", &[], "").await;
    for (query, status, version) in [
        ("", 200, 2),
        ("?version=1", 200, 1),
        ("?version=2", 200, 2),
        ("?version=3", 404, 0),
        ("?version=0", 404, 0),
        ("?at=2026-01-05T09:00:00Z", 200, 1),
        ("?at=2026-01-05T10:00:00.999%2B01:00", 200, 1),
        ("?at=2026-01-05T09:00:01Z", 200, 2),
        ("?at=2026-01-05T08:59:59Z", 404, 0),
    ] {
        let answer = api.ask(&format!("{MARK}{query}"), &[], "").await;
        assert_eq!(answer.status.as_u16(), status, "{query}");
        if status == 200 {
            assert_eq!(answer.json()["version"], version, "{query}");
            assert!(answer.shown.contains(&format!("etag: \"{version}\"")), "{query}");
        }
    }
    api.ask(&format!("{MARK}?version=3"), &[], "").await.check(expect![[r#"
        404
        content-type: application/problem+json
        {"type":"urn:mark-event-queue:problem:state-unknown","title":"There is no such state","status":404,"detail":"there was no such mark then","remedy":"ask for another version or time"}"#]]);
}

#[tokio::test]
async fn events_are_found_by_id_and_by_name() {
    let api = Api::new();
    api.create().await;
    let page = api.ask("GET /mark/v1/event/registrationNumber/AFC%20F5", &[], "").await.json();
    let event = &page["items"][0];
    let id = event["eventId"].as_str().unwrap();
    let found = api.ask(&format!("GET /mark/v1/event/{id}"), &[], "").await;
    assert_eq!(&found.json(), event);
    found.check(expect![[r#"
        200
        content-type: application/json
        {"RegistrationNumber":{"entitlement":{"addressLine1":"1 “Old Mill” Lane","certificateNo":"2136161813","certificateTime":"2026-01-05T09:00:00.000000000Z","expiryDate":"2036-01-05","nomineeName":"Ada","postCode":"AA9 9AA"},"eventTime":"2026-01-05T09:00:00.000000000Z","mark":"AFC F5","price":299.9,"status":"ENTITLED","version":1},"createTime":"2026-01-05T09:00:00.000000000Z","eventId":"beeb67ea-f1fc-4e61-8609-3cf9861ec2e4","eventName":"EntitlementCreatedEvent","mark":"AFC F5"}"#]]);
    for number in 1..6 {
        api.scene.set(START + number * SECOND);
        api.ask(CREATE, &[], ADA.replace("AFC F5", &format!("X{number} ABC"))).await;
    }
    for (query, marks) in [
        ("", ["AFC F5", "X1 ABC", "X2 ABC", "X3 ABC", "X4 ABC", "X5 ABC"].as_slice()),
        ("&order=descending&from=2026-01-05T09:00:03Z", &["X5 ABC", "X4 ABC", "X3 ABC"]),
        ("&order=ascending&from=2026-01-05T09:00:01Z&to=2026-01-05T09:00:02Z", &["X1 ABC", "X2 ABC"]),
        ("&from=2027-01-05T09:00:01Z", &[]),
    ] {
        for limit in [1, 2, 50] {
            let (mut found, mut after) = (Vec::new(), String::new());
            loop {
                let line =
                    format!("GET /mark/v1/events?name=EntitlementCreatedEvent&limit={limit}{query}{after}");
                let page = api.ask(&line, &[], "").await.json();
                let items = page["items"].as_array().unwrap().clone();
                found.extend(items.iter().map(|event| event["mark"].as_str().unwrap().to_owned()));
                let Some(next) = page.get("next") else { break };
                after = format!("&after={}", next.as_str().unwrap());
            }
            assert_eq!(found, marks, "{query}");
        }
    }
}

#[tokio::test]
async fn marks_and_events_are_paged() {
    let api = Api::new();
    api.create().await;
    api.ask(CREATE, &[], ADA.replace("AFC F5", "X1 ABC")).await;
    for _ in 0..3 {
        api.ask("PUT /mark/v1/lock/AFC%20F5", &[], "").await;
        api.ask("PUT /mark/v1/unlock/AFC%20F5", &[], "").await;
    }
    for (path, versions) in
        [("/mark/v1", vec![7, 1]), ("/mark/v1/event/registrationNumber/AFC%20F5", (1..=7).collect())]
    {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = api.ask(&format!("GET {path}?limit=2{after}"), &[], "").await.json();
            for item in page["items"].as_array().unwrap() {
                let row = item.get("RegistrationNumber").unwrap_or(item);
                found.push(row["version"].as_u64().unwrap());
            }
            let Some(next) = page.get("next") else { break };
            after = format!("&after={}", next.as_str().unwrap());
        }
        assert_eq!(found, versions, "{path}");
    }
}

#[tokio::test]
async fn a_mark_is_erased_and_created_anew() {
    let api = Api::new();
    api.create().await;
    api.ask("DELETE /mark/v1/registrationNumber/AFC%20F5", &["If-Match: \"2\""], "")
        .await
        .check(expect![[r#"
            412
            content-type: application/problem+json
            {"type":"urn:mark-event-queue:problem:version-mismatch","title":"The mark has another version","status":412,"detail":"version 2 is expected, and 1 found; 0 is a mark that is not there","field":"If-Match","remedy":"read the mark, decide again, and send its `ETag` as `If-Match`"}"#]]);
    api.ask("DELETE /mark/v1/registrationNumber/AFC%20F5", &["If-Match: \"1\""], "")
        .await
        .check(expect![["204\n"]]);
    for line in [
        MARK,
        "DELETE /mark/v1/registrationNumber/AFC%20F5",
        "PUT /mark/v1/lock/AFC%20F5",
        "GET /mark/v1/event/registrationNumber/AFC%20F5",
    ] {
        assert_eq!(api.ask(line, &[], "").await.status, StatusCode::NOT_FOUND, "{line}");
    }
    api.create().await;
    assert_eq!(api.ask(MARK, &[], "").await.json()["version"], 1);
}

#[tokio::test]
async fn a_repeated_request_has_the_same_answer() {
    let api = Api::new();
    let headers = ["Idempotency-Key: 5b0f0f0e"];
    let first = api.ask(CREATE, &headers, ADA).await;
    api.ask("PUT /mark/v1/lock/AFC%20F5", &[], "").await;
    let again = api.ask(CREATE, &headers, ADA).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert!(again.shown.contains("idempotent-replayed: true"));
    for (line, body) in [(CREATE, ADA.replace("Ada", "Bob")), ("PUT /mark/v1/lock/AFC%20F5", String::new())] {
        assert_eq!(api.ask(line, &headers, body).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn a_wide_price_keeps_its_digits() {
    let api = Api::new();
    let wide = "999999999999999999999999999999999999.99";
    api.ask(CREATE, &[], ADA.replace("299.90", wide)).await;
    for line in [MARK.to_owned(), format!("{MARK}?version=1"), "GET /mark/v1".to_owned()] {
        let text = api.ask(&line, &[], "").await.text;
        assert!(text.contains(&format!("\"price\":{wide},")), "{text}");
    }
}
