//! An invocation's time, and what has which share of it. No other file divides time.
//!
//! Sends start in the first two thirds. A call takes at most a sixth. So after the last send there is a sixth for the
//! writes that record it, and for the answer.

use std::time::Duration;

use crate::time::Timestamp;

/// The time of an invocation, from its begin until Lambda ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    began: Timestamp,
    deadline: Timestamp,
}

impl Budget {
    /// The time from `began` until `deadline`.
    pub fn new(began: Timestamp, deadline: Timestamp) -> Self {
        Self { began, deadline }
    }

    /// How long one call of a service may take: a sixth.
    pub fn call(&self) -> Duration {
        self.whole() / 6
    }

    /// When the last send may start, and the last thing that a send could follow: after two thirds.
    pub fn sends(&self) -> Timestamp {
        self.began.plus(self.whole() * 2 / 3)
    }

    /// When the converter's last rejection may start: after a third. Its events have the next third.
    pub fn rejections(&self) -> Timestamp {
        self.began.plus(self.whole() / 3)
    }

    /// Until when one client may hold up a round that begins `now`: for a third.
    pub fn client(&self, now: Timestamp) -> Timestamp {
        now.plus(self.whole() / 3)
    }

    /// Until when what failed is sent again to one client, in a round that begins `now`: for a sixth.
    pub fn repetitions(&self, now: Timestamp) -> Timestamp {
        now.plus(self.whole() / 6)
    }

    /// Until when a group may look things up and write before its sends, in a round that begins `now`: for half of the
    /// time that is left for sends. A group that needs longer must not cost the others their sends.
    pub fn lookups(&self, now: Timestamp) -> Timestamp {
        now.plus(self.sends().since(now) / 2)
    }

    /// Until when a group that is not alone may look things up in a pass of catch-up that lasts from `now` until
    /// `until`: for a third of it.
    pub fn lookups_of_pass(now: Timestamp, until: Timestamp) -> Timestamp {
        now.plus(until.since(now) / 3)
    }

    /// How long the writes may take that record what was sent: half of what is left.
    pub fn writes(&self, now: Timestamp) -> Duration {
        self.left(now) / 2
    }

    /// How long a call may take before the answer: half of what is left. The answer must reach Lambda whatever becomes
    /// of the call.
    pub fn answer(&self, now: Timestamp) -> Duration {
        self.left(now) / 2
    }

    fn whole(&self) -> Duration {
        self.deadline.since(self.began)
    }

    fn left(&self, now: Timestamp) -> Duration {
        self.deadline.since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_thirty_seconds() {
        let at = |seconds: u64| Timestamp::from_millis(1_000_000 + seconds * 1_000);
        let seconds = Duration::from_secs;
        let budget = Budget::new(at(0), at(30));
        assert_eq!(budget.call(), seconds(5));
        assert_eq!((budget.rejections(), budget.sends()), (at(10), at(20)));
        assert_eq!((budget.client(at(4)), budget.repetitions(at(4))), (at(14), at(9)));
        assert_eq!((budget.lookups(at(4)), budget.lookups(at(21))), (at(12), at(21)));
        assert_eq!(Budget::lookups_of_pass(at(4), at(64)), at(24));
        assert_eq!((budget.writes(at(26)), budget.answer(at(26))), (seconds(2), seconds(2)));
        assert_eq!(budget.answer(at(31)), seconds(0));
    }

    /// The last send, its call and the write that records it are over before the end.
    #[test]
    fn what_follows_the_last_send_ends_in_time() {
        let budget = Budget::new(Timestamp::from_millis(0), Timestamp::from_millis(30_000));
        assert!(budget.sends().plus(budget.call()).plus(budget.call()) <= Timestamp::from_millis(30_000));
    }
}
