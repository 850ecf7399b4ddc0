//! The port by which a message that is returned comes back sooner.

use std::future::Future;
use std::time::Duration;

use crate::budget::Budget;
use crate::clock::{Clock, within};
use crate::metrics::CountingPort;
use crate::naming::QueueUrl;
use crate::send::SendError;

/// Makes returned messages visible again, sooner than the queue would.
pub trait Visibility {
    /// One `ChangeMessageVisibilityBatch` for at most ten messages, each by its receipt handle. Returns how many
    /// of them SQS did not change. Not retried: a message that is not changed comes back later, that is all.
    fn change_visibility(
        &self,
        queue: &QueueUrl,
        changes: &[(&str, Duration)],
    ) -> impl Future<Output = Result<usize, SendError>>;
}

/// Makes returned messages visible again, each by its receipt handle after its time. All of a group must become visible
/// at the same time, or the first of them last: a message still in flight keeps its group locked.
///
/// Returns why some were not changed, if so: they come back after the queue's visibility time-out.
pub async fn hasten(
    clock: &impl Clock,
    transport: &impl Visibility,
    queue: &QueueUrl,
    changes: &[(&str, Duration)],
    budget: &Budget,
) -> Option<String> {
    if changes.is_empty() {
        return None;
    }
    let limit = budget.answer(clock.now());
    match within(clock, limit, transport.change_visibility(queue, changes)).await {
        Some(Ok(0)) => None,
        Some(Ok(unchanged)) => Some(format!("{unchanged} of {} were not changed", changes.len())),
        Some(Err(error)) => Some(error.to_string()),
        None => Some("no answer in time".to_owned()),
    }
}

impl<T: Visibility> Visibility for CountingPort<'_, T> {
    fn change_visibility(
        &self,
        queue: &QueueUrl,
        changes: &[(&str, Duration)],
    ) -> impl Future<Output = Result<usize, SendError>> {
        self.for_request().change_visibility(queue, changes)
    }
}
