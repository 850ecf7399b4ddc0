//! The Lambda's binary, as API Gateway's HTTP API invokes it.

use std::path::Path;
use std::time::Duration;

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use testkit::wire::lambda::{Function, Outcome};
use testkit::wire::tables::{Answer, TablesStub};

const TIME: Duration = Duration::from_secs(20);

/// An invocation in the payload format 2.0 (API Gateway Developer Guide, "Create AWS Lambda proxy integrations for HTTP APIs").
pub(crate) fn invocation(method: &str, path: &str, query: &str, body: Option<&str>) -> String {
    let http = json!({
        "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test",
    });
    let context = json!({
        "accountId": "111122223333", "apiId": "a1b2c3", "domainName": "a1b2c3.execute-api.eu-west-2.amazonaws.com",
        "domainPrefix": "a1b2c3", "http": http, "requestId": "id", "routeKey": "$default", "stage": "$default",
        "time": "05/Jan/2026:09:00:00 +0000", "timeEpoch": 1_767_603_600_000_i64,
    });
    let headers =
        json!({ "content-type": "application/json", "host": "a1b2c3.execute-api.eu-west-2.amazonaws.com" });
    let invocation = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": headers,
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
