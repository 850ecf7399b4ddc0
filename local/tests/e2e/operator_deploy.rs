//! What an operator reads before, during and after a change: `plan`, `deploy`, `policy` and `delete` through the real
//! binary and the real template.

#![expect(
    clippy::indexing_slicing,
    reason = "a member that a JSON value does not have is null, and no match"
)]

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws::operator::Target;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::Message;
use expect_test::{Expect, expect};
use local::ministack::ACCOUNT;
use local::stack::Ground;
use serde_json::{Value, json};
use shared::config::Config;

use crate::support::{SOURCE, SdkClients as _, fanoutctl, ground, printed};

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_every_change_before_it_is_made() -> anyhow::Result<()> {
    let operator = Operator::new("operator-deploy").await?;
    let new_stack = ["--stream-arn", operator.ground.stream_arn(), "--function-timeout", "2"];

    // Without a stream that it can read, a stack is not begun.
    operator.register(&["Billing"]).await?;
    operator.check(&["plan"], 6, &expect![[r#"
        --- stdout
        Stack mark-event-queue is to be made in eu-west-2, account 000000000000.

        client   change  queue                         account
        Billing  added   MarkFanOutClientBilling.fifo  000000000000

        Accounts that will receive every event:
          NEW 000000000000 (the stack's own): Billing

        IN THE WAY: a new stack needs the stream of the event table: no option names one, and no stack exports `DynamoDBStreamArn`. Name one with --stream-arn; these are here:
          RegistrationNumberEvent
              --stream-arn STREAM_ARN

        Refused: the stack needs a stream that it can read. Nothing was touched.
    "#]])?;
    let of_no_table = operator.ground.stream_arn().replace("/stream/", "s/stream/");
    let refused = operator.run(&["deploy", "--yes", "--stream-arn", &of_no_table], 6)?.stdout;
    assert!(refused.contains("is of the table `RegistrationNumberEvents`, which doesn't exist"), "{refused}");

    // An empty account.
    operator.register(&["Billing", "Insurance", "Reporting=444455556666:ReportingEvents.fifo"]).await?;
    operator.check(
        &[&["plan"], &new_stack[..]].concat(),
        0,
        &expect![[r#"
            --- stdout
            Stack mark-event-queue is to be made in eu-west-2, account 000000000000.

            client     change  queue                           account
            Billing    added   MarkFanOutClientBilling.fifo    000000000000
            Insurance  added   MarkFanOutClientInsurance.fifo  000000000000
            Reporting  added   ReportingEvents.fifo            444455556666

            setting          now     will be
            EventStreamArn   (none)  STREAM_ARN
            FunctionTimeout  (none)  2

            Accounts that will receive every event:
              NEW 000000000000 (the stack's own): Billing, Insurance
              NEW 444455556666: Reporting
        "#]],
    )?;
    let before = operator.run(&["policy", "Reporting", "--json"], 0)?.stdout;
    operator.check(
        &["policy", "Reporting"],
        0,
        &expect![[r#"
            --- stdout
            {
              "Version": "2012-10-17",
              "Statement": [
                {
                  "Sid": "FanOutSends",
                  "Effect": "Allow",
                  "Principal": {
                    "AWS": "arn:aws:iam::000000000000:root"
                  },
                  "Action": [
                    "sqs:SendMessage"
                  ],
                  "Resource": "arn:aws:sqs:eu-west-2:444455556666:ReportingEvents.fifo",
                  "Condition": {
                    "ArnEquals": {
                      "aws:PrincipalArn": "arn:aws:iam::000000000000:role/MarkFanOut-eu-west-2"
                    }
                  }
                },
                {
                  "Sid": "EncryptedTransportOnly",
                  "Effect": "Deny",
                  "Principal": "*",
                  "Action": [
                    "sqs:*"
                  ],
                  "Resource": "arn:aws:sqs:eu-west-2:444455556666:ReportingEvents.fifo",
                  "Condition": {
                    "Bool": {
                      "aws:SecureTransport": "false"
                    }
                  }
                }
              ]
            }
        "#]],
    )?;
    operator.check(
        &["policy", "Reporting", "--key"],
        0,
        &expect![[r#"
        --- stdout
        {
          "Sid": "FanOutEncrypts",
          "Effect": "Allow",
          "Principal": {
            "AWS": "arn:aws:iam::000000000000:root"
          },
          "Action": [
            "kms:GenerateDataKey",
            "kms:Decrypt"
          ],
          "Resource": "*",
          "Condition": {
            "ArnEquals": {
              "aws:PrincipalArn": "arn:aws:iam::000000000000:role/MarkFanOut-eu-west-2"
            },
            "StringEquals": {
              "kms:ViaService": "sqs.eu-west-2.amazonaws.com"
            }
          }
        }
    "#]],
    )?;
    operator.check(&["delete", "--yes"], 4, &expect![[r#"
        --- stderr
        error: there is no stack `mark-event-queue` in eu-west-2 of this account (region from `AWS_REGION`, endpoint `ENDPOINT` from `AWS_ENDPOINT_URL`, credentials from `AWS_ACCESS_KEY_ID`); name another with `--stack`, or another region with `AWS_REGION`, or make it with `fanoutctl deploy`
    "#]])?;

    // There is no terminal to ask at, so nothing is done.
    operator.check(
        &[&["deploy"], &new_stack[..]].concat(),
        2,
        &expect![[r#"
            --- stderr
            Stack mark-event-queue is to be made in eu-west-2, account 000000000000.

            client     change  queue                           account
            Billing    added   MarkFanOutClientBilling.fifo    000000000000
            Insurance  added   MarkFanOutClientInsurance.fifo  000000000000
            Reporting  added   ReportingEvents.fifo            444455556666

            setting          now     will be
            EventStreamArn   (none)  STREAM_ARN
            FunctionTimeout  (none)  2

            Accounts that will receive every event:
              NEW 000000000000 (the stack's own): Billing, Insurance
              NEW 444455556666: Reporting

            error: there is no terminal to ask on; add `--yes` to go ahead
        "#]],
    )?;
    assert_eq!(operator.queues().await?, ["ReportingEvents.fifo"]);

    let deployed = operator.run(&[&["deploy", "--yes", "--json"], &new_stack[..]].concat(), 0)?;
    let result: Value = serde_json::from_str(&deployed.stdout)?;
    assert_eq!(result["changed"], true);
    let role = result["outputs"]["FanOutRoleARN"].as_str().unwrap_or_default().to_owned();
    // The policy that was printed before is the one that is needed now.
    assert_eq!(operator.run(&["policy", "Reporting", "--json"], 0)?.stdout, before);
    assert!(before.contains(&role) && role.starts_with("arn:aws:iam::"), "{role}: {before}");

    // The deployed settings are known, and need not be repeated.
    operator.check(
        &["plan"],
        0,
        &expect![[r#"
        --- stdout
        Stack mark-event-queue is to be updated in eu-west-2, account 000000000000.

        client     change  queue                           account
        Billing    kept    MarkFanOutClientBilling.fifo    000000000000
        Insurance  kept    MarkFanOutClientInsurance.fifo  000000000000
        Reporting  kept    ReportingEvents.fifo            444455556666

        Accounts that will receive every event:
              000000000000 (the stack's own): Billing, Insurance
              444455556666: Reporting

        Nothing changes for clients; a deploy may still bring new code.
    "#]],
    )?;
    operator.check(&["deploy", "--yes"], 0, &expect![[r#"
        --- stderr
        Stack mark-event-queue is to be updated in eu-west-2, account 000000000000.

        client     change  queue                           account
        Billing    kept    MarkFanOutClientBilling.fifo    000000000000
        Insurance  kept    MarkFanOutClientInsurance.fifo  000000000000
        Reporting  kept    ReportingEvents.fifo            444455556666

        Accounts that will receive every event:
              000000000000 (the stack's own): Billing, Insurance
              444455556666: Reporting

        Nothing changes for clients; a deploy may still bring new code.

        --- stdout
        Stack mark-event-queue is unchanged.

        client     queue
        Billing    arn:aws:sqs:eu-west-2:000000000000:MarkFanOutClientBilling.fifo
        Insurance  arn:aws:sqs:eu-west-2:000000000000:MarkFanOutClientInsurance.fifo
        Reporting  arn:aws:sqs:eu-west-2:444455556666:ReportingEvents.fifo

        Next:
          owners of existing queues let arn:aws:iam::000000000000:role/MarkFanOut-eu-west-2 send; what they paste:
            fanoutctl policy Reporting
          whether queues, stream and mappings are as they must be:
            fanoutctl check
          what is in every queue:
            fanoutctl status
    "#]])?;

    // Three lines more, and one setting.
    operator
        .register(&["Billing", "Insurance", "Reporting=444455556666:ReportingEvents.fifo", "Police"])
        .await?;
    operator.check(
        &["plan", "--log-retention-days", "60"],
        0,
        &expect![[r#"
        --- stdout
        Stack mark-event-queue is to be updated in eu-west-2, account 000000000000.

        client     change  queue                           account
        Billing    kept    MarkFanOutClientBilling.fifo    000000000000
        Insurance  kept    MarkFanOutClientInsurance.fifo  000000000000
        Reporting  kept    ReportingEvents.fifo            444455556666
        Police     added   MarkFanOutClientPolice.fifo     000000000000

        setting           now  will be
        LogRetentionDays   30       60

        Accounts that will receive every event:
              000000000000 (the stack's own): Billing, Insurance, Police
              444455556666: Reporting
    "#]],
    )?;
    let deployed = operator.run(&["deploy", "--yes", "--log-retention-days", "60"], 0)?;
    let lines: Vec<&str> = deployed.stderr.lines().collect();
    let place_of = |text: &str| lines.iter().position(|line| line.contains(text));
    // The queue is there before the code that sends to it.
    let [first, queue, second] = ["step 1 of 2: ", "_COMPLETE QueuePolice", "step 2 of 2: "].map(place_of);
    assert!(first.is_some() && first < queue && queue < second, "{}", deployed.stderr);
    operator.check(
        &["plan"],
        0,
        &expect![[r#"
        --- stdout
        Stack mark-event-queue is to be updated in eu-west-2, account 000000000000.

        client     change  queue                           account
        Billing    kept    MarkFanOutClientBilling.fifo    000000000000
        Insurance  kept    MarkFanOutClientInsurance.fifo  000000000000
        Reporting  kept    ReportingEvents.fifo            444455556666
        Police     kept    MarkFanOutClientPolice.fifo     000000000000

        Accounts that will receive every event:
              000000000000 (the stack's own): Billing, Insurance, Police
              444455556666: Reporting

        Nothing changes for clients; a deploy may still bring new code.
    "#]],
    )?;

    // Removed with messages in its queue, and registered again.
    operator.send("MarkFanOutClientPolice.fifo", 3).await?;
    operator.register(&["Billing", "Insurance", "Reporting=444455556666:ReportingEvents.fifo"]).await?;
    operator.check(&["plan"], 0, &expect![[r#"
        --- stdout
        Stack mark-event-queue is to be updated in eu-west-2, account 000000000000.

        client     change   queue                           account
        Billing    kept     MarkFanOutClientBilling.fifo    000000000000
        Insurance  kept     MarkFanOutClientInsurance.fifo  000000000000
        Reporting  kept     ReportingEvents.fifo            444455556666
        Police     removed  MarkFanOutClientPolice.fifo     000000000000

        ATTENTION: Police leaves MarkFanOutClientPolice.fifo, which holds 3 messages and 0 in flight: nothing follows them; a consumer that needs them must read them

        Accounts that will receive every event:
              000000000000 (the stack's own): Billing, Insurance
              444455556666: Reporting
    "#]])?;
    operator.run(&["deploy", "--yes"], 0)?;
    operator
        .register(&["Billing", "Insurance", "Reporting=444455556666:ReportingEvents.fifo", "Police"])
        .await?;
    operator.check(&["deploy", "--yes"], 6, &expect![[r#"
        --- stdout
        Stack mark-event-queue is to be updated in eu-west-2, account 000000000000.

        client     change  queue                           account
        Billing    kept    MarkFanOutClientBilling.fifo    000000000000
        Insurance  kept    MarkFanOutClientInsurance.fifo  000000000000
        Reporting  kept    ReportingEvents.fifo            444455556666
        Police     added   MarkFanOutClientPolice.fifo     000000000000

        Accounts that will receive every event:
              000000000000 (the stack's own): Billing, Insurance, Police
              444455556666: Reporting

        IN THE WAY: the queue MarkFanOutClientPolice.fifo of Police exists already, kept from an earlier deploy; it holds 3 messages and 0 in flight. Either
          - go on with it: give the client Police the line
              queue_arn = "arn:aws:sqs:eu-west-2:000000000000:MarkFanOutClientPolice.fifo"
            and name "000000000000" among source.allowed_accounts; give the queue the policy that
            fanoutctl policy Police prints (its old one went with the client); or
          - delete it, with what it holds, and wait 60 s:
              aws --endpoint-url ENDPOINT sqs delete-queue --queue-url ENDPOINT/000000000000/MarkFanOutClientPolice.fifo

        Refused: the stack can't make a queue that exists. Nothing was touched.
    "#]])?;
    assert!(!operator.runs_with("Police")?);

    // A second stack without a prefix of its own would take this one's queues.
    let second = operator.run(&["plan", "--stack", "second"], 6)?.stdout;
    assert!(
        second.contains(
            " queues belong to the stack mark-event-queue. Deploy beside it, under another --prefix"
        ) && !second.contains("MarkFanOutQueue.fifo exists already"),
        "{second}"
    );

    // A stack keeps its prefix.
    operator.check(&["plan", "--prefix", "test-"], 2, &expect![[r#"
        --- stderr
        error: stack `mark-event-queue` has the prefix ``, which can't become `test-`: its queues, and the events in them, would be left behind; deploy another stack with the new prefix
    "#]])?;

    operator.check(&["delete"], 2, &expect![[r#"
        --- stderr
        Functions, roles, logs and alarms of stack mark-event-queue go: clients receive no more events. These queues stay, with what is in them:

        queue                           messages  in flight
        MarkFanOutQueue.fifo                   0          0
        MarkFanOutRejected.fifo                0          0
        MarkFanOutRequests.fifo                0          0
        MarkFanOutClientBilling.fifo           0          0
        MarkFanOutClientInsurance.fifo         0          0
        MarkFanOutClientPolice.fifo            3          0

        First detach arn:aws:iam::000000000000:policy/mark-event-queue-WatchPolicy-…, arn:aws:iam::000000000000:policy/mark-event-queue-InspectPolicy-…, arn:aws:iam::000000000000:policy/mark-event-queue-ResendPolicy-…, arn:aws:iam::000000000000:policy/mark-event-queue-ReplayPolicy-… from every user and role: CloudFormation deletes no policy that is attached.

        error: there is no terminal to ask on; add `--yes` to go ahead
    "#]])?;
    operator.check(&["delete", "--yes"], 0, &expect![[r#"
        --- stderr
        Functions, roles, logs and alarms of stack mark-event-queue go: clients receive no more events. These queues stay, with what is in them:

        queue                           messages  in flight
        MarkFanOutQueue.fifo                   0          0
        MarkFanOutRejected.fifo                0          0
        MarkFanOutRequests.fifo                0          0
        MarkFanOutClientBilling.fifo           0          0
        MarkFanOutClientInsurance.fifo         0          0
        MarkFanOutClientPolice.fifo            3          0

        First detach arn:aws:iam::000000000000:policy/mark-event-queue-WatchPolicy-…, arn:aws:iam::000000000000:policy/mark-event-queue-InspectPolicy-…, arn:aws:iam::000000000000:policy/mark-event-queue-ResendPolicy-…, arn:aws:iam::000000000000:policy/mark-event-queue-ReplayPolicy-… from every user and role: CloudFormation deletes no policy that is attached.

        --- stdout
        Stack mark-event-queue is deleted. What is left of it:
          queue MarkFanOutQueue.fifo, empty
          queue MarkFanOutRejected.fifo, empty
          queue MarkFanOutRequests.fifo, empty
          queue MarkFanOutClientBilling.fifo, empty
          queue MarkFanOutClientInsurance.fifo, empty
          queue MarkFanOutClientPolice.fifo of a client that was removed earlier, with 3 messages and 0 in flight
          bucket mark-event-queue-discardedrecords-…
          the ledger's table mark-event-queue-LedgerTable-…
        The event table was not touched. Packages stay in bucket mark-event-queue-packages-000000000000-eu-west-2, or the one that `deploy --bucket` named. A new stack with the same prefix can be deployed 60 s after the queues are deleted.
    "#]])?;
    let kept = [
        "MarkFanOutClientBilling.fifo",
        "MarkFanOutClientInsurance.fifo",
        "MarkFanOutClientPolice.fifo",
        "MarkFanOutQueue.fifo",
        "MarkFanOutRejected.fifo",
        "MarkFanOutRequests.fifo",
        "ReportingEvents.fifo",
    ];
    assert_eq!(operator.queues().await?, kept);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_deploy_names_the_first_cause_and_where_to_look() -> anyhow::Result<()> {
    let operator = Operator::new("operator-deploy").await?;
    operator.register(&["Billing"]).await?;
    // A stack exports the stream, and is gone when CloudFormation imports it.
    let target = Target::local(operator.ground.connection().endpoint(), "eu-west-2");
    let cloudformation = aws_sdk_cloudformation::Client::new(target.sdk_config());
    let template = json!({
        "Resources": { "Topic": { "Type": "AWS::SNS::Topic" } },
        "Outputs": {
            "Stream": { "Value": operator.ground.stream_arn(), "Export": { "Name": "DynamoDBStreamArn" } }
        }
    });
    cloudformation.create_stack().stack_name("table").template_body(template.to_string()).send().await?;
    let start = Instant::now();
    while operator.status_of(&["plan"])? != Some(0) {
        assert!(start.elapsed() < Duration::from_secs(60), "the stream is not exported");
    }
    let mut deploy = fanoutctl(&operator.ground, &operator.config, &["deploy", "--yes"])?;
    let mut deploy = deploy.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(deploy.stderr.take().context("no standard error")?).lines();
    // The plan is shown. Next, the functions are built and uploaded.
    let is_plan = |line: &io::Result<String>| line.as_ref().is_ok_and(|line| line.contains("is to be made"));
    assert!(lines.by_ref().any(|line| is_plan(&line)));
    cloudformation.delete_stack().stack_name("table").send().await?;
    let rest: Vec<String> = lines.collect::<io::Result<_>>()?;
    assert_eq!(deploy.wait()?.code(), Some(7), "{rest:?}");
    let last = rest.last().map(String::as_str).unwrap_or_default();
    expect!["error: stack `mark-event-queue` ended as `ROLLBACK_COMPLETE`: `InspectPolicy` (AWS::IAM::ManagedPolicy): Export 'DynamoDBStreamArn' not found; all that happened: `aws cloudformation describe-stack-events --stack-name mark-event-queue --region eu-west-2`"].assert_eq(last);
    operator.check(
        &["plan"],
        7,
        &expect![[r#"
        --- stderr
        error: stack `mark-event-queue` is `ROLLBACK_COMPLETE`; delete it, then deploy again
    "#]],
    )?;
    operator.check(
        &["delete", "--yes"],
        0,
        &expect![[r#"
            --- stderr
            All of stack mark-event-queue goes; it has no queues.

            --- stdout
            Stack mark-event-queue is deleted. Nothing of it is left but packages.
            The event table was not touched. Packages stay in bucket mark-event-queue-packages-000000000000-eu-west-2, or the one that `deploy --bucket` named.
        "#]],
    )?;
    Ok(())
}

/// What is left of a stack that was deployed without a ledger, as far as a deploy over it looks at it.
const OLDER_STACK: &str = r#"{
  "Parameters": { "Ledger": { "Type": "String", "Default": "false" }, "QueuePrefix": { "Type": "String", "Default": "" } },
  "Resources": {
    "UndeliveredQueue": {
      "Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain",
      "Properties": { "FifoQueue": true, "QueueName": "MarkFanOutUndelivered.fifo" }
    },
    "DeadLetterQueue": {
      "Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain",
      "Properties": { "FifoQueue": true, "QueueName": "MarkFanOutDeadLetter.fifo" }
    },
    "LedgerTable": {
      "Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain",
      "Properties": {
        "TableName": "OlderLedger",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
          { "AttributeName": "pk", "AttributeType": "S" }, { "AttributeName": "sk", "AttributeType": "S" }
        ],
        "KeySchema": [ { "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" } ]
      }
    }
  },
  "Outputs": {
    "UndeliveredQueueARN": { "Value": { "Fn::GetAtt": ["UndeliveredQueue", "Arn"] } },
    "DeadLetterQueueARN": { "Value": { "Fn::GetAtt": ["DeadLetterQueue", "Arn"] } }
  }
}"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_older_stack_is_taken_over_once_nothing_of_it_is_lost() -> anyhow::Result<()> {
    let operator = Operator::new("operator-older").await?;
    operator.register(&["Billing"]).await?;
    let connection = operator.ground.connection();
    let target = Target::local(connection.endpoint(), "eu-west-2");
    let cloudformation = aws_sdk_cloudformation::Client::new(target.sdk_config());
    let call = cloudformation.create_stack().stack_name("mark-event-queue").template_body(OLDER_STACK);
    call.send().await?;
    let start = Instant::now();
    // Status 7 while the stack is being made.
    while operator.status_of(&["plan"])? == Some(7) {
        assert!(start.elapsed() < Duration::from_secs(60), "the older stack is not made");
    }
    operator.send("MarkFanOutUndelivered.fifo", 1).await?;
    let key = |name: &str| (name.to_owned(), AttributeValue::S("control".to_owned()));
    let registry = || HashMap::from([key("pk"), key("sk")]);
    let dynamodb = connection.dynamodb();
    dynamodb.put_item().table_name("OlderLedger").set_item(Some(registry())).send().await?;

    let deploy = ["deploy", "--yes", "--stream-arn", operator.ground.stream_arn(), "--function-timeout", "2"];
    let refused = operator.run(&deploy, 6)?.stdout;
    let (_, refused) = refused.split_once("IN THE WAY").unwrap_or_default();
    expect![[r#"
        : the queue MarkFanOutUndelivered.fifo goes out of use, and holds 1 message and 0 in flight. Before you deploy, either
          - send again what it holds, with the `fanoutctl` of the version that is deployed:
              fanoutctl dead-letters retry --all
            or
          - delete what it holds, and wait 60 s:
              aws --endpoint-url ENDPOINT sqs purge-queue --queue-url ENDPOINT/000000000000/MarkFanOutUndelivered.fifo

        The queue MarkFanOutDeadLetter.fifo goes out of use: it leaves the stack and stays, empty. Delete it after the deploy:
              aws --endpoint-url ENDPOINT sqs delete-queue --queue-url ENDPOINT/000000000000/MarkFanOutDeadLetter.fifo

        IN THE WAY: the ledger is of an older format, which this version can't read. Either
          - deploy beside it, under another --stack and --prefix; or
          - with the `fanoutctl` of the version that is deployed, wait until every client is up to date (`fanoutctl status`),
            and delete the stack (`fanoutctl delete`); then deploy again: the new stack has a new ledger, and may repeat
            events of the last 24 hours

        The config that runs can't be compared: the template of stack `mark-event-queue` names no package on S3 for `FanOut`

        Refused: a queue that goes out of use must be empty; this version can't read the ledger. Nothing was touched.
    "#]]
    .assert_eq(&refused.replace(connection.endpoint(), "ENDPOINT"));
    assert_eq!(operator.queues().await?, ["MarkFanOutDeadLetter.fifo", "MarkFanOutUndelivered.fifo"]);

    // A message in flight counts, too.
    let (sqs, url) = (connection.sqs(ACCOUNT), connection.queue_url(ACCOUNT, "MarkFanOutUndelivered.fifo"));
    let received = sqs.receive_message().queue_url(&url).visibility_timeout(600).send().await?;
    let received = received.messages.unwrap_or_default().pop().unwrap_or_else(|| Message::builder().build());
    let plan: Value = serde_json::from_str(&operator.run(&["plan", "--json"], 6)?.stdout)?;
    let depth = &plan["disused_queues"][0]["depth"];
    assert_eq!((&depth["messages"], &depth["in_flight"]), (&0.into(), &1.into()), "{plan}");
    let receipt = received.receipt_handle().unwrap_or_default();
    sqs.delete_message().queue_url(&url).receipt_handle(receipt).send().await?;
    let plan: Value = serde_json::from_str(&operator.run(&["plan", "--json"], 6)?.stdout)?;
    assert!(plan["foreign_ledger"]["format"].is_null() && plan["foreign_ledger"].is_object(), "{plan}");
    dynamodb.delete_item().table_name("OlderLedger").set_key(Some(registry())).send().await?;

    let deployed = operator.run(&deploy, 0)?;
    for queue in ["MarkFanOutUndelivered.fifo", "MarkFanOutDeadLetter.fifo"] {
        assert!(deployed.stderr.contains(&format!("{queue} goes out of use")), "{}", deployed.stderr);
        let delete = format!("sqs delete-queue --queue-url {}", connection.queue_url(ACCOUNT, queue));
        assert!(deployed.stdout.contains(&delete), "`{delete}` in: {}", deployed.stdout);
        assert!(operator.queues().await?.contains(&queue.to_owned()), "{queue}");
    }
    let plan = operator.run(&["plan"], 0)?.stdout;
    assert!(!plan.contains("goes out of use"), "{plan}");
    Ok(())
}

/// An operator with the tool and a config, and nothing else.
struct Operator {
    ground: Ground,
    config: PathBuf,
}

/// What the tool printed.
struct Printed {
    stdout: String,
    stderr: String,
}

impl Operator {
    async fn new(name: &str) -> anyhow::Result<Self> {
        let ground = ground(name).await?;
        let port = ground.connection().endpoint().rsplit(':').next().unwrap_or_default().to_owned();
        let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{port}.toml"));
        Ok(Self { ground, config })
    }

    /// Writes the config. A client `Name=account:queue` brings its own queue, which is made.
    async fn register(&self, clients: &[&str]) -> anyhow::Result<()> {
        let section = |client: &&str| match client.split_once('=') {
            Some((name, queue)) => {
                format!("[[client]]\nname = \"{name}\"\nqueue_arn = \"arn:aws:sqs:eu-west-2:{queue}\"\n")
            }
            None => format!("[[client]]\nname = \"{client}\"\n"),
        };
        let text = format!("{SOURCE}{}", clients.iter().map(section).collect::<String>());
        self.ground.make_existing_queues(&Config::try_from_toml("config", &text, None)?).await?;
        fs::write(&self.config, text)?;
        Ok(())
    }

    /// Runs the tool, which must exit with `code`.
    fn run(&self, arguments: &[&str], code: i32) -> anyhow::Result<Printed> {
        let output = printed(&self.ground, &self.config, arguments)?;
        let printed =
            Printed { stdout: String::from_utf8(output.stdout)?, stderr: String::from_utf8(output.stderr)? };
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{}", printed.stdout, printed.stderr);
        Ok(printed)
    }

    /// The tool's exit status.
    fn status_of(&self, arguments: &[&str]) -> anyhow::Result<Option<i32>> {
        Ok(printed(&self.ground, &self.config, arguments)?.status.code())
    }

    /// Asserts what the tool prints, without its progress.
    fn check(&self, arguments: &[&str], code: i32, expected: &Expect) -> anyhow::Result<()> {
        let Printed { stdout, stderr } = self.run(arguments, code)?;
        let mut text = String::new();
        for (name, stream) in [("stderr", without_progress(&stderr)), ("stdout", stdout)] {
            if !stream.is_empty() {
                text += &format!("--- {name}\n{stream}");
            }
        }
        expected.assert_eq(&without_random_names(
            &text
                .replace(self.ground.stream_arn(), "STREAM_ARN")
                .replace(self.ground.connection().endpoint(), "ENDPOINT"),
        ));
        Ok(())
    }

    /// Whether the client called `name` is one of those that the stack knows.
    fn runs_with(&self, name: &str) -> anyhow::Result<bool> {
        let plan: Value = serde_json::from_str(&self.run(&["plan", "--json"], 6)?.stdout)?;
        let clients = plan["clients"].as_array().cloned().unwrap_or_default();
        Ok(clients.iter().any(|client| client["name"] == name && client["change"] != "added"))
    }

    async fn queues(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        for account in [ACCOUNT, "444455556666"] {
            let listed = self.ground.connection().sqs(account).list_queues().send().await?;
            let urls = listed.queue_urls.unwrap_or_default();
            names.extend(urls.iter().map(|url| url.rsplit('/').next().unwrap_or_default().to_owned()));
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    async fn send(&self, queue: &str, count: usize) -> anyhow::Result<()> {
        let connection = self.ground.connection();
        for number in 0..count {
            let call = connection.sqs(ACCOUNT).send_message().queue_url(connection.queue_url(ACCOUNT, queue));
            let call =
                call.message_body("{}").message_group_id("g").message_deduplication_id(number.to_string());
            call.send().await?;
        }
        Ok(())
    }
}

/// Cargo's lines, and those of CloudFormation's events.
fn without_progress(text: &str) -> String {
    let is_progress = |line: &&str| {
        let word = line.split_whitespace().next().unwrap_or_default();
        let is_status = word.contains('_') && word.chars().all(|c| c == '_' || c.is_ascii_uppercase());
        is_status || word.ends_with(".zip") || ["Compiling", "Finished", "Blocking", "step"].contains(&word)
    };
    text.lines().filter(|line| !is_progress(line)).map(|line| format!("{line}\n")).collect()
}

/// CloudFormation gives a bucket or a policy a name with a random part.
fn without_random_names(text: &str) -> String {
    const NAMES: [&str; 6] = [
        "mark-event-queue-discardedrecords-",
        "mark-event-queue-LedgerTable-",
        "mark-event-queue-ReplayPolicy-",
        "mark-event-queue-ResendPolicy-",
        "mark-event-queue-WatchPolicy-",
        "mark-event-queue-InspectPolicy-",
    ];
    let mut text = text.to_owned();
    for name in NAMES {
        if let Some((before, after)) = text.split_once(name) {
            let after = after.trim_start_matches(|rejection: char| rejection.is_ascii_alphanumeric());
            text = format!("{before}{name}…{after}");
        }
    }
    text
}
