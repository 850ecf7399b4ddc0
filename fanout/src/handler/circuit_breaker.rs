//! Clients that fail one run after the other are left alone for a moment, so that they do not hold up the others with
//! every batch.

use std::collections::HashMap;
use std::time::Duration;

use shared::config::ClientName;
use shared::ledger::times::{FAILURES_TO_OPEN, LONGEST_OPEN, OPEN};
use shared::time::Timestamp;

/// The clients that failed their last runs in this instance.
#[derive(Debug, Default)]
pub(super) struct CircuitBreakers {
    failing: HashMap<ClientName, FailureStreak>,
}

#[derive(Clone, Copy, Debug)]
struct FailureStreak {
    runs: u32,
    last: Timestamp,
    /// How long its circuit breaker is open after that.
    open: Duration,
}

impl CircuitBreakers {
    /// Whether `client` is not tried now.
    pub(super) fn is_open(&self, client: &ClientName, now: Timestamp) -> bool {
        let failing = self.failing.get(client);
        failing.is_some_and(|failing| failing.has_failed_enough() && now.since(failing.last) < failing.open)
    }

    /// Remembers that `client` took a run.
    pub(super) fn took(&mut self, client: &ClientName) {
        self.failing.remove(client);
    }

    /// Remembers that `client` failed `runs` runs. Returns whether its circuit breaker is open from now on. After that
    /// time, the next failure opens it again, for twice as long.
    pub(super) fn failed(&mut self, client: &ClientName, runs: u32, now: Timestamp) -> bool {
        let new = FailureStreak { runs: 0, last: now, open: OPEN };
        let failing = self.failing.entry(client.clone()).or_insert(new);
        if failing.has_failed_enough() {
            failing.open = failing.open.saturating_mul(2).min(LONGEST_OPEN);
        }
        failing.runs = failing.runs.saturating_add(runs);
        failing.last = now;
        failing.has_failed_enough()
    }
}

impl FailureStreak {
    fn has_failed_enough(&self) -> bool {
        self.runs >= FAILURES_TO_OPEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_three_runs_and_then_after_one() {
        let client = ClientName::try_new("A").unwrap();
        let at = |seconds| Timestamp::from_millis(1_000).plus(Duration::from_secs(seconds));
        let mut breakers = CircuitBreakers::default();
        assert!(!breakers.failed(&client, 1, at(0)));
        assert!(!breakers.failed(&client, 1, at(1)));
        assert!(!breakers.is_open(&client, at(1)));
        assert!(breakers.failed(&client, 1, at(2)));
        assert!(breakers.is_open(&client, at(31)));
        assert!(!breakers.is_open(&client, at(32)), "the client is tried");
        assert!(breakers.failed(&client, 1, at(33)), "and fails");
        assert!(breakers.is_open(&client, at(62)));
        breakers.took(&client);
        assert!(!breakers.is_open(&client, at(63)));
        assert!(breakers.failed(&client, 3, at(64)), "three runs of one batch");
    }

    #[test]
    fn each_time_is_twice_as_long_until_the_client_takes_a_run() {
        let client = ClientName::try_new("A").unwrap();
        let mut now = Timestamp::from_millis(1_000);
        let mut breakers = CircuitBreakers::default();
        let mut open_for = |breakers: &mut CircuitBreakers, runs| {
            assert!(breakers.failed(&client, runs, now));
            let began = now;
            while breakers.is_open(&client, now) {
                now = now.plus(Duration::from_secs(1));
            }
            now.since(began).as_secs()
        };
        let seconds: Vec<u64> = (0..6).map(|_| open_for(&mut breakers, 3)).collect();
        assert_eq!(seconds, [30, 60, 120, 240, 300, 300]);
        breakers.took(&client);
        assert_eq!(open_for(&mut breakers, 3), 30);
    }
}
