//! `fanoutctl check` looks at the targets of push clients on a deployed stack: nothing is wrong with those that are there, what is
//! gone is found, and a ping reaches the webhook through the stack's own function.

#![expect(
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::support::{SOURCE, printed};
use expect_test::expect;
use local::ministack::{ACCOUNT, REGION};
use local::receiver::{Receiver, SECRET};
use local::stack::{Ground, Say, local_variables};
use local::workspace;
use serde_json::Value;

/// Takes away what the config names, and gives the bucket versions.
const BREAK: &str = r#"
import boto3, sys
account, region, secret = sys.argv[1:]
client = lambda service: boto3.client(service, region_name=region)
client("lambda").delete_function(FunctionName="target")
client("sns").delete_topic(TopicArn=f"arn:aws:sns:{region}:{account}:target.fifo")
client("events").remove_targets(Rule="all", EventBusName="target", Ids=["queue"])
client("events").delete_rule(Name="all", EventBusName="target")
client("events").delete_event_bus(Name="target")
client("kinesis").delete_stream(StreamName="target")
client("s3").put_bucket_versioning(Bucket="target", VersioningConfiguration={"Status": "Enabled"})
client("secretsmanager").delete_secret(SecretId=secret, RecoveryWindowInDays=7)
"#;

struct Trial {
    ground: Ground,
    receiver: Receiver,
    config: PathBuf,
    secret: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_looked_at_and_webhooks_pinged() -> anyhow::Result<()> {
    let trial = Trial::new().await?;
    let _inbox = trial.receiver.inbox("Hook");
    // The function may ask loopback here; this machine's `fanoutctl` judges as for a stack in AWS.
    let report = trial.check(&["--ping"])?;
    expect!["target of client `Hook`: its host `localhost:…` can't be asked: the host has the address …, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`"]
        .assert_eq(&trial.of_targets(&report));
    assert_eq!(report["targets"], 6);
    let (hook, others) = report["pings"].as_array().unwrap().split_first().unwrap();
    assert_eq!((&hook["client"], &hook["answer"]["failure"]), (&Value::from("Hook"), &Value::Null));
    assert_eq!(hook["answer"]["kind"], "webhook");
    assert!(others.iter().all(|ping| ping["answer"].is_null() && ping["no_answer"].is_string()), "{report}");
    let counts = trial.receiver.counts();
    assert_eq!((counts.taken, counts.unsigned), (1, 0));

    trial.python(&["-c", BREAK, ACCOUNT, REGION, &trial.secret])?;
    let report = trial.check(&[])?;
    assert!(report["pings"].is_null(), "{report}");
    expect![[r#"
        target of client `Hook`: its host `localhost:…` can't be asked: the host has the address …, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`
        target of client `Hook`: its secret `…` is being deleted, and can't be read
        target of client `Function`: doesn't exist (`arn:aws:lambda:eu-west-2:000000000000:function:target`)
        target of client `Topic`: doesn't exist (`arn:aws:sns:eu-west-2:000000000000:target.fifo`)
        target of client `Bus`: doesn't exist (`arn:aws:events:eu-west-2:000000000000:event-bus/target`)
        target of client `Stream`: doesn't exist (`arn:aws:kinesis:eu-west-2:000000000000:stream/target`)
        target of client `Bucket`: keeps versions (`Enabled`): what is deleted when an aggregate is erased stays as a noncurrent version"#]]
    .assert_eq(&trial.of_targets(&report));
    Ok(())
}

impl Trial {
    async fn new() -> anyhow::Result<Self> {
        let receiver = Receiver::start().await?;
        let say: Say = Arc::new(|line: &str| eprintln!("{line}"));
        let ground = Ground::start_with("push-check", &say, local_variables(&receiver)?).await?;
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("push-check");
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory)?;
        let config = directory.join("client-queues.toml");
        let mut trial = Self { ground, receiver, config, secret: String::new() };
        let script = workspace::root().join("local/tests/e2e/push_targets.py");
        let made = [&script.display().to_string(), "make", &directory.display().to_string(), SECRET];
        trial.secret = trial.python(&made)?.trim().to_owned();
        fs::write(&trial.config, trial.clients())?;
        let stream = trial.ground.stream_arn();
        let deploy = ["deploy", "--yes", "--stream-arn", stream, "--function-timeout", "2"];
        let output = printed(&trial.ground, &trial.config, &deploy)?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(trial)
    }

    fn clients(&self) -> String {
        let arn = |service: &str, resource: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}");
        let client =
            |name: &str, target: String| format!("[[client]]\nname = \"{name}\"\n[client.push.{target}\n");
        let (url, secret) = (self.receiver.url("Hook"), &self.secret);
        let bus = arn("events", "event-bus/target");
        [
            SOURCE,
            "allowed_hosts = [{ host = \"localhost\", internal = true }]\n",
            &client("Hook", format!("webhook]\nurl = \"{url}\"\nsecret = \"{secret}\"")),
            &client("Function", format!("lambda]\nfunction = \"{}\"", arn("lambda", "function:target"))),
            &client("Topic", format!("sns]\ntopic = \"{}\"", arn("sns", "target.fifo"))),
            &client("Bus", format!("eventbridge]\nbus = \"{bus}\"\nsource = \"mark-event-queue\"")),
            &client("Stream", format!("kinesis]\nstream = \"{}\"", arn("kinesis", "stream/target"))),
            &client("Bucket", "s3]\nbucket = \"target\"\nprefix = \"marks\"".to_owned()),
        ]
        .concat()
    }

    /// What `check` finds: the webhook on this machine, at least.
    fn check(&self, options: &[&str]) -> anyhow::Result<Value> {
        let arguments = [&["check", "--json"], options].concat();
        let output = printed(&self.ground, &self.config, &arguments)?;
        anyhow::ensure!(output.status.code() == Some(6), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// The problems of targets, without what differs from run to run.
    fn of_targets(&self, report: &Value) -> String {
        let findings = report["findings"].as_array().unwrap().iter();
        let texts = findings
            .map(|finding| (finding["subject"].as_str().unwrap(), finding["problem"].as_str().unwrap()));
        let of_targets =
            texts.filter(|(subject, _)| subject.starts_with("target") || subject.starts_with("ping"));
        let lines: Vec<String> =
            of_targets.map(|(subject, problem)| format!("{subject}: {problem}")).collect();
        let text = lines.join("\n").replace(&self.secret, "…");
        let text = text.replace(&format!(":{}`", self.receiver.port()), ":…`");
        // Which of the two comes first is the machine's affair.
        text.replace("the address 127.0.0.1,", "the address …,").replace("the address ::1,", "the address …,")
    }

    fn python(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.ground.environment().python);
        command.args(arguments).envs(self.ground.variables()).env("AWS_DEFAULT_REGION", REGION);
        let output = command.output()?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}
