//! Event patterns beside those of the emulator's EventBridge: an implementation that shares no code with this one.

use std::process::{Command, Stdio};

use local::ministack::REGION;
use serde_json::Value;
use shared::pattern::Pattern;

use crate::support::ground;

const ROWS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/tests/data/event_patterns.jsonl");

/// Rows, by their numbers from 1, in which the emulator decides otherwise than AWS's pages say.
const WRONG_THERE: [usize; 0] = [];

#[tokio::test(flavor = "multi_thread")]
async fn the_emulator_decides_as_the_pages_say_and_so_does_this() -> anyhow::Result<()> {
    let ground = ground("patterns").await?;
    let output = Command::new(&ground.environment().python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/patterns.py"))
        .args([ground.connection().endpoint(), REGION, ROWS])
        .stdin(Stdio::null())
        .output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Vec<Value> = serde_json::from_slice(&output.stdout)?;

    let mut different = Vec::new();
    for (number, (line, theirs)) in (1..).zip(std::fs::read_to_string(ROWS)?.lines().zip(&theirs)) {
        let row: Value = serde_json::from_str(line)?;
        let pattern = Pattern::try_from_json("pattern", &row["pattern"].to_string())
            .map_err(|findings| anyhow::anyhow!("{findings:?}"))?;
        assert_eq!(Value::from(pattern.matches(&row["event"].to_string())?), row["matches"], "row {number}");
        if *theirs != row["matches"] {
            eprintln!("row {number}: {theirs}: {line}");
            different.push(number);
        }
    }
    assert_eq!(different, WRONG_THERE);
    Ok(())
}
