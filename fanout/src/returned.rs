//! What goes back to the fan-out queue: named in the answer, and visible again soon.

use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use shared::budget::Budget;
use shared::clock::{Clock, within};
use shared::naming::QueueUrl;
use tracing::warn;

use crate::message::Delivery;
use crate::payload::BatchError;

pub use shared::visibility::Visibility;

/// The longest time until a returned message is tried again.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// After how long the returned messages of a group are tried again: 1 s, doubling to 60 s, by the receive count of the
/// first of them.
pub(crate) fn backoff(receive_count: u32) -> Duration {
    let doubling = 1_u64.checked_shl(receive_count.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_secs(doubling.max(1)).min(LONGEST_BACKOFF)
}

/// The answer that has the messages `returned` delivered again.
pub(crate) fn respond<'b>(
    returned: impl Iterator<Item = &'b Delivery<'b>>,
) -> Result<SqsBatchResponse, BatchError> {
    let mut response = SqsBatchResponse::default();
    for delivery in returned {
        // An empty identifier fails the whole batch anyway (Lambda with SQS); an error says why.
        let id = delivery.id.clone().ok_or(BatchError::NoMessageId { index: delivery.index })?;
        response.add_failure(id);
    }
    Ok(response)
}

/// Makes returned messages visible again, each by its receipt handle after its time. All of a group must become visible
/// at the same time: a message still in flight keeps its group locked. If this fails, they come back after the queue's
/// visibility time-out.
pub(crate) async fn hasten(
    clock: &impl Clock,
    transport: &impl Visibility,
    queue: &QueueUrl,
    changes: &[(&str, Duration)],
    budget: &Budget,
) {
    if changes.is_empty() {
        return;
    }
    let limit = budget.answer(clock.now());
    let why = match within(clock, limit, transport.change_visibility(queue, changes)).await {
        Some(Ok(0)) => return,
        Some(Ok(unchanged)) => format!("{unchanged} of {} were not changed", changes.len()),
        Some(Err(error)) => error.to_string(),
        None => "no answer in time".to_owned(),
    };
    warn!(why, "returned messages come back only after their visibility time-out");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_to_a_minute() {
        for (receive_count, expected) in
            [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (64, 60), (u32::MAX, 60)]
        {
            assert_eq!(backoff(receive_count), Duration::from_secs(expected), "receive {receive_count}");
        }
    }
}
