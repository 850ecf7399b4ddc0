//! How long a delivery may take.

use std::time::Duration;

use shared::clock::Clock;
use shared::time::Timestamp;

/// The time in which a delivery must be over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Timestamp);

impl Deadline {
    /// `limit` from now.
    pub(crate) fn after(limit: Duration, clock: &impl Clock) -> Self {
        Self(clock.now().plus(limit))
    }

    /// How much time is left.
    pub(crate) fn left(self, clock: &impl Clock) -> Duration {
        self.0.since(clock.now())
    }

    /// This deadline, or one after `limit`, whichever is earlier.
    pub(crate) fn within(self, limit: Duration, clock: &impl Clock) -> Self {
        Self(self.0.min(clock.now().plus(limit)))
    }
}
