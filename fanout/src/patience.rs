//! How long a client that does not take its messages is waited for.

use std::collections::HashMap;
use std::time::Duration;

use shared::config::ClientName;
use shared::time::Timestamp;

/// A message is returned to the queue for at most this long after it was first received. What is repeated to the
/// other clients until then, and in the last invocation, still falls into the five minutes in which SQS drops
/// repeated messages (SQS FIFO exactly-once).
pub const PATIENCE: Duration = Duration::from_secs(240);

/// For how long after its last failure a client that was given up is not waited for.
pub const MEMORY: Duration = Duration::from_secs(300);

/// How long sending to a client that was given up is tried: time for one attempt.
pub const IMPATIENCE: Duration = Duration::from_secs(1);

/// How often the log says that a client was given up.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The longest time until a returned message is tried again.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// Whether a message is still waited for, or its time is over.
pub fn is_over(first_received: Option<Timestamp>, now: Timestamp) -> bool {
    first_received.is_some_and(|first| now.since(first) >= PATIENCE)
}

/// After how long the returned messages of a group are tried again: 1 s, doubling to 60 s, by the receive count of
/// the first of them; but at the end of [`PATIENCE`] at the latest, so that the last attempt is in time.
pub fn backoff(receive_count: u32, first_received: Option<Timestamp>, now: Timestamp) -> Duration {
    let doubling = 1_u64.checked_shl(receive_count.saturating_sub(1)).unwrap_or(u64::MAX);
    let backoff = Duration::from_secs(doubling.max(1)).min(LONGEST_BACKOFF);
    let Some(first) = first_received else { return backoff };
    match PATIENCE.saturating_sub(now.since(first)) {
        Duration::ZERO => backoff,
        left => backoff.min(left).max(Duration::from_secs(1)),
    }
}

/// The clients that were given up, as this execution environment remembers them.
#[derive(Debug, Default)]
pub struct GivenUp {
    clients: HashMap<ClientName, Memory>,
}

#[derive(Clone, Copy, Debug)]
struct Memory {
    last_failure: Timestamp,
    last_logged: Timestamp,
}

impl GivenUp {
    /// Whether `client` is not waited for.
    pub fn contains(&self, client: &ClientName, now: Timestamp) -> bool {
        self.clients.get(client).is_some_and(|memory| now.since(memory.last_failure) < MEMORY)
    }

    /// Remembers that messages of `client` went to the undelivered queue. Answers whether the log should say so:
    /// once per client and minute.
    pub fn remember(&mut self, client: &ClientName, now: Timestamp) -> bool {
        let memory = self.clients.get_mut(client);
        let Some(memory) = memory else {
            self.clients.insert(client.clone(), Memory { last_failure: now, last_logged: now });
            return true;
        };
        memory.last_failure = now;
        let is_due = now.since(memory.last_logged) >= LOG_INTERVAL;
        if is_due {
            memory.last_logged = now;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn at(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn backoff_doubles_to_a_minute_and_ends_with_the_patience() {
        let check = |receive_count, age, expected| {
            let backoff = backoff(receive_count, Some(START), at(age));
            assert_eq!(backoff, Duration::from_secs(expected), "receive {receive_count} at {age} s");
        };
        check(0, 0, 1);
        check(1, 0, 1);
        check(2, 1, 2);
        check(6, 31, 32);
        check(7, 63, 60);
        check(64, 100, 60);
        check(u32::MAX, 100, 60);
        check(9, 183, 57);
        check(9, 239, 1);
        check(9, 240, 60);
        check(9, 10_000, 60);
        assert_eq!(backoff(3, None, START), Duration::from_secs(4));
    }

    #[test]
    fn patience_is_over_after_four_minutes() {
        assert!(!is_over(Some(START), at(239)));
        assert!(is_over(Some(START), at(240)));
        assert!(!is_over(None, at(10_000)), "SQS did not say when it was received first");
        assert!(!is_over(Some(at(10)), START), "clocks differ");
    }

    /// Follows a message that is returned each time, with function time-outs of `call` seconds.
    fn receives_until_given_up(call: u64) -> u32 {
        let (mut now, mut receive_count) = (START.plus(Duration::from_secs(call)), 1);
        while !is_over(Some(START), now) {
            now = now.plus(backoff(receive_count, Some(START), now)).plus(Duration::from_secs(call));
            receive_count += 1;
        }
        receive_count
    }

    #[test]
    fn the_dead_letter_queue_never_takes_a_message_that_is_merely_returned() {
        let template = include_str!("../../template.yml");
        let limit = template.split("maxReceiveCount:").nth(1).expect("the template sets it");
        let limit: u32 = limit.split_whitespace().next().unwrap().parse().expect("a number");
        for call in [0, 1, 5, 20] {
            assert!(receives_until_given_up(call) * 2 <= limit, "calls of {call} s");
        }
    }

    #[test]
    fn the_last_attempt_is_over_before_deduplication_ends() {
        let longest_timeout = Duration::from_secs(42);
        assert!(PATIENCE + longest_timeout < Duration::from_secs(300));
    }

    #[test]
    fn a_client_is_remembered_for_five_minutes_after_its_last_failure() {
        let client = shared::config::Config::try_from_toml(
            "client-queues.toml",
            "[source]\npartition_key = 'k'\ngroup = 'k'\n[[client]]\nname = 'A'\n",
            None,
        )
        .unwrap()
        .clients
        .remove(0)
        .name;
        let mut given_up = GivenUp::default();
        assert!(!given_up.contains(&client, at(0)));
        assert!(given_up.remember(&client, at(0)), "said at once");
        assert!(!given_up.remember(&client, at(59)), "and once a minute");
        assert!(given_up.remember(&client, at(60)));
        assert!(given_up.contains(&client, at(359)));
        assert!(!given_up.contains(&client, at(360)));
    }
}
