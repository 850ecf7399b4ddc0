//! What the functions count: names, units and meanings, and the counts of one invocation. Nothing is written here.

mod counted;
mod latencies;

use std::fmt;

use crate::config::ClientName;

pub use self::counted::CountingPort;
pub use self::latencies::Latencies;

/// The CloudWatch namespace of all of them.
pub const NAMESPACE: &str = "MarkEventQueue";

/// The dimension that every metric has: the function's name.
pub const FUNCTION: &str = "Function";

/// The dimension that metrics of one client have besides: the client's name.
pub const CLIENT: &str = "Client";

/// Something that is counted or measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name in CloudWatch.
    pub name: &'static str,
    /// Its unit there.
    pub unit: Unit,
    /// In words for an operator.
    pub meaning: &'static str,
}

/// A unit, as CloudWatch names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A time.
    Milliseconds,
}

/// `RecordsIn`.
pub const RECORDS_IN: Metric =
    count("RecordsIn", "records that Lambda delivered, again those that were delivered again");
/// `Events`.
pub const EVENTS: Metric = count("Events", "records that are events (converter)");
/// `Skipped`.
pub const SKIPPED: Metric = count("Skipped", "records that are no events (converter)");
/// `TimesUnread`.
pub const TIMES_UNREAD: Metric =
    count("TimesUnread", "events whose time is missing or can't be read (converter)");
/// `Rejected`.
pub const REJECTED: Metric = count("Rejected", "records and events with a rejection on the rejected queue");
/// `Sent`.
pub const SENT: Metric = count(
    "Sent",
    "events accepted by the fan-out queue (converter); messages accepted by a client's queue, each client counted (fan-out)",
);
/// `Returned`.
pub const RETURNED: Metric =
    count("Returned", "records that were neither sent, skipped nor rejected and are delivered again");
/// `SqsRequests`.
pub const SQS_REQUESTS: Metric =
    count("SqsRequests", "requests to SQS, rejections and failed ones among them");
/// `EntriesPerRequest`.
pub const ENTRIES_PER_REQUEST: Metric =
    count("EntriesPerRequest", "messages in each request that sends, as a distribution");
/// `EndToEndLatency`.
pub const END_TO_END_LATENCY: Metric = Metric {
    name: "EndToEndLatency",
    unit: Unit::Milliseconds,
    meaning: "from the stream's record of an event to its acceptance by a client's queue, each client counted, as a distribution (fan-out)",
};

/// `Duplicates`.
pub const DUPLICATES: Metric =
    count("Duplicates", "messages of versions that the ledger already covers (fan-out)");
/// `Repaired`.
pub const REPAIRED: Metric =
    count("Repaired", "events read from the event table because no message brought them (fan-out)");
/// `Holes`.
pub const HOLES: Metric = count("Holes", "versions that no message and no item had, passed over (fan-out)");
/// `VersionsUsedTwice`.
pub const VERSIONS_USED_TWICE: Metric = count(
    "VersionsUsedTwice",
    "versions that two events of an aggregate were found to have, each once (fan-out, catch-up)",
);
/// `BecameBehind`.
pub const BECAME_BEHIND: Metric =
    count("BecameBehind", "groups in which a client became behind, each client counted (fan-out)");
/// `WaitingAge`.
pub const WAITING_AGE: Metric = Metric {
    name: "WaitingAge",
    unit: Unit::Milliseconds,
    meaning: "for how long the oldest message that is returned has been in the fan-out queue; absent where none is (fan-out)",
};
/// `LedgerCalls`.
pub const LEDGER_CALLS: Metric = count("LedgerCalls", "calls to the ledger's table and the event table");
/// `GroupsBehind`.
pub const GROUPS_BEHIND: Metric = count(
    "GroupsBehind",
    "groups that a client is behind in, paused clients and held groups left out, each client counted (catch-up)",
);
/// `BehindAge`.
pub const BEHIND_AGE: Metric = Metric {
    name: "BehindAge",
    unit: Unit::Milliseconds,
    meaning: "for how long a client has been behind in a group, paused clients and held groups left out, the longest (catch-up)",
};
/// `GroupsHeld`.
pub const GROUPS_HELD: Metric = count(
    "GroupsHeld",
    "groups that wait for an operator's release, paused clients left out, each client counted (catch-up)",
);
/// `HeldAge`.
pub const HELD_AGE: Metric = Metric {
    name: "HeldAge",
    unit: Unit::Milliseconds,
    meaning: "for how long a group has been held, paused clients left out, the longest (catch-up)",
};
/// `ErasuresDue`.
pub const ERASURES_DUE: Metric =
    count("ErasuresDue", "notices of erasures that clients' queues have not taken yet (catch-up)");
/// `ErasureAge`.
pub const ERASURE_AGE: Metric = Metric {
    name: "ErasureAge",
    unit: Unit::Milliseconds,
    meaning: "for how long a notice of an erasure has been due, the longest (catch-up)",
};

/// `RequestsCarriedOut`.
pub const REQUESTS_CARRIED_OUT: Metric =
    count("RequestsCarriedOut", "requests of consumers that became replays (catch-up)");
/// `RequestsRefused`.
pub const REQUESTS_REFUSED: Metric =
    count("RequestsRefused", "requests of consumers that can never be carried out (catch-up)");
/// `RequestsDelayed`.
pub const REQUESTS_DELAYED: Metric = count(
    "RequestsDelayed",
    "requests of consumers that are returned, because their client asks too often or something failed, each time (catch-up)",
);

/// `Delivered`.
pub const DELIVERED: Metric =
    count("Delivered", "events that a client's target took, each client counted (push)");
/// `DeliveriesFailed`.
pub const DELIVERIES_FAILED: Metric = count(
    "DeliveriesFailed",
    "events that a client's target did not take, again those that were tried again, each client counted (push)",
);
/// `DeliveryRequests`.
pub const DELIVERY_REQUESTS: Metric = count(
    "DeliveryRequests",
    "holds and replays that were asked of catch-up for a client's target, each client counted (push)",
);
/// `DeliveryLatency`.
pub const DELIVERY_LATENCY: Metric = Metric {
    name: "DeliveryLatency",
    unit: Unit::Milliseconds,
    meaning: "from a client's queue to its target, each event that it took, as a distribution (push)",
};
/// `TargetFailingAge`.
pub const TARGET_FAILING_AGE: Metric = Metric {
    name: "TargetFailingAge",
    unit: Unit::Milliseconds,
    meaning: "for how long a client's target has refused all events, or has been gone; absent where none is (push, catch-up)",
};

/// `TargetsGone`.
pub const TARGETS_GONE: Metric = count(
    "TargetsGone",
    "clients that are paused because their target is gone; absent where no target fails (catch-up)",
);

/// `ApiAnswered`.
pub const API_ANSWERED: Metric = count("ApiAnswered", "requests that got what they asked for (companion)");
/// `ApiRefused`.
pub const API_REFUSED: Metric =
    count("ApiRefused", "requests that were refused, with a status of 4xx (companion)");
/// `ApiFailed`.
pub const API_FAILED: Metric = count("ApiFailed", "requests that failed, with a status of 5xx (companion)");
/// `ApiConflicts`.
pub const API_CONFLICTS: Metric = count(
    "ApiConflicts",
    "transactions that were cancelled because another writer was quicker, each time (companion)",
);
/// `ApiThrottled`.
pub const API_THROTTLED: Metric =
    count("ApiThrottled", "calls to the tables that were throttled, each time (companion)");
/// `ApiUnanswered`.
pub const API_UNANSWERED: Metric =
    count("ApiUnanswered", "calls to the tables without an answer, each time (companion)");
/// `ApiLatency`.
pub const API_LATENCY: Metric = Metric {
    name: "ApiLatency",
    unit: Unit::Milliseconds,
    meaning: "from a request to its answer, as a distribution (companion)",
};

/// The metrics of the companion.
pub const OF_THE_API: [Metric; 7] =
    [API_ANSWERED, API_REFUSED, API_FAILED, API_CONFLICTS, API_THROTTLED, API_UNANSWERED, API_LATENCY];

/// Every metric that the functions write.
pub const NAMES: [Metric; 39] = [
    RECORDS_IN,
    EVENTS,
    SKIPPED,
    TIMES_UNREAD,
    REJECTED,
    SENT,
    RETURNED,
    SQS_REQUESTS,
    ENTRIES_PER_REQUEST,
    END_TO_END_LATENCY,
    DUPLICATES,
    REPAIRED,
    HOLES,
    VERSIONS_USED_TWICE,
    BECAME_BEHIND,
    WAITING_AGE,
    LEDGER_CALLS,
    GROUPS_BEHIND,
    BEHIND_AGE,
    GROUPS_HELD,
    HELD_AGE,
    ERASURES_DUE,
    ERASURE_AGE,
    REQUESTS_CARRIED_OUT,
    REQUESTS_REFUSED,
    REQUESTS_DELAYED,
    DELIVERED,
    DELIVERIES_FAILED,
    DELIVERY_REQUESTS,
    DELIVERY_LATENCY,
    TARGET_FAILING_AGE,
    TARGETS_GONE,
    API_ANSWERED,
    API_REFUSED,
    API_FAILED,
    API_CONFLICTS,
    API_THROTTLED,
    API_UNANSWERED,
    API_LATENCY,
];

const fn count(name: &'static str, meaning: &'static str) -> Metric {
    Metric { name, unit: Unit::Count, meaning }
}

impl Unit {
    /// The unit's name in CloudWatch.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

/// What a metric came to in one invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// One number.
    Count(u64),
    /// Different numbers, ascending, each with how often it occurred. CloudWatch takes up to 100 of them
    /// (Embedded metric format specification).
    Distribution(Vec<(u64, u64)>),
}

/// What one invocation counted: in all, and for clients apart. Empty if nothing was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    lines: Vec<Line>,
}

/// Metrics of the same dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The client that they are about; `None`: the function.
    pub client: Option<ClientName>,
    /// In the order in which they were counted.
    pub values: Vec<(Metric, Value)>,
}

impl Tally {
    /// Notes what a metric came to.
    pub fn count(&mut self, metric: Metric, count: usize) {
        self.note(None, metric, Value::Count(wide(count)));
    }

    /// Notes what a metric came to for one client.
    pub fn count_of(&mut self, client: &ClientName, metric: Metric, count: usize) {
        self.note(Some(client), metric, Value::Count(wide(count)));
    }

    /// Notes the requests that went through `counted`.
    pub fn requests<T>(&mut self, counted: &CountingPort<'_, T>) {
        self.note(None, SQS_REQUESTS, Value::Count(counted.requests()));
        self.note(None, ENTRIES_PER_REQUEST, Value::Distribution(counted.entries_per_request()));
    }

    /// Notes the calls to the ledger and the event table that went through these.
    pub fn ledger_calls<L, E>(&mut self, ledger: &CountingPort<'_, L>, table: &CountingPort<'_, E>) {
        let calls = ledger.requests().saturating_add(table.requests());
        self.note(None, LEDGER_CALLS, Value::Count(calls));
    }

    /// Notes the distribution of a metric's times.
    pub fn latencies(&mut self, metric: Metric, latencies: Latencies) {
        self.note(None, metric, Value::Distribution(latencies.into_distribution()));
    }

    /// The function's metrics, and those of each client that has some.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    fn note(&mut self, client: Option<&ClientName>, metric: Metric, value: Value) {
        if matches!(&value, Value::Distribution(values) if values.is_empty()) {
            return;
        }
        match self.lines.iter_mut().find(|line| line.client.as_ref() == client) {
            Some(line) => line.values.push((metric, value)),
            None => self.lines.push(Line { client: client.cloned(), values: vec![(metric, value)] }),
        }
    }
}

/// A line per client: `RecordsIn 2, EntriesPerRequest 1×2 10×1`.
impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, line) in self.lines.iter().enumerate() {
            if number > 0 {
                formatter.write_str("\n")?;
            }
            if let Some(client) = &line.client {
                write!(formatter, "{client}: ")?;
            }
            for (number, (metric, value)) in line.values.iter().enumerate() {
                write!(formatter, "{}{}", if number > 0 { ", " } else { "" }, metric.name)?;
                match value {
                    Value::Count(count) => write!(formatter, " {count}")?,
                    Value::Distribution(values) => {
                        values.iter().try_for_each(|(value, count)| write!(formatter, " {value}×{count}"))?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
