//! The port by which a message that is returned comes back sooner.

use std::future::Future;
use std::time::Duration;

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

impl<T: Visibility> Visibility for CountingPort<'_, T> {
    fn change_visibility(
        &self,
        queue: &QueueUrl,
        changes: &[(&str, Duration)],
    ) -> impl Future<Output = Result<usize, SendError>> {
        self.for_request().change_visibility(queue, changes)
    }
}
