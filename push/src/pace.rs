//! When a message that is returned comes again, and from when on its group no longer waits in the queue.

use std::time::Duration;

use shared::time::Timestamp;

/// The longest time until the head of a group is tried again, but for what the target asks.
const LONGEST_BACKOFF: Duration = Duration::from_secs(15 * 60);

/// The longest time that a target's `Retry-After` delays a head.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(2 * 60 * 60);

/// When a head comes again for which catch-up has to do something, which it does every minute, as a rule.
const ASKED: Duration = Duration::from_secs(20);

/// As often is a head received that comes every [`ASKED`] for ten minutes.
const ASKED_RECEIVES: u32 = 30;

/// When a head comes again of a client that is paused, or whose target is gone: a resume is seen that much later.
pub(crate) const PAUSED: Duration = Duration::from_secs(5 * 60);

/// When a message comes again because the ledger could not be read or written.
pub(crate) const LEDGER: Duration = Duration::from_secs(10);

/// How long an event is refused before its group is held: whether others are refused alike shows meanwhile.
pub(crate) const REFUSED: Duration = Duration::from_secs(60);

/// How long after catch-up has done what a group waits for a message may have been sent before. (An invocation of the
/// fan-out or of catch-up that had planned it sends it within three minutes: `docs/ledger.md`, "Times".)
pub(crate) const LOST: Duration = Duration::from_secs(15 * 60);

/// The age at which a head no longer waits in the queue: SQS forgets it after 14 days.
pub(crate) const UNREACHABLE_AGE: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// The age at which even a notice of an erasure no longer waits in the queue: a hold brings it again only if the aggregate was not
/// made anew meanwhile.
pub(crate) const NOTICE_AGE: Duration = Duration::from_secs(13 * 24 * 60 * 60);

/// As many versions of one group no longer wait in the queue: SQS looks for other groups among the first 120,000 messages
/// (SQS Developer Guide, "FIFO queue quotas").
pub(crate) const UNREACHABLE_WAITING: i64 = 50_000;

/// After how long a head is tried again that was received so often: 1 s, doubling to 15 minutes, and up to a quarter more by
/// `random`, so that groups that failed together don't come together. What the target asks for counts if it is longer.
pub(crate) fn backoff(receive_count: u32, retry_after: Option<Duration>, random: u64) -> Duration {
    let doubling = 1_u64.checked_shl(receive_count.saturating_sub(1)).unwrap_or(u64::MAX);
    let doubling = Duration::from_secs(doubling.max(1)).min(LONGEST_BACKOFF);
    let asked = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
    spread(doubling.max(asked), random)
}

/// When a head comes again that was received so often, and for which catch-up has to do something. After ten minutes of that,
/// or after a long outage of the target, it comes less often.
pub(crate) fn asked(receive_count: u32) -> Duration {
    if receive_count <= ASKED_RECEIVES { ASKED } else { PAUSED }
}

/// The time, and up to a quarter of it more.
pub(crate) fn spread(time: Duration, random: u64) -> Duration {
    let parts = u32::try_from(random % 1_000).unwrap_or_default();
    time + time / 4 * parts / 1_000
}

/// How old a message is; of one that does not say when it was sent, nothing is known.
pub(crate) fn age(sent_at: Option<Timestamp>, now: Timestamp) -> Duration {
    sent_at.map(|sent_at| now.since(sent_at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_waits_by_its_own_receive_count_and_by_what_the_target_asks() {
        let seconds = Duration::from_secs;
        for (count, retry_after, expected) in [
            (0, None, 1),
            (1, None, 1),
            (2, None, 2),
            (10, None, 512),
            (11, None, 900),
            (u32::MAX, None, 900),
            (1, Some(30), 30),
            (11, Some(30), 900),
            (1, Some(86_400), 7_200),
        ] {
            let least = backoff(count, retry_after.map(seconds), 0);
            assert_eq!(least, seconds(expected), "{count} {retry_after:?}");
            let most = backoff(count, retry_after.map(seconds), 999);
            assert!(least < most && most < least * 5 / 4, "{count} {retry_after:?} {most:?}");
        }
    }
}
