//! How long things may take, so that nothing is repeated, forgotten or overtaken. `docs/ledger.md` says why.

use std::time::Duration;

/// D: how long SQS recognises a message that is sent again, from the first accepted send (SQS: exactly-once
/// processing).
pub const DEDUPLICATION: Duration = Duration::from_secs(300);

/// T: the fan-out's time limit. Its last send starts after two thirds of it, a call takes a sixth of it, and so does
/// the write that records it.
pub const FAN_OUT_LIMIT: Duration = Duration::from_secs(30);

/// C: one send call with all its tries.
pub const CALL_LIMIT: Duration = Duration::from_secs(5);

/// V: the fan-out queue's visibility time-out.
pub const VISIBILITY: Duration = Duration::from_secs(180);

/// S: a pass of catch-up. No send starts later than this after the ledger was read.
pub const PASS_LIMIT: Duration = Duration::from_secs(60);

/// From the last send of a pass to its record, besides [`CALL_LIMIT`].
pub const RECORD_LIMIT: Duration = Duration::from_secs(15);

/// How long SQS may swallow what a sender left unrecorded that read the ledger before something was written: the write
/// itself, the last send of a pass, which is later than that of a fan-out, and D from then on.
pub const UNRECORDED: Duration =
    DEDUPLICATION.saturating_add(PASS_LIMIT).saturating_add(CALL_LIMIT).saturating_add(CALL_LIMIT);

/// L: how long a lease is held.
pub const LEASE: Duration = Duration::from_secs(60);

/// I: how often catch-up is scheduled.
pub const SCHEDULE: Duration = Duration::from_secs(60);

/// H: how long a missing version is waited for. Longer than a transaction's events take to be readable as a whole.
pub const YOUNG: Duration = Duration::from_secs(60);

/// How far ahead a time may lie that an event names: clocks differ. One that lies further ahead says nothing about what
/// came before what.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// How soon a group is looked at again that waits for a young hole.
pub const YOUNG_RETRY: Duration = Duration::from_secs(20);

/// G: how long a client is missing from the file before it is retired. Longer than a deployment's overlap and the
/// longest function (15 minutes).
pub const ABSENCE: Duration = Duration::from_secs(3_600);

/// For how long a client's circuit breaker opens, in one instance of the fan-out, after [`FAILURES_TO_OPEN`] failed
/// runs; for twice as long each time that the client fails again after that.
pub const OPEN: Duration = Duration::from_secs(30);

/// The longest of these times: after each, a queue that hangs holds up a round of each instance for a third of
/// [`FAN_OUT_LIMIT`].
pub const LONGEST_OPEN: Duration = Duration::from_secs(300);

/// How many runs of a client fail, one after the other, before its circuit breaker opens.
pub const FAILURES_TO_OPEN: u32 = 3;

/// The longest pause of a client's catch-up after failures.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long ago, before the ledger was made, an event's time may lie to be new: what the stream still shows.
pub const STREAM_RETENTION: Duration = Duration::from_secs(24 * 3_600);

/// How often table and ledger are compared.
pub const RECONCILE: Duration = Duration::from_secs(24 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_hold() {
        // The fan-out's last send starts after two thirds, a call takes a sixth.
        assert!(FAN_OUT_LIMIT * 2 / 3 + CALL_LIMIT + FAN_OUT_LIMIT / 6 <= FAN_OUT_LIMIT);
        assert!(FAN_OUT_LIMIT / 6 <= CALL_LIMIT);
        assert!(FAN_OUT_LIMIT * 2 < DEDUPLICATION, "two overlapping invocations");
        // AWS Lambda Developer Guide, "Using Lambda with Amazon SQS".
        assert!(VISIBILITY >= FAN_OUT_LIMIT * 6);
        assert!(VISIBILITY + FAN_OUT_LIMIT < DEDUPLICATION, "a prompt redelivery is swallowed");
        let recorded = PASS_LIMIT + CALL_LIMIT + RECORD_LIMIT;
        assert!(recorded + PASS_LIMIT + CALL_LIMIT < DEDUPLICATION);
        assert!(PASS_LIMIT.max(LEASE) + SCHEDULE + PASS_LIMIT + CALL_LIMIT < DEDUPLICATION);
        assert!(FAN_OUT_LIMIT <= PASS_LIMIT + CALL_LIMIT, "no fan-out sends later than a pass");
        assert!(
            CALL_LIMIT + PASS_LIMIT + CALL_LIMIT + DEDUPLICATION <= UNRECORDED,
            "nothing is swallowed after a hold has settled"
        );
        assert!(YOUNG_RETRY < YOUNG);
        assert!(FAN_OUT_LIMIT / 3 * 30 <= LONGEST_OPEN, "a queue that hangs costs the others a thirtieth");
        assert!(ABSENCE > Duration::from_secs(15 * 60));
    }
}
