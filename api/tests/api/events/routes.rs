//! The route of producers.

use api::store::memory::Memory;
use expect_test::{Expect, expect};
use futures_util::future::join_all;
use http::StatusCode;

use super::{POST, api, body, history, tables};
use crate::http::{ADA, Api, CREATE};
use crate::store::faulty::{Fault, Faulty};

const ORDER: &str = r#"{"aggregate":"order-17","body":{"total":12.50}}"#;

fn with(name: &str, value: &str) -> String {
    ORDER.replace(r#""body""#, &format!("\"{name}\":{value},\"body\""))
}

#[tokio::test]
async fn an_event_is_appended_with_all_digits() {
    let tables = tables();
    let api = api(tables);
    api.ask(POST, &[], ORDER).await.check(expect![[r#"
        201
        content-type: application/json
        etag: "1"
        {"aggregate":"order-17","version":1,"eventId":"beeb67ea-f1fc-4e61-8609-3cf9861ec2e4","createTime":"2026-01-05T09:00:00.000000000Z"}"#]]);
    let wide = ORDER.replace("12.50", "12345678901234567890123456789012345.670");
    api.ask(POST, &[], wide).await;
    // No schema is for this one.
    api.ask("POST /events/v1/Noted", &[], ORDER.replace("total", "anything")).await;
    let found = history(tables, "order-17").await;
    let shown: Vec<String> = found.iter().map(|event| format!("{} {}", event.name, body(event))).collect();
    assert_eq!(
        shown,
        [
            r#"OrderPlaced {"total":12.5}"#,
            r#"OrderPlaced {"total":12345678901234567890123456789012345.67}"#,
            r#"Noted {"anything":12.5}"#
        ]
    );
    let names: Vec<String> = tables.items("OtherEvents").remove(0).into_keys().collect();
    assert_eq!(names, ["aggregate", "body", "createTime", "eventId", "eventName", "version"]);
}

#[tokio::test]
async fn the_same_event_is_answered_again_and_another_one_is_refused() {
    let tables = tables();
    let api = api(tables);
    let key = ["Idempotency-Key: 5b0f0f0e"];
    let first = api.ask(POST, &key, with("expectedVersion", "0")).await;
    assert_eq!(first.status, StatusCode::CREATED);
    api.ask(POST, &[], ORDER).await;
    // Written in another way, and with a version that is no more.
    let again = r#" {"body": {"total": 1.25e1}, "expectedVersion": 0, "aggregate": "order-17"}"#;
    let again = api.ask(POST, &key, again).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert!(again.shown.contains("idempotent-replayed: true"));
    for (line, other) in [
        (POST, ORDER.to_owned()),
        (POST, with("expectedVersion", "1")),
        (POST, with("expectedVersion", "0").replace("12.50", "12.51")),
        (POST, with("expectedVersion", "0").replace("17", "18")),
        ("POST /events/v1/Noted", with("expectedVersion", "0")),
    ] {
        let answer = api.ask(line, &key, other.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{other}");
        assert_eq!(answer.json()["field"], "Idempotency-Key", "{other}");
    }
    api.ask(POST, &key, ORDER).await.check(expect![[r#"
        422
        content-type: application/problem+json
        {"type":"urn:mark-event-queue:problem:request-reused","title":"The idempotency key is used","status":422,"detail":"another event had the same id within a day","field":"Idempotency-Key","remedy":"give each event an id of its own, and repeat an event as it was"}"#]]);
    assert_eq!(history(tables, "order-17").await.len(), 2);
}

#[tokio::test]
async fn an_expected_version_must_be_there() {
    async fn check(api: &Api, header: &[&str], body: String, expected: Expect) {
        api.ask(POST, header, body).await.check(expected);
    }
    let tables = tables();
    let api = api(tables);
    check(&api, &[], with("expectedVersion", "1"), expect![[r#"
        412
        content-type: application/problem+json
        {"type":"urn:mark-event-queue:problem:version-mismatch","title":"The aggregate has another version","status":412,"detail":"version 1 is expected, and 0 found; 0 is an aggregate that has no event yet","field":"expectedVersion","remedy":"decide again on what happened meanwhile, and name the version that it led to"}"#]]).await;
    check(&api, &["If-Match: \"1\""], ORDER.to_owned(), expect![[r#"
        412
        content-type: application/problem+json
        {"type":"urn:mark-event-queue:problem:version-mismatch","title":"The aggregate has another version","status":412,"detail":"version 1 is expected, and 0 found; 0 is an aggregate that has no event yet","field":"If-Match","remedy":"decide again on what happened meanwhile, and name the version that it led to"}"#]]).await;
    check(&api, &["If-Match: \"1\""], with("expectedVersion", "0"), expect![[r#"
        400
        content-type: application/problem+json
        {"type":"urn:mark-event-queue:problem:invalid-field","title":"A field is invalid","status":400,"detail":"must be that of `If-Match`, or left out","field":"expectedVersion","remedy":"correct the field"}"#]]).await;
    assert!(tables.items("OtherEvents").is_empty());
    for (version, body) in
        [(0, with("expectedVersion", "0")), (1, ORDER.to_owned()), (2, with("expectedVersion", "2"))]
    {
        let header = format!("If-Match: \"{version}\"");
        let headers = if version == 0 { vec![] } else { vec![header.as_str()] };
        assert_eq!(api.ask(POST, &headers, body).await.status, StatusCode::CREATED);
    }
    assert_eq!(history(tables, "order-17").await.len(), 3);
}

#[tokio::test]
async fn what_a_schema_does_not_allow_is_told_with_its_place() {
    let tables = tables();
    let api = api(tables);
    api.ask(POST, &[], r#"{"aggregate":"o","body":{"total":"secret","lines":[{"sku":"x"},{}],"other":1}}"#)
        .await
        .check(expect![[r#"
            422
            content-type: application/problem+json
            {"type":"urn:mark-event-queue:problem:schema-violation","title":"The schema does not allow the body","status":422,"detail":"the body is not what `events/OrderPlaced.json` allows","field":"body","remedy":"correct the body by its schema","violations":[{"path":"/body/lines/1","problem":"\"sku\" is a required property"},{"path":"/body/total","problem":"value is not of type \"number\""},{"path":"/body","problem":"Additional properties are not allowed ('other' was unexpected)"}]}"#]]);
    let lines = vec!["1"; 50].join(",");
    let many =
        api.ask(POST, &[], format!(r#"{{"aggregate":"o","body":{{"total":1,"lines":[{lines}]}}}}"#)).await;
    assert_eq!(many.json()["violations"].as_array().unwrap().len(), 20);
    assert!(tables.items("OtherEvents").is_empty());
}

#[tokio::test]
async fn requests_are_refused_with_the_place() {
    let tables = tables();
    let api = api(tables);
    let large = format!("{{\"aggregate\":\"{}\"}}", "x".repeat(64 * 1024));
    for (line, headers, body, expected) in [
        (
            POST,
            [].as_slice(),
            "[]",
            expect![[r#"
            400
            content-type: application/problem+json
            {"type":"urn:mark-event-queue:problem:invalid-field","title":"A field is invalid","status":400,"detail":"an array is no event","remedy":"send one JSON object"}"#]],
        ),
        (
            POST,
            &[],
            "{",
            expect![[r#"
            400
            content-type: application/problem+json
            {"type":"urn:mark-event-queue:problem:malformed-json","title":"The body is not JSON","status":400,"detail":"EOF while parsing an object at line 1 column 1","remedy":"send one JSON object in UTF-8"}"#]],
        ),
        (
            POST,
            &["Content-Type: text/plain"],
            ORDER,
            expect![[r#"
            415
            content-type: application/problem+json
            {"type":"urn:mark-event-queue:problem:unsupported-media-type","title":"The body has another media type","status":415,"detail":"the body is not JSON by its media type","field":"Content-Type","remedy":"send `Content-Type: application/json`"}"#]],
        ),
        (
            POST,
            &[],
            &large,
            expect![[r#"
            413
            content-type: application/problem+json
            {"type":"urn:mark-event-queue:problem:body-too-large","title":"The body is too large","status":413,"detail":"the body has more than 65536 bytes","remedy":"send less"}"#]],
        ),
        (
            POST,
            &["Idempotency-Key: a b"],
            ORDER,
            expect![[r#"
            400
            content-type: application/problem+json
            {"type":"urn:mark-event-queue:problem:invalid-parameter","title":"A parameter is invalid","status":400,"detail":"`Idempotency-Key` must be 1 to 128 visible ASCII characters, such as a UUID","field":"Idempotency-Key","remedy":"correct `Idempotency-Key`"}"#]],
        ),
        (
            POST,
            &["If-Match: 1"],
            ORDER,
            expect![[r#"
            400
            content-type: application/problem+json
            {"type":"urn:mark-event-queue:problem:invalid-parameter","title":"A parameter is invalid","status":400,"detail":"`If-Match` must be one `ETag`, such as `\"7\"`","field":"If-Match","remedy":"correct `If-Match`"}"#]],
        ),
        (
            "POST /events/v1/%FF",
            &[],
            ORDER,
            expect![[r#"
            400
            content-type: application/problem+json
            {"type":"urn:mark-event-queue:problem:invalid-parameter","title":"A parameter is invalid","status":400,"detail":"`eventName` must be percent-encoded UTF-8","field":"eventName","remedy":"correct `eventName`"}"#]],
        ),
        (
            "POST /events/v1/..%2FOrderPlaced",
            &[],
            ORDER,
            expect![[r#"
            400
            content-type: application/problem+json
            {"type":"urn:mark-event-queue:problem:invalid-field","title":"A field is invalid","status":400,"detail":"must be 1 to 64 ASCII letters, digits, `_` and `-`, a letter first, such as `OrderPlaced`","field":"eventName","remedy":"correct the field"}"#]],
        ),
        (
            "GET /events/v1/OrderPlaced",
            &[],
            "",
            expect![[r#"
            405
            content-type: application/problem+json
            allow: POST
            {"type":"urn:mark-event-queue:problem:method-not-allowed","title":"The route has no such method","status":405,"detail":"the route has other methods","remedy":"see /openapi.json for the route's methods"}"#]],
        ),
        (
            "POST /events/v1",
            &[],
            ORDER,
            expect![[r#"
            404
            content-type: application/problem+json
            {"type":"urn:mark-event-queue:problem:no-such-route","title":"There is no such route","status":404,"detail":"no route has this path","remedy":"see /openapi.json for the routes that there are"}"#]],
        ),
    ] {
        api.ask(line, headers, body.to_owned()).await.check(expected);
    }
    assert!(tables.items("OtherEvents").is_empty() && tables.items("OtherStates").is_empty());
}

#[tokio::test]
async fn a_producer_that_names_a_mark_reaches_none() {
    let marks = crate::http::memory();
    let others = tables();
    let api = Api::with_events(marks, |scene| super::events(others, scene));
    let as_other = ADA.replace("AFC F5", "X1ABC");
    api.ask(CREATE, &[], as_other).await;
    let before = (marks.items("Events"), marks.items("States"));
    for line in [POST, "POST /events/v1/LockedEvent", "POST /events/v1/EntitlementCreatedEvent"] {
        let answer = api.ask(line, &[], ORDER.replace("order-17", "X1ABC")).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{line}");
    }
    for key in ["state#X1ABC", "erasing#X1ABC"] {
        api.ask(POST, &["Idempotency-Key: k"], ORDER.replace("order-17", key)).await;
    }
    assert_eq!((marks.items("Events"), marks.items("States")), before);
    // Nor is there anything of it among the marks, whose keys of requests are others, too.
    assert_eq!(api.ask("GET /mark/v1", &[], "").await.json()["items"].as_array().unwrap().len(), 1);
    let lock = api.ask("PUT /mark/v1/lock/X1ABC", &["Idempotency-Key: k", "If-Match: \"1\""], "").await;
    assert_eq!(lock.status, StatusCode::OK);
    // `AFC F5` is no key of another aggregate at all.
    assert_eq!(api.ask(POST, &[], ORDER.replace("order-17", "AFC F5")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(history(others, "X1ABC").await.len(), 3);
    assert_eq!(history(others, "state#X1ABC").await.len(), 1);
}

#[tokio::test]
async fn producers_at_once_on_one_aggregate_have_each_a_version() {
    const PRODUCERS: u64 = 40;
    let tables = tables();
    let api = api(tables);
    let producer = async |number: u64| loop {
        let event = ORDER.replace("12.50", &number.to_string());
        let answer = api.ask(POST, &[&format!("Idempotency-Key: {number}")], event).await;
        match answer.status {
            StatusCode::CREATED => return answer.json()["version"].as_u64().unwrap(),
            status => assert_eq!(status, StatusCode::CONFLICT, "{}", answer.text),
        }
    };
    let mut versions = join_all((0..PRODUCERS).map(producer)).await;
    versions.sort_unstable();
    assert_eq!(versions, (1..=PRODUCERS).collect::<Vec<_>>());
    assert_eq!(history(tables, "order-17").await.len(), 40);
    // Of many that expect the same version, one is appended.
    let expecting = async |_| api.ask(POST, &[], with("expectedVersion", "40")).await.status;
    let statuses = join_all((0..20).map(expecting)).await;
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::CREATED).count(), 1);
    assert_eq!(history(tables, "order-17").await.len(), 41);
}

#[tokio::test]
async fn trouble_is_told_in_words_that_fit_any_aggregate() {
    async fn check(fault: Fault, expected: Expect) {
        let faulty: &'static Faulty<&Memory> = Box::leak(Box::new(Faulty::always(tables(), fault)));
        api(faulty).ask(POST, &[], ORDER).await.check(expected);
    }
    check(Fault::Conflict, expect![[r#"
        409
        content-type: application/problem+json
        {"type":"urn:mark-event-queue:problem:conflict","title":"Others were quicker","status":409,"detail":"others appended to the aggregate at the same time, each time","remedy":"send the request again"}"#]]).await;
    check(Fault::Throttled, expect![[r#"
        503
        content-type: application/problem+json
        retry-after: 1
        {"type":"urn:mark-event-queue:problem:throttled","title":"Too much at once","status":503,"detail":"too much at the same time","remedy":"send the request again after `Retry-After`"}"#]]).await;
    check(Fault::LostRequest, expect![[r#"
        503
        content-type: application/problem+json
        retry-after: 1
        {"type":"urn:mark-event-queue:problem:unknown","title":"There is no answer","status":503,"detail":"it is unknown whether the event was appended","remedy":"send it again after `Retry-After`, with the same `Idempotency-Key`"}"#]]).await;
}

#[tokio::test]
async fn the_route_is_described_and_there_only_where_it_is_on() {
    let on = api(tables());
    let description = on.ask("GET /openapi.json", &[], "").await.json();
    let route = &description["paths"]["/events/v1/{eventName}"]["post"];
    assert!(route["responses"]["422"].is_object(), "{route}");
    assert!(description["paths"]["/mark/v1"].is_object());
    let text = description.to_string();
    for rest in text.split("#/components/schemas/").skip(1) {
        let name = rest.split('"').next().unwrap();
        assert!(description["components"]["schemas"].get(name).is_some(), "`{name}` is not described");
    }
    let off = Api::new();
    assert_eq!(off.ask(POST, &[], ORDER).await.status, StatusCode::NOT_FOUND);
    assert!(!off.ask("GET /openapi.json", &[], "").await.text.contains("/events/v1/"));
}
