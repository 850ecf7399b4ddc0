use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

use aws::operator::Target;
use expect_test::{Expect, expect};
use shared::control::CatchUpReport;
use shared::naming::Naming;

use super::*;
use crate::policy::FanOutRole;

fn naming() -> Naming {
    Naming::try_new("aws", "eu-west-2", "111122223333", "").unwrap()
}

fn queue() -> QueueArn {
    naming().client_queue_arn("Billing")
}

/// Attributes as the stack makes them.
fn wanted() -> BTreeMap<String, String> {
    let role = FanOutRole::try_new(&naming().fan_out_role_arn()).unwrap();
    let policy = serde_json::to_string(&own_queue_policy(&queue(), &role)).unwrap();
    attributes(&[
        ("FifoQueue", "true"),
        ("MaximumMessageSize", "1048576"),
        ("SqsManagedSseEnabled", "true"),
        ("VisibilityTimeout", "180"),
        (POLICY, &policy),
    ])
}

fn attributes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn report(was_made: bool, mended: Vec<Difference>) -> Report {
    let mut catch_up = catch_up::Report::of("Billing");
    catch_up.add(CatchUpReport { groups: 2, sent: 5, ..CatchUpReport::default() });
    Report {
        client: "Billing".to_owned(),
        queue: queue().to_string(),
        was_made,
        mended,
        catch_up: Some(catch_up),
        is_paused: false,
    }
}

fn check(changes: &[(&str, &str)], expected: &Expect) {
    let mut found = wanted();
    found.extend(attributes(changes));
    let differences = differences(&found, &wanted());
    let lines: String = differences.iter().map(|difference| format!("{difference}\n")).collect();
    expected.assert_eq(&lines);
}

#[test]
fn what_the_stack_says_nothing_of_is_the_teams() {
    check(&[], &expect![""]);
    check(&[("DelaySeconds", "0"), ("ReceiveMessageWaitTimeSeconds", "20")], &expect![""]);
    // The same policy in other words.
    let other_words = wanted()[POLICY].replace("[\"sqs:SendMessage\"]", "\"sqs:SendMessage\"");
    assert_ne!(other_words, wanted()[POLICY]);
    check(&[(POLICY, &other_words)], &expect![""]);
}

/// `check` accepts them, too.
#[test]
fn a_longer_visibility_time_out_and_a_key_of_ones_own_stay() {
    check(&[("VisibilityTimeout", "180")], &expect![""]);
    check(&[("VisibilityTimeout", "900")], &expect![""]);
    let key = "arn:aws:kms:eu-west-2:111122223333:key/1";
    check(&[("KmsMasterKeyId", key), ("SqsManagedSseEnabled", "false")], &expect![""]);
    check(
        &[("VisibilityTimeout", "30"), ("SqsManagedSseEnabled", "false")],
        &expect![[r#"
            SqsManagedSseEnabled: false → true
            VisibilityTimeout: 30 → 180
        "#]],
    );
    check(
        &[("VisibilityTimeout", "")],
        &expect![[r#"
            VisibilityTimeout: none → 180
        "#]],
    );
    let keyed = attributes(&[("KmsMasterKeyId", key)]);
    let other = attributes(&[("KmsMasterKeyId", "alias/another"), ("SqsManagedSseEnabled", "false")]);
    assert_eq!(differences(&other, &keyed), []);
    assert_eq!(differences(&BTreeMap::new(), &keyed).len(), 1, "the stack's own key is set");
}

#[test]
fn what_differs_is_shown_with_both_values() {
    check(
        &[("MaximumMessageSize", "1024"), ("RedrivePolicy", "{\"maxReceiveCount\":3}"), (POLICY, "")],
        &expect![[r#"
            MaximumMessageSize: 1024 → 1048576
            Policy: none → EncryptedTransportOnly, NobodyElseSends
            RedrivePolicy: {"maxReceiveCount":3} → none
        "#]],
    );
    let other = wanted()[POLICY].replace("MarkFanOut-", "Another-");
    check(
        &[("DelaySeconds", "7"), (POLICY, &other)],
        &expect![[r#"
            Policy: EncryptedTransportOnly, NobodyElseSends, of another text → EncryptedTransportOnly, NobodyElseSends
            DelaySeconds: 7 → 0
        "#]],
    );
    check(
        &[(POLICY, "no JSON")],
        &expect![[r#"
            Policy: no readable policy → EncryptedTransportOnly, NobodyElseSends
        "#]],
    );
}

#[test]
fn the_operator_is_told_what_is_done_and_what_is_left_to_do() {
    let made = report(true, Vec::new());
    expect![[r#"
        Queue MarkFanOutClientBilling.fifo of client Billing does not exist. It is made again as the stack makes it, and empty.

        Queue MarkFanOutClientBilling.fifo of client Billing was made again.
        Client Billing is up to date: 5 events sent, 2 groups caught up.
        What the deleted queue held comes only by a replay, from the version after the last that the team has, or by a backfill:
          fanoutctl replay Billing --group KEY --from VERSION --stack test
          fanoutctl backfill Billing --stack test
    "#]]
    .assert_eq(&(before(&made, &queue()) + &text(&made, &queue(), " --stack test")));
    expect![[r#"{"client":"Billing","queue":"arn:aws:sqs:eu-west-2:111122223333:MarkFanOutClientBilling.fifo","was_made":true,"mended":[],"catch_up":{"client":"Billing","groups":2,"sent":5,"behind":0,"held":0,"settling":0,"stopped":null,"elsewhere":false,"refused":[]},"is_paused":false}"#]]
        .assert_eq(&serde_json::to_string(&made).unwrap());

    let mut found = wanted();
    found.extend(attributes(&[("MaximumMessageSize", "1024")]));
    let mended = Report { catch_up: None, is_paused: true, ..report(false, differences(&found, &wanted())) };
    expect![[r#"
        Queue MarkFanOutClientBilling.fifo of client Billing is not as the stack makes it. What is in it stays, and these are set:
          MaximumMessageSize: 1024 → 1048576

        Queue MarkFanOutClientBilling.fifo of client Billing is mended: 1 attribute set.
        The client is paused, and sent nothing before `fanoutctl resume Billing`.
    "#]]
    .assert_eq(&(before(&mended, &queue()) + &text(&mended, &queue(), "")));

    let nothing = Report { catch_up: None, ..report(false, Vec::new()) };
    assert!(!nothing.is_needed());
    expect![[r#"
        Queue MarkFanOutClientBilling.fifo of client Billing is as the stack makes it: nothing is to be repaired.
        SQS may show a queue for a minute after it was deleted: then run this again.
        What a queue that was purged held comes only by a replay, from the version after the last that the team has, or by a backfill:
          fanoutctl replay Billing --group KEY --from VERSION
          fanoutctl backfill Billing
    "#]]
    .assert_eq(&text(&nothing, &queue(), ""));
}

#[test]
fn a_queue_that_the_stack_does_not_make_is_its_owners() {
    let arn = QueueArn::try_new("arn:aws:sqs:eu-west-2:444455556666:Events.fifo").unwrap();
    let check = |queue: Option<ClientQueue>, expected: Expect| {
        expected.assert_eq(&not_repaired("Tax", queue.as_ref(), ""));
    };
    check(
        Some(ClientQueue::Existing(arn)),
        expect![
            "the queue of client `Tax`, `arn:aws:sqs:eu-west-2:444455556666:Events.fifo`, is its owner's to repair: the owner makes it again, FIFO, 60 s after it was deleted at the earliest, and gives it the policy that `fanoutctl policy Tax` prints; then run `fanoutctl check` and `fanoutctl catch-up Tax`"
        ],
    );
    check(
        Some(ClientQueue::Own),
        expect!["client `Tax` has no queue of this stack yet; `fanoutctl deploy` makes it"],
    );
    check(None, expect!["client `Tax` is not in client-queues.toml; add it again, and deploy"]);
}

#[tokio::test(start_paused = true)]
async fn the_name_of_a_deleted_queue_is_waited_for_and_not_for_ever() {
    let check = async |free_at: u32| {
        let tries = AtomicU32::new(0);
        let make = async || Ok(tries.fetch_add(1, Ordering::Relaxed) + 1 == free_at);
        let start = Instant::now();
        let made = until_made(&queue(), make).await.map_err(|failure| failure.exit());
        (made, start.elapsed().as_secs())
    };
    assert_eq!(check(1).await, (Ok(()), 1));
    assert_eq!(check(13).await, (Ok(()), 61));
    assert_eq!(check(100).await, (Err(Exit::Failed), 90));
}

/// The endpoint of an SQS that answers every request so.
fn service(status: u16, kind: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            // The request is so small that it comes in one piece.
            let _ = connection.read(&mut [0; 65_536]);
            let body = format!("{{\"__type\":\"com.amazonaws.sqs#{kind}\",\"message\":\"as SQS says\"}}");
            let head = format!(
                "x-amzn-query-error: AWS.SimpleQueueService.{kind};Sender\r\nContent-Type: application/x-amz-json-1.0\r\n"
            );
            let length = body.len();
            let _ = write!(
                connection,
                "HTTP/1.1 {status} x\r\n{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    endpoint
}

/// MiniStack gives a name free at once.
#[tokio::test]
async fn sqs_says_that_it_keeps_a_name_and_whatever_else_it_says_is_an_error() {
    let create = async |kind: &'static str| {
        let target = Target::local(&service(400, kind), "eu-west-2");
        sqs::create(&target, "Billing.fifo", &wanted(), &BTreeMap::new()).await
    };
    assert_eq!(create("QueueDeletedRecently").await, Ok(false));
    let error = create("QueueNameExists").await.unwrap_err().to_string();
    assert_eq!(
        error,
        "`CreateQueue` of `Billing.fifo`: as SQS says (`AWS.SimpleQueueService.QueueNameExists`)"
    );
}
