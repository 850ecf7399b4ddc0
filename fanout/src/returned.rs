//! What goes back to the fan-out queue: named in the answer, and visible again soon.

use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use shared::place::QueueUrl;
use shared::send::{Transport, within};
use shared::time::Timestamp;
use tracing::warn;

use crate::handler::{BatchError, Response, Visibility};
use crate::message::Delivery;

/// The answer that has these deliveries, by index, delivered again.
pub(crate) fn respond(deliveries: &[Delivery<'_>], returned: &[usize]) -> Result<Response, BatchError> {
    let mut response = SqsBatchResponse::default();
    for index in returned {
        let id = deliveries.get(*index).and_then(|delivery| delivery.id.clone());
        // An empty identifier fails the whole batch anyway (Lambda with SQS); an error says why.
        response.add_failure(id.ok_or(BatchError::NoMessageId { index: *index })?);
    }
    Ok(Response { batch_item_failures: response.batch_item_failures, results: None })
}

/// Makes returned messages visible again, each by its receipt handle after its time. All of a group must become visible
/// at the same time: a message still in flight keeps its group locked. If this fails, they come back after the queue's
/// visibility time-out.
pub(crate) async fn hasten<T: Visibility + Transport>(
    transport: &T,
    queue: &QueueUrl,
    changes: &[(&str, Duration)],
    deadline: Timestamp,
) {
    if changes.is_empty() {
        return;
    }
    // The response must reach Lambda whatever becomes of this call.
    let limit = deadline.since(transport.now()) / 2;
    let why = match within(transport, limit, transport.change_visibility(queue, changes)).await {
        Some(Ok(0)) => return,
        Some(Ok(unchanged)) => format!("{unchanged} of {} were not changed", changes.len()),
        Some(Err(error)) => error.to_string(),
        None => "no answer in time".to_owned(),
    };
    warn!(why, "returned messages come back only after their visibility time-out");
}
