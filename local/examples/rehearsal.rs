//! Rehearses an upgrade on a local stack, with two checkouts of this repository: the older one is deployed, the newer
//! one over it, the older one again, and the newer one. Events flow all the while, and one client's queue is away, so
//! that it is behind through all of it. Order and completeness must hold. `tools/rehearse-upgrade.sh` makes the
//! checkouts.
//!
//! usage: rehearsal OLDER NEWER

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use local::check::ExpectedEvents;
use local::follow::Follower;
use local::ministack::ACCOUNT;
use local::stack::{Ground, Say};
use local::{marks, write};
use tokio::sync::watch;

const MARKS: usize = 25;
const ROUNDS: usize = 12;
/// 2026-01-05T09:00:00Z.
const START: i64 = 1_767_603_600_000;
/// Longer than a function that is killed, and the next catch-up, take.
const PATIENCE: Duration = Duration::from_secs(120);

const CONFIG: &str = r#"
[source]
partition_key = "mark"
sort_key = "createTime"
id = "eventId"
name = "eventName"
time = "createTime"
version = "RegistrationNumber.version"

[[client]]
name = "Billing"

[[client]]
name = "Insurance"
"#;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut checkouts = std::env::args().skip(1).map(PathBuf::from);
    let (Some(older), Some(newer)) = (checkouts.next(), checkouts.next()) else {
        anyhow::bail!("usage: rehearsal OLDER NEWER, two checkouts")
    };
    let say: Say = Arc::new(|line: &str| eprintln!("{line}"));
    let rehearsal = Rehearsal {
        ground: Ground::start("rehearsal", &say).await?,
        expected: ExpectedEvents::new(marks::histories(MARKS, ROUNDS, START)),
        config: std::env::temp_dir().join("rehearsal.toml"),
    };
    std::fs::write(&rehearsal.config, CONFIG)?;
    let mut billing = rehearsal.follower("Billing");

    let stream = rehearsal.ground.stream_arn();
    rehearsal.fanoutctl(&older, &["deploy", "--yes", "--stream-arn", stream, "--function-timeout", "2"])?;
    rehearsal.write(0..2).await?;
    let mut insurance = rehearsal.follower("Insurance");
    rehearsal.has_all_once("Billing", &mut billing, 2).await?;
    rehearsal.has_all_once("Insurance", &mut insurance, 2).await?;

    rehearsal.delete_queue("Insurance").await?;
    rehearsal.write(2..4).await?;
    rehearsal.has_all_once("Billing", &mut billing, 4).await?;
    for (checkout, rounds) in [(&newer, 4..6), (&older, 6..8), (&newer, 8..10)] {
        rehearsal.fanoutctl(checkout, &["deploy", "--yes"])?;
        rehearsal.write(rounds.clone()).await?;
        rehearsal.has_all_once("Billing", &mut billing, rounds.end).await?;
    }
    rehearsal.make_queue("Insurance").await?;
    rehearsal.fanoutctl(&newer, &["catch-up", "Insurance"])?;
    rehearsal.write(10..12).await?;
    rehearsal.has_all_once("Billing", &mut billing, 12).await?;
    let mut insurance = rehearsal.follower("Insurance");
    rehearsal.has_from(&mut insurance, 2..12).await?;
    let events = MARKS * ROUNDS;
    println!("rehearsal: {events} events in order, complete, through an upgrade, a rollback and an upgrade");
    Ok(())
}

struct Rehearsal {
    ground: Ground,
    expected: ExpectedEvents,
    config: PathBuf,
}

impl Rehearsal {
    /// Runs the tool of a checkout, which builds what it deploys.
    fn fanoutctl(&self, checkout: &Path, arguments: &[&str]) -> anyhow::Result<()> {
        eprintln!("rehearsal: {}: fanoutctl {}", checkout.display(), arguments.join(" "));
        let mut command = Command::new("cargo");
        command.args(["run", "--quiet", "--locked", "--package", "cli", "--bin", "fanoutctl", "--"]);
        command.args(arguments).arg("--config").arg(&self.config);
        command.current_dir(checkout).envs(self.ground.variables()).stdin(Stdio::null());
        command.env_remove("CARGO_TARGET_DIR");
        let status = command.status().context("cargo")?;
        ensure!(status.success(), "{}: `fanoutctl {}`: {status}", checkout.display(), arguments.join(" "));
        Ok(())
    }

    fn follower(&self, client: &str) -> Follower<'_> {
        Follower::new(self.ground.connection().target(ACCOUNT), self.url(client), &self.expected)
    }

    fn url(&self, client: &str) -> String {
        self.ground.connection().queue_url(ACCOUNT, &name(client))
    }

    async fn write(&self, rounds: Range<usize>) -> anyhow::Result<()> {
        let range = rounds.start * MARKS..rounds.end * MARKS;
        let target = self.ground.connection().target(ACCOUNT);
        let unwritten = write::write_range(&target, &self.expected.events(), range, &|_| ()).await?;
        ensure!(unwritten.is_empty(), "{} events were not written", unwritten.len());
        Ok(())
    }

    async fn delete_queue(&self, client: &str) -> anyhow::Result<()> {
        self.sqs().delete_queue().queue_url(self.url(client)).send().await?;
        Ok(())
    }

    async fn make_queue(&self, client: &str) -> anyhow::Result<()> {
        let fifo = aws_sdk_sqs::types::QueueAttributeName::FifoQueue;
        self.sqs().create_queue().queue_name(name(client)).attributes(fifo, "true").send().await?;
        Ok(())
    }

    fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(self.ground.connection().target(ACCOUNT).sdk_config())
    }

    /// Every event of the first `rounds` comes, in order, once and unchanged.
    async fn has_all_once(
        &self,
        client: &str,
        follower: &mut Follower<'_>,
        rounds: usize,
    ) -> anyhow::Result<()> {
        let later: HashSet<usize> = (rounds * MARKS..self.expected.events().len()).collect();
        receive(follower, &later).await?;
        let verdict = follower.verdict(&later);
        ensure!(verdict.is_good(), "{client} after {rounds} rounds: {verdict:?}");
        Ok(())
    }

    /// Of each mark, every event of `rounds` comes, in order, and none twice.
    async fn has_from(&self, follower: &mut Follower<'_>, rounds: Range<usize>) -> anyhow::Result<()> {
        let others = (0..self.expected.events().len()).filter(|index| !rounds.contains(&(index / MARKS)));
        receive(follower, &others.collect()).await?;
        let verdict = follower.verdict(&HashSet::new());
        let faults = (verdict.out_of_order, verdict.duplicates, verdict.differing);
        ensure!(faults == (0, 0, 0), "Insurance: {verdict:?}");
        let mut came = BTreeMap::<usize, BTreeSet<usize>>::new();
        for (index, _) in follower.arrivals() {
            came.entry(index % MARKS).or_default().insert(index / MARKS);
        }
        for mark in 0..MARKS {
            let has = |round: &usize| came.get(&mark).is_some_and(|came| came.contains(round));
            let missing = rounds.clone().find(|round| !has(round));
            ensure!(missing.is_none(), "Insurance lacks round {missing:?} of mark {mark}");
        }
        Ok(())
    }
}

fn name(client: &str) -> String {
    format!("MarkFanOutClient{client}.fifo")
}

async fn receive(follower: &mut Follower<'_>, not_expected: &HashSet<usize>) -> anyhow::Result<()> {
    let (_sender, not_written) = watch::channel(Some(not_expected.clone()));
    follower.until_complete(&not_written, PATIENCE, &|_| ()).await?;
    // An event that comes twice would be there now.
    follower.drain().await?;
    Ok(())
}
