//! Who catches a client up, and when it is tried again.

use std::time::Duration;

use crate::ids::Group;
use crate::ledger::times::{LEASE, LONGEST_PAUSE, SCHEDULE};
use crate::ledger::{Lease, REFUSED_LIMIT, RefusedEvent, WriteCount};
use crate::time::Timestamp;

/// The pause after the first failure; after each further one it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// How many bytes of a reason are kept.
const REASON_LIMIT: usize = 300;

impl Lease {
    /// The lease of a client that was never caught up, to be taken.
    pub fn unheld() -> Self {
        let past = Timestamp::from_millis(0);
        Self {
            write_count: WriteCount(0),
            holder: 0,
            until: past,
            groups: Vec::new(),
            failures: 0,
            not_before: past,
            failure: None,
            refused: Vec::new(),
            unknown: [].into(),
        }
    }

    /// Whether `holder` may take it, or has it.
    pub fn is_free_for(&self, holder: u64, now: Timestamp) -> bool {
        self.holder == holder || self.until <= now
    }

    /// Taken or renewed, for a pass with these groups.
    pub fn held(&self, write_count: WriteCount, holder: u64, groups: &[Group], now: Timestamp) -> Self {
        Self { write_count, holder, until: now.plus(LEASE), groups: groups.to_vec(), ..self.clone() }
    }

    /// Given back after an invocation in which the queue refused an event for good of the groups `refused`. `groups` are those in which something was sent that could not be recorded: while there are some, a
    /// pause is no longer than [`SCHEDULE`], so that it is repeated while SQS still recognises it.
    pub fn released(
        &self,
        write_count: WriteCount,
        groups: Vec<Group>,
        refused: impl IntoIterator<Item = RefusedEvent>,
        now: Timestamp,
    ) -> Self {
        let soon = now.plus(SCHEDULE);
        let not_before = if groups.is_empty() { self.not_before } else { self.not_before.min(soon) };
        let refused = refused.into_iter().take(REFUSED_LIMIT).collect();
        Self { write_count, until: now, groups, not_before, refused, ..self.clone() }
    }

    /// The client's queue took something.
    pub fn succeed(&mut self) {
        self.failures = 0;
        self.not_before = Timestamp::from_millis(0);
        self.failure = None;
    }

    /// The client's queue failed, and why.
    pub fn fail(&mut self, why: &str, now: Timestamp) {
        self.failure = Some(beginning(why).to_owned());
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.failures)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now.plus(pause);
    }
}

impl RefusedEvent {
    /// One of `group`, with the beginning of `reason`.
    pub fn new(group: Group, reason: &str) -> Self {
        Self { group, reason: beginning(reason).to_owned() }
    }
}

/// As much of a reason as is kept.
fn beginning(reason: &str) -> &str {
    reason.get(..reason.floor_char_boundary(REASON_LIMIT)).unwrap_or(reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Key;
    use crate::ledger::times::{CALL_LIMIT, DEDUPLICATION, PASS_LIMIT, RECORD_LIMIT};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    #[test]
    fn pauses_double_up_to_the_longest_and_end_with_a_success() {
        let mut lease = Lease::unheld();
        let pauses: Vec<u64> = (0..9)
            .map(|_| {
                lease.fail("down", NOW);
                lease.not_before.since(NOW).as_secs()
            })
            .collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        lease.failures = u32::MAX;
        lease.fail("down", NOW);
        assert_eq!(lease.not_before.since(NOW).as_secs(), 300);
        assert_eq!(lease.failure.as_deref(), Some("down"));
        lease.succeed();
        assert_eq!(lease, Lease::unheld());
    }

    #[test]
    fn reasons_are_kept_as_far_as_they_are_short_and_few() {
        let mut lease = Lease::unheld();
        lease.fail(&"ä".repeat(151), NOW);
        assert_eq!(lease.failure, Some("ä".repeat(150)));
        let group = |number: usize| Group::of(&Key::N(number.to_string()));
        let refused = (0..12).map(|number| RefusedEvent::new(group(number), &"x".repeat(400)));
        let released = lease.released(WriteCount(2), Vec::new(), refused, NOW);
        assert_eq!(released.refused.len(), REFUSED_LIMIT);
        assert_eq!(released.refused[9], RefusedEvent { group: group(9), reason: "x".repeat(300) });
        // Another invocation tries them all again.
        assert_eq!(released.released(WriteCount(3), Vec::new(), [], NOW).refused, []);
    }

    #[test]
    fn with_unrecorded_sends_no_pause_outlasts_what_sqs_recognises() {
        let mut lease = Lease::unheld();
        (0..7).for_each(|_| lease.fail("down", NOW));
        let pause = |unrecorded: &[&str]| {
            let groups = unrecorded.iter().map(|name| Group::of(&Key::S((*name).to_owned()))).collect();
            lease.released(WriteCount(2), groups, [], NOW).not_before.since(NOW)
        };
        assert_eq!((pause(&[]), pause(&["a"])), (LONGEST_PAUSE, SCHEDULE));
        // The pass with its record; the pause, and the time until the next maintenance; and the pass that repeats it.
        let pass = PASS_LIMIT + CALL_LIMIT;
        assert!(pass + RECORD_LIMIT + SCHEDULE + SCHEDULE + pass < DEDUPLICATION);
        // A shorter pause is kept.
        let mut lease = Lease::unheld();
        lease.fail("down", NOW);
        let groups = vec![Group::of(&Key::S("a".to_owned()))];
        assert_eq!(lease.released(WriteCount(2), groups, [], NOW).not_before.since(NOW), FIRST_PAUSE);
    }

    #[test]
    fn a_lease_is_its_holders_until_it_ends_or_is_given_back() {
        let held = Lease::unheld().held(WriteCount(1), 7, &[], NOW);
        assert!(held.is_free_for(7, NOW) && !held.is_free_for(8, NOW));
        assert!(!held.is_free_for(8, NOW.plus(LEASE - Duration::from_millis(1))));
        assert!(held.is_free_for(8, NOW.plus(LEASE)));
        assert!(held.released(WriteCount(2), Vec::new(), [], NOW).is_free_for(8, NOW));
    }
}
