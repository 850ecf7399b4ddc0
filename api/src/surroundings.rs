//! This machine's clock and randomness, and tokio's timers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::event_time::EventTime;
use crate::store::Surroundings;

/// What the store can't know by itself, of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    beginning: EventTime,
}

impl Machine {
    /// This machine, if its clock shows a time of this age.
    ///
    /// # Errors
    ///
    /// What is wrong with its clock.
    pub fn try_new() -> Result<Self, String> {
        let beginning = time().ok_or("the clock shows a year beyond 9999, or before 1970")?;
        Ok(Self { beginning })
    }
}

impl Surroundings for Machine {
    fn now(&self) -> EventTime {
        time().unwrap_or(self.beginning)
    }

    fn random(&self) -> u128 {
        let mut bytes = [0; 16];
        // Without randomness, two events would have one id.
        match getrandom::fill(&mut bytes) {
            Ok(()) => u128::from_ne_bytes(bytes),
            Err(_) => std::process::abort(),
        }
    }

    async fn pause(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

fn time() -> Option<EventTime> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    EventTime::try_from_nanos(i128::try_from(since_epoch.as_nanos()).ok()?).ok()
}
