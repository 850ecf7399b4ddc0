//! What became of a batch.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lambda_events::event::sqs::SqsBatchResponse;
use serde_json::{Value, json};

/// The CloudWatch namespace of the kit's metrics.
const NAMESPACE: &str = "MarkEventQueue/Consumer";

/// What became of a batch of messages.
#[derive(Clone, Debug)]
pub struct BatchOutcome {
    /// What the function returns to Lambda.
    pub response: SqsBatchResponse,
    /// How many messages there were of each kind.
    pub counts: Counts,
    /// The client whose queue it is.
    pub(crate) client: String,
}

/// How many messages of a batch had their effect, and how many did not, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Had their effect.
    pub taken: u64,
    /// Were had before.
    pub duplicates: u64,
    /// Were notices on which an aggregate was forgotten.
    pub forgotten: u64,
    /// Showed that a replay is needed, which was asked for, or could not be. Contained in `missing`.
    pub gaps: u64,
    /// Were acknowledged without effect, since something before them is missing.
    pub missing: u64,
    /// Were returned, and come again.
    pub returned: u64,
}

impl BatchOutcome {
    /// The counts as a line of CloudWatch's embedded metric format, for standard output.
    pub fn metrics(&self, now: SystemTime) -> String {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let metrics: Vec<Value> =
            self.counts.named().iter().map(|(name, _)| json!({ "Name": name, "Unit": "Count" })).collect();
        let mut line = json!({
            "_aws": {
                // Of an age that fits whole milliseconds since 1970.
                "Timestamp": u64::try_from(now).unwrap_or(u64::MAX),
                "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["Client"]], "Metrics": metrics }],
            },
            "Client": self.client,
        });
        if let Value::Object(members) = &mut line {
            members.extend(self.counts.named().map(|(name, count)| (name.to_owned(), count.into())));
        }
        line.to_string()
    }
}

impl Counts {
    fn named(&self) -> [(&'static str, u64); 6] {
        let Self { taken, duplicates, forgotten, gaps, missing, returned } = *self;
        [
            ("Taken", taken),
            ("Duplicates", duplicates),
            ("Forgotten", forgotten),
            ("Gaps", gaps),
            ("Missing", missing),
            ("Returned", returned),
        ]
    }
}
