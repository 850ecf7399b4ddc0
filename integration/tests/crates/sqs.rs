//! The SQS adapter over the wire: its requests, and how it reads answers.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use aws::access::{Access, Endpoint};
use aws::connections::Connections;
use aws::sqs::Sqs;
use aws_credential_types::Credentials;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Config, Region};
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    SendMessageBatchRequestEntry,
};
use expect_test::{Expect, expect};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::ids::{DeduplicationId, Group};
use shared::message::{Attribute, AttributeValue, Body, Message};
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::send::{SendError, Transport as _};
use testkit::wire::sqs::{Accepted, Fault, Received, SqsStub};

const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const BODY: &str = "{\"nominee\":\"Nominee 17 – Zoë\"}";

fn sqs(endpoint_url: &str) -> Sqs {
    Sqs::try_new(&Access {
        credentials: Credentials::new("AKIDEXAMPLE", SECRET_KEY, Some("token".to_owned()), None, "test"),
        region: "eu-west-2".to_owned(),
        endpoint: Endpoint::Url(endpoint_url.to_owned()),
        connections: Connections::default(),
    })
    .unwrap()
}

fn queue(queue: OwnQueue) -> (QueueUrl, String) {
    let naming = Naming {
        partition: "aws".to_owned(),
        region: "eu-west-2".to_owned(),
        account: "123456789012".to_owned(),
        prefix: "test-".to_owned(),
    };
    (naming.own_queue(queue), naming.own_queue_name(queue))
}

fn message(id: &str) -> Message {
    let group = Group::try_from_sqs(&format!("group-{id}")).unwrap();
    let binary = AttributeValue::Base64("AAEC".to_owned());
    let attributes = [
        Attribute::string("eventName", "address-updated"),
        Attribute::number("version", "12345678901234567890"),
        Attribute { name: "digest".to_owned(), data_type: "Binary.x".to_owned(), value: binary },
    ];
    let id = DeduplicationId::try_from_sqs(id).unwrap();
    Message::new(group, id, Body::Text(BODY), &attributes, Some("Root=1-5bef4de7"))
}

/// `ok`, or the kind of the error and its text.
fn shown(result: Result<(), SendError>) -> String {
    let Err(error) = result else { return "ok".to_owned() };
    let kind = match &error {
        SendError::Throttled(_) => "Throttled",
        SendError::Transient(_) => "Transient",
        SendError::Unknown(_) => "Unknown",
        SendError::Queue { .. } => "Queue",
        SendError::Message(_) => "Message",
    };
    assert!(!format!("{error} {error:?}").contains("Zoë"), "{error}");
    format!("{kind}: {error}")
}

fn check(
    stub: &SqsStub,
    results: Result<Vec<Result<(), SendError>>, SendError>,
    accepted: &str,
    expected: Expect,
) {
    let shown = match results {
        Ok(results) => results.into_iter().map(shown).collect::<Vec<_>>().join("\n"),
        Err(error) => format!("call: {}", shown(Err(error))),
    };
    expected.assert_eq(&shown);
    let ids = stub.accepted(&queue(OwnQueue::FanOut).1).into_iter().map(|message| message.deduplication_id);
    assert_eq!(ids.collect::<Vec<_>>().join(" "), accepted, "accepted");
}

async fn check_fault(fault: Fault, accepted: &str, expected: Expect) {
    let stub = SqsStub::start().unwrap();
    let (url, name) = queue(OwnQueue::FanOut);
    stub.once(&name, fault);
    let messages = ["1", "2", "3"].map(message);
    let sqs = sqs(&stub.endpoint_url());
    check(&stub, sqs.send(&url, &messages.each_ref()).await, accepted, expected);
    assert_eq!(stub.received().len(), 1, "the call was made again");
    // The fault is over: the messages that were accepted before are duplicates now.
    let again = sqs.send(&url, &messages.each_ref()).await;
    assert!(again.unwrap().iter().all(Result::is_ok));
    assert_eq!(stub.accepted(&name).len(), 3);
}

#[tokio::test]
async fn a_batch_arrives_as_it_was_encoded() {
    let stub = SqsStub::start().unwrap();
    let (url, name) = queue(OwnQueue::FanOut);
    let message = message("1");
    check(&stub, sqs(&stub.endpoint_url()).send(&url, &[&message]).await, "1", expect!["ok"]);
    let attributes = json!({
        "eventName": { "DataType": "String", "StringValue": "address-updated" },
        "version": { "DataType": "Number", "StringValue": "12345678901234567890" },
        "digest": { "DataType": "Binary.x", "BinaryValue": "AAEC" },
    });
    let expected = Accepted {
        group: "group-1".to_owned(),
        deduplication_id: "1".to_owned(),
        body: BODY.to_owned(),
        attributes,
    };
    assert_eq!(stub.accepted(&name), [expected]);
    let request: Value = serde_json::from_slice(&stub.received()[0].body).unwrap();
    assert_eq!(
        request["Entries"][0]["MessageSystemAttributes"],
        json!({ "AWSTraceHeader": { "DataType": "String", "StringValue": "Root=1-5bef4de7" } }),
    );
    assert_eq!(request["QueueUrl"], url.as_str());
}

/// The adapter writes the request's text itself, and it must mean the same as the SDK's.
#[tokio::test]
async fn a_request_means_what_the_sdks_own_serializer_writes() {
    let stub = SqsStub::start().unwrap();
    let (url, _) = queue(OwnQueue::FanOut);
    sqs(&stub.endpoint_url()).send(&url, &[&message("1")]).await.unwrap();

    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-2"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", SECRET_KEY, None, None, "test"))
        .endpoint_url(stub.endpoint_url())
        .build();
    let attribute = || MessageAttributeValue::builder();
    let name = attribute().data_type("String").string_value("address-updated");
    let version = attribute().data_type("Number").string_value("12345678901234567890");
    let digest = attribute().data_type("Binary.x").binary_value(Blob::new([0, 1, 2]));
    let trace = MessageSystemAttributeValue::builder().data_type("String").string_value("Root=1-5bef4de7");
    let entry = SendMessageBatchRequestEntry::builder()
        .id("0")
        .message_body(BODY)
        .message_group_id("group-1")
        .message_deduplication_id("1")
        .message_attributes("eventName", name.build().unwrap())
        .message_attributes("version", version.build().unwrap())
        .message_attributes("digest", digest.build().unwrap())
        .message_system_attributes(
            MessageSystemAttributeNameForSends::AwsTraceHeader,
            trace.build().unwrap(),
        );
    let call = Client::from_conf(config).send_message_batch().queue_url(url.as_str());
    call.entries(entry.build().unwrap()).send().await.unwrap();

    let received = stub.received();
    let bodies: Vec<Value> =
        received.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    assert_eq!(bodies[0], bodies[1]);
    for name in ["x-amz-target", "content-type"] {
        assert_eq!(header(&received[0], name), header(&received[1], name));
    }
}

#[tokio::test]
async fn every_request_is_signed_with_its_body() {
    let stub = SqsStub::start().unwrap();
    let sqs = sqs(&stub.endpoint_url());
    let (one, two) = (message("1"), message("2"));
    for own_queue in OwnQueue::ALL {
        for batch in [&[&one][..], &[&one, &two], &[&two]] {
            sqs.send(&queue(own_queue).0, batch).await.unwrap();
        }
    }
    sqs.change_visibility(&queue(OwnQueue::FanOut).0, &[("handle", Duration::from_secs(1))]).await.unwrap();
    let received = stub.received();
    assert_eq!(received.len(), 3 * OwnQueue::ALL.len() + 1);
    for request in &received {
        let header = |name: &str| header(request, name);
        assert_eq!(header("content-length"), request.body.len().to_string());
        assert_eq!(header("content-type"), "application/x-amz-json-1.0");
        assert_eq!(header("x-amz-security-token"), "token");
        let signature = header("authorization").rsplit_once("Signature=").unwrap().1;
        assert_eq!(signature, signature_of(request, &request.body));
        assert_ne!(signature, signature_of(request, b"another body"));
    }
}

#[tokio::test]
async fn an_entry_is_refused_inside_a_200() {
    let entry = |code, sender_fault| Fault::Entry { index: 1, code, sender_fault };
    check_fault(
        entry("InternalError", false),
        "1 3",
        expect![[r#"
        ok
        Transient: failed for now: `InternalError`
        ok"#]],
    )
    .await;
    check_fault(
        entry("InvalidMessageContents", true),
        "1 3",
        expect![[r#"
        ok
        Message: message refused: `InvalidMessageContents`
        ok"#]],
    )
    .await;
    check_fault(entry("AccessDenied", true), "1 3", expect![[r#"
        ok
        Queue: queue unusable: `AccessDenied`; allow `sqs:SendMessage` to the function's role, in the queue's policy and in the role's own
        ok"#]]).await;
    check_fault(
        entry("RequestThrottled", true),
        "1 3",
        expect![[r#"
        ok
        Throttled: throttled: `RequestThrottled`
        ok"#]],
    )
    .await;
    check_fault(
        Fault::Unnamed { index: 1 },
        "1 2 3",
        expect![[r#"
        ok
        Unknown: result unknown: the answer does not name the entry
        ok"#]],
    )
    .await;
}

#[tokio::test]
async fn a_call_is_refused() {
    check_fault(Fault::MISSING, "", expect!["call: Queue: queue unusable: `AWS.SimpleQueueService.NonExistentQueue`: The specified queue does not exist; create the queue, or correct its client in `client-queues.toml`"]).await;
    check_fault(Fault::DENIED, "", expect!["call: Queue: queue unusable: `AccessDenied`: Access to the resource is denied; allow `sqs:SendMessage` to the function's role, in the queue's policy and in the role's own"]).await;
    check_fault(
        Fault::THROTTLED,
        "",
        expect!["call: Throttled: throttled: `RequestThrottled`: Request is throttled"],
    )
    .await;
    check_fault(
        Fault::INTERNAL,
        "",
        expect!["call: Unknown: result unknown: `InternalFailure`: We encountered an internal error"],
    )
    .await;
    let call = |status, code, message| Fault::Call { status, code, message };
    check_fault(
        call(503, "", ""),
        "",
        expect!["call: Unknown: result unknown: HTTP status 503 without a code"],
    )
    .await;
    check_fault(call(429, "", ""), "", expect!["call: Throttled: throttled: HTTP status 429 without a code"])
        .await;
    check_fault(call(400, "AWS.SimpleQueueService.BatchRequestTooLong", "Batch requests cannot be longer than 262144 bytes. You have sent 400000 bytes."), "", expect!["call: Message: message refused: `AWS.SimpleQueueService.BatchRequestTooLong`: Batch requests cannot be longer than 262144 bytes. You have sent 400000 bytes"]).await;
    check_fault(
        call(
            400,
            "InvalidParameterValue",
            "Value {\"nominee\":\"Nominee 17 – Zoë\"} for parameter MessageBody is invalid.",
        ),
        "",
        expect!["call: Message: message refused: `InvalidParameterValue`: Value"],
    )
    .await;
}

#[tokio::test]
async fn the_result_of_a_call_is_unknown() {
    check_fault(Fault::ResetBefore, "", expect!["call: Unknown: result unknown: dispatch failure"]).await;
    check_fault(Fault::ResetAfter, "1 2 3", expect!["call: Unknown: result unknown: dispatch failure"]).await;
    check_fault(
        Fault::Unreadable,
        "1 2 3",
        expect!["call: Unknown: result unknown: HTTP status 200 without a code"],
    )
    .await;
}

#[tokio::test]
async fn without_a_connection_nothing_was_accepted() {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    // A port on which no process listens, and a name that is too long to be looked up.
    for endpoint_url in [format!("http://{address}"), format!("http://{}", "x".repeat(64))] {
        let error = sqs(&endpoint_url).send(&queue(OwnQueue::FanOut).0, &[&message("1")]).await.unwrap_err();
        assert!(matches!(error, SendError::Transient(_)), "{endpoint_url}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_in_five_seconds() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint_url = format!("http://{}", listener.local_addr().unwrap());
    let before = tokio::time::Instant::now();
    let error = sqs(&endpoint_url).send(&queue(OwnQueue::FanOut).0, &[&message("1")]).await.unwrap_err();
    // The paused clock leaps whenever all tasks wait, perhaps before there is a connection.
    assert!(matches!(error, SendError::Unknown(_) | SendError::Transient(_)), "{error:?}");
    assert!(before.elapsed() <= aws::sqs::CALL_TIMEOUT, "{:?}", before.elapsed());
}

#[tokio::test]
async fn visibilities_are_set_in_one_call() {
    let stub = SqsStub::start().unwrap();
    let (url, name) = queue(OwnQueue::FanOut);
    let sqs = sqs(&stub.endpoint_url());
    let messages = [("a", Duration::from_secs(60)), ("b", Duration::from_millis(1_999))];
    let change = async |fault: Option<Fault>, expected: Expect| {
        fault.into_iter().for_each(|fault| stub.once(&name, fault));
        check(&stub, sqs.change_visibility(&url, &messages).await, "", expected);
    };
    change(
        None,
        expect![[r#"
        ok
        ok"#]],
    )
    .await;
    let entry = Fault::Entry { index: 1, code: "ReceiptHandleIsInvalid", sender_fault: true };
    change(
        Some(entry),
        expect![[r#"
        ok
        Message: message refused: `ReceiptHandleIsInvalid`"#]],
    )
    .await;
    change(
        Some(Fault::THROTTLED),
        expect!["call: Throttled: throttled: `RequestThrottled`: Request is throttled"],
    )
    .await;
    change(Some(Fault::ResetAfter), expect!["call: Unknown: result unknown: dispatch failure"]).await;
    let set = stub
        .visibilities(&name)
        .into_iter()
        .map(|set| format!("{}:{}", set.receipt_handle, set.visibility_timeout));
    assert_eq!(set.collect::<Vec<_>>().join(" "), "a:60 b:1 a:60 a:60 b:1");
}

#[tokio::test]
async fn the_stub_forgets_on_demand() {
    let stub = SqsStub::start().unwrap();
    let (url, name) = queue(OwnQueue::FanOut);
    let sqs = sqs(&stub.endpoint_url());
    for expected in [1, 0] {
        check(&stub, sqs.send(&url, &[&message("1")]).await, ["", "1"][expected], expect!["ok"]);
        assert_eq!((stub.accepted(&name).len(), stub.received().len()), (expected, expected));
        stub.forget_everything();
    }
}

fn header<'r>(request: &'r Received, name: &str) -> &'r str {
    let header = request.headers.iter().find(|(header, _)| header == name);
    header.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no `{name}`"))
}

/// The signature that `request` would have with `body`, from the definition of Signature Version 4 alone.
fn signature_of(request: &Received, body: &[u8]) -> String {
    let authorization = header(request, "authorization");
    let part = |name: &str| authorization.split_once(name).unwrap().1.split(',').next().unwrap();
    let (_, scope) = part("Credential=").split_once('/').unwrap();
    let names = part("SignedHeaders=");
    assert!(names.contains("host") && names.contains("x-amz-security-token"), "{names}");
    let headers: String =
        names.split(';').map(|name| format!("{name}:{}\n", header(request, name))).collect();
    let canonical = format!("POST\n/\n\n{headers}\n{names}\n{}", hex(&Sha256::digest(body)));
    let date = header(request, "x-amz-date");
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let secret = format!("AWS4{SECRET_KEY}").into_bytes();
    let key = scope.split('/').fold(secret, |key, part| hmac(&key, part.as_bytes()));
    hex(&hmac(&key, to_sign.as_bytes()))
}

/// HMAC-SHA256 (RFC 2104) for keys of at most a block.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let padded = |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).unwrap_or(&0) ^ with).collect() };
    let inner = Sha256::digest([&padded(0x36), text].concat());
    Sha256::digest([&padded(0x5C)[..], &inner].concat()).to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
