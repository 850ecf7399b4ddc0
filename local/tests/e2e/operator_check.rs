//! `fanoutctl check` and `status` on a deployed stack: without a finding when nothing is wrong, and then one thing
//! after the other is broken.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::Context as _;
use aws::operator::Target;
use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification, StreamViewType, TimeToLiveSpecification};
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use expect_test::{Expect, expect};
use local::ministack::{ACCOUNT, REGION};
use local::stack::{Extras, Ground};
use local::tables::EVENTS;
use serde_json::Value;

use crate::support::{SOURCE, SdkClients as _, ground, printed, stack, unsigned};

/// The account of the client that brings its queue along.
const OWNER: &str = "444455556666";

const CLIENTS: &str = r#"
[[client]]
name = "Billing"

[[client]]
name = "Insurance"

[[client]]
name = "Reporting"
queue_arn = "arn:aws:sqs:eu-west-2:444455556666:Reporting.fifo"
"#;

/// A stack, and the file that its operator edits.
struct Operator {
    ground: Ground,
    config: PathBuf,
}

/// What somebody sees who tries it for the first time.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wrong_with_the_local_stack() -> anyhow::Result<()> {
    let stack = stack("check", Extras::default()).await?;
    let output = printed(stack.ground(), Path::new("client-queues.toml"), &["check"])?;
    let said = String::from_utf8(output.stdout)?;
    assert_eq!(output.status.code(), Some(0), "{said}");
    let (first, _) = said.split_once('\n').unwrap_or_default();
    assert_eq!(
        first,
        "stack `mark-event-queue`, with 6 queues, the table's stream, all three functions and the ledger: nothing is wrong"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_is_found_and_nothing_else() -> anyhow::Result<()> {
    let operator = Operator::new().await?;
    for command in ["check", "status"] {
        let output = operator.run(&[command])?;
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        let said = String::from_utf8(output.stderr)?;
        assert!(
            said.starts_with("error: there is no stack `mark-event-queue` in eu-west-2 of this account"),
            "{said}"
        );
    }
    operator.register_owners_queue().await?;
    operator.deploy()?;

    // The queue as its owner made it.
    operator.check(6, &expect![[r#"
        queue of client `Reporting`: takes no event larger than 262144 bytes, attributes included; ask account `444455556666` to set `MaximumMessageSize` to 1048576
        queue of client `Reporting`: takes 300 requests a second of all groups together, and not of each; ask account `444455556666` to set `DeduplicationScope` to `messageGroup` and `FifoThroughputLimit` to `perMessageGroupId`
        queue of client `Reporting`: is not encrypted; ask account `444455556666` to set `SqsManagedSseEnabled` to true
        queue of client `Reporting`: doesn't let the fan-out send; ask account `444455556666` to give it the policy that `fanoutctl policy Reporting` prints
        stack `mark-event-queue`, with 6 queues, the table's stream, all three functions and the ledger: 4 findings
    "#]])?;
    operator.follow_the_advice().await?;
    operator.check(
        0,
        &expect![[r#"
            stack `mark-event-queue`, with 6 queues, the table's stream, all three functions and the ledger: nothing is wrong
        "#]],
    )?;
    let status = operator.status(0)?;
    for row in status["queues"].as_array().unwrap() {
        assert_eq!(row["messages"], 0, "{row}");
        // MiniStack makes no metrics of a queue. Those of the owner's queue are the owner's.
        assert!(row["oldest_message_seconds"].is_null(), "{row}");
        let reason = row["unknown"]["oldest_message_seconds"].as_str().unwrap();
        assert!(
            reason.contains(if row["account"] == OWNER { OWNER } else { "no figure of `AWS/SQS`" }),
            "{row}"
        );
    }
    assert!(status["iterator_age_milliseconds"].is_null(), "{status}");

    operator.fill_the_table().await?;
    operator.check(6, &expect![[r#"
        event table `RegistrationNumberEvent`: 1 of 2 items has no version at `RegistrationNumber.version`, and would be rejected: `HEAD` 1; if they are no events, write `createTime = [{ anything-but = ["HEAD"] }]` in `[source.filter]`
        event table `RegistrationNumberEvent`: items expire by the attribute `expiresAt` (TTL), and 1 of 1 event has it: an event that is removed by itself is missing for clients that are behind; switch TTL off, or give that attribute only to items that are no events
        stack `mark-event-queue`, with 6 queues, the table's stream, all three functions and the ledger: 2 findings
    "#]])?;
    expect![[r#"
        first items of the event table: 2 items, as new ones: 1 event, 0 passed over, 1 rejected

        sort key  events  passed over  rejected
        (other)        1            0         0
        HEAD           0            0         1

        1 rejected: the event lacks `RegistrationNumber.version`, its version; `[source]` in `client-queues.toml` says where it is

        one of the events as a message
          partition key  AB12
          sort key       2026-01-05T09:00:00Z
          group          AB12
          version        1
          time           2026-01-05T09:00:00Z
          id             e-1
          size           232 bytes
          attributes
            eventId      e-1 (String)
            eventName    Bought (String)
            eventTime    2026-01-05T09:00:00Z (String)
            version      1 (Number)
          body
            {
              "RegistrationNumber": {
                "version": 1
              },
              "createTime": "2026-01-05T09:00:00Z",
              "eventId": "e-1",
              "eventName": "Bought",
              "expiresAt": 1800000000,
              "mark": "AB12"
            }
    "#]].assert_eq(&operator.page(&["check", "--show-body"])?);
    operator.empty_the_table().await?;

    operator.break_everything().await?;
    operator.check(6, &expect![[r#"
        config: the functions run with another config than this file's; see `fanoutctl plan`, then `fanoutctl deploy`
        event table `RegistrationNumberEvent`: its sort key is `createTime`, and the config's `created`; correct `sort_key` in the config, and deploy
        event table `RegistrationNumberEvent`: the stack reads its stream `…`, which is closed; run `fanoutctl deploy --stream-arn …`
        event table `RegistrationNumberEvent`: its stream carries `KEYS_ONLY`, and no new images; switch the stream off, and on again with `NEW_IMAGE`, and deploy with it (`--stream-arn`)
        converter's mapping: events are discarded after 3 retries; set `MaximumRetryAttempts` to -1, as `template.yml` does
        queue of client `Billing`: doesn't exist any more (`MarkFanOutClientBilling.fifo`), so it falls behind; what it held comes back only by `fanoutctl replay`; run `fanoutctl queue repair Billing`
        queue of client `Insurance`: loses its order: its `RedrivePolicy` takes an event out and lets later ones through; run `fanoutctl queue repair Insurance`, and let the consumer set aside what it can't process
        queue of client `Insurance`: lets other roles of the account send, which can forge events; run `fanoutctl queue repair Insurance`
        queue of client `Reporting`: takes no event larger than 1024 bytes, attributes included; ask account `444455556666` to set `MaximumMessageSize` to 1048576
        queue of client `Reporting`: holds everything back for 5 s; ask account `444455556666` to set `DelaySeconds` to 0
        queue of client `Tax`: isn't made yet; deploy
        stack `mark-event-queue`, with 7 queues, the table's stream, all three functions and the ledger: 11 findings
    "#]])?;
    let status = operator.status(6)?;
    let attention = |name: &str| {
        let row = status["queues"].as_array().unwrap().iter().find(|row| row["name"] == name);
        row.unwrap()["attention"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(attention("MarkFanOutRejected.fifo"), "see `fanoutctl rejected list`");
    assert_eq!(attention("MarkFanOutClientBilling.fifo"), "the queue doesn't exist: see `fanoutctl check`");
    assert_eq!(attention("MarkFanOutClientInsurance.fifo"), "");
    Ok(())
}

impl Operator {
    async fn new() -> anyhow::Result<Self> {
        let ground = ground("check").await?;
        let config = Path::new(env!("CARGO_TARGET_TMPDIR")).join("operator-check.toml");
        fs::write(&config, SOURCE.to_owned() + CLIENTS)?;
        Ok(Self { ground, config })
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        printed(&self.ground, &self.config, arguments)
    }

    fn deploy(&self) -> anyhow::Result<()> {
        let stream = self.ground.stream_arn();
        let output = self.run(&["deploy", "--yes", "--stream-arn", stream, "--function-timeout", "2"])?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Asserts what `check` finds and how it ends. The ARNs of streams are left out: they hold the time.
    fn check(&self, exit: i32, expected: &Expect) -> anyhow::Result<()> {
        let (text, _) = self.findings(exit)?;
        let table = format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{EVENTS}/stream/");
        let mut parts = text.split(&table);
        let mut without = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let is_of_label = |rejection: char| rejection.is_ascii_digit() || "-:.T".contains(rejection);
            without.push('…');
            without.push_str(part.trim_start_matches(is_of_label));
        }
        expected.assert_eq(&without);
        Ok(())
    }

    /// What `check` prints for people, and each finding as programs get it.
    fn findings(&self, exit: i32) -> anyhow::Result<(String, Vec<String>)> {
        let output = self.run(&["check"])?;
        let text = String::from_utf8(output.stdout)?;
        assert_eq!(output.status.code(), Some(exit), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let output = self.run(&["check", "--json"])?;
        assert_eq!(output.status.code(), Some(exit));
        let report: Value = serde_json::from_slice(&output.stdout)?;
        // Behind an empty line stands the page of the event table.
        let text = text.split_once("\n\n").map_or(text.clone(), |(findings, _)| findings.to_owned() + "\n");
        let findings: Vec<String> = report["findings"].as_array().unwrap().iter().map(line).collect();
        assert!(
            text.starts_with(&(findings.join("\n") + if findings.is_empty() { "" } else { "\n" })),
            "{text}"
        );
        assert_eq!(text.lines().count(), findings.len() + 1, "{text}");
        Ok((text, findings))
    }

    /// What a command prints for people about the items of the event table.
    fn page(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let text = String::from_utf8(self.run(arguments)?.stdout)?;
        Ok(text.split_once("\n\n").map(|(_, page)| page.to_owned()).unwrap_or_default())
    }

    fn status(&self, exit: i32) -> anyhow::Result<Value> {
        let output = self.run(&["status", "--json"])?;
        assert_eq!(output.status.code(), Some(exit), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    async fn register_owners_queue(&self) -> anyhow::Result<()> {
        let call = self.ground.connection().sqs(OWNER).create_queue().queue_name("Reporting.fifo");
        // As common infrastructure tools set it.
        let call =
            call.attributes(Attribute::FifoQueue, "true").attributes(Attribute::MaximumMessageSize, "262144");
        call.attributes(Attribute::SqsManagedSseEnabled, "false").send().await?;
        Ok(())
    }

    /// Puts an event that expires into the event table, and an item that is none.
    async fn fill_the_table(&self) -> anyhow::Result<()> {
        let dynamodb = self.ground.connection().dynamodb();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let version = AttributeValue::M([("version".to_owned(), AttributeValue::N("1".to_owned()))].into());
        let put = || dynamodb.put_item().table_name(EVENTS).item("mark", text("AB12"));
        let put_event = put().item("createTime", text("2026-01-05T09:00:00Z")).item("eventId", text("e-1"));
        let put_event = put_event.item("eventName", text("Bought")).item("RegistrationNumber", version);
        put_event.item("expiresAt", AttributeValue::N("1800000000".to_owned())).send().await?;
        put().item("createTime", text("HEAD")).send().await?;
        let expiry = TimeToLiveSpecification::builder().enabled(true).attribute_name("expiresAt").build()?;
        dynamodb.update_time_to_live().table_name(EVENTS).time_to_live_specification(expiry).send().await?;
        Ok(())
    }

    async fn empty_the_table(&self) -> anyhow::Result<()> {
        let dynamodb = self.ground.connection().dynamodb();
        for sort in ["2026-01-05T09:00:00Z", "HEAD"] {
            let delete = dynamodb.delete_item().table_name(EVENTS);
            let delete = delete.key("mark", AttributeValue::S("AB12".to_owned()));
            delete.key("createTime", AttributeValue::S(sort.to_owned())).send().await?;
        }
        let expiry = TimeToLiveSpecification::builder().enabled(false).attribute_name("expiresAt").build()?;
        dynamodb.update_time_to_live().table_name(EVENTS).time_to_live_specification(expiry).send().await?;
        Ok(())
    }

    /// The id of the mapping whose logical id ends like this.
    async fn mapping(&self, suffix: &str) -> anyhow::Result<String> {
        let client = aws_sdk_cloudformation::Client::new(self.target().sdk_config());
        let resources = client.describe_stack_resources().stack_name("mark-event-queue").send().await?;
        let mapping = resources.stack_resources().iter().find(|resource| {
            resource.resource_type() == Some("AWS::Lambda::EventSourceMapping")
                && resource.logical_resource_id().is_some_and(|id| id.ends_with(suffix))
        });
        mapping.and_then(|mapping| mapping.physical_resource_id.clone()).context("no such mapping")
    }

    fn target(&self) -> Target {
        Target::local(self.ground.connection().endpoint(), REGION)
    }

    /// The owner does what `check` advises.
    async fn follow_the_advice(&self) -> anyhow::Result<()> {
        let policy = self.run(&["policy", "Reporting"])?;
        assert!(policy.status.success(), "{}", String::from_utf8_lossy(&policy.stderr));
        self.set(
            OWNER,
            "Reporting.fifo",
            &[
                (Attribute::MaximumMessageSize, "1048576"),
                (Attribute::SqsManagedSseEnabled, "true"),
                (Attribute::DeduplicationScope, "messageGroup"),
                (Attribute::FifoThroughputLimit, "perMessageGroupId"),
                (Attribute::Policy, &String::from_utf8(policy.stdout)?),
            ],
        )
        .await
    }

    async fn break_everything(&self) -> anyhow::Result<()> {
        let connection = self.ground.connection();
        let sqs = connection.sqs(ACCOUNT);
        let billing = connection.queue_url(ACCOUNT, "MarkFanOutClientBilling.fifo");
        sqs.delete_queue().queue_url(billing).send().await?;
        let redrive = format!(
            "{{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-2:{ACCOUNT}:MarkFanOutRejected.fifo\",\"maxReceiveCount\":3}}"
        );
        let insurance = [(Attribute::RedrivePolicy, redrive.as_str()), (Attribute::Policy, "")];
        self.set(ACCOUNT, "MarkFanOutClientInsurance.fifo", &insurance).await?;
        let reporting = [(Attribute::DelaySeconds, "5"), (Attribute::MaximumMessageSize, "1024")];
        self.set(OWNER, "Reporting.fifo", &reporting).await?;

        let dynamodb = connection.dynamodb();
        for stream in [
            StreamSpecification::builder().stream_enabled(false),
            StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::KeysOnly),
        ] {
            let call = dynamodb.update_table().table_name(EVENTS).stream_specification(stream.build()?);
            call.send().await?;
        }
        let mapping = format!(
            "{}/2015-03-31/event-source-mappings/{}",
            connection.endpoint(),
            self.mapping("Stream").await?
        );
        let changed = unsigned("PUT", &mapping, r#"{"MaximumRetryAttempts":3}"#).await?;
        anyhow::ensure!(changed.starts_with("HTTP/1.1 2"), "{mapping}: {changed}");
        let rejection =
            sqs.send_message().queue_url(connection.queue_url(ACCOUNT, "MarkFanOutRejected.fifo"));
        rejection.message_body("{}").message_group_id("a").message_deduplication_id("a").send().await?;
        let source = SOURCE.replace("sort_key = \"createTime\"", "sort_key = \"created\"");
        fs::write(&self.config, source + CLIENTS + "\n[[client]]\nname = \"Tax\"\n")?;
        Ok(())
    }

    async fn set(&self, account: &str, queue: &str, attributes: &[(Attribute, &str)]) -> anyhow::Result<()> {
        let connection = self.ground.connection();
        let attributes: HashMap<_, _> =
            attributes.iter().map(|(name, value)| (name.clone(), (*value).to_owned())).collect();
        let call = connection.sqs(account).set_queue_attributes();
        call.queue_url(connection.queue_url(account, queue)).set_attributes(Some(attributes)).send().await?;
        Ok(())
    }
}

fn line(finding: &Value) -> String {
    let [subject, problem, remedy] =
        ["subject", "problem", "remedy"].map(|key| finding[key].as_str().unwrap());
    format!("{subject}: {problem}; {remedy}")
}
