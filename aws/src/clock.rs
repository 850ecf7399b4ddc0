//! The machine's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shared::clock::Clock;
use shared::time::Timestamp;

/// The wall clock of this machine, and tokio's timers.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(0).plus(since_epoch)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
