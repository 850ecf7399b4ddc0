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

/// How long the one attempt may take that a client in trouble has per message: twenty times what SQS usually takes.
/// A client whose queue hangs would hold the others up for longer with every batch.
pub const ATTEMPT: Duration = Duration::from_secs(1);

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

/// What is expected of a client, as this execution environment remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Passing faults are waited for.
    Good,
    /// It failed the last time: each message has one attempt, so that it does not hold up the others again.
    Failing,
    /// Besides, what it does not take is undelivered at once.
    GivenUp,
}

/// The clients in trouble.
#[derive(Debug, Default)]
pub struct Troubles {
    clients: HashMap<ClientName, Trouble>,
}

#[derive(Clone, Copy, Debug)]
struct Trouble {
    last_failure: Timestamp,
    is_given_up: bool,
    last_logged: Option<Timestamp>,
}

impl Troubles {
    /// What is expected of `client`.
    pub fn standing(&self, client: &ClientName, now: Timestamp) -> Standing {
        match self.clients.get(client) {
            Some(trouble) if now.since(trouble.last_failure) >= MEMORY => Standing::Good,
            Some(trouble) if trouble.is_given_up => Standing::GivenUp,
            Some(_) => Standing::Failing,
            None => Standing::Good,
        }
    }

    /// Remembers that `client` took everything. One that was given up stays so until its time is over.
    pub fn succeeded(&mut self, client: &ClientName) {
        if self.clients.get(client).is_some_and(|trouble| !trouble.is_given_up) {
            self.clients.remove(client);
        }
    }

    /// Remembers that `client` did not take everything.
    pub fn failed(&mut self, client: &ClientName, now: Timestamp) {
        let is_over = self.standing(client, now) == Standing::Good;
        let trouble = self.clients.entry(client.clone()).or_insert(Trouble {
            last_failure: now,
            is_given_up: false,
            last_logged: None,
        });
        trouble.last_failure = now;
        trouble.is_given_up &= !is_over;
    }

    /// Remembers that `client` was given up. Answers whether the log should say so: once per client and minute.
    pub fn gave_up(&mut self, client: &ClientName, now: Timestamp) -> bool {
        self.failed(client, now);
        let Some(trouble) = self.clients.get_mut(client) else { return true };
        trouble.is_given_up = true;
        let is_due = trouble.last_logged.is_none_or(|logged| now.since(logged) >= LOG_INTERVAL);
        if is_due {
            trouble.last_logged = Some(now);
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
        let mut troubles = Troubles::default();
        assert_eq!(troubles.standing(&client, at(0)), Standing::Good);
        assert!(troubles.gave_up(&client, at(0)), "said at once");
        assert!(!troubles.gave_up(&client, at(59)), "and once a minute");
        assert!(troubles.gave_up(&client, at(60)));
        troubles.succeeded(&client);
        assert_eq!(troubles.standing(&client, at(359)), Standing::GivenUp);
        assert_eq!(troubles.standing(&client, at(360)), Standing::Good);
        troubles.failed(&client, at(360));
        assert_eq!(troubles.standing(&client, at(361)), Standing::Failing, "its last time is over");
        troubles.succeeded(&client);
        assert_eq!(troubles.standing(&client, at(362)), Standing::Good);
    }
}
