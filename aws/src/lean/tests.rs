//! What is sent, beside what the SDK sends; and how much at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sqs::config::BehaviorVersion;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::http::StatusCode;
use expect_test::{Expect, expect};
use futures_util::future::join_all;
use futures_util::{FutureExt as _, poll};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use shared::ids::{DeduplicationId, Group};
use shared::ledger::{ItemKey, Ledger as _};
use shared::message::{Body, Message};
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::send::{SendError, Transport as _};
use shared::text::hex;

use super::*;
use crate::access::Endpoint;
use crate::dynamodb::{self, LedgerTable};
use crate::sqs::Sqs;

/// A connector that keeps what is sent, and answers `{}`.
#[derive(Clone, Debug)]
struct RecordingConnector {
    requests: Arc<Mutex<Vec<HttpRequest>>>,
    /// The status of its answers; `None` if there are none.
    answer: Option<u16>,
    /// How many of its connections are not to be used again.
    poisoned: Arc<AtomicUsize>,
}

impl Default for RecordingConnector {
    fn default() -> Self {
        Self { requests: Arc::default(), answer: Some(200), poisoned: Arc::default() }
    }
}

impl HttpConnector for RecordingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if let Some(capture) = request.extension::<CaptureSmithyConnection>() {
            let poisoned = Arc::clone(&self.poisoned);
            capture.set_connection_retriever(move || {
                let poisoned = Arc::clone(&poisoned);
                let poison = move || {
                    poisoned.fetch_add(1, Ordering::Relaxed);
                };
                Some(ConnectionMetadata::builder().proxied(false).poison_fn(poison).build())
            });
        }
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let Some(status) = self.answer else { return HttpConnectorFuture::new(std::future::pending()) };
        HttpConnectorFuture::ready(Ok(HttpResponse::new(StatusCode::try_from(status).unwrap(), "{}".into())))
    }
}

impl RecordingConnector {
    fn take(&self) -> Vec<HttpRequest> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    fn access(&self, region: &str, endpoint: Endpoint) -> Access {
        Access {
            credentials: Credentials::new("AKIDEXAMPLE", "secret", Some("token".to_owned()), None, "test"),
            region: region.to_owned(),
            endpoint,
            connections: Connections::through(SharedHttpConnector::new(self.clone())),
        }
    }
}

/// 1 January 2025, in the middle of the day.
#[derive(Debug)]
struct Noon;

impl TimeSource for Noon {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_732_800)
    }
}

fn noon() -> SystemTime {
    Noon.now()
}

fn queue() -> QueueUrl {
    Naming::try_new("aws", "eu-west-2", "123456789012", "test-").unwrap().own_queue(OwnQueue::FanOut)
}

fn message() -> Message {
    let id = DeduplicationId::try_from_sqs("1").unwrap();
    Message::new(Group::try_from_sqs("g").unwrap(), id, Body::Text("{}"), &[], None)
}

/// Compares what the SDK sent with what is sent lean: the SDK's signature with the one made of the same headers, and
/// the headers.
fn check_like_the_sdk(sdk: &HttpRequest, lean: &HttpRequest, service: &'static str, expected: Expect) {
    let own = sdk.headers().get("authorization").unwrap();
    let signed = own.split_once("SignedHeaders=").unwrap().1.split_once(',').unwrap().0;
    let made_here = ["x-amz-date", "x-amz-security-token"];
    let headers = sdk
        .headers()
        .iter()
        .filter(|(name, _)| signed.split(';').any(|signed| signed == *name) && !made_here.contains(name));
    let hash = |request: &HttpRequest| request.body().bytes().map(|body| hex(&Sha256::digest(body)));
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", Some("token".to_owned()), None, "test");
    let signer = Signer::try_new(credentials, "eu-west-2", service, sdk.uri()).unwrap();
    let made = signer.sign(&headers.collect::<Vec<_>>(), &hash(sdk).unwrap(), noon()).unwrap();
    for (name, value) in made {
        assert_eq!(sdk.headers().get(name), Some(&*value), "{name}");
    }

    // Without the date.
    let scope = |request: &HttpRequest| {
        let own = request.headers().get("authorization").unwrap().split_once(',').unwrap().0.to_owned();
        own.splitn(3, '/').nth(2).unwrap().to_owned()
    };
    assert_eq!(scope(sdk), scope(lean));
    assert_eq!((sdk.method(), sdk.uri()), (lean.method(), lean.uri()));
    let names = sdk.headers().iter().chain(lean.headers().iter()).map(|(name, _)| name);
    let names: std::collections::BTreeSet<_> = names.collect();
    let differing = names.into_iter().filter_map(|name| {
        let (of_sdk, of_lean) = (sdk.headers().get(name), lean.headers().get(name));
        let side = match (of_sdk, of_lean) {
            (Some(of_sdk), Some(of_lean)) if of_sdk == of_lean => return None,
            (Some(_), Some(_)) => "other",
            (Some(_), None) => "the SDK's alone",
            (None, _) => "lean alone",
        };
        Some(format!("{name}: {side}"))
    });
    expected.assert_eq(&differing.collect::<Vec<_>>().join("\n"));
}

#[tokio::test]
async fn a_request_is_signed_as_the_sdk_signs_it() {
    let recorder = RecordingConnector::default();
    let access = recorder.access("eu-west-2", Endpoint::STANDARD);
    let table = LedgerTable::try_new_lean(&access, dynamodb::client(&access), "Ledger").unwrap();
    let _ = table.read(&[ItemKey::Registry]).now_or_never();
    let lean = recorder.take().remove(0);
    let config = dynamodb::client(&access).config().to_builder().time_source(Noon).build();
    let table = LedgerTable::new(aws_sdk_dynamodb::Client::from_conf(config), "Ledger");
    let _ = table.read(&[ItemKey::Registry]).now_or_never();
    let sdk = recorder.take().remove(0);
    let json =
        |request: &HttpRequest| serde_json::from_slice::<Value>(request.body().bytes().unwrap()).unwrap();
    assert_eq!(json(&sdk), json(&lean));
    check_like_the_sdk(
        &sdk,
        &lean,
        "dynamodb",
        expect![[r#"
        amz-sdk-invocation-id: the SDK's alone
        amz-sdk-request: the SDK's alone
        authorization: other
        user-agent: other
        x-amz-date: other
        x-amz-user-agent: the SDK's alone"#]],
    );

    let sqs = Sqs::try_new(&access).unwrap();
    sqs.send(&queue(), &[&message()]).await.unwrap();
    let lean = recorder.take().remove(0);
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(aws_sdk_sqs::config::Region::new("eu-west-2"))
        .credentials_provider(access.credentials.clone())
        .http_client(access.connections.http_client())
        .time_source(Noon);
    let client = aws_sdk_sqs::Client::from_conf(config.build());
    client.send_message_batch().queue_url(queue().as_str()).send().await.unwrap();
    let sdk = recorder.take().remove(0);
    check_like_the_sdk(
        &sdk,
        &lean,
        "sqs",
        expect![[r#"
        amz-sdk-invocation-id: the SDK's alone
        amz-sdk-request: the SDK's alone
        authorization: other
        content-length: other
        user-agent: other
        x-amz-date: other
        x-amz-user-agent: the SDK's alone"#]],
    );
}

async fn check_endpoints(region: &str, use_fips: bool, use_dual_stack: bool, expected: Expect) {
    let recorder = RecordingConnector::default();
    let access = recorder.access(region, Endpoint::Aws { use_fips, use_dual_stack });
    let sqs = Sqs::try_new(&access).unwrap();
    let _ = sqs.send(&queue(), &[&message()]).await;
    let _ = sqs.change_visibility(&queue(), &[("handle", Duration::from_secs(1))]).await;
    let client = dynamodb::client(&access);
    let ledger = LedgerTable::try_new_lean(&access, client, "Ledger").unwrap();
    let _ = ledger.read(&[ItemKey::Registry]).now_or_never();
    let _ = ledger.cursors(shared::ledger::ClientId(1), None).now_or_never();
    let requests = recorder.take();
    let at: Vec<_> = requests.iter().map(|request| request.uri().trim_end_matches('/')).collect();
    let [lean, sdk, lean_table, sdk_table] = at[..] else { panic!("{at:?}") };
    assert_eq!((lean, lean_table), (sdk, sdk_table));
    expected.assert_eq(&format!("{lean} {lean_table}"));
}

#[tokio::test]
async fn lean_calls_go_where_the_sdks_go() {
    check_endpoints(
        "eu-west-2",
        false,
        false,
        expect!["https://sqs.eu-west-2.amazonaws.com https://dynamodb.eu-west-2.amazonaws.com"],
    )
    .await;
    check_endpoints(
        "eu-west-2",
        false,
        true,
        expect!["https://sqs.eu-west-2.api.aws https://dynamodb.eu-west-2.api.aws"],
    )
    .await;
    check_endpoints(
        "us-east-1",
        true,
        false,
        expect!["https://sqs-fips.us-east-1.amazonaws.com https://dynamodb-fips.us-east-1.amazonaws.com"],
    )
    .await;
    check_endpoints(
        "us-east-1",
        true,
        true,
        expect!["https://sqs-fips.us-east-1.api.aws https://dynamodb-fips.us-east-1.api.aws"],
    )
    .await;
    check_endpoints(
        "us-gov-west-1",
        false,
        false,
        expect!["https://sqs.us-gov-west-1.amazonaws.com https://dynamodb.us-gov-west-1.amazonaws.com"],
    )
    .await;
    check_endpoints(
        "us-gov-west-1",
        true,
        false,
        expect!["https://sqs.us-gov-west-1.amazonaws.com https://dynamodb.us-gov-west-1.amazonaws.com"],
    )
    .await;
    check_endpoints(
        "cn-north-1",
        false,
        false,
        expect!["https://sqs.cn-north-1.amazonaws.com.cn https://dynamodb.cn-north-1.amazonaws.com.cn"],
    )
    .await;
    check_endpoints("cn-north-1", false, true, expect!["https://sqs.cn-north-1.api.amazonwebservices.com.cn https://dynamodb.cn-north-1.api.amazonwebservices.com.cn"]).await;
}

#[test]
fn an_endpoint_that_is_none_is_named() {
    let access = RecordingConnector::default().access("eu-west-2", Endpoint::Url("http://a b".to_owned()));
    expect!["SQS has no usable endpoint in `eu-west-2`: endpoint is not a valid URI; correct or unset `AWS_ENDPOINT_URL`, `AWS_USE_FIPS_ENDPOINT` or `AWS_USE_DUALSTACK_ENDPOINT`"]
        .assert_eq(&Sqs::try_new(&access).unwrap_err().to_string());
}

#[tokio::test]
async fn what_can_be_no_header_is_not_sent() {
    let recorder = RecordingConnector::default();
    let mut access = recorder.access("eu-west-2", Endpoint::STANDARD);
    access.credentials = Credentials::new("AKIDEXAMPLE", "secret", Some("to\nken".to_owned()), None, "test");
    let sent = Sqs::try_new(&access).unwrap().send(&queue(), &[&message()]).await;
    assert!(matches!(sent, Err(SendError::Transient(_))), "{sent:?}");
    assert_eq!(recorder.take().len(), 0);
}

async fn handed_over(requests: usize, size: usize) -> usize {
    let recorder = RecordingConnector { answer: None, ..RecordingConnector::default() };
    let caller = caller(&recorder, noon);
    let calls = (0..requests).map(|_| caller.call::<Value>("A.B", vec![b' '; size].into()));
    let _ = poll!(Box::pin(join_all(calls)));
    recorder.take().len()
}

#[tokio::test]
async fn requests_are_handed_over_before_an_answer_is_awaited_up_to_32_mib() {
    assert_eq!(handed_over(300, 2_048).await, 300);
    assert_eq!(handed_over(300, 1 << 20).await, 32);
    // One that is larger by itself goes alone.
    assert_eq!(handed_over(3, 40 << 20).await, 1);
}

fn caller(recorder: &RecordingConnector, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Caller {
    let access = recorder.access("eu-west-2", Endpoint::Url("http://localhost".to_owned()));
    Caller::at_time(&access, &Service { name: "sqs", headers: &[] }, "http://localhost", now).unwrap()
}

/// Calls twice at the same time, with bodies that have no room beside each other.
async fn two_large_calls(caller: &Caller) -> [Result<Value, Failure>; 2] {
    let calls = (0..2).map(|_| caller.call::<Value>("A.B", vec![b' '; IN_FLIGHT as usize].into()));
    join_all(calls).await.try_into().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_finds_no_room_was_not_sent() {
    let recorder = RecordingConnector { answer: None, ..RecordingConnector::default() };
    let [first, second] = two_large_calls(&caller(&recorder, noon)).await;
    assert!(matches!(first, Err(Failure::TimeoutError(_))), "{first:?}");
    assert!(matches!(second, Err(Failure::ConstructionFailure(_))), "{second:?}");
    assert_eq!(recorder.take().len(), 1);
}

/// What was planned before a process was frozen does not leave when it goes on.
#[tokio::test]
async fn what_waited_for_longer_than_a_call_is_not_sent() {
    for (frozen, sent) in [(CALL_TIMEOUT, 1), (CALL_TIMEOUT + Duration::from_millis(1), 0)] {
        let recorder = RecordingConnector::default();
        let asked = AtomicBool::new(false);
        let now = move || if asked.swap(true, Ordering::Relaxed) { noon() + frozen } else { noon() };
        let answer = caller(&recorder, now).call::<Value>("A.B", b"{}".to_vec().into()).await;
        assert_eq!((answer.is_ok(), recorder.take().len()), (sent == 1, sent), "{answer:?}");
    }
}

#[tokio::test]
async fn a_connection_is_used_again_unless_the_service_failed() {
    for (status, poisoned) in [(200, 0), (400, 0), (429, 0), (500, 1), (503, 1)] {
        let recorder = RecordingConnector { answer: Some(status), ..RecordingConnector::default() };
        let _ = caller(&recorder, noon).call::<Value>("A.B", b"{}".to_vec().into()).await;
        assert_eq!(recorder.poisoned.load(Ordering::Relaxed), poisoned, "{status}");
    }
}
