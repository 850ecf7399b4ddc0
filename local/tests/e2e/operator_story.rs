//! An operator's year in a minute, through `fanoutctl` and the real template: clients come and go while events flow,
//! a client's queue is lost and repaired, the stack is deleted; no client misses an event or gets one twice.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use aws::operator::sqs;
use local::check::ExpectedEvents;
use local::follow::Follower;
use local::ministack::ACCOUNT;
use local::stack::Ground;
use local::tables::EVENTS;
use local::{marks, write};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::support::{SOURCE, START, SdkClients as _, fanoutctl, ground, printed};

const MARKS: usize = 25;
/// Every mark's next event is one round: 20 while the first client is added, one for each thing that follows.
const ROUNDS: usize = 23;
const KEPT_QUEUE: &str = "[[client]]\nname = \"Reporting\"\nqueue_arn = \"arn:aws:sqs:eu-west-2:000000000000:MarkFanOutClientReporting.fifo\"\n";
/// Longer than a returned message and a killed function take here.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn clients_come_and_go_and_none_misses_an_event_or_gets_one_twice() -> anyhow::Result<()> {
    let operator = Operator::new("operator").await?;
    let expected = ExpectedEvents::new(marks::histories(MARKS, ROUNDS, START));
    let mut billing = operator.follower("Billing", &expected);
    let mut insurance = operator.follower("Insurance", &expected);
    let mut enforcement = operator.follower("Enforcement", &expected);
    let mut reporting = operator.follower("Reporting", &expected);

    // A first deploy, and the first events.
    operator.register(&["Billing", "Insurance", "Enforcement"], "")?;
    operator.done(&[
        "deploy",
        "--yes",
        "--stream-arn",
        operator.ground.stream_arn(),
        "--function-timeout",
        "2",
    ])?;
    operator.write(&expected, 0..5).await?;

    // A fourth client, while events flow: a round follows each line of progress.
    operator.register(&["Billing", "Insurance", "Enforcement", "Reporting"], "")?;
    let (written, in_both_steps) = operator.write_during_deploy(&expected, 5..15).await?;
    assert!(in_both_steps, "events were not written all the while that the stack was updated");
    operator.write(&expected, written..20).await?;
    for follower in [&mut billing, &mut insurance, &mut enforcement] {
        assert_has_all_once(follower, &expected, 20).await?;
    }
    assert_joined(&mut reporting, &expected, written..20).await?;

    // The client is removed, and its queue kept.
    operator.register(&["Billing", "Insurance", "Enforcement"], "")?;
    operator.done(&["deploy", "--yes"])?;
    assert!(operator.queues().await?.contains("MarkFanOutClientReporting.fifo"));

    // No queue can be made under that name: the refusal names both ways out, and nothing is changed.
    operator.register(&["Billing", "Insurance", "Enforcement", "Reporting"], "")?;
    let refused = operator.run(&["deploy", "--yes"])?;
    assert_eq!(refused.status.code(), Some(6), "{}", said(&refused));
    for remedy in
        ["queue_arn = \"arn:aws:sqs:eu-west-2:000000000000:MarkFanOutClientReporting.fifo\"", "60 s"]
    {
        assert!(said(&refused).contains(remedy), "`{remedy}` in: {}", said(&refused));
    }
    operator.register(&["Billing", "Insurance", "Enforcement"], KEPT_QUEUE)?;
    operator.done(&["deploy", "--yes"])?;
    operator.write(&expected, 20..21).await?;
    for follower in [&mut billing, &mut insurance, &mut enforcement] {
        assert_has_all_once(follower, &expected, 21).await?;
    }
    assert_joined(&mut reporting, &expected, 20..21).await?;

    // A client's queue is deleted while events flow: the others go on, and `status` shows it.
    let as_made = operator.attributes("Insurance").await?;
    operator.delete_queue("Insurance").await?;
    operator.write(&expected, 21..22).await?;
    for follower in [&mut billing, &mut enforcement] {
        assert_has_all_once(follower, &expected, 22).await?;
    }
    let status = operator.run(&["status", "--json"])?;
    assert_eq!(status.status.code(), Some(6), "{}", said(&status));
    let status: Value = serde_json::from_slice(&status.stdout)?;
    let lost =
        status["queues"].as_array().unwrap().iter().find(|queue| queue["client"] == "Insurance").unwrap();
    assert!(lost["messages"].is_null(), "{lost}");
    assert!(operator.has_counted("BecameBehind", "Insurance")?, "no metric `BecameBehind` counts it");
    // By then catch-up has tried it, and `status` says of each group why it is behind.
    operator.run(&["catch-up", "Insurance"])?;
    let status: Value = serde_json::from_slice(&operator.run(&["status", "Insurance", "--json"])?.stdout)?;
    let groups = status["groups"].as_array().unwrap();
    assert_eq!(groups.len(), MARKS, "{status}");
    for group in groups {
        assert_eq!(
            (&group["why"], &group["reason"]),
            (&json!("queue_fails"), &status["failure"]),
            "{status}"
        );
        assert_eq!(group["command"], "fanoutctl queue repair Insurance", "{status}");
    }
    assert!(status["failure"].as_str().unwrap().contains("NonExistentQueue"), "{status}");

    // It is made again as the stack made it, and the client has what it lacked. What somebody changed is set back.
    let refused = operator.run(&["queue", "repair", "Reporting", "--yes"])?;
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("`fanoutctl policy Reporting`"), "{}", said(&refused));
    assert_eq!(
        operator.run(&["queue", "repair", "Insurance"])?.status.code(),
        Some(2),
        "no terminal to ask on"
    );
    let repaired = operator.json(&["queue", "repair", "Insurance", "--yes"])?;
    assert_eq!((&repaired["was_made"], &repaired["mended"]), (&json!(true), &json!([])));
    assert_eq!(repaired["catch_up"]["sent"], MARKS, "{repaired}");
    assert_eq!(operator.attributes("Insurance").await?, as_made);
    assert_has_all_once(&mut insurance, &expected, 22).await?;
    let changes = [("VisibilityTimeout", "5"), ("Policy", "{\"Statement\": []}"), ("DelaySeconds", "7")];
    operator.change_queue("Insurance", &changes).await?;
    let mended = operator.json(&["queue", "repair", "Insurance", "--yes"])?;
    let names: BTreeSet<&str> =
        mended["mended"].as_array().unwrap().iter().filter_map(|set| set["attribute"].as_str()).collect();
    assert_eq!(names, changes.map(|(name, _)| name).into(), "{mended}");
    assert_eq!(operator.attributes("Insurance").await?, as_made);
    let nothing = operator.json(&["queue", "repair", "Insurance"])?;
    assert_eq!(
        (&nothing["was_made"], &nothing["mended"], &nothing["catch_up"]),
        (&json!(false), &json!([]), &Value::Null)
    );

    // The client is removed: the others are not held up, and none gets an event twice.
    operator.register(&["Billing", "Enforcement"], KEPT_QUEUE)?;
    operator.done(&["deploy", "--yes"])?;
    operator.until_depth_is("Queue", 0).await?;
    for follower in [&mut billing, &mut enforcement] {
        assert_has_all_once(follower, &expected, 22).await?;
    }
    assert_joined(&mut reporting, &expected, 21..22).await?;

    // The stack is deleted; every queue in which something is stays, with its messages.
    operator.write(&expected, 22..23).await?;
    operator.until_depth_is("ClientBilling", MARKS).await?;
    operator.until_depth_is("ClientEnforcement", MARKS).await?;
    operator.until_depth_is("ClientReporting", MARKS).await?;
    operator.until_depth_is("Queue", 0).await?;
    let left = operator.json(&["delete", "--yes", "--and", "empty-queues,bucket,ledger"])?;
    // No option names the queue of a client that was removed, though it is empty.
    let kept = ["ClientBilling", "ClientEnforcement", "ClientInsurance"];
    let kept = kept.map(|name| format!("MarkFanOut{name}.fifo"));
    let names = left["kept_queues"].as_array().unwrap().iter().map(|queue| queue["name"].as_str().unwrap());
    assert_eq!(names.collect::<BTreeSet<_>>(), kept.iter().map(String::as_str).collect(), "{left}");
    assert_eq!((&left["kept_bucket"], &left["kept_ledger"]), (&Value::Null, &Value::Null), "{left}");
    // One is a client's own now.
    let other = "MarkFanOutClientReporting.fifo".to_owned();
    assert_eq!(operator.queues().await?, kept.into_iter().chain([other]).collect());
    let tables = operator.ground.connection().dynamodb().list_tables().send().await?.table_names.unwrap();
    assert!(
        tables.contains(&EVENTS.to_owned()) && !tables.iter().any(|name| name.contains("Ledger")),
        "{tables:?}"
    );
    for follower in [&mut billing, &mut enforcement] {
        assert_has_all_once(follower, &expected, 23).await?;
    }
    Ok(())
}

/// An operator with the tool and a config, and nothing else.
struct Operator {
    ground: Ground,
    config: PathBuf,
}

impl Operator {
    async fn new(name: &str) -> anyhow::Result<Self> {
        let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-story.toml"));
        Ok(Self { ground: ground(name).await?, config })
    }

    /// Writes the config: clients with queues of the stack, and more.
    fn register(&self, clients: &[&str], more: &str) -> anyhow::Result<()> {
        let clients = clients.iter().map(|name| format!("[[client]]\nname = \"{name}\"\n"));
        let clients: String = clients.collect();
        fs::write(&self.config, format!("{SOURCE}{clients}{more}"))?;
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        printed(&self.ground, &self.config, arguments)
    }

    fn done(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = self.run(arguments)?;
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        Ok(())
    }

    /// What a command that is done prints as JSON.
    fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let output = self.run(&[arguments, &["--json"]].concat())?;
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn follower<'e>(&self, client: &str, expected: &'e ExpectedEvents) -> Follower<'e> {
        let connection = self.ground.connection();
        Follower::new(connection.target(ACCOUNT), self.url(&format!("Client{client}")), expected)
    }

    fn url(&self, queue: &str) -> String {
        self.ground.connection().queue_url(ACCOUNT, &format!("MarkFanOut{queue}.fifo"))
    }

    async fn write(&self, expected: &ExpectedEvents, rounds: Range<usize>) -> anyhow::Result<()> {
        let range = rounds.start * MARKS..rounds.end * MARKS;
        let target = self.ground.connection().target(ACCOUNT);
        assert_eq!(write::write_range(&target, &expected.events(), range, &|_| ()).await?, []);
        Ok(())
    }

    /// Deploys, and writes one of `rounds` for each line of progress from the first step on. Returns the first round
    /// that is not written, and whether some were written in each of both steps.
    async fn write_during_deploy(
        &self,
        expected: &ExpectedEvents,
        rounds: Range<usize>,
    ) -> anyhow::Result<(usize, bool)> {
        let mut deploy = fanoutctl(&self.ground, &self.config, &["deploy", "--yes"])?;
        let mut deploy = deploy.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let lines = BufReader::new(deploy.stderr.take().unwrap()).lines().map_while(Result::ok);
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let reader = std::thread::spawn(move || lines.for_each(|line| sender.send(line).unwrap_or_default()));
        let (mut next, mut said, mut written) = (rounds.start, String::new(), [0, 0]);
        while let Some(line) = receiver.recv().await {
            said = said + &line + "\n";
            let step = ["step 1 of 2", "step 2 of 2"].iter().rposition(|step| said.contains(step));
            if let Some(step) = step
                && next < rounds.end
                // Half of the rounds for each step.
                && written[step] <= rounds.len() / 2
            {
                self.write(expected, next..next + 1).await?;
                written[step] += 1;
                next += 1;
            }
        }
        reader.join().unwrap();
        assert!(deploy.wait()?.success(), "{said}");
        Ok((next, written.iter().all(|count| *count > 0)))
    }

    async fn queues(&self) -> anyhow::Result<BTreeSet<String>> {
        let listed = self.ground.connection().sqs(ACCOUNT).list_queues().send().await?;
        let name = |url: String| url.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(listed.queue_urls.unwrap_or_default().into_iter().map(name).collect())
    }

    async fn delete_queue(&self, client: &str) -> anyhow::Result<()> {
        let url = self.url(&format!("Client{client}"));
        self.ground.connection().sqs(ACCOUNT).delete_queue().queue_url(url).send().await?;
        Ok(())
    }

    /// The attributes of a client's queue that are settings.
    async fn attributes(&self, client: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let target = self.ground.connection().target(ACCOUNT);
        let mut attributes = sqs::attributes(&target, &self.url(&format!("Client{client}"))).await?;
        // MiniStack has `ContentBasedDeduplication` of queues that a stack made, and not of others.
        let is_setting = |name: &str| {
            !name.starts_with("Approximate")
                && !name.ends_with("Timestamp")
                && name != "ContentBasedDeduplication"
        };
        attributes.retain(|name, _| is_setting(name));
        if let Some(policy) = attributes.get_mut("Policy") {
            *policy = serde_json::from_str::<Value>(policy)?["Statement"].to_string().replace(['[', ']'], "");
        }
        Ok(attributes)
    }

    async fn change_queue(&self, client: &str, changes: &[(&str, &str)]) -> anyhow::Result<()> {
        let target = self.ground.connection().target(ACCOUNT);
        let changes = changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Ok(sqs::set_attributes(&target, &self.url(&format!("Client{client}")), &changes).await?)
    }

    /// Waits until a queue holds so many messages, those in flight included.
    async fn until_depth_is(&self, queue: &str, expected: usize) -> anyhow::Result<()> {
        let target = self.ground.connection().target(ACCOUNT);
        let start = Instant::now();
        while sqs::depth(&target, &self.url(queue)).await?.total() != u64::try_from(expected)? {
            anyhow::ensure!(start.elapsed() < PATIENCE, "queue `{queue}` never holds {expected} messages");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Whether the fan-out's log has this metric of `client`, and not 0.
    fn has_counted(&self, metric: &str, client: &str) -> anyhow::Result<bool> {
        let log = fs::read_to_string(self.ground.log())?;
        const START: &str = "{\"_aws\"";
        let documents = log.lines().filter_map(|line| Some(START.to_owned() + line.split_once(START)?.1));
        let documents = documents.filter_map(|text| serde_json::from_str::<Value>(&text).ok());
        let mut of_client = documents.filter(|document| document["Client"] == client);
        Ok(of_client.any(|document| document[metric].as_u64().is_some_and(|count| count > 0)))
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Every event of the first `rounds` has come, in order, once and unchanged.
async fn assert_has_all_once(
    follower: &mut Follower<'_>,
    expected: &ExpectedEvents,
    rounds: usize,
) -> anyhow::Result<()> {
    let later = (rounds * MARKS..expected.events().len()).collect();
    receive(follower, &later).await?;
    let verdict = follower.verdict(&later);
    assert!(verdict.is_good(), "{verdict:?}");
    Ok(())
}

/// Asserts that of each mark the events from some version on have come, without a hole, and all of `rounds` among them.
async fn assert_joined(
    follower: &mut Follower<'_>,
    expected: &ExpectedEvents,
    rounds: Range<usize>,
) -> anyhow::Result<()> {
    let others = (0..expected.events().len()).filter(|index| !rounds.contains(&(index / MARKS)));
    receive(follower, &others.collect()).await?;
    let verdict = follower.verdict(&HashSet::new());
    assert_eq!((verdict.out_of_order, verdict.duplicates, verdict.differing), (0, 0, 0), "{verdict:?}");
    let mut received: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (index, _) in follower.arrivals() {
        received.entry(index % MARKS).or_default().insert(index / MARKS);
    }
    assert_eq!(received.len(), MARKS);
    for (mark, came) in received {
        let joined = *came.first().unwrap();
        assert!(joined <= rounds.start, "{mark} joined at {joined}");
        let missed = (joined..rounds.end).find(|round| !came.contains(round));
        assert_eq!(missed, None, "mark {mark}, which joined at {joined}");
    }
    Ok(())
}

async fn receive(follower: &mut Follower<'_>, not_expected: &HashSet<usize>) -> anyhow::Result<()> {
    let (_sender, not_written) = watch::channel(Some(not_expected.clone()));
    follower.until_complete(&not_written, PATIENCE, &|_| ()).await?;
    // An event that comes twice would be there now.
    follower.drain().await?;
    Ok(())
}
