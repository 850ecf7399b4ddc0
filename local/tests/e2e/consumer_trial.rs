//! What `docs/consume.md` tells a team to try on its machine: an event through the pipeline, the loop that takes it, and the
//! rehearsal that the loop's consumer must pass.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use local::ministack::{ACCOUNT, REGION};
use local::stack::{Extras, Stack};
use local::workspace;
use serde_json::{Map, Value, json};

use crate::support::{SdkClients as _, stack};

const ITEM: &str = r#"{"mark":{"S":"AFC F5"},"createTime":{"S":"2026-01-05T09:00:00Z"},"eventId":{"S":"1"},"eventName":{"S":"Bought"},"RegistrationNumber":{"M":{"version":{"N":"1"},"price":{"N":"1.10"}}}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_team_sees_an_event_arrive_and_rehearses_its_consumer() -> anyhow::Result<()> {
    let trial = Trial { stack: stack("trial", Extras::default()).await? };

    // An event of a test reaches each client; the ledger says so, and nothing is received.
    let sent = trial.fanoutctl(&["send-test", "--json"])?;
    assert_eq!(sent["table"], "RegistrationNumberEvent");
    let outcomes = sent["clients"].as_array().unwrap().iter().map(|client| {
        assert!(client["milliseconds"].is_u64(), "{client}");
        (client["client"].as_str().unwrap(), client["outcome"].as_str().unwrap())
    });
    let expected = ["Billing", "Insurance", "Enforcement"].map(|name| (name, "arrived"));
    assert_eq!(outcomes.collect::<Vec<_>>(), expected);
    let taken = trial.consume("MarkFanOutClientBilling.fifo")?;
    let [of_test] = taken.as_slice() else { anyhow::bail!("{taken:?}") };
    assert_eq!((&of_test["group"], &of_test["events"]), (&sent["group"], &json!([1])));
    let only = trial.fanoutctl(&["send-test", "--client", "Insurance", "--json"])?;
    assert_eq!(only["clients"].as_array().unwrap().len(), 1);
    assert_ne!(only["group"], sent["group"]);

    // The kit passes what is played, for a client that is told of erasures and for one that is not.
    let sample = file("trial-items.jsonl", ITEM)?;
    let shipped = fs::read_to_string(workspace::root().join("client-queues.toml"))?;
    let erasures = shipped.replacen("name = \"Billing\"\n", "name = \"Billing\"\nerasures = true\n", 1);
    let erasures = file("trial-erasures.toml", &erasures)?;
    for (queue, options, has_erasure) in [
        ("test-1.fifo", vec!["--sample", &sample], false),
        ("test-2.fifo", vec!["--config", &erasures], true),
    ] {
        trial.make_queue(queue).await?;
        let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}");
        let command = [&["rehearse", "Billing", "--json", "--queue-arn", &arn], options.as_slice()].concat();
        let played = trial.fanoutctl(&command)?;
        let scenarios = played["scenarios"].as_array().unwrap();
        let names: BTreeSet<_> =
            scenarios.iter().filter_map(|scenario| scenario["scenario"].as_str()).collect();
        assert!(
            names.is_superset(&["duplicate", "gap", "replay", "new-incarnation", "stream-1"].into()),
            "{names:?}"
        );
        assert_eq!(names.contains("erasure"), has_erasure);
        let again = trial.run(&command)?;
        assert_eq!(again.status.code(), Some(2), "messages are in it: {}", said(&again));

        let expected: BTreeSet<String> = scenarios.iter().map(compared).collect();
        let found: BTreeSet<String> = trial.consume(queue)?.iter().map(compared).collect();
        assert_eq!(found, expected);
    }

    let registered = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:MarkFanOutClientInsurance.fifo");
    let refused = trial.run(&["rehearse", "Billing", "--queue-arn", &registered])?;
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("is that of client `Insurance`"), "{}", said(&refused));
    Ok(())
}

/// What the page compares of a group.
fn compared(group: &Value) -> String {
    let members = ["group", "version", "incarnation", "missing_from", "events"];
    let compared: Map<String, Value> =
        members.into_iter().map(|name| (name.to_owned(), group[name].clone())).collect();
    Value::Object(compared).to_string()
}

/// A team with a local stack, its variables, and the tools.
struct Trial {
    stack: Stack,
}

impl Trial {
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(workspace::root()).stdin(Stdio::null());
        command.env("AWS_ENDPOINT_URL", self.stack.connection().endpoint());
        for region in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            command.env(region, REGION);
        }
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        Ok(self.command(&testkit::wire::fanoutctl()?).args(arguments).output()?)
    }

    /// What a command that is done prints as JSON.
    fn fanoutctl(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let output = self.run(arguments)?;
        anyhow::ensure!(output.status.success(), "{arguments:?}: {}", said(&output));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Runs the page's loop on the queue. A line for each group: what the consumer has.
    fn consume(&self, queue: &str) -> anyhow::Result<Vec<Value>> {
        let output = self
            .command(&self.stack.environment().python)
            .arg("docs/consume/loop.py")
            .env("PYTHONPATH", workspace::root().join("consumer/python"))
            .env("CLIENT", "Billing")
            .env("QUEUE_URL", self.stack.connection().queue_url(ACCOUNT, queue))
            .output()?;
        anyhow::ensure!(output.status.success(), "{}", said(&output));
        let lines = std::str::from_utf8(&output.stdout)?.lines();
        Ok(lines.map(serde_json::from_str).collect::<Result<_, _>>()?)
    }

    async fn make_queue(&self, name: &str) -> anyhow::Result<()> {
        let call = self.stack.connection().sqs(ACCOUNT).create_queue().queue_name(name);
        call.attributes(aws_sdk_sqs::types::QueueAttributeName::FifoQueue, "true").send().await?;
        Ok(())
    }
}

/// The path of a new file with this text.
fn file(name: &str, text: &str) -> anyhow::Result<String> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text)?;
    Ok(path.display().to_string())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
