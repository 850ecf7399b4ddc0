//! Where requests go and how they are signed, beside botocore.

use expect_test::{Expect, expect};
use futures_util::FutureExt as _;
use shared::config::WebUrl;
use testkit::samples::{RecordedRequest, SIGNED_AT, recorded_requests};

use super::*;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(SIGNED_AT)
}

fn signed(endpoint: &Endpoint) -> Signed {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", Some("token".to_owned()), None, "test");
    let services = TARGETS.iter().chain(SECRETS);
    let endpoints = services.map(|service| (*service, endpoint.clone())).collect();
    Signed { now, ..Signed::new(credentials, endpoints, Connections::waiting()) }
}

fn service(name: &str) -> &'static str {
    let found = TARGETS.iter().chain(SECRETS).find(|service| service.name == name);
    found.unwrap().name
}

/// The same request, as a kind would ask it.
fn request(recorded: &RecordedRequest, path_and_query: &str) -> Request {
    let made = ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];
    let headers = recorded.headers.iter().filter(|(name, _)| !made.contains(&name.as_str()));
    Request {
        method: ["GET", "POST", "PUT"].into_iter().find(|method| *method == recorded.method).unwrap(),
        place: Place::Aws {
            service: service(&recorded.service),
            region: "eu-west-2".to_owned(),
            path_and_query: path_and_query.to_owned(),
        },
        headers: headers.map(|(name, value)| (name.clone(), value.clone())).collect(),
        body: recorded.body.clone().into_bytes(),
        answer_limit: 0,
    }
}

#[test]
fn requests_are_signed_as_botocore_signs_them() {
    let recorded = recorded_requests();
    assert_eq!(recorded.len(), 9);
    for recorded in recorded {
        let (_, rest) = recorded.url.split_once("://").unwrap();
        let (host, path) = rest.split_once('/').unwrap();
        let path_and_query = format!("/{path}");
        // An account's own host, which botocore prefers.
        let endpoint = match host.starts_with("111122223333.") {
            true => Endpoint::Url(format!("https://{host}")),
            false => Endpoint::STANDARD,
        };
        let request = request(&recorded, &path_and_query);
        let SignedUrl { url, headers } = signed(&endpoint)
            .signed(&request, service(&recorded.service), "eu-west-2", &path_and_query)
            .unwrap();
        assert_eq!(url, recorded.url, "{}", recorded.operation);
        for (name, value) in headers {
            assert_eq!(Some(&value), recorded.headers.get(name), "{}: {name}", recorded.operation);
        }
    }
}

fn check(place: Place, header: (&str, &str), expected: Expect) {
    let headers = vec![(header.0.to_owned(), header.1.to_owned())];
    let request = Request { method: "POST", place, headers, body: Vec::new(), answer_limit: 0 };
    let fips = Endpoint::Aws { use_fips: true, use_dual_stack: false };
    let answer = signed(&fips).exchange(&request, Duration::from_secs(1)).now_or_never();
    expected.assert_eq(&answer.unwrap().unwrap_err().to_string());
}

#[test]
fn what_can_be_no_request_is_not_sent() {
    let aws = |service, region: &str, path: &str| Place::Aws {
        service,
        region: region.to_owned(),
        path_and_query: path.to_owned(),
    };
    let url = WebUrl { host: "a".to_owned(), port: 443, path_and_query: "/".to_owned(), is_internal: false };
    let header = ("x-a", "b");
    check(Place::Web(url), header, expect!["no request can be made: this function asks no URL"]);
    check(
        aws("sqs", "eu-west-2", "/"),
        header,
        expect!["no request can be made: this function doesn't ask `sqs`"],
    );
    check(
        aws("s3", "cn-north-1", "/"),
        header,
        expect!["no request can be made: `s3` has no such endpoint in `cn-north-1`"],
    );
    check(
        aws("sns", "eu-west-2", "/a b"),
        header,
        expect!["no request can be made: it can't be signed: a header or the path has what can't be sent"],
    );
    check(
        aws("sns", "eu-west-2", "/"),
        ("x-a", "secret\n"),
        expect!["no request can be made: it can't be signed: a header or the path has what can't be sent"],
    );
}

#[test]
fn credentials_are_not_shown() {
    let shown = format!("{:?}", signed(&Endpoint::STANDARD));
    assert!(!shown.contains("secret\"") && !shown.contains("AKID") && !shown.contains("token"), "{shown}");
}
