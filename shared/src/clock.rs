//! The clock, as a port: the core never reads one by itself.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::time::Timestamp;

/// The wall clock, and waiting.
pub trait Clock {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Waits for as long as `duration`.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()>;
}

/// Returns what `call` answers, or `None` if it has not after the time `limit`: then the call is given up.
pub async fn within<C: Clock, F: Future>(clock: &C, limit: Duration, call: F) -> Option<F::Output> {
    match select(pin!(call), pin!(clock.sleep(limit))).await {
        Either::Left((answer, _)) => Some(answer),
        Either::Right(((), _)) => None,
    }
}
