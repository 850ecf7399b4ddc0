//! Clients that fail one run after the other are left alone for a moment, so that they do not hold up the others with
//! every batch.

use std::collections::HashMap;

use shared::config::ClientName;
use shared::ledger::times::{FAILURES_TO_REST, REST};
use shared::time::Timestamp;

/// The clients that failed their last runs in this instance.
#[derive(Debug, Default)]
pub(super) struct Resting {
    failing: HashMap<ClientName, Failing>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    runs: u32,
    last: Timestamp,
}

impl Resting {
    /// Whether `client` is not tried now.
    pub(super) fn rests(&self, client: &ClientName, now: Timestamp) -> bool {
        let failing = self.failing.get(client);
        failing.is_some_and(|failing| failing.runs >= FAILURES_TO_REST && now.since(failing.last) < REST)
    }

    /// Remembers that `client` took a run.
    pub(super) fn took(&mut self, client: &ClientName) {
        self.failing.remove(client);
    }

    /// Remembers that `client` failed `runs` runs. Answers whether it rests from now on. After its rest, it rests again
    /// at its first failure.
    pub(super) fn failed(&mut self, client: &ClientName, runs: u32, now: Timestamp) -> bool {
        let failing = self.failing.entry(client.clone()).or_insert(Failing { runs: 0, last: now });
        failing.runs = failing.runs.saturating_add(runs);
        failing.last = now;
        failing.runs >= FAILURES_TO_REST
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_client_rests_after_three_runs_and_then_after_one() {
        let client = ClientName::try_new("A").unwrap();
        let at = |seconds| Timestamp::from_millis(1_000).plus(Duration::from_secs(seconds));
        let mut resting = Resting::default();
        assert!(!resting.failed(&client, 1, at(0)));
        assert!(!resting.failed(&client, 1, at(1)));
        assert!(!resting.rests(&client, at(1)));
        assert!(resting.failed(&client, 1, at(2)));
        assert!(resting.rests(&client, at(31)));
        assert!(!resting.rests(&client, at(32)), "it is tried");
        assert!(resting.failed(&client, 1, at(33)), "and fails");
        assert!(resting.rests(&client, at(62)));
        resting.took(&client);
        assert!(!resting.rests(&client, at(63)));
        assert!(resting.failed(&client, 3, at(64)), "three runs of one batch");
    }
}
