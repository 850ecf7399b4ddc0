//! The Lambdas' binaries, as API Gateway's HTTP API and a queue invoke them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use testkit::wire::lambda::{Function, Outcome};
use testkit::wire::sqs::SqsStub;
use testkit::wire::tables::{Answer, TablesStub};

const TIME: Duration = Duration::from_secs(20);

/// An invocation in the payload format 2.0 (API Gateway Developer Guide, "Create AWS Lambda proxy integrations for HTTP APIs").
pub(crate) fn invocation(method: &str, path: &str, query: &str, body: Option<&str>) -> String {
    invocation_by("$default", &json!({ "iam": signed() }), method, path, query, body)
}

/// Who signed.
fn signed() -> Value {
    json!({
        "accessKey": "AKIDEXAMPLE", "accountId": "111122223333", "callerId": "AROAEXAMPLE:orders", "cognitoIdentity": null,
        "principalOrgId": null, "userArn": "arn:aws:sts::111122223333:assumed-role/orders/orders",
        "userId": "AROAEXAMPLE:orders",
    })
}

fn invocation_by(
    route: &str,
    authorizer: &Value,
    method: &str,
    path: &str,
    query: &str,
    body: Option<&str>,
) -> String {
    let http = json!({
        "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test",
    });
    let context = json!({
        "accountId": "111122223333", "apiId": "a1b2c3", "domainName": "a1b2c3.execute-api.eu-west-2.amazonaws.com",
        "domainPrefix": "a1b2c3", "http": http, "requestId": "id", "routeKey": route, "authorizer": authorizer, "stage": "$default",
        "time": "05/Jan/2026:09:00:00 +0000", "timeEpoch": 1_767_603_600_000_i64,
    });
    let headers =
        json!({ "content-type": "application/json", "host": "a1b2c3.execute-api.eu-west-2.amazonaws.com" });
    let invocation = json!({
        "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": query, "headers": headers,
        "requestContext": context, "body": body, "isBase64Encoded": false,
    });
    invocation.to_string()
}

/// Status and body of the answer.
pub(crate) fn answer(function: &mut Function, invocation: String) -> String {
    let Outcome::Response(response) = function.invoke(invocation, TIME).unwrap() else { panic!("it failed") };
    let response: Value = serde_json::from_str(&response).unwrap();
    format!("{} {}", response["statusCode"], response["body"].as_str().unwrap())
}

fn check(found: &str, expected: Expect) {
    expected.assert_eq(found);
}

#[test]
fn requests_reach_the_routes_and_the_tables() {
    let nothing = || Answer::Done(json!({}));
    let stub = TablesStub::start([nothing(), nothing(), nothing(), nothing(), nothing()]).unwrap();
    let url = stub.endpoint_url();
    let environment =
        [("EVENT_TABLE", "Events"), ("STATE_TABLE", "States"), ("AWS_ENDPOINT_URL_DYNAMODB", url.as_str())];
    let mut function = Function::start(Path::new(env!("CARGO_BIN_EXE_api")), &environment).unwrap();
    // Whether paths come decoded or not.
    for path in ["/mark/v1/registrationNumber/AFC F5", "/mark/v1/registrationNumber/AFC%20F5"] {
        let found = answer(&mut function, invocation("GET", path, "", None));
        check(
            &found,
            expect![[
                r#"404 {"type":"urn:mark-event-queue:problem:mark-unknown","title":"There is no such mark","status":404,"detail":"there is no such mark","field":"mark","remedy":"check its spelling, or create its entitlement first"}"#
            ]],
        );
    }
    let body = r#"{"mark":"AFC F5","price":1,"nomineeName":"Ada","address":{"addressLine1":"1 Lane","postCode":"1"}}"#;
    let created = answer(&mut function, invocation("POST", "/mark/v1/entitlement", "", Some(body)));
    assert!(created.starts_with("201 {\"mark\":\"AFC F5\",\"version\":1,"), "{created}");
    let refused = answer(&mut function, invocation("GET", "/mark/v1", "limit=0", None));
    check(
        &refused,
        expect![[
            r#"400 {"type":"urn:mark-event-queue:problem:invalid-parameter","title":"A parameter is invalid","status":400,"detail":"`limit` must be a whole number from 1 to 500","field":"limit","remedy":"correct `limit`"}"#
        ]],
    );
    let operations: Vec<String> = stub.received().into_iter().map(|received| received.operation).collect();
    assert_eq!(operations, ["GetItem", "GetItem", "GetItem", "GetItem", "TransactWriteItems"]);
    // No body, and no mark, is logged.
    assert!(!function.output().contains("AFC"), "{}", function.output());
}

/// A folder that a function's package is unpacked in, with this schema.
fn package(name: &str, schema: &str) -> PathBuf {
    let package = std::env::temp_dir().join(format!("api-package-{name}-{}", std::process::id()));
    std::fs::create_dir_all(package.join("events")).unwrap();
    std::fs::write(package.join("events/OrderPlaced.json"), schema).unwrap();
    package
}

#[test]
fn producers_are_heard_by_their_own_route_alone() {
    let nothing = || Answer::Done(json!({}));
    let stub = TablesStub::start([nothing(), nothing(), nothing()]).unwrap();
    let (url, package) = (stub.endpoint_url(), package("route", "{\"required\":[\"total\"]}"));
    let environment = [
        ("EVENT_TABLE", "Events"),
        ("STATE_TABLE", "States"),
        ("OTHER_EVENT_TABLE", "OtherEvents"),
        ("OTHER_STATE_TABLE", "OtherStates"),
        ("LAMBDA_TASK_ROOT", package.to_str().unwrap()),
        ("AWS_ENDPOINT_URL_DYNAMODB", url.as_str()),
    ];
    let mut function = Function::start(Path::new(env!("CARGO_BIN_EXE_api")), &environment).unwrap();
    const ROUTE: &str = "POST /events/v1/{eventName}";
    let jwt = json!({ "jwt": { "claims": { "sub": "ada" }, "scopes": null } });
    let mut ask = |route: &str, authorizer: &Value, path: &str, total: &str| {
        let body = format!("{{\"aggregate\":\"o\",\"body\":{{{total}}}}}");
        answer(&mut function, invocation_by(route, authorizer, "POST", path, "", Some(&body)))
    };
    // Whoever has a token, or may do what is asked of marks, can't come by a path that is decoded later.
    for (route, authorizer) in [("$default", &jwt), ("$default", &json!({ "iam": signed() })), (ROUTE, &jwt)]
    {
        for path in ["/events/v1/OrderPlaced", "/%65vents/v1/OrderPlaced", "/events/v1/Order%50laced"] {
            let refused = ask(route, authorizer, path, "\"total\":1");
            assert!(
                refused.starts_with("404 ") && refused.contains("no-such-route"),
                "{route} {path} {refused}"
            );
        }
    }
    let iam = json!({ "iam": signed() });
    let refused = ask(ROUTE, &iam, "/events/v1/OrderPlaced", "");
    assert!(refused.starts_with("422 ") && refused.contains("\"path\":\"/body\""), "{refused}");
    assert!(stub.received().is_empty());
    let appended = ask(ROUTE, &iam, "/events/v1/OrderPlaced", "\"total\":1");
    assert!(appended.starts_with("201 {\"aggregate\":\"o\",\"version\":1,"), "{appended}");
    let tables: Vec<String> =
        stub.received().iter().map(|received| received.parameters.to_string()).collect();
    assert!(tables.iter().all(|body| body.contains("Other") && !body.contains("\"States\"")), "{tables:?}");
    std::fs::remove_dir_all(package).unwrap();
}

#[test]
fn a_function_without_the_tables_of_other_aggregates_has_no_route_for_them() {
    let environment = [("EVENT_TABLE", "Events"), ("STATE_TABLE", "States")];
    let mut function = Function::start(Path::new(env!("CARGO_BIN_EXE_api")), &environment).unwrap();
    let body = "{\"aggregate\":\"o\",\"body\":{}}";
    let iam = json!({ "iam": signed() });
    let invocation =
        invocation_by("POST /events/v1/{eventName}", &iam, "POST", "/events/v1/Noted", "", Some(body));
    assert!(answer(&mut function, invocation).starts_with("404 "));
}

#[test]
fn a_schema_that_is_none_ends_the_start_with_its_reason() {
    let package = package("broken", "{\"type\":\"nummer\"}");
    let environment = [
        ("EVENT_TABLE", "OtherEvents"),
        ("STATE_TABLE", "OtherStates"),
        ("OTHER_EVENT_TABLE", "OtherEvents"),
        ("OTHER_STATE_TABLE", "OtherStates"),
        ("LAMBDA_TASK_ROOT", package.to_str().unwrap()),
        ("REJECTED_QUEUE", "Rejected.fifo"),
        ("PARTITION", "aws"),
        ("ACCOUNT_ID", "111122223333"),
    ];
    for binary in [env!("CARGO_BIN_EXE_api"), env!("CARGO_BIN_EXE_api-events")] {
        let ended = Function::start(Path::new(binary), &environment).unwrap_err().to_string();
        assert!(
            ended.contains("`OrderPlaced.json` is no JSON Schema that can be used, at `/type`"),
            "{ended}"
        );
    }
    std::fs::remove_dir_all(package).unwrap();
}

#[test]
fn messages_reach_the_tables_and_the_queue_of_rejections() {
    let nothing = || Answer::Done(json!({}));
    let tables = TablesStub::start([nothing(), nothing(), nothing(), nothing()]).unwrap();
    let queues = SqsStub::start().unwrap();
    let (tables_url, queues_url) = (tables.endpoint_url(), queues.endpoint_url());
    let package = package("queue", "{\"required\":[\"total\"]}");
    let environment = [
        ("EVENT_TABLE", "OtherEvents"),
        ("STATE_TABLE", "OtherStates"),
        ("REJECTED_QUEUE", "Rejected.fifo"),
        ("PARTITION", "aws"),
        ("ACCOUNT_ID", "111122223333"),
        ("LAMBDA_TASK_ROOT", package.to_str().unwrap()),
        ("AWS_ENDPOINT_URL_DYNAMODB", tables_url.as_str()),
        ("AWS_ENDPOINT_URL_SQS", queues_url.as_str()),
    ];
    let mut function = Function::start(Path::new(env!("CARGO_BIN_EXE_api-events")), &environment).unwrap();
    let record = |id: &str, total: &str| {
        let body =
            format!("{{\"eventName\":\"OrderPlaced\",\"aggregate\":\"order-17\",\"body\":{{{total}}}}}");
        json!({
            "messageId": id, "receiptHandle": "x", "body": body, "attributes": { "ApproximateReceiveCount": "1" },
            "messageAttributes": {}, "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-2:111122223333:Events",
        })
    };
    let payload = json!({ "Records": [record("a", "\"total\":1"), record("b", "\"code\":\"secret\"")] });
    let Outcome::Response(response) = function.invoke(payload.to_string(), TIME).unwrap() else {
        panic!("it failed")
    };
    assert_eq!(response, "{\"batchItemFailures\":[]}");
    let operations: Vec<String> = tables.received().into_iter().map(|received| received.operation).collect();
    assert_eq!(operations, ["GetItem", "GetItem", "GetItem", "TransactWriteItems"]);
    assert_eq!(queues.accepted("Rejected.fifo").len(), 1);
    let output = function.output();
    assert!(!output.contains("secret") && !output.contains("order-17"), "{output}");
    std::fs::remove_dir_all(package).unwrap();
}

#[test]
fn the_page_is_there_if_the_variable_asks_for_it() {
    for (page, status) in [(None, 404), (Some("disabled"), 404), (Some("enabled"), 200)] {
        let mut environment = vec![("EVENT_TABLE", "Events"), ("STATE_TABLE", "States")];
        environment.extend(page.map(|page| ("DOCS_PAGE", page)));
        let mut function = Function::start(Path::new(env!("CARGO_BIN_EXE_api")), &environment).unwrap();
        let Outcome::Response(response) =
            function.invoke(invocation("GET", "/docs/", "", None), TIME).unwrap()
        else {
            panic!("it failed")
        };
        let response: Value = serde_json::from_str(&response).unwrap();
        assert_eq!(response["statusCode"], status, "{page:?}");
        // As API Gateway takes what is no text.
        assert_eq!(response["isBase64Encoded"], status == 200, "{page:?}");
    }
}
