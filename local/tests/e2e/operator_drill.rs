//! An incident drill. For each incident, one command that only reads names the aggregate by its key, the client, the
//! reason, and the command that mends it; and that command, as it is printed, mends it.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification, StreamViewType};
use aws_sdk_sqs::types::QueueAttributeName;
use local::ministack::ACCOUNT;
use local::stack::Ground;
use local::tables::EVENTS;
use serde_json::{Value, json};

use crate::support::{SOURCE, SdkClients as _, fanoutctl, ground, printed};

const CLIENTS: [&str; 3] = ["Billing", "Insurance", "Enforcement"];
/// Longer than a returned message, a cold start and a pass of the schedule take here.
const PATIENCE: Duration = Duration::from_secs(120);

type Item = HashMap<String, AttributeValue>;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_gets_nothing_is_named_with_the_reason_and_what_mends_it() -> anyhow::Result<()> {
    let operator = Operator::new("drill-clients").await?;
    for mark in ["DEL 1", "BIG 1", "PAU 1", "HLD 1"] {
        operator.put(event(mark, 1)).await?;
        operator.until_all_have(mark, 1);
    }

    // A queue is deleted.
    let sqs = operator.ground.connection().sqs(ACCOUNT);
    sqs.delete_queue().queue_url(operator.url("Billing")).send().await?;
    operator.put(event("DEL 1", 2)).await?;
    operator.until_tried("Billing", "DEL 1", 2);
    let said = operator.until_status_of("Billing", "queue_fails");
    said.names("DEL 1", "NonExistentQueue", "fanoutctl queue repair Billing");
    operator.type_in(&format!("{} --yes", said.command));
    operator.until_all_have("DEL 1", 2);

    // A queue refuses one event for good.
    operator.set_limit("Insurance", "1024").await?;
    let mut large = event("BIG 1", 2);
    large.insert("remark".to_owned(), AttributeValue::S("x".repeat(2_000)));
    operator.put(large).await?;
    operator.until_tried("Insurance", "BIG 1", 2);
    let said = operator.until_status_of("Insurance", "refused");
    said.names("BIG 1", "version 2", "fanoutctl queue repair Insurance");
    let (status, _) = operator.json(&["status"], 6);
    let client = find(&status["clients"], "client", "Insurance");
    assert!(client["attention"].as_str().unwrap().contains("for good"), "{client}");
    operator.type_in(&format!("{} --yes", said.command));
    operator.until_all_have("BIG 1", 2);

    // A client is paused, and forgotten.
    operator.run(&["pause", "Enforcement", "--reason", "its queue moves"], 0);
    operator.put(event("PAU 1", 2)).await?;
    let said = operator.until_status_of("Enforcement", "paused");
    said.names("PAU 1", "its queue moves (", "fanoutctl resume Enforcement");
    let next = operator.type_in(&said.command);
    operator.type_in(printed_command(&next, "fanoutctl catch-up Enforcement"));
    operator.until_all_have("PAU 1", 2);

    // A group is held.
    operator.run(&["hold", "Billing", "--group", "HLD 1", "--reason", "breaks the import"], 0);
    operator.put(event("HLD 1", 2)).await?;
    let said = operator.until_status_of("Billing", "held");
    said.names("HLD 1", "breaks the import", "fanoutctl release Billing --group 'HLD 1'");
    let next = operator.type_in(&said.command);
    operator.type_in(printed_command(&next, "fanoutctl catch-up Billing"));
    operator.until_all_have("HLD 1", 2);
    operator.run(&["status"], 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_no_client_gets_is_named_with_the_reason_and_what_mends_it() -> anyhow::Result<()> {
    let operator = Operator::new("drill-events").await?;
    for mark in ["REJ 1", "FAR 1", "NEW 1"] {
        operator.put(event(mark, 1)).await?;
        operator.until_all_have(mark, 1);
    }

    // An event is rejected.
    let mut lacking = event("REJ 1", 2);
    let id = lacking.remove("eventId").unwrap();
    operator.put(lacking.clone()).await?;
    let said = operator.until_rejected("REJ 1", 2);
    said.names("REJ 1", "lacks `eventId`", "fanoutctl rejected resend ");
    lacking.insert("eventId".to_owned(), id);
    operator.put(lacking).await?;
    operator.type_in(&format!("{} --yes", said.command));
    operator.until_all_have("REJ 1", 2);

    // A version is far above all others.
    let mut poisoned = event("FAR 1", 2);
    poisoned.insert("RegistrationNumber".to_owned(), version(1_000_000));
    operator.put(poisoned.clone()).await?;
    let said = operator.until_rejected("FAR 1", 1_000_000);
    said.names("FAR 1", "version 1000000 comes after 1", "fanoutctl rejected resend ");
    // The aggregate goes on without it.
    operator.put(event("FAR 1", 3)).await?;
    poisoned.insert("RegistrationNumber".to_owned(), version(2));
    operator.put(poisoned).await?;
    operator.type_in(&format!("{} --yes", said.command));
    operator.until_all_have("FAR 1", 3);
    assert_eq!(operator.json(&["rejected", "list"], 0).0["rejections"], json!([]));

    // The table has another stream. The first comparison is over, which would find by itself what is lost with the old one.
    operator.until_compared().await?;
    let dynamodb = operator.ground.connection().dynamodb();
    let disabled = StreamSpecification::builder().stream_enabled(false);
    let enabled =
        StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
    for (stream, written) in [(disabled, event("NEW 1", 2)), (enabled, event("NEW 2", 1))] {
        let call = dynamodb.update_table().table_name(EVENTS).stream_specification(stream.build()?);
        call.send().await?;
        operator.put(written).await?;
    }
    let (check, _) = operator.json(&["check"], 6);
    let finding = find(&check["findings"], "subject", &format!("event table `{EVENTS}`"));
    assert!(finding["problem"].as_str().unwrap().contains("which is closed"), "{finding}");
    let command = finding["remedy"].as_str().unwrap().split('`').find(|part| part.starts_with("fanoutctl "));
    let deployed = operator.type_in(&format!("{} --yes", command.unwrap()));
    assert!(deployed.contains("fanoutctl reconcile"), "{deployed}");
    // The new stream is read from its beginning. What came while there was none, no stream shows.
    operator.until_all_have("NEW 2", 1);
    let (differences, _) = operator.json(&["reconcile", "--dry-run"], 6);
    let missing = json!([{ "group": "NEW%201", "key": { "S": "NEW 1" }, "version": 2 }]);
    assert_eq!((&differences["groups"], &differences["missing"]), (&json!(4), &missing), "{differences}");
    operator.run(&["reconcile"], 6);
    operator.until_all_have("NEW 1", 2);
    operator.run(&["reconcile", "--dry-run"], 0);
    operator.put(event("NEW 1", 3)).await?;
    operator.until_all_have("NEW 1", 3);
    operator.run(&["check"], 0);
    Ok(())
}

/// What one command said of an incident.
struct Said {
    key: Value,
    reason: String,
    command: String,
}

impl Said {
    #[track_caller]
    fn names(&self, key: &str, reason: &str, command: &str) {
        let Self { key: named, reason: why, command: typed } = self;
        assert_eq!(*named, json!({ "S": key }));
        assert!(why.contains(reason), "{why}");
        assert!(typed.starts_with(command), "{typed}");
    }
}

/// An operator with the tool and a config, and nothing else, at a stack that was just deployed.
struct Operator {
    ground: Ground,
    config: PathBuf,
}

impl Operator {
    async fn new(name: &str) -> anyhow::Result<Self> {
        let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.toml"));
        let clients = CLIENTS.map(|name| format!("[[client]]\nname = \"{name}\"\n"));
        fs::write(&config, format!("{SOURCE}{}", clients.concat()))?;
        let operator = Self { ground: ground(name).await?, config };
        let stream = operator.ground.stream_arn();
        operator.run(&["deploy", "--yes", "--stream-arn", stream, "--function-timeout", "2"], 0);
        Ok(operator)
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

    /// Types a line as it was printed into a shell. Returns what that prints.
    fn type_in(&self, line: &str) -> String {
        let tool = fanoutctl(&self.ground, &self.config, &[]).unwrap();
        let mut shell = Command::new("sh");
        let program = tool.get_program().to_str().unwrap();
        shell.args(["-c", &format!("fanoutctl() {{ '{program}' \"$@\"; }}; {line}")]);
        shell.current_dir(tool.get_current_dir().unwrap());
        shell.envs(tool.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until the fan-out has come to this version, and has a client that fails tried again, as the schedule does each
    /// minute.
    fn until_tried(&self, client: &str, mark: &str, version: u64) {
        self.until_traced(mark, version, |traced| traced["place"] == "fanned_out");
        self.run(&["catch-up", client], 6);
    }

    /// What `status CLIENT` says, as soon as it gives this reason for a group.
    fn until_status_of(&self, client: &str, why: &str) -> Said {
        let start = Instant::now();
        loop {
            let output = printed(&self.ground, &self.config, &["status", client, "--json"]).unwrap();
            let status: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(status["client"], client);
            if let Some(group) = status["groups"].as_array().unwrap().iter().find(|group| group["why"] == why)
            {
                let text = |name: &str| group[name].as_str().unwrap_or_default().to_owned();
                return Said { key: group["key"].clone(), reason: text("reason"), command: text("command") };
            }
            assert!(start.elapsed() < PATIENCE, "{client} is not `{why}`: {status}");
        }
    }

    /// What `rejected list` says of an event, as soon as it is there.
    fn until_rejected(&self, mark: &str, version: u64) -> Said {
        let start = Instant::now();
        loop {
            let (list, _) = self.json(&["rejected", "list"], 0);
            let mut rejections = list["rejections"].as_array().unwrap().iter();
            if let Some(rejection) = rejections.find(|rejection| rejection["key"]["S"] == mark) {
                assert_eq!(rejection["version"], version, "{rejection}");
                let text = |name: &str| rejection[name].as_str().unwrap().to_owned();
                return Said {
                    key: rejection["key"].clone(),
                    reason: text("reason"),
                    command: text("command"),
                };
            }
            assert!(start.elapsed() < PATIENCE, "{mark} is not rejected: {list}");
        }
    }

    /// Waits until `trace` says that every client's queue has this version.
    fn until_all_have(&self, mark: &str, version: u64) {
        let all = format!("is with all {} clients that want it", CLIENTS.len());
        self.until_traced(mark, version, |traced| traced["answer"].as_str().unwrap().contains(&all));
    }

    /// Waits until the condition holds for what `trace` says of this version.
    fn until_traced(&self, mark: &str, version: u64, holds: impl Fn(&Value) -> bool) {
        let (start, number) = (Instant::now(), version.to_string());
        loop {
            let arguments = ["trace", "--group", mark, "--version", &number, "--json"];
            let output = printed(&self.ground, &self.config, &arguments).unwrap();
            // Nothing is printed of an aggregate that nothing has come to yet.
            let traced = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
            if !traced.is_null() && holds(&traced) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{mark} {version}: {traced}");
        }
    }

    /// Waits until the catch-up function has compared table and ledger, which it does again a day later.
    async fn until_compared(&self) -> anyhow::Result<()> {
        let dynamodb = self.ground.connection().dynamodb();
        let tables = dynamodb.list_tables().send().await?;
        let ledger = tables.table_names().iter().find(|name| name.contains("LedgerTable")).unwrap();
        let [pk, sk] = ["scan#reconcile", "scan"].map(|key| AttributeValue::S(key.to_owned()));
        let start = Instant::now();
        loop {
            let call = dynamodb.get_item().table_name(ledger).key("pk", pk.clone()).key("sk", sk.clone());
            let scan = call.send().await?.item.unwrap_or_default();
            if scan.get("is_on") == Some(&AttributeValue::Bool(false)) {
                return Ok(());
            }
            anyhow::ensure!(start.elapsed() < PATIENCE, "table and ledger were not compared: {scan:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn put(&self, item: Item) -> anyhow::Result<()> {
        let call = self.ground.connection().dynamodb().put_item().table_name(EVENTS);
        call.set_item(Some(item)).send().await?;
        Ok(())
    }

    async fn set_limit(&self, client: &str, bytes: &str) -> anyhow::Result<()> {
        let call = self.ground.connection().sqs(ACCOUNT).set_queue_attributes().queue_url(self.url(client));
        call.attributes(QueueAttributeName::MaximumMessageSize, bytes).send().await?;
        Ok(())
    }

    fn url(&self, client: &str) -> String {
        self.ground.connection().queue_url(ACCOUNT, &format!("MarkFanOutClient{client}.fifo"))
    }
}

/// The line of `text` that begins so.
fn printed_command<'t>(text: &'t str, command: &str) -> &'t str {
    text.lines().map(str::trim).find(|line| line.starts_with(command)).unwrap()
}

/// The event of a mark with this version.
fn event(mark: &str, number: u64) -> Item {
    let text = |text: String| AttributeValue::S(text);
    let item = [
        ("mark", text(mark.to_owned())),
        ("createTime", text(format!("2026-01-05T09:00:{number:02}Z"))),
        ("eventId", text(format!("{mark}-{number}"))),
        ("eventName", text("MarkSold".to_owned())),
        ("RegistrationNumber", version(number)),
    ];
    item.map(|(name, value)| (name.to_owned(), value)).into()
}

fn version(number: u64) -> AttributeValue {
    AttributeValue::M(HashMap::from([("version".to_owned(), AttributeValue::N(number.to_string()))]))
}

/// The row that is called `named`.
fn find(rows: &Value, name: &str, named: &str) -> Value {
    let found = rows.as_array().unwrap().iter().find(|row| row[name] == named);
    found.unwrap_or(&Value::Null).clone()
}
