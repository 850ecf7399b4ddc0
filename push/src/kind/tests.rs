//! What the tests of all kinds have in common: an event, and requests beside botocore's.

use std::sync::LazyLock;

use shared::config::TargetArn;
use shared::consumer::ReceivedMessage;
use shared::exchange::Place;
use shared::ids::{Group, IncarnationToken, ReplayId};
use testkit::samples::{RecordedRequest, recorded_request};

use super::*;

pub(super) const BODY: &str = r#"{"price":1.10,"itemType":"mark","holder":"Zoë"}"#;

static GROUP: LazyLock<Group> = LazyLock::new(|| Group::try_from_sqs("AFC%20F5").unwrap());

/// The event of the recorded requests.
pub(super) fn event() -> Event<'static> {
    let message = ReceivedMessage {
        version: 3,
        previous_version: Some(2),
        incarnation: Some(IncarnationToken::try_new("0123456789abcdef").unwrap()),
        is_erasure: false,
        replay: None,
    };
    Event {
        group: &GROUP,
        message,
        id: "e-1",
        name: Some("Created"),
        time: Some("2026-11-20T10:00:00Z"),
        erased: None,
        body: BODY,
    }
}

/// The same in a replay.
pub(super) fn replayed() -> Event<'static> {
    let event = event();
    let message = ReceivedMessage { replay: Some(ReplayId::try_new("r-1").unwrap()), ..event.message };
    Event { message, ..event }
}

/// A notice that the aggregate was erased.
pub(super) fn erasure() -> Event<'static> {
    let event = event();
    let message =
        ReceivedMessage { version: 4, previous_version: Some(3), is_erasure: true, ..event.message };
    let erased = Some("2026-11-29T09:00:00Z");
    Event { message, id: "x-1", name: None, time: None, erased, body: r#"{"S":"AFC F5"}"#, ..event }
}

/// An event without anything that may be missing.
pub(super) fn bare() -> Event<'static> {
    let message = ReceivedMessage {
        version: 1,
        previous_version: None,
        incarnation: None,
        is_erasure: false,
        replay: None,
    };
    Event { message, name: None, time: None, body: "{}", ..event() }
}

pub(super) fn arn(service: &str, resource: &str) -> TargetArn {
    TargetArn {
        partition: "aws".to_owned(),
        region: "eu-west-2".to_owned(),
        account: "111122223333".to_owned(),
        resource: resource.to_owned(),
        text: format!("arn:aws:{service}:eu-west-2:111122223333:{resource}"),
    }
}

pub(super) fn home() -> Home {
    Home { region: "eu-west-2".to_owned(), account: "111122223333".to_owned() }
}

pub(super) fn answer(status: u16, body: &str) -> Answer {
    Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

pub(super) fn answer_with(status: u16, (name, value): (&str, &str), body: &str) -> Answer {
    Answer { headers: vec![(name.to_owned(), value.to_owned())], ..answer(status, body) }
}

/// In words.
pub(super) fn shown(failure: Option<Failure>) -> String {
    let Some(Failure { kind, reason, alike, retry_after }) = failure else { return "taken".to_owned() };
    let retry_after = retry_after.map(|after| format!(" after {after:?}")).unwrap_or_default();
    format!("{kind:?}{retry_after} [{alike}] {reason}")
}

/// Checks method, path, and all headers but those of the signature and `apart`. Returns both, to compare their bodies.
pub(super) fn check_like_botocore(
    operation: &str,
    request: Request,
    apart: &[&str],
) -> (Request, RecordedRequest) {
    let recorded = recorded_request(operation);
    assert_eq!(request.method, recorded.method);
    let Place::Aws { service, region, path_and_query } = &request.place else { panic!("no service") };
    assert_eq!((*service, region.as_str()), (recorded.service.as_str(), "eu-west-2"));
    let (_, rest) = recorded.url.split_once("://").unwrap();
    let (_, path) = rest.split_once('/').unwrap();
    let sorted = |path: &str| {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut query: Vec<String> =
            query.split('&').map(|part| part.trim_end_matches('=').to_owned()).collect();
        query.sort();
        (path.to_owned(), query)
    };
    assert_eq!(sorted(path_and_query), sorted(&format!("/{path}")));
    let signature = ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];
    let is_compared = |name: &str| !signature.contains(&name) && !apart.contains(&name);
    let ours = request.headers.iter().filter(|(name, _)| is_compared(name)).cloned();
    let theirs = recorded.headers.clone().into_iter().filter(|(name, _)| is_compared(name));
    let mut ours: Vec<_> = ours.collect();
    ours.sort();
    assert_eq!(ours, theirs.collect::<Vec<_>>());
    (request, recorded)
}

pub(super) fn json(text: impl AsRef<[u8]>) -> serde_json::Value {
    serde_json::from_slice(text.as_ref()).unwrap()
}

#[test]
fn what_no_answer_means() {
    use FailureKind::{Event, Target, Transient};
    let text = || "x".to_owned();
    for (error, kind) in [
        (NoAnswer::Name(text()), Transient),
        (NoAnswer::Connection(text()), Transient),
        (NoAnswer::Timeout(Duration::from_secs(1)), Transient),
        (NoAnswer::Broken(text()), Transient),
        (NoAnswer::Address(text()), Target),
        (NoAnswer::Tls(text()), Target),
        (NoAnswer::Request(text()), Event),
    ] {
        assert_eq!(of_no_answer(&error).kind, kind, "{error}");
    }
}
