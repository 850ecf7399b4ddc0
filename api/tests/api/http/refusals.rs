//! What is refused, and what is said then.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::{ADA, Api, CREATE, MARK};

const ADDRESS: &str = "PUT /mark/v1/entitlement/address";
const LOCK: &str = "PUT /mark/v1/lock/AFC%20F5";

/// One line for each answer: status, type, field, detail, remedy.
async fn check(requests: &[(&str, &[&str], &str)], expected: Expect) {
    let api = Api::new();
    api.create().await;
    let mut said = String::new();
    for (line, headers, body) in requests {
        let answer = api.ask(line, headers, (*body).to_owned()).await;
        assert!(
            answer.shown.contains("content-type: application/problem+json\n"),
            "{line}: {}",
            answer.shown
        );
        let problem = answer.json();
        assert_eq!(problem["status"], answer.status.as_u16());
        let kind = problem["type"].as_str().unwrap().rsplit(':').next().unwrap();
        let text = |name: &str| problem.get(name).and_then(|text| text.as_str()).unwrap_or("-");
        writeln!(
            said,
            "{} {kind} `{}`: {}; {}",
            answer.status.as_u16(),
            text("field"),
            text("detail"),
            text("remedy")
        )
        .unwrap();
    }
    expected.assert_eq(&said);
    let events = api.ask("GET /mark/v1/event/registrationNumber/AFC%20F5", &[], "").await.json();
    assert_eq!(events["items"].as_array().unwrap().len(), 1, "something was carried out");
}

#[tokio::test]
async fn bodies_are_refused_with_the_place() {
    let with = |from: &str, to: &str| ADA.replace(from, to).replace("AFC F5", "X1 ABC");
    let bodies = [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        format!("{ADA} {{}}"),
        with("299.90", "\"299.90\""),
        with("299.90", "299.905"),
        with("299.90", "-1"),
        with("\"Ada\"", "7"),
        with("Ada", " Ada"),
        with("AA9 9AA", ""),
        with("\"price\"", "\"cost\""),
        with("\"postCode\"", "\"postcode\""),
        with("\"nomineeName\":\"Ada\",", ""),
        with("\"nomineeName\":\"Ada\",", "\"nomineeName\":\"Ada\",\"nomineeName\":\"Bob\","),
        ADA.replace("AFC F5", "afc f5"),
    ];
    let requests: Vec<(&str, &[&str], &str)> =
        bodies.iter().map(|body| (CREATE, [].as_slice(), body.as_str())).collect();
    check(&requests, expect![[r#"
        400 malformed-json `-`: EOF while parsing a value at line 1 column 0; send one JSON object in UTF-8
        400 malformed-json `-`: EOF while parsing an object at line 1 column 1; send one JSON object in UTF-8
        400 invalid-field `-`: an array is no command; send one JSON object
        400 malformed-json `-`: trailing characters at line 1 column 126; send one JSON object in UTF-8
        400 invalid-field `price`: must be a number from 0 on with at most 38 digits, at most two of them behind the point; correct the field
        400 invalid-field `price`: must be a number from 0 on with at most 38 digits, at most two of them behind the point; correct the field
        400 invalid-field `price`: must be a number from 0 on with at most 38 digits, at most two of them behind the point; correct the field
        400 invalid-field `nomineeName`: invalid type: integer `7`, expected a string; correct the field
        400 invalid-field `nomineeName`: must be 1 to 100 characters, without control characters and without white space at either end; correct the field
        400 invalid-field `address.postCode`: must be 1 to 12 characters, without control characters and without white space at either end; correct the field
        400 invalid-field `cost`: unknown field `cost`, expected one of `mark`, `price`, `nomineeName`, `address`; correct the field
        400 invalid-field `address.postcode`: unknown field `postcode`, expected one of `addressLine1`, `addressLine2`, `postCode`; correct the field
        400 invalid-field `-`: missing field `nomineeName`; correct the field
        400 invalid-field `-`: duplicate field `nomineeName`; correct the field
        400 invalid-field `mark`: must be 1 to 16 capital letters and digits, with single spaces between them, such as `AFC F5`; correct the field
    "#]]).await;
}

#[tokio::test]
async fn requests_are_refused_with_the_place() {
    let long = "x".repeat(129);
    let (long_key, large) = (format!("Idempotency-Key: {long}"), format!("\"{}\"", "x".repeat(64 * 1024)));
    check(
        &[
            (CREATE, &["Content-Type: text/plain"], ADA),
            (CREATE, &[], &large),
            (LOCK, &[], "{\"reason\":1}"),
            (LOCK, &["If-Match: 1"], ""),
            (LOCK, &["If-Match: \"one\""], ""),
            (LOCK, &["If-Match: *"], ""),
            (LOCK, &["If-Match: W/\"1\""], ""),
            (LOCK, &["If-Match: \"1\"", "If-Match: \"2\""], ""),
            (LOCK, &[&long_key], ""),
            (LOCK, &["Idempotency-Key: a b"], ""),
            ("PUT /mark/v1/lock/afc", &[], ""),
            ("PUT /mark/v1/lock/%FF", &[], ""),
            ("GET /mark/v1/registrationNumber/AFC%20F5?version=one", &[], ""),
            ("GET /mark/v1/registrationNumber/AFC%20F5?verison=1", &[], ""),
            ("GET /mark/v1/registrationNumber/AFC%20F5?at=yesterday", &[], ""),
            ("GET /mark/v1/registrationNumber/AFC%20F5?version=1&at=2026-01-05T09:00:00Z", &[], ""),
            ("GET /mark/v1/event/registrationNumber/AFC%20F5?limit=0", &[], ""),
            ("GET /mark/v1/event/registrationNumber/AFC%20F5?limit=501", &[], ""),
            ("GET /mark/v1/event/registrationNumber/AFC%20F5?after=x", &[], ""),
            ("GET /mark/v1/events", &[], ""),
            ("GET /mark/v1/events?name=Locked", &[], ""),
            ("GET /mark/v1/events?name=LockedEvent&order=up", &[], ""),
            (
                "GET /mark/v1/events?name=LockedEvent&from=2026-01-06T09:00:00Z&to=2026-01-05T09:00:00Z",
                &[],
                "",
            ),
            ("GET /mark/v1/events?name=LockedEvent&after=IHg", &[], ""),
            ("GET /mark/v1?after=!", &[], ""),
            ("GET /mark/v2", &[], ""),
            ("PATCH /mark/v1/registrationNumber/AFC%20F5", &[], ""),
        ],
        expect![[r#"
            415 unsupported-media-type `Content-Type`: the body is not JSON by its media type; send `Content-Type: application/json`
            413 body-too-large `-`: the body has more than 65536 bytes; send less
            400 invalid-field `reason`: unknown field `reason`, there are no fields; correct the field
            400 invalid-parameter `If-Match`: `If-Match` must be one `ETag`, such as `"7"`; correct `If-Match`
            400 invalid-parameter `If-Match`: `If-Match` must be one `ETag`, such as `"7"`; correct `If-Match`
            400 invalid-parameter `If-Match`: `If-Match` must be one `ETag`, such as `"7"`; correct `If-Match`
            400 invalid-parameter `If-Match`: `If-Match` must be one `ETag`, such as `"7"`; correct `If-Match`
            400 invalid-parameter `If-Match`: `If-Match` must be there once; correct `If-Match`
            400 invalid-parameter `Idempotency-Key`: `Idempotency-Key` must be 1 to 128 visible ASCII characters, such as a UUID; correct `Idempotency-Key`
            400 invalid-parameter `Idempotency-Key`: `Idempotency-Key` must be 1 to 128 visible ASCII characters, such as a UUID; correct `Idempotency-Key`
            400 invalid-parameter `mark`: `mark` must be 1 to 16 capital letters and digits, with single spaces between them, such as `AFC F5`; correct `mark`
            400 invalid-parameter `mark`: `mark` must be percent-encoded UTF-8; correct `mark`
            400 invalid-parameter `version`: `version` can't be read: invalid digit found in string; correct `version`
            400 invalid-parameter `verison`: `verison` can't be read: unknown field `verison`, expected `version` or `at`; correct `verison`
            400 invalid-parameter `at`: `at` must be a time in RFC 3339, such as `2026-01-05T09:00:00Z`; a `+` in it is written `%2B`; correct `at`
            400 invalid-parameter `at`: `at` must not stand beside `version`; correct `at`
            400 invalid-parameter `limit`: `limit` must be a whole number from 1 to 500; correct `limit`
            400 invalid-parameter `limit`: `limit` must be a whole number from 1 to 500; correct `limit`
            400 invalid-parameter `after`: `after` must be `next` of the page before, with the same other parameters; correct `after`
            400 invalid-parameter `query`: `query` can't be read: missing field `name`; correct `query`
            400 invalid-parameter `name`: `name` must be one of `EntitlementCreatedEvent`, `AddressUpdatedEvent`, `NomineeUpdatedEvent`, `CertificateUpdatedEvent`, `EntitlementExtendedEvent`, `LockedEvent`, `UnlockedEvent`; correct `name`
            400 invalid-parameter `order`: `order` can't be read: unknown variant `up`, expected `ascending` or `descending`; correct `order`
            400 invalid-parameter `to`: `to` must not be before `from`; correct `to`
            400 invalid-parameter `after`: `after` must be `next` of the page before, with the same other parameters; correct `after`
            400 invalid-parameter `after`: `after` must be `next` of the page before, with the same other parameters; correct `after`
            404 no-such-route `-`: no route has this path; see /openapi.json for the routes that there are
            405 method-not-allowed `-`: the route has other methods; see /openapi.json for the route's methods
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_state_refuses_what_it_does_not_allow() {
    let address = r#"{"mark":"X1 ABC","address":{"addressLine1":"2 Lane","postCode":"1"}}"#;
    check(
        &[
            (CREATE, &[], ADA),
            (ADDRESS, &[], address),
            ("PUT /mark/v1/unlock/AFC%20F5", &[], ""),
            ("PUT /mark/v1/entitlement/extension", &[], r#"{"mark":"AFC F5","years":1}"#),
            (LOCK, &["If-Match: \"2\""], ""),
            ("PUT /mark/v1/lock/X1%20ABC", &["If-Match: \"2\""], ""),
            ("GET /mark/v1/registrationNumber/X1%20ABC", &[], ""),
            ("GET /mark/v1/event/registrationNumber/X1%20ABC", &[], ""),
            ("GET /mark/v1/event/nothing", &[], ""),
            ("DELETE /mark/v1/registrationNumber/X1%20ABC", &[], ""),
        ],
        expect![[r#"
            409 mark-exists `mark`: `AFC F5` is there, with version 1; update it, or erase it before it is created anew
            404 mark-unknown `mark`: there is no such mark; create its entitlement first
            409 mark-not-locked `mark`: `AFC F5` is not locked; leave it as it is
            409 term-too-long `years`: an entitlement ends 10 years from today at the latest; extend it by fewer years, or later
            412 version-mismatch `If-Match`: version 2 is expected, and 1 found; 0 is a mark that is not there; read the mark, decide again, and send its `ETag` as `If-Match`
            412 version-mismatch `If-Match`: version 2 is expected, and 0 found; 0 is a mark that is not there; read the mark, decide again, and send its `ETag` as `If-Match`
            404 mark-unknown `mark`: there is no such mark; check its spelling, or create its entitlement first
            404 mark-unknown `mark`: there is no such mark; check its spelling, or create its entitlement first
            404 event-unknown `eventId`: no event has this id; look for it again in a moment if it is new
            404 mark-unknown `mark`: there is no such mark; check its spelling, or create its entitlement first
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_locked_mark_refuses_all_but_to_be_unlocked() {
    let api = Api::new();
    api.create().await;
    api.ask(LOCK, &[], "").await;
    for (line, body) in [
        (ADDRESS, r#"{"mark":"AFC F5","address":{"addressLine1":"2 Lane","postCode":"1"}}"#),
        ("PUT /mark/v1/entitlement/nominee", r#"{"mark":"AFC F5","nomineeName":"Bob"}"#),
        ("PUT /mark/v1/entitlement/extension", r#"{"mark":"AFC F5","years":1}"#),
        ("PUT /mark/v1/entitlement/certificate/AFC%20F5", ""),
        (LOCK, ""),
    ] {
        let answer = api.ask(line, &[], body).await;
        assert_eq!(answer.status.as_u16(), 409, "{line}");
        assert_eq!(answer.json()["type"], "urn:mark-event-queue:problem:mark-locked", "{line}");
    }
    assert_eq!(api.ask(MARK, &[], "").await.json()["version"], 2);
    assert_eq!(api.ask("PUT /mark/v1/unlock/AFC%20F5", &[], "").await.status.as_u16(), 200);
}
