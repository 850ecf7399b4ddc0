//! Erasures through the real template: a client that wants to know is told once, after all events, and nobody else; and
//! so it is of an erasure that the stream did not show, by request.

#![expect(
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws::operator::sqs;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use local::ministack::ACCOUNT;
use local::stack::Ground;
use local::tables::EVENTS;
use serde_json::{Value, json};

use crate::support::{SOURCE, SdkClients as _, ground, printed, take};

/// The client that wants to know of erasures, and the one that doesn't.
const CLIENTS: [&str; 2] = ["Registry", "Billing"];
/// Longer than a returned message, a cold start and a pass of the schedule take here.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_wants_to_know_is_told_of_an_erasure_once_after_all_events() -> anyhow::Result<()> {
    let mut operator = Operator::new("erasures").await?;
    operator.put("AFC F5", 1..4).await?;
    operator.put("B", 1..3).await?;
    operator.put("C", 1..2).await?;
    let mut tokens = HashMap::new();
    for client in CLIENTS {
        for message in operator.take(client, 6).await? {
            tokens.insert(group(&message), attribute(&message, "incarnation").unwrap());
        }
    }

    // Nobody wants to know yet: this one is found later.
    operator.delete("C", 1..2).await?;
    let (text, _) = operator.run(&["erasures"], 0);
    assert_eq!(
        text,
        "no client is told of erasures: none had `erasures = true` when maintenance ran last, each minute\n"
    );
    let (_, errors) = operator.run(&["erasures", "--find"], 2);
    assert!(errors.contains("no client is told of erasures"), "{errors}");
    operator.configure(true)?;
    let (plan, _) = operator.run(&["plan"], 0);
    assert!(plan.contains("client.erasures of Registry  false  true"), "{plan}");
    operator.run(&["deploy", "--yes"], 0);
    operator.until_erasures(|said| said["wanting"] == json!(["Registry"])).await;

    operator.delete("B", 1..2).await?;
    operator.delete("AFC F5", 1..4).await?;
    let (of_registry, _) = operator.until_told(1).await;
    let notice = &operator.take("Registry", 1).await?[0];
    assert_eq!((group(notice).as_str(), notice.body()), ("AFC%20F5", Some(r#"{"S":"AFC F5"}"#)));
    assert_eq!(attribute(notice, "version").as_deref(), Some("4"));
    assert_eq!(attribute(notice, "previousVersion").as_deref(), Some("3"));
    assert_eq!(attribute(notice, "incarnation").as_ref(), tokens.get("AFC%20F5"));
    assert_eq!(attribute(notice, "eventName"), None);
    let row = &of_registry["erasures"][0];
    assert_eq!((&row["client"], &row["key"]), (&json!("Registry"), &json!({"S": "AFC F5"})));
    assert_eq!(row["incarnation"].as_str(), attribute(notice, "incarnation").as_deref());
    let erased = attribute(notice, "erased").unwrap();
    // To the second.
    assert!(erased.starts_with(row["erased"].as_str().unwrap().trim_end_matches('Z')), "{row}: {erased}");
    assert!(row["at"].as_str().unwrap() >= row["erased"].as_str().unwrap(), "{row}");

    // What the stream did not show is found by request; what is closed already isn't asked for again.
    let (found, errors) = operator.json(&["erasures", "--find"], 0);
    assert_eq!(
        (&found["groups"], &found["closed"], &found["erased"]),
        (&json!(3), &json!(1), &json!([{"S": "C"}]))
    );
    assert!(errors.contains("look for erasures"), "{errors}");
    operator.until_told(2).await;
    let notice = &operator.take("Registry", 1).await?[0];
    assert_eq!((group(notice).as_str(), attribute(notice, "version").as_deref()), ("C", Some("2")));
    assert!(attribute(notice, "erased").is_some());
    for client in CLIENTS {
        assert_eq!(operator.depth(client).await?, 0, "{client} got more");
    }
    assert_eq!(operator.json(&["erasures", "Billing"], 0).0["erasures"], json!([]));

    // Created anew, it is another incarnation, for both.
    operator.put("AFC F5", 1..2).await?;
    for client in CLIENTS {
        let first = &operator.take(client, 1).await?[0];
        assert_eq!(group(first), "AFC%20F5");
        assert_eq!(attribute(first, "version").as_deref(), Some("1"));
        assert_eq!(attribute(first, "previousVersion").as_deref(), Some("0"));
        assert_eq!(attribute(first, "erased"), None);
        assert_ne!(attribute(first, "incarnation").as_ref(), tokens.get("AFC%20F5"));
    }
    let (text, _) = operator.run(&["erasures"], 0);
    assert!(text.contains("told") && text.contains("no notice is due"), "{text}");
    Ok(())
}

/// An operator with the tool and a config, and nothing else, at a stack that was just deployed.
struct Operator {
    ground: Ground,
    config: PathBuf,
    /// How often an event was written; each is another.
    written: usize,
}

impl Operator {
    async fn new(name: &str) -> anyhow::Result<Self> {
        let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
        let operator = Self { ground: ground(name).await?, config, written: 0 };
        operator.configure(false)?;
        operator.run(&["deploy", "--yes", "--stream-arn", operator.ground.stream_arn()], 0);
        Ok(operator)
    }

    /// Writes the config, in which the first client wants to know of erasures, or not.
    fn configure(&self, erasures: bool) -> anyhow::Result<()> {
        let [registry, billing] = CLIENTS.map(|name| format!("[[client]]\nname = \"{name}\"\n"));
        Ok(fs::write(&self.config, format!("{SOURCE}{registry}erasures = {erasures}\n{billing}"))?)
    }

    /// Runs a command that ends with this status.
    fn run(&self, arguments: &[&str], status: i32) -> (String, String) {
        let output = printed(&self.ground, &self.config, arguments).unwrap();
        let [said, errors] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}{errors}");
        (said, errors)
    }

    fn json(&self, arguments: &[&str], status: i32) -> (Value, String) {
        let (said, errors) = self.run(&[arguments, &["--json"]].concat(), status);
        (serde_json::from_str(&said).unwrap(), errors)
    }

    /// Waits until the condition holds for what `erasures` prints, and returns that.
    async fn until_erasures(&self, holds: impl Fn(&Value) -> bool) -> (Value, String) {
        let start = Instant::now();
        loop {
            let said = self.json(&["erasures"], 0);
            if holds(&said.0) {
                return said;
            }
            assert!(start.elapsed() < PATIENCE, "{}", said.0);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until the queue of the client that wants to know took so many notices, and no other is due.
    async fn until_told(&self, count: usize) -> (Value, String) {
        let rows = |said: &Value| said["erasures"].as_array().unwrap().clone();
        self.until_erasures(|said| rows(said).len() == count).await;
        // Otherwise the schedule does it, within a minute.
        self.run(&["catch-up", CLIENTS[0]], 0);
        self.until_erasures(|said| rows(said).iter().all(|row| row["state"] == "told")).await
    }

    /// Appends events of a mark, of these versions.
    async fn put(&mut self, mark: &str, versions: std::ops::Range<usize>) -> anyhow::Result<()> {
        for version in versions {
            self.written += 1;
            let number = AttributeValue::N(version.to_string());
            let state = HashMap::from([("version".to_owned(), number)]);
            let call = self.ground.connection().dynamodb().put_item().table_name(EVENTS);
            let call = call.item("mark", text(mark)).item("createTime", create_time(version));
            let call = call.item("eventId", text(&format!("{mark} {}", self.written)));
            let call = call.item("eventName", text("PriceChangedEvent"));
            call.item("RegistrationNumber", AttributeValue::M(state)).send().await?;
        }
        Ok(())
    }

    /// Deletes the events of a mark, of these versions.
    async fn delete(&self, mark: &str, versions: std::ops::Range<usize>) -> anyhow::Result<()> {
        for version in versions {
            let call = self.ground.connection().dynamodb().delete_item().table_name(EVENTS);
            call.key("mark", text(mark)).key("createTime", create_time(version)).send().await?;
        }
        Ok(())
    }

    fn url(&self, client: &str) -> String {
        self.ground.connection().queue_url(ACCOUNT, &format!("MarkFanOutClient{client}.fifo"))
    }

    async fn depth(&self, client: &str) -> anyhow::Result<u64> {
        Ok(sqs::depth(&self.ground.connection().target(ACCOUNT), &self.url(client)).await?.total())
    }

    /// Takes the next `count` messages out of a client's queue.
    async fn take(&self, client: &str, count: usize) -> anyhow::Result<Vec<Message>> {
        let taken = take(self.ground.connection(), client, &self.url(client), count, PATIENCE).await?;
        assert_eq!(taken.len(), count, "client {client} got more");
        Ok(taken)
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn create_time(version: usize) -> AttributeValue {
    text(&format!("2026-01-05T09:00:{version:02}Z"))
}

fn attribute(message: &Message, name: &str) -> Option<String> {
    message.message_attributes.as_ref()?.get(name)?.string_value.clone()
}

fn group(message: &Message) -> String {
    message.attributes.as_ref().unwrap()[&MessageSystemAttributeName::MessageGroupId].clone()
}
