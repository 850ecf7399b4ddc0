//! From a stack in which nothing is wrong, one fact is changed at a time.

mod ledger;
mod page;
mod pings;
mod pipeline;
mod queues;
mod targets;

use std::collections::BTreeMap;

use aws::operator::items::FirstPage;
use aws::operator::kms::Key;
use aws::operator::lambda::{Function, Mapping};
use aws::operator::table::{KeyType, Stream, Table};
use aws::operator::{CallError, CallFault};
use deploy::stack::UnknownConfig;
use expect_test::{Expect, expect};
use serde_json::json;
use shared::config::{Client, ClientName, Config};
use shared::ledger::{ClientId, Registration, Registry, State, WriteCount};
use shared::naming::{Naming, OwnQueue, QueueArn};
use shared::sample::Severity;
use shared::time::Timestamp;

use super::collect::{Content, Facts, Ledger, Queue, Whose};
use super::{Finding, Report, text};
use crate::client_status::{ClientStatus, Lag};
use crate::output::Style;
use crate::page::PageFacts;

const STREAM: &str = "arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/2026-01-05T09:00:00.000";
/// 2026-01-05T09:00:00Z
const NOW: u64 = 1_767_603_600_000;
const KEY: &str = "arn:aws:kms:eu-west-2:444455556666:key/1234";

const CONFIG: &str = r#"
[source]
partition_key = "mark"
sort_key = "createTime"
time = "createTime"
version = "version"
allowed_accounts = ["444455556666"]
[[client]]
name = "Billing"
[[client]]
name = "Reporting"
queue_arn = "arn:aws:sqs:eu-west-2:444455556666:Reporting.fifo"
"#;

/// A stack in which nothing is wrong.
fn good() -> Facts {
    let place = Naming::try_new("aws", "eu-west-2", "111122223333", "").unwrap();
    let config = config(CONFIG);
    let clients = (1..).zip(&config.clients).map(registered).collect();
    let mut queues: Vec<Queue> = [OwnQueue::FanOut, OwnQueue::Rejected]
        .map(|queue| good_queue(Whose::Stack(queue), &place.account, &place.own_queue_name(queue), &place))
        .into();
    let billing = Whose::Own { client: "Billing".into(), is_deployed: true };
    queues.push(good_queue(billing, &place.account, &place.client_queue_name("Billing"), &place));
    let reporting = Whose::Existing { client: "Reporting".into(), is_deployed: true };
    queues.push(good_queue(reporting, "444455556666", "Reporting.fifo", &place));
    let fan_out_arn = queues[0].arn.to_string();
    Facts {
        stack: "mark-event-queue".into(),
        fan_out_role: place.fan_out_role_arn(),
        place,
        watch_policy: Some("arn:aws:iam::111122223333:policy/Watch".into()),
        watch_targets_policy: Some("arn:aws:iam::111122223333:policy/WatchTargets".into()),
        watch_secrets_policy: Some("arn:aws:iam::111122223333:policy/WatchSecrets".into()),
        push_test_policy: Some("arn:aws:iam::111122223333:policy/PushTest".into()),
        running: Ok(Some(config.clone())),
        config,
        queues,
        stream: Some(STREAM.into()),
        table: Some(Ok(Table {
            status: "ACTIVE".into(),
            partition_key: "mark".into(),
            partition_type: Some(KeyType::S),
            sort_key: Some("createTime".into()),
            sort_type: Some(KeyType::S),
            stream: Some(Stream { arn: STREAM.into(), view_type: "NEW_IMAGE".into() }),
            size: None,
        })),
        page: Some(PageFacts {
            items: Ok(FirstPage { items: Vec::new(), is_whole: true }),
            expiry: Ok(None),
        }),
        converter: Ok(vec![Mapping {
            source: STREAM.into(),
            state: "Enabled".into(),
            last_result: Some("OK".into()),
            batch_size: Some(500),
            reports_failures: true,
            parallelization_factor: Some(1),
            maximum_retries: Some(-1),
            maximum_age: Some(-1),
            bisects: Some(true),
            on_failure: Some("arn:aws:s3:::discarded".into()),
            maximum_concurrency: None,
        }]),
        fan_out: Ok(vec![queue_mapping(fan_out_arn)]),
        catch_up: Ok(Vec::new()),
        ledger: Ok(good_ledger(clients)),
        targets: Ok(Vec::new()),
        now: Timestamp::from_millis(NOW),
    }
}

/// When the last comparison began: two minutes ago.
fn compared_at() -> Timestamp {
    Timestamp::from_millis(NOW - 120_000)
}

fn registered((id, client): (u32, &Client)) -> (ClientName, Registration) {
    let registration = Registration {
        id: ClientId(id),
        state: State::Live,
        pause: None,
        history: false,
        filter: shared::filter::FilterDigest::of(None),
        erasures: false,
        since: 1,
        absent_at: None,
        retired_at: None,
        unknown: [].into(),
    };
    (client.name.clone(), registration)
}

/// A ledger that serves `clients`, and in which nothing is wrong.
fn good_ledger(clients: BTreeMap<ClientName, Registration>) -> Ledger {
    Ledger {
        name: "Ledger".into(),
        status: Ok("ACTIVE".into()),
        has_recovery: Ok(true),
        catch_up: Ok(Function { state: "Active".into(), reason: None, timeout: Some(180) }),
        content: Ok(Content {
            compared_at: Some(compared_at()),
            clients: clients.keys().map(|name| status(name.as_str(), false, Lag::default())).collect(),
            registry: Some(Registry {
                write_count: WriteCount(1),
                revision: 1,
                start: compared_at(),
                clients,
                unknown: [].into(),
            }),
        }),
    }
}

/// The mapping of one of the stack's own queues.
fn queue_mapping(source: String) -> Mapping {
    Mapping {
        source,
        state: "Enabled".into(),
        last_result: None,
        batch_size: Some(10),
        reports_failures: true,
        parallelization_factor: None,
        maximum_retries: None,
        maximum_age: None,
        bisects: None,
        on_failure: None,
        maximum_concurrency: Some(6),
    }
}

fn status(name: &str, is_paused: bool, lag: Lag) -> ClientStatus {
    ClientStatus { name: name.to_owned(), is_paused, absent_at: None, lag: Ok(lag) }
}

fn config(text: &str) -> Config {
    Config::try_from_toml("client-queues.toml", text, None).unwrap()
}

fn good_queue(whose: Whose, account: &str, name: &str, place: &Naming) -> Queue {
    let arn = QueueArn::try_new(&format!("arn:aws:sqs:eu-west-2:{account}:{name}")).unwrap();
    let sender = match whose {
        Whose::Stack(OwnQueue::FanOut | OwnQueue::Rejected) => place.converter_role_arn(),
        _ => place.fan_out_role_arn(),
    };
    let policy = json!({ "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": sender }, "Action": "sqs:SendMessage", "Resource": arn.to_string() },
        { "Sid": "NobodyElseSends", "Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage",
          "Resource": arn.to_string(), "Condition": { "ArnNotEquals": { "aws:PrincipalArn": sender } } },
    ] });
    let mut attributes = BTreeMap::new();
    for (attribute, value) in [
        ("FifoQueue", "true"),
        ("MaximumMessageSize", "1048576"),
        ("DelaySeconds", "0"),
        ("VisibilityTimeout", "180"),
        ("MessageRetentionPeriod", "1209600"),
        ("DeduplicationScope", "messageGroup"),
        ("FifoThroughputLimit", "perMessageGroupId"),
        ("SqsManagedSseEnabled", "true"),
        ("Policy", &policy.to_string()),
    ] {
        attributes.insert(attribute.to_owned(), value.to_owned());
    }
    Queue { whose, arn, attributes: Ok(attributes), key: None }
}

fn lines(facts: &Facts) -> String {
    let line = |Finding { subject, problem, remedy, severity, .. }: Finding| {
        let mark = if severity == Severity::Warning { "warning: " } else { "" };
        format!("{subject}: {mark}{problem}; {remedy}\n")
    };
    Report::new(facts, None, false).findings.into_iter().map(line).collect()
}

fn check(change: impl FnOnce(&mut Facts), expected: &Expect) {
    let mut facts = good();
    change(&mut facts);
    expected.assert_eq(&lines(&facts));
}

/// The indices of the queues of [`good`].
const FAN_OUT: usize = 0;
const REJECTED: usize = 1;
const BILLING: usize = 2;
const REPORTING: usize = 3;

/// Checks the findings when `attribute` of a queue has `value`, or is missing if `value` is empty.
fn check_queue(queue: usize, attribute: &str, value: &str, expected: &Expect) {
    check(
        |facts| {
            let attributes = facts.queues[queue].attributes.as_mut().unwrap();
            attributes.remove(attribute);
            if !value.is_empty() {
                attributes.insert(attribute.into(), value.into());
            }
        },
        expected,
    );
}

fn error(fault: CallFault) -> CallError {
    let reason = match fault {
        CallFault::NotAllowed => "no permission (`AccessDenied`)",
        CallFault::Missing => "nothing there (`QueueDoesNotExist`)",
        CallFault::Expired => "old (`ExpiredToken`)",
        CallFault::Unrecognized => "unknown (`UnrecognizedClient`)",
        CallFault::Unreachable | CallFault::Offline => "dispatch failure",
        CallFault::Refused => "not so (`InvalidAddress`)",
    };
    CallError { call: "Look", subject: "it".into(), fault, reason: reason.into() }
}

#[test]
fn nothing_is_wrong_with_a_stack_as_it_should_be() {
    check(|_| (), &expect![[""]]);
}

/// Two findings of one queue, and one of another.
fn three_findings() -> Report {
    let mut facts = good();
    let attributes = facts.queues[BILLING].attributes.as_mut().unwrap();
    attributes.insert("DelaySeconds".into(), "5".into());
    attributes.insert("SqsManagedSseEnabled".into(), "false".into());
    facts.queues[REPORTING].attributes.as_mut().unwrap().remove("Policy");
    Report::new(&facts, None, false)
}

#[test]
fn findings_in_a_pipe() {
    expect![[r#"
        queue of client `Billing`: holds everything back for 5 s; run `fanoutctl queue repair Billing`
        queue of client `Billing`: is not encrypted; run `fanoutctl queue repair Billing`
        queue of client `Reporting`: doesn't let the fan-out send; ask account `444455556666` to give it the policy that `fanoutctl policy Reporting` prints
        stack `mark-event-queue`, with 4 queues, the table's stream, all three functions and the ledger: 3 findings

        first items of the event table: no items
    "#]].assert_eq(&text(&three_findings(), Style::Plain));
    expect![[r#"
        stack `mark-event-queue`, with 4 queues, the table's stream, all three functions and the ledger: nothing is wrong

        first items of the event table: no items
    "#]]
    .assert_eq(&text(&Report::new(&good(), None, false), Style::Plain));
}

#[test]
fn findings_in_a_terminal() {
    expect![[r#"
        queue of client `Billing`
          holds everything back for 5 s
            → run `fanoutctl queue repair Billing`
          is not encrypted
            → run `fanoutctl queue repair Billing`
        queue of client `Reporting`
          doesn't let the fan-out send
            → ask account `444455556666` to give it the policy that `fanoutctl policy Reporting` prints
        stack `mark-event-queue`, with 4 queues, the table's stream, all three functions and the ledger: 3 findings

        first items of the event table: no items
    "#]]
    .assert_eq(&text(&three_findings(), Style::Terminal));
}

#[test]
fn findings_for_programs() {
    expect![[r#"
        {
          "stack": "mark-event-queue",
          "queues": 4,
          "targets": 0,
          "pings": null,
          "findings": [
            {
              "subject": "queue of client `Billing`",
              "line": null,
              "key": null,
              "problem": "holds everything back for 5 s",
              "remedy": "run `fanoutctl queue repair Billing`",
              "advice": null,
              "severity": "fault"
            },
            {
              "subject": "queue of client `Billing`",
              "line": null,
              "key": null,
              "problem": "is not encrypted",
              "remedy": "run `fanoutctl queue repair Billing`",
              "advice": null,
              "severity": "fault"
            },
            {
              "subject": "queue of client `Reporting`",
              "line": null,
              "key": null,
              "problem": "doesn't let the fan-out send",
              "remedy": "ask account `444455556666` to give it the policy that `fanoutctl policy Reporting` prints",
              "advice": null,
              "severity": "fault"
            }
          ],
          "page": {
            "items": 0,
            "events": 0,
            "skipped": 0,
            "rejected": 0,
            "kinds": [],
            "reasons": [],
            "example": null,
            "views": []
          }
        }"#]].assert_eq(&serde_json::to_string_pretty(&three_findings()).unwrap());
}
