//! A webhook's request, and what each status means.

use std::time::Duration;

use expect_test::{Expect, expect};
use shared::config::{SecretArn, WebUrl};

use super::*;
use crate::kind::tests::{answer, answer_with, bare, erasure, event, replayed, shown};

const NOW: Timestamp = Timestamp::from_millis(1_735_732_800_999);

fn target(headers: &[(&str, &str)]) -> WebhookTarget {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    WebhookTarget {
        url: WebUrl {
            host: "hooks.example.com".to_owned(),
            port: 443,
            path_and_query: "/marks?key=1".to_owned(),
            is_internal: false,
        },
        secret: SecretArn::SecretsManager("arn".to_owned()),
        timeout: Duration::from_secs(15),
        headers: headers.collect(),
        oauth: None,
    }
}

fn check(event: &Event<'_>, headers: &[(&str, &str)], expected: Expect) {
    let keys = SigningKeys::try_new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", None).unwrap();
    let request = request(&target(headers), event, &keys, None, NOW);
    let headers = request.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
    let body = String::from_utf8(request.body.clone()).unwrap();
    expected.assert_eq(&format!("{}\n{body}\n", headers.collect::<String>()));
}

#[test]
fn an_event_is_a_signed_post_of_the_view() {
    check(
        &event(),
        &[("x-team", "billing"), ("webhook-id", "forged")],
        expect![[r#"
        content-type: application/json
        webhook-id: e-1
        webhook-timestamp: 1735732800
        webhook-signature: v1,dpE93IFNDAU+xEghCKuwzcvOE2bQj418v70+p73wfSk=
        event-group: AFC%20F5
        event-version: 3
        event-previous-version: 2
        event-incarnation: 0123456789abcdef
        event-name: Created
        event-time: 2026-11-20T10:00:00Z
        x-team: billing

        {"price":1.10,"itemType":"mark","holder":"Zoë"}
    "#]],
    );
    check(
        &Event { id: "é %", name: Some("Mark made\r\n"), ..replayed() },
        &[],
        expect![[r#"
        content-type: application/json
        webhook-id: %C3%A9%20%25
        webhook-timestamp: 1735732800
        webhook-signature: v1,M+iywSkXWMCTgFnXuVXjhnhhw78IgSh7xqxW8gwf9XA=
        event-group: AFC%20F5
        event-version: 3
        event-previous-version: 2
        event-incarnation: 0123456789abcdef
        event-replay: r-1
        event-name: Mark%20made%0D%0A
        event-time: 2026-11-20T10:00:00Z

        {"price":1.10,"itemType":"mark","holder":"Zoë"}
    "#]],
    );
    check(
        &erasure(),
        &[],
        expect![[r#"
        content-type: application/json
        webhook-id: x-1
        webhook-timestamp: 1735732800
        webhook-signature: v1,APxyblqGq1eBw0h2KtR0WJctf2AmAkmphXmehs7xQk8=
        event-group: AFC%20F5
        event-version: 4
        event-previous-version: 3
        event-incarnation: 0123456789abcdef
        event-erased: 2026-11-29T09:00:00Z

        {"erased":"2026-11-29T09:00:00Z","key":"AFC F5"}
    "#]],
    );
    check(
        &bare(),
        &[],
        expect![[r#"
        content-type: application/json
        webhook-id: e-1
        webhook-timestamp: 1735732800
        webhook-signature: v1,ksbu8gki+rpPkVNDTiF+9ahfpVrIO5myuX9QKaP3iqw=
        event-group: AFC%20F5
        event-version: 1

        {}
    "#]],
    );
}

#[test]
fn whose_fault_a_status_is() {
    let mut lines = String::new();
    let rows = [200..=206, 300..=308, 400..=431, 451..=451, 500..=511];
    for status in rows.into_iter().flatten() {
        let found = failure(&answer(status, ""), Hidden::default(), NOW);
        lines.push_str(&format!(
            "{status} {}\n",
            found.map_or("taken".to_owned(), |found| format!("{:?}", found.kind))
        ));
    }
    expect![[r#"
        200 taken
        201 taken
        202 taken
        203 taken
        204 taken
        205 taken
        206 taken
        300 Target
        301 Target
        302 Target
        303 Target
        304 Target
        305 Target
        306 Target
        307 Target
        308 Target
        400 Event
        401 Target
        402 Target
        403 Target
        404 Target
        405 Target
        406 Event
        407 Target
        408 Transient
        409 Event
        410 Gone
        411 Target
        412 Event
        413 Event
        414 Target
        415 Target
        416 Event
        417 Event
        418 Event
        419 Event
        420 Event
        421 Target
        422 Event
        423 Transient
        424 Event
        425 Transient
        426 Target
        427 Event
        428 Event
        429 Transient
        430 Event
        431 Event
        451 Target
        500 Transient
        501 Transient
        502 Transient
        503 Transient
        504 Transient
        505 Transient
        506 Transient
        507 Transient
        508 Transient
        509 Transient
        510 Transient
        511 Transient
    "#]]
    .assert_eq(&lines);
}

#[test]
fn a_target_says_why_until_when_and_that_it_wants_no_more() {
    let check = |answer: Answer, expected: Expect| {
        expected.assert_eq(&shown(failure(&answer, Hidden::default(), NOW)));
    };
    check(answer(422, "no such\tfield"), expect![[r#"Event [422] 422: no such\tfield"#]]);
    check(answer_with(429, ("retry-after", "120"), ""), expect!["Transient after 120s [429] 429"]);
    check(
        answer_with(503, ("retry-after", "Wed, 01 Jan 2025 12:01:00 GMT"), ""),
        expect!["Transient after 59.001s [503] 503"],
    );
    check(
        answer_with(302, ("location", "https://evil.example/?token=1"), ""),
        expect!["Target [302] 302, a redirect, and none is followed"],
    );
    check(
        answer_with(200, ("webhook-delivery", "Disable"), ""),
        expect!["Gone [200] 200, with `webhook-delivery: disable`"],
    );
    check(answer_with(200, ("webhook-delivery", "enable"), ""), expect!["taken"]);
    check(answer(410, ""), expect!["Gone [410] 410"]);
}
