//! Time of one batch of ten messages in ten groups to 1, 10 and 100 clients, over a seam that answers after 5 ms.
//!
//! `cargo bench -p fanout --bench clients`

#![allow(clippy::expect_used, reason = "a benchmark reports by panicking")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fanout::handler::{Fanout, Visibility};
use serde_json::json;
use serde_json::value::RawValue;
use shared::config::Config;
use shared::message::Message;
use shared::metrics::Tally;
use shared::place::{Place, QueueUrl};
use shared::send::{SendError, Transport};
use shared::time::Timestamp;

const LATENCY: Duration = Duration::from_millis(5);
const ROUNDS: usize = 60;

/// A queue that accepts everything after [`LATENCY`].
struct Seam;

impl Transport for Seam {
    async fn send(&self, _: &QueueUrl, batch: &[&Message]) -> Result<Vec<Result<(), SendError>>, SendError> {
        tokio::time::sleep(LATENCY).await;
        Ok(batch.iter().map(|_| Ok(())).collect())
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
        Timestamp::from_millis(0).plus(since_epoch)
    }
}

impl Visibility for Seam {
    async fn change_visibility(&self, _: &QueueUrl, _: &[(&str, Duration)]) -> Result<usize, SendError> {
        Ok(0)
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let payload = payload();
        let sizes = [1, 10, 100];
        let fanouts = sizes.map(fanout);
        let mut times = sizes.map(|_| Vec::new());
        // Side by side: each round measures every size once, after one round that is not counted.
        for round in 0..=ROUNDS {
            for (fanout, times) in fanouts.iter().zip(&mut times) {
                let started = Instant::now();
                let deadline = Seam.now().plus(Duration::from_secs(30));
                let mut tally = Tally::default();
                let response = fanout.handle(&Seam, &payload, deadline, &mut tally).await.expect("handled");
                assert!(response.batch_item_failures.is_empty());
                if round > 0 {
                    times.push(started.elapsed());
                }
            }
        }
        let medians = times.map(|mut times| {
            times.sort_unstable();
            times.get(times.len() / 2).copied().unwrap_or_default()
        });
        println!(
            "ten messages of 2 KB in ten groups, a seam that answers after 5 ms, median of {ROUNDS} rounds"
        );
        println!("clients      time   against one");
        for (size, median) in sizes.iter().zip(&medians) {
            let one = medians.first().copied().unwrap_or_default();
            println!(
                "{size:>7} {:>6.2} ms {:>12.3}",
                median.as_secs_f64() * 1e3,
                median.as_secs_f64() / one.as_secs_f64()
            );
        }
    });
}

fn fanout(clients: usize) -> Fanout {
    let clients: String = (0..clients).map(|number| format!("[[client]]\nname = 'C{number}'\n")).collect();
    let text = format!("[source]\npartition_key = 'mark'\ngroup = 'mark'\n{clients}");
    let place = Place {
        partition: "aws".to_owned(),
        region: "eu-west-2".to_owned(),
        account: "111122223333".to_owned(),
        prefix: String::new(),
    };
    let config = Config::try_from_toml("client-queues.toml", &text, Some(&place)).expect("a valid file");
    Fanout::new(&config, &place)
}

fn payload() -> Box<RawValue> {
    let body = format!("{{\"text\":\"{}\"}}", "a line with \"quotes\" in it, ".repeat(72));
    let records: Vec<_> = (0..10)
        .map(|number| {
            json!({
                "messageId": format!("m{number}"),
                "receiptHandle": format!("r{number}"),
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "ApproximateFirstReceiveTimestamp": "1800000000000",
                    "MessageGroupId": format!("g{number}"),
                    "MessageDeduplicationId": format!("d{number}"),
                },
                "messageAttributes": {
                    "eventId": { "stringValue": format!("e{number}"), "dataType": "String" },
                    "streamedAt": { "stringValue": "1800000000000", "dataType": "Number" },
                },
            })
        })
        .collect();
    serde_json::value::to_raw_value(&json!({ "Records": records })).expect("JSON")
}
