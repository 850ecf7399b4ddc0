//! What goes back to the fan-out queue: named in the answer, and visible again soon.

use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use shared::batch::BatchError;

use crate::message::Delivery;

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
