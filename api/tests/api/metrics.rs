//! The metrics: one line for each request, whatever becomes of it, and no mark in it.

use std::path::Path;
use std::sync::{Arc, Mutex};

use api::http::router;
use api::marks::{Marks, schema};
use api::metrics::{Counted, TableCounts, measured};
use api::store::Store;
use api::store::port::DynamoDb;
use axum::body::Body;
use expect_test::{Expect, expect};
use http::Request;
use serde_json::{Value, json};
use shared::metrics::{NAMESPACE, OF_THE_API};
use testkit::wire::lambda::Function;
use testkit::wire::tables::{Answer, TablesStub};
use tower::ServiceExt as _;

use crate::lambda::{answer, invocation};
use crate::store::faulty::{Fault, Faulty};
use crate::store::sums::Scene;

const CREATE: &str =
    r#"{"mark":"AFC F5","price":1,"nomineeName":"Ada","address":{"addressLine1":"1 Lane","postCode":"1"}}"#;
const LOCK: (&str, &str) = ("PUT /mark/v1/lock/AFC%20F5", "");
const MARK: (&str, &str) = ("GET /mark/v1/registrationNumber/AFC%20F5", "");

/// What is written for each request, but for how long it took.
async fn check(db: impl DynamoDb + Send + 'static, requests: &[(&str, &str)], expected: Expect) {
    let scene: &'static Scene = Box::leak(Box::new(Scene::new(1)));
    let counts = Arc::<TableCounts>::default();
    let tables = Counted::new(db, Arc::clone(&counts));
    let marks = Marks::new(Store::new(tables, scene, schema("Events", "States")));
    let written = Arc::<Mutex<Vec<String>>>::default();
    let lines = Arc::clone(&written);
    let router =
        measured(router(marks), counts, move |tally, _| lines.lock().unwrap().push(tally.to_string()));
    let mut shown = String::new();
    for (line, body) in requests {
        let (method, uri) = line.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(uri).header("Content-Type", "application/json");
        let request = request.body(Body::from((*body).to_owned())).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let lines = std::mem::take(&mut *written.lock().unwrap());
        let [metrics] = lines.as_slice() else { panic!("{} lines", lines.len()) };
        let (counts, latency) = metrics.split_once(", ApiLatency ").unwrap();
        assert!(latency.ends_with("×1"), "{latency}");
        let counts: Vec<&str> = counts.split(", ").filter(|count| !count.ends_with(" 0")).collect();
        shown += &format!("{}: {}\n", response.status().as_u16(), counts.join(", "));
    }
    expected.assert_eq(&shown);
}

#[tokio::test]
async fn a_request_is_answered_refused_or_failed() {
    let memory = schema("Events", "States").in_memory();
    let create = ("POST /mark/v1/entitlement", CREATE);
    let unlock = ("PUT /mark/v1/unlock/AFC%20F5", "");
    check(
        memory,
        &[MARK, create, create, LOCK, unlock, unlock, MARK, ("GET /no", ""), ("POST /no", "{")],
        expect![[r#"
            404: ApiRefused 1
            201: ApiAnswered 1
            409: ApiRefused 1
            200: ApiAnswered 1
            200: ApiAnswered 1
            409: ApiRefused 1
            200: ApiAnswered 1
            404: ApiRefused 1
            404: ApiRefused 1
        "#]],
    )
    .await;
}

#[tokio::test]
async fn what_the_tables_say_is_counted_each_time() {
    for (fault, expected) in [
        (
            Fault::Conflict,
            expect![[r#"
            409: ApiRefused 1, ApiConflicts 6
            404: ApiRefused 1
        "#]],
        ),
        (
            Fault::Throttled,
            expect![[r#"
            503: ApiFailed 1, ApiThrottled 6
            404: ApiRefused 1
        "#]],
        ),
        (
            Fault::ThrottledItem,
            expect![[r#"
            503: ApiFailed 1, ApiThrottled 6
            404: ApiRefused 1
        "#]],
        ),
        (
            Fault::LostRequest,
            expect![[r#"
            503: ApiFailed 1, ApiUnanswered 6
            404: ApiRefused 1
        "#]],
        ),
        (
            Fault::LostAnswer,
            expect![[r#"
            201: ApiAnswered 1, ApiUnanswered 6
            200: ApiAnswered 1
        "#]],
        ),
    ] {
        let db = Faulty::always(schema("Events", "States").in_memory(), fault);
        check(db, &[("POST /mark/v1/entitlement", CREATE), MARK], expected).await;
    }
    // Reads, too.
    let faults = [(0, Fault::Throttled), (1, Fault::LostAnswer)];
    check(
        Faulty::new(schema("Events", "States").in_memory(), faults),
        &[MARK, MARK],
        expect![[r#"
        404: ApiRefused 1, ApiThrottled 1, ApiUnanswered 1
        404: ApiRefused 1
    "#]],
    )
    .await;
}

#[test]
fn the_function_writes_a_line_for_each_request() {
    let stub = TablesStub::start_repeating([Answer::Done(json!({}))]).unwrap();
    let url = stub.endpoint_url();
    let environment = [
        ("EVENT_TABLE", "Events"),
        ("STATE_TABLE", "States"),
        ("AWS_ENDPOINT_URL_DYNAMODB", url.as_str()),
        // Metrics are written at every level of the log.
        ("AWS_LAMBDA_LOG_LEVEL", "ERROR"),
    ];
    let mut function = Function::start(Path::new(env!("CARGO_BIN_EXE_api")), &environment).unwrap();
    let mut requests = 0;
    let mut ask = |function: &mut Function, method, path, body| {
        answer(function, invocation(method, path, "", body));
        requests += 1;
        requests
    };
    ask(&mut function, "POST", "/mark/v1/entitlement", Some(CREATE));
    ask(&mut function, "GET", "/mark/v1/registrationNumber/AFC F5", None);
    // The output is read beside the answers: a line can come some answers later.
    let enough = (0..100).any(|_| {
        let requests = ask(&mut function, "GET", "/openapi.json", None);
        let lines = function.output().lines().count();
        assert!(lines <= requests, "more than one line for a request");
        lines >= 3
    });
    assert!(enough);
    let output = function.output();
    assert!(!output.contains("AFC"), "{output}");
    let mut ids = Vec::new();
    for (line, metric) in output.lines().zip(["ApiAnswered", "ApiRefused", "ApiAnswered"]) {
        let line: Value = serde_json::from_str(line).unwrap();
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(
            (&directive["Namespace"], &directive["Dimensions"]),
            (&json!(NAMESPACE), &json!([["Function"]]))
        );
        let of_the_api = OF_THE_API.map(|metric| json!({ "Name": metric.name, "Unit": metric.unit.name() }));
        assert_eq!(directive["Metrics"], json!(of_the_api));
        assert_eq!((&line["Function"], &line[metric]), (&json!("harness"), &json!(1)), "{line}");
        ids.push(line["request_id"].as_str().unwrap().to_owned());
    }
    let expected = [1, 2, 3].map(|number| format!("00000000-0000-4000-8000-{number:012}"));
    assert_eq!(ids, expected);
}
