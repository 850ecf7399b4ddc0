//! The ledger turned on, off and on again while events flow: nobody misses one, and what it knew is known again.

mod support;

use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use local::check::Expected;
use local::follow::Follower;
use local::ministack::ACCOUNT;
use local::stack::Ground;
use local::{marks, write};
use support::{SOURCE, attributes, fanoutctl, ground, without_version};
use tokio::sync::watch;

const MARKS: usize = 10;
/// Every mark's next event is one round; so many between two deploys.
const ROUNDS: usize = 3;
const CLIENTS: [&str; 2] = ["Billing", "Insurance"];
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_turned_on_off_and_on_again_loses_nothing() -> anyhow::Result<()> {
    let operator = Operator::new().await?;
    // Events of this minute: what is older than a day when the ledger begins is old to it.
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let expected = Expected::new(marks::histories(MARKS, 4 * ROUNDS, i64::try_from(now)? - 60_000));
    let mut followers = CLIENTS.map(|client| operator.follower(client, &expected));
    let times = |times: usize| [times * ROUNDS * MARKS; CLIENTS.len()];

    operator.deploy(&without_version(SOURCE))?;
    let table = operator.ledger().await?;
    assert_eq!(operator.pass(&expected, 0, &mut followers).await?, times(0));
    assert!(operator.redrive().await?.contains("MarkFanOutDeadLetter.fifo"));

    // It can't know what was sent before, and sends the last day's again.
    operator.deploy(SOURCE)?;
    assert_eq!(operator.redrive().await?, "");
    assert_eq!(operator.pass(&expected, 1, &mut followers).await?, times(1));

    operator.deploy(&without_version(SOURCE))?;
    assert!(operator.redrive().await?.contains("MarkFanOutDeadLetter.fifo"));
    assert_eq!(operator.pass(&expected, 2, &mut followers).await?, times(1));

    // It goes on where it was, and sends again what was sent without it.
    operator.deploy(SOURCE)?;
    assert_eq!(operator.ledger().await?, table);
    assert_eq!(operator.pass(&expected, 3, &mut followers).await?, times(2));
    Ok(())
}

/// Somebody with the tool and a config, and nothing else.
struct Operator {
    ground: Ground,
    config: PathBuf,
}

impl Operator {
    async fn new() -> anyhow::Result<Self> {
        let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("switched.toml");
        Ok(Self { ground: ground("switched").await?, config })
    }

    fn deploy(&self, source: &str) -> anyhow::Result<()> {
        let clients = CLIENTS.map(|name| format!("[[client]]\nname = \"{name}\"\n"));
        fs::write(&self.config, format!("{source}{}", clients.concat()))?;
        let arguments =
            ["deploy", "--yes", "--stream-arn", self.ground.stream_arn(), "--function-timeout", "2"];
        let output = fanoutctl(&self.ground, &self.config, &arguments)?.output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// The name of the ledger's table.
    async fn ledger(&self) -> anyhow::Result<String> {
        let listed = self.ground.connection().dynamodb().list_tables().send().await?;
        let mut names = listed.table_names.unwrap_or_default();
        names.retain(|name| name.contains("LedgerTable"));
        anyhow::ensure!(names.len() == 1, "{names:?}");
        names.pop().context("no ledger")
    }

    /// The fan-out queue's redrive policy.
    async fn redrive(&self) -> anyhow::Result<String> {
        let attribute = attributes(self.ground.connection(), &self.url("Queue")).await?;
        Ok(attribute("RedrivePolicy"))
    }

    fn url(&self, queue: &str) -> String {
        self.ground.connection().queue_url(ACCOUNT, &format!("MarkFanOut{queue}.fifo"))
    }

    fn follower<'e>(&self, client: &str, expected: &'e Expected) -> Follower<'e> {
        let sqs = self.ground.connection().sqs(ACCOUNT);
        Follower::new(sqs, self.url(&format!("Client{client}")), expected)
    }

    /// Writes the rounds after a deploy and follows every client until it has them all. Returns how many events have
    /// come again so far, by client.
    async fn pass(
        &self,
        expected: &Expected,
        deploy: usize,
        followers: &mut [Follower<'_>; CLIENTS.len()],
    ) -> anyhow::Result<[usize; CLIENTS.len()]> {
        let rounds = |count: usize| count * ROUNDS * MARKS;
        let range: Range<usize> = rounds(deploy)..rounds(deploy + 1);
        let later: HashSet<usize> = (range.end..expected.events().len()).collect();
        let dynamodb = self.ground.connection().dynamodb();
        assert_eq!(write::write_range(&dynamodb, expected.events(), range, &|_| ()).await?, []);
        for follower in followers.iter_mut() {
            let (_tell, told) = watch::channel(Some(later.clone()));
            follower.until_complete(&told, PATIENCE, &|| ()).await?;
            // What comes again comes before what is new.
            follower.drain().await?;
        }
        let mut repeated = followers.iter().map(|follower| {
            let verdict = follower.verdict(&later);
            assert_eq!((verdict.missing, verdict.out_of_order), (0, 0), "after deploy {deploy}: {verdict:?}");
            verdict.duplicates
        });
        Ok(std::array::from_fn(|_| repeated.next().unwrap_or_default()))
    }
}
