//! The queues as they are deployed, and a consumer that shares no code with this repository.

#![expect(
    clippy::indexing_slicing,
    reason = "a member that a JSON value does not have is null, and no match"
)]

use std::process::{Command, Stdio};

use local::connection::Connection;
use local::ministack::{ACCOUNT, REGION};
use local::stack::{Extras, Stack};
use local::write;
use serde_json::Value;
use shared::naming::OwnQueue;

use crate::support::{SdkClients as _, attributes, incarnations, stack};

/// A linter does not see that a reference inside `Fn::ForEach` is empty; the deployed queue shows it.
#[tokio::test(flavor = "multi_thread")]
async fn every_deployed_queue_is_encrypted_kept_long_enough_and_closed() -> anyhow::Result<()> {
    let stack = stack("deployed", Extras::default()).await?;
    let listed = stack.connection().sqs(ACCOUNT).list_queues().send().await?.queue_urls.unwrap_or_default();
    let own = OwnQueue::ALL.map(|queue| stack.own_queue_url(queue));
    let clients = stack.clients().iter().map(|client| client.queue_url.clone());
    let mut known: Vec<String> = own.into_iter().chain(clients).collect();
    known.sort();
    let mut found = listed.clone();
    found.sort();
    assert_eq!(found, known);

    for url in &listed {
        let is_client = stack.clients().iter().any(|client| client.queue_url == *url);
        // No consumer of this file may ask for anything. A request is worth nothing a day later.
        let is_requests = *url == stack.own_queue_url(OwnQueue::Requests);
        let (senders, days) = if is_requests { (0, 1) } else { (if is_client { 1 } else { 2 }, 14) };
        check_queue(stack.connection(), url, senders, days).await?;
    }
    check_fan_out(&stack).await
}

/// Only so many roles may send to the queue at `url`, which keeps messages for so many `days`.
async fn check_queue(connection: &Connection, url: &str, senders: usize, days: u32) -> anyhow::Result<()> {
    let attribute = attributes(connection, url).await?;
    assert_eq!(attribute("FifoQueue"), "true", "{url}");
    assert_eq!(attribute("SqsManagedSseEnabled"), "true", "{url}");
    assert_eq!(attribute("MessageRetentionPeriod"), (days * 24 * 60 * 60).to_string(), "{url}");

    let arn = attribute("QueueArn");
    let policy: Value = serde_json::from_str(&attribute("Policy"))?;
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    for statement in &statements {
        assert_eq!(statement["Resource"], arn, "{url}");
        assert!(statement["Effect"] == "Deny" || statement["Principal"] != "*", "{url} is open: {statement}");
    }
    let is_tls_only = |statement: &&Value| {
        statement["Effect"] == "Deny"
            && statement["Principal"] == "*"
            && statement["Action"] == "sqs:*"
            && statement["Condition"]["Bool"]["aws:SecureTransport"] == "false"
    };
    assert_eq!(statements.iter().filter(is_tls_only).count(), 1, "{url}");

    // The roles' own policies let them send. The queue's keeps every other principal from it.
    assert!(statements.iter().all(|statement| statement["Effect"] == "Deny"), "{url}: {statements:?}");
    let denies_others = |statement: &&Value| {
        let role = &statement["Condition"]["ArnNotEquals"]["aws:PrincipalArn"];
        let roles = role.as_array().map_or_else(|| vec![role], |roles| roles.iter().collect());
        let roles: Vec<&Value> = roles.into_iter().filter(|role| !role.is_null()).collect();
        statement["Action"] == "sqs:SendMessage"
            && roles.len() == senders
            && roles.iter().all(|role| {
                role.as_str().is_some_and(|role| role.starts_with(&format!("arn:aws:iam::{ACCOUNT}:role/")))
            })
    };
    assert_eq!(statements.iter().filter(denies_others).count(), 1, "{url}: {statements:?}");
    Ok(())
}

/// Nothing takes away the end of a group while the ledger can't be reached.
async fn check_fan_out(stack: &Stack) -> anyhow::Result<()> {
    let fan_out = attributes(stack.connection(), &stack.own_queue_url(OwnQueue::FanOut)).await?;
    assert_eq!(fan_out("VisibilityTimeout"), "12");
    assert_eq!(fan_out("RedrivePolicy"), "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_consumer_gets_every_event_in_order() -> anyhow::Result<()> {
    let stack = stack("deployed", Extras::default()).await?;
    let expected = incarnations(20, 10);
    let refused = write::write_all(&stack.connection().target(ACCOUNT), &expected.events(), &|_| ()).await?;
    assert_eq!(refused, []);
    for client in stack.clients() {
        let output = Command::new(&stack.environment().python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/consumer.py"))
            .args([stack.connection().endpoint(), REGION, &client.queue_url, "200"])
            .stdin(Stdio::null())
            .output()?;
        let (said, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}: {said}{errors}", client.name);
        assert_eq!(said.trim(), "200 events of 20 marks, each mark's in order", "{}", client.name);
    }
    Ok(())
}
